package fhir

import "firebreak/fhirjson"

// WithoutStaleNarrative is what a patch has made of a resource, without the
// narrative that tells of the resource as it was: where the patch changes what the
// narrative may speak of, and leaves the narrative alone, the narrative goes
// (http.html#patch: a server SHALL see to it that the narrative is not clinically
// unsafe, by deleting it, for one). A new narrative is the client's word.
//
// Both are JSON objects; before is compared byte by byte, member by member.
func WithoutStaleNarrative(before, after []byte) ([]byte, error) {
	was, err := fhirjson.Parse(before)
	if err != nil {
		return nil, err
	}
	is, err := fhirjson.Parse(after)
	if err != nil {
		return nil, err
	}
	text := is.Root().Field("text")
	if text.Kind() != fhirjson.Object || !same(text, was.Root().Field("text")) || tellsTheSame(was.Root(), is.Root()) {
		return after, nil
	}
	b := []byte{}
	for m := range is.Root().Children() {
		if m.Name() != "text" {
			b = appendMember(b, m)
		}
	}
	b[0] = '{' // the first comma; resourceType is always there
	return append(b, '}'), nil
}

func same(a, b fhirjson.Node) bool {
	return a.Exists() == b.Exists() && string(a.Raw()) == string(b.Raw())
}

// tellsTheSame reports whether two states of a resource differ in their metadata
// and narrative only.
func tellsTheSame(a, b fhirjson.Node) bool {
	return tellsAllOf(a, b) && tellsAllOf(b, a)
}

func tellsAllOf(a, b fhirjson.Node) bool {
	for m := range a.Children() {
		if name := m.Name(); name != "text" && name != "meta" && !same(m, b.Field(name)) {
			return false
		}
	}
	return true
}
