package firebreak

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/patch"
	"firebreak/fhirjson"
	"firebreak/gate"
	"firebreak/validate"
)

// match is the one resource that satisfies an interaction's condition among
// those the caller may know of, nil when there is none, an error when there are
// several (http.html#ccreate, #cond-update). A duplicate of something hidden is
// not a match: saying so would tell of it.
func (s *Server) match(t Tx, m *gate.Permit, i *fhir.Interaction, action fhir.Action) (*gate.Judged, error) {
	rows, err := t.Matches(i.Query, action, 2)
	if err != nil {
		return nil, err
	}
	switch len(rows) {
	case 0:
		return nil, nil
	case 1:
		j, err := s.gate.JudgeTarget(m, action, rows[0])
		if err != nil {
			return nil, absentIsNil(err)
		}
		return &j, nil
	}
	return nil, errManyMatches
}

var errManyMatches = fhir.NewProblem(fhir.MultipleMatches, "the condition matches more than one resource")

// subject is what a change is about: its target, or what there is instead of
// what a conditional create would make. An unconditional create has none.
func (s *Server) subject(t Tx, m *gate.Permit, i *fhir.Interaction) (*gate.Judged, error) {
	switch {
	case i.Kind == fhir.Delete:
		return s.target(t, m, i, fhir.ActDelete)
	case i.Kind != fhir.Create:
		return s.target(t, m, i, fhir.ActUpdate)
	case i.Query != nil:
		return s.match(t, m, i, fhir.ActRead)
	}
	return nil, nil
}

// target is the judged resource a change is about, by id or by condition; nil
// when it is absent or hidden.
func (s *Server) target(t Tx, m *gate.Permit, i *fhir.Interaction, action fhir.Action) (*gate.Judged, error) {
	if i.Query != nil {
		return s.match(t, m, i, action)
	}
	row, found, err := t.Target(action, i.Type, i.ID)
	if err != nil || !found {
		return nil, err
	}
	j, err := s.gate.JudgeTarget(m, action, row)
	if err != nil {
		return nil, absentIsNil(err)
	}
	return &j, nil
}

// absentIsNil keeps what the gate withheld on the way of what was never there.
func absentIsNil(err error) error {
	var p *fhir.Problem
	if errors.As(err, &p) && p.Code == fhir.NotFound {
		return nil
	}
	return err
}

// among reports whether a version is one of a list of If-Match or If-None-Match.
func among(list, version string) bool {
	return list == "*" || slices.Contains(strings.Split(list, ","), version)
}

// checkPatched parses and checks a patch's result.
func checkPatched(body []byte, typ string) (*fhirjson.Doc, error) {
	doc, err := fhirjson.Parse(body)
	if err != nil {
		return nil, fhir.NewProblem(fhir.Unprocessable, "the patch's result is not well-formed").Because(err)
	}
	if err := validate.Content(doc.Root(), typ); err != nil {
		p := *fhir.AsProblem(err)
		p.Code = fhir.Unprocessable
		return nil, &p
	}
	return doc, nil
}

// patchProblem words a refused patch.
func patchProblem(err error) error {
	var e *patch.Error
	if !errors.As(err, &e) {
		return err
	}
	p := &fhir.Problem{Code: fhir.Unprocessable, Text: "the patch cannot be applied"}
	switch e.Kind {
	case patch.Malformed:
		p.Code = fhir.Invalid
	case patch.TooLarge:
		p.Code = fhir.TooMuch
	}
	place := "http.body"
	if e.Operation != patch.Whole {
		place += "[" + strconv.Itoa(e.Operation) + "]"
	}
	p.Issues = []fhir.Issue{{Code: p.Code, Text: e.Error(), Expression: place}}
	return p
}
