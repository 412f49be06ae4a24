package store

import (
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
)

// A writer of many classes makes a set of classes with each, and whoever searches
// meanwhile asks under each of them. They are not all kept.
func TestVisibilitiesAreKeptForOneSetOfClasses(t *testing.T) {
	var c visCache
	key := func(s *termSet) visKey { return visKey{caller: "a", action: fhir.ActSearch, typ: "Patient", terms: s} }
	older := &termSet{classes: make([]gate.Class, 2)}
	newer := &termSet{classes: make([]gate.Class, 3)}
	c.put(key(older), &visibility{})
	if c.get(key(older)) == nil {
		t.Error("what was put is not there")
	}
	c.put(key(newer), &visibility{})
	if c.get(key(older)) != nil || c.get(key(newer)) == nil {
		t.Error("a visibility of older classes is kept, or that of newer ones is not")
	}
	c.put(key(older), &visibility{})
	if c.get(key(older)) != nil || c.get(key(newer)) == nil {
		t.Error("a late search under older classes drove out the newer ones")
	}
}
