package gate_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
)

func acts(list ...fhir.Action) map[fhir.Action]bool {
	out := map[fhir.Action]bool{}
	for _, a := range list {
		out[a] = true
	}
	return out
}

var everyAction = acts(fhir.Actions[:]...)

func TestZeroValuesDeny(t *testing.T) {
	g, m := lab(t, permit{assert: true})
	s := sealedPatient("1")
	if (gate.Principal{}).Valid() || (gate.Principal{}).Tenant() != "" {
		t.Error("the zero Principal is somebody")
	}
	if _, err := g.Admit(gate.Principal{}, fhir.Plan{Interaction: &fhir.Interaction{}}); code(err) != fhir.Login {
		t.Errorf("Admit of nobody: %v", err)
	}
	for name, zero := range map[string]*gate.Permit{"zero": {}, "nil": nil} {
		if r, err := zero.Rule(fhir.ActRead, "Patient"); r != (gate.Never{}) || err != nil {
			t.Errorf("%s permit's rule: %v, %v", name, r, err)
		}
		if r, err := zero.Known(fhir.ActUpdate, "Patient"); r != (gate.Never{}) || err != nil {
			t.Errorf("%s permit knows of: %v, %v", name, r, err)
		}
		if zero.MayAssert("Patient") || zero.MayImport("Patient") || zero.Principal().Valid() {
			t.Errorf("%s permit has rights", name)
		}
		if j, err := g.Judge(zero, fhir.ActRead, s); len(j) != 0 || err != nil {
			t.Errorf("Judge under a %s permit: %v, %v", name, j, err)
		}
		if _, err := g.JudgeTarget(zero, fhir.ActUpdate, s); code(err) != fhir.NotFound {
			t.Errorf("JudgeTarget under a %s permit: %v", name, err)
		}
		if j, err := g.JudgeIncluded(zero, s); len(j) != 0 || err != nil {
			t.Errorf("JudgeIncluded under a %s permit: %v, %v", name, j, err)
		}
		if _, err := g.JudgeChange(zero, fhir.ActCreate, nil, draft("1"), noFacts); err == nil {
			t.Errorf("JudgeChange under a %s permit permits", name)
		}
		if _, err := g.Release(zero, mustJudge(t, g, m, s), gate.Shape{Status: 200}); err == nil {
			t.Errorf("Release under a %s permit", name)
		}
	}
	if j, err := g.Judge(m, fhir.ActRead, gate.Sealed{}); len(j) != 0 || err != nil {
		t.Errorf("Judge of the zero Sealed: %v, %v", j, err)
	}
	if _, err := g.Release(m, gate.Judged{}, gate.Shape{Status: 200}); err == nil {
		t.Error("the zero Judged is released")
	}
	if _, err := g.ReleasePage(m, []gate.Judged{{}}, gate.Page{}); err == nil {
		t.Error("the zero Judged is released in a page")
	}
	if h, b, ok := (gate.Judged{}).Write(); ok || b != nil || h.ID != "" {
		t.Error("the zero Judged can be written")
	}
	if _, err := g.Patch(m, gate.Judged{}, func([]byte) ([]byte, error) { t.Error("the patch ran"); return nil, nil }); err == nil {
		t.Error("the zero Judged can be patched")
	}
	if w := sent(t, g, gate.Cleared{}, false); w.Code != 503 || w.Body.Len() != 0 {
		t.Errorf("the zero Cleared leaves as %d %s", w.Code, w.Body)
	}
	if got := (gate.Decision{}).Effect; got != gate.Denies {
		t.Errorf("the zero Decision %v", got)
	}
}

func TestAGateWithoutLayersDeniesEverything(t *testing.T) {
	g := gate.New(labeler{}, nil)
	p := gate.NewPrincipal(gate.Identity{Tenant: "main", Subject: "x"})
	if _, err := g.Admit(p, fhir.Plan{Interaction: &fhir.Interaction{}, Touches: []fhir.Touch{{Act: fhir.See, Action: fhir.ActRead, Type: "Patient"}}}); code(err) != fhir.Forbidden {
		t.Errorf("Admit: %v", err)
	}
	m := admitted(t, g, "x")
	if r, err := m.Rule(fhir.ActRead, "Patient"); r != (gate.Never{}) || err != nil {
		t.Errorf("Rule: %v, %v", r, err)
	}
	if j, err := g.Judge(m, fhir.ActRead, sealedPatient("1")); len(j) != 0 || err != nil {
		t.Errorf("Judge: %v, %v", j, err)
	}
	if m.MayAssert("Patient") || m.MayImport("Patient") {
		t.Error("rights without layers")
	}
}

func TestOneLayerThatDeniesIsEnough(t *testing.T) {
	deny := permit{name: "label", denies: everyAction, never: everyAction}
	for _, layers := range [][]gate.Authorizer{{deny}, {deny, permit{}}, {permit{}, deny}, {permit{}, deny, permit{}}} {
		g, m := lab(t, layers...)
		touch := fhir.Plan{Interaction: &fhir.Interaction{}, Touches: []fhir.Touch{{Act: fhir.See, Action: fhir.ActRead, Type: "Patient"}}}
		if _, err := g.Admit(m.Principal(), touch); code(err) != fhir.Forbidden {
			t.Errorf("Admit: %v", err)
		}
		touch.Touches[0].Optional = true
		if _, err := g.Admit(m.Principal(), touch); err != nil {
			t.Errorf("Admit of an optional touch: %v", err)
		}
		if j, err := g.Judge(m, fhir.ActRead, sealedPatient("1")); len(j) != 0 || err != nil || g.Mismatches() != 1 {
			t.Errorf("Judge: %v, %v, %d mismatches", j, err, g.Mismatches())
		}
	}
}

func TestIDsAreChosenOnlyWhereNothingIsHidden(t *testing.T) {
	all := permit{assert: true}
	some := ruled{permit: all, rule: gate.KeyTest{Relation: gate.SubjectIs, Holder: "s"}}
	for _, c := range []struct {
		name   string
		layers []gate.Authorizer
		want   bool
	}{
		{"every layer lets them update all", []gate.Authorizer{all, all}, true},
		{"one layer does not let them import", []gate.Authorizer{all, permit{}}, false},
		{"one layer hides some", []gate.Authorizer{all, some}, false},
		{"one layer hides all", []gate.Authorizer{all, permit{assert: true, never: everyAction}}, false},
	} {
		if _, m := lab(t, c.layers...); m.MayImport("Patient") != c.want {
			t.Errorf("%s: MayImport = %t", c.name, !c.want)
		}
	}
}

// ruled is a layer with a rule of its own.
type ruled struct {
	permit
	rule gate.Rule
}

func (l ruled) Rule(gate.Principal, fhir.Action, string) (gate.Rule, error) { return l.rule, nil }

func TestALayersErrorDenies(t *testing.T) {
	g, m := lab(t, permit{}, permit{err: errBroken, assert: true})
	touch := fhir.Plan{Interaction: &fhir.Interaction{}, Touches: []fhir.Touch{{Act: fhir.See, Action: fhir.ActRead, Type: "Patient"}}}
	if _, err := g.Admit(m.Principal(), touch); !errors.Is(err, errBroken) {
		t.Errorf("Admit: %v", err)
	}
	if r, err := m.Rule(fhir.ActRead, "Patient"); r != (gate.Never{}) || !errors.Is(err, errBroken) {
		t.Errorf("Rule: %v, %v", r, err)
	}
	if j, err := g.Judge(m, fhir.ActRead, sealedPatient("1")); j != nil || !errors.Is(err, errBroken) {
		t.Errorf("Judge: %v, %v", j, err)
	}
	if j, err := g.JudgeTarget(m, fhir.ActRead, sealedPatient("1")); j.Header().ID != "" || !errors.Is(err, errBroken) {
		t.Errorf("JudgeTarget: %v, %v", j, err)
	}
	if _, err := g.JudgeChange(m, fhir.ActCreate, nil, draft("1"), noFacts); !errors.Is(err, errBroken) {
		t.Errorf("JudgeChange: %v", err)
	}
	if m.MayAssert("Patient") || m.MayImport("Patient") {
		t.Error("an error grants a right")
	}
}

func TestOtherTenantsAndTypesAreDenied(t *testing.T) {
	g, m := lab(t, permit{})
	for name, change := range map[string]func(*gate.Header){
		"another tenant": func(h *gate.Header) { h.Class.Tenant = "other" },
		"no tenant":      func(h *gate.Header) { h.Class.Tenant = "" },
		"another type":   func(h *gate.Header) { h.Class.Type = "Observation" },
		"no class":       func(h *gate.Header) { h.Class = gate.Class{} },
	} {
		h := header("1")
		change(&h)
		if j, err := g.Judge(m, fhir.ActRead, gate.Seal(h, []byte("{}"))); len(j) != 0 || err != nil {
			t.Errorf("%s is permitted: %v, %v", name, j, err)
		}
		r, err := m.Rule(fhir.ActRead, "Patient")
		if err != nil {
			t.Fatal(err)
		}
		if _, seen := gate.AtClass(r, h.Class).(gate.Always); seen && name != "another type" {
			t.Errorf("%s passes net 1", name)
		}
	}
}

func TestAnOldVersionNeedsItsCurrentOneToo(t *testing.T) {
	version := func(v string, current *gate.Sealed) gate.Sealed {
		h := header("1")
		h.Version, h.Current = v, current
		return gate.Seal(h, []byte(`{"resourceType":"Patient"}`))
	}
	for _, c := range []struct {
		hidden string
		want   int
	}{{"", 1}, {"1/old", 0}, {"1/new", 0}} {
		g, m := lab(t, permit{hidden: map[string]bool{c.hidden: true}})
		current := version("new", nil)
		if j, err := g.Judge(m, fhir.ActRead, version("old", &current)); len(j) != c.want || err != nil {
			t.Errorf("%q hidden: %d versions, want %d (%v)", c.hidden, len(j), c.want, err)
		}
	}
	g, m := lab(t, permit{})
	if j, _ := g.Judge(m, fhir.ActRead, version("old", &gate.Sealed{})); len(j) != 0 {
		t.Error("an old version passes with a zero current one")
	}
}

func draft(id string) *gate.Draft {
	return &gate.Draft{Header: gate.Header{Type: "Patient", ID: id, Version: "v2", Method: "PUT"}, Body: []byte(`{"resourceType":"Patient","id":"` + id + `"}`)}
}

func noFacts(gate.Keys) (gate.Facts, error) { return gate.Facts{}, nil }

func TestATargetIsAbsentRefusedOrGiven(t *testing.T) {
	for _, c := range []struct {
		name   string
		denies map[fhir.Action]bool
		want   fhir.Code // Exception: it is given
		differ int64
	}{
		{"may read and update", nil, fhir.Exception, 0},
		{"may update, not read", acts(fhir.ActRead), fhir.Exception, 0},
		{"may read, not update", acts(fhir.ActUpdate), fhir.Forbidden, 0},
		{"may neither", acts(fhir.ActRead, fhir.ActUpdate), fhir.NotFound, 1},
	} {
		g, m := lab(t, permit{denies: c.denies})
		j, err := g.JudgeTarget(m, fhir.ActUpdate, sealedPatient("1"))
		if c.want == fhir.Exception {
			if err != nil || j.Header().ID != "1" {
				t.Errorf("%s: %v, %v", c.name, j, err)
			}
			continue
		}
		if code(err) != c.want || j.Header().ID != "" || g.Mismatches() != c.differ {
			t.Errorf("%s: %v, %d mismatches", c.name, err, g.Mismatches())
		}
	}
}

func TestAChangeIsJudgedByWhatItMakes(t *testing.T) {
	g, m := lab(t, permit{hidden: map[string]bool{"1/v2": true}})
	before, err := g.JudgeTarget(m, fhir.ActUpdate, sealedPatient("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.JudgeChange(m, fhir.ActUpdate, &before, draft("1"), noFacts); code(err) != fhir.Forbidden {
		t.Errorf("an update to what may not be written: %v", err)
	}
	if _, err := g.JudgeChange(m, fhir.ActCreate, nil, draft("1"), noFacts); code(err) != fhir.Forbidden {
		t.Errorf("a create of what may not be written: %v", err)
	}
	if _, err := g.JudgeChange(m, fhir.ActCreate, nil, draft("2"), func(gate.Keys) (gate.Facts, error) { return gate.Facts{}, errBroken }); !errors.Is(err, errBroken) {
		t.Errorf("facts that can't be read: %v", err)
	}
	d := draft("2")
	d.Header.Type = "Observation" // the content says Patient
	if _, err := g.JudgeChange(m, fhir.ActCreate, nil, d, noFacts); code(err) != fhir.Forbidden {
		t.Errorf("a header of another type than the content: %v", err)
	}
}

func TestAChangeNeedsTheTargetThatWasJudgedForIt(t *testing.T) {
	g, m := lab(t, permit{})
	other := admitted(t, g, "baker")
	target := func(m *gate.Permit, a fhir.Action, id string) *gate.Judged {
		j, err := g.JudgeTarget(m, a, sealedPatient(id))
		if err != nil {
			t.Fatal(err)
		}
		return &j
	}
	read := mustJudge(t, g, m, sealedPatient("1"))
	made, err := g.JudgeChange(m, fhir.ActUpdate, target(m, fhir.ActUpdate, "1"), draft("1"), noFacts)
	if err != nil {
		t.Fatal(err)
	}
	if h, body, ok := made.Write(); !ok || h.ID != "1" || h.Version != "v2" || !strings.Contains(string(body), "Patient") || !made.Replaces() {
		t.Errorf("the change: %+v %s %v", h, body, ok)
	}
	for name, c := range map[string]struct {
		action fhir.Action
		before *gate.Judged
		after  *gate.Draft
	}{
		"judged for reading":       {fhir.ActUpdate, &read, draft("1")},
		"judged for deleting":      {fhir.ActUpdate, target(m, fhir.ActDelete, "1"), draft("1")},
		"judged for somebody else": {fhir.ActUpdate, target(other, fhir.ActUpdate, "1"), draft("1")},
		"another resource":         {fhir.ActUpdate, target(m, fhir.ActUpdate, "2"), draft("1")},
		"a change itself":          {fhir.ActUpdate, &made, draft("1")},
		"never judged":             {fhir.ActUpdate, &gate.Judged{}, draft("1")},
		"a delete of nothing":      {fhir.ActDelete, nil, nil},
		"a delete judged to read":  {fhir.ActDelete, &read, nil},
	} {
		if j, err := g.JudgeChange(m, c.action, c.before, c.after, noFacts); err == nil {
			t.Errorf("%s: the change is permitted: %v", name, j)
		}
	}
}

func TestATombstoneBuriesWhatWasJudged(t *testing.T) {
	g, m := lab(t, permit{})
	before, err := g.JudgeTarget(m, fhir.ActDelete, sealedPatient("1"))
	if err != nil {
		t.Fatal(err)
	}
	j, err := g.JudgeChange(m, fhir.ActDelete, &before, nil, noFacts)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := j.Write(); ok {
		t.Error("a delete is written before it has a tombstone")
	}
	other := header("2")
	other.Version, other.Class = "v9", gate.Class{Tenant: "main", Type: "Patient", Confidentiality: gate.Low}
	h, body, ok := j.Tombstone(other).Write()
	if !ok || h.ID != "1" || !h.Deleted || h.Version != "v9" || h.Class.Confidentiality != header("1").Class.Confidentiality || h.Class.Organization == "" || !strings.Contains(string(body), `"1"`) {
		t.Errorf("the tombstone: %+v %s %v", h, body, ok)
	}
	if _, _, ok := before.Tombstone(other).Write(); ok {
		t.Error("a target becomes a tombstone without a change")
	}
}

func TestAPatchSeesWhatMayBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		denies map[fhir.Action]bool
		want   string
	}{"may read": {nil, `{"resourceType":"Patient","id":"1"}`}, "may not": {acts(fhir.ActRead), ""}} {
		g, m := lab(t, permit{denies: c.denies})
		before, err := g.JudgeTarget(m, fhir.ActUpdate, sealedPatient("1"))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		_, err = g.Patch(m, before, func(view []byte) ([]byte, error) { got = string(view); return nil, nil })
		if got != c.want || (c.want == "") != (code(err) == fhir.Forbidden && err != nil) {
			t.Errorf("%s: the patch saw %q (%v)", name, got, err)
		}
		if _, err := g.Patch(admitted(t, g, "baker"), before, func([]byte) ([]byte, error) { return nil, nil }); err == nil {
			t.Errorf("%s: somebody else patches it", name)
		}
	}
}

func TestIncludesNeedTheRightToReadOrSearch(t *testing.T) {
	for _, c := range []struct {
		denies map[fhir.Action]bool
		want   int
	}{{nil, 1}, {acts(fhir.ActRead), 1}, {acts(fhir.ActSearch), 1}, {acts(fhir.ActRead, fhir.ActSearch), 0}} {
		g, m := lab(t, permit{denies: c.denies})
		if j, err := g.JudgeIncluded(m, sealedPatient("1")); len(j) != c.want || err != nil {
			t.Errorf("denying %v: %d included, want %d (%v)", c.denies, len(j), c.want, err)
		}
	}
}

func TestMismatchesAreTold(t *testing.T) {
	var layers, types []string
	g := gate.New(labeler{}, func(layer string, h gate.Header) { layers, types = append(layers, layer), append(types, h.Type) }, permit{name: "scope"}, permit{name: "label", denies: everyAction})
	m := admitted(t, g, "adams")
	if _, err := g.Judge(m, fhir.ActRead, sealedPatient("1"), sealedPatient("2")); err != nil {
		t.Fatal(err)
	}
	if got, _ := json.Marshal([]any{g.Mismatches(), layers, types}); string(got) != `[2,["label","label"],["Patient","Patient"]]` {
		t.Errorf("told %s", got)
	}
}
