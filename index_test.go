package firebreak_test

import (
	"reflect"
	"testing"
	"time"

	"firebreak/demo"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// change works out the index rows before id, version and time are known; they
// must be those of the version that is stored.
func TestIndexRowsDoNotDependOnIdAndVersion(t *testing.T) {
	x := search.NewExtractor(base)
	kinds := map[string]int{}
	for _, r := range demo.Generate(3, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), 20) {
		if kinds[r.Type]++; kinds[r.Type] > 20 {
			continue
		}
		sent, err := fhirjson.Parse(r.JSON)
		if err != nil {
			t.Fatal(err)
		}
		body, err := fhir.Stamp(sent.Root(), "another", "v2", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		stored, err := fhirjson.Parse(body)
		if err != nil {
			t.Fatal(err)
		}
		got, err1 := x.Extract(sent.Root())
		want, err2 := x.Extract(stored.Root())
		if err1 != nil || err2 != nil || len(want) == 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %v %v\ngot  %v\nwant %v", r.Type, err1, err2, got, want)
		}
	}
	if len(kinds) < 15 {
		t.Errorf("only %d resource types tried", len(kinds))
	}
}
