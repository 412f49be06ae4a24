package firebreak

import (
	"errors"
	"strings"

	"firebreak/fhir"
)

// In a transaction no two entries may be about one resource, nor make one twice
// (http.html#trules: "If any resource identities (including resolved identities
// from conditional update/delete) overlap in steps 1-3, then the transaction
// SHALL fail").

// distinct refuses a transaction in which two entries change one resource, as
// far as their URLs say; what conditions match is compared when it is known.
func (x *joined) distinct() error {
	seen := map[string]bool{}
	urls := map[string]bool{}
	for _, e := range x.entries {
		i := e.Interaction
		if i.Kind.Changes() && i.ID != "" {
			key := i.Type + "/" + i.ID
			if seen[key] {
				return errOverlap.At(e.Place)
			}
			seen[key] = true
		}
		if e.FullURL != "" && (i.Kind == fhir.Create || i.Kind == fhir.Update) {
			if urls[e.FullURL] {
				return fhir.NewProblem(fhir.Invalid, "a fullUrl appears twice").At(e.Place + ".fullUrl")
			}
			urls[e.FullURL] = true
			if err := fullURL(&e); err != nil {
				return err
			}
		}
	}
	return nil
}

// fullURL refuses a name that is not that of the entry's resource: others are
// referred to by it, and what refers to them would be made to refer to this one
// ("The fullUrl SHALL NOT disagree with the id in the resource",
// bundle-definitions.html#Bundle.entry.fullUrl; bdl-8 for versions).
func fullURL(e *fhir.Entry) error {
	if strings.Contains(e.FullURL, history) {
		return fhir.NewProblem(fhir.Invalid, "a fullUrl cannot be that of a version (bdl-8)").At(e.Place + ".fullUrl")
	}
	root := restBase(e.FullURL)
	id := e.Interaction.Resource.Root().Field("id").Text()
	if root == "" || id == "" || e.FullURL == root+e.Interaction.Type+"/"+id {
		return nil
	}
	return fhir.NewProblem(fhir.Invalid, "the fullUrl disagrees with the resource's type or id").At(e.Place + ".fullUrl")
}

var errOverlap = fhir.NewProblem(fhir.Invalid, "a resource may be changed by one entry of a transaction only")

// overlap refuses a transaction in which two entries are about one resource, by
// id or by what their conditions resolved to (http.html#trules), or would make
// one resource twice: two that found nothing for the same condition. It knows
// what is hidden no more than the caller does: nothing hidden is found.
func (x *joined) overlap() error {
	changed, deleted, wanted := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for n, e := range x.entries {
		i, about := e.Interaction, x.about(n)
		if i.Kind.Changes() && i.Kind != fhir.Create && about != "" {
			if changed[about] {
				return errOverlap.At(e.Place)
			}
			changed[about], deleted[about] = true, i.Kind == fhir.Delete
		}
		if x.makesForWant(n) {
			want := criteria(i.Query)
			if wanted[want] {
				return errTwiceMade.At(e.Place)
			}
			wanted[want] = true
		}
	}
	// A create that finds its resource leaves it as it is, and may say so unless
	// another entry, which comes first, deletes it.
	for n, e := range x.entries {
		if e.Interaction.Kind == fhir.Create && deleted[x.about(n)] {
			return errOverlap.At(e.Place)
		}
	}
	return nil
}

// makesForWant reports whether an entry makes something because its condition
// found nothing.
func (x *joined) makesForWant(n int) bool {
	i := x.entries[n].Interaction
	return (i.Kind == fhir.Create || i.Kind == fhir.Update) && i.Query != nil && x.found[n] == nil
}

// made refuses an entry that makes something because its condition found
// nothing, when by now it would find what another entry made: the same want in
// other words, or a resource that was sent beside it without a condition.
func (x *joined) made(n int) error {
	now, err := x.s.subject(x.t, x.permits[n], x.entries[n].Interaction)
	switch {
	case errors.Is(err, errManyMatches):
		return errTwiceMade
	case err != nil || now == nil:
		return err
	}
	for _, e := range x.effects {
		if e.changed && e.judged.Header().Reference() == now.Header().Reference() {
			return errTwiceMade
		}
	}
	return nil
}

// about is the reference of the resource that an entry names or its condition
// found; "" when it will get an id of its own.
func (x *joined) about(n int) string {
	i := x.entries[n].Interaction
	if x.found[n] != nil {
		return x.found[n].Header().Reference()
	}
	id := i.ID
	if i.Kind == fhir.Update && i.Query != nil { // one that creates under the client's id
		id = i.Resource.Root().Field("id").Text()
	}
	if id == "" {
		return ""
	}
	return i.Type + "/" + id
}

var errTwiceMade = fhir.NewProblem(fhir.Invalid, "two entries of the transaction would each make the resource that their condition asks for")
