package vault

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"firebreak/clock"
)

// Vault is a table with the keys to its bodies. It is safe for concurrent use.
type Vault struct {
	table Table
	keys  *Keys
	clock clock.Clock

	mu          sync.Mutex
	generations map[string]uint64
}

// New is a vault over a table.
func New(t Table, k *Keys, clk clock.Clock) *Vault {
	return &Vault{table: t, keys: k, clock: clk, generations: map[string]uint64{}}
}

// Blind is Keys.Blind.
func (v *Vault) Blind(use, text string) string { return v.keys.Blind(use, text) }

// Shared reports whether other processes may change what is in it.
func (v *Vault) Shared() bool { return v.table.Shared() }

// Generation grows with every change of a kind that this process makes. Where
// the vault is not shared, what was read at one generation still holds while it
// is the same.
func (v *Vault) Generation(kind string) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.generations[kind]
}

// ErrAbsent is the answer to an entry that is not there, or whose time is up.
var ErrAbsent = errors.New("there is no such entry")

// Never is the end of entries that have none.
var Never = time.UnixMilli(math.MaxInt64).UTC()

// Entry is something kept. Name and Rev are its own; a Value changed by hand is
// stored by Replace.
type Entry[T any] struct {
	Name  string
	Value T
	Until time.Time // to the millisecond
	Rev   int64
}

// Kind is a kind of entries, all of one type. The type's JSON is what is kept, so
// its fields may be added to and not renamed.
type Kind[T any] struct{ name string }

// Of names a kind.
func Of[T any](name string) Kind[T] { return Kind[T]{name} }

// Name is the kind's.
func (k Kind[T]) Name() string { return k.name }

// Load is one entry; ErrAbsent when there is none.
func (k Kind[T]) Load(ctx context.Context, v *Vault, name string) (Entry[T], error) {
	// Names come from outside, too, and PostgreSQL takes no other text: that there
	// is nothing of such a name is no trouble of the database's.
	if !utf8.ValidString(name) || strings.Contains(name, "\x00") {
		return Entry[T]{}, ErrAbsent
	}
	r, found, err := v.table.Row(ctx, k.name, name, v.now())
	if err != nil {
		return Entry[T]{}, fmt.Errorf("load %s: %w", k.name, err)
	}
	if !found {
		return Entry[T]{}, ErrAbsent
	}
	return k.open(v, r)
}

// List are entries by tag, or all when tag is "", in the order of their names,
// those after a name, at most limit.
func (k Kind[T]) List(ctx context.Context, v *Vault, tag, after string, limit int) ([]Entry[T], error) {
	rows, err := v.table.Rows(ctx, k.name, tag, after, limit, v.now())
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", k.name, err)
	}
	out := make([]Entry[T], 0, len(rows))
	for _, r := range rows {
		e, err := k.open(v, r)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// All is List without a limit.
func (k Kind[T]) All(ctx context.Context, v *Vault, tag string) ([]Entry[T], error) {
	const page = 500
	var all []Entry[T]
	for after := ""; ; after = all[len(all)-1].Name {
		some, err := k.List(ctx, v, tag, after, page)
		all = append(all, some...)
		if err != nil || len(some) < page {
			return all, err
		}
	}
}

func (k Kind[T]) open(v *Vault, r Row) (Entry[T], error) {
	e := Entry[T]{Name: r.Name, Rev: r.Rev, Until: time.UnixMilli(r.Until).UTC()}
	body, err := v.keys.open(r.Kind, r.Name, r.Until, r.Body)
	if err == nil {
		err = json.Unmarshal(body, &e.Value)
	}
	if err != nil {
		return Entry[T]{}, fmt.Errorf("open %s: %w", k.name, err)
	}
	return e, nil
}

// Op is one change, for Apply.
type Op struct {
	change Change
	value  any
	until  time.Time
}

// New stores an entry that must not be there yet.
func (k Kind[T]) New(name string, value T, until time.Time, tags ...string) Op {
	return k.put(name, value, until, Absent, tags)
}

// Set stores an entry, whatever was there.
func (k Kind[T]) Set(name string, value T, until time.Time, tags ...string) Op {
	return k.put(name, value, until, Whatever, tags)
}

// Replace stores an entry in the place of what was loaded, if that is still there
// as it was. Its tags are those given here and no others.
func (k Kind[T]) Replace(e Entry[T], tags ...string) Op {
	return k.put(e.Name, e.Value, e.Until, e.Rev, tags)
}

// Remove takes away what was loaded, if it is still there as it was.
func (k Kind[T]) Remove(e Entry[T]) Op {
	return Op{change: Change{Row: Row{Kind: k.name, Name: e.Name}, Was: e.Rev, Delete: true}}
}

// Drop takes an entry away, if it is there.
func (k Kind[T]) Drop(name string) Op {
	return Op{change: Change{Row: Row{Kind: k.name, Name: name}, Was: Whatever, Delete: true}}
}

func (k Kind[T]) put(name string, value T, until time.Time, was int64, tags []string) Op {
	return Op{change: Change{Row: Row{Kind: k.name, Name: name}, Tags: tags, Was: was}, value: value, until: until}
}

// Apply does all changes or none, durably. ErrChanged means that one of them
// found something else than it asked for.
func (v *Vault) Apply(ctx context.Context, ops ...Op) error {
	changes := make([]Change, 0, len(ops))
	for _, op := range ops {
		c := op.change
		if !c.Delete {
			body, err := json.Marshal(op.value, json.Deterministic(true))
			if err != nil {
				return fmt.Errorf("keep %s: %w", c.Kind, err)
			}
			c.Until, c.Rev = op.until.UnixMilli(), revision()
			c.Body = v.keys.shut(c.Kind, c.Name, c.Until, body)
		}
		changes = append(changes, c)
	}
	err := v.table.Apply(ctx, changes, v.now())
	if errors.Is(err, ErrChanged) {
		return err
	}
	// Also after an error: what came of the changes is not known then.
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range changes {
		v.generations[c.Kind]++
	}
	if err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	return nil
}

// revision is a random one: an entry that was taken away and made again is not
// taken for what it was.
func revision() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:])>>1) | 1
}

// Update loads an entry, lets change work on it, and stores it, again when
// somebody else was quicker. tags gives the tags of the changed value.
func (k Kind[T]) Update(ctx context.Context, v *Vault, name string, tags func(T) []string, change func(*Entry[T]) error) (Entry[T], error) {
	for range 20 {
		e, err := k.Load(ctx, v, name)
		if err != nil {
			return e, err
		}
		if err := change(&e); err != nil {
			return e, err
		}
		var list []string
		if tags != nil {
			list = tags(e.Value)
		}
		err = v.Apply(ctx, k.Replace(e, list...))
		if !errors.Is(err, ErrChanged) {
			return e, err
		}
	}
	return Entry[T]{}, fmt.Errorf("update %s: %w too often", k.name, ErrChanged)
}

// Once reports whether a name is used for the first time before its end: it is
// how assertions and codes are refused when they come again, on any server and
// after any restart.
func (v *Vault) Once(ctx context.Context, use, name string, until time.Time) (first bool, err error) {
	err = v.Apply(ctx, Of[struct{}]("once."+use).New(v.Blind(use, name), struct{}{}, until))
	if errors.Is(err, ErrChanged) {
		return false, nil
	}
	return err == nil, err
}

// Apart is how far the clocks of servers of one table may be from each other
// without one of them forgetting what still counts at another.
const Apart = 15 * time.Minute

// Sweep takes away rows whose time is up, some thousand at a time, until there
// are none. It leaves what ended a short while ago: by the clock of another server
// it may not have ended, and what may be used once would be good twice there.
func (v *Vault) Sweep(ctx context.Context) error {
	const some = 1000
	for {
		n, err := v.table.Sweep(ctx, some, v.now()-Apart.Milliseconds())
		if err != nil || n < some {
			return err
		}
	}
}

func (v *Vault) now() int64 { return v.clock.Now().UnixMilli() }
