package fhir

import (
	"fmt"
	"time"

	"firebreak/fhirjson"
)

// Stamp is the resource with this server's id, meta.versionId and
// meta.lastUpdated in place of what the client sent for them (http.html#create:
// the server SHALL ignore them). Everything else keeps its bytes and order.
func Stamp(resource fhirjson.Node, id, version string, updated time.Time) ([]byte, error) {
	if resource.Kind() != fhirjson.Object {
		return nil, fmt.Errorf("stamp: not an object")
	}
	b := make([]byte, 0, len(resource.Raw())+160)
	b = append(b, `{"resourceType":`...)
	b = append(b, resource.Field("resourceType").Raw()...)
	b = append(b, `,"id":`...)
	b = fhirjson.AppendQuote(b, id)
	b = append(b, `,"meta":{"versionId":`...)
	b = fhirjson.AppendQuote(b, version)
	b = append(append(append(b, `,"lastUpdated":"`...), FormatInstant(updated)...), '"')
	if meta := resource.Field("meta"); meta.Kind() == fhirjson.Object {
		for m := range meta.Children() {
			switch m.Name() {
			case "versionId", "lastUpdated", "_versionId", "_lastUpdated":
				continue
			}
			b = appendMember(b, m)
		}
	}
	b = append(b, '}')
	for m := range resource.Children() {
		switch m.Name() {
		case "resourceType", "id", "meta":
			continue
		}
		b = appendMember(b, m)
	}
	return append(b, '}'), nil
}

func appendMember(b []byte, m fhirjson.Node) []byte {
	return append(appendName(b, m), m.Raw()...)
}

// appendName appends a member up to its value.
func appendName(b []byte, m fhirjson.Node) []byte {
	b = append(b, ',')
	b = fhirjson.AppendQuote(b, m.Name())
	return append(b, ':')
}
