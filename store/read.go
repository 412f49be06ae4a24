package store

import (
	"fmt"

	"firebreak/fhir"
	"firebreak/gate"
)

const currentFrom = ` FROM resource r JOIN version v ON v.tenant=r.tenant AND v.rid=r.rid AND v.seq=r.seq
	WHERE r.tenant=? AND r.type=? AND r.id=?`

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
	v, err := t.visible(action, typ, known)
	if err != nil {
		return gate.Sealed{}, false, err
	}
	// When classes decide alone, one statement is enough.
	if len(v.groups) > 0 {
		if err := t.begin(); err != nil {
			return gate.Sealed{}, false, err
		}
	}
	w, found, err := t.load(typ, id)
	if err != nil || !found {
		return gate.Sealed{}, false, err
	}
	if !t.begun && w.class >= int64(len(t.ts.classes)) { // interned since
		if err := t.begin(); err != nil {
			return gate.Sealed{}, false, err
		}
		if w, found, err = t.load(typ, id); err != nil || !found {
			return gate.Sealed{}, false, err
		}
	}
	return t.sealOne(action, known, &w)
}

// load reads a current row, whether the caller may see it or not.
func (t *Snapshot) load(typ, id string) (w row, found bool, err error) {
	q := t.x.statement().add("SELECT "+rowColumns+currentFrom, tenantNumber, typeNumber(typ), id)
	found, err = t.x.one(t.ctx, q.String(), q.args, w.dest()...)
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
	var ties map[string]bool
	switch rule.(type) {
	case gate.Never:
		return gate.Sealed{}, false, nil
	case gate.Always: // relations to the caller don't matter
	default:
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
	if err != nil || !found {
		return gate.Sealed{}, false, err
	}
	current, ok, err := t.sealOne(fhir.ActRead, false, &cur)
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
