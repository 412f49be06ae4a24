package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
)

// longTexts asks for texts, codes, systems and URLs that are longer than an
// index entry and begin alike: each must be found by all of itself, by its
// beginning and by any part of it, and none by another's end.
func longTexts(t *testing.T, open Opener) {
	w := newWorld(t, open, 5)
	runes := []rune(counted)
	texts := []string{counted, counted + "a", counted + "A", counted + "b c", string(runes[:len(runes)-1]), string(runes[:120])}
	var ops []op
	const labelled = `"meta":{"tag":[{"system":"urn:test:org","code":"north"}]}`
	for i, s := range texts {
		ops = append(ops, put(fmt.Sprintf(`{"resourceType":"Observation","id":"x%d",%s,"status":"final","valueString":%q,"code":{"coding":[{"system":"http://s/%s","code":%q}]},"subject":{"reference":"http://e/%s"}}`, i, labelled, s, s, s, s)),
			put(fmt.Sprintf(`{"resourceType":"ValueSet","id":"x%d",%s,"status":"active","url":"http://v/%s"}`, i, labelled, s)))
	}
	w.do(ops...)
	a := w.all()
	o := newOracle(t, w, a)
	found := 0
	ask := func(typ, name, value string) {
		t.Helper()
		q, err := search.Parse([]string{typ}, []search.Pair{{Name: name, Value: value}}, search.Options{Strict: true})
		if err != nil {
			t.Fatalf("%s=%.40s: %v", name, value, err)
		}
		q.Count = 500
		found += agree(t, w, o, a, q, fmt.Sprintf("%s=%.40s", name, value))
	}
	for _, s := range texts {
		for name, value := range map[string]string{"value-string:exact": s, "code": s, "subject": "http://e/" + s} {
			ask("Observation", name, value)
			ask("Observation", name, value+"z")
		}
		ask("Observation", "code", "http://s/"+s+"|"+s)
		ask("Observation", "code", "http://s/"+s+"z|"+s)
		ask("ValueSet", "url", "http://v/"+s)
		ask("ValueSet", "url:above", "http://v/"+s+"/more")
	}
	if want := 6*5 + 6 + 2; found != want { // a code has no case, so A finds a
		t.Errorf("%d found by all of their text, want %d", found, want)
	}
	found = 0
	for from := 0; from+12 < len(runes); from += 5 {
		ask("Observation", "value-string:contains", string(runes[from:from+12]))
	}
	if found < 5*((len(runes)-12)/5) {
		t.Errorf("%d found by a part", found)
	}
	ask("Observation", "value-string", string(runes[:150]))
	ask("ValueSet", "url:below", "http://v/"+string(runes[:150]))
}

// longSets: a resource may be of, and name, more patients than fit in an index.
func longSets(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	var labels []string
	for i := range 300 {
		labels = append(labels, fmt.Sprintf("subject=%x", sha256.Sum256(fmt.Append(nil, i))), fmt.Sprintf("mention=%x", sha256.Sum256(fmt.Append(nil, -i))))
	}
	one, last := strings.TrimPrefix(labels[0], "subject="), strings.TrimPrefix(labels[598], "subject=")
	err := w.try(context.Background(), nil, func(*store.Tx) error { return errWanted }, put(simple("a", labels...)))
	if !errors.Is(err, errWanted) {
		t.Fatal(err)
	}
	w.do(put(simple("b", "subject=b")))
	w.do(put(simple("a", labels...)), put(simple("c", labels[:598]...)))
	w.do(put(simple("d", labels...)))
	for range 2 {
		same(t, w)
		for name, patient := range map[string]string{"one": one, "the last": last, "another": "b"} {
			a := w.access(func(fhir.Action, string) gate.Rule { return gate.KeyTest{Relation: gate.SubjectIs, Holder: patient} })
			agree(t, w, newOracle(t, w, a), a, query("Patient", cond{}, 10), name)
		}
		w.do(put(simple("a", "subject=b")))
	}
}
