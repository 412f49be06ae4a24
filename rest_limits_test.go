package firebreak_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak"
)

// Includes have a limit, and what the caller may not see does not count
// towards it.
func TestTooManyIncludesAreRefusedByWhatIsVisible(t *testing.T) {
	if testing.Short() {
		t.Skip("stores 4 000 resources")
	}
	r := newRig(t)
	r.put("importer", `{"resourceType":"Patient","id":"few","name":[{"family":"Few"}]}`)
	r.put("importer", `{"resourceType":"Patient","id":"many","name":[{"family":"Many"}]}`)
	fill := func(who, patient string) {
		entries := make([][]string, 1000)
		for i := range entries {
			entries[i] = []string{"POST", "Observation", strings.Replace(heartRate, "Patient/amy", "Patient/"+patient, 1)}
		}
		body := bundleOf("transaction", entries...)
		for range 2 {
			r.do(who, "POST", "", body, "Prefer: return=minimal").is(t, 200)
		}
		r.create(who, entries[0][2])
	}
	fill("adams", "many")
	fill("chen", "few")
	r.create("adams", strings.Replace(heartRate, "Patient/amy", "Patient/few", 1))
	a := r.do("adams", "GET", "Patient?_id=few&_revinclude=Observation:patient", "")
	if got := a.found(t, "include"); len(got) != 1 {
		t.Errorf("%d included, want 1", len(got))
	}
	r.do("adams", "GET", "Patient?_id=many&_revinclude=Observation:patient", "").is(t, 413)
	if got := r.count("adams", "Observation?code=8867-4"); got != 2002.0 {
		t.Errorf("total = %v, want 2002", got)
	}
	page := r.do("adams", "GET", "Observation?_count=100000", "")
	if got := page.found(t, "match"); len(got) != 500 || page.link(t, "self") != base+"/Observation?_count=500" {
		t.Errorf("a page of %d, self %s", len(got), page.link(t, "self"))
	}
}

// What is on the page already takes no room from what is included: nothing is
// left out without a word, and which it would be is not for the order in which
// resources were made to say.
func TestIncludesThatAreOnThePageTakeNoRoom(t *testing.T) {
	if testing.Short() {
		t.Skip("stores 2 000 resources")
	}
	r := newRig(t)
	var entries [][]string
	var members []any
	put := func(id string, o obj) {
		o["resourceType"], o["id"], o["status"], o["code"] = "Observation", id, "final", obj{"text": "x"}
		members = append(members, obj{"reference": "Observation/" + id})
		entries = append(entries, []string{"PUT", "Observation/" + id, encode(o)})
	}
	for n := range 4 {
		put(fmt.Sprint("panel", n), obj{"language": "en"})
	}
	for n := range 1999 {
		put(fmt.Sprint("member", n), obj{})
	}
	for part := range slices.Chunk(entries, 1000) {
		r.do("importer", "POST", "", bundleOf("transaction", part...), "Prefer: return=minimal").is(t, 200)
	}
	for n := range 4 {
		put(fmt.Sprint("panel", n), obj{"language": "en", "hasMember": members[:2003]})
		r.do("importer", "PUT", fmt.Sprint("Observation/panel", n), entries[len(entries)-1][2]).is(t, 200)
	}
	a := r.do("adams", "GET", "Observation?_id=panel0,panel1,panel2,panel3&_include=Observation:has-member", "")
	if page, got := a.found(t, "match"), a.found(t, "include"); len(page) != 4 || len(got) != 1999 {
		t.Errorf("%d included beside %d, want 1999 beside 4", len(got), len(page))
	}
}

// Of two matches the hidden one does not count.
func TestAHiddenSecondMatchIsNoMatch(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", patient("1", "Mine"))
	r.create("chen", patient("1", "Theirs"))
	if got := r.do("adams", "POST", "Patient", patient("1", "x"), "If-None-Exist: identifier=1").is(t, 200).json(t)["id"]; got != id {
		t.Errorf("matched %v, want %s", got, id)
	}
	r.do("adams", "PUT", "Patient?identifier=1", patient("1", "y")).is(t, 200)
	r.do("adams", "PATCH", "Patient?identifier=1", `[{"op":"add","path":"/active","value":true}]`).is(t, 200)
	refer := bundleOf("transaction", []string{"POST", "Observation", strings.Replace(heartRate, "Patient/amy", "Patient?identifier=1", 1)})
	if got := dig(r.do("adams", "POST", "", refer).entries(t)[0], "resource", "subject", "reference"); got != "Patient/"+id {
		t.Errorf("referred to %v, want Patient/%s", got, id)
	}
	r.do("adams", "DELETE", "Patient?identifier=1", "").is(t, 204)
	if got := r.count("chen", "Patient?identifier=1"); got != 1.0 {
		t.Errorf("the hidden one: %v, want 1", got)
	}
}

// search.html#include: :iterate goes on as long as it finds something. A page
// that would hold too much by it is refused: one that was cut off would look
// whole.
func TestIteratingIncludesGoOnUntilNothingIsNew(t *testing.T) {
	if testing.Short() {
		t.Skip("stores 2 002 resources")
	}
	r := newRig(t)
	var entries [][]string
	for n := range 2002 {
		o := obj{"resourceType": "Observation", "id": fmt.Sprint("step", n), "status": "final", "code": obj{"text": "x"}}
		if n > 0 {
			o["derivedFrom"] = []any{obj{"reference": fmt.Sprint("Observation/step", n-1)}}
		}
		entries = append(entries, []string{"PUT", fmt.Sprint("Observation/step", n), encode(o)})
	}
	for part := range slices.Chunk(entries, 1000) {
		r.do("importer", "POST", "", bundleOf("transaction", part...), "Prefer: return=minimal").is(t, 200)
	}
	for _, steps := range []int{8, 9, 65, 2000} {
		forth := fmt.Sprintf("Observation?_id=step%d&_include:iterate=Observation:derived-from", steps)
		back := fmt.Sprintf("Observation?_id=step%d&_revinclude:iterate=Observation:derived-from", 2001-steps)
		for _, query := range []string{forth, back} {
			if got := r.do("adams", "GET", query, "").found(t, "include"); len(got) != steps {
				t.Errorf("%s included %d, want %d", query, len(got), steps)
			}
		}
	}
	for _, query := range []string{"_id=step2001&_include:iterate=Observation:derived-from", "_id=step0&_revinclude:iterate=Observation:derived-from"} {
		r.do("adams", "GET", "Observation?"+query, "").is(t, 413)
	}
}

// Chains go eight hops deep, forth, back and both; limits.chain says otherwise.
func TestChainsGoEightHopsDeep(t *testing.T) {
	r := newRig(t)
	for n := range 10 {
		o := obj{"resourceType": "Observation", "id": fmt.Sprint("step", n), "status": "final", "code": obj{"text": fmt.Sprint("text", n)}}
		if n > 0 {
			o["derivedFrom"] = []any{obj{"reference": fmt.Sprint("Observation/step", n-1)}}
		}
		r.put("importer", encode(o))
	}
	forth := func(hops int) string { return strings.Repeat("derived-from:Observation.", hops) }
	back := func(hops int) string { return strings.Repeat("_has:Observation:derived-from:", hops) }
	for query, want := range map[string]string{
		forth(4) + "code:text=text2":                     "step6",
		forth(8) + "code:text=text0":                     "step8",
		strings.Repeat("derived-from.", 8) + "_id=step1": "step9",
		back(8) + "code:text=text9":                      "step1",
		back(5) + forth(3) + "_id=step6":                 "step4",
	} {
		if got := r.do("adams", "GET", "Observation?"+query, "").found(t, "match"); !slices.Equal(got, []string{want}) {
			t.Errorf("%s found %v, want %s", query, got, want)
		}
	}
	for _, query := range []string{forth(9), back(9), back(5) + forth(4)} {
		r.do("adams", "GET", "Observation?"+query+"_id=step0", "").is(t, 400)
	}
}

// TestWhoAsksTooFastIsToldWhen: requests are counted, whatever they ask for and
// however they are answered, so the refusal tells nothing about what is stored.
func TestWhoAsksTooFastIsToldWhen(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	const most = 6
	asks := map[string]func(r *rig) answer{
		"what may be seen": func(r *rig) answer { return r.do("adams", "GET", "Patient/amy", "") },
		"what is hidden":   func(r *rig) answer { return r.do("adams", "GET", "Patient/bob", "") },
		"what is not":      func(r *rig) answer { return r.do("adams", "GET", "Patient/nobody", "") },
		"nonsense":         func(r *rig) answer { return r.do("adams", "GET", "Nonsense?x=y", "") },
		"a batch": func(r *rig) answer {
			return r.do("adams", "POST", "", bundleOf("batch", []string{"GET", "Patient/amy", ""}, []string{"GET", "Patient/bob", ""}))
		},
	}
	for name, ask := range asks {
		slow := r.serverWith(func(p *firebreak.Parts) { p.Limits.Person = firebreak.Rate{PerSecond: 1, Burst: most} })
		still := func(what func(*rig) answer) answer { // a rig's clock goes on by a second with each request
			slow.clock.Advance(-time.Second)
			return what(slow)
		}
		for n := range most {
			if a := still(ask); a.status == 429 {
				t.Errorf("%s: request %d is refused", name, n+1)
			}
		}
		for range 3 {
			a := still(ask)
			a.is(t, 429)
			if got := a.issues(t)[0]["code"]; got != "throttled" || a.first("Retry-After") != "1" {
				t.Errorf("%s: %v, Retry-After %q", name, got, a.first("Retry-After"))
			}
		}
		if a := still(func(r *rig) answer { return r.do("", "GET", "metadata", "") }); a.status != 200 {
			t.Errorf("%s: what needs no sign-in is counted: %v", name, a.status)
		}
		if a := still(func(r *rig) answer { return r.do("chen", "GET", "Patient/amy", "") }); a.status == 429 {
			t.Errorf("%s: another person is refused", name)
		}
		slow.clock.Advance(time.Second)
		if a := still(ask); a.status == 429 {
			t.Errorf("%s: refused after the time that was named", name)
		}
	}
}
