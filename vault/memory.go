package vault

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// Memory is a Table that lasts as long as the process, for tests.
type Memory struct {
	mu   sync.Mutex
	rows map[[2]string]memoryRow
}

type memoryRow struct {
	Row
	tags []string
}

// NewMemory is an empty table.
func NewMemory() *Memory { return &Memory{rows: map[[2]string]memoryRow{}} }

// Shared is false.
func (m *Memory) Shared() bool { return false }

func (m *Memory) live(kind, name string, now int64) (memoryRow, bool) {
	r, ok := m.rows[[2]string{kind, name}]
	return r, ok && r.Until > now
}

// Row is Table's.
func (m *Memory) Row(_ context.Context, kind, name string, now int64) (Row, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.live(kind, name, now)
	return r.Row, ok, nil
}

// Rows is Table's.
func (m *Memory) Rows(_ context.Context, kind, tag, after string, limit int, now int64) ([]Row, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []Row
	for _, r := range m.rows {
		if r.Kind == kind && r.Name > after && r.Until > now && (tag == "" || slices.Contains(r.tags, tag)) {
			out = append(out, r.Row)
		}
	}
	slices.SortFunc(out, func(a, b Row) int { return cmp.Compare(a.Name, b.Name) })
	return out[:min(limit, len(out))], nil
}

// Apply is Table's.
func (m *Memory) Apply(_ context.Context, changes []Change, now int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		r, ok := m.live(c.Kind, c.Name, now)
		if c.Was == Absent && ok || c.Was > 0 && (!ok || r.Rev != c.Was) {
			return ErrChanged
		}
	}
	for _, c := range changes {
		key := [2]string{c.Kind, c.Name}
		if c.Delete {
			delete(m.rows, key)
			continue
		}
		m.rows[key] = memoryRow{c.Row, slices.Clone(c.Tags)}
	}
	return nil
}

// Sweep is Table's.
func (m *Memory) Sweep(_ context.Context, limit int, now int64) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for key, r := range m.rows {
		if r.Until <= now && n < limit {
			delete(m.rows, key)
			n++
		}
	}
	return n, nil
}

var _ Table = (*Memory)(nil)
