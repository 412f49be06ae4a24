package validate_test

import (
	"path"
	"strings"
	"testing"

	"firebreak/fhirjson"
)

// TestJSONTestSuite holds fhirjson to Nicolas Seriot's JSONTestSuite (MIT):
// y_ must parse, n_ must not. RFC 8259 leaves the i_ files open; we say which
// we take, so that a change is noticed.
func TestJSONTestSuite(t *testing.T) {
	accepted := map[string]bool{}
	yes, no := 0, 0
	archive(t, "jsontestsuite-MIT.tar.xz", func(file string, content []byte) {
		name := path.Base(file)
		_, err := fhirjson.Parse(content)
		switch {
		case path.Ext(name) != ".json":
		case strings.HasPrefix(name, "y_"):
			yes++
			// The suite allows an object to have a name twice; RFC 8259 section
			// 4 says SHOULD be unique, and for us a repeated name is an attack.
			repeats := strings.HasPrefix(name, "y_object_duplicated_key")
			if (err == nil) == repeats {
				t.Errorf("%s: Parse = %v", name, err)
			}
		case strings.HasPrefix(name, "n_"):
			no++
			if err == nil {
				t.Errorf("%s: parsed", name)
			}
		case strings.HasPrefix(name, "i_"):
			accepted[name] = err == nil
		}
	})
	t.Logf("%d y_, %d n_, %d i_", yes, no, len(accepted))
	if yes < 90 || no < 180 {
		t.Errorf("only %d y_ and %d n_ files", yes, no)
	}
	for name, ok := range accepted {
		// Numbers of any size are kept as digits; everything else that is
		// open is bad UTF-8, a lone surrogate, a byte order mark or too deep.
		if number := strings.HasPrefix(name, "i_number_"); ok != number {
			t.Errorf("%s: accepted = %v, want %v", name, ok, number)
		}
	}
}
