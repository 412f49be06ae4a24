package gate_test

import (
	"fmt"
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
)

// reloading is a layer whose rules change when it is asked for the at-th time.
type reloading struct {
	permit
	asked, at *int
}

func (l reloading) Rule(p gate.Principal, a fhir.Action, typ string) (gate.Rule, error) {
	*l.asked++
	return l.permit.Rule(p, a, typ)
}

func (l reloading) Decide(p gate.Principal, a fhir.Action, h gate.Header, c *gate.Content) (gate.Decision, error) {
	*l.asked++
	return l.permit.Decide(p, a, h, c)
}

func (l reloading) Epoch() string {
	if *l.at >= 0 && *l.asked >= *l.at {
		return "2"
	}
	return "1"
}

// Rules of two epochs don't meet in one answer, nor under one key.
func TestNothingIsMadeOfRulesOfTwoEpochs(t *testing.T) {
	plan := fhir.Plan{Touches: []fhir.Touch{{Act: fhir.See, Action: fhir.ActRead, Type: "Patient"}}}
	draft := gate.Draft{Header: header("a"), Body: []byte(`{"resourceType":"Patient","id":"a"}`)}
	noFacts := func(gate.Keys) (gate.Facts, error) { return gate.Facts{}, nil }
	for _, denied := range []bool{false, true} {
		asked, at := 0, -1
		layer := reloading{permit{}, &asked, &at}
		if denied {
			layer.hidden = map[string]bool{"a/v1": true}
		}
		g := gate.New(labeler{}, nil, layer)
		somebody := gate.NewPrincipal(gate.Identity{Tenant: "main", Subject: "adams"})
		for name, do := range map[string]func(*gate.Permit) error{
			"admit":            func(*gate.Permit) error { _, err := g.Admit(somebody, plan); return err },
			"rule":             func(m *gate.Permit) error { _, err := m.Rule(fhir.ActSearch, "Patient"); return err },
			"known":            func(m *gate.Permit) error { _, err := m.Known(fhir.ActUpdate, "Patient"); return err },
			"judge":            func(m *gate.Permit) error { _, err := g.Judge(m, fhir.ActRead, sealedPatient("a")); return err },
			"judge what is in": func(m *gate.Permit) error { _, err := g.JudgeIncluded(m, sealedPatient("b")); return err },
			"judge a target":   func(m *gate.Permit) error { _, err := g.JudgeTarget(m, fhir.ActRead, sealedPatient("a")); return err },
			"judge a change": func(m *gate.Permit) error {
				_, err := g.JudgeChange(m, fhir.ActCreate, nil, &draft, noFacts)
				return err
			},
		} {
			t.Run(fmt.Sprint(name, denied), func(t *testing.T) {
				at = -1
				m := admitted(t, g, "adams")
				at = asked + 1
				err := do(m)
				want := fhir.Unavailable
				if denied && name == "judge a change" {
					want = fhir.Forbidden // by the rules of now
				}
				if code(err) != want {
					t.Errorf("while the rules change: %v, want %v", err, want)
				}
				at = -1
				if name != "judge a change" {
					if err := do(admitted(t, g, "adams")); err != nil && code(err) != fhir.NotFound {
						t.Errorf("under rules that stay: %v", err)
					}
				}
			})
		}
	}
}

// What the new rules withhold is no fault of a net.
func TestAReloadIsNoMismatch(t *testing.T) {
	asked, at := 0, -1
	layer := reloading{permit{hidden: map[string]bool{"a/v1": true}}, &asked, &at}
	g := gate.New(labeler{}, nil, layer)
	m := admitted(t, g, "adams")
	at = asked + 1
	if rows, err := g.Judge(m, fhir.ActRead, sealedPatient("a")); code(err) != fhir.Unavailable || len(rows) > 0 {
		t.Errorf("judged %v, %v", rows, err)
	}
	if n := g.Mismatches(); n != 0 {
		t.Errorf("%d rows are counted on which the nets differ", n)
	}
}
