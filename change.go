package firebreak

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/patch"
	"firebreak/fhirjson"
	"firebreak/gate"
	"firebreak/store"
)

// effect is what one change came to: the judged version it made or found, and
// how to show it.
type effect struct {
	judged gate.Judged
	shape  gate.Shape
	// empty: nothing was there to change, and saying so tells nothing (204).
	empty   bool
	changed bool
}

// change does a create, update, patch or delete (http.html#update and on). The
// target is found, judged and replaced in one transaction; the intent is on
// record before the commit, the outcome before the reply.
func (s *Server) change(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction) (gate.Cleared, error) {
	// The writer does one change after another; what can be worked out before
	// its turn is. Id and version are not indexed, so the content is enough.
	if i.Resource != nil {
		var err error
		if i.Index, err = s.index.Extract(i.Resource.Root()); err != nil {
			return gate.Cleared{}, err
		}
	}
	effects, again, err := s.commit(ctx, v, m, i.Kind, func(t Tx) ([]effect, error) {
		e, err := s.apply(t, m, i)
		return []effect{e}, err
	})
	if err != nil {
		return gate.Cleared{}, err
	}
	if again {
		effects[0].shape.Return = i.Return
	}
	answer, err := s.show(m, v, effects[0], i.Pretty)
	if err == nil {
		v.record(gate.Event{Interaction: i.Kind, Status: answer.Status(), Epoch: s.gate.Epoch(),
			Changed: changedBy(effects), Released: answer.Released()})
	}
	return answer, err
}

// show releases an effect.
func (s *Server) show(m *gate.Permit, v *visit, e effect, pretty bool) (gate.Cleared, error) {
	if e.empty {
		return s.gate.ReleaseOwn(nil, nil, cmp.Or(e.shape.Status, http.StatusNoContent), false), nil
	}
	e.shape.Base, e.shape.Pretty = s.base, pretty
	return s.gate.Release(m, e.judged, e.shape)
}

// apply does one change inside a transaction.
func (s *Server) apply(t Tx, m *gate.Permit, i *fhir.Interaction) (effect, error) {
	target, err := s.subject(t, m, i)
	if err != nil {
		return effect{}, err
	}
	return s.applyTo(t, m, i, target, named{})
}

// applyTo does one change to its judged target, nil when there is none to see.
func (s *Server) applyTo(t Tx, m *gate.Permit, i *fhir.Interaction, target *gate.Judged, as named) (effect, error) {
	switch i.Kind {
	case fhir.Create:
		return s.create(t, m, i, target, as)
	case fhir.Update:
		return s.update(t, m, i, target, as)
	case fhir.Patch:
		return s.patch(t, m, i, target, as)
	case fhir.Delete:
		return s.delete(t, m, i, target)
	}
	return effect{}, fhir.NewProblem(fhir.NotSupported, "the interaction is not supported")
}

// named is what was settled beforehand of what a change makes; a zero id or
// version is chosen when it is made.
type named struct {
	id, version string
	// urn gives what a temporary id in a patch's result stands for; may be nil.
	urn func(text string, reference bool) (string, bool)
}

// create stores a new resource under an id of our choice. With If-None-Exist it
// answers with the match instead, if there is one in what the caller may see
// (http.html#ccreate).
func (s *Server) create(t Tx, m *gate.Permit, i *fhir.Interaction, match *gate.Judged, as named) (effect, error) {
	if match != nil {
		return effect{judged: *match, shape: gate.Shape{Status: http.StatusOK, Location: true, Return: i.Return}}, nil
	}
	return s.make(t, m, i, s.newID(as), http.MethodPost, fhir.ActCreate)
}

func (s *Server) newID(as named) named {
	if as.id == "" {
		as.id = s.ids.Resource()
	}
	return as
}

// make stores the first version of a resource.
func (s *Server) make(t Tx, m *gate.Permit, i *fhir.Interaction, as named, method string, action fhir.Action) (effect, error) {
	draft, err := s.draft(i.Resource.Root(), i.Type, as, method, gate.Header{})
	if err != nil {
		return effect{}, err
	}
	draft.Header.Index = i.Index
	j, err := s.gate.JudgeChange(m, action, nil, &draft, t.Facts)
	if err != nil {
		return effect{}, err
	}
	if err := t.Commit(j); err != nil {
		if errors.Is(err, store.ErrTaken) {
			return effect{}, errNoClientID
		}
		return effect{}, err
	}
	return effect{judged: j, changed: true, shape: gate.Shape{Status: http.StatusCreated, Location: true, Return: i.Return}}, nil
}

// errNoClientID answers a PUT to an id that is absent, or hidden, or in use by
// what the caller does not know of.
var errNoClientID = fhir.NewProblem(fhir.NotAllowed, "resources are created by POST; this server chooses their ids").Allowing("GET, HEAD")

// draft stamps content with id, version and time. A copy that is not whole
// cannot stand for the whole (security.html: redacted copies).
func (s *Server) draft(content fhirjson.Node, typ string, as named, method string, before gate.Header) (gate.Draft, error) {
	for tag := range content.Field("meta").Field("tag").Each() {
		if tag.Field("code").Is("SUBSETTED") {
			return gate.Draft{}, fhir.NewProblem(fhir.Conflict, "a subsetted copy cannot replace the whole").At(typ + ".meta.tag")
		}
	}
	for label := range content.Field("meta").Field("security").Each() {
		if label.Field("code").Is("REDACTED") {
			return gate.Draft{}, fhir.NewProblem(fhir.Conflict, "a redacted copy cannot replace the whole").At(typ + ".meta.security")
		}
	}
	if as.version == "" {
		as.version = s.ids.Version()
	}
	h := gate.Header{Type: typ, ID: as.id, Version: as.version, LastUpdated: s.after(before), Method: method}
	body, err := fhir.Stamp(content, h.ID, h.Version, h.LastUpdated)
	return gate.Draft{Header: h, Body: body}, err
}

// update replaces a resource (http.html#update).
func (s *Server) update(t Tx, m *gate.Permit, i *fhir.Interaction, target *gate.Judged, as named) (effect, error) {
	if target == nil {
		return s.updateAbsent(t, m, i, as)
	}
	before := target.Header()
	if err := precondition(i, before); err != nil {
		return effect{}, err
	}
	if sent := i.Resource.Root().Field("id"); sent.Exists() && !sent.Is(before.ID) {
		return effect{}, fhir.NewProblem(fhir.Invalid, "the resource's id is not that of the match").At(i.Type + ".id")
	}
	as.id = before.ID
	draft, err := s.draft(i.Resource.Root(), i.Type, as, http.MethodPut, before)
	if err != nil {
		return effect{}, err
	}
	draft.Header.Index = i.Index
	return s.replace(t, m, *target, draft, i.Return)
}

// replace judges a new version against what it replaces, and stores it.
func (s *Server) replace(t Tx, m *gate.Permit, before gate.Judged, after gate.Draft, ret fhir.Return) (effect, error) {
	j, err := s.gate.JudgeChange(m, fhir.ActUpdate, &before, &after, t.Facts)
	if err != nil {
		return effect{}, err
	}
	if err := t.Commit(j); err != nil {
		return effect{}, err
	}
	shape := gate.Shape{Status: http.StatusOK, Return: ret}
	if before.Header().Deleted {
		shape.Status, shape.Location = http.StatusCreated, true
	}
	return effect{judged: j, shape: shape, changed: true}, nil
}

// after is now, or the next millisecond after the version before: the versions
// of a resource have times of their own, so that times alone order a history.
func (s *Server) after(before gate.Header) time.Time {
	now := s.clock.Now().Truncate(time.Millisecond)
	if !now.After(before.LastUpdated) {
		return before.LastUpdated.Add(time.Millisecond)
	}
	return now
}

// updateAbsent answers an update of what is not there. A conditional one
// creates; by id only principals with the right to import may, for whoever may
// choose ids could find out which are taken.
func (s *Server) updateAbsent(t Tx, m *gate.Permit, i *fhir.Interaction, as named) (effect, error) {
	switch {
	case i.IfMatch != "":
		return effect{}, errStale
	case i.ID == "" && i.Resource.Root().Field("id").Exists() && !m.MayImport(i.Type):
		return effect{}, errNoClientID
	case i.ID == "" && !i.Resource.Root().Field("id").Exists():
		return s.make(t, m, i, s.newID(as), http.MethodPut, fhir.ActCreate)
	case !m.MayImport(i.Type):
		return effect{}, errNoClientID
	}
	as.id = i.Resource.Root().Field("id").Text()
	e, err := s.make(t, m, i, as, http.MethodPut, fhir.ActCreate)
	if i.ID == "" && err == errNoClientID {
		// http.html#cond-update, "no matches, id provided and already exist".
		// That it is taken, whoever may choose ids knows by not getting it.
		return effect{}, errTakenID.At(i.Type + ".id")
	}
	return e, err
}

var errTakenID = fhir.NewProblem(fhir.Conflict, "nothing matches the condition, and the id is another resource's")

// patch changes a resource by operations on the caller's view of it
// (http.html#patch). The result goes through the checks of an update.
func (s *Server) patch(t Tx, m *gate.Permit, i *fhir.Interaction, target *gate.Judged, as named) (effect, error) {
	switch {
	case target == nil:
		return effect{}, fhir.Absent()
	case target.Header().Deleted:
		return effect{}, errDeleted
	}
	if err := precondition(i, target.Header()); err != nil {
		return effect{}, err
	}
	view, err := s.gate.Patch(m, *target, func(view []byte) ([]byte, error) {
		patched, err := patch.Apply(view, i.JSONPatch)
		if err != nil {
			return nil, err
		}
		return fhir.WithoutStaleNarrative(view, patched)
	})
	if err != nil {
		return effect{}, patchProblem(err)
	}
	doc, err := checkPatched(view, i.Type)
	if err == nil && as.urn != nil {
		doc, err = checkPatched(fhir.Rewrite(doc.Root(), as.urn), i.Type)
	}
	if err != nil {
		return effect{}, err
	}
	draft, err := s.draft(doc.Root(), i.Type, named{id: target.Header().ID}, http.MethodPatch, target.Header())
	if err != nil {
		return effect{}, err
	}
	return s.replace(t, m, *target, draft, i.Return)
}

// delete buries a resource under a tombstone; its history remains. Deleting
// what is not there, is hidden, or is deleted already answers the same 204.
func (s *Server) delete(t Tx, m *gate.Permit, i *fhir.Interaction, target *gate.Judged) (effect, error) {
	if target == nil || target.Header().Deleted {
		return effect{empty: true}, nil
	}
	if err := precondition(i, target.Header()); err != nil {
		return effect{}, err
	}
	j, err := s.gate.JudgeChange(m, fhir.ActDelete, target, nil, t.Facts)
	if err != nil {
		return effect{}, err
	}
	h := target.Header()
	h.Version, h.LastUpdated, h.Method = s.ids.Version(), s.after(h), http.MethodDelete
	j = j.Tombstone(h)
	if err := t.Commit(j); err != nil {
		return effect{}, err
	}
	return effect{judged: j, shape: gate.Shape{Status: http.StatusNoContent}, changed: true}, nil
}

// precondition compares If-Match and If-None-Match with what the caller is
// known to see.
func precondition(i *fhir.Interaction, h gate.Header) error {
	switch {
	case i.IfMatch != "" && (h.Deleted || !among(i.IfMatch, h.Version)):
		return errStale
	case i.IfNoneMatch != "" && !h.Deleted && among(i.IfNoneMatch, h.Version):
		return errStale.At("http.If-None-Match")
	}
	return nil
}

var errStale = fhir.NewProblem(fhir.Stale, "the resource is not at the version that the request names").At("http.If-Match")
