package firebreak

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/gate"
	"firebreak/validate"
)

// transaction does all entries or none. Every entry is admitted before anything
// is looked at; a hidden target fails the whole exactly as an absent one does.
func (s *Server) transaction(ctx context.Context, v *visit, i *fhir.Interaction) (gate.Cleared, error) {
	x := &joined{s: s, v: v, entries: i.Entries, permits: make([]*gate.Permit, len(i.Entries))}
	for n := range i.Entries {
		e := &i.Entries[n]
		if e.Interaction.Kind == fhir.Operation || e.Interaction.Kind == fhir.Capabilities {
			return gate.Cleared{}, fhir.NewProblem(fhir.NotSupported, "operations are not supported in a transaction").At(e.Place)
		}
		m, err := s.gate.Admit(v.principal, fhir.Compile(e.Interaction))
		if err != nil {
			return gate.Cleared{}, validate.Within(fhir.AsProblem(err), e.Place)
		}
		x.permits[n] = m
	}
	if err := x.distinct(); err != nil {
		return gate.Cleared{}, err
	}
	if len(i.Entries) == 0 {
		return s.gate.ReleaseEntries(fhir.Transaction, nil, v.pretty), nil
	}
	effects, again, err := s.commit(ctx, v, x.permits[0], fhir.Transaction, x.run)
	if err != nil {
		return gate.Cleared{}, err
	}
	if again {
		for n := range effects {
			effects[n].shape.Return = i.Entries[n].Interaction.Return
		}
		if err := x.again(ctx); err != nil {
			return gate.Cleared{}, err
		}
	}
	answers := make([]gate.Cleared, len(i.Entries))
	for n := range i.Entries {
		if answers[n], err = x.answer(n, effects[n]); err != nil {
			return gate.Cleared{}, err
		}
	}
	out := s.gate.ReleaseEntries(fhir.Transaction, answers, v.pretty)
	v.record(gate.Event{Interaction: fhir.Transaction, Status: out.Status(), Epoch: s.gate.Epoch(), Changed: changedBy(effects), Released: out.Released()})
	return out, nil
}

// joined is one transaction under way.
type joined struct {
	s       *Server
	v       *visit
	entries []fhir.Entry
	permits []*gate.Permit
	// Of one run, which the database may ask to be repeated:
	t       Tx
	ids     map[string]string // fullUrl → Type/id; of a version too
	created []named           // by entry: what is settled of what it makes, when that is ours to choose
	found   []*gate.Judged    // by entry: what its condition matched before all
	views   []gate.Cleared    // by entry: the answers of its reads
	effects []effect
}

// run does the entries in the order of http.html#trules: DELETE, POST, PUT and
// PATCH, GET; references are resolved before anything is stored. Conditions are
// resolved against what was there before the transaction, and only when nothing
// overlaps is anything done.
func (x *joined) run(t Tx) ([]effect, error) {
	n := len(x.entries)
	x.t, x.ids = t, map[string]string{}
	x.created, x.found, x.views, x.effects = make([]named, n), make([]*gate.Judged, n), make([]gate.Cleared, n), make([]effect, n)
	if err := x.each(func(i *fhir.Interaction) bool { return i.Conditional() }, x.resolve); err != nil {
		return nil, err
	}
	if err := x.overlap(); err != nil {
		return nil, err
	}
	if err := x.each(func(i *fhir.Interaction) bool { return i.Kind == fhir.Delete }, x.apply); err != nil {
		return nil, err
	}
	if err := x.each(func(i *fhir.Interaction) bool { return i.Kind == fhir.Create || i.Kind == fhir.Update }, x.identify); err != nil {
		return nil, err
	}
	// Conditional references see what this transaction creates, so what has
	// none is stored first.
	for _, conditional := range []bool{false, true} {
		for _, kind := range []fhir.Kind{fhir.Create, fhir.Update} {
			pick := func(i *fhir.Interaction) bool {
				return i.Kind == kind && hasConditionalReference(i.Resource.Root()) == conditional
			}
			if err := x.each(pick, x.apply); err != nil {
				return nil, err
			}
		}
	}
	if err := x.each(func(i *fhir.Interaction) bool { return i.Kind == fhir.Patch }, x.apply); err != nil {
		return nil, err
	}
	err := x.each(func(i *fhir.Interaction) bool { return !i.Kind.Changes() }, x.look)
	return x.effects, err
}

func (x *joined) each(pick func(*fhir.Interaction) bool, do func(n int) error) error {
	for n := range x.entries {
		if !pick(x.entries[n].Interaction) {
			continue
		}
		if err := do(n); err != nil {
			return validate.Within(fhir.AsProblem(err), x.entries[n].Place)
		}
	}
	return nil
}

// resolve finds what an entry's condition matches among what the caller may see.
func (x *joined) resolve(n int) (err error) {
	x.found[n], err = x.s.subject(x.t, x.permits[n], x.entries[n].Interaction)
	return err
}

// identify settles which resource an entry makes or replaces, so that others
// can refer to it.
func (x *joined) identify(n int) error {
	e, about := &x.entries[n], x.about(n)
	if about == "" {
		x.created[n].id = x.s.ids.Resource()
		about = e.Interaction.Type + "/" + x.created[n].id
	}
	if e.FullURL == "" {
		return nil
	}
	rel, here := strings.CutPrefix(e.FullURL, x.s.base+"/")
	x.ids[e.FullURL] = about
	if here {
		x.ids[rel] = about
	}
	sent := e.Interaction.Resource.Root().Field("meta").Field("versionId").Text()
	if sent == "" || here && rel == about {
		return nil // about keeps its name, and its versions theirs
	}
	to := about + history + x.version(n)
	x.ids[e.FullURL+history+sent] = to
	if here {
		x.ids[rel+history+sent] = to
	}
	return nil
}

// history stands between a resource and its version in a reference.
const history = "/_history/"

// version settles which version an entry makes or finds, so that references to
// the version that was sent remain version-specific (http.html#transaction).
func (x *joined) version(n int) string {
	if x.found[n] != nil && x.entries[n].Interaction.Kind == fhir.Create {
		return x.found[n].Header().Version
	}
	x.created[n].version = x.s.ids.Version()
	return x.created[n].version
}

// apply does one changing entry with its references rewritten.
func (x *joined) apply(n int) (err error) {
	m := x.permits[n]
	i := *x.entries[n].Interaction
	if i.Resource != nil {
		if i.Resource, err = x.rewritten(n, i.Resource.Root()); err != nil {
			return err
		}
	}
	if i.Kind == fhir.Patch {
		x.created[n].urn = x.temporary
	}
	target := x.found[n]
	switch {
	case x.makesForWant(n):
		err = x.made(n)
	case i.Query == nil:
		target, err = x.s.subject(x.t, m, &i)
	}
	if err != nil {
		return err
	}
	x.effects[n], err = x.s.applyTo(x.t, m, &i, target, x.created[n])
	return err
}

// temporary is what a temporary id stands for. The operations of a patch say
// nothing of types, so it is in their result that references are rewritten; what
// was there before refers to other things by other names, and is left alone.
func (x *joined) temporary(text string, _ bool) (string, bool) {
	to, ok := x.ids[text]
	return to, ok && strings.HasPrefix(text, "urn:")
}

// rewritten resolves references to other entries and conditional references.
// A conditional one must match exactly one resource that the caller may see.
func (x *joined) rewritten(n int, resource fhirjson.Node) (*fhirjson.Doc, error) {
	var failed error
	root := restBase(x.entries[n].FullURL)
	out := fhir.Rewrite(resource, func(text string, reference bool) (string, bool) {
		if to, ok := x.ids[text]; ok {
			return to, true
		}
		if to, ok := x.ids[root+text]; ok && reference && root != "" {
			return to, true // bundle.html#references: relative to its own fullUrl
		}
		typ, cond, ok := conditional(text)
		if !ok || !reference || failed != nil {
			return "", false
		}
		ref, err := x.conditional(typ, cond)
		if err != nil {
			// The place is the resource, not the request's own criteria.
			p := *fhir.AsProblem(err)
			p.Issues, p.Expression = nil, x.entries[n].Interaction.Type
			failed = &p
			return "", false
		}
		return ref, true
	})
	if failed != nil {
		return nil, failed
	}
	doc, err := fhirjson.Parse(out)
	if err != nil || len(out) == len(resource.Raw()) && bytes.Equal(out, resource.Raw()) {
		return doc, err
	}
	// What an urn:uuid: stood for is known only now, and may be of a type that
	// the element cannot refer to.
	return doc, validate.Content(doc.Root(), x.entries[n].Interaction.Type)
}

func (x *joined) conditional(typ, cond string) (string, error) {
	q, err := x.s.parser.Condition(typ, cond)
	if err != nil {
		return "", err
	}
	look := &fhir.Interaction{Kind: fhir.SearchType, Type: typ, Query: q}
	m, err := x.s.gate.Admit(x.v.principal, fhir.Compile(look))
	if err != nil {
		return "", err
	}
	found, err := x.s.match(x.t.Under(m), m, look, fhir.ActRead)
	if err != nil {
		return "", err
	}
	if found == nil {
		return "", fhir.NewProblem(fhir.Stale, "a conditional reference matches nothing")
	}
	return found.Header().Reference(), nil
}

// conditional takes a conditional reference apart: "Patient?identifier=x".
func conditional(text string) (typ, cond string, ok bool) {
	typ, cond, ok = strings.Cut(text, "?")
	return typ, cond, ok && validate.ValidID(typ)
}

func hasConditionalReference(resource fhirjson.Node) bool {
	return slices.ContainsFunc(fhir.References(resource), func(text string) bool {
		_, _, ok := conditional(text)
		return ok
	})
}

// restBase is the base URL, with a slash at its end, of a fullUrl that is
// [base]/[type]/[id]; "" of any other.
func restBase(fullURL string) string {
	part := strings.Split(fullURL, "/")
	n := len(part)
	if n < 4 || !strings.HasPrefix(fullURL, "http") || !validate.ValidID(part[n-1]) {
		return ""
	}
	if _, ok := r4.TypeID(part[n-2]); !ok {
		return ""
	}
	return strings.Join(part[:n-2], "/") + "/"
}

// look answers a reading entry on the transaction's own view of what it did.
func (x *joined) look(n int) error {
	e := &x.entries[n]
	inner := x.v.entry(e)
	s := *x.s
	s.backend = inside{x.t, x.permits[n]}
	answer, err := s.perform(context.Background(), inner, e.Interaction)
	if err != nil {
		return err
	}
	x.views[n] = shown(e, answer)
	return nil
}

// shown is an entry's answer as its method has it.
func shown(e *fhir.Entry, answer gate.Cleared) gate.Cleared {
	if e.Method == http.MethodHead {
		return answer.Head()
	}
	return answer
}

// answer releases one entry's effect, or gives its look.
func (x *joined) answer(n int, e effect) (gate.Cleared, error) {
	if !x.entries[n].Interaction.Kind.Changes() {
		return x.views[n], nil
	}
	return x.s.show(x.permits[n], x.v, e, false)
}

// again answers the reading entries of a transaction that was done before.
func (x *joined) again(ctx context.Context) error {
	x.views = make([]gate.Cleared, len(x.entries))
	return x.each(func(i *fhir.Interaction) bool { return !i.Kind.Changes() }, func(n int) error {
		e := &x.entries[n]
		answer, err := x.s.perform(ctx, x.v.entry(e), e.Interaction)
		x.views[n] = shown(e, answer)
		return err
	})
}

// inside is the backend of a reading entry: the transaction it stands in.
type inside struct {
	t Tx
	m *gate.Permit
}

func (b inside) View(_ context.Context, m *gate.Permit, fn func(Snapshot) error) error {
	return fn(b.t.Under(m))
}

func (b inside) Journalled(...string) {}

func (b inside) Change(context.Context, *gate.Permit, func(context.Context) error, func(Tx) error) error {
	return fhir.NewProblem(fhir.NotSupported, "a reading entry cannot change anything")
}
