package fhirpath_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// xmlNode is an element of FHIR's XML form; the suite's inputs are XML.
type xmlNode struct {
	name, value, url, id string
	kids                 []*xmlNode
	markup               string // of a narrative's div
}

// fromXML converts a resource to FHIR's JSON, as far as the suite's inputs need.
func fromXML(t testing.TB, src []byte) string {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(src))
	root := &xmlNode{}
	open := []*xmlNode{root}
	for {
		before := dec.InputOffset()
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			n := &xmlNode{name: tok.Name.Local}
			for _, a := range tok.Attr {
				switch a.Name.Local {
				case "value":
					n.value = a.Value
				case "url":
					n.url = a.Value
				case "id":
					n.id = a.Value
				}
			}
			top := open[len(open)-1]
			top.kids = append(top.kids, n)
			if n.name == "div" {
				if err := dec.Skip(); err != nil {
					t.Fatal(err)
				}
				n.markup = string(src[before:dec.InputOffset()])
				continue
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	return resourceJSON(root.kids[0])
}

func resourceJSON(n *xmlNode) string {
	return `{"resourceType":"` + n.name + `"` + members(n, n.name) + "}"
}

func members(n *xmlNode, typ string) string {
	var b strings.Builder
	if n.id != "" {
		b.WriteString(`,"id":` + string(fhirjson.Quote(n.id)))
	}
	if n.url != "" {
		b.WriteString(`,"url":` + string(fhirjson.Quote(n.url)))
	}
	def, _ := r4.LookupType(typ)
	done := map[string]bool{}
	for _, k := range n.kids {
		if done[k.name] {
			continue
		}
		done[k.name] = true
		el, kt, ok := def.Property(k.name)
		if !ok {
			panic("no element " + typ + "." + k.name)
		}
		var values, siblings []string
		extended := false
		for _, same := range n.kids {
			if same.name != k.name {
				continue
			}
			v, sib := valueJSON(same, kt)
			values, siblings = append(values, v), append(siblings, sib)
			extended = extended || sib != "null"
		}
		v, sib := strings.Join(values, ","), strings.Join(siblings, ",")
		if el.Max != 1 {
			v, sib = "["+v+"]", "["+sib+"]"
		}
		b.WriteString(`,"` + k.name + `":` + v)
		if extended {
			b.WriteString(`,"_` + k.name + `":` + sib)
		}
	}
	return b.String()
}

// valueJSON is an element's value and, for a primitive, its sibling.
func valueJSON(n *xmlNode, typ string) (value, sibling string) {
	switch {
	case n.markup != "":
		return string(fhirjson.Quote(n.markup)), "null"
	case typ == "Resource":
		return resourceJSON(n.kids[0]), "null"
	case !(r4.Model{}).IsPrimitive(typ):
		return "{" + strings.TrimPrefix(members(n, typ), ",") + "}", "null"
	}
	value, sibling = "null", "null"
	if m := members(n, typ); m != "" {
		sibling = "{" + m[1:] + "}"
	}
	switch typ {
	case "boolean", "integer", "decimal", "positiveInt", "unsignedInt":
		if n.value != "" {
			value = n.value
		}
	default:
		if n.value != "" {
			value = string(fhirjson.Quote(n.value))
		}
	}
	return value, sibling
}
