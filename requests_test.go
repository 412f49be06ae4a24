package firebreak_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// request is one request of a sequence.
type request struct {
	kind              string // for the statistics
	method, url, body string
	header            []string
}

func (q request) String() string {
	s := q.method + " " + q.url
	for _, h := range q.header {
		s += "\n" + h
	}
	return s + "\n" + q.body
}

// asker makes the requests of one world. What they name, they name blindly:
// visible, hidden, deleted and absent things alike.
type asker struct {
	*maker
	w        *world
	versions map[string][]string // by Type/id: all version ids, visible or not
	seen     map[string][]string // by type: ids that are visible, or were made here
	types    []string            // of these
	mine     map[string][]string // by type: ids that the principal may change
	writes   bool                // the principal's scopes allow some change
	requests []request           // that named themselves, to be sent again
	links    []string            // to pages, kept for later
}

func newAsker(m *maker, w *world) *asker {
	a := &asker{maker: m, w: w, versions: map[string][]string{}, seen: map[string][]string{}, mine: map[string][]string{}}
	for _, scope := range strings.Fields(w.people[w.who].Scope) {
		_, letters, _ := strings.Cut(scope, ".")
		letters, _, _ = strings.Cut(letters, "?")
		a.writes = a.writes || strings.ContainsAny(letters, "cud")
	}
	o := w.oracle(w.who)
	for _, r := range w.records {
		if o.inV(r, len(r.versions)-1) {
			a.seen[r.typ] = append(a.seen[r.typ], r.id)
		}
		if o.may("update", r.current()) {
			a.mine[r.typ] = append(a.mine[r.typ], r.id)
		}
		for _, v := range r.versions {
			a.versions[r.ref()] = append(a.versions[r.ref()], v.vid)
		}
	}
	a.types = slices.Sorted(maps.Keys(a.seen))
	return a
}

// learn takes in what an answer to a change says: both worlds said the same.
func (a *asker) learn(got answer) {
	location := got.header["Location"]
	if len(location) != 1 {
		return
	}
	part := strings.Split(strings.TrimPrefix(location[0], base+"/"), "/")
	if len(part) != 4 {
		return
	}
	ref := part[0] + "/" + part[1]
	if len(a.versions[ref]) == 0 {
		a.ids[part[0]] = append(a.ids[part[0]], part[1])
		a.seen[part[0]] = append(a.seen[part[0]], part[1])
		a.mine[part[0]] = append(a.mine[part[0]], part[1])
	}
	a.versions[ref] = append(a.versions[ref], part[3])
}

// keep remembers a page link, to go on with after something else.
func (a *asker) keep(link string) {
	if a.chance(20) {
		a.links = append(a.links, link)
	}
}

func (a *asker) typ() string {
	if a.chance(70) && len(a.types) > 0 {
		return pick(a.r, a.types)
	}
	if a.chance(50) {
		return a.one("Observation", "Observation", "Patient", "Condition")
	}
	return plan[a.number(0, len(plan)-1)].typ
}

func (a *asker) id(typ string) string {
	if a.chance(10) {
		return "none"
	}
	if l := a.seen[typ]; len(l) > 0 && a.chance(50) {
		return pick(a.r, l)
	}
	return a.existing(typ)
}

// target is the id of something to change.
func (a *asker) target(typ string) string {
	if l := a.mine[typ]; len(l) > 0 && a.chance(50) {
		return pick(a.r, l)
	}
	return a.id(typ)
}

func (a *asker) version(ref string) string {
	if l := a.versions[ref]; len(l) > 0 && !a.chance(10) {
		return pick(a.r, l)
	}
	return "v0000000000000000"
}

// instant is near the time of some version, loaded or made since.
func (a *asker) instant() string {
	if a.chance(25) {
		return a.w.a.clock.Now().Add(-time.Duration(a.number(0, 40)) * time.Second).UTC().Format(time.RFC3339)
	}
	r := pick(a.r, a.w.records)
	if a.chance(90) {
		return pick(a.r, r.versions).at.Add(time.Duration(a.number(-1, 1)) * time.Second).UTC().Format(time.RFC3339)
	}
	return start.Add(-time.Duration(a.number(0, 20*24*60)) * time.Minute).Format("2006-01-02")
}

// fill replaces {names} in a template.
func (a *asker) fill(s string) string {
	for {
		i := strings.IndexByte(s, '{')
		if i < 0 {
			return s
		}
		j := strings.IndexByte(s, '}')
		s = s[:i] + a.value(s[i+1:j]) + s[j+1:]
	}
}

func (a *asker) value(name string) string {
	switch name {
	case "code":
		return a.code()
	case "cat":
		return a.category()
	case "name":
		return a.one("Adler", "baum", "ci", "Dorn", "Ann", "Bo", "z")
	case "oname":
		return a.one("Alpha", "Beta", "Ga", "north")
	case "day":
		return a.day()
	case "pfx":
		return a.one("", "ge", "le", "gt", "lt", "ne", "sa", "eb", "ap")
	case "num":
		return fmt.Sprint(a.number(0, 10))
	case "bool":
		return a.one("true", "false")
	case "ident":
		return a.identifier()
	case "instant":
		return url.QueryEscape(a.instant())
	case "conf":
		return a.one("R", "V", "N", "L", "HIV", "ETH")
	}
	return a.id(name) // a type
}

// parameters by type; every kind of parameter, modifier, prefix and hop is there.
var parameters = map[string][]string{
	"Patient": {"name={name}", "name:exact=Ann", "name:contains={name}", "family={name}", "gender=female", "gender:not=female", "birthdate={pfx}19{num}5-01-01", "identifier={ident}",
		"identifier=urn:ids|{ident},{ident}", "organization={Organization}", "general-practitioner={Practitioner}", "active=true", "link={Patient}", "address-city=Bern",
		"link:missing={bool}", "general-practitioner:missing={bool}", "general-practitioner:Practitioner.family={name}", "organization.name={oname}", "_has:Observation:patient:code={code}",
		"_has:Condition:patient:code={code},{code}", "_has:Encounter:patient:_has:Observation:encounter:code={code}", "_has:Observation:patient:performer:Practitioner.family={name}",
		"_has:CareTeam:patient:participant={Practitioner}", "_has:DiagnosticReport:subject:result.code={code}", "link.name={name}", "_has:Observation:subject:_id={Observation}",
		"_has:Observation:patient:value-quantity=gt{num}", "_has:Observation:patient:_lastUpdated={pfx}{instant}", "_has:Appointment:actor:status=booked", "_has:Observation:patient:_has:DiagnosticReport:result:date=ge2026",
		"_has:Encounter:patient:_has:Condition:encounter:onset-date:missing={bool}"},
	"Observation": {"code={code}", "code=http://loinc.org|{code}", "code:text=about", "code:not={code}", "category={cat}", "category:not={cat}", "status=final,amended", "date={pfx}{day}",
		"value-quantity={pfx}{num}", "value-quantity={num}||mg", "subject=Patient/{Patient}", "patient={Patient}", "subject:Patient={Patient}", "subject:Patient.name={name}", "patient.family={name}",
		"patient.birthdate=gt1960", "patient.identifier={ident}", "patient.organization.name={oname}", "encounter={Encounter}", "encounter.status=finished",
		"encounter.service-provider.name={oname}", "performer={Practitioner}", "performer:Practitioner.family={name}", "has-member={Observation}", "has-member:Observation.code={code}",
		"code-value-quantity={code}$gt{num}", "_has:DiagnosticReport:result:code={code}", "_has:Observation:has-member:code={code}", "patient._has:Condition:patient:code={code}",
		"_has:DiagnosticReport:result:subject:Patient.name={name}", "value-quantity:missing={bool}", "encounter:missing={bool}", "subject.name:exact=Ann", "_has:Observation:has-member:_has:DiagnosticReport:result:status=final",
		"encounter.patient.name={name}", "subject:Patient.general-practitioner:Practitioner.name={name}", "has-member:Observation.has-member:Observation.status=final",
		"has-member:Observation.subject:Patient.name={name}", "subject:identifier=urn:ids|{ident}", "subject=https://test.invalid/fhir/Patient/{Patient}", "patient=Patient/{Patient},{Patient}",
		"subject=Patient/{Patient}/_history/1", "identifier:of-type=urn:ids|a|{ident}", "code:in=http://x.invalid/vs", "date=ge{day}&date=le{day}", "code={code}&category={cat}&status=final", "has-member:Observation._has:DiagnosticReport:result:date:missing=true", "_has:Observation:has-member:_has:DiagnosticReport:result:date=ge2026-01-04"},
	"Condition": {"code={code}", "category={cat}", "patient={Patient}", "subject:Patient.name={name}", "encounter={Encounter}", "encounter.status=planned", "onset-date={pfx}{day}", "patient.gender=male",
		"category:missing={bool}", "encounter._has:Observation:encounter:code={code}"},
	"Encounter": {"status=finished", "class=AMB", "patient={Patient}", "subject:Patient.name={name}", "service-provider.name={oname}", "participant={Practitioner}", "date={pfx}{day}",
		"_has:Observation:encounter:code={code}", "_has:Condition:encounter:patient.name={name}", "practitioner.name={name}"},
	"MedicationRequest": {"status=active", "medication={Medication}", "medication.code={code}", "requester:Practitioner.name={name}", "patient={Patient}", "authoredon={pfx}{day}", "encounter.status=finished"},
	"DiagnosticReport": {"code={code}", "category={cat}", "result={Observation}", "result.code={code}", "result.value-quantity=ge{num}", "patient.name={name}", "date={pfx}{day}", "result.performer:Practitioner.name={name}", "result.encounter.date={pfx}{day}",
		"result.subject:Patient.name={name}", "result.has-member:Observation.date={pfx}{day}", "result:Observation.encounter.date:missing={bool}"},
	"CareTeam":      {"status=active", "patient={Patient}", "participant={Practitioner}", "participant:Practitioner.name={name}", "subject:Patient.name={name}", "date={pfx}2026-11-22"},
	"Practitioner":  {"name={name}", "family={name}", "identifier={ident}", "_has:Observation:performer:code={code}", "_has:Patient:general-practitioner:name={name}", "_has:CareTeam:participant:status=active", "_has:MedicationRequest:requester:status=active"},
	"Organization":  {"name={oname}", "partof={Organization}", "partof.name={oname}", "_has:Patient:organization:name={name}", "_has:Encounter:service-provider:_has:Observation:encounter:status=final", "identifier={ident}"},
	"Location":      {"name=ward", "organization={Organization}", "organization.name={oname}"},
	"Medication":    {"code={code}", "_has:MedicationRequest:medication:status=active", "_has:MedicationRequest:medication:patient.name={name}"},
	"RelatedPerson": {"name={name}", "patient={Patient}", "patient.name={name}"},
	"Appointment":   {"status=booked", "patient={Patient}", "actor=Practitioner/{Practitioner}", "patient.name={name}", "actor:Practitioner.name={name}"},
	"Bundle":        {"type=collection", "identifier={ident}", "type:not=document"},
	"AuditEvent":    {"patient={Patient}", "agent={Practitioner}", "date=gt2025", "agent:Practitioner.name={name}"},
}

var common = []string{"_id={TYPE}", "_id={TYPE},{TYPE},{TYPE}", "_lastUpdated={pfx}{instant}", "_security={conf}", "_security:not={conf}", "_security:missing={bool}", "identifier={ident}"}

var sorts = map[string][]string{
	"Patient": {"family", "-birthdate", "name,-_id", "gender,birthdate", "organization", "active,gender"}, "Observation": {"date", "-date", "code,-date", "-value-quantity", "category,-_lastUpdated", "patient,code", "status,category,code"},
	"Condition": {"code", "-onset-date,code", "category,patient"}, "Encounter": {"date,-status", "-_id", "class,status"}, "DiagnosticReport": {"date,code", "-code"}, "MedicationRequest": {"status,-authoredon"},
	"CareTeam": {"status,date", "patient"}, "Practitioner": {"family,name"}, "Organization": {"name,-_lastUpdated", "partof"}, "Appointment": {"status,-_id"},
}

var includes = map[string][]string{
	"Patient": {"_include=Patient:organization", "_include=Patient:general-practitioner", "_include=Patient:link", "_include:iterate=Patient:link&_include=Patient:link", "_revinclude=Observation:patient",
		"_revinclude=Observation:subject&_revinclude:iterate=DiagnosticReport:result", "_revinclude=Encounter:patient&_revinclude:iterate=Observation:encounter", "_revinclude=CareTeam:subject", "_revinclude=*", "_include=*",
		"_revinclude=Condition:patient&_include:iterate=Condition:encounter", "_revinclude=Patient:link", "_revinclude=Appointment:actor"},
	"Observation": {"_include=Observation:patient", "_include=Observation:subject:Patient&_include:iterate=Patient:organization", "_include=Observation:encounter", "_include=Observation:performer",
		"_include=Observation:has-member&_include:iterate=Observation:has-member", "_revinclude=DiagnosticReport:result", "_include=*", "_include=Observation:*", "_revinclude=Observation:has-member", "_revinclude=*",
		"_include=Observation:encounter&_include:iterate=Encounter:service-provider"},
	"Encounter":        {"_revinclude=Observation:encounter", "_include=Encounter:service-provider", "_include=Encounter:patient", "_revinclude=Condition:encounter"},
	"DiagnosticReport": {"_include=DiagnosticReport:result", "_include=DiagnosticReport:result&_include:iterate=Observation:patient", "_include=*"},
	"Practitioner":     {"_revinclude=Observation:performer", "_revinclude=Patient:general-practitioner", "_revinclude=CareTeam:participant", "_revinclude=*"},
	"Organization":     {"_revinclude=Patient:organization", "_revinclude=*", "_include=Organization:partof", "_revinclude=Encounter:service-provider&_revinclude:iterate=Observation:encounter"},
	"Medication":       {"_revinclude=MedicationRequest:medication", "_include=*"}, "MedicationRequest": {"_include=MedicationRequest:medication", "_include=MedicationRequest:requester", "_include=*"},
	"Condition": {"_include=Condition:encounter", "_include=Condition:patient", "_include=*"}, "CareTeam": {"_include=CareTeam:participant", "_include=CareTeam:patient"},
}

// criteria are up to n parameters of a type.
func (a *asker) criteria(typ string, n int) []string {
	var out []string
	for range n {
		t := pick(a.r, parameters[typ])
		if a.chance(15) {
			t = strings.ReplaceAll(pick(a.r, common), "TYPE", typ)
		}
		t = a.fill(t)
		if name, _, _ := strings.Cut(t, "="); name != "" {
			out = append(out, t)
		}
	}
	return out
}

// search is a query string for a type; "" for any.
func (a *asker) search(typ string) string {
	n := []int{0, 0, 1, 1, 1, 1, 1, 1, 2}[a.number(0, 8)]
	q := a.criteria(typ, n)
	if a.chance(35) {
		q = append(q, "_count="+a.one("0", "1", "2", "2", "3", "5"))
	}
	if a.chance(30) {
		q = append(q, "_sort="+pick(a.r, append(sorts[typ], "_lastUpdated", "-_lastUpdated", "_id", "-_id")))
	}
	if l := includes[typ]; len(l) > 0 && a.chance(25) {
		q = append(q, pick(a.r, l))
	}
	if a.chance(10) {
		q = append(q, "_total="+a.one("none", "estimate", "accurate"))
	}
	if a.chance(10) {
		q = append(q, "_summary="+a.one("true", "text", "data", "count", "false"))
	} else if a.chance(6) {
		q = append(q, "_elements="+a.one("code,subject", "name", "status", "id"))
	}
	return strings.Join(q, "&")
}

// ask is the next request.
func (a *asker) ask() request {
	if len(a.links) > 0 && a.chance(3) {
		return request{kind: "kept page", method: "GET", url: pick(a.r, a.links)}
	}
	n := a.number(1, 100)
	typ := a.typ()
	id := a.id(typ)
	ref := typ + "/" + id
	switch {
	case n <= 30:
		return a.find(typ)
	case n <= 33:
		return request{kind: "search by POST", method: "POST", url: typ + "/_search", body: a.search(typ), header: []string{"Content-Type: application/x-www-form-urlencoded"}}
	case n <= 37:
		return a.compartment()
	case n <= 40:
		q := []string{"_type=" + a.typ() + "," + a.typ(), "_type=Patient,Observation&_sort=" + a.one("date", "patient,_id", "-code"), "_revinclude=*", "_lastUpdated=" + a.fill("{pfx}{instant}"), "_sort=-_lastUpdated,_id", "_count=" + fmt.Sprint(a.number(0, 6)), "_id=" + id, "_security=R"}
		a.r.Shuffle(len(q), func(i, j int) { q[i], q[j] = q[j], q[i] })
		return request{kind: "system search", method: "GET", url: "?" + strings.Join(q[:a.number(1, 4)], "&")}
	case n <= 48:
		return a.read(ref)
	case n <= 52:
		return request{kind: "vread", method: "GET", url: ref + "/_history/" + a.version(ref)}
	case n <= 62:
		return a.history(typ, ref)
	case n <= 65:
		q := a.one("", "?_count=2", "?_type=Observation,Condition", "?start=2026-02-01", "?_count=3&end=2026-02-05", "?_since="+url.QueryEscape(a.instant()))
		return request{kind: "$everything", method: "GET", url: "Patient/" + a.id("Patient") + "/$everything" + q}
	case n <= 69:
		return a.bundle()
	case n <= 71:
		return a.oddity(ref)
	case n <= 73 && len(a.requests) > 0:
		q := pick(a.r, a.requests)
		q.kind = "repeated"
		if q.method == "POST" && q.url != "" && a.chance(20) {
			q.body = encode(a.resource(q.url, "")) // the id names another request
		}
		return q
	}
	if !a.writes && a.chance(85) {
		return a.find(typ)
	}
	return a.change()
}

// find is a search by GET.
func (a *asker) find(typ string) request {
	q := request{kind: "search", method: "GET", url: typ + "?" + a.search(typ)}
	switch a.number(1, 20) {
	case 1:
		q.kind, q.method = "HEAD of a search", "HEAD"
	case 2:
		q.header = []string{"Prefer: handling=" + a.one("strict", "lenient")}
	}
	return q
}

func (a *asker) read(ref string) request {
	q := request{kind: "read", method: a.one("GET", "GET", "GET", "HEAD"), url: ref}
	switch a.number(1, 8) {
	case 1:
		q.header = []string{`If-None-Match: W/"` + a.version(ref) + `"`}
	case 2:
		q.url += a.one("?_summary=true", "?_elements=status", "?_summary=text", "?_pretty=true")
	case 3:
		q.header = []string{"If-Modified-Since: " + start.Add(-240*time.Hour).Format(time.RFC1123)}
	}
	return q
}

func (a *asker) compartment() request {
	of, typ := "Patient", a.one("Observation", "Condition", "Encounter", "CareTeam", "*", "Appointment", "DiagnosticReport")
	if a.chance(30) {
		of, typ = a.one("Encounter", "Practitioner"), a.one("Observation", "Condition", "*", "Encounter")
	}
	search := typ
	if typ == "*" {
		return request{kind: "compartment", method: "GET", url: of + "/" + a.id(of) + "/*?_count=" + a.one("2", "5", "50")}
	}
	return request{kind: "compartment", method: "GET", url: of + "/" + a.id(of) + "/" + typ + "?" + a.search(search)}
}

func (a *asker) history(typ, ref string) request {
	var q []string
	if a.chance(30) {
		q = append(q, "_since="+url.QueryEscape(a.instant()))
	}
	if a.chance(45) {
		q = append(q, "_at="+a.one(url.QueryEscape(a.instant()), a.instant()[:10]))
	}
	if a.chance(50) {
		q = append(q, "_count="+a.one("0", "1", "2", "3", "7"))
	}
	path := a.one(ref+"/", ref+"/", typ+"/", typ+"/", "")
	return request{kind: "history", method: "GET", url: path + "_history?" + strings.Join(q, "&")}
}

// oddity is malformed, unsupported or about nothing stored.
func (a *asker) oddity(ref string) request {
	q := []request{
		{method: "GET", url: "Observation?code:wrong=1"}, {method: "GET", url: "Observation?unknown=1"}, {method: "GET", url: "metadata"}, {method: "GET", url: "Nothing/1"},
		{method: "GET", url: ref + "/_history?_at=yesterday"}, {method: "PUT", url: ref, body: `{"resourceType":"Patient"`}, {method: "PATCH", url: ref, body: `[{"op":"nothing"}]`},
		{method: "POST", url: "Patient/$validate", body: `{"resourceType":"Patient","gender":"x"}`}, {method: "GET", url: "Observation?subject:Patient.nothing=1"}, {method: "DELETE", url: "Patient"},
		{method: "GET", url: "Device?_count=1"}, {method: "GET", url: "?_page=AAAA"}, {method: "POST", url: ref, body: `{}`}, {method: "GET", url: "Group/_history"},
		{method: "GET", url: "Observation?unknown=1", header: []string{"Prefer: handling=strict"}}, {method: "POST", url: "", body: `{"resourceType":"Bundle","type":"batch"}`},
		{method: "GET", url: ref + "?_format=xml"}, {method: "GET", url: ref, header: []string{"Accept: application/fhir+xml"}}, {method: "GET", url: "Encounter/" + a.id("Encounter") + "/$everything"},
		{method: "GET", url: "Observation?_text=noted"}, {method: "GET", url: "Patient/" + a.id("Patient") + "/$everything?_count=0"}, {method: "HEAD", url: ref + "/_history"}, {method: "PUT", url: ref, body: `{"resourceType":"Patient","id":"other"}`},
		{method: "GET", url: ref + "/_history/" + a.version(ref) + "?_summary=true"}, {method: "GET", url: "Patient/" + a.id("Patient") + "/Observation/" + a.id("Observation")},
	}[a.number(0, 24)]
	q.kind = "oddity"
	return q
}
