package firebreak_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// seedSearch stores a small hospital that every kind of parameter tells apart.
func seedSearch(r *rig) {
	for _, resource := range []string{
		`{"resourceType":"Organization","id":"north","name":"North"}`,
		`{"resourceType":"Practitioner","id":"gp","name":[{"family":"Adams"}],"identifier":[{"system":"urn:gp","value":"7"}]}`,
		`{"resourceType":"Patient","id":"p1","active":true,"gender":"female","birthDate":"1980-02-03","name":[{"family":"Archer","given":["Ann"]}],"identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:mrn","value":"A,1"}],"managingOrganization":{"reference":"Organization/north"},"generalPractitioner":[{"reference":"Practitioner/gp"}]}`,
		`{"resourceType":"Patient","id":"p2","gender":"male","birthDate":"1990","name":[{"family":"Baker","given":["Bob"]}],"identifier":[{"system":"urn:mrn","value":"2"}]}`,
		`{"resourceType":"Patient","id":"p3","meta":{"tag":[{"system":"urn:t","code":"x"}],"profile":["http://example.org/p"],"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]},"name":[{"family":"Archeron","given":["Ærn"]}]}`,
		`{"resourceType":"Encounter","id":"e1","status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"Patient/p1"}}`,
		`{"resourceType":"Observation","id":"b1","status":"final","code":{"text":"Systolic pressure","coding":[{"system":"http://loinc.org","code":"8480-6","display":"Systolic"}]},"subject":{"reference":"Patient/p1"},"encounter":{"reference":"Encounter/e1"},"effectiveDateTime":"2026-01-05","valueQuantity":{"value":120,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`,
		`{"resourceType":"Observation","id":"b2","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8480-6"}]},"subject":{"reference":"Patient/p2"},"effectivePeriod":{"start":"2026-02-01","end":"2026-02-10"},"valueQuantity":{"value":140,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}}`,
		`{"resourceType":"Observation","id":"b3","status":"preliminary","code":{"coding":[{"system":"urn:local","code":"panel"}]},"subject":{"identifier":{"system":"urn:mrn","value":"9"}},"component":[{"code":{"coding":[{"code":"c1"}]},"valueQuantity":{"value":1}},{"code":{"coding":[{"code":"c2"}]},"valueQuantity":{"value":2}}]}`,
		`{"resourceType":"RiskAssessment","id":"r1","status":"final","subject":{"reference":"Patient/p1"},"prediction":[{"probabilityDecimal":0.5}]}`,
		`{"resourceType":"RiskAssessment","id":"r2","status":"final","subject":{"reference":"Patient/p2"},"prediction":[{"probabilityDecimal":0.80}]}`,
		`{"resourceType":"ValueSet","id":"v1","status":"active","url":"http://example.org/vs"}`,
		`{"resourceType":"ValueSet","id":"v2","status":"active","url":"http://example.org/vs/b"}`,
	} {
		r.put("importer", resource)
	}
}

// http-core 20, 21, 23: parameter types, prefixes, modifiers, chains.
func TestEveryKindOfCriterionFindsWhatItShould(t *testing.T) {
	r := newRig(t)
	seedSearch(r)
	for query, want := range map[string]string{
		// token
		"Patient?gender=female": "p1", "Patient?gender=male,female": "p1 p2",
		"Patient?active=true": "p1", "Patient?identifier=urn:mrn|": "p1 p2", "Patient?identifier=|2": "", `Patient?identifier=A\,1`: "p1",
		"Patient?gender:not=male": "p1 p3", "Patient?gender:missing=true": "p3", "Patient?gender:missing=false": "p1 p2", "Observation?code:text=systolic": "b1",
		"Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|A\\,1": "p1",
		"Patient?gender=http://hl7.org/fhir/administrative-gender|male":                     "p2", "Patient?gender=http://other|male": "", "Patient?gender=|male": "", "Patient?gender:not=http://hl7.org/fhir/administrative-gender|male": "p1 p3",
		// special
		"Location?near=52.5|13.4": "", "Location?near=52.5|13.4|300|km,0|0": "", "Encounter?location.near=52.5|13.4|5": "",
		// string
		"Patient?family=arch": "p1 p3", "Patient?family:exact=Archer": "p1", "Patient?family:exact=archer": "", "Patient?name:contains=RCH": "p1 p3", "Patient?name=aern,bob": "p2",
		// date
		"Observation?date=2026-01-05": "b1", "Observation?date=eq2026-02": "b2", "Observation?date=ne2026-02": "b1", "Observation?date=gt2026-01-05": "b2", "Observation?date=lt2026-02-02": "b1 b2",
		"Observation?date=ge2026-01-05": "b1 b2", "Observation?date=le2026-01-05": "b1", "Observation?date=sa2026-01-31": "b2", "Observation?date=eb2026-02-01": "b1", "Observation?date=ap2026-01-05": "b1 b2", "Observation?date=ap2026-01": "b1 b2", "Observation?date=ap2025-06": "",
		"Patient?birthdate=1990": "p2", "Patient?birthdate=1990-05-01": "", "Patient?birthdate=ge1980&birthdate=lt1985": "p1",
		// number
		"RiskAssessment?probability=0.5": "r1", "RiskAssessment?probability=0.8": "r2", "RiskAssessment?probability=gt0.5": "r2", "RiskAssessment?probability=ge0.5": "r1 r2", "RiskAssessment?probability=lt0.8": "r1",
		"RiskAssessment?probability=le0.8": "r1 r2", "RiskAssessment?probability=ne0.5": "r2", "RiskAssessment?probability=sa0.6": "r2", "RiskAssessment?probability=eb0.6": "r1", "RiskAssessment?probability=ap0.51": "r1",
		// quantity
		"Observation?value-quantity=120": "b1", "Observation?value-quantity=gt120|http://unitsofmeasure.org|mm[Hg]": "b2", "Observation?value-quantity=120||mmHg": "b1", "Observation?value-quantity=1.2e2": "b1", "Observation?value-quantity=ap135": "b2",
		// reference
		"Observation?subject=Patient/p1": "b1", "Observation?patient=p2": "b2", "Observation?subject:Patient=p1": "b1", "Observation?subject=" + base + "/Patient/p1": "b1", "Observation?subject:identifier=urn:mrn|9": "b3", "Observation?subject:missing=true": "",
		// uri
		"ValueSet?url=http://example.org/vs": "v1", "ValueSet?url:below=http://example.org/vs": "v1 v2", "ValueSet?url:above=http://example.org/vs/b": "v1 v2", "ValueSet?url=http://example.org": "",
		// composite
		"Observation?code-value-quantity=http://loinc.org|8480-6$gt130": "b2", "Observation?component-code-value-quantity=c1$1": "b3", "Observation?component-code-value-quantity=c1$2": "", "Observation?combo-code-value-quantity=8480-6$120,c2$2": "b1 b3",
		// all types
		"Patient?_id=p1,p3": "p1 p3", "Patient?_lastUpdated=gt2020": "p1 p2 p3", "Patient?_lastUpdated=lt2020": "", "Patient?_tag=urn:t|x": "p3", "Patient?_profile=http://example.org/p": "p3", "Patient?_security=N": "p3",
		"?_type=Patient,Encounter&_id=p1,e1": "e1 p1", "?_id=gp": "gp",
		// chains and _has
		"Observation?subject:Patient.name=archer": "b1", "Observation?patient.general-practitioner:Practitioner.family=adams": "b1", "Observation?encounter.patient.birthdate=lt1985": "b1", "Observation?subject.identifier=urn:mrn|2": "b2",
		"Patient?_has:Observation:patient:code=8480-6": "p1 p2", "Patient?_has:Observation:patient:date=gt2026-01-31": "p2", "Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:code=8480-6": "gp", "Encounter?subject:Patient._has:Observation:patient:code=8480-6": "e1",
		"Patient?_has:Observation:patient:code=8480-6,8480-6&gender=male": "p2",
		// compartments
		"Patient/p1/Observation": "b1", "Patient/p1/Observation?date=2025": "", "Encounter/e1/Observation": "b1", "Patient/p1/*?_type=Encounter,RiskAssessment": "e1 r1", "Patient/p1/*": "b1 e1 p1 r1", "Patient/nobody/Observation": "",
	} {
		t.Run(query, func(t *testing.T) {
			path, raw, _ := strings.Cut(query, "?")
			values := strings.NewReplacer("%3D", "=", "%26", "&").Replace(url.QueryEscape(raw))
			a := r.do("adams", "GET", path+"?"+values, "")
			got := a.found(t, "match")
			slices.Sort(got)
			if s := strings.Join(got, " "); s != want {
				t.Errorf("found %q, want %q", s, want)
			}
			if total, want := a.json(t)["total"], float64(len(got)); total != want {
				t.Errorf("total = %v, want %v", total, want)
			}
			if strings.Contains(a.body, `"mode":"outcome"`) {
				t.Errorf("something was passed over: %s", a.body)
			}
		})
	}
	if n := r.server.Mismatches(); n != 0 {
		t.Errorf("the nets differed %d times", n)
	}
}

// http-core 13, 22, 24: the Bundle around the matches.
func TestASearchsetSaysWhatWasAsked(t *testing.T) {
	r := newRig(t)
	seedSearch(r)
	a := r.do("adams", "GET", "Observation?code=8480-6&_include=Observation:patient&_sort=-date&_count=1", "")
	body := a.json(t)
	if body["type"] != "searchset" || body["total"] != 2.0 || body["id"] != nil || body["meta"] != nil {
		t.Errorf("Bundle: %s", a.body)
	}
	if got, want := a.link(t, "self"), base+"/Observation?code=8480-6&_include=Observation:patient&_sort=-date&_count=1"; got != want {
		t.Errorf("self = %q, want %q", got, want)
	}
	if next := a.link(t, "next"); !strings.HasPrefix(next, base+"?") || strings.Contains(next, "8480") {
		t.Errorf("next is not opaque: %q", next)
	}
	entries := a.entries(t)
	if len(entries) != 2 || entries[0]["fullUrl"] != base+"/Observation/b2" || entries[1]["fullUrl"] != base+"/Patient/p2" {
		t.Errorf("entries: %s", a.body)
	}
	if got := a.found(t, "include"); !slices.Equal(got, []string{"p2"}) {
		t.Errorf("included %v", got)
	}
	empty := r.do("adams", "GET", "Observation?code=none", "").is(t, 200).json(t)
	if empty["total"] != 0.0 || empty["entry"] != nil {
		t.Errorf("an empty result: %v", empty)
	}
}

// http-core 22: includes.
func TestIncludesBringInWhatIsReferredTo(t *testing.T) {
	r := newRig(t)
	seedSearch(r)
	for query, want := range map[string]string{
		"Observation?_id=b1&_include=Observation:subject":                                        "p1",
		"Observation?_id=b1&_include=Observation:subject:Patient":                                "p1",
		"Observation?_id=b1&_include=Observation:subject:Group":                                  "",
		"Observation?_id=b1&_include=Observation:patient&_include=Patient:organization":          "p1",
		"Observation?_id=b1&_include=Observation:patient&_include:iterate=Patient:organization":  "north p1",
		"Observation?_id=b1&_include:iterate=Observation:patient&_include:iterate=Patient:*":     "gp north p1",
		"Observation?_id=b1&_include=Observation:*":                                              "e1 p1",
		"Observation?_id=b1&_include=*":                                                          "e1 p1",
		"Patient?_id=p1&_revinclude=Observation:patient":                                         "b1",
		"Patient?_id=p1&_revinclude=*":                                                           "b1 e1 r1",
		"Patient?_id=p1&_revinclude=Encounter:patient&_revinclude:iterate=Observation:encounter": "b1 e1",
		"Practitioner?_id=gp&_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:subject&_include:recurse=Observation:encounter": "b1 e1 p1",
		"Observation?_id=b1,b2&_include=Observation:patient&_revinclude=Encounter:subject&_count=5":                                                   "p1 p2",
	} {
		got := r.do("adams", "GET", query, "").found(t, "include")
		slices.Sort(got)
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s included %q, want %q", query, s, want)
		}
	}
}

// http-core 13: POST _search, with parameters in URL and form.
func TestSearchByPostIsSearchByGet(t *testing.T) {
	r := newRig(t)
	seedSearch(r)
	const form = "Content-Type: application/x-www-form-urlencoded"
	for _, c := range []struct{ path, body, get string }{
		{"Observation/_search", "code=8480-6&patient=p1", "Observation?code=8480-6&patient=p1"},
		{"Observation/_search?code=8480-6", "patient=p1&_format=json", "Observation?code=8480-6&patient=p1"},
		{"_search", "_type=Patient&gender=male", "?_type=Patient&gender=male"},
		{"Patient/p1/Observation/_search", "code=8480-6", "Patient/p1/Observation?code=8480-6"},
		{"Observation/_search", "", "Observation"},
	} {
		post := r.do("adams", "POST", c.path, c.body, form)
		get := r.do("adams", "GET", c.get, "")
		if p, g := post.found(t, "match"), get.found(t, "match"); !slices.Equal(p, g) || len(g) == 0 {
			t.Errorf("POST %s %s found %v, GET %v", c.path, c.body, p, g)
		}
		if p, g := post.link(t, "self"), get.link(t, "self"); p != g {
			t.Errorf("POST %s: self = %q, want %q", c.path, p, g)
		}
	}
	paged := r.do("adams", "POST", "Observation/_search?code=8480-6", "_count=1&_sort=date", form)
	more := r.do("adams", "GET", paged.link(t, "next"), "").found(t, "match")
	if got := append(paged.found(t, "match"), more...); !slices.Equal(got, []string{"b1", "b2"}) {
		t.Errorf("pages of a POST: %v", got)
	}
	r.do("adams", "POST", "Observation/_search", `{"code":"x"}`, "Content-Type: application/json").refused(t, 415, "http.Content-Type")
	r.do("adams", "POST", "Observation/_search", "_format=xml", form).refused(t, 406, "http._format")
	r.do("adams", "POST", "Observation/_search", "code=%zz", form).refused(t, 400, "http.body")
	r.do("adams", "GET", "Observation/_search?code=8480-6", "").is(t, 405)
}

// http-core 22, 24: pages.
func TestPagesTogetherAreTheWhole(t *testing.T) {
	r := newRig(t)
	for i := range 11 {
		r.put("importer", strings.Replace(heartRate, `{"resourceType":"Observation"`, `{"resourceType":"Observation","id":"q`+string(rune('a'+i))+`"`, 1))
		r.put("importerS", strings.Replace(heartRate, `{"resourceType":"Observation"`, `{"resourceType":"Observation","id":"h`+string(rune('a'+i))+`"`, 1))
	}
	want := strings.Split("qa qb qc qd qe qf qg qh qi qj qk", " ")
	backwards := slices.Clone(want)
	slices.Reverse(backwards)
	unsorted := slices.Clone(want) // by a hash of the reference
	slices.SortFunc(unsorted, func(a, b string) int {
		x, y := sha256.Sum256([]byte("Observation/"+a)), sha256.Sum256([]byte("Observation/"+b))
		return bytes.Compare(x[:], y[:])
	})
	for query, order := range map[string][]string{
		"Observation?_count=3": unsorted, "Observation?_count=11": unsorted, "Observation?_sort=_id&_count=4": want, "Observation?_sort=-_id&_count=4": backwards,
		"Observation?_sort=date,_lastUpdated&_count=2": want, "Observation?_sort=-date,-_lastUpdated&_count=5": backwards, "Observation?_sort=value-string&_count=4": unsorted,
		"?_type=Observation,Patient&_count=5": unsorted, "Patient/amy/Observation?_count=4": unsorted,
	} {
		if got, pages := r.pages("adams", query); !slices.Equal(got, order) {
			t.Errorf("%s: %v in %d pages, want %v", query, got, pages, order)
		}
	}
	next := r.do("adams", "GET", "Observation?_count=3", "").link(t, "next")
	r.do("baker", "GET", next, "").is(t, 404)
	r.do("adams", "GET", next+"&_format=json", "").refused(t, 400, "http._page")
	r.do("adams", "GET", base+"?_page=AAAA", "").is(t, 404)
	if a := r.do("adams", "HEAD", next, ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD of a page: %v", a)
	}
	r.clock.Advance(2 * 3600e9)
	r.do("adams", "GET", next, "").is(t, 410)
}

// http-core 21: what shapes a result.
func TestResultParametersShapeTheAnswer(t *testing.T) {
	r := newRig(t)
	seedSearch(r)
	for _, query := range []string{"_count=0", "_summary=count", "_summary=count&_count=5"} {
		a := r.do("adams", "GET", "Observation?"+query, "")
		if body := a.json(t); body["total"] != 3.0 || body["entry"] != nil || a.link(t, "next") != "" {
			t.Errorf("%s: %s", query, a.body)
		}
	}
	if body := r.do("adams", "GET", "Observation?_total=none", "").json(t); body["total"] != nil {
		t.Errorf("_total=none: total = %v", body["total"])
	}
	for _, total := range []string{"accurate", "estimate"} {
		if body := r.do("adams", "GET", "Observation?_count=1&_total="+total, "").json(t); body["total"] != 3.0 {
			t.Errorf("_total=%s: total = %v, want 3", total, body["total"])
		}
	}
	part := r.do("adams", "GET", "Observation?_id=b1&_elements=value&_include=Observation:patient", "").entries(t)
	if got := part[0]["resource"].(map[string]any); got["effectiveDateTime"] != nil || got["valueQuantity"] == nil || got["status"] == nil || dig(got, "meta", "tag", 0, "code") != "SUBSETTED" {
		t.Errorf("_elements of a match: %v", got)
	}
	if got := part[1]["resource"].(map[string]any); got["name"] == nil || dig(got, "meta", "tag") != nil {
		t.Errorf("_elements of an include, to which it does not apply: %v", got)
	}
	for query, place := range map[string]string{
		"_summary=text&_include=Observation:patient": "http._summary", "_summary=some": "http._summary", "_count=-1": "http._count", "_count=x": "http._count", "_count=1e3": "http._count",
		"_total=exact": "http._total", "_sort=status&_sort=date": "http._sort", "_include=Observation:nothing": "http._include", "_include=Observation:code": "http._include", "_revinclude:above=x": "http._revinclude:above",
		"_contained=true": "http._contained", "_pretty=maybe": "http._pretty",
	} {
		r.do("adams", "GET", "Observation?"+query, "").refused(t, 400, place)
	}
}

// http-core 20: unknown parameters by Prefer: handling, unsupported ones never.
func TestUnknownParametersArePassedOverOrRefused(t *testing.T) {
	r := newRig(t)
	seedSearch(r)
	a := r.do("adams", "GET", "Observation?code=8480-6&colour=red&_sort=colour,date&date=", "")
	if got := a.link(t, "self"); got != base+"/Observation?code=8480-6&_sort=date" {
		t.Errorf("self = %q", got)
	}
	if got := a.found(t, "outcome"); len(got) != 1 || len(a.found(t, "match")) != 2 {
		t.Errorf("lenient: %s", a.body)
	}
	for query, place := range map[string]string{"colour=red": "http.colour", "_sort=colour": "http._sort", "date=": "http.date", "code:missing=": "http.code:missing"} {
		r.do("adams", "GET", "Observation?"+query, "", "Prefer: handling=strict").refused(t, 400, place)
	}
	for query, place := range map[string]string{
		"_filter=name eq x": "http._filter", "_text=x": "http._text", "_content=x": "http._content", "_list=x": "http._list", "_query=x": "http._query", "code:in=x": "http.code:in",
		"code:not-in=x": "http.code:not-in", "code:above=x": "http.code:above", "code:exact=x": "http.code:exact", "date:contains=2026": "http.date:contains", "subject:Fish=1": "http.subject:Fish",
		"subject:Practitioner=1": "http.subject:Practitioner", "subject:Patient.colour=1": "http.subject:Patient.colour", "code.name=1": "http.code.name", "_has:Observation:code:x=1": "http._has:Observation:code:x", "date=yesterday": "http.date", "value-quantity=much": "http.value-quantity",
		"patient.organization" + strings.Repeat(".partof", 7) + ".name=x": "http.patient.organization" + strings.Repeat(".partof", 7) + ".name",
	} {
		r.do("adams", "GET", "Observation?"+url.PathEscape(query), "").refused(t, 400, place)
	}
}

// A search that comes in a URL has pages whose links fit in one; where they do
// not, a link that leads nowhere is not given.
func TestLinksOfLongSearchesCanBeFollowed(t *testing.T) {
	r := newRig(t)
	one, two := r.create("adams", heartRate), r.create("adams", heartRate)
	random := rand.New(rand.NewPCG(1, 2))
	long := func(lists int) string {
		query := "_count=1"
		for range lists {
			query += "&_id=" + one + "," + two
			for range 98 {
				query += fmt.Sprintf(",%016x%016x", random.Uint64(), random.Uint64())
			}
		}
		return query
	}
	first := r.do("adams", "GET", "Observation?"+long(2), "").is(t, 200)
	next := first.link(t, "next")
	if len(next) > 8<<10 {
		t.Errorf("the link has %d bytes", len(next))
	}
	if got := append(first.found(t, "match"), r.do("adams", "GET", next, "").found(t, "match")...); len(got) != 2 || got[0] == got[1] {
		t.Errorf("found %v, want two", got)
	}
	form := "Content-Type: application/x-www-form-urlencoded"
	r.do("adams", "POST", "Observation/_search", long(8), form).refused(t, 413, "http._count")
	r.do("adams", "POST", "Observation/_search", strings.Replace(long(8), "_count=1", "_count=2", 1), form).is(t, 200)
}

// A chain that may lead to any type arrives at what the caller can see, and
// nowhere else: not at what is hidden, not at what it does not know.
func TestAChainThatMayLeadAnywhereArrivesAtWhatIsSeen(t *testing.T) {
	r := newRig(t)
	r.put("importer", withID(patient("1", "Amy"), "amy"))
	r.put("importerS", withID(patient("2", "Ben"), "ben"))
	pointing := func(to string) string {
		return r.create("adams", strings.Replace(heartRate, `"code":`, `"focus":[{"reference":"`+to+`"}],"code":`, 1))
	}
	seen, hidden, absent := pointing("Patient/amy"), pointing("Patient/ben"), pointing("Patient/nobody")
	for query, want := range map[string][]string{
		"focus._id=amy": {seen}, "focus._id=ben": {}, "focus._id=nobody": {}, "focus.identifier=urn:mrn|1": {seen}, "focus.identifier=urn:mrn|2": {},
		"focus._lastUpdated=gt2000": {seen},
	} {
		if got := r.do("adams", "GET", "Observation?"+query, "").found(t, "match"); !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: %v, want %v of %v", query, got, want, []string{seen, hidden, absent})
		}
	}
}
