package validate_test

import (
	"bytes"
	"path"
	"testing"

	"firebreak/fhirjson"
	"firebreak/validate"
)

func TestEverySyntheaResourceIsSound(t *testing.T) {
	bundles, resources := 0, 0
	archive(t, "synthea-r4-120p.tar.xz", func(file string, content []byte) {
		for _, line := range documents(path.Ext(file), content) {
			doc := parse(t, line)
			bundles++
			for _, issue := range validate.Resource(doc, "") {
				t.Errorf("%s: %+v", file, issue)
			}
			for e := range doc.Field("entry").Children() {
				resources++
				if issues := validate.Resource(e.Field("resource"), ""); len(issues) > 0 && !conditional(e.Field("resource")) {
					t.Errorf("%s: entry %d by itself: %+v", file, resources, issues[0])
				}
			}
		}
	})
	t.Logf("%d documents, %d resources", bundles, resources)
	if bundles < 120 || resources < 10000 {
		t.Errorf("only %d documents with %d resources", bundles, resources)
	}
}

// documents are the JSON documents of a file: the lines of ndjson, or all of it.
func documents(ext string, content []byte) [][]byte {
	switch ext {
	case ".json":
		return [][]byte{content}
	case ".ndjson":
		var out [][]byte
		for line := range bytes.Lines(content) {
			out = append(out, bytes.TrimSpace(line))
		}
		return out
	default:
		return nil
	}
}

// conditional reports whether references are of the kind that a transaction
// alone may hold.
func conditional(n fhirjson.Node) bool { return bytes.Contains(n.Raw(), []byte(`?identifier=`)) }
