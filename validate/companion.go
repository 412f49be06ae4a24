package validate

import (
	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// companion checks the member "_name", which holds the id and the extensions
// of the primitive "name" (http://hl7.org/fhir/R4/json.html#primitive): an
// object, or for a repeating element an array as long as the values', with
// nulls where a value has neither.
func (c *checker) companion(o *object, e *r4.Element, t *r4.Type, m fhirjson.Node, name string) {
	if t.Kind != r4.KindPrimitive {
		c.report("structure", companionOfComplex)
		return
	}
	// Element.id, Resource.id and Extension.url are XML attributes: they have
	// no room for extensions (http://hl7.org/fhir/R4/element.html).
	if e.Name == "id" || (o.typ.Name == "Extension" && e.Name == "url") {
		c.report("structure", companionOfAttribute)
		return
	}
	values := o.node.Field(name)
	if e.Max == 1 {
		c.companionItem(t, values, m)
		return
	}
	if m.Kind() != fhirjson.Array {
		c.report("structure", notAnArray)
		return
	}
	if m.Len() == 0 {
		c.report("structure", emptyArray)
		return
	}
	if values.Exists() && values.Kind() == fhirjson.Array && values.Len() != m.Len() {
		c.report("structure", companionLength)
		return
	}
	i, some := 0, false
	for item := range m.Children() {
		if c.full() {
			return
		}
		c.at(i)
		value := values.Item(i)
		switch {
		case item.Kind() != fhirjson.Null:
			some = true
			c.companionItem(t, value, item)
		case !values.Exists(): // else the values' own check reports two nulls
			c.report("structure", loneNull)
		}
		i++
	}
	if !some && values.Exists() {
		c.at(-1)
		c.report("structure", companionOfNulls)
	}
}

// companionItem checks the id and extensions of one primitive.
func (c *checker) companionItem(t *r4.Type, value, m fhirjson.Node) {
	if m.Kind() == fhirjson.Null {
		c.report("structure", loneNull)
		return
	}
	if m.Kind() != fhirjson.Object || m.Len() == 0 {
		c.object(m, t) // says what is wrong
		return
	}
	c.members(m, t)
	bare := !value.Exists() || value.Kind() == fhirjson.Null
	if bare && !m.Field("extension").Exists() {
		c.report("invariant", noValueNoExtension)
	}
}

// members checks an object that may be no more than an id, since the value it
// belongs to stands beside it.
func (c *checker) members(n fhirjson.Node, t *r4.Type) {
	o := object{node: n, typ: t}
	for m := range n.Children() {
		if c.full() {
			return
		}
		c.member(&o, m)
	}
}
