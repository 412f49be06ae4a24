package firebreak_test

import (
	"fmt"
	"strings"
	"testing"
)

const vitalSigns = "user/Observation.cruds?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs"

// observed is an observation of amy's at an encounter, with categories.
func observed(id string, categories ...string) string {
	var list []string
	for _, c := range categories {
		list = append(list, fmt.Sprintf(`{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":%q}]}`, c))
	}
	if id != "" {
		id = fmt.Sprintf(`"id":%q,`, id)
	}
	return fmt.Sprintf(`{"resourceType":"Observation",%s"status":"final","category":[%s],"code":{"text":"x"},"subject":{"reference":"Patient/amy"},"performer":[{"reference":"Practitioner/adams"}]}`, id, strings.Join(list, ","))
}

// TestScopeArgumentsHoldOnEveryRoad: a scope on vital signs alone (SMART App
// Launch 2.2, "Finer-grained resource constraints") on read, vread, history,
// search, include, and changes, both of what is there and of what it becomes.
func TestScopeArgumentsHoldOnEveryRoad(t *testing.T) {
	who := standard()
	part := who["adams"]
	part.Subject, part.Scope = "part", vitalSigns+" user/Patient.rs"
	who["part"] = part
	r := newRigWith(t, who, openSQLite)
	r.put("importer", `{"resourceType":"Patient","id":"amy","name":[{"family":"Ames"}]}`)
	made := map[string]string{}
	for name, of := range map[string][]string{"vital": {"vital-signs"}, "lab": {"laboratory"}, "both": {"vital-signs", "laboratory"}} {
		made[name] = r.do("adams", "POST", "Observation", observed("", of...)).is(t, 201).json(t)["id"].(string)
	}
	vital, lab, both := "Observation/"+made["vital"], "Observation/"+made["lab"], "Observation/"+made["both"]
	version := func(ref string) string {
		return ref + "/_history/" + r.do("adams", "GET", ref, "").is(t, 200).json(t)["meta"].(map[string]any)["versionId"].(string)
	}
	for _, ref := range []string{vital, both} {
		for _, url := range []string{ref, version(ref), ref + "/_history"} {
			r.do("part", "GET", url, "").is(t, 200)
		}
	}
	for _, url := range []string{lab, version(lab), lab + "/_history"} {
		r.do("part", "GET", url, "").is(t, 404)
	}
	for _, url := range []string{"Observation", "Observation?subject=Patient/amy", "Observation/_history", "Patient?_id=amy&_revinclude=Observation:subject", "Observation?category=laboratory", "Observation?_id=" + made["lab"], "Patient/amy/Observation"} {
		body := r.do("part", "GET", url, "").is(t, 200).body
		if strings.Contains(body, made["lab"]) && !strings.Contains(url, made["lab"]) || strings.Contains(body, `"resourceType":"Observation","id":"`+made["lab"]) {
			t.Errorf("%s shows the laboratory's: %s", url, body)
		}
		if !strings.Contains(url, "_id="+made["lab"]) && !strings.Contains(body, made["both"]) {
			t.Errorf("%s lacks what is also a vital sign: %s", url, body)
		}
	}
	r.do("part", "GET", "Observation?_id="+made["vital"]+"&_include=Observation:performer", "").is(t, 200)
	if body := r.do("part", "GET", "Observation?_id="+made["vital"]+"&_include=Observation:subject&_include=Observation:performer", "").is(t, 200).body; strings.Contains(body, "Practitioner/adams\",\"resource") || !strings.Contains(body, `"family":"Ames"`) {
		t.Errorf("included: %s", body)
	}

	// Changes: as they are made, and of what is there.
	r.do("part", "POST", "Observation", observed("", "vital-signs")).is(t, 201)
	for what, a := range map[string]answer{
		"a new one":             r.do("part", "POST", "Observation", observed("", "laboratory")),
		"away from the scope":   r.do("part", "PUT", vital, observed(made["vital"], "laboratory")),
		"into the scope":        r.do("part", "PUT", lab, observed(made["lab"], "vital-signs")),
		"patched away":          r.do("part", "PATCH", vital, `[{"op":"replace","path":"/category/0/coding/0/code","value":"laboratory"}]`, "Content-Type: application/json-patch+json"),
		"patched into":          r.do("part", "PATCH", lab, `[{"op":"replace","path":"/category/0/coding/0/code","value":"vital-signs"}]`, "Content-Type: application/json-patch+json"),
		"at an id of one's own": r.do("part", "PUT", "Observation/mine", observed("mine", "vital-signs")),
	} {
		if a.status < 400 {
			t.Errorf("%s: %v", what, a)
		}
	}
	r.do("part", "DELETE", lab, "") // absent, as far as they are told
	r.do("adams", "GET", lab, "").is(t, 200)
	for ref, want := range map[string]string{vital: "vital-signs", lab: "laboratory"} {
		if body := r.do("adams", "GET", ref, "").is(t, 200).body; !strings.Contains(body, `"`+want+`"`) {
			t.Errorf("%s became %s", ref, body)
		}
	}
	r.do("part", "PUT", vital, observed(made["vital"], "vital-signs", "survey")).is(t, 200)
	r.do("part", "DELETE", vital, "").is(t, 204)
	r.do("adams", "GET", vital, "").is(t, 410)
}
