package fhir

import (
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// Subset is the part of a resource that _summary or _elements asks for, tagged
// SUBSETTED (search.html#elements) so that it is not mistaken for the whole.
// Mandatory elements and modifiers always stay.
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
		if keeps(typ, name, summary, keep) {
			b = appendMember(b, m)
		}
	}
	return append(b, '}'), nil
}

func keeps(typ *r4.Type, property string, summary search.Summary, elements map[string]bool) bool {
	if len(property) > 1 && property[0] == '_' {
		property = property[1:]
	}
	el, _, ok := typ.Property(property)
	if !ok {
		return false
	}
	mandatory := el.Min > 0 || el.Modifier
	if len(elements) > 0 {
		return mandatory || elements[el.Name] || elements[property]
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
