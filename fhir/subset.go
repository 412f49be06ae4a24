package fhir

import (
	"strings"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// Subset is the part of a resource that _summary or _elements asks for, tagged
// SUBSETTED (search.html#elements) so that it is not mistaken for the whole.
// Mandatory elements and modifiers stay whatever is asked for: a server SHOULD
// keep the first, and who reads without the second reads something else.
//
// _summary=true keeps the elements that the definitions mark as summary, of the
// resource and of the backbone elements within it. Of a data type it keeps all:
// "Other than Attachment.data, all data type properties are included in the
// summary form" (elementdefinition-definitions.html#ElementDefinition.isSummary).
// Extensions are no part of a summary, but for those within a data type and
// those that modify. What would be left empty stays whole, for JSON has no empty
// objects. The other forms are about the elements at the top.
func Subset(body []byte, summary search.Summary, elements []string) ([]byte, error) {
	if summary == search.SummaryFalse && elements == nil {
		return body, nil
	}
	doc, err := fhirjson.Parse(body)
	if err != nil {
		return nil, err
	}
	root := doc.Root()
	typ, ok := r4.LookupType(root.Field("resourceType").Text())
	if !ok {
		return body, nil
	}
	keep := map[string]bool{}
	for _, e := range elements {
		keep[e] = true
	}
	b := append([]byte(nil), `{"resourceType":`...)
	b = append(b, root.Field("resourceType").Raw()...)
	if id := root.Field("id"); id.Exists() {
		b = appendMember(b, id)
	}
	b = appendSubsettedMeta(b, root.Field("meta"))
	for m := range root.Children() {
		name := m.Name()
		switch name {
		case "resourceType", "id", "meta":
			continue
		}
		el, elType, ok := property(typ, name)
		switch {
		case !ok || !keeps(el, name, summary, keep):
		case summary == search.SummaryTrue && len(elements) == 0:
			b = appendName(b, m)
			b = appendSummary(b, m, elType, true)
		default:
			b = appendMember(b, m)
		}
	}
	return append(b, '}'), nil
}

// property is the element of a JSON member, the companion of a primitive too.
func property(typ *r4.Type, name string) (*r4.Element, string, bool) {
	return typ.Property(strings.TrimPrefix(name, "_"))
}

func keeps(el *r4.Element, name string, summary search.Summary, elements map[string]bool) bool {
	mandatory := el.Min > 0 || el.Modifier
	if len(elements) > 0 {
		return mandatory || elements[el.Name] || elements[strings.TrimPrefix(name, "_")]
	}
	switch summary {
	case search.SummaryTrue:
		return mandatory || el.Summary
	case search.SummaryText:
		return mandatory || el.Name == "text"
	case search.SummaryData:
		return el.Name != "text"
	}
	return mandatory
}

// appendSummary appends a value's summary: its own, if it is of a resource's
// backbone element and own holds, else all but what Attachments hold.
func appendSummary(b []byte, n fhirjson.Node, typeName string, own bool) []byte {
	typ, known := r4.LookupType(typeName)
	if !known || n.Kind() != fhirjson.Object && n.Kind() != fhirjson.Array {
		return append(b, n.Raw()...)
	}
	if n.Kind() == fhirjson.Array {
		b = append(b, '[')
		for item := range n.Children() {
			b = append(appendSummary(b, item, typeName, own), ',')
		}
		if b[len(b)-1] == ',' {
			b = b[:len(b)-1]
		}
		return append(b, ']')
	}
	own = own && typ.Kind == r4.KindBackbone
	start := len(b)
	b = append(b, '{')
	for m := range n.Children() {
		el, elType, ok := property(typ, m.Name())
		switch {
		case own && (!ok || !keeps(el, m.Name(), search.SummaryTrue, nil)):
		case ok && typ.Name == "Attachment" && el.Name == "data":
		case !ok || strings.HasPrefix(m.Name(), "_"):
			b = appendMember(b, m)
		default:
			b = appendName(b, m)
			b = appendSummary(b, m, elType, own)
		}
	}
	if len(b) == start+1 {
		return append(b[:start], n.Raw()...)
	}
	b[start+1] = '{' // the comma before the first member
	b = append(b[:start], b[start+1:]...)
	return append(b, '}')
}

// appendSubsettedMeta appends meta with the tag beside the tags it has.
func appendSubsettedMeta(b []byte, meta fhirjson.Node) []byte {
	b = append(append(b, `,"meta":{"tag":[`...), subsetted...)
	if tags := meta.Field("tag"); tags.Kind() == fhirjson.Array {
		for tag := range tags.Each() {
			b = append(append(b, ','), tag.Raw()...)
		}
	}
	b = append(b, ']')
	if meta.Kind() == fhirjson.Object {
		for m := range meta.Children() {
			if m.Name() != "tag" {
				b = appendMember(b, m)
			}
		}
	}
	return append(b, '}')
}
