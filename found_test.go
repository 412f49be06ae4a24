package firebreak_test

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// What the two worlds test has found, each in its smallest form.

func reading(id, code, more string) string {
	return `{"resourceType":"Observation","id":"` + id + `",` + more + `"status":"final","code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},"subject":{"reference":"Patient/amy"}}`
}

const labelledV = `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]},`

func TestATypeWithoutRecordsIsFoundEmpty(t *testing.T) {
	r := newRig(t)
	for _, url := range []string{"Device", "Device?_count=0", "?_type=Device,Group", "Device/_history"} {
		a := r.do("adams", "GET", url, "")
		if a.status != 200 || a.json(t)["total"] != 0.0 {
			t.Errorf("%s = %v, want an empty page", url, a)
		}
	}
}

func TestAHiddenVersionDoesNotMoveAt(t *testing.T) {
	for _, scope := range []string{"user/*.cruds", "user/Observation.rs?code=a"} {
		r := newRig(t)
		id := r.people["adams"]
		id.Scope = scope
		r.people["adams"] = id
		r.put("importer", reading("o", "a", ""))
		r.put("importerS", reading("o", "a", ""))
		between := r.clock.Now()
		r.clock.Advance(time.Minute)
		r.put("importer", reading("o", "a", ""))
		for _, path := range []string{"Observation/o/_history", "Observation/_history", "_history"} {
			a := r.do("adams", "GET", path+"?_at="+url.QueryEscape(between.Format(time.RFC3339)), "")
			if a.json(t)["total"] != 1.0 || strings.Count(a.body, `"fullUrl"`) != 1 {
				t.Errorf("%s under %s: %v, want the version that was the last to be seen", path, scope, a)
			}
		}
	}
}

func TestAnOldVersionHasItsOwnAuthor(t *testing.T) {
	r := newRig(t)
	r.put("importer", reading("o", "a", labelledV))
	r.put("importer", reading("o", "b", ""))
	if a := r.do("adams", "PUT", "Observation/o", reading("o", "c", "")); a.status != 200 {
		t.Fatalf("update: %v", a)
	}
	for _, path := range []string{"Observation/o/_history", "Observation/_history", "_history"} {
		a := r.do("adams", "GET", path, "")
		if a.json(t)["total"] != 2.0 || strings.Count(a.body, `"fullUrl"`) != 2 {
			t.Errorf("%s: %v, want the two versions without the very restricted one of another author", path, a)
		}
	}
}

func TestACareTeamCountsForAChangeWhereSeeingNeedsNone(t *testing.T) {
	s := newSide(t, openers()[0], standard(), variants[6:7])
	by := writer{org: "Organization/north", author: "Practitioner/importer", asserts: true}.String()
	s.loader.put(by, `{"resourceType":"CareTeam","id":"c","status":"active","subject":{"reference":"Patient/amy"},"participant":[{"member":{"reference":"Practitioner/adams"}}]}`)
	s.loader.put(by, reading("o", "a", ""))
	if a := s.do("adams", "PUT", "Observation/o", reading("o", "b", "")); a.status != 200 {
		t.Errorf("a member of the care team may change it: %v", a)
	}
	if a := s.do("baker", "PUT", "Observation/o", reading("o", "b", "")); a.status != 403 {
		t.Errorf("one who is not may not: %v", a)
	}
}

func TestAConditionMatchesOnlyWhatMayBeSearched(t *testing.T) {
	r := newRig(t)
	id := r.people["adams"]
	id.Scope = "user/Observation.cud user/Observation.rs?code=public"
	r.people["adams"] = id
	r.put("importer", reading("o", "secret", ""))
	for _, method := range []string{"DELETE", "PUT", "PATCH"} {
		body := map[string]string{"PUT": strings.Replace(reading("o", "public", ""), `"id":"o",`, "", 1), "PATCH": `[{"op":"test","path":"/status","value":"final"}]`}[method]
		right := r.do("adams", method, "Observation?_id=o&code=secret", body, `If-Match: W/"other"`)
		wrong := r.do("adams", method, "Observation?_id=o&code=guess", body, `If-Match: W/"other"`)
		if right.String() != wrong.String() {
			t.Errorf("%s tells a guess of what may not be searched: %v\n%v", method, right, wrong)
		}
	}
}

// A link names the last row of its page. That the row is hidden now, or gone, is
// not for the link to tell: it goes on from where it stood.
func TestAPageGoesOnFromWhatIsHiddenNow(t *testing.T) {
	for _, url := range []string{"Observation?_count=1", "Observation?_count=1&_sort=code", "Observation/_history?_count=1", "_history?_count=1"} {
		var got [2]answer
		for n := range got {
			s := newSide(t, openers()[0], standard(), nil)
			for _, id := range []string{"o", "p", "q"} {
				s.put("importer", reading(id, "a", ""))
			}
			first := s.do("adams", "GET", url, "")
			shown := dig(first.json(t)["entry"].([]any)[0], "resource", "id").(string)
			s.put("importer", reading(shown, "a", labelledV))
			if n == 1 {
				s.forget(&record{typ: "Observation", id: shown}, s.dump()["Observation/"+shown])
			}
			s.n = 100
			s.clock.Set(start.Add(5 * time.Minute))
			got[n] = s.do("adams", "GET", nextLink(first.body), "")
		}
		if got[0].status != 200 || got[0].body != got[1].body {
			t.Errorf("%s: with a hidden record %v\nwithout %v", url, got[0], got[1])
		}
	}
}
