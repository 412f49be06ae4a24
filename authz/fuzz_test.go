package authz

import (
	"io/fs"
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/policies"
)

// FuzzScope holds both nets' readers of a scope to each other.
func FuzzScope(f *testing.F) {
	for _, s := range []string{"patient/*.rs", "user/Observation.cruds?category=laboratory", "system/Patient.read openid launch/patient",
		"http://smarthealthit.org/fhir/scopes/user/*.*", "user/Observation.?a=b", "user/Observation.rs?a=b&c", "user/Observation.rs?_id=1&_id=%31"} {
		f.Add(s)
	}
	layer := newTestScopes()
	h := record("Observation", "")
	f.Fuzz(func(t *testing.T, scope string) {
		for _, id := range []gate.Identity{physician(), amy(), system("")} {
			id.Scope, id.Patient = scope, "p1"
			for _, a := range fhir.Actions {
				both(t, layer, gate.NewPrincipal(id), a, h, []byte(someBodies[0]))
			}
		}
	})
}

// FuzzPolicy: what loads is applied by both nets alike; what does not is refused.
func FuzzPolicy(f *testing.F) {
	_ = fs.WalkDir(policies.Default(), ".", func(name string, d fs.DirEntry, err error) error {
		if text, err := fs.ReadFile(policies.Default(), name); err == nil {
			f.Add(string(text))
		}
		return err
	})
	f.Add(when(`resource.isAuthor == resource.asserted && 3 <= resource.confidentiality`))
	f.Add(when(`(if resource.linked then "a" else "b") == principal.acr`))
	f.Fuzz(func(t *testing.T, text string) {
		set, err := LoadPolicies(folder(text))
		if err != nil {
			return
		}
		p := &Policies{}
		p.live.Store(&livePolicies{set: set, index: newIndex(set), rules: newCache[gate.Rule](64), decisions: newCache[gate.Decision](64)})
		for _, id := range []gate.Identity{physician(), amy(), system("system")} {
			for _, h := range []gate.Header{record("Observation", north), record("Practitioner", south)} {
				for _, a := range fhir.Actions {
					both(t, p, gate.NewPrincipal(id), a, h, nil)
				}
			}
		}
	})
}
