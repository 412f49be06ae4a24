package fhir

import (
	"strings"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// Rewrite replaces references in a resource, as a transaction does when it
// knows which ids its entries got (http.html#transaction): in
// Reference.reference, in elements of type uri and url, and in the narrative's
// links; not in canonicals. R4 names oid and uuid as well, but what takes the
// place of a temporary id is a reference, which is neither (datatypes.html): an
// element of these types says which object it means by itself, stays true
// as it is, and would not be valid otherwise. to returns the replacement of a
// text and whether there is one; reference says that it is of a
// Reference.reference, the only one of these that may be conditional.
func Rewrite(resource fhirjson.Node, to func(text string, reference bool) (string, bool)) []byte {
	w := rewriter{to: to, base: 0}
	start, _ := resource.Span()
	w.base = start
	w.object(resource, resource.Field("resourceType").Text())
	return w.splice(resource.Raw())
}

// References yields the text of every Reference.reference of a resource.
func References(resource fhirjson.Node) []string {
	var out []string
	Rewrite(resource, func(text string, reference bool) (string, bool) {
		if reference {
			out = append(out, text)
		}
		return "", false
	})
	return out
}

// literal stands for the type of Reference.reference, which R4 calls a string.
const literal = "Reference.reference"

type edit struct {
	start, end int
	text       []byte
}

type rewriter struct {
	to    func(string, bool) (string, bool)
	base  int
	edits []edit
}

func (w *rewriter) object(n fhirjson.Node, typ string) {
	t, ok := r4.LookupType(typ)
	if !ok {
		return
	}
	for m := range n.Children() {
		name := strings.TrimPrefix(m.Name(), "_")
		_, elementType, ok := t.Property(name)
		if !ok {
			continue
		}
		if typ == "Reference" && name == "reference" {
			elementType = literal
		}
		for v := range m.Each() {
			w.value(v, elementType)
		}
	}
}

func (w *rewriter) value(v fhirjson.Node, typ string) {
	switch v.Kind() {
	case fhirjson.Object:
		if r := v.Field("resourceType"); r.Exists() {
			typ = r.Text()
		} else if t, ok := r4.LookupType(typ); typ == literal || ok && t.Kind == r4.KindPrimitive {
			typ = "Element" // the companion of a primitive: id and extensions
		}
		w.object(v, typ)
	case fhirjson.String:
		switch typ {
		case "uri", "url", literal:
			if s, ok := w.to(v.Text(), typ == literal); ok {
				w.edit(v, s)
			}
		case "xhtml":
			w.narrative(v)
		}
	}
}

func (w *rewriter) edit(v fhirjson.Node, s string) {
	start, end := v.Span()
	w.edits = append(w.edits, edit{start - w.base, end - w.base, fhirjson.Quote(s)})
}

// narrative replaces the values of href and src attributes.
func (w *rewriter) narrative(v fhirjson.Node) {
	text := v.Text()
	var b strings.Builder
	changed := false
	rest := text
	for {
		i := attribute(rest)
		if i < 0 {
			break
		}
		end := strings.IndexByte(rest[i:], rest[i-1])
		if end < 0 {
			break
		}
		link := rest[i : i+end]
		b.WriteString(rest[:i])
		if s, ok := w.to(link, false); ok {
			b.WriteString(s)
			changed = true
		} else {
			b.WriteString(link)
		}
		rest = rest[i+end:]
	}
	if changed {
		w.edit(v, b.String()+rest)
	}
}

// attribute is where the value of the next href or src begins, or -1.
func attribute(s string) int {
	best := -1
	for _, a := range []string{`href="`, `href='`, `src="`, `src='`} {
		if i := strings.Index(s, a); i >= 0 && (best < 0 || i+len(a) < best) {
			best = i + len(a)
		}
	}
	return best
}

func (w *rewriter) splice(raw []byte) []byte {
	if len(w.edits) == 0 {
		return raw
	}
	out := make([]byte, 0, len(raw)+64*len(w.edits))
	at := 0
	for _, e := range w.edits {
		out = append(out, raw[at:e.start]...)
		out = append(out, e.text...)
		at = e.end
	}
	return append(out, raw[at:]...)
}
