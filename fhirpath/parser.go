package fhirpath

type parser struct {
	toks  []token
	i     int
	depth int
	model Model
}

func (p *parser) parse() (*node, error) {
	n, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokEnd {
		return nil, &SyntaxError{t.pos, "unexpected input after the expression"}
	}
	return n, nil
}

func (p *parser) peek() token { return p.toks[p.i] }

func (p *parser) next() token {
	t := p.toks[p.i]
	if t.kind != tokEnd {
		p.i++
	}
	return t
}

func (p *parser) accept(sym string) bool {
	if t := p.peek(); t.kind == tokSymbol && t.text == sym {
		p.i++
		return true
	}
	return false
}

func (p *parser) expect(sym string) error {
	if !p.accept(sym) {
		return &SyntaxError{p.peek().pos, "expected " + sym}
	}
	return nil
}

// make links a node to its operands and checks how high the tree grows: it is
// walked recursively.
func (p *parser) make(n *node) (*node, error) {
	for _, k := range n.kids {
		if k != nil {
			n.height = max(n.height, k.height+1)
		}
	}
	if n.height > MaxHeight {
		return nil, &SyntaxError{n.pos, "the expression has too many parts"}
	}
	return n, nil
}

// precedence is how tightly a binary operator binds; 0 is none.
// http://hl7.org/fhirpath/N1/#operator-precedence
func precedence(t token) int {
	if t.kind != tokSymbol && t.kind != tokIdent {
		return 0
	}
	switch t.text {
	case "implies":
		return 1
	case "or", "xor":
		return 2
	case "and":
		return 3
	case "in", "contains":
		return 4
	case "=", "~", "!=", "!~":
		return 5
	case "<", ">", "<=", ">=":
		return 6
	case "|":
		return 7
	case "is", "as":
		return 8
	case "+", "-", "&":
		return 9
	case "*", "/", "div", "mod":
		return 10
	}
	return 0
}

func (p *parser) expression(above int) (*node, error) {
	if p.depth++; p.depth > MaxNesting {
		return nil, &SyntaxError{p.peek().pos, "the expression nests too deeply"}
	}
	defer func() { p.depth-- }()
	left, err := p.unary()
	for err == nil {
		t := p.peek()
		prec := precedence(t)
		if prec <= above {
			return left, nil
		}
		p.next()
		left, err = p.infix(t, prec, left)
	}
	return nil, err
}

func (p *parser) infix(t token, prec int, left *node) (*node, error) {
	n := &node{pos: t.pos, kids: []*node{left}}
	if t.text == "is" || t.text == "as" {
		n.op = opIs
		if t.text == "as" {
			n.op = opAs
		}
		spec, err := p.typeSpec()
		if err != nil {
			return nil, err
		}
		n.spec = spec
		return p.make(n)
	}
	right, err := p.expression(prec)
	if err != nil {
		return nil, err
	}
	n.kids = append(n.kids, right)
	switch t.text {
	case "and":
		n.op = opAnd
	case "or":
		n.op = opOr
	case "xor":
		n.op = opXor
	case "implies":
		n.op = opImplies
	case "|":
		n.op = opUnion
	default:
		n.op, n.binary = opBinary, binaryOperator(t.text)
	}
	return p.make(n)
}

func (p *parser) unary() (*node, error) {
	t := p.peek()
	var ops []token
	for ; t.kind == tokSymbol && (t.text == "-" || t.text == "+"); t = p.peek() {
		ops = append(ops, p.next())
	}
	n, err := p.postfix()
	for i := len(ops) - 1; i >= 0 && err == nil; i-- {
		u := &node{op: opPlus, pos: ops[i].pos, kids: []*node{n}}
		if ops[i].text == "-" {
			u.op = opNegate
		}
		n, err = p.make(u)
	}
	return n, err
}

func (p *parser) postfix() (*node, error) {
	n, err := p.term()
	for err == nil {
		t := p.peek()
		switch {
		case p.accept("."):
			n, err = p.member(n)
		case p.accept("["):
			var index *node
			if index, err = p.expression(0); err != nil {
				return nil, err
			}
			if err = p.expect("]"); err != nil {
				return nil, err
			}
			n, err = p.make(&node{op: opIndexer, pos: t.pos, kids: []*node{n, index}})
		default:
			return n, nil
		}
	}
	return nil, err
}

// member parses what follows a point: a name, a call, or $this and the like.
func (p *parser) member(on *node) (*node, error) {
	t := p.next()
	if t.kind != tokIdent && t.kind != tokDelimited {
		return nil, &SyntaxError{t.pos, "expected a name"}
	}
	if p.accept("(") {
		return p.call(on, t)
	}
	return p.make(&node{op: opMember, pos: t.pos, name: t.text, under: "_" + t.text, kids: []*node{on}})
}

func (p *parser) term() (*node, error) {
	t := p.next()
	switch t.kind {
	case tokSymbol:
		return p.bracket(t)
	case tokString:
		return p.literal(t, String(t.text))
	case tokNumber:
		return p.number(t)
	case tokTemporal:
		when, _ := parseLiteral(t.text) // the lexer has checked it
		return p.literal(t, temporalItem(when))
	case tokDollar:
		o := map[string]op{"this": opThis, "index": opIndex, "total": opTotal}[t.text]
		return p.make(&node{op: o, pos: t.pos})
	case tokPercent:
		return p.make(&node{op: opVariable, pos: t.pos, name: t.text})
	case tokIdent, tokDelimited:
		return p.name(t)
	}
	return nil, &SyntaxError{t.pos, "the expression ends too early"}
}

func (p *parser) bracket(t token) (*node, error) {
	switch t.text {
	case "(":
		n, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		return n, p.expect(")")
	case "{":
		return &node{op: opNothing, pos: t.pos}, p.expect("}")
	}
	return nil, &SyntaxError{t.pos, "expected an operand"}
}

func (p *parser) literal(t token, it Item) (*node, error) {
	return p.make(&node{op: opLiteral, pos: t.pos, lit: []Item{it}})
}

// number is an Integer, a Decimal, or a Quantity if a unit follows.
func (p *parser) number(t token) (*node, error) {
	d, ok := ParseDecimal(t.text)
	if !ok {
		return nil, &SyntaxError{t.pos, "too many digits"}
	}
	u := p.peek()
	if u.kind == tokString {
		p.next()
		return p.literal(t, quantityItem(d, unit{code: u.text}))
	}
	if c, ok := calendarWord(u.text); ok && u.kind == tokIdent {
		p.next()
		return p.literal(t, quantityItem(d, unit{code: c, calendar: true}))
	}
	if i, ok := d.toInt(); ok && d.scale == 0 {
		return p.literal(t, Item{kind: kindInteger, num: i})
	}
	return p.literal(t, decimalItem(d))
}

func (p *parser) name(t token) (*node, error) {
	if t.kind == tokIdent {
		switch t.text {
		case "true", "false":
			return p.literal(t, Boolean(t.text == "true"))
		case "and", "or", "xor", "implies", "div", "mod":
			return nil, &SyntaxError{t.pos, "an operator without left operand"}
		}
	}
	if p.accept("(") {
		return p.call(nil, t)
	}
	typed := t.text[:min(1, len(t.text))] < "a" && knownType(p.model, t.text)
	return p.make(&node{op: opRoot, pos: t.pos, name: t.text, under: "_" + t.text, typed: typed})
}

// call parses the arguments of a function, after the opening parenthesis.
func (p *parser) call(on *node, t token) (*node, error) {
	n := &node{op: opCall, pos: t.pos, name: t.text, kids: []*node{on}}
	if t.text == "is" || t.text == "as" || t.text == "ofType" {
		spec, err := p.typeSpec()
		if err != nil {
			return nil, err
		}
		n.spec, n.fn = spec, function{call: typeFunction(t.text)}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		return p.make(n)
	}
	fn, ok := lookupFunction(t.text)
	if !ok {
		return nil, &SyntaxError{t.pos, "unknown function"}
	}
	n.fn = fn
	for !p.accept(")") {
		if len(n.kids) > 1 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		arg, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, arg)
	}
	if c := len(n.kids) - 1; c < fn.min || c > fn.max {
		return nil, &SyntaxError{t.pos, "wrong number of arguments"}
	}
	if err := n.compilePattern(); err != nil {
		return nil, err
	}
	return p.make(n)
}

// typeSpec parses Patient, FHIR.Patient, System.String, FHIR.`Patient`.
func (p *parser) typeSpec() (typeSpec, error) {
	t := p.next()
	if t.kind == tokSymbol && t.text == "(" { // (Patient), which some published expressions have
		spec, err := p.typeSpec()
		if err != nil {
			return spec, err
		}
		return spec, p.expect(")")
	}
	if t.kind != tokIdent && t.kind != tokDelimited {
		return typeSpec{}, &SyntaxError{t.pos, "expected a type"}
	}
	space, name := "", t.text
	if p.accept(".") {
		m := p.next()
		if m.kind != tokIdent && m.kind != tokDelimited {
			return typeSpec{}, &SyntaxError{m.pos, "expected a type"}
		}
		space, name = t.text, m.text
	}
	spec, ok := resolveType(p.model, space, name)
	if !ok {
		return spec, &SyntaxError{t.pos, "unknown type"}
	}
	return spec, nil
}
