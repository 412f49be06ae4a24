package smart

import (
	"context"
	"errors"

	"firebreak/smart/person"
	"firebreak/vault"
)

// Policies that take two persons are in force when they are approved; what lies
// in the folder is what somebody proposes. The approved texts are kept whole, so
// that a server that starts never runs others.

// PolicyTexts is a folder of policies, whole.
type PolicyTexts struct {
	Hash     string            // SHA-256 of names and texts, in hexadecimal
	Files    map[string]string // the texts, by file name
	Policies map[string]string // a digest of each policy, by its @id
	Instead  string            // the Hash of what they are to replace
}

var approvedPolicies = vault.Of[PolicyTexts]("policies")

const inForce = "approved"

// ApprovedPolicies are those that two persons have agreed to; vault.ErrAbsent when
// none were ever kept.
func (s *Server) ApprovedPolicies(ctx context.Context) (PolicyTexts, error) {
	e, err := approvedPolicies.Load(ctx, s.vault, inForce)
	return e.Value, err
}

// FirstPolicies keeps the policies that a site begins with, unless others were
// kept before.
func (s *Server) FirstPolicies(ctx context.Context, p PolicyTexts) error {
	err := s.vault.Apply(ctx, approvedPolicies.New(inForce, p, vault.Never))
	if errors.Is(err, vault.ErrChanged) {
		return nil
	}
	return err
}

// ProposePolicies asks for approval of policies, once while that lasts; it
// reports whether it was now. Who has changed the folder is not known: it is the
// operator's, and any administrator may approve.
func (s *Server) ProposePolicies(ctx context.Context, p PolicyTexts) (bool, error) {
	name := hashName(p.Hash + " " + p.Instead)
	was, err := approvals.Load(ctx, s.vault, name)
	absent := errors.Is(err, vault.ErrAbsent)
	if err != nil && !absent {
		return false, err
	}
	if !absent && !s.mayProposeAgain(was.Value) {
		return false, nil
	}
	a := s.toWait(approval{Change: change{Kind: takePolicies, Policies: p}, By: string(person.Operator), Reason: "The folder of policies has changed"})
	op := approvals.New(name, a, a.Due, a.tags()...)
	if !absent {
		was.Value, was.Until = a, a.Due
		op = approvals.Replace(was, a.tags()...)
	}
	err = s.vault.Apply(ctx, op)
	if errors.Is(err, vault.ErrChanged) {
		return false, nil
	}
	return err == nil, err
}

// mayProposeAgain: what was approved once may have been replaced since, and be
// wanted again. What waits is asked already, and what was refused, or is being made
// at this moment, is not asked again.
func (s *Server) mayProposeAgain(a approval) bool {
	return a.State == stateDone || a.State == stateFailed || a.State == stateTaken && s.now().Sub(a.Decided) > 5*minute
}

// approvePolicies keeps policies in the place of those they were compared with.
func (s *Server) approvePolicies(ctx context.Context, p PolicyTexts) error {
	e, err := approvedPolicies.Load(ctx, s.vault, inForce)
	if err != nil {
		return err
	}
	if e.Value.Hash != p.Instead {
		return errMeanwhile
	}
	e.Value = p
	if err := s.vault.Apply(ctx, approvedPolicies.Replace(e)); errors.Is(err, vault.ErrChanged) {
		return errMeanwhile
	} else if err != nil {
		return err
	}
	return nil
}
