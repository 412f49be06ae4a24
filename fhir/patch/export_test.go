package patch

import "firebreak/fhirjson"

// CountedSize is the size that the limit is held against after the operations,
// which apply.
func CountedSize(document, operations *fhirjson.Doc) int {
	ops, _ := read(operations)
	p := &patching{root: value{from: document.Root()}, received: document.Root()}
	for i := range ops {
		p.perform(&ops[i])
	}
	return p.root.size()
}
