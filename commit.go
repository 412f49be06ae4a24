package firebreak

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"firebreak/fhir"
	"firebreak/gate"
)

// commit runs changes in a transaction: the intent is on record before the
// commit, the outcome is stored with it and on record before the reply. again
// is true when a request that named itself was done before: what it did then is
// the answer now, and nothing is done twice.
func (s *Server) commit(ctx context.Context, v *visit, m *gate.Permit, kind fhir.Kind, fn func(Tx) ([]effect, error)) (effects []effect, again bool, err error) {
	// It names no resource yet, so it is one record.
	intent := s.journal.Begin(intentRecord(v, kind, s.gate.Epoch()).Fit()[0].Append(nil))
	durable := func(ctx context.Context) error {
		if _, err := intent.Wait(ctx); err != nil {
			return fhir.NewProblem(fhir.Unavailable, "the audit journal cannot be written").Because(err)
		}
		return nil
	}
	name, digest := requestName(v), requestDigest(v)
	err = s.backend.Change(ctx, m, durable, func(t Tx) (err error) {
		effects, again = nil, false
		if name != "" {
			first, found, err := t.First(v.principal.Owner(), name, digest)
			if err != nil {
				return err
			}
			if found {
				again = true
				effects, err = s.recall(t, m, first)
				return err
			}
		}
		if effects, err = fn(t); err != nil {
			return err
		}
		if name != "" {
			if err := t.PutFirst(v.principal.Owner(), name, digest, remember(effects)); err != nil {
				return err
			}
		}
		return t.Outbox(v.Visit, outcomeRecord(v, kind, s.gate.Epoch(), effects).Append(nil))
	})
	if err == nil && !again {
		v.outboxes = append(v.outboxes, v.Visit)
	}
	return effects, again, err
}

// requestName is the id that a change's first result is kept under, "" for
// none. An entry of a batch, which is a change of its own, has its own: no
// client's id has a slash, so it is nobody else's.
func requestName(v *visit) string {
	if v.RequestID == "" || v.of == nil {
		return v.RequestID
	}
	return v.RequestID + "/" + ordinal(v.of)
}

// requestDigest tells whether a request that repeats an id is the same request.
func requestDigest(v *visit) []byte {
	h := sha256.New()
	for _, s := range [...]string{v.Method, v.Path, v.Query, v.IfMatch, v.IfNoneMatch, v.IfNoneExist, v.Prefer, v.ContentType} {
		fmt.Fprintf(h, "%d:%s\n", len(s), s)
	}
	if v.of != nil {
		h.Write(v.of.Raw)
		return h.Sum(nil)
	}
	h.Write(v.Body)
	return h.Sum(nil)
}

// remembered is an effect as it is stored with a request's id.
type remembered struct {
	Status            int
	Type, ID, Version string
	Empty             bool
	Location          bool
	Stored            bool // rather than found
}

func remember(effects []effect) []byte {
	out := make([]remembered, len(effects))
	for n, e := range effects {
		h := e.judged.Header()
		out[n] = remembered{Status: e.shape.Status, Type: h.Type, ID: h.ID, Version: h.Version, Empty: e.empty, Location: e.shape.Location, Stored: e.changed}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return []byte("[]") // cannot happen: plain fields
	}
	return b
}

// recall turns what was remembered into effects again, under the rights of now:
// a version that may no longer be read is confirmed without being shown.
func (s *Server) recall(t Tx, m *gate.Permit, first []byte) ([]effect, error) {
	var stored []remembered
	if err := json.Unmarshal(first, &stored); err != nil {
		return nil, fmt.Errorf("first result: %w", err)
	}
	out := make([]effect, len(stored))
	for n, r := range stored {
		out[n] = effect{empty: true, shape: gate.Shape{Status: r.Status, Location: r.Location, Stored: r.Stored}}
		if r.Empty || r.Type == "" {
			continue
		}
		row, found, err := t.Version(r.Type, r.ID, r.Version)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		judged, err := s.gate.Judge(m, fhir.ActRead, row)
		if err != nil {
			return nil, err
		}
		if len(judged) == 1 {
			out[n].judged, out[n].empty = judged[0], false
		}
	}
	return out, nil
}
