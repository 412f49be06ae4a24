package fhirpath

import (
	"bytes"

	"firebreak/fhirjson"
)

// fhirFunction: http://hl7.org/fhir/R4/fhirpath.html#functions. hasExtension is
// not in it, but a published search parameter calls it.
func fhirFunction(name string) (function, bool) {
	switch name {
	case "extension":
		return function{1, 1, fnExtension}, true
	case "hasExtension":
		return function{1, 1, fnHasExtension}, true
	case "hasValue":
		return function{0, 0, fnHasValue}, true
	case "getValue":
		return function{0, 0, fnGetValue}, true
	case "resolve":
		return function{0, 0, fnResolve}, true
	case "htmlChecks":
		return function{0, 0, fnHTMLChecks}, true
	case "memberOf", "subsumes", "subsumedBy", "conformsTo", "elementDefinition", "slice", "checkModifiers":
		return function{0, 8, func(ev *evaluator, _ []Item, n *node, _ *scope) error {
			return ev.fail(n, n.name+" is not supported")
		}}, true
	}
	return function{}, false
}

// extensions pushes the extensions of an Item that have the URL.
func (ev *evaluator) extensions(it *Item, url string) error {
	if it.kind != kindElement {
		return nil
	}
	obj := it.node
	if obj.Kind() != fhirjson.Object || it.bare {
		var err error
		if obj, err = ev.sibling(it); err != nil || !obj.Exists() {
			return err
		}
	}
	for c := obj.Field("extension").FirstChild(); c.Exists(); c = c.NextSibling() {
		if c.Field("url").Is(url) {
			if err := ev.push(Item{kind: kindElement, node: c, text: "Extension"}); err != nil {
				return err
			}
		}
	}
	return ev.spend(1)
}

func fnExtension(ev *evaluator, in []Item, n *node, sc *scope) error {
	url, ok, err := ev.textArg(n, 0, sc)
	if err != nil || !ok {
		return err
	}
	for i := range in {
		if err := ev.extensions(&in[i], url); err != nil {
			return err
		}
	}
	return nil
}

func fnHasExtension(ev *evaluator, in []Item, n *node, sc *scope) error {
	lo := len(ev.stack)
	if err := fnExtension(ev, in, n, sc); err != nil {
		return err
	}
	found := len(ev.stack) > lo
	ev.stack = ev.stack[:lo]
	return ev.push(Boolean(found))
}

// isPrimitiveValue reports whether an item is a FHIR primitive with a value.
func isPrimitiveValue(it *Item) bool {
	switch it.Node().Kind() {
	case fhirjson.String, fhirjson.Number, fhirjson.Bool:
		return it.kind == kindElement
	}
	return false
}

func fnHasValue(ev *evaluator, in []Item, _ *node, _ *scope) error {
	return ev.push(Boolean(len(in) == 1 && isPrimitiveValue(&in[0])))
}

func fnGetValue(ev *evaluator, in []Item, _ *node, _ *scope) error {
	if len(in) != 1 || !isPrimitiveValue(&in[0]) {
		return nil
	}
	v, ok := ev.value(&in[0])
	if !ok {
		return nil
	}
	return ev.push(v)
}

// fnResolve finds what references point to; those that point nowhere are left out.
func fnResolve(ev *evaluator, in []Item, _ *node, _ *scope) error {
	for i := range in {
		if out := ev.resolve(&in[i]); out.Exists() {
			if err := ev.push(out); err != nil {
				return err
			}
		}
	}
	return ev.spend(len(in))
}

func (ev *evaluator) resolve(it *Item) Item {
	ref, typed := it.Node(), fhirjson.Node{}
	if ref.Kind() == fhirjson.Object {
		typed = ref.Field("type")
		ref = ref.Field("reference")
	}
	text := it.text
	if it.kind == kindElement {
		raw := ref.Raw()
		if ref.Kind() != fhirjson.String {
			return ev.typeOnly(typed.Text()) // a logical reference has a type at most
		}
		if raw[1] == '#' {
			return ev.contained(it.node, ref.Text()[1:])
		}
		if ev.env.Resolve == nil && bytes.IndexByte(raw, '\\') < 0 {
			if out := ev.typeOf(raw[1 : len(raw)-1]); out.Exists() {
				return out
			}
			return ev.typeOnly(typed.Text())
		}
		text = ref.Text()
	} else if it.kind != kindString {
		return Item{}
	}
	if ev.env.Resolve == nil {
		return ev.typeOf([]byte(text))
	}
	if ev.spend(100) != nil {
		return Item{}
	}
	out, ok := ev.env.Resolve(text)
	if !ok {
		return Item{}
	}
	return out
}

func (ev *evaluator) typeOnly(name string) Item {
	if ev.env.Resolve != nil || name == "" {
		return Item{}
	}
	t := ev.knownResource([]byte(name))
	if t == "" {
		return Item{}
	}
	return Item{kind: kindTypeOnly, text: t}
}

// typeOf reads the type out of a reference: Patient/1, Patient?identifier=x,
// http://x/fhir/Patient/1/_history/2, http://hl7.org/fhir/ValueSet/x|1.
// http://hl7.org/fhir/R4/references.html#literal
func (ev *evaluator) typeOf(ref []byte) Item {
	if i := bytes.IndexAny(ref, "?|#"); i >= 0 {
		if ref[i] == '?' {
			ref = append(append([]byte(nil), ref[:i]...), "/x"...)
		} else {
			ref = ref[:i]
		}
	}
	if i := bytes.Index(ref, []byte("/_history/")); i >= 0 {
		ref = ref[:i]
	}
	id := bytes.LastIndexByte(ref, '/')
	if id <= 0 {
		return Item{}
	}
	ref = ref[:id]
	t := ev.knownResource(ref[bytes.LastIndexByte(ref, '/')+1:])
	if t == "" {
		return Item{}
	}
	return Item{kind: kindTypeOnly, text: t}
}

// contained finds #id in the resource that contains the node; # alone is that
// resource. http://hl7.org/fhir/R4/references.html#contained
func (ev *evaluator) contained(n fhirjson.Node, id string) Item {
	for ; n.Exists(); n = n.Parent() {
		if !n.Field("resourceType").Exists() || n.Parent().Name() == "contained" {
			continue
		}
		if id == "" {
			return ev.resourceItem(n)
		}
		for c := n.Field("contained").FirstChild(); c.Exists(); c = c.NextSibling() {
			if c.Field("id").Is(id) {
				return ev.resourceItem(c)
			}
		}
		return Item{}
	}
	return Item{}
}

func (ev *evaluator) resourceItem(n fhirjson.Node) Item {
	return Item{kind: kindElement, node: n, text: ev.resourceType(n, "Resource")}
}
