package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/gate"
)

// visKey names everything a visibility depends on: who asks under which
// policies, for what action on what type ("" is all types), and the set of
// classes it has been worked out for. A set with one more class is another key,
// so a class interned later is never missed.
type visKey struct {
	caller string
	action fhir.Action
	known  bool
	typ    string
	terms  *termSet
}

// visCache keeps visibilities; ties are not part of them, so it never holds
// what a revocation should have ended. It keeps those for one set of classes,
// the greatest that was asked for: each class makes a set of its own, with
// all before it, and nobody comes back to an older one.
type visCache struct {
	mu    sync.RWMutex
	m     map[visKey]*visibility
	terms *termSet // of all of m
}

const maxVisibilities = 4096

func (c *visCache) get(k visKey) *visibility {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.m[k]
}

func (c *visCache) put(k visKey, v *visibility) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.terms != nil && len(k.terms.classes) < len(c.terms.classes) {
		return
	}
	if c.terms != k.terms || len(c.m) >= maxVisibilities {
		c.m, c.terms = map[visKey]*visibility{}, k.terms
	}
	c.m[k] = v
}

// visibility is a rule answered for every interned class: which classes are
// seen whole, and which only where a rule about keys or content holds.
type visibility struct {
	whole  []int64
	groups []visGroup
}

type visGroup struct {
	classes []int64
	rule    gate.Rule
}

// never reports whether no row can be seen.
func (v *visibility) never() bool { return len(v.whole) == 0 && len(v.groups) == 0 }

// visible is the visibility of a type for an action. known widens it to the
// rows that a change may at least refuse openly.
func (t *Snapshot) visible(action fhir.Action, typ string, known bool) (*visibility, error) {
	key := visKey{t.m.Key(), action, known, typ, t.classes()}
	if v := t.s.vis.get(key); v != nil {
		return v, nil
	}
	v := &visibility{}
	rules := map[string]gate.Rule{}
	index := map[string]int{}
	for id, c := range t.classes().classes {
		if c.Type == "" || typ != "" && c.Type != typ {
			continue
		}
		rule, ok := rules[c.Type]
		if !ok {
			var err error
			if known {
				rule, err = t.m.Known(action, c.Type)
			} else {
				rule, err = t.m.Rule(action, c.Type)
			}
			if err != nil {
				return nil, fmt.Errorf("rule for %s: %w", c.Type, err)
			}
			rules[c.Type] = rule
		}
		switch r := gate.AtClass(rule, c).(type) {
		case gate.Never:
		case gate.Always:
			v.whole = append(v.whole, int64(id))
		default:
			name := fingerprint(r)
			i, ok := index[name]
			if !ok {
				i = len(v.groups)
				index[name] = i
				v.groups = append(v.groups, visGroup{rule: r})
			}
			v.groups[i].classes = append(v.groups[i].classes, int64(id))
		}
	}
	if t.in == nil || !t.in.grown { // a set with classes that may yet be undone is nobody else's
		t.s.vis.put(key, v)
	}
	return v, nil
}

// fingerprint is equal for equal rules without class tests.
func fingerprint(r gate.Rule) string {
	switch r := r.(type) {
	case gate.Every:
		return "&(" + fingerprints(r) + ")"
	case gate.Either:
		return "|(" + fingerprints(r) + ")"
	case gate.Unless:
		return "!(" + fingerprint(r.Rule) + ")"
	case gate.KeyTest:
		return fmt.Sprintf("k%q%q", r.Relation, r.Holder)
	case gate.Residual:
		return fmt.Sprintf("r%q%q", r.Type, r.Text)
	default:
		return fmt.Sprintf("%T", r)
	}
}

func fingerprints(rules []gate.Rule) string {
	s := make([]string, len(rules))
	for i, r := range rules {
		s[i] = fingerprint(r)
	}
	return strings.Join(s, ",")
}

// alias is a row of a resource in a statement under construction: where its
// class, subjects and rid stand.
type alias struct {
	rid, class, subject string
	typ                 string // "" when it may be of several types
	author              string // its author's column; "" when that is the resource's
	own                 bool   // it is of table resource itself
	set                 bool   // it is found by a set of rids
}

// where appends the visibility as a condition on an alias. It is the only
// place where net 1 becomes SQL.
func (t *Snapshot) where(q *statement, v *visibility, a alias) error {
	if v.never() {
		q.add("1=0")
		return nil
	}
	q.add("(")
	sep := ""
	if len(v.whole) > 0 {
		t.classIn(q, v.whole, a)
		sep = " OR "
	}
	for _, g := range v.groups {
		q.add(sep)
		sep = " OR "
		q.add("(")
		t.classIn(q, g.classes, a)
		q.add(" AND ")
		if err := t.rule(q, g.rule, a); err != nil {
			return err
		}
		q.add(")")
	}
	q.add(")")
	return nil
}

// classIn writes the class ids into the text, not as arguments: callers who see
// the same classes share one prepared statement, and a planner can count them.
func (t *Snapshot) classIn(q *statement, ids []int64, a alias) {
	if len(ids) == 1 {
		fmt.Fprintf(&q.text, "%s=%d", a.class, ids[0])
		return
	}
	if lo, hi := slices.Min(ids), slices.Max(ids); hi-lo+1 == int64(len(ids)) {
		fmt.Fprintf(&q.text, "%s BETWEEN %d AND %d", a.class, lo, hi)
		return
	}
	q.add(a.class + " IN (")
	for i, id := range ids {
		if i > 0 {
			q.add(",")
		}
		fmt.Fprintf(&q.text, "%d", id)
	}
	q.add(")")
}

// rule appends a rule without class tests.
func (t *Snapshot) rule(q *statement, r gate.Rule, a alias) error {
	switch r := r.(type) {
	case gate.Every:
		return t.ruleList(q, r, " AND ", a)
	case gate.Either:
		return t.ruleList(q, r, " OR ", a)
	case gate.Unless:
		q.add("NOT (")
		if err := t.rule(q, r.Rule, a); err != nil {
			return err
		}
		q.add(")")
	case gate.Always:
		q.add("1=1")
	case gate.KeyTest:
		t.keyTest(q, r, a)
	case gate.Residual:
		return t.expr(q, r.Where, a)
	default:
		q.add("1=0")
	}
	return nil
}

func (t *Snapshot) ruleList(q *statement, rules []gate.Rule, sep string, a alias) error {
	q.add("(")
	for i, r := range rules {
		if i > 0 {
			q.add(sep)
		}
		if err := t.rule(q, r, a); err != nil {
			return err
		}
	}
	q.add(")")
	return nil
}

// keyTest asks the keys. The sets are uncorrelated subqueries on authority
// tables, evaluated once per statement inside its snapshot: never inlined,
// never cached, so a tie that has ended is gone with the next request.
func (t *Snapshot) keyTest(q *statement, r gate.KeyTest, a alias) {
	if r.Holder == "" { // nobody, who is not the author of what has none
		q.add("1=0")
		return
	}
	switch r.Relation {
	case gate.SubjectIs:
		q.add(a.subject+" IN (SELECT id FROM subject_member WHERE tenant=? AND patient=?)", tenantNumber, r.Holder)
	case gate.InCareTeam:
		now := t.now.UnixMilli()
		q.add(a.subject+` IN (SELECT sm.id FROM tie JOIN subject_member sm ON sm.tenant=tie.tenant AND sm.patient=tie.patient
			WHERE tie.tenant=? AND tie.holder=? AND tie.relation=? AND tie.since<=? AND tie.until>?)`,
			tenantNumber, r.Holder, string(gate.InCareTeam), now, now)
	case gate.AuthorIs:
		if a.author != "" {
			q.add(a.author+"=?", r.Holder)
			return
		}
		q.add("EXISTS (SELECT 1 FROM resource au WHERE au.tenant=? AND au.rid="+a.rid+" AND au.author=?)", tenantNumber, r.Holder)
	default:
		q.add("1=0")
	}
}

// typeNumber is a type's number in the tables.
func typeNumber(typ string) int64 {
	n, _ := r4.TypeID(typ)
	return int64(n)
}
