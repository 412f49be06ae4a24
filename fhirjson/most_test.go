package fhirjson_test

import (
	"strings"
	"testing"

	"firebreak/fhirjson"
)

// TestLargeDocumentsOfNothingAreRefused: their arena would be many times as
// large as they are. What lists and resources look like is read at any size.
func TestLargeDocumentsOfNothingAreRefused(t *testing.T) {
	const size = 1 << 20
	repeat := func(item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item, size/len(item)), ",") + "]"
	}
	for _, c := range []struct {
		name, src string
		want      bool
	}{
		{"digits", repeat(`0,`), false},
		{"empty objects", repeat(`{},`), false},
		{"empty objects between unusual white space", repeat("{},") + "\n", false},
		{"short strings", repeat(`"a",`), true},
		{"short members", repeat(`{"a":1},`), true},
		{"few digits", "[" + strings.Repeat("0,", 30000) + "0]", true},
	} {
		_, err := fhirjson.Parse([]byte(c.src))
		if got := err == nil; got != c.want {
			t.Errorf("%s: read %v (%v), want %v", c.name, got, err, c.want)
		}
	}
}
