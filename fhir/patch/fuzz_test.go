package patch_test

import (
	"testing"

	"firebreak/fhir/patch"
	"firebreak/fhirjson"
)

// FuzzApply: whatever is asked of whatever document, Apply does not panic, does
// not change its input, answers the same twice, and makes only documents that
// parse.
func FuzzApply(f *testing.F) {
	document := `{"resourceType":"Patient","id":"1","meta":{"versionId":"1"},"name":[{"given":["A","B"]}],"a~/b":1.50}`
	for _, ops := range []string{
		`[]`, `[{"op":"add","path":"/name/-","value":{"x":[1]}}]`, `[{"op":"remove","path":"/name/0/given/0"},{"op":"remove","path":"/name/0/given/0"}]`,
		`[{"op":"copy","from":"/name","path":"/name/0/x"},{"op":"copy","from":"","path":"/y"}]`, `[{"op":"move","from":"/a~0~1b","path":"/name/0"},{"op":"test","path":"/name/0","value":15e-1}]`,
		`[{"op":"replace","path":"/meta","value":{"versionId":"1"}}]`, `[{"op":"test","path":"","value":{}}]`,
	} {
		f.Add(document, ops)
	}
	f.Fuzz(func(t *testing.T, document, operations string) {
		ops, err := fhirjson.Parse([]byte(operations))
		if err != nil {
			return
		}
		got, refused := apply(t, document, operations)
		in := []byte(document)
		again, err := patch.Apply(in, ops)
		if (err == nil) != (refused == nil) || string(again) != got || string(in) != document {
			t.Fatalf("Apply again = %q, %v, want %q, %v, and its input as it was", again, err, got, refused)
		}
		if refused != nil {
			return
		}
		clear(again)
		if string(in) != document {
			t.Fatal("the result shares memory with the document")
		}
		if _, err := fhirjson.Parse([]byte(got)); err != nil {
			t.Fatalf("Apply = %q, which does not parse: %v", got, err)
		}
	})
}
