package search_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

func TestFoldIgnoresCaseAndAccents(t *testing.T) {
	for in, want := range map[string]string{
		"":               "",
		"  ":             "",
		"peter":          "peter",
		" Peter \t van ": "peter van",
		"MÜLLER":         "muller",
		"Mu\u0308ller":   "muller",
		"Straße":         "strasse",
		"ΌΣΟΣ":           "οσοσ",
		"İstanbul":       "istanbul",
		"Ёлка":           "елка",
		"हिन्दी":         "हिन्दी", // vowel signs are no accents
		"한글":             "한글",
		"a\xffb":         "a\uFFFDb",
		"x\u00a0y":       "x y",
	} {
		if got := search.Fold(in); got != want {
			t.Errorf("Fold(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestFoldIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if once := search.Fold(s); search.Fold(once) != once {
			t.Errorf("Fold(Fold(%q)) = %q, Fold = %q", s, search.Fold(once), once)
		}
	})
	for r := rune(0); r < 0x20000; r++ { // every letter, not only those drawn
		if once := search.Fold("a" + string(r)); search.Fold(once) != once {
			t.Errorf("U+%04X: Fold = %q, twice %q", r, once, search.Fold(once))
		}
	}
}

func TestEscapeIsUndone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		if got := search.Unescape(search.Escape(s)); got != s {
			t.Errorf("unescape(Escape(%q)) = %q", s, got)
		}
		for _, sep := range []byte(",|$") {
			if n := len(search.SplitUnescaped(search.Escape(s), sep, -1)); n != 1 {
				t.Errorf("Escape(%q) splits at %c into %d", s, sep, n)
			}
		}
	})
}

func ExampleFold() {
	fmt.Println(search.Fold("  José  GARCÍA "))
	// Output: jose garcia
}

func ExampleExtractor_Match() {
	doc, err := fhirjson.Parse([]byte(`{"resourceType":"Patient","name":[{"family":"Núñez"}],"birthDate":"1980-05"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	x := search.NewExtractor()
	for _, pair := range []search.Pair{{Name: "name", Value: "nunez"}, {Name: "birthdate", Value: "1980"}, {Name: "birthdate", Value: "1980-05-01"}} {
		q, err := search.Parse([]string{"Patient"}, []search.Pair{pair}, search.Options{Strict: true})
		if err != nil {
			fmt.Println(err)
			return
		}
		ok, err := x.Match(q.Branches[0].Where, doc.Root(), search.Meta{})
		fmt.Println(pair.Name, pair.Value, ok, err)
	}
	// Output:
	// name nunez true <nil>
	// birthdate 1980 true <nil>
	// birthdate 1980-05-01 false <nil>
}

func ExampleParse() {
	q, err := search.Parse([]string{"Observation"}, []search.Pair{
		{Name: "patient.name", Value: "eve"},
		{Name: "value-quantity", Value: "gt5.4||mg"},
	}, search.Options{Strict: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(show(q.Branches[0].Where))
	// Output: and(patient>Patient(name=eve) value-quantity=gt5.4[5.35,5.45) mg)
}
