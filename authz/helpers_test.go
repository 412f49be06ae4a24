package authz

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/policies"
)

var update = flag.Bool("update", false, "rewrite golden files")

// reporter is what testing.T and rapid.T have in common.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// holds is the reference evaluation of a Rule: a class question by gate.AtClass,
// then keys, facts and content asked one by one.
func holds(t reporter, r gate.Rule, h gate.Header, body []byte) bool {
	t.Helper()
	var ask func(gate.Rule) bool
	ask = func(r gate.Rule) bool {
		switch r := r.(type) {
		case gate.Always:
			return true
		case gate.Never:
			return false
		case gate.Every:
			for _, x := range r {
				if !ask(x) {
					return false
				}
			}
			return true
		case gate.Either:
			for _, x := range r {
				if ask(x) {
					return true
				}
			}
			return false
		case gate.Unless:
			return !ask(r.Rule)
		case gate.KeyTest:
			switch r.Relation {
			case gate.SubjectIs:
				return h.Keys.HasSubject(r.Holder)
			case gate.InCareTeam:
				return h.Facts.CareTeam
			case gate.AuthorIs:
				return h.Keys.Author == r.Holder
			}
		case gate.Residual:
			root, err := gate.NewContent(body).Root()
			if err != nil {
				t.Fatalf("body: %v", err)
			}
			ok, err := search.NewExtractor(testBase).Match(r.Where, root, search.Meta{ID: h.ID})
			if err != nil {
				t.Fatalf("match: %v", err)
			}
			return ok
		}
		t.Fatalf("AtClass left a %T", r)
		return false
	}
	return ask(gate.AtClass(r, h.Class))
}

const testBase = "https://fhir.example.org/r4"

// defaults are the layer with the policies that Firebreak comes with.
func defaults(t testing.TB) *Policies {
	t.Helper()
	p, err := NewPolicies(func() (fs.FS, error) { return policies.Default(), nil })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// of is the layer with one file of policies.
func of(t testing.TB, text string) *Policies {
	t.Helper()
	p, err := NewPolicies(func() (fs.FS, error) { return folder(text), nil })
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return p
}

func folder(text string) fs.FS { return fstest.MapFS{"test.cedar": {Data: []byte(text)}} }

// both asks a layer's two nets and insists that they agree.
func both(t testing.TB, l gate.Authorizer, who gate.Principal, action fhir.Action, h gate.Header, body []byte) bool {
	t.Helper()
	r, err := l.Rule(who, action, h.Type)
	if err != nil {
		t.Fatalf("Rule: %v", err)
	}
	d, err := l.Decide(who, action, h, gate.NewContent(body))
	if err != nil {
		t.Fatalf("Decide: %v", err)
	}
	net1, net2 := holds(t, r, h, body), d.Effect == gate.Permits
	if net1 != net2 {
		t.Errorf("%s: net 1 says %v, net 2 says %v (%v)\nrule:\n%s", action, net1, net2, d.Reasons, FormatRule(r))
	}
	return net2
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test -update rewrites it. got:\n%s", path, got)
	}
}

func person(role, fhirUser, organization string, more ...string) gate.Identity {
	return gate.Identity{Tenant: "t", Issuer: "https://id.example.org", Subject: fhirUser, ClientID: "app",
		FHIRUser: fhirUser, Organization: organization, Roles: append([]string{role}, more...), Scope: "user/*.cruds"}
}

func system(role string) gate.Identity {
	return gate.Identity{Tenant: "t", Issuer: "https://id.example.org", Subject: "svc", ClientID: "svc", Roles: []string{role}, Scope: "system/*.rs"}
}

func record(typ, organization string) gate.Header {
	return gate.Header{Type: typ, ID: "1", Version: "v", Class: gate.Class{Tenant: "t", Type: typ, Organization: organization,
		Confidentiality: gate.Normal}, Keys: gate.Keys{Subjects: []string{"p1"}, Author: "Practitioner/other"}}
}
