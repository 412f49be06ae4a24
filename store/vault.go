package store

import (
	"context"
	"maps"

	"firebreak/vault"
)

// Vault is the table of what the authorization server keeps. Its changes share
// commits with all others.
func (s *Store) Vault() vault.Table { return vaultTable{s} }

type vaultTable struct{ s *Store }

// Shared is vault.Table's.
func (t vaultTable) Shared() bool { return t.s.dialect.shared }

// Row is vault.Table's.
func (t vaultTable) Row(ctx context.Context, kind, name string, now int64) (r vault.Row, found bool, err error) {
	r.Kind, r.Name = kind, name
	err = t.read(ctx, func(x *session) error {
		q := x.statement().add("SELECT rev, ends, body FROM vault WHERE tenant=? AND kind=? AND entry=? AND ends>?", tenantNumber, kind, name, now)
		found, err = x.one(ctx, q.String(), q.args, &r.Rev, &r.Until, &r.Body)
		return err
	})
	return r, found, err
}

// Rows is vault.Table's.
func (t vaultTable) Rows(ctx context.Context, kind, tag, after string, limit int, now int64) (out []vault.Row, err error) {
	err = t.read(ctx, func(x *session) error {
		q := x.statement().add("SELECT v.entry, v.rev, v.ends, v.body FROM ")
		if tag == "" {
			q.add("vault v WHERE v.tenant=? AND v.kind=? AND v.entry>?", tenantNumber, kind, after)
		} else {
			q.add("vault_tag g JOIN vault v ON v.tenant=g.tenant AND v.kind=g.kind AND v.entry=g.entry WHERE g.tenant=? AND g.kind=? AND g.tag=? AND g.entry>?",
				tenantNumber, kind, tag, after)
		}
		q.add(" AND v.ends>? ORDER BY v.entry LIMIT ?", now, literal(limit))
		rows, err := x.query(ctx, q.String(), q.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r := vault.Row{Kind: kind}
			if err := rows.Scan(&r.Name, &r.Rev, &r.Until, &r.Body); err != nil {
				return err
			}
			out = append(out, r)
		}
		return rows.Err()
	})
	return out, err
}

func (t vaultTable) read(ctx context.Context, fn func(*session) error) error {
	x, err := t.s.reader(ctx)
	if err != nil {
		return available(err)
	}
	defer t.s.give(x)
	return available(fn(x))
}

// Apply is vault.Table's. All conditions are looked at before anything is
// written, so that one that does not hold costs other changes nothing.
func (t vaultTable) Apply(ctx context.Context, changes []vault.Change, now int64) error {
	return t.s.Change(ctx, nil, nil, func(tx *Tx) error {
		if len(changes) == 1 && changes[0].Was == vault.Absent && !changes[0].Delete {
			if done, err := tx.vaultNew(&changes[0]); done || err != nil {
				return err
			}
		}
		was := make([]bool, len(changes))
		for i := range changes {
			var err error
			if was[i], err = tx.vaultHolds(&changes[i], now); err != nil {
				return err
			}
		}
		for i := range changes {
			if err := tx.vaultPut(&changes[i], was[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

const vaultInsert = "INSERT INTO vault (tenant, kind, entry, rev, ends, body) VALUES (?,?,?,?,?,?) ON CONFLICT (tenant, kind, entry) DO "

// vaultNew stores what must not be there yet, in one statement when it is not:
// most of what is kept is new and stays alone. It is not done when there is a row,
// whose time may be up.
func (t *Tx) vaultNew(c *vault.Change) (done bool, err error) {
	var rev int64
	q := t.x.statement().add(vaultInsert+"NOTHING RETURNING rev", tenantNumber, c.Kind, c.Name, c.Rev, c.Until, c.Body)
	if done, err = t.x.one(t.ctx, q.String(), q.args, &rev); err != nil || !done {
		return false, err
	}
	t.x.written++ // which a question does not count as
	return true, t.vaultTags(c)
}

// vaultHolds is whether there may be a row, if the change's condition holds.
func (t *Tx) vaultHolds(c *vault.Change, now int64) (there bool, err error) {
	if c.Was == vault.Whatever {
		return true, nil
	}
	var rev, ends int64
	q := t.x.statement().add("SELECT rev, ends FROM vault WHERE tenant=? AND kind=? AND entry=?", tenantNumber, c.Kind, c.Name)
	there, err = t.x.one(t.ctx, q.String(), q.args, &rev, &ends)
	live := there && ends > now
	switch {
	case err != nil:
		return false, err
	case live != (c.Was != vault.Absent), live && rev != c.Was:
		return false, vault.ErrChanged
	}
	return there, nil
}

func (t *Tx) vaultPut(c *vault.Change, there bool) error {
	tagged := false // as it should be
	if there {      // what was never there has no tags
		var err error
		if tagged, err = t.vaultTagged(c); err != nil {
			return err
		}
	}
	if there && !tagged {
		q := t.x.statement().add("DELETE FROM vault_tag WHERE tenant=? AND kind=? AND entry=?", tenantNumber, c.Kind, c.Name)
		if err := t.x.exec(t.ctx, q.String(), q.args...); err != nil {
			return err
		}
	}
	if c.Delete {
		q := t.x.statement().add("DELETE FROM vault WHERE tenant=? AND kind=? AND entry=?", tenantNumber, c.Kind, c.Name)
		return t.x.exec(t.ctx, q.String(), q.args...)
	}
	q := t.x.statement().add(vaultInsert+"UPDATE SET rev=excluded.rev, ends=excluded.ends, body=excluded.body",
		tenantNumber, c.Kind, c.Name, c.Rev, c.Until, c.Body)
	if err := t.x.exec(t.ctx, q.String(), q.args...); err != nil || tagged {
		return err
	}
	return t.vaultTags(c)
}

// vaultTagged reports whether an entry has the tags already that it should have:
// when something is used or prolonged they rarely change.
func (t *Tx) vaultTagged(c *vault.Change) (bool, error) {
	q := t.x.statement().add("SELECT tag FROM vault_tag WHERE tenant=? AND kind=? AND entry=?", tenantNumber, c.Kind, c.Name)
	rows, err := t.x.query(t.ctx, q.String(), q.args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	has := map[string]bool{}
	for rows.Next() {
		var tag string
		if err := rows.Scan(&tag); err != nil {
			return false, err
		}
		has[tag] = true
	}
	if err := rows.Err(); err != nil || c.Delete {
		return len(has) == 0, err
	}
	wants := map[string]bool{}
	for _, tag := range c.Tags {
		wants[tag] = true
	}
	return maps.Equal(has, wants), nil
}

// vaultTags gives an entry without tags those that it should have.
func (t *Tx) vaultTags(c *vault.Change) error {
	for _, tag := range c.Tags {
		q := t.x.statement().add("INSERT INTO vault_tag (tenant, kind, tag, entry) VALUES (?,?,?,?) ON CONFLICT DO NOTHING", tenantNumber, c.Kind, tag, c.Name)
		if err := t.x.exec(t.ctx, q.String(), q.args...); err != nil {
			return err
		}
	}
	return nil
}

// Sweep is vault.Table's. However many rows there are, it is two statements: it
// holds up all other changes.
func (t vaultTable) Sweep(ctx context.Context, limit int, now int64) (n int, err error) {
	const over = "IN (SELECT kind, entry FROM vault WHERE tenant=? AND ends<=? ORDER BY ends, kind, entry LIMIT ?)"
	err = t.s.Change(ctx, nil, nil, func(tx *Tx) error {
		n = 0
		q := tx.x.statement().add("DELETE FROM vault_tag WHERE tenant=? AND (kind, entry) "+over, tenantNumber, tenantNumber, now, literal(limit))
		if err := tx.x.exec(tx.ctx, q.String(), q.args...); err != nil {
			return err
		}
		q = tx.x.statement().add("DELETE FROM vault WHERE tenant=? AND (kind, entry) "+over+" RETURNING 1", tenantNumber, tenantNumber, now, literal(limit))
		tx.x.written++ // which a question does not count as
		rows, err := tx.x.query(tx.ctx, q.String(), q.args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			n++
		}
		return rows.Err()
	})
	return n, err
}
