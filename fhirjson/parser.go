package fhirjson

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// parse is the parser on jsontext, which decides about all that scan leaves.
func parse(src []byte) (*Doc, error) {
	p := parser{most: mostNodes(src), doc: &Doc{src: src, nodes: make([]node, 0, 16+len(src)/24)}}
	p.dec = jsontext.NewDecoder(bytes.NewBuffer(src))
	if err := p.run(); err != nil {
		return nil, err
	}
	return p.doc, nil
}

const tooMany = "too many values"

type parser struct {
	dec  *jsontext.Decoder
	doc  *Doc
	open []int32 // the objects and arrays around the next value
	last []int32 // the latest child of each
	pos  int32   // end of the previous token
	key  [2]int32
	kesc bool
	most int // values
}

func (p *parser) run() error {
	for {
		tok, err := p.dec.ReadToken()
		if errors.Is(err, io.EOF) && len(p.doc.nodes) > 0 && len(p.open) == 0 {
			return nil
		}
		if err != nil {
			return p.fail(err)
		}
		if len(p.open) == 0 && len(p.doc.nodes) > 0 {
			return &SyntaxError{Offset: int64(p.pos), Msg: "data after the end of the document"}
		}
		if err := p.token(tok.Kind()); err != nil {
			return err
		}
	}
}

// token records one token; the decoder has checked the grammar.
func (p *parser) token(kind jsontext.Kind) error {
	end := int32(p.dec.InputOffset())
	start := p.pos
	for start < end && strings.IndexByte(" \t\r\n,:", p.doc.src[start]) >= 0 {
		start++
	}
	p.pos = end
	switch kind {
	case '}', ']':
		top := len(p.open) - 1
		p.doc.nodes[p.open[top]].end = end
		p.open, p.last = p.open[:top], p.last[:top]
		return nil
	case '"':
		if _, n := p.dec.StackIndex(p.dec.StackDepth()); p.inObject() && n%2 == 1 {
			p.key = [2]int32{start + 1, end - 1}
			p.kesc = bytes.IndexByte(p.doc.src[start:end], '\\') >= 0
			return nil
		}
	}
	if len(p.open) >= MaxDepth {
		return &SyntaxError{Offset: int64(start), Path: string(p.dec.StackPointer()),
			Msg: "nested deeper than " + strconv.Itoa(MaxDepth) + " levels"}
	}
	if len(p.doc.nodes) >= p.most {
		return &SyntaxError{Offset: int64(start), Msg: tooMany}
	}
	p.add(kind, start, end)
	return nil
}

func (p *parser) inObject() bool {
	return len(p.open) > 0 && p.doc.nodes[p.open[len(p.open)-1]].kind == Object
}

func (p *parser) add(kind jsontext.Kind, start, end int32) {
	i := int32(len(p.doc.nodes))
	n := node{start: start, end: end, parent: -1}
	switch kind {
	case '{':
		n.kind = Object
	case '[':
		n.kind = Array
	case '"':
		n.kind = String
		n.escaped = bytes.IndexByte(p.doc.src[start:end], '\\') >= 0
	case '0':
		n.kind = Number
	case 't', 'f':
		n.kind = Bool
	default:
		n.kind = Null
	}
	if top := len(p.open) - 1; top >= 0 {
		parent := &p.doc.nodes[p.open[top]]
		n.parent = p.open[top]
		if parent.kind == Object {
			n.keyStart, n.keyEnd, n.keyEscape = p.key[0], p.key[1], p.kesc
		}
		if parent.count == 0 {
			parent.first = i
		} else {
			p.doc.nodes[p.last[top]].next = i
		}
		parent.count++
		p.last[top] = i
	}
	p.doc.nodes = append(p.doc.nodes, n)
	if n.kind == Object || n.kind == Array {
		p.open = append(p.open, i)
		p.last = append(p.last, 0)
	}
}

// fail turns the decoder's error, which may quote content, into one that does not.
func (p *parser) fail(err error) error {
	out := &SyntaxError{Offset: p.dec.InputOffset(), Path: string(p.dec.StackPointer()), Msg: "not well-formed JSON"}
	var syn *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		out.Msg = "a member name appears twice in one object"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		out.Msg = "the document ends too early"
	case errors.As(err, &syn) && syn.Err != nil && strings.Contains(syn.Err.Error(), "UTF-8"):
		out.Msg = "invalid UTF-8"
	}
	if syn != nil && syn.ByteOffset > 0 {
		out.Offset = syn.ByteOffset
	}
	return out
}
