package demo_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/demo"
	"firebreak/fhirjson"
	"firebreak/validate"
)

const seed = 20260401

var today = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

// full is the data set of the demo, made once: nothing changes it.
var full = sync.OnceValue(func() []demo.Record { return demo.Generate(seed, today, demo.DefaultPatients) })

// parsed are the full set's documents, in its order.
var parsed = sync.OnceValue(func() []fhirjson.Node {
	var out []fhirjson.Node
	for _, r := range full() {
		doc, err := fhirjson.Parse(r.JSON)
		if err != nil {
			panic(err)
		}
		out = append(out, doc.Root())
	}
	return out
})

func subject(n fhirjson.Node) string {
	if s := n.Field("subject").Field("reference").Text(); s != "" {
		return s
	}
	return n.Field("patient").Field("reference").Text()
}

func key(r demo.Record) string { return r.Type + "/" + r.ID }

func ExampleExamples() {
	records := demo.Generate(1, time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), 30)
	fmt.Println(demo.Examples(records)["amy"])
	// Output: Patient/amy
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	again := demo.Generate(seed, today.Add(7*time.Hour), demo.DefaultPatients)
	if len(again) != len(full()) {
		t.Fatalf("%d records, want %d", len(again), len(full()))
	}
	for i, r := range full() {
		a := again[i]
		if !bytes.Equal(a.JSON, r.JSON) || a.Author != r.Author || a.Organization != r.Organization || a.Asserts != r.Asserts {
			t.Fatalf("record %d differs:\n%s\n%s", i, a.JSON, r.JSON)
		}
	}
}

func TestAnotherSeedGivesOtherIDs(t *testing.T) {
	fixed := map[string]bool{}
	for _, u := range demo.Users() {
		fixed[u.FHIRUser], fixed[u.Organization] = true, true
	}
	mine := map[string]bool{}
	for _, r := range full() {
		mine[r.ID] = true
	}
	for _, r := range demo.Generate(seed+1, today, 50) {
		if mine[r.ID] && !fixed[key(r)] {
			t.Errorf("%s is in both sets", key(r))
		}
	}
}

func TestIDsTellNothing(t *testing.T) {
	opaque, named := regexp.MustCompile(`^[a-z2-7]{20}$`), 0
	seen := map[string]bool{}
	for _, r := range full() {
		if seen[r.ID] {
			t.Errorf("%s appears twice", key(r))
		}
		seen[r.ID] = true
		if !opaque.MatchString(r.ID) {
			named++
		}
	}
	if named != 9 { // two hospitals, six practitioners, Amy
		t.Errorf("%d ids are not opaque, want 9", named)
	}
}

func TestEveryRecordIsSound(t *testing.T) {
	shown := 0
	for i, r := range full() {
		n := parsed()[i]
		if !n.Field("resourceType").Is(r.Type) || !n.Field("id").Is(r.ID) {
			t.Errorf("record %d is not the %s/%s it says", i, r.Type, r.ID)
		}
		for _, issue := range validate.Resource(n, r.Type) {
			if shown++; shown < 20 {
				t.Errorf("%s: %+v", key(r), issue)
			}
		}
	}
}

// refs yields every literal reference in a document.
func refs(n fhirjson.Node, yield func(string)) {
	for c := range n.Children() {
		if c.Name() == "reference" && c.Kind() == fhirjson.String {
			yield(c.Text())
		}
		refs(c, yield)
	}
}

func TestEveryReferencePointsToAnEarlierRecord(t *testing.T) {
	have := map[string]bool{}
	for i, r := range full() {
		refs(parsed()[i], func(target string) {
			if !have[target] {
				t.Errorf("%s refers to %s, which does not precede it", key(r), target)
			}
		})
		have[key(r)] = true
	}
}

func TestRecordsReferToTheirOwnPatientOnly(t *testing.T) {
	whose := map[string]string{}
	for i, r := range full() {
		n := parsed()[i]
		whose[key(r)] = subject(n)
		refs(n, func(target string) {
			if whose[target] != "" && whose[target] != whose[key(r)] {
				t.Errorf("%s refers to %s, which is of another patient", key(r), target)
			}
		})
	}
}

func numbers(n fhirjson.Node, yield func(string)) {
	for c := range n.Children() {
		if c.Kind() == fhirjson.Number {
			yield(c.Text())
		}
		numbers(c, yield)
	}
}

func TestDecimalsHaveAtMostTwoDigits(t *testing.T) {
	sensible := regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]{1,2})?$`)
	for i, r := range full() {
		numbers(parsed()[i], func(v string) {
			if !sensible.MatchString(v) {
				t.Errorf("%s holds the number %s", key(r), v)
			}
		})
	}
}

func TestTheDemoIsLargeAndQuickEnough(t *testing.T) {
	start := time.Now()
	demo.Generate(seed+2, today, demo.DefaultPatients)
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("generation took %v, want at most 2 s", took)
	}
	count, size := map[string]map[string]int{}, 0
	for _, r := range full() {
		if count[r.Type] == nil {
			count[r.Type] = map[string]int{}
		}
		count[r.Type][r.Organization]++
		size += len(r.JSON)
	}
	types := make([]string, 0, len(count))
	for typ := range count {
		types = append(types, typ)
	}
	sort.Strings(types)
	for _, typ := range types {
		t.Logf("%-20s directory %4d  north %5d  south %5d", typ, count[typ][""], count[typ]["north"], count[typ]["south"])
	}
	t.Logf("%d records, %d bytes", len(full()), size)
	if n := len(full()); n < 12000 || n > 17000 {
		t.Errorf("%d records, want 12 000 to 17 000", n)
	}
	north, all := count["Patient"]["north"], demo.DefaultPatients
	if north+count["Patient"]["south"] != all || north*100/all < 54 || north*100/all > 66 {
		t.Errorf("%d of %d patients are in the north, want some 60 %%", north, all)
	}
	for _, typ := range []string{"AllergyIntolerance", "Appointment", "CarePlan", "CareTeam", "Condition", "Coverage",
		"DiagnosticReport", "DocumentReference", "Encounter", "Group", "Immunization", "MedicationRequest",
		"Observation", "Procedure", "RelatedPerson"} {
		if count[typ]["north"] == 0 || count[typ]["south"] == 0 {
			t.Errorf("%s: %v, want some in both hospitals", typ, count[typ])
		}
	}
}

func TestSmallSetsHoldTogether(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 2, 5, 11, 12, 13, 24, 40} {
		have, patients := map[string]bool{}, 0
		for _, r := range demo.Generate(3, today, n) {
			doc, err := fhirjson.Parse(r.JSON)
			if err != nil {
				t.Fatal(err)
			}
			refs(doc.Root(), func(target string) {
				if !have[target] {
					t.Errorf("%d patients: %s refers to %s", n, key(r), target)
				}
			})
			have[key(r)] = true
			if r.Type == "Patient" {
				patients++
			}
		}
		if patients != max(n, 1) || !have["Patient/amy"] {
			t.Errorf("%d patients, Amy %v; want %d and true", patients, have["Patient/amy"], max(n, 1))
		}
	}
}

func TestTheDataSuitsManySeeds(t *testing.T) {
	for s := range uint64(8) {
		records := demo.Generate(s, today.AddDate(0, int(s)*5, int(s)), demo.DefaultPatients)
		if n := len(records); n < 12000 || n > 17500 {
			t.Errorf("seed %d: %d records", s, n)
		}
		examples := demo.Examples(records)
		for _, name := range exampleNames() {
			if examples[name] == "" {
				t.Errorf("seed %d: no example %q", s, name)
			}
		}
		for _, code := range []string{"R", "V", "PSY", "ETHUD", "OPIOIDUD", "HIV", "SDV"} {
			label := []byte(`","code":"` + code + `","display"`)
			if !slices.ContainsFunc(records, func(r demo.Record) bool { return bytes.Contains(r.JSON, label) }) {
				t.Errorf("seed %d: nothing is labelled %s", s, code)
			}
		}
	}
}

func exampleNames() []string {
	return strings.Fields(`amy amy-observation amy-south-observation amy-restricted-condition
		north-patient north-observation north-condition north-document
		south-patient south-observation south-condition south-document
		careteam-both shared-patient shared-south-observation visitor-patient visitor-south-encounter
		twin-north twin-south restricted-condition restricted-observation deceased-patient`)
}

func TestNarrativesAreWellFormed(t *testing.T) {
	found := 0
	for i, n := range parsed() {
		div := n.Field("text").Field("div")
		if !div.Exists() {
			continue
		}
		found++
		d := xml.NewDecoder(strings.NewReader(div.Text()))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", key(full()[i]), err)
			}
		}
	}
	if found < 100 {
		t.Errorf("%d narratives, want 100 or more", found)
	}
}

func TestSomeNamesAreNotLatin(t *testing.T) {
	diacritics, scripts := 0, 0
	for i, r := range full() {
		if r.Type != "Patient" {
			continue
		}
		text := ""
		for name := range parsed()[i].Field("name").Children() {
			text += name.Field("text").Text()
		}
		if strings.IndexFunc(text, func(c rune) bool { return c > 0x7f && c < 0x250 || c >= 0x1e00 && c < 0x1f00 }) >= 0 {
			diacritics++
		}
		if slices.ContainsFunc([]rune(text), func(c rune) bool { return c >= 0x370 && c < 0x1e00 || c > 0x2fff }) {
			scripts++
		}
	}
	if diacritics < 20 || scripts < 8 {
		t.Errorf("%d names with diacritics, %d in other scripts; want 20 and 8", diacritics, scripts)
	}
}
