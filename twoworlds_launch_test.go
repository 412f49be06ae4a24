package firebreak_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestSigningInTellsNothingOfHiddenRecords is the promise for the authorization
// server: who can be found, chosen and launched for, what the pages, tokens,
// userinfo and introspection say, and what the tokens then open, is in a world
// with hidden records what it is in one that never held them. What may differ is
// what is drawn by chance: see tellings.
//
// The oracle keeps both from being wrong together: whom a page lists the person
// may find; whom an application is told of they may read; and nobody else is kept
// from them.
func TestSigningInTellsNothingOfHiddenRecords(t *testing.T) {
	g := newRegister(t)
	for _, o := range openers() {
		t.Run(o.name, func(t *testing.T) {
			from, to := signInWorlds(o)
			o, all := o.reusing(t, 2), newTally()
			failed := int32(0)
			for seed := from; seed < to && failed < maxFailures() && !timeIsUp(t); seed++ {
				y := newTally()
				if !t.Run(fmt.Sprint(seed), func(t *testing.T) { g.visitor(t, o, seed, y).run() }) {
					failed++
				}
				all.add(y)
			}
			t.Logf("as %v: %v", all.who, all.kinds)
			if os.Getenv("FIREBREAK_WORLDS") != "" || testing.Short() || o.name == "postgres" {
				return
			}
			for _, kind := range []string{"search", "next page", "choose", "launch page", "open", "launch by program", "consent", "tokens", "refused", "refresh", "read", "account", "(lost)"} {
				if all.kinds[kind] == 0 {
					t.Errorf("nobody came to %q", kind)
				}
			}
		})
	}
}

// signInWorlds: enough that each kind of visit comes up, as each person.
func signInWorlds(o opener) (from, to uint64) {
	switch {
	case os.Getenv("FIREBREAK_WORLDS") != "":
		return worldRange(o)
	case testing.Short():
		return 1, 3
	case o.name == "postgres":
		return 1, 4
	}
	return 1, 41
}

// atDesks are the people who have accounts, as the worlds' policies know them.
func atDesks() people {
	out := people{}
	for name, id := range cast(rand.New(rand.NewPCG(1, 1))) {
		if id.FHIRUser != "" && name != "launched" && name != "importer" {
			out[name] = id
		}
	}
	return out
}

// visiting is whom a world is made for, by weight.
var visiting = []string{"adams", "adams", "adams", "nora", "nora", "chen", "chen", "wu", "amy", "amy", "officer", "admin", "roleless"}

// visitor is a person who comes to both worlds with a browser and applications.
// What they may see is what they may see with the widest scope.
type visitor struct {
	*pair
	g     *register
	desks [2]*desk
	at    [2]*browser
	page  string // another person's page link
}

func (g *register) visitor(t *testing.T, o opener, seed uint64, y *tally) *visitor {
	t.Helper()
	w := newWorldFor(t, o, seed, func(w *world, m *maker) {
		w.who = pick(m.r, visiting)
		if who, _, ok := strings.Cut(os.Getenv("FIREBREAK_AS"), " "); ok {
			w.who = who
		}
		id := w.people[w.who]
		id.Scope = "user/*.cruds"
		w.people[w.who] = id
		w.hidden = w.share()
	})
	v := &visitor{pair: &pair{TB: t, world: w, tally: y}, g: g, desks: [2]*desk{g.desk(t, w.a), g.desk(t, w.b)}}
	m := &maker{r: rand.New(rand.NewPCG(seed, 13)), ids: map[string][]string{}}
	for _, r := range w.records {
		m.ids[r.typ] = append(m.ids[r.typ], r.id)
	}
	v.ask = newAsker(m, w)
	y.who[w.who]++
	return v
}

// visits is how often a person comes while a world lasts.
const visits = 4

func (v *visitor) run() {
	for range visits {
		v.turn()
		v.at = [2]*browser{{d: v.desks[0], cookies: map[string]string{}}, {d: v.desks[1], cookies: map[string]string{}}}
		if v.ask.chance(40) {
			v.meanwhile()
		}
		switch v.ask.number(0, 3) {
		case 0:
			v.fromLaunchPage()
		case 1:
			v.fromRecordSystem()
		default:
			v.opens(v.ask.one("portal", "house"), "")
		}
		if v.Failed() {
			return
		}
		if v.ask.chance(30) {
			v.others()
		} else {
			v.unseen()
		}
	}
	v.holdsV()
}

// alike does the same in both worlds.
func (v *visitor) alike(kind, what string, do func(b *browser) string) {
	v.Helper()
	if v.Failed() {
		return
	}
	v.compare++
	v.tally.kinds[kind]++
	a, b := do(v.at[0]), do(v.at[1])
	if a != b {
		v.Errorf("%s, request %d as %s (%s):\n%s\n--- with hidden records\n%s\n--- without\n%s", v.name, v.compare, v.who, kind, what, a, b)
	}
	if strings.Contains(a, "{Status:5") {
		v.Errorf("%s, request %d as %s (%s): the oracle says that nothing is broken here\n%s\n%s", v.name, v.compare, v.who, kind, what, a)
	}
}

func (v *visitor) post(kind, path string, fields url.Values) {
	v.Helper()
	v.alike(kind, "POST "+path+" "+fields.Encode(), func(b *browser) string { return b.post(path, fields) })
}

// may is what the oracle says of a record as it is now.
func (v *visitor) may(action, typ, id string) bool {
	for _, r := range v.records {
		if r.typ == typ && r.id == id {
			return !r.current().deleted && v.oracle(v.who).may(action, r.current())
		}
	}
	return false
}

// told holds that what was done about a patient is what the oracle says. Care
// relations begin and end with the clock: what changed meanwhile is not judged.
func (v *visitor) told(patient string, before, was bool) {
	v.Helper()
	if v.Failed() || before != v.opensTo(patient) || was == before {
		return
	}
	v.Errorf("%s, request %d as %s: Patient/%s was shown or given: %t, the oracle says %t\n%s", v.name, v.compare, v.who, patient, was, before, v.at[0].body)
}

// opensTo reports whether the person may open a patient: their own record, which
// is theirs unasked, or one that they may read.
func (v *visitor) opensTo(patient string) bool {
	return v.people[v.who].FHIRUser == "Patient/"+patient || v.may("read", "Patient", patient)
}

// searches looks for patients at a page, by words, or by a page link that was
// forged or is another's, and goes on to the end.
func (v *visitor) searches(path string) {
	m, fields := v.ask, url.Values{}
	blank := false
	switch n := m.number(0, 9); {
	case n < 3:
		blank = true
	case n < 7:
		fields.Set("name", m.one(m.given(), m.family(), "B", m.given()+" "+m.family()))
		if m.chance(30) {
			fields.Set("identifier", m.one(m.identifier(), "urn:ids|"+m.identifier()))
		}
	case n < 8:
		fields.Set("birthdate", m.fill("19{num}5-01-11"))
	case v.page != "" && m.chance(30):
		fields.Set("page", v.page)
	default:
		fields.Set("page", m.one("_count=1", "_count=2&_sort=-birthdate", "_count=1&_sort=organization", "_id="+m.id("Patient"), m.fill("_has:Observation:patient:code={code}"),
			m.fill("organization.name={oname}"), "_include=Patient:link&_revinclude=*", "_summary=count", "_lastUpdated=gt2020&_count=1"))
	}
	v.post("search", path, fields)
	found := v.listed()
	for range 12 {
		next := v.at[0].values(furtherPage)
		if len(next) == 0 || v.Failed() {
			break
		}
		fields.Set("page", next[0])
		v.post("next page", path, fields)
		found = append(found, v.listed()...)
	}
	if !blank || v.Failed() {
		return
	}
	for _, r := range v.records {
		if r.typ == "Patient" && v.may("search", r.typ, r.id) && !slices.Contains(found, r.id) {
			v.Errorf("%s as %s: Patient/%s is not listed, the oracle says that it is found", v.name, v.who, r.id)
		}
	}
}

func (v *visitor) listed() []string {
	found := v.at[0].values(offeredPatient)
	for _, id := range found {
		if !v.may("search", "Patient", id) {
			v.Errorf("%s, request %d as %s: Patient/%s is listed, the oracle says no", v.name, v.compare, v.who, id)
		}
	}
	return found
}

func (v *visitor) signsIn() {
	if v.at[0].shows("/signin") {
		v.post("sign in", "/signin", url.Values{"username": {v.who}, "password": {passphrase}})
	}
}

// fromLaunchPage finds a patient at the launch page and opens an application. What
// it posts was not always on the page.
func (v *visitor) fromLaunchPage() {
	m := v.ask
	v.alike("launch page", "GET /launch", func(b *browser) string { return b.open("/launch", nil) })
	v.signsIn()
	for range m.number(0, 2) {
		v.searches("/launch")
	}
	id := m.id("Patient")
	opens := v.opensTo(id)
	v.post("choose", "/launch/choose", url.Values{"patient": {id}})
	v.told(id, opens && v.may("read", "Patient", id), v.at[0].shows("/launch/open"))
	for _, e := range v.at[0].values(offeredEncounter) {
		if !v.may("search", "Encounter", e) {
			v.Errorf("%s as %s: Encounter/%s is offered, the oracle says no", v.name, v.who, e)
		}
	}
	if m.chance(20) {
		id = m.id("Patient")
	}
	app := m.one("portal", "house", "house")
	v.post("open", "/launch/open", url.Values{"app": {app}, "patient": {id}, "encounter": {m.id("Encounter")}})
	for _, b := range v.at {
		b.launch = b.to.Get("launch")
	}
	if v.at[0].launch != "" {
		v.opens(app, "launch")
		if e := v.at[0].encounter; e != "" && !v.may("search", "Encounter", e) {
			v.Errorf("%s as %s: the application is told of Encounter/%s, the oracle says no", v.name, v.who, e)
		}
	}
}

// fromRecordSystem has a record system begin the launch, which may name anything.
func (v *visitor) fromRecordSystem() {
	m, patient := v.ask, v.ask.id("Patient")
	context := obj{"patient": patient}
	if m.chance(50) {
		context["encounter"] = m.id("Encounter")
	}
	if m.chance(40) {
		context["fhirContext"] = []any{obj{"reference": "Observation/" + m.id("Observation")}}
	}
	said, person, app := encode(context), v.g.people[m.one("", "", v.who, v.who, v.who, "chen")], "house"
	if m.chance(5) {
		app = "portal" // which it is not for
	}
	v.alike("launch by program", said+" "+person, func(b *browser) string {
		out := b.call("/launches", url.Values{"application": {"house"}, "context": {said}, "person": {person}, "client_assertion": {v.g.assertion(v, b.d.clock.Now())},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}})
		b.launch = text(b.got, "launch")
		return out
	})
	if v.at[0].launch == "" {
		v.Errorf("%s as %s: no launch was made, the oracle says that one is made whoever is there\n%s", v.name, v.who, said)
		return
	}
	opens := v.opensTo(patient)
	v.opens(app, "launch")
	if theirs := app == "house" && (person == "" || person == v.g.people[v.who]); theirs {
		v.told(patient, opens, v.at[0].token != "")
	} else if v.at[0].token != "" {
		v.Errorf("%s as %s: a launch was taken, the oracle says that it was for another", v.name, v.who)
	}
}

// meanwhile somebody else is at the same server's pages, and has gone before the
// visitor comes. What they see is not compared: B is not made for them.
func (v *visitor) meanwhile() {
	other := pick(v.ask.r, []string{"adams", "nora", "chen", "wu"})
	if other == v.who {
		return
	}
	for _, d := range v.desks {
		b := &browser{d: d, cookies: map[string]string{}}
		b.open("/launch", nil)
		b.post("/signin", url.Values{"username": {other}, "password": {passphrase}})
		for _, id := range v.ask.ids["Patient"] {
			if b.post("/launch/choose", url.Values{"patient": {id}}); b.shows("/launch/open") {
				b.post("/launch/choose", url.Values{"patient": {""}})
			}
		}
		b.post("/launch", url.Values{"page": {"_count=1"}})
		for _, link := range b.values(furtherPage) {
			v.page = link
		}
	}
	v.b.clock.Set(v.a.clock.Now())
	v.desks[1].fhir.n = v.desks[0].fhir.n
}
