package search_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// Whatever the pieces are, a value that :contains takes is within one of them
// where it is in the text. The row with the whole counts as its first bytes.
func TestPiecesOfALongTextHaveEveryPart(t *testing.T) {
	x := search.NewExtractor()
	letters := rapid.StringOfN(rapid.RuneFrom([]rune("abc \u4e2d\u0438\U0001F600")), 450, 1600, 4000)
	rapid.Check(t, func(t *rapid.T) {
		text := letters.Draw(t, "text")
		rows, err := x.Extract(parse(t, `{"resourceType":"Observation","valueString":`+string(fhirjson.Quote(text))+`}`))
		if err != nil {
			t.Fatal(err)
		}
		folded, pieces := "", []string(nil)
		for _, r := range rows {
			switch {
			case r.Param.Code != "value-string":
			case r.Part == search.Whole:
				folded = r.Value
				pieces = append(pieces, strings.ToValidUTF8(folded[:min(len(folded), search.KeptIndexed)], ""))
			case r.Part == search.Rest:
				pieces = append(pieces, r.Value)
				if len(r.Value) > search.MaxIndexed || !strings.Contains(folded, r.Value) {
					t.Errorf("a piece of %d bytes", len(r.Value))
				}
			}
		}
		if folded == "" {
			return
		}
		if len(folded) <= search.MaxIndexed {
			if len(pieces) != 1 {
				t.Errorf("%d pieces of a text that is whole", len(pieces))
			}
			return
		}
		for from := range folded {
			to := min(from+search.MaxContained, len(folded))
			part := strings.ToValidUTF8(folded[from:to], "")
			found := false
			for _, p := range pieces {
				found = found || strings.Contains(p, part)
			}
			if !found {
				t.Fatalf("bytes %d to %d of %d are in none of %d pieces", from, to, len(folded), len(pieces))
			}
		}
	})
}

func TestLongTextsAreToldApartAndFoundByAnyPart(t *testing.T) {
	x := search.NewExtractor()
	long := strings.Repeat("0123456789", 60)
	body := `{"resourceType":"Observation","valueString":"` + long + `the end"}`
	for query, want := range map[string]bool{
		"value-string:exact=" + long + "the end": true, "value-string:exact=" + long + "the End": false, "value-string:exact=" + long: false,
		"value-string=" + long[:400]: true, "value-string=" + long[:399] + "x": false,
		"value-string:contains=9the end": true, "value-string:contains=the end.": false, "value-string:contains=" + long[:100]: true, "value-string:contains=THE": true,
	} {
		matches(t, x, body, query, want)
	}
	url := "http://example.org/" + long
	valueSet := `{"resourceType":"ValueSet","url":"` + url + `/a"}`
	for query, want := range map[string]bool{
		"url=" + url + "/a": true, "url=" + url + "/b": false, "url=" + url: false, "url:below=" + url[:400]: true, "url:above=" + url + "/a/b": true, "url:above=" + url + "/b": false,
	} {
		matches(t, x, valueSet, query, want)
	}
}
