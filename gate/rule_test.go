package gate_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"firebreak/gate"

	"pgregory.net/rapid"
)

// row is what rules are asked about; the key relations that hold are named.
type row struct {
	class gate.Class
	held  map[gate.Relation]bool
	found map[string]bool // residuals that hold, by text
}

// holds answers a rule for a row without any of the gate's folding: the
// reference that And, Or, Except and AtClass are compared with.
func holds(r gate.Rule, w row) bool {
	switch r := r.(type) {
	case gate.Always:
		return true
	case gate.Every:
		for _, x := range r {
			if !holds(x, w) {
				return false
			}
		}
		return true
	case gate.Either:
		for _, x := range r {
			if holds(x, w) {
				return true
			}
		}
		return false
	case gate.Unless:
		return !holds(r.Rule, w)
	case gate.ClassTest:
		return r.Holds(w.class)
	case gate.KeyTest:
		return w.held[r.Relation]
	case gate.Residual:
		return r.Type == w.class.Type && w.found[r.Text]
	}
	return false // Never, nil
}

var relations = []gate.Relation{gate.SubjectIs, gate.InCareTeam, gate.AuthorIs}

func anyRow(t *rapid.T) row {
	w := row{class: gate.Class{Tenant: "main", Type: rapid.SampledFrom([]string{"Patient", "Observation"}).Draw(t, "type"),
		Organization: rapid.SampledFrom([]string{"", "north", "south"}).Draw(t, "organization")}, held: map[gate.Relation]bool{}, found: map[string]bool{}}
	for _, r := range relations {
		w.held[r] = rapid.Bool().Draw(t, string(r))
	}
	for _, text := range []string{"a", "b"} {
		w.found[text] = rapid.Bool().Draw(t, text)
	}
	return w
}

// anyRule is a tree as layers may write it, not folded.
func anyRule(t *rapid.T, depth int) gate.Rule {
	kind := rapid.IntRange(0, 7).Draw(t, "kind")
	if depth == 0 && kind >= 5 {
		kind %= 5
	}
	switch kind {
	case 0:
		return gate.Always{}
	case 1:
		return gate.Never{}
	case 2:
		org := rapid.SampledFrom([]string{"north", "south"}).Draw(t, "organization")
		return gate.ClassTest{Text: org, Holds: func(c gate.Class) bool { return c.Organization == org }}
	case 3:
		return gate.KeyTest{Relation: rapid.SampledFrom(relations).Draw(t, "relation")}
	case 4:
		return gate.Residual{Type: rapid.SampledFrom([]string{"Patient", "Observation"}).Draw(t, "type"), Text: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "text")}
	case 7:
		return gate.Unless{Rule: anyRule(t, depth-1)}
	}
	list := make([]gate.Rule, rapid.IntRange(0, 3).Draw(t, "length"))
	for i := range list {
		list[i] = anyRule(t, depth-1)
	}
	if kind == 5 {
		return gate.Every(list)
	}
	return gate.Either(list)
}

func TestRulesMeanWhatTheirPartsMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, w := anyRule(t, 3), anyRule(t, 3), anyRow(t)
		for _, c := range []struct {
			name string
			got  gate.Rule
			want bool
		}{
			{"And", gate.And(a, b), holds(a, w) && holds(b, w)},
			{"And, turned round", gate.And(b, a), holds(a, w) && holds(b, w)},
			{"And with itself", gate.And(a, a), holds(a, w)},
			{"And of nothing", gate.And(), true},
			{"And with Always", gate.And(a, gate.Always{}), holds(a, w)},
			{"And with Never", gate.And(a, gate.Never{}), false},
			{"And with nil", gate.And(a, nil), false},
			{"Or", gate.Or(a, b), holds(a, w) || holds(b, w)},
			{"Or of nothing", gate.Or(), false},
			{"Or with nil", gate.Or(a, nil), holds(a, w)},
			{"Except", gate.Except(a), !holds(a, w)},
			{"Except twice", gate.Except(gate.Except(a)), holds(a, w)},
			{"Except nil", gate.Except(nil), false},
			{"at its class", gate.AtClass(a, w.class), holds(a, w)},
			{"at its class, And", gate.AtClass(gate.And(a, b), w.class), holds(a, w) && holds(b, w)},
			{"absorbed", gate.And(a, gate.Or(a, b)), holds(a, w)},
		} {
			if got := holds(c.got, w); got != c.want {
				t.Fatalf("%s = %#v holds: %v, want %v\na = %#v\nb = %#v", c.name, c.got, got, c.want, a, b)
			}
		}
	})
}

func TestAtClassAsksNothingMoreOfTheClass(t *testing.T) {
	var asks func(gate.Rule) bool
	asks = func(r gate.Rule) bool {
		switch r := r.(type) {
		case gate.ClassTest, nil:
			return true
		case gate.Every:
			return slices.ContainsFunc(r, asks)
		case gate.Either:
			return slices.ContainsFunc(r, asks)
		case gate.Unless:
			return asks(r.Rule)
		case gate.Residual:
			return r.Type != "Patient"
		}
		return false
	}
	rapid.Check(t, func(t *rapid.T) {
		r := anyRule(t, 4)
		if got := gate.AtClass(r, gate.Class{Type: "Patient", Organization: "north"}); asks(got) {
			t.Fatalf("AtClass(%#v) = %#v", r, got)
		}
	})
}

// What nobody wrote denies, also where it is negated.
func TestAMissingRuleDenies(t *testing.T) {
	for _, r := range []gate.Rule{nil, gate.Every{nil}, gate.Either{nil}, gate.Unless{}, gate.Unless{Rule: gate.Every{gate.Always{}, nil}}, gate.Unless{Rule: gate.Unless{Rule: gate.Either{nil}}}, gate.And(nil), gate.Or(nil), gate.Except(nil)} {
		if got := gate.AtClass(r, gate.Class{Type: "Patient"}); got != (gate.Never{}) {
			t.Errorf("AtClass(%#v) = %#v, want Never", r, got)
		}
	}
}

func TestAndOfDecisionsIsAMeet(t *testing.T) {
	decision := rapid.Custom(func(t *rapid.T) gate.Decision {
		d := gate.Decision{Effect: gate.Effect(rapid.IntRange(0, 3).Draw(t, "effect"))}
		for n := range rapid.IntRange(0, 3).Draw(t, "reasons") {
			d.Reasons = append(d.Reasons, gate.Reason{Layer: fmt.Sprint(n), Effect: d.Effect})
		}
		return d
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := decision.Draw(t, "a"), decision.Draw(t, "b"), decision.Draw(t, "c")
		permits := a.Effect == gate.Permits && b.Effect == gate.Permits
		ab, ba := a.And(b), b.And(a)
		if (ab.Effect == gate.Permits) != permits || ab.Effect != ba.Effect || len(ab.Reasons) != len(ba.Reasons) {
			t.Fatalf("%v and %v: %v, turned round %v", a, b, ab, ba)
		}
		if left, right := ab.And(c), a.And(b.And(c)); left.Effect != right.Effect || !slices.Equal(left.Reasons, right.Reasons) {
			t.Fatalf("not associative: %v, %v", left, right)
		}
		if got := a.And(a).Effect == gate.Permits; got != (a.Effect == gate.Permits) {
			t.Fatalf("not idempotent: %v", a)
		}
		if ab.And(c).Effect == gate.Permits && ab.Effect != gate.Permits {
			t.Fatal("one more layer reveals more")
		}
		if n := len(a.Reasons); n > 0 && &ab.Reasons[0] == &a.Reasons[0] {
			t.Fatal("reasons are shared with the parts")
		}
	})
}

// hostile are strings that quoting, joining or cutting could take for something else.
var hostile = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\"", "\" \"", "`", "a\" \"b", "\x00", "\xff\xfe", " ", ",", "\\", "\n", "a b", `""`, "\u2028", "\U0010ffff"}),
	rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "bytes")) }))

// code is a label's code: labels are known codes, which hold no comma.
var codes = rapid.SliceOfDistinct(rapid.StringMatching(`[A-Za-z0-9) ]{1,8}`), rapid.ID)

func TestClassesReadBackFromTheirKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		class := func(name string) gate.Class {
			c := gate.Class{Tenant: hostile.Draw(t, name), Type: hostile.Draw(t, name), Organization: hostile.Draw(t, name), Custodian: hostile.Draw(t, name),
				Confidentiality: gate.Confidentiality(rapid.IntRange(0, 6).Draw(t, name)), Asserted: rapid.Bool().Draw(t, name), Linked: rapid.Bool().Draw(t, name)}
			if s := codes.Draw(t, name); len(s) > 0 {
				c.Sensitivities = s
			}
			if s := codes.Draw(t, name); len(s) > 0 {
				c.Caveats = s
			}
			return c
		}
		a, b := class("a"), class("b")
		if got := gate.ParseClass(a.Key()); !reflect.DeepEqual(got, a) {
			t.Fatalf("ParseClass(%q) = %#v, want %#v", a.Key(), got, a)
		}
		if same := a.Key() == b.Key(); same != reflect.DeepEqual(a, b) {
			t.Fatalf("%#v and %#v have the key %q", a, b, a.Key())
		}
	})
}

func TestKeysThatCannotBeReadGiveTheZeroClass(t *testing.T) {
	good := gate.Class{Tenant: "main", Type: "Patient", Confidentiality: gate.Normal}.Key()
	for _, key := range []string{"", "x", `"a"`, good + ` "x"`, good[:len(good)-1], `'a' "b" "c" "d" "N" "" "" ""`, "\xff"} {
		if got := gate.ParseClass(key); !reflect.DeepEqual(got, gate.Class{}) {
			t.Errorf("ParseClass(%q) = %#v", key, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) { gate.ParseClass(hostile.Draw(t, "key")) })
}

func TestConfidentialityIsATotalOrder(t *testing.T) {
	for n, code := range []string{"U", "L", "M", "N", "R", "V"} {
		if c := gate.ConfidentialityOf(code); int(c) != n+1 || c.String() != code {
			t.Errorf("ConfidentialityOf(%s) = %d (%v)", code, c, c)
		}
	}
	for _, code := range []string{"", "X", "u", "UL", "N ", "\x00"} {
		if c := gate.ConfidentialityOf(code); c != 0 {
			t.Errorf("ConfidentialityOf(%q) = %v", code, c)
		}
	}
	if got := gate.Confidentiality(7).String() + gate.Confidentiality(0).String(); got != "??" {
		t.Errorf("levels that are none: %q", got)
	}
}

func TestDigestsTellPrincipalsApart(t *testing.T) {
	one := gate.Identity{Tenant: "t", Issuer: "i", Subject: "s", ClientID: "c", FHIRUser: "Practitioner/1", Organization: "o", Roles: []string{"b", "a"},
		Scope: "x", Patient: "p", Purpose: "TREAT", ACR: "1"}
	seen := map[string]string{gate.NewPrincipal(one).Digest(): "itself"}
	for name, change := range map[string]func(*gate.Identity){
		"tenant": func(i *gate.Identity) { i.Tenant += "x" }, "issuer": func(i *gate.Identity) { i.Issuer += "x" }, "subject": func(i *gate.Identity) { i.Subject += "x" },
		"client": func(i *gate.Identity) { i.ClientID += "x" }, "user": func(i *gate.Identity) { i.FHIRUser += "x" }, "organization": func(i *gate.Identity) { i.Organization += "x" },
		"roles": func(i *gate.Identity) { i.Roles = []string{"a"} }, "joined roles": func(i *gate.Identity) { i.Roles = []string{"ab"} }, "scope": func(i *gate.Identity) { i.Scope += "x" },
		"patient": func(i *gate.Identity) { i.Patient += "x" }, "purpose": func(i *gate.Identity) { i.Purpose += "x" }, "acr": func(i *gate.Identity) { i.ACR += "x" },
		"moved": func(i *gate.Identity) { i.Tenant, i.Issuer = "ti", "" },
	} {
		other := one
		change(&other)
		d := gate.NewPrincipal(other).Digest()
		if seen[d] != "" {
			t.Errorf("another %s has the digest of %s", name, seen[d])
		}
		seen[d] = name
	}
	same := one
	same.Roles, same.TokenID = []string{"a", "b"}, "other"
	if seen[gate.NewPrincipal(same).Digest()] != "itself" {
		t.Error("the order of roles or the token's id changes the digest")
	}
}
