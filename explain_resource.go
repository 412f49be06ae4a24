package firebreak

import (
	"context"
	"fmt"
	"strings"

	"firebreak/fhir"
	"firebreak/gate"
)

// extent is how much of a request is known, and can be tried.
type extent uint8

const (
	complete extent = iota
	bodiless        // it would have a body
	joint           // an entry of a transaction: its references point to what others make
)

// interaction tells of one interaction.
func (x *explanation) interaction(ctx context.Context, v *visit, i *fhir.Interaction, known extent) error {
	perform := func(s *Server) (gate.Cleared, error) { return s.perform(ctx, v, i) }
	switch {
	case i.Kind == fhir.Batch:
		x.line("\neach entry of a Bundle is decided as a request of its own; give the Bundle with --body")
		return nil
	case i.Operation == "$validate":
		x.line("\nthe request looks at what it carries and at nothing stored; no layer is asked")
		if known == bodiless {
			x.line("\nverdict: it depends on what it carries; give that with --body")
			return nil
		}
		a, err := x.rehearse(perform, nil)
		x.line("\nverdict: %s", a)
		return err
	}
	m, refused := x.plan(fhir.Compile(i))
	s, err := x.look(i, m)
	if err != nil {
		return err
	}
	var a answered
	switch {
	case refused != nil:
		a = answered{status: refused.Code.Status(), text: string(refused.Text)}
	case i.Kind.Changes() && known != complete:
		a, err = x.ofTarget(ctx, i, s, known)
	case i.Kind.Changes():
		a, err = x.rehearse(perform, x.judging(s))
	default:
		a, err = x.rehearse(perform, nil)
	}
	if err != nil {
		return err
	}
	x.verdict(i, s, refused, a)
	return nil
}

// sight is what there is to see of the one resource that a request is about.
type sight struct {
	one      bool        // it is about one
	action   fhir.Action // that is asked for
	exists   bool
	versions []told // to read it: what is asked for and, when that is older, the current version
	change   told   // to do the action, when that is no reading
	found    bool   // by net 1
}

// readable reports whether net 2 lets the caller see it: the version asked for
// and the current one.
func (s *sight) readable() bool {
	for _, d := range s.versions {
		if !d.permits() {
			return false
		}
	}
	return len(s.versions) > 0
}

func (s *sight) changes() bool { return s.action != fhir.ActRead }

// knowable reports whether net 2 lets the caller know of it.
func (s *sight) knowable() bool { return s.readable() || s.changes() && s.change.permits() }

func actionOn(k fhir.Kind) fhir.Action {
	switch k {
	case fhir.Update, fhir.Patch:
		return fhir.ActUpdate
	case fhir.Delete:
		return fhir.ActDelete
	}
	return fhir.ActRead
}

// look tells of the one resource that the request is about, if it is about one,
// and of what the layers say of it. m is nil when nothing may be tried.
func (x *explanation) look(i *fhir.Interaction, m *gate.Permit) (sight, error) {
	s := sight{one: i.ID != "" && i.Type != "", action: actionOn(i.Kind)}
	switch {
	case s.one:
	case i.Kind == fhir.Create && i.Query == nil:
		x.line("\nthe request is about no stored resource: what it makes is judged by the rule to create it")
	case i.Kind.Changes():
		x.line("\nthe request is about the one resource that its condition matches among those the caller may know of")
	default:
		x.line("\nthe request is about no single resource; each row is judged by these rules")
	}
	if !s.one {
		return s, nil
	}
	all, err := x.teller.gate.Admit(x.who, fhir.Plan{Interaction: i})
	if err != nil {
		return s, err
	}
	current, exists, err := x.t.Under(all).Read(i.Type, i.ID)
	if err != nil || !exists {
		return s, err
	}
	row := current
	if i.Version != "" {
		if row, exists, err = x.t.Under(all).Version(i.Type, i.ID, i.Version); err != nil {
			return s, err
		}
	}
	if s.exists = exists; exists {
		if err := x.stored(&s, all, row, current); err != nil {
			return s, err
		}
	}
	if m == nil || !exists {
		return s, nil
	}
	if s.found, err = x.finds(m, i, s.action); err == nil {
		x.line("\nnet 1, which is part of the query: %s", map[bool]string{true: "it is found", false: "it is not found"}[s.found])
	}
	return s, err
}

// finds reports whether net 1 lets the row through, under the caller's own rules.
func (x *explanation) finds(m *gate.Permit, i *fhir.Interaction, action fhir.Action) (found bool, err error) {
	t := x.t.Under(m)
	switch {
	case i.Version != "":
		_, found, err = t.Version(i.Type, i.ID, i.Version)
	case action != fhir.ActRead:
		_, found, err = t.Target(action, i.Type, i.ID)
	default:
		_, found, err = t.Read(i.Type, i.ID)
	}
	return found, err
}

// stored asks the layers about a stored version, and about its resource's
// current one when it is older.
func (x *explanation) stored(s *sight, all *gate.Permit, row, current gate.Sealed) error {
	d, err := x.ask(all, fhir.ActRead, row)
	if err != nil {
		return err
	}
	s.versions = append(s.versions, d)
	if d.h.Current == nil {
		x.line("\nthe resource")
		x.header(d.h)
		if s.changes() {
			if s.change, err = x.ask(all, s.action, row); err != nil {
				return err
			}
			x.line("\nnet 2: what each layer says to %s it", s.action)
			x.layers(s.change)
			x.line("\nnet 2: what each layer says to read it")
		} else {
			x.line("\nnet 2: what each layer says of it")
		}
		x.layers(d)
		return nil
	}
	x.line("\nthe version")
	x.header(d.h)
	x.line("\nnet 2: what each layer says of this version")
	x.layers(d)
	if d, err = x.ask(all, fhir.ActRead, current); err != nil {
		return err
	}
	s.versions = append(s.versions, d)
	x.line("\nthe resource's current version, which must be visible, too")
	x.header(d.h)
	x.line("\nnet 2: what each layer says of the current version")
	x.layers(d)
	return nil
}

// ask is what the layers say of a row.
func (x *explanation) ask(all *gate.Permit, action fhir.Action, row gate.Sealed) (told, error) {
	x.last = told{}
	_, err := x.teller.gate.Judge(all, action, row)
	return x.last, err
}

// judging tells of what a change that is tried makes and, when its target is
// given by a condition, of what that matches.
func (x *explanation) judging(s sight) func(told, bool) {
	seen := map[string]bool{}
	return func(d told, made bool) {
		key := d.h.Version + " " + string(d.action)
		if seen[key] || s.one && !made {
			return
		}
		seen[key] = true
		switch {
		case seen[d.h.Version]:
		case made:
			x.line("\nwhat the change would make")
			x.class(d.h)
		default:
			x.line("\nthe resource that the condition matches")
			x.header(d.h)
		}
		seen[d.h.Version] = true
		x.line("\nnet 2: what each layer says to %s it", d.action)
		x.layers(d)
	}
}

// ofTarget is the answer as far as the target of a change decides it.
func (x *explanation) ofTarget(ctx context.Context, i *fhir.Interaction, s sight, known extent) (answered, error) {
	open := ""
	a, err := x.rehearse(func(r *Server) (answer gate.Cleared, err error) {
		m, err := r.gate.Admit(x.who, fhir.Compile(i))
		if err != nil {
			return answer, err
		}
		return answer, r.backend.Change(ctx, m, nil, func(t Tx) (err error) {
			open, err = r.openWith(t, m, i)
			return err
		})
	}, x.judging(s))
	switch {
	case err != nil:
		return a, err
	case a.problem != nil:
	case i.Kind == fhir.Patch && s.one && !s.readable():
		a = answered{status: fhir.Forbidden.Status(), text: "a patch needs the right to read what it changes"}
	default:
		a = answered{text: open, differ: a.differ}
		if known == bodiless {
			a.text += "; give it with --body"
		}
	}
	a.given = known == bodiless
	return a, nil
}

const textMade = "what it makes is judged by its content"

// openWith is what stays open about a change when only its content is missing;
// an error is the answer with whatever content.
func (s *Server) openWith(t Tx, m *gate.Permit, i *fhir.Interaction) (string, error) {
	if i.Kind == fhir.Create && i.Query == nil {
		return textMade, nil
	}
	target, err := s.target(t, m, i, actionOn(i.Kind))
	if err != nil {
		return "", err
	}
	switch {
	case target == nil && i.Kind == fhir.Patch:
		return "", fhir.Absent()
	case i.Kind == fhir.Delete && (target == nil || target.Header().Deleted):
		return "nothing is there to delete: 204", nil
	case target == nil && i.Kind == fhir.Update && i.IfMatch != "":
		return "", errStale
	case target == nil && i.Kind == fhir.Update && i.ID != "" && !m.MayImport(i.Type):
		return "", errNoClientID
	case target == nil:
		return "nothing is there, so it creates; " + textMade, nil
	case i.Kind == fhir.Create:
		return "the match stands for what it would create: 200", nil
	case i.Kind == fhir.Patch && target.Header().Deleted:
		return "", errDeleted
	}
	if err := precondition(i, target.Header()); err != nil {
		return "", err
	}
	if i.Kind == fhir.Delete {
		return "it is deleted: 204", nil
	}
	return "the stored version may be replaced; " + textMade, nil
}

func (x *explanation) layers(d told) {
	for _, v := range d.all {
		x.line("    %v", v)
	}
	if len(d.all) == 0 {
		x.line("    gate: deny (its class is not one of this tenant)")
	}
}

func (x *explanation) header(h gate.Header) {
	deleted := ""
	if h.Deleted {
		deleted = ", deleted"
	}
	x.line("    %s, version %s, by %s at %s%s", h.Reference(), h.Version, h.Method, fhir.FormatInstant(h.LastUpdated), deleted)
	x.class(h)
}

func (x *explanation) class(h gate.Header) {
	c := h.Class
	x.line("    class: written for %s, custodian %s, confidentiality %v, sensitivities %s, caveats %s, asserted %v, linked %v",
		or(c.Organization, "nobody"), or(c.Custodian, "none"), c.Confidentiality, list(c.Sensitivities), list(c.Caveats), c.Asserted, c.Linked)
	x.line("    keys: subjects %s, mentions %s, author %s, encounter %s", list(h.Keys.Subjects), list(h.Keys.Mentions),
		or(h.Keys.Author, "none"), or(h.Keys.Encounter, "none"))
	x.line("    the caller is in an asserted care team of its patient: %v", h.Facts.CareTeam)
}

// verdict joins what both nets say, and names what the wire answers.
func (x *explanation) verdict(i *fhir.Interaction, s sight, refused *fhir.Problem, a answered) {
	var parts []string
	say := func(text string) { parts = append(parts, text) }
	hidden := false
	switch {
	case refused != nil:
		say("refused at admission; nothing stored is looked at")
	case a.differ || s.exists && s.found != s.knowable():
		say("THE TWO NETS DIFFER; the row is withheld, and this is a bug to report")
	case !s.one:
	case !s.exists && i.Version != "":
		say("there is no such version of it")
	case !s.exists:
		say("there is no such resource in tenant " + x.who.Tenant())
	case !s.knowable():
		hidden = true
		say("hidden by both nets" + s.which())
	case s.readable():
		say("visible; both nets permit")
	default:
		say("not visible, but known by the right to " + string(s.action))
	}
	if s.changes() && s.exists {
		effect := gate.Denies
		if s.change.permits() {
			effect = gate.Permits
		}
		say("to " + string(s.action) + " it is " + effect.String())
	}
	end := a.String()
	switch {
	case hidden && a.status != 0:
		end += ", as for what does not exist"
	case a.status == 200 && i.History != nil:
		end += counted(a.shown, "version")
	case a.status == 200 && !s.one && !i.Kind.Changes(), a.status == 200 && i.Kind == fhir.Operation:
		end += counted(a.shown, "resource")
	}
	say(end)
	x.line("\nverdict: %s", strings.Join(parts, "; "))
	if a.problem != nil {
		x.findings(a.problem)
	}
}

// which tells, of an older version, what hides it.
func (s *sight) which() string {
	if len(s.versions) < 2 {
		return ""
	}
	switch of, cur := s.versions[0].permits(), s.versions[1].permits(); {
	case of && !cur:
		return ": the version may be seen, its resource's current version may not"
	case cur && !of:
		return ": its resource's current version may be seen, the version may not"
	}
	return ": neither the version nor its resource's current version may be seen"
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf(", showing %d %s", n, what)
}
