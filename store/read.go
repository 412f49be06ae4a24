package store

import (
	"fmt"

	"firebreak/fhir"
	"firebreak/gate"
)

const currentFrom = ` FROM resource r JOIN version v ON v.tenant=r.tenant AND v.rid=r.rid AND v.seq=r.seq
	WHERE r.tenant=? AND r.type=? AND r.id=?`

// Under is the same snapshot under another permit, after Together.
func (t *Snapshot) Under(m *gate.Permit) *Snapshot {
	snap := *t
	snap.m = m
	return &snap
}

// Read finds the current version of a resource, or its tombstone. What the
// caller may not read is not found.
func (t *Snapshot) Read(typ, id string) (gate.Sealed, bool, error) {
	return t.current(fhir.ActRead, false, typ, id)
}

// Target finds the resource a change is about: what the caller may read, or may
// do the action to.
func (t *Snapshot) Target(action fhir.Action, typ, id string) (gate.Sealed, bool, error) {
	return t.current(action, true, typ, id)
}

func (t *Snapshot) current(action fhir.Action, known bool, typ, id string) (gate.Sealed, bool, error) {
	w, found, err := t.loadOne(action, known, typ, id)
	if err == nil && !found && !t.begun {
		// It is read again in the snapshot in which the rest is asked. So is what
		// is absent, to take as long as what is hidden.
		if err = t.begin(); err == nil {
			w, found, err = t.load(typ, id)
		}
	}
	if err != nil {
		return gate.Sealed{}, false, err
	}
	return t.shown(action, known, typ, &w, found)
}

// loadOne reads a current row: in a view, one that is seen whatever its keys and
// content, for which one statement is enough, from memory when it is there and the
// database is this process's own. Of what is in memory and hidden the database is
// asked as of what is absent.
func (t *Snapshot) loadOne(action fhir.Action, known bool, typ, id string) (row, bool, error) {
	if t.begun {
		return t.load(typ, id)
	}
	c := &t.s.cache
	if w := c.get(typeNumber(typ), id); w != nil && !t.x.dialect.shared {
		if whole, err := t.whole(action, known, w); whole || err != nil {
			return *w, whole, err
		}
	}
	seen := c.epoch.Load()
	w, found, err := t.load(typ, id)
	if !found || err != nil {
		return w, false, err
	}
	if !t.x.dialect.shared {
		kept := w
		c.put(&kept, seen)
	}
	whole, err := t.whole(action, known, &w)
	return w, whole, err
}

// whole reports whether the class alone lets the row be seen.
func (t *Snapshot) whole(action fhir.Action, known bool, w *row) (bool, error) {
	if w.class >= int64(len(t.ts.classes)) {
		return false, nil // it is younger than what is known of classes
	}
	rule, err := t.ruleAt(action, known, w)
	_, always := rule.(gate.Always)
	return always, err
}

// shown seals what the caller may see. About what is absent, and what its class
// hides, it asks what is asked about what its keys hide, so that the statements
// tell none of these from another.
func (t *Snapshot) shown(action fhir.Action, known bool, typ string, w *row, found bool) (gate.Sealed, bool, error) {
	rule := gate.Rule(gate.Never{})
	if found {
		var err error
		if rule, err = t.ruleAt(action, known, w); err != nil {
			return gate.Sealed{}, false, err
		}
	}
	_, never := rule.(gate.Never)
	_, always := rule.(gate.Always)
	if never || !always && w.subject == 0 { // about nobody's record nothing is asked
		v, err := t.visible(action, typ, known)
		if err == nil && len(v.groups) > 0 {
			_, err = t.ties([]string{""})
		}
		if never || err != nil {
			return gate.Sealed{}, false, err
		}
	}
	return t.sealOne(action, known, w)
}

// load reads a current row, whether the caller may see it or not.
func (t *Snapshot) load(typ, id string) (w row, found bool, err error) {
	q := t.x.statement().add("SELECT "+rowColumns+currentFrom, tenantNumber, typeNumber(typ), id)
	ask := t.x.one
	if !t.x.holds(rowKey{typeNumber(typ), id}) {
		ask = t.x.oneAside
	}
	found, err = ask(t.ctx, q.String(), q.args, w.dest()...)
	if err != nil {
		err = fmt.Errorf("read: %w", err)
	}
	return w, found, err
}

func (t *Snapshot) sealOne(action fhir.Action, known bool, w *row) (gate.Sealed, bool, error) {
	rule, err := t.ruleAt(action, known, w)
	if err != nil {
		return gate.Sealed{}, false, err
	}
	needed := true
	switch rule.(type) {
	case gate.Never:
		return gate.Sealed{}, false, nil
	case gate.Always:
		// Relations to the caller don't matter for being seen. The target of a
		// change is judged for that change, too.
		needed = known
	}
	var ties map[string]bool
	if needed {
		if err := t.begin(); err != nil {
			return gate.Sealed{}, false, err
		}
		if ties, err = t.facts([]row{*w}); err != nil {
			return gate.Sealed{}, false, err
		}
	}
	h, err := t.header(w, ties)
	if err != nil {
		return gate.Sealed{}, false, err
	}
	ok, err := t.holds(rule, &h, w.body)
	if err != nil || !ok {
		return gate.Sealed{}, false, err
	}
	return gate.Seal(h, w.body), true, nil
}

// Version finds one version. It is visible when the current one is, too.
func (t *Snapshot) Version(typ, id, version string) (gate.Sealed, bool, error) {
	if err := t.begin(); err != nil {
		return gate.Sealed{}, false, err
	}
	cur, found, err := t.load(typ, id)
	if err != nil {
		return gate.Sealed{}, false, err
	}
	current, ok, err := t.shown(fhir.ActRead, false, typ, &cur, found)
	if err != nil || !ok {
		return gate.Sealed{}, false, err
	}
	if cur.version == version {
		return current, true, nil
	}
	var w row
	q := t.x.statement().add("SELECT "+rowColumns+` FROM version v JOIN resource r ON r.tenant=v.tenant AND r.rid=v.rid
		WHERE v.tenant=? AND v.rid=? AND v.version=?`, tenantNumber, cur.rid, version)
	found, err = t.x.one(t.ctx, q.String(), q.args, w.dest()...)
	if err != nil || !found {
		return gate.Sealed{}, false, err
	}
	return t.sealVersion(fhir.ActRead, &w, &cur)
}

// sealVersion seals an older version together with its resource's current one.
func (t *Snapshot) sealVersion(action fhir.Action, w, cur *row) (gate.Sealed, bool, error) {
	current, ok, err := t.sealOne(action, false, cur)
	if err != nil || !ok {
		return gate.Sealed{}, false, err
	}
	if w.seq == cur.seq {
		return current, true, nil
	}
	s, ok, err := t.sealOne(action, false, w)
	if err != nil || !ok {
		return gate.Sealed{}, false, err
	}
	return s.After(current), true, nil
}
