package fhirjson

import (
	"bytes"
	"unicode/utf8"
)

// scanner builds the arena for documents that are plain: it knows the grammar
// of RFC 8259, but at anything rare or wrong it gives up, and the parser that
// stands on jsontext decides and explains. So it may refuse too much, but must
// never accept what the parser refuses; FuzzScan holds it to that.
type scanner struct {
	src   []byte
	pos   int
	nodes []node
	open  [MaxDepth]frame
	depth int
	most  int // values
}

// frame is an open object or array.
type frame struct{ node, last int32 }

// maxPlainMembers is how many members the scanner compares for duplicate names.
const maxPlainMembers = 64

// scan is nil when the document is for the parser; unless full is where there
// began to be too many values, which the parser would only find more slowly.
func scan(src []byte) (nodes []node, full int) {
	// Every value follows a comma or a bracket, or is the first.
	n := bytes.Count(src, []byte{','}) + bytes.Count(src, []byte{'{'}) + bytes.Count(src, []byte{'['}) + 1
	s := scanner{src: src, most: mostNodes(src), nodes: make([]node, 0, min(n, 16+len(src)/8))}
	switch {
	case s.document():
		return s.nodes, 0
	case len(s.nodes) >= s.most:
		return nil, s.pos
	}
	return nil, 0
}

func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek skips white space; 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos >= len(s.src) {
		return 0
	}
	return s.src[s.pos]
}

// document reads values and what stands between them until all is closed.
func (s *scanner) document() bool {
	for {
		opened, ok := s.value()
		if !ok {
			return false
		}
		for !opened { // a value has ended: what may follow?
			if s.depth == 0 {
				return s.peek() == 0 && s.pos == len(s.src)
			}
			top := &s.nodes[s.open[s.depth-1].node]
			switch c := s.peek(); {
			case c == ',':
				s.pos++
				if top.kind == Object && s.peek() != '"' {
					return false
				}
				opened = true
			case c == '}' && top.kind == Object, c == ']' && top.kind == Array:
				s.pos++
				top.end = int32(s.pos)
				s.depth--
			default:
				return false
			}
		}
	}
}

// value reads one value, with its name in an object. opened says that another
// value must follow: an object or array with content has begun.
func (s *scanner) value() (opened, ok bool) {
	c := s.peek()
	n := node{parent: -1}
	if s.depth > 0 {
		n.parent = s.open[s.depth-1].node
		if s.nodes[n.parent].kind == Object {
			if !s.name(&n) {
				return false, false
			}
			c = s.peek()
		}
	}
	if s.depth >= MaxDepth || len(s.nodes) >= s.most {
		return false, false
	}
	n.start = int32(s.pos)
	switch {
	case c == '"':
		n.kind = String
		n.escaped, ok = s.text()
	case c == '{', c == '[':
		return s.begin(n, c), true
	case c == '-' || c >= '0' && c <= '9':
		n.kind, ok = Number, s.number()
	case c == 't':
		n.kind, ok = Bool, s.word("true")
	case c == 'f':
		n.kind, ok = Bool, s.word("false")
	case c == 'n':
		n.kind, ok = Null, s.word("null")
	}
	if !ok {
		return false, false
	}
	n.end = int32(s.pos)
	s.link(n)
	return false, true
}

// begin opens an object or array; false if it is empty, and so ends at once.
func (s *scanner) begin(n node, c byte) bool {
	n.kind = Object
	end := byte('}')
	if c == '[' {
		n.kind, end = Array, ']'
	}
	s.pos++
	i := s.link(n)
	if s.peek() == end {
		s.pos++
		s.nodes[i].end = int32(s.pos)
		return false
	}
	s.open[s.depth] = frame{node: i}
	s.depth++
	return true
}

// link adds a node to its parent.
func (s *scanner) link(n node) int32 {
	i := int32(len(s.nodes))
	if s.depth > 0 {
		f := &s.open[s.depth-1]
		p := &s.nodes[f.node]
		if p.count == 0 {
			p.first = i
		} else {
			s.nodes[f.last].next = i
		}
		p.count++
		f.last = i
	}
	s.nodes = append(s.nodes, n)
	return i
}

// name reads a member's name and its colon, and sees that it is new.
func (s *scanner) name(n *node) bool {
	if s.peek() != '"' {
		return false
	}
	start := s.pos + 1
	escaped, ok := s.text()
	if !ok || escaped {
		return false
	}
	n.keyStart, n.keyEnd = int32(start), int32(s.pos-1)
	if s.peek() != ':' {
		return false
	}
	s.pos++
	p := &s.nodes[n.parent]
	if p.count == 0 {
		return true
	}
	if p.count >= maxPlainMembers {
		return false
	}
	name := s.src[n.keyStart:n.keyEnd]
	for i := p.first; ; i = s.nodes[i].next {
		o := &s.nodes[i]
		if int(o.keyEnd-o.keyStart) == len(name) && string(s.src[o.keyStart:o.keyEnd]) == string(name) {
			return false
		}
		if o.next == 0 {
			return true
		}
	}
}

// text reads a string with its quotation marks.
func (s *scanner) text() (escaped, ok bool) {
	src, i := s.src, s.pos+1
	ascii := true
	for i < len(src) {
		c := src[i]
		switch {
		case c == '"':
			ok = ascii || utf8.Valid(src[s.pos+1:i])
			s.pos = i + 1
			return escaped, ok
		case c == '\\':
			n := escapeLen(src[i:])
			if n == 0 {
				return false, false
			}
			escaped = true
			i += n
		case c < 0x20:
			return false, false
		default:
			ascii = ascii && c < utf8.RuneSelf
			i++
		}
	}
	return false, false
}

// escapeLen is the length of an escape; surrogates are left to the parser.
func escapeLen(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(s) < 6 || s[2]|0x20 == 'd' && s[3] > '7' {
			return 0
		}
		for _, c := range s[2:6] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}

func (s *scanner) word(w string) bool {
	if len(s.src)-s.pos < len(w) || string(s.src[s.pos:s.pos+len(w)]) != w {
		return false
	}
	s.pos += len(w)
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.src) && s.src[s.pos] >= '0' && s.src[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.src) && s.src[s.pos] == c }

func (s *scanner) number() bool {
	if s.at('-') {
		s.pos++
	}
	if s.at('0') {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.at('.') {
		if s.pos++; !s.digits() {
			return false
		}
	}
	if s.at('e') || s.at('E') {
		s.pos++
		if s.at('+') || s.at('-') {
			s.pos++
		}
		return s.digits()
	}
	return true
}
