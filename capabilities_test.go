package firebreak_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
	"firebreak/gate"
	"firebreak/validate"
)

// sample is a value of a primitive type.
var sample = map[string]string{
	"base64Binary": `"YQ=="`, "boolean": `true`, "canonical": `"http://example.org/c"`, "code": `"x"`, "date": `"2026-01-01"`, "dateTime": `"2026-01-01"`, "decimal": `1.0`,
	"id": `"x"`, "instant": `"2026-01-01T00:00:00Z"`, "integer": `1`, "markdown": `"x"`, "oid": `"urn:oid:1.2.3"`, "positiveInt": `1`, "string": `"x"`, "time": `"10:00:00"`,
	"unsignedInt": `1`, "uri": `"http://example.org/u"`, "url": `"http://example.org/l"`, "uuid": `"urn:uuid:0a1b2c3d-0000-4000-8000-000000000001"`,
	"xhtml": `"<div xmlns=\"http://www.w3.org/1999/xhtml\">x</div>"`,
}

// minimal is the smallest object of a type that has all that must be there.
func minimal(typ string, e *r4.Element) string {
	t, ok := r4.LookupType(typ)
	switch {
	case !ok:
		return `"?"`
	case t.Kind == r4.KindPrimitive && e != nil && len(e.Codes) > 0:
		return fmt.Sprintf("%q", e.Codes[0])
	case t.Kind == r4.KindPrimitive:
		return sample[typ]
	case typ == "Reference":
		target := "Patient"
		if e != nil && len(e.Targets) > 0 {
			target = e.Targets[0]
		}
		return `{"reference":"` + target + `/x"}`
	}
	var members []string
	for i := range t.Elements {
		if t.Elements[i].Min > 0 {
			members = append(members, member(&t.Elements[i]))
		}
	}
	if len(members) == 0 && t.Kind != r4.KindResource {
		members = append(members, some(t))
	}
	if t.Kind == r4.KindResource {
		members = slices.Insert(members, 0, fmt.Sprintf(`"resourceType":%q`, typ))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func member(e *r4.Element) string {
	name := e.Name
	if e.Choice {
		name += strings.ToUpper(e.Types[0][:1]) + e.Types[0][1:]
	}
	value := minimal(e.Types[0], e)
	if e.Max != 1 {
		value = "[" + value + "]"
	}
	return fmt.Sprintf(`%q:%s`, name, value)
}

// some is one element of a type that needs none: its first primitive.
func some(t *r4.Type) string {
	for i := range t.Elements {
		e := &t.Elements[i]
		if of, ok := r4.LookupType(e.Types[0]); ok && of.Kind == r4.KindPrimitive && e.Name != "id" {
			return member(e)
		}
	}
	return ""
}

// capabilityRig has a person who may do what any role but the importer may.
func capabilityRig(t *testing.T) (*rig, map[string]any) {
	t.Helper()
	who := standard()
	who["all"] = gate.Identity{Tenant: "main", Issuer: "https://idp.invalid", Subject: "all", ClientID: "app", FHIRUser: "Practitioner/all",
		Organization: "Organization/north", Roles: []string{"physician", "admin", "security-officer"}, Scope: "user/*.cruds", Purpose: "TREAT"}
	r := newRigWith(t, who, openSQLite)
	statement := r.do("", "GET", "metadata", "").is(t, 200).json(t)
	return r, dig(statement, "rest", 0).(map[string]any)
}

// http-core 15, 27, 28: the statement itself.
func TestTheCapabilityStatementIsPublicAndSound(t *testing.T) {
	r := newRig(t)
	a := r.do("", "GET", "metadata", "").is(t, 200)
	doc, err := fhirjson.Parse([]byte(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for _, issue := range validate.Resource(doc.Root(), "CapabilityStatement") {
		t.Errorf("%s: %s", issue.Expression, issue.Text)
	}
	body := a.json(t)
	for name, want := range map[string]any{"status": "active", "kind": "instance", "fhirVersion": "4.0.1"} {
		if body[name] != want {
			t.Errorf("%s = %v, want %v", name, body[name], want)
		}
	}
	if got := dig(body, "implementation", "url"); got != base {
		t.Errorf("implementation.url = %v", got)
	}
	same(t, "the statement for all", r.do("adams", "GET", "metadata", ""), a)
	if again := r.do("", "GET", "metadata", "", "If-None-Match: "+a.first("Etag")); again.status != 304 || again.body != "" {
		t.Errorf("If-None-Match: %v", again)
	}
	if head := r.do("", "HEAD", "metadata", ""); head.status != 200 || head.body != "" || head.first("Etag") != a.first("Etag") {
		t.Errorf("HEAD: %v", head)
	}
	if pretty := r.do("", "GET", "metadata?_pretty=true&mode=full", ""); !strings.Contains(pretty.body, "\n  ") {
		t.Errorf("_pretty: %.80s", pretty.body)
	}
	r.do("", "GET", "metadata?mode=terminology", "").refused(t, 501, "http.mode")
	r.do("", "GET", "metadata?mode=some", "").refused(t, 400, "http.mode")
	r.do("", "GET", "metadata?_format=xml", "").refused(t, 406, "http._format")
	if got := len(objects(dig(body, "rest", 0, "resource"))); got != len(r4.Resources()) {
		t.Errorf("%d resource types, want %d", got, len(r4.Resources()))
	}
}

// refusedByPolicy are the interactions that the policies allow to no role but
// an importer's, or to none: evidence is append-only.
var refusedByPolicy = map[string][]string{"AuditEvent": {"create", "update", "patch", "delete"}, "Provenance": {"update", "patch", "delete"}}

// Every interaction is done on a resource of every type.
func TestEveryInteractionClaimedIsAnswered(t *testing.T) {
	r, rest := capabilityRig(t)
	for _, claim := range objects(rest["resource"]) {
		typ := claim["type"].(string)
		t.Run(typ, func(t *testing.T) {
			rr := *r
			rr.t = t
			walkThrough(t, &rr, typ, claim)
		})
	}
	if n := r.server.Mismatches(); n != 0 {
		t.Errorf("the nets differed %d times", n)
	}
}

func walkThrough(t *testing.T, r *rig, typ string, claim map[string]any) {
	resource, claimed := minimal(typ, nil), map[string]bool{}
	for _, i := range objects(claim["interaction"]) {
		claimed[i["code"].(string)] = true
	}
	try := func(code string, want int, method, path, body string, header ...string) answer {
		t.Helper()
		if !claimed[code] {
			t.Errorf("%s is not claimed", code)
		}
		if slices.Contains(refusedByPolicy[typ], code) {
			want = 403
		}
		return r.do("all", method, path, body, header...).is(t, want)
	}
	made := try("create", 201, "POST", typ, resource)
	if made.status == 403 {
		made = r.do("importer", "POST", typ, resource).is(t, 201)
	}
	_, vread, _ := strings.Cut(made.first("Location"), base+"/")
	ref, _, _ := strings.Cut(vread, "/_history/")
	id := strings.TrimPrefix(ref, typ+"/")
	under := func(id string) string { return strings.TrimSuffix(resource, "}") + `,"id":"` + id + `"}` }
	byID := typ + "?_id=" + id
	read := try("read", 200, "GET", ref, "")
	try("vread", 200, "GET", vread, "")
	try("search-type", 200, "GET", byID, "")
	try("history-instance", 200, "GET", ref+"/_history", "")
	try("history-type", 200, "GET", typ+"/_history", "")
	if got := r.do("all", "GET", byID, "").json(t)["total"]; got != 1.0 {
		t.Errorf("total = %v, want 1", got)
	}
	if claim["conditionalRead"] != "full-support" || r.do("all", "GET", ref, "", "If-None-Match: "+read.first("Etag")).status != 304 || r.do("all", "GET", ref, "", "If-Modified-Since: "+read.first("Last-Modified")).status != 304 {
		t.Errorf("conditionalRead = %v", claim["conditionalRead"])
	}
	if claim["conditionalCreate"] != true || claim["conditionalUpdate"] != true || claim["conditionalDelete"] != "single" || claim["updateCreate"] != false || claim["versioning"] != "versioned" || claim["readHistory"] != true {
		t.Errorf("claims: %v", claim)
	}
	try("create", 200, "POST", typ, resource, "If-None-Exist: _id="+id)
	try("update", 405, "PUT", typ+"/unknown", under("unknown"))
	try("update", 200, "PUT", ref, under(id), "If-Match: "+read.first("Etag"))
	try("update", 200, "PUT", byID, resource)
	try("patch", 200, "PATCH", ref, `[{"op":"add","path":"/language","value":"en"}]`)
	for _, op := range objects(claim["operation"]) {
		switch op["name"] {
		case "validate":
			if a := r.do("all", "POST", typ+"/$validate", resource).is(t, 200); a.issues(t)[0]["severity"] != "information" {
				t.Errorf("$validate: %s", a.body)
			}
		case "everything":
			r.do("all", "GET", ref+"/$everything", "").is(t, 200)
		default:
			t.Errorf("an operation that no test knows: %v", op["name"])
		}
	}
	try("delete", 204, "DELETE", byID, "")
	if gone := r.do("all", "GET", ref, "").status; gone != 410 && !slices.Contains(refusedByPolicy[typ], "delete") {
		t.Errorf("read after delete: %d, want 410", gone)
	}
}

// criterion is a value that a search parameter can read.
func criterion(p *r4.SearchParam) string {
	switch p.Type {
	case r4.ParamNumber, r4.ParamQuantity:
		return "1"
	case r4.ParamDate:
		return "2026-01-01"
	case r4.ParamURI:
		return "http://example.org/x"
	case r4.ParamSpecial: // near
		return "52.5|13.4|10|km"
	case r4.ParamReference:
		if targets := search.Targets(p); len(targets) > 0 {
			return targets[0] + "/x"
		}
	case r4.ParamComposite:
		var parts []string
		for _, c := range p.Components {
			parts = append(parts, criterion(c.Param))
		}
		return strings.Join(parts, "$")
	}
	return "x"
}

// Every search parameter and include that is claimed is taken, handled
// strictly; what the definitions have and the statement has not is refused.
func TestEverySearchParameterAndIncludeClaimedIsTaken(t *testing.T) {
	r, rest := capabilityRig(t)
	for _, claim := range objects(rest["resource"]) {
		typ := claim["type"].(string)
		claimed := map[string]bool{}
		var pairs []string
		for _, p := range objects(claim["searchParam"]) {
			name := p["name"].(string)
			if claimed[name] {
				t.Errorf("%s: %s is claimed twice", typ, name)
			}
			claimed[name] = true
			param, ok := r4.LookupSearchParam(typ, name)
			if !ok || param.URL != p["definition"] || param.Type.String() != p["type"] {
				t.Errorf("%s: %v is not as defined", typ, p)
				continue
			}
			pairs = append(pairs, name+"="+url.QueryEscape(criterion(param)))
			if name != "_id" && name != "_lastUpdated" {
				pairs = append(pairs, name+":missing=true")
			}
		}
		for kind, list := range map[string]any{"_include": claim["searchInclude"], "_revinclude": claim["searchRevInclude"]} {
			for _, value := range list.([]any) {
				pairs = append(pairs, kind+"="+url.QueryEscape(value.(string)))
			}
		}
		for some := range slices.Chunk(pairs, 40) {
			if a := r.do("all", "GET", typ+"?"+strings.Join(some, "&"), "", "Prefer: handling=strict"); a.status != 200 {
				t.Errorf("%s: %d %s\n%v", typ, a.status, a.body, some)
			}
		}
		for _, p := range r4.SearchParams(typ) {
			if !claimed[p.Code] {
				r.do("all", "GET", typ+"?"+p.Code+"=x", "").is(t, 400)
			}
		}
	}
}

// What is claimed of the system.
func TestEverySystemClaimIsAnswered(t *testing.T) {
	r, rest := capabilityRig(t)
	requests := map[string][3]string{
		"transaction": {"POST", "", `{"resourceType":"Bundle","type":"transaction"}`}, "batch": {"POST", "", `{"resourceType":"Bundle","type":"batch"}`},
		"search-system": {"GET", "?_type=Patient", ""}, "history-system": {"GET", "_history", ""},
	}
	list := objects(rest["interaction"])
	if len(list) != len(requests) {
		t.Errorf("%d interactions, want %d", len(list), len(requests))
	}
	for _, i := range list {
		q := requests[i["code"].(string)]
		r.do("all", q[0], q[1], q[2]).is(t, 200)
	}
	for _, p := range objects(rest["searchParam"]) {
		param, ok := r4.LookupSearchParam("Patient", p["name"].(string))
		if !ok {
			t.Errorf("%v is no parameter of all types", p["name"])
			continue
		}
		r.do("all", "GET", "?"+param.Code+"="+url.QueryEscape(criterion(param)), "", "Prefer: handling=strict").is(t, 200)
	}
	var compartments []string
	raw, _ := json.Marshal(rest["compartment"])
	if err := json.Unmarshal(raw, &compartments); err != nil || len(compartments) != 5 {
		t.Fatalf("compartments: %s", raw)
	}
	for _, c := range compartments {
		name := c[strings.LastIndexByte(c, '/')+1:]
		typ := strings.ToUpper(name[:1]) + name[1:]
		if typ == "Relatedperson" {
			typ = "RelatedPerson"
		}
		r.do("all", "GET", typ+"/x/*", "").is(t, 200)
		r.do("all", "GET", typ+"/x/Observation", "").is(t, 200)
	}
	r.do("all", "GET", "Organization/x/Observation", "").is(t, 404)
}
