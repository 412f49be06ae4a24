package fhirpath

import (
	"unicode"
	"unicode/utf8"

	"firebreak/fhirjson"
)

// step is what a name means on one parent type. It is made once per name and
// type, and never changed.
type step struct {
	parent    string
	known     bool // the type has the element
	primitive bool // the parent is a primitive: members are in its sibling
	leaf      bool // the element is a primitive (or may be, if a choice)
	any       bool // the element is a resource of any type
	typ       string
	props     map[string]string // a choice: type by JSON property ("valueQuantity")
	next      *step
}

// maxMeanings bounds a name's cache: beyond, meanings are worked out each time.
const maxMeanings = 24

// meaning finds what the node's name means on a parent type.
func (ev *evaluator) meaning(n *node, parent string) *step {
	first, length := n.cache.Load(), 0
	for s := first; s != nil; s = s.next {
		if s.parent == parent {
			return s
		}
		length++
	}
	s := newStep(ev.x.model, parent, n.name)
	if length < maxMeanings {
		s.next = first
		n.cache.CompareAndSwap(first, s) // a lost race costs a repetition
	}
	return s
}

func newStep(m Model, parent, name string) *step {
	s := &step{parent: parent, primitive: m.IsPrimitive(parent)}
	if s.primitive && name == "extension" {
		s.known, s.typ = true, "Extension"
		return s
	}
	types, choice, ok := m.Element(parent, name)
	if !ok || len(types) == 0 {
		if s.primitive && name == "id" {
			s.known, s.leaf, s.typ = true, true, "string"
		}
		return s
	}
	s.known, s.typ = true, types[0]
	s.leaf = m.IsPrimitive(s.typ)
	s.any = s.typ == "Resource" || s.typ == "DomainResource"
	if choice {
		s.props = make(map[string]string, len(types))
		for _, t := range types {
			s.props[name+upperFirst(t)] = t
			s.leaf = s.leaf || m.IsPrimitive(t)
		}
	}
	return s
}

func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// navigate pushes the members of an Item that have the node's name.
func (ev *evaluator) navigate(n *node, it *Item) error {
	switch it.kind {
	case kindElement:
	case kindTypeInfo:
		if v, ok := typeInfoMember(it, n.name); ok {
			return ev.push(v)
		}
		return nil
	case kindQuantity:
		switch n.name {
		case "value":
			return ev.push(decimalItem(it.val.dec))
		case "unit":
			return ev.push(String(it.val.unit.code))
		}
		return nil
	default:
		return nil
	}
	s := ev.meaning(n, it.text)
	if !s.known {
		if ev.env.Strict {
			return ev.fail(n, "the type has no such element")
		}
		return nil
	}
	obj := it.node
	if s.primitive {
		var err error
		if obj, err = ev.sibling(it); err != nil || !obj.Exists() {
			return err
		}
	}
	if s.props != nil {
		return ev.choice(n, s, obj)
	}
	value := obj.Field(n.name)
	if !s.leaf {
		return ev.elements(s, value)
	}
	return ev.primitives(value, obj, n.under, s.typ)
}

// elements pushes the items of a complex element.
func (ev *evaluator) elements(s *step, value fhirjson.Node) error {
	switch value.Kind() {
	case fhirjson.Absent, fhirjson.Null:
		return nil
	case fhirjson.Array:
		for c := value.FirstChild(); c.Exists(); c = c.NextSibling() {
			if err := ev.push(ev.element(s, c)); err != nil {
				return err
			}
		}
		return nil
	default:
		return ev.push(ev.element(s, value))
	}
}

func (ev *evaluator) element(s *step, n fhirjson.Node) Item {
	typ := s.typ
	if s.any {
		typ = ev.resourceType(n, typ)
	}
	return Item{kind: kindElement, node: n, text: typ}
}

// resourceType is a resource's own type, where the model knows it.
func (ev *evaluator) resourceType(n fhirjson.Node, typ string) string {
	raw := n.Field("resourceType").Raw()
	if len(raw) < 3 {
		return typ
	}
	if t := ev.knownResource(raw[1 : len(raw)-1]); t != "" {
		return t
	}
	return typ
}

// knownResource is the name as a string if it is that of a resource type.
func (ev *evaluator) knownResource(name []byte) string {
	if s, ok := ev.names[string(name)]; ok {
		return s
	}
	s := string(name)
	if len(s) > 64 || !isA(ev.x.model, s, "Resource") {
		return ""
	}
	if ev.names == nil {
		ev.names = make(map[string]string)
	}
	ev.names[s] = s
	return s
}

// primitives pushes the values of a primitive element, and for values that are
// missing their siblings. http://hl7.org/fhir/R4/json.html#primitive
func (ev *evaluator) primitives(value, obj fhirjson.Node, under, typ string) error {
	switch value.Kind() {
	case fhirjson.Array:
		return ev.primitiveArray(value, obj, under, typ)
	case fhirjson.Absent, fhirjson.Null:
		sib := obj.Field(under)
		if sib.Kind() != fhirjson.Array {
			return ev.bare(sib, typ)
		}
		for c := sib.FirstChild(); c.Exists(); c = c.NextSibling() {
			if err := ev.bare(c, typ); err != nil {
				return err
			}
		}
		return nil
	default:
		return ev.push(Item{kind: kindElement, node: value, text: typ})
	}
}

// primitiveArray pairs an array with that of its siblings; null stands for a
// value that is missing.
func (ev *evaluator) primitiveArray(value, obj fhirjson.Node, under, typ string) error {
	var sib fhirjson.Node // walks along from the first null
	at, i := -1, 0
	for c := value.FirstChild(); c.Exists(); c, i = c.NextSibling(), i+1 {
		if c.Kind() != fhirjson.Null {
			if err := ev.push(Item{kind: kindElement, node: c, text: typ}); err != nil {
				return err
			}
			continue
		}
		if at < 0 {
			sib, at = obj.Field(under).FirstChild(), 0
		}
		for ; at < i; at++ {
			sib = sib.NextSibling()
		}
		if err := ev.bare(sib, typ); err != nil {
			return err
		}
	}
	return nil
}

// bare pushes a primitive that has an id or extensions, but no value.
func (ev *evaluator) bare(sib fhirjson.Node, typ string) error {
	if sib.Kind() != fhirjson.Object {
		return nil
	}
	return ev.push(Item{kind: kindElement, node: sib, text: typ, bare: true})
}

// choice pushes what an element such as value[x] holds.
func (ev *evaluator) choice(n *node, s *step, obj fhirjson.Node) error {
	for c := obj.FirstChild(); c.Exists(); c = c.NextSibling() {
		name := c.NameBytes()
		if len(name) <= len(n.name) {
			continue
		}
		if name[0] == '_' {
			if typ, ok := s.props[string(name[1:])]; ok && !obj.Field(string(name[1:])).Exists() {
				if err := ev.primitives(fhirjson.Node{}, obj, string(name), typ); err != nil {
					return err
				}
			}
			continue
		}
		if string(name[:len(n.name)]) != n.name {
			continue
		}
		typ, ok := s.props[string(name)]
		if !ok {
			continue
		}
		if err := ev.choiceValue(c, obj, typ); err != nil {
			return err
		}
	}
	return nil
}

func (ev *evaluator) choiceValue(c, obj fhirjson.Node, typ string) error {
	if k := c.Kind(); k != fhirjson.Array && k != fhirjson.Null {
		return ev.push(Item{kind: kindElement, node: c, text: typ})
	}
	return ev.primitives(c, obj, "_"+c.Name(), typ)
}

type propKey struct{ parent, name string }

// prop is what a JSON property means: the element's type.
type prop struct {
	known bool
	step  step
}

// property finds the element a JSON property stands for: "valueQuantity" is
// value. Only children() and descendants() come from that side.
func (ev *evaluator) property(parent, json string) prop {
	key := propKey{parent, json}
	if p, ok := ev.props[key]; ok {
		return p
	}
	p := newProp(ev.x.model, parent, json)
	if ev.props == nil || len(ev.props) > 4096 {
		ev.props = make(map[propKey]prop)
	}
	ev.props[key] = p
	return p
}

func newProp(m Model, parent, json string) prop {
	if s := newStep(m, parent, json); s.known && s.props == nil {
		return prop{true, *s}
	}
	for i := range json {
		if i == 0 || json[i] < 'A' || json[i] > 'Z' {
			continue
		}
		if s := newStep(m, parent, json[:i]); s.known && s.props != nil {
			if typ, ok := s.props[json]; ok {
				return prop{true, step{known: true, typ: typ, leaf: m.IsPrimitive(typ), primitive: s.primitive}}
			}
		}
	}
	return prop{}
}

// children pushes all members of an Item.
func (ev *evaluator) children(it *Item) error {
	if it.kind != kindElement {
		return nil
	}
	obj := it.node
	if ev.x.model.IsPrimitive(it.text) {
		var err error
		if obj, err = ev.sibling(it); err != nil {
			return err
		}
	}
	for c := obj.FirstChild(); c.Exists(); c = c.NextSibling() {
		if err := ev.child(it, obj, c); err != nil {
			return err
		}
	}
	return nil
}

func (ev *evaluator) child(it *Item, obj, c fhirjson.Node) error {
	name, under := c.Name(), ""
	if name == "" || name == "resourceType" {
		return nil
	}
	if name[0] == '_' {
		if name = name[1:]; obj.Field(name).Exists() {
			return nil // came with its value
		}
		under, c = "_"+name, fhirjson.Node{}
	} else {
		under = "_" + name
	}
	p := ev.property(it.text, name)
	switch {
	case !p.known:
		return nil
	case p.step.leaf:
		return ev.primitives(c, obj, under, p.step.typ)
	default:
		return ev.elements(&p.step, c)
	}
}

// descendants pushes the children, their children and so on. JSON's depth is
// limited, so the recursion is.
func (ev *evaluator) descendants(it *Item) error {
	lo := len(ev.stack)
	if err := ev.children(it); err != nil {
		return err
	}
	for i, hi := lo, len(ev.stack); i < hi; i++ {
		child := ev.stack[i]
		if err := ev.descendants(&child); err != nil {
			return err
		}
	}
	return nil
}
