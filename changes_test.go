package firebreak_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// change is a request that would change something.
func (a *asker) change() request {
	q := a.oneChange()
	if a.chance(8) {
		q.header = append(q.header, fmt.Sprintf("X-Request-Id: request-%d", a.number(1, 1<<30)))
		a.requests = append(a.requests, q)
	}
	if a.chance(15) && q.method != "DELETE" {
		q.header = append(q.header, "Prefer: return="+a.one("minimal", "representation", "OperationOutcome"))
	}
	return q
}

func (a *asker) oneChange() request {
	typ := a.one("Observation", "Observation", "Observation", "Condition", "Patient", "CareTeam", "Encounter", "DiagnosticReport", "Medication", "Appointment", "Organization")
	if l := slices.DeleteFunc(slices.Clone(a.types), func(s string) bool { return s == "AuditEvent" }); len(l) > 0 && a.chance(40) {
		typ = pick(a.r, l)
	} else if l := slices.Sorted(maps.Keys(a.mine)); len(l) > 0 && a.chance(60) {
		typ = pick(a.r, l)
	}
	ref := typ + "/" + a.target(typ)
	var header []string
	if a.chance(25) {
		header = []string{`If-Match: W/"` + a.version(ref) + `"`}
		if l := a.versions[ref]; len(l) > 0 && a.chance(50) {
			header = []string{`If-Match: W/"` + l[len(l)-1] + `"`}
		}
	} else if a.chance(4) {
		header = []string{"If-None-Match: *"}
	}
	switch a.number(1, 12) {
	case 1, 2:
		return request{kind: "create", method: "POST", url: typ, body: encode(a.resource(typ, ""))}
	case 3, 4:
		return request{kind: "conditional create", method: "POST", url: typ, body: encode(a.resource(typ, "")), header: []string{"If-None-Exist: " + a.condition(typ)}}
	case 5, 6, 7:
		return request{kind: "update", method: "PUT", url: ref, body: a.revised(ref), header: header}
	case 8:
		body := a.resource(typ, "")
		if a.chance(20) {
			body["id"] = a.id(typ)
		}
		return request{kind: "conditional update", method: "PUT", url: typ + "?" + a.condition(typ), body: encode(body)}
	case 9:
		return request{kind: "patch", method: "PATCH", url: ref, body: a.jsonPatch(), header: header}
	case 10:
		return request{kind: "conditional patch", method: "PATCH", url: typ + "?" + a.condition(typ), body: a.jsonPatch()}
	case 11:
		return request{kind: "conditional delete", method: "DELETE", url: typ + "?" + a.condition(typ)}
	}
	return request{kind: "delete", method: "DELETE", url: ref, header: header}
}

// condition selects by identifier mostly, so that one resource is a usual result.
func (a *asker) condition(typ string) string {
	switch a.number(1, 5) {
	case 1:
		return "_id=" + a.target(typ)
	case 2:
		return strings.Join(a.criteria(typ, 1), "&")
	case 3:
		return "identifier=urn:ids|" + a.identifier() + "&" + strings.Join(a.criteria(typ, 1), "&")
	}
	return "identifier=urn:ids|" + a.identifier()
}

// revised is a new content for a resource: as it was with something changed, or
// all new.
func (a *asker) revised(ref string) string {
	typ, id, _ := strings.Cut(ref, "/")
	body := a.resource(typ, id)
	for _, r := range a.w.records {
		if r.ref() == ref && a.chance(60) {
			old := obj{}
			if json.Unmarshal([]byte(encode(r.current().body)), &old) == nil {
				delete(old, "meta")
				a.labels(old)
				return encode(old)
			}
		}
	}
	return encode(body)
}

func (a *asker) jsonPatch() string {
	if a.chance(40) { // fits every resource
		return encode([]obj{{"op": "add", "path": "/language", "value": a.one("de", "fr")}})
	}
	ops := []obj{
		{"op": "test", "path": "/status", "value": "final"},
		{"op": "replace", "path": "/status", "value": a.one("final", "amended", "wrong!")},
		{"op": "copy", "from": "/subject", "path": "/subject"},
		{"op": "move", "from": "/note", "path": "/note"},
		{"op": "remove", "path": "/valueQuantity"},
		{"op": "add", "path": "/note", "value": []any{obj{"text": "patched"}}},
		{"op": "add", "path": "/language", "value": "de"},
		{"op": "test", "path": "/subject/reference", "value": "Patient/" + a.id("Patient")},
		{"op": "replace", "path": "/subject", "value": a.reference("Patient")},
		{"op": "add", "path": "/meta/security", "value": []any{obj{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": a.one("R", "V", "L")}}},
	}
	a.r.Shuffle(len(ops), func(i, j int) { ops[i], ops[j] = ops[j], ops[i] })
	return encode(ops[:a.number(1, 2)])
}

// bundle is a batch or a transaction of a few entries, which may refer to each
// other and to what conditions find.
func (a *asker) bundle() request {
	kind := a.one("batch", "transaction")
	var entries []any
	var made []string
	for n := range a.number(1, 4) {
		var q request
		switch a.number(1, 7) {
		case 1:
			ref := a.typ()
			q = request{method: "GET", url: ref + "/" + a.id(ref)}
		case 7:
			typ := a.typ()
			q = pick(a.r, []request{a.history(typ, typ+"/"+a.id(typ)), a.compartment(), a.read(typ + "/" + a.id(typ)), {method: "GET", url: "Patient/" + a.id("Patient") + "/$everything"}}[:a.number(3, 4)])
		case 2:
			typ := a.typ()
			q = request{method: "GET", url: typ + "?" + a.search(typ)}
		case 3, 4:
			typ := a.one("Patient", "Observation", "Observation", "Condition", "Encounter")
			body := a.resource(typ, "")
			if typ != "Patient" && a.chance(50) {
				body["subject"] = obj{"reference": "Patient?" + a.condition("Patient")}
				if len(made) > 0 && a.chance(60) {
					body["subject"] = obj{"reference": pick(a.r, made)}
				}
			}
			q = request{method: "POST", url: typ, body: encode(body)}
			if a.chance(30) {
				q.header = []string{"If-None-Exist: " + a.condition(typ)}
			}
			if typ == "Patient" {
				made = append(made, fmt.Sprintf("urn:uuid:00000000-0000-4000-8000-%012d", n))
			}
		default:
			q = a.oneChange()
		}
		entries = append(entries, entryOf(q, n))
	}
	return request{kind: kind, method: "POST", url: "", body: encode(obj{"resourceType": "Bundle", "type": kind, "entry": entries})}
}

func entryOf(q request, n int) any {
	if path, query, ok := strings.Cut(q.url, "?"); ok {
		if _, err := url.ParseQuery(query); err != nil {
			q.url = path
		}
	}
	req := obj{"method": q.method, "url": q.url}
	for _, h := range q.header {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "If-Match":
			req["ifMatch"] = value
		case "If-None-Match":
			req["ifNoneMatch"] = value
		case "If-None-Exist":
			req["ifNoneExist"] = value
		}
	}
	entry := obj{"request": req}
	switch {
	case q.method == "PATCH":
		entry["resource"] = obj{"resourceType": "Binary", "contentType": "application/json-patch+json", "data": base64Text(q.body)}
	case q.body != "":
		entry["resource"] = json.RawMessage(q.body)
	}
	if q.method == "POST" {
		entry["fullUrl"] = fmt.Sprintf("urn:uuid:00000000-0000-4000-8000-%012d", n)
	}
	return entry
}
