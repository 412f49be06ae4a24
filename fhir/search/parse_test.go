package search_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// pairs decodes a query string, in order.
func pairs(t testing.TB, query string) []search.Pair {
	t.Helper()
	var out []search.Pair
	for _, kv := range strings.Split(query, "&") {
		if kv == "" {
			continue
		}
		k, v, _ := strings.Cut(kv, "=")
		name, err1 := url.QueryUnescape(k)
		value, err2 := url.QueryUnescape(v)
		if err1 != nil || err2 != nil {
			t.Fatalf("bad query in test: %q", query)
		}
		out = append(out, search.Pair{Name: name, Value: value})
	}
	return out
}

func TestFiltersReadAsR4Says(t *testing.T) {
	now := time.Date(2020, 1, 11, 0, 0, 0, 0, time.UTC)
	opt := search.Options{Base: "https://fire.example/fhir", Now: now, Strict: true}
	for _, c := range []struct{ typ, query, want string }{
		// strings and escapes
		{"Patient", "name=eve", "name=eve"},
		{"Patient", "name:exact=Eve,Ev%C3%A9", "name:exact=Eve,Evé"},
		{"Patient", "name:contains=v", "or(name:contains=v name:contains, later on=v)"},
		{"Patient", `name=a\,b,c\\d\$e\|f\x`, `name=a,b,c\d$e|f\x`},
		{"Patient", "given=a&given=b,c", "and(given=a given=b,c)"},
		{"Patient", "name:missing=true", "missing(name,true)"},
		{"Patient", "name:missing=false", "missing(name,false)"},
		// tokens
		{"Patient", "gender=FEMALE", "gender=female"},
		{"Patient", "gender=http://hl7.org/fhir/administrative-gender|male,http://x|male", "gender=male,http://x|male"},
		{"Patient", "gender:not=male,other", "not(gender=male,other)"},
		{"Patient", "identifier=http://x|A%20b", "identifier=http://x|a b"},
		{"Patient", "identifier=|A", "identifier=|a"},
		{"Patient", "identifier=http://x|", "identifier=http://x|"},
		{"Patient", `identifier=a\|b`, "identifier=a|b"},
		{"Patient", "identifier:of-type=http://t|MR|12", "identifier:of-type=http://t|mr|12"},
		{"Observation", "code:text=Head", "code:text=Head"},
		{"Patient", "_id=A,b", "_id=A,b"},
		{"Patient", "_tag=http://x|y", "_tag=http://x|y"},
		// dates
		{"Patient", "birthdate=2013", "birthdate=eq[2013-01-01T00:00:00,2014-01-01T00:00:00)"},
		{"Patient", "birthdate=ge2013-02", "birthdate=ge[2013-02-01T00:00:00,2013-03-01T00:00:00)"},
		{"Patient", "birthdate=sa2012-02-29", "birthdate=sa[2012-02-29T00:00:00,2012-03-01T00:00:00)"},
		{"Patient", "_lastUpdated=lt2013-01-14T10:00", "_lastUpdated=lt[2013-01-14T10:00:00,2013-01-14T10:01:00)"},
		{"Patient", "_lastUpdated=eb2013-01-14T10:00:05.25Z", "_lastUpdated=eb[2013-01-14T10:00:05.25,2013-01-14T10:00:05.26)"},
		{"Patient", "_lastUpdated=2013-01-14T10:00:05%2B02:00", "_lastUpdated=eq[2013-01-14T08:00:05,2013-01-14T08:00:06)"},
		{"Patient", "_lastUpdated=2013-01-14T10:00:05+02:00", "_lastUpdated=eq[2013-01-14T08:00:05,2013-01-14T08:00:06)"},
		{"Patient", "_lastUpdated=2013-12-31T23:59:60Z", "_lastUpdated=eq[2014-01-01T00:00:00,2014-01-01T00:00:01)"},
		{"Patient", "birthdate=ap2020-01-01", "birthdate=ap[2019-12-31T02:24:00,2020-01-02T21:36:00)"},
		// numbers and quantities
		{"RiskAssessment", "probability=100", "probability=eq100[99.5,100.5)"},
		{"RiskAssessment", "probability=100.00", "probability=eq100[99.995,100.005)"},
		{"RiskAssessment", "probability=1e2", "probability=eq100[95,105)"},
		{"RiskAssessment", "probability=gt-0.80", "probability=gt-0.8[-0.805,-0.795)"},
		{"RiskAssessment", "probability=ap100", "probability=ap100[90,110)"},
		{"Observation", "value-quantity=5.40|http://unitsofmeasure.org|mg", "value-quantity=eq5.4[5.395,5.405) http://unitsofmeasure.org|mg"},
		{"Observation", "value-quantity=le5.4||mG", "value-quantity=le5.4[5.35,5.45) mG"},
		{"Observation", "value-quantity=5.4", "value-quantity=eq5.4[5.35,5.45) "},
		// references
		{"Observation", "subject=Patient/1,2", "subject=Patient/1,/2"},
		{"Observation", "patient=1", "patient=Patient/1"},
		{"AllergyIntolerance", "patient=1", "patient=Patient/1"}, // published with Group
		{"Observation", "subject:Patient=1", "subject=Patient/1"},
		{"Observation", "subject:Patient=Patient/1", "subject=Patient/1"},
		{"Observation", "subject=https://fire.example/fhir/Patient/1", "subject=Patient/1"},
		{"Observation", "subject=https://other.example/fhir/Patient/1", "subject=https://other.example/fhir/Patient/1"},
		{"Observation", "subject=urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "subject=urn:uuid:c757873d-ec9a-4326-a141-556f43239520"},
		{"Observation", "subject:identifier=http://x|Y", "subject:identifier=http://x|y"},
		{"CarePlan", "instantiates-canonical=http://x/PlanDefinition/1|2.0", "instantiates-canonical=http://x/PlanDefinition/1|2.0"},
		// URIs
		{"ValueSet", "url=http://x|1", "url=http://x|1"},
		{"ValueSet", "url:below=http://x/", "url:below=http://x/"},
		{"ValueSet", "url:above=http://x/a/b", "url:above=http://x/a/b"},
		// composites
		{"Observation", "code-value-quantity=http://loinc.org|8480-6$gt140", "code-value-quantity=http://loinc.org|8480-6$gt140[139.5,140.5) "},
		{"Observation", `code-value-string=a\$b$c`, "code-value-string=a$b$c"},
		// chains
		{"Observation", "subject:Patient.name=x", "subject>Patient(name=x)"},
		{"Observation", "patient.organization.name=x", "patient>Patient(organization>Organization(name=x))"},
		{"Observation", "subject.name=x", "or(subject>Location(name=x) subject>Patient(name=x))"},
		{"Observation", "subject:Patient.name:exact=x", "subject>Patient(name:exact=x)"},
		{"Observation", "patient._id=1", "patient>Patient(_id=1)"},
		{"Observation", "patient.gender:not=male", "patient>Patient(not(gender=male))"},
		// _has
		{"Patient", "_has:Observation:patient:code=1", "Observation.patient<(code=1)"},
		{"Patient", "_has:Observation:patient:code:not=1", "Observation.patient<(not(code=1))"},
		{"Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent=Practitioner/1", "Observation.patient<(AuditEvent.entity<(agent=Practitioner/1))"},
		{"Encounter", "patient._has:Observation:patient:code=1", "patient>Patient(Observation.patient<(code=1))"},
		{"Patient", "_has:Encounter:patient:location.name=x", "Encounter.patient<(location>Location(name=x))"},
	} {
		t.Run(c.typ+"?"+c.query, func(t *testing.T) {
			q, err := search.Parse([]string{c.typ}, pairs(t, c.query), opt)
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if got := show(q.Branches[0].Where); got != c.want {
				t.Errorf("Parse = %s, want %s", got, c.want)
			}
			if n := len(pairs(t, c.query)); len(q.Used) != n {
				t.Errorf("Used = %v, want %d parameters", q.Used, n)
			}
		})
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	for _, c := range []struct {
		typ, query string
		code       search.Code
		parameter  string
	}{
		{"Patient", "birthdate=2013-02-30", search.BadValue, "birthdate"},
		{"Patient", "birthdate=13", search.BadValue, "birthdate"},
		{"Patient", "birthdate=xx2013", search.BadValue, "birthdate"},
		{"Patient", "birthdate=2013-01-01T24:00:00Z", search.BadValue, "birthdate"},
		{"Patient", "birthdate=2013-01-01T10", search.BadValue, "birthdate"},
		{"Patient", "birthdate=2013,", search.BadValue, "birthdate"},
		{"Patient", "name=a,,b", search.BadValue, "name"},
		{"Patient", "name=%20", search.BadValue, "name"},
		{"Patient", "name:contains=%CC%81", search.BadValue, "name:contains"},
		{"Observation", "code:text=%20", search.BadValue, "code:text"},
		{"Patient", "name=%00", search.BadValue, "name"},
		{"Patient", "name:contains=%0e", search.BadValue, "name:contains"},
		{"Patient", "name=" + strings.Repeat("x", 401), search.BadValue, "name"},
		{"Patient", "name=" + strings.Repeat("%C3%9F", 201), search.BadValue, "name"}, // ß is ss
		{"Patient", "name:contains=" + strings.Repeat("x", 101), search.BadValue, "name:contains"},
		{"Observation", "code:text=" + strings.Repeat("x", 401), search.BadValue, "code:text"},
		{"Observation", "code-value-string=a$" + strings.Repeat("x", 401), search.BadValue, "code-value-string"},
		{"ValueSet", "url:below=http://" + strings.Repeat("x", 394), search.BadValue, "url:below"},
		{"Patient", "name=%ff", search.BadValue, "name"},
		{"Patient", "identifier=|", search.BadValue, "identifier"},
		{"Patient", "active=|true", search.BadValue, "active"}, // "the pipe symbol SHALL NOT be used" on boolean, ContactPoint and uri
		{"Patient", "active=http://terminology.hl7.org/CodeSystem/special-values|true", search.BadValue, "active"},
		{"Patient", "telecom=phone|555", search.BadValue, "telecom"},
		{"Patient", "deceased=|true", search.BadValue, "deceased"},
		{"Patient", "gender=|", search.BadValue, "gender"},
		{"Patient", "identifier:of-type=a|b", search.BadValue, "identifier:of-type"},
		{"Patient", "_id=a/b", search.BadValue, "_id"},
		{"Patient", "name:missing=yes", search.BadValue, "name:missing"},
		{"Patient", "name:above=x", search.NotSupported, "name:above"},
		{"Patient", "name:in=x", search.NotSupported, "name:in"},
		{"Patient", "gender:in=http://vs", search.NotSupported, "gender:in"},
		{"Patient", "gender:not-in=http://vs", search.NotSupported, "gender:not-in"},
		{"Patient", "gender:below=male", search.NotSupported, "gender:below"},
		{"Patient", "gender:=male", search.NotSupported, "gender:"},
		{"Patient", "name:nope=x", search.NotSupported, "name:nope"},
		{"Patient", "nope:nope=x", search.NotSupported, "nope:nope"},
		{"Patient", "_id:text=x", search.NotSupported, "_id:text"},
		{"Patient", "_text=x", search.NotSupported, "_text"},
		{"Patient", "_content=x", search.NotSupported, "_content"},
		{"Patient", "_filter=x", search.NotSupported, "_filter"},
		{"Patient", "_list=x", search.NotSupported, "_list"},
		{"Patient", "_query=x", search.NotSupported, "_query"},
		{"Patient", "_has=x", search.NotSupported, "_has"},
		{"Location", "near:exact=1|2|3", search.NotSupported, "near:exact"},
		{"Location", "near=52.5", search.BadValue, "near"},
		{"Location", "near=|", search.BadValue, "near"},
		{"Location", "near=52.5|", search.BadValue, "near"},
		{"Location", "near=|13.4", search.BadValue, "near"},
		{"Location", "near=north|13.4", search.BadValue, "near"},
		{"Location", "near=90.1|0", search.BadValue, "near"},
		{"Location", "near=0|-180.01", search.BadValue, "near"},
		{"Location", "near=NaN|0", search.BadValue, "near"},
		{"Location", "near=1|2|-3", search.BadValue, "near"},
		{"Location", "near=1|2|far", search.BadValue, "near"},
		{"Location", "near=1|2|3|mi", search.BadValue, "near"},
		{"Location", "near=1|2||furlong", search.BadValue, "near"},
		{"Location", "near=1|2|3|km|5", search.BadValue, "near"},
		{"Location", "near=1|2|3,", search.BadValue, "near"},
		{"Location", "near=ge1|2|3", search.BadValue, "near"},
		{"Encounter", "location.near=1", search.BadValue, "location.near"},
		{"Patient", "age=5", search.NotSupported, "age"},
		{"Patient", "age:missing=true", search.NotSupported, "age:missing"},
		{"Patient", "birthOrderBoolean=true", search.NotSupported, "birthOrderBoolean"},
		{"Observation", "subject._content=x", search.NotSupported, "subject._content"},
		{"ValueSet", "url:below=urn:oid:1.2", search.BadValue, "url:below"},
		{"RiskAssessment", "probability=1.", search.BadValue, "probability"},
		{"RiskAssessment", "probability=1e999", search.BadValue, "probability"},
		{"RiskAssessment", "probability=0x10", search.BadValue, "probability"},
		{"RiskAssessment", "probability=NaN", search.BadValue, "probability"},
		{"Observation", "value-quantity=5.4|mg", search.BadValue, "value-quantity"},
		{"Observation", "subject=Patient/1/_history/2", search.BadValue, "subject"},
		{"Observation", "subject=Nope/1", search.BadValue, "subject"},
		{"Observation", "subject:Patient=Group/1", search.BadValue, "subject:Patient"},
		{"Observation", "subject:Practitioner=1", search.Invalid, "subject:Practitioner"},
		{"AllergyIntolerance", "patient:Group=1", search.Invalid, "patient:Group"},
		{"Provenance", "target.target.target.name=" + strings.Repeat("a,", 99) + "a", search.TooCostly, "target.target.target.name"},
		{"Observation", "subject:Nope=1", search.NotSupported, "subject:Nope"},
		{"Observation", "subject:Practitioner.name=1", search.Invalid, "subject:Practitioner.name"},
		{"Observation", "subject:exact.name=1", search.NotSupported, "subject:exact.name"},
		{"Observation", "subject.nope=1", search.Invalid, "subject.nope"},
		{"Observation", "patient.birthdate=x", search.BadValue, "patient.birthdate"},
		{"Observation", "code.text=1", search.Invalid, "code.text"},
		{"Observation", "code-value-quantity=1", search.BadValue, "code-value-quantity"},
		{"Observation", "code-value-quantity:exact=1$2", search.NotSupported, "code-value-quantity:exact"},
		{"Observation", "encounter.patient.organization.partof.partof.partof.partof.partof.partof.name=x", search.TooCostly, "encounter.patient.organization.partof.partof.partof.partof.partof.partof.name"},
		{"Patient", "_has:Observation:code:status=1", search.Invalid, "_has:Observation:code:status"},
		{"Patient", "_has:Observation:encounter:code=1", search.Invalid, "_has:Observation:encounter:code"},
		{"Patient", "_has:Observation:patient=1", search.Invalid, "_has:Observation:patient"},
		{"Patient", "_has:Observation:patient:nope=1", search.Invalid, "_has:Observation:patient:nope"},
		{"Patient", "_count=-1", search.BadValue, "_count"},
		{"Patient", "_count=ten", search.BadValue, "_count"},
		{"Patient", "_count=1&_count=2", search.Invalid, "_count"},
		{"Patient", "_total=some", search.BadValue, "_total"},
		{"Patient", "_summary=maybe", search.BadValue, "_summary"},
		{"Patient", "_summary:x=true", search.NotSupported, "_summary:x"},
		{"Patient", "_contained=true", search.NotSupported, "_contained"},
		{"Patient", "_include=Patient", search.BadValue, "_include"},
		{"Patient", "_include=Patient:name", search.BadValue, "_include"},
		{"Patient", "_include=Patient:organization:Device", search.BadValue, "_include"},
		{"Patient", "_include:deep=Patient:organization", search.NotSupported, "_include:deep"},
		{"Patient", "_type=Observation", search.BadValue, "_type"},
		{"Nope", "", search.Invalid, ""},
		{"Patient", "name=" + strings.Repeat("a,", 100) + "a", search.TooCostly, "name"},
		{"Patient", strings.Repeat("name=a&", 51), search.TooCostly, ""},
		{"Patient", "p%C3%A4tient:nope=1", search.NotSupported, ""},
	} {
		for _, strict := range []bool{false, true} {
			_, err := search.Parse([]string{c.typ}, pairs(t, c.query), search.Options{Strict: strict})
			var e *search.Error
			if !errors.As(err, &e) {
				t.Errorf("Parse(%s?%s, strict %t) = %v, want an Error", c.typ, c.query, strict, err)
				continue
			}
			if e.Code != c.code || e.Parameter != c.parameter {
				t.Errorf("Parse(%s?%s, strict %t) = %s at %q (%v), want %s at %q", c.typ, c.query, strict, e.Code, e.Parameter, err, c.code, c.parameter)
			}
		}
	}
}

func TestLenientHandlingPassesOver(t *testing.T) {
	for _, c := range []struct{ query, where, ignored string }{
		{"nope=1&name=x", "name=x", "nope"},
		{"nope:exact=1", "all", "nope:exact"},
		{"nope.name=1", "all", "nope.name"},
		{"name=", "all", "name"},
		{"_sort=-birthdate,nope", "all", "_sort"},
		{"_elements=name,nope", "all", "_elements"},
		{"n%C3%A4me=1", "all", "?"},
	} {
		q, err := search.Parse([]string{"Patient"}, pairs(t, c.query), search.Options{})
		if err != nil {
			t.Errorf("Parse(%s) = %v", c.query, err)
			continue
		}
		if got := show(q.Branches[0].Where); got != c.where || strings.Join(q.Ignored, ",") != c.ignored {
			t.Errorf("Parse(%s) = %s ignoring %q, want %s ignoring %q", c.query, got, q.Ignored, c.where, c.ignored)
		}
		for _, u := range q.Used {
			if strings.Contains(u.Value, "nope") || u.Name == "nope" {
				t.Errorf("Parse(%s) shows %v as used", c.query, u)
			}
		}
		if _, err := search.Parse([]string{"Patient"}, pairs(t, c.query), search.Options{Strict: true}); err == nil {
			t.Errorf("Parse(%s, strict) = nil, want an error", c.query)
		}
	}
}

func TestConditionsMustFilter(t *testing.T) {
	for query, ok := range map[string]bool{
		"identifier=http://x|1":          true,
		"":                               false,
		"identifier=":                    false,
		"nope=1":                         false,
		"identifier=1&nope=1":            false,
		"identifier=1&_count=1":          false,
		"identifier=1&_sort=name":        false,
		"identifier=1&_format=json":      false,
		"identifier=1&_summary=count":    false,
		"_include=Patient:organization":  false,
		"_type=Patient":                  false,
		"_has:Observation:patient:code=": false,
		"organization.name=x":            true,
	} {
		_, err := search.Parse([]string{"Patient"}, pairs(t, query), search.Options{Condition: true})
		if (err == nil) != ok {
			t.Errorf("Parse(%q) as a condition = %v, want ok %t", query, err, ok)
		}
	}
}

func TestResultParametersAreRead(t *testing.T) {
	q, err := search.Parse([]string{"Observation"}, pairs(t, "_sort=-date,status,_id&_count=9999&_total=accurate&_summary=data&_elements=code,subject"+
		"&_include=Observation:subject:Patient&_include:iterate=Patient:organization&_include:recurse=Location:*&_revinclude=Provenance:target&_include=*"+
		"&_format=json&_pretty=true&_contained=false&_containedType=container"), search.Options{Strict: true, MaxCount: 100})
	if err != nil {
		t.Fatal(err)
	}
	if want := []search.SortKey{{Code: "date", Descending: true}, {Code: "status"}, {Code: "_id"}}; !slices.Equal(q.Sort, want) {
		t.Errorf("Sort = %v, want %v", q.Sort, want)
	}
	if q.Count != 100 || !q.Counted || q.Total != search.TotalAccurate || q.Summary != search.SummaryData {
		t.Errorf("Count %d, Counted %t, Total %d, Summary %d", q.Count, q.Counted, q.Total, q.Summary)
	}
	if want := []string{"code", "subject"}; !slices.Equal(q.Elements, want) {
		t.Errorf("Elements = %v, want %v", q.Elements, want)
	}
	var incs []string
	for _, i := range q.Includes {
		code := "*"
		if i.Param != nil {
			code = i.Param.Code
		}
		incs = append(incs, fmt.Sprintf("%t %t %s:%s:%s %t", i.Reverse, i.Iterate, i.Source, code, i.Target, i.All))
	}
	want := []string{"false false Observation:subject:Patient false", "false true Patient:organization: false", "false true Location:*: true",
		"true false Provenance:target: false", "false false :*: true"}
	if !slices.Equal(incs, want) {
		t.Errorf("Includes = %q, want %q", incs, want)
	}
	if !slices.Contains(q.Used, search.Pair{Name: "_count", Value: "100"}) {
		t.Errorf("Used = %v, want the _count that was applied", q.Used)
	}
	for _, u := range q.Used {
		if u.Name == "_format" || u.Name == "_pretty" {
			t.Errorf("Used has %s", u.Name)
		}
	}
}

func TestSystemSearchNarrowsByType(t *testing.T) {
	q, err := search.Parse(r4.Resources(), pairs(t, "_type=Patient,Observation&_id=1"), search.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(q.Branches) != 2 || q.Branches[0].Type != "Patient" || show(q.Branches[1].Where) != "_id=1" {
		t.Errorf("Branches = %v", q.Branches)
	}
	if _, err := search.Parse(r4.Resources(), pairs(t, "gender=male"), search.Options{Strict: true}); err == nil {
		t.Error("a parameter that not every type has was taken")
	}
}

func TestCompartmentsBindEveryBranch(t *testing.T) {
	opt := search.Options{Strict: true, Compartment: &search.Compartment{Type: "Patient", ID: "p1"}}
	q, err := search.Parse([]string{"Observation"}, pairs(t, "code=1"), opt)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := show(q.Branches[0].Where), "and(or(subject=Patient/p1 performer=Patient/p1) code=1)"; got != want {
		t.Errorf("Where = %s, want %s", got, want)
	}
	q, err = search.Parse(nil, nil, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(q.Branches) < 50 {
		t.Errorf("%d branches, want every type of the compartment", len(q.Branches))
	}
	for _, b := range q.Branches {
		if b.Where == nil {
			t.Errorf("branch %s is not bound to the compartment", b.Type)
		}
		if b.Type == "Patient" && !strings.Contains(show(b.Where), "_id=p1") {
			t.Errorf("Patient branch = %s, want the patient itself", show(b.Where))
		}
	}
	for _, typ := range []string{"Medication", "Organization"} {
		if _, err := search.Parse([]string{typ}, nil, opt); err == nil {
			t.Errorf("%s was searched in Patient's compartment", typ)
		}
	}
	for _, c := range []string{"Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"} {
		if _, err := search.Parse(nil, nil, search.Options{Compartment: &search.Compartment{Type: c, ID: "1"}}); err != nil {
			t.Errorf("compartment %s: %v", c, err)
		}
	}
}
