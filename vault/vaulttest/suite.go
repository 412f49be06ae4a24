// Package vaulttest is the suite that every vault.Table must pass.
package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/vault"
)

type note struct{ Text string }

var notes = vault.Of[note]("note")

// Run tries a table, which must be empty.
func Run(t *testing.T, table vault.Table) {
	clk := clock.NewFixed(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))
	keys := vault.RandomKeys()
	newVault := func() *vault.Vault { return vault.New(table, keys, clk) }
	t.Run("an entry is what was kept", func(t *testing.T) { kept(t, newVault(), clk) })
	t.Run("conditions", func(t *testing.T) { conditions(t, newVault()) })
	t.Run("all or none", func(t *testing.T) { allOrNone(t, newVault()) })
	t.Run("tags", func(t *testing.T) { tags(t, newVault()) })
	t.Run("time up", func(t *testing.T) { timeUp(t, newVault(), clk) })
	t.Run("once", func(t *testing.T) { once(t, newVault(), clk) })
	t.Run("only one wins", func(t *testing.T) { race(t, newVault()) })
	t.Run("sealed", func(t *testing.T) { sealed(t, table, newVault(), clk) })
}

var background = context.Background()

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantChanged(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, vault.ErrChanged) {
		t.Errorf("%s: %v, want ErrChanged", what, err)
	}
}

func kept(t *testing.T, v *vault.Vault, clk *clock.Fixed) {
	until := clk.Now().Add(time.Hour)
	must(t, v.Apply(background, notes.New("a", note{"hello"}, until), notes.New("b", note{"…"}, vault.Never)))
	e, err := notes.Load(background, v, "a")
	must(t, err)
	if e.Value.Text != "hello" || !e.Until.Equal(until) || e.Rev == 0 || e.Name != "a" {
		t.Errorf("loaded %+v", e)
	}
	if e, err = notes.Load(background, v, "b"); err != nil || !e.Until.Equal(vault.Never) {
		t.Errorf("loaded %+v, %v", e, err)
	}
	if _, err := notes.Load(background, v, "c"); !errors.Is(err, vault.ErrAbsent) {
		t.Errorf("error = %v, want ErrAbsent", err)
	}
	for _, name := range []string{"a\xff", "a\x00", "\x00"} {
		if _, err := notes.Load(background, v, name); !errors.Is(err, vault.ErrAbsent) {
			t.Errorf("a name %q, which no database takes: error = %v, want ErrAbsent", name, err)
		}
	}
	if _, err := vault.Of[note]("other").Load(background, v, "a"); !errors.Is(err, vault.ErrAbsent) {
		t.Errorf("another kind: error = %v, want ErrAbsent", err)
	}
	must(t, v.Apply(background, notes.Drop("a"), notes.Drop("b"), notes.Drop("never was")))
	if _, err := notes.Load(background, v, "a"); !errors.Is(err, vault.ErrAbsent) {
		t.Errorf("dropped: error = %v, want ErrAbsent", err)
	}
}

func conditions(t *testing.T, v *vault.Vault) {
	must(t, v.Apply(background, notes.New("x", note{"1"}, vault.Never)))
	wantChanged(t, "new over what is there", v.Apply(background, notes.New("x", note{"2"}, vault.Never)))
	first, err := notes.Load(background, v, "x")
	must(t, err)
	second := first
	second.Value.Text = "2"
	must(t, v.Apply(background, notes.Replace(second)))
	wantChanged(t, "replace what was replaced", v.Apply(background, notes.Replace(first)))
	wantChanged(t, "remove what was replaced", v.Apply(background, notes.Remove(first)))
	now, err := notes.Load(background, v, "x")
	must(t, err)
	if now.Value.Text != "2" {
		t.Errorf("text = %q, want 2", now.Value.Text)
	}
	must(t, v.Apply(background, notes.Remove(now)))
	wantChanged(t, "replace what was removed", v.Apply(background, notes.Replace(now)))
	must(t, v.Apply(background, notes.New("x", now.Value, vault.Never)))
	wantChanged(t, "replace what was made anew", v.Apply(background, notes.Replace(now)))
	must(t, v.Apply(background, notes.Set("x", note{"3"}, vault.Never)))
	must(t, v.Apply(background, notes.Drop("x")))
}

func allOrNone(t *testing.T, v *vault.Vault) {
	must(t, v.Apply(background, notes.New("taken", note{}, vault.Never)))
	wantChanged(t, "one of three is taken", v.Apply(background, notes.New("free", note{}, vault.Never, "some"), notes.New("taken", note{}, vault.Never), notes.Drop("taken")))
	if _, err := notes.Load(background, v, "free"); !errors.Is(err, vault.ErrAbsent) {
		t.Errorf("a part was done: %v", err)
	}
	must(t, v.Apply(background, notes.Drop("taken")))
}

func names(t *testing.T, v *vault.Vault, tag, after string, limit int) string {
	t.Helper()
	list, err := notes.List(background, v, tag, after, limit)
	must(t, err)
	out := ""
	for _, e := range list {
		out += e.Name + " "
	}
	return out
}

func tags(t *testing.T, v *vault.Vault) {
	for _, n := range []string{"d", "B", "a", "c"} {
		must(t, v.Apply(background, notes.New(n, note{n}, vault.Never, "all", "is-"+n)))
	}
	for _, c := range []struct {
		tag, after string
		limit      int
		want       string
	}{{"all", "", 9, "B a c d "}, {"", "", 9, "B a c d "}, {"all", "B", 2, "a c "}, {"is-c", "", 9, "c "}, {"none", "", 9, ""}} {
		if got := names(t, v, c.tag, c.after, c.limit); got != c.want {
			t.Errorf("tag %q after %q: %q, want %q", c.tag, c.after, got, c.want)
		}
	}
	e, err := notes.Load(background, v, "c")
	must(t, err)
	must(t, v.Apply(background, notes.Replace(e, "moved")))
	if got := names(t, v, "all", "", 9) + "| " + names(t, v, "is-c", "", 9) + "| " + names(t, v, "moved", "", 9); got != "B a d | | c " {
		t.Errorf("after a change of tags: %q", got)
	}
	for _, c := range []struct {
		tags []string
		want string
	}{{[]string{"is-d", "all"}, "B a d | d "}, {[]string{"all"}, "B a d | "}, {nil, "B a | "}, {[]string{"is-d"}, "B a | d "}} {
		e, err := notes.Load(background, v, "d")
		must(t, err)
		must(t, v.Apply(background, notes.Replace(e, c.tags...)))
		if got := names(t, v, "all", "", 9) + "| " + names(t, v, "is-d", "", 9); got != c.want {
			t.Errorf("replaced with the tags %q: %q, want %q", c.tags, got, c.want)
		}
	}
	for i := range 1201 {
		must(t, v.Apply(background, notes.New(fmt.Sprintf("n%04d", i), note{}, vault.Never, "many")))
		if i == 30 && testing.Short() {
			break
		}
	}
	all, err := notes.All(background, v, "many")
	must(t, err)
	if want := map[bool]int{true: 31, false: 1201}[testing.Short()]; len(all) != want {
		t.Errorf("%d of %d", len(all), want)
	}
	everything, err := notes.All(background, v, "")
	must(t, err)
	for _, e := range everything {
		must(t, v.Apply(background, notes.Remove(e)))
	}
}

func timeUp(t *testing.T, v *vault.Vault, clk *clock.Fixed) {
	until := clk.Now().Add(time.Minute)
	must(t, v.Apply(background, notes.New("brief", note{"old"}, until, "all"), notes.New("lasting", note{}, vault.Never, "all")))
	clk.Set(until.Add(-time.Millisecond))
	e, err := notes.Load(background, v, "brief")
	must(t, err)
	clk.Set(until)
	if _, err := notes.Load(background, v, "brief"); !errors.Is(err, vault.ErrAbsent) {
		t.Errorf("at its end: %v, want ErrAbsent", err)
	}
	wantChanged(t, "replace what has ended", v.Apply(background, notes.Replace(e)))
	if got := names(t, v, "all", "", 9); got != "lasting " {
		t.Errorf("listed %q", got)
	}
	must(t, v.Apply(background, notes.New("brief", note{"new"}, until.Add(time.Minute))))
	if got := names(t, v, "all", "", 9); got != "lasting " {
		t.Errorf("with the tags of the one before: %q", got)
	}
	// By the clock of another server, which is behind, it has not ended.
	clk.Set(until.Add(6 * time.Minute))
	must(t, v.Sweep(background))
	clk.Set(until)
	if got := names(t, v, "", "", 9); got != "brief lasting " {
		t.Errorf("swept by a server that is five minutes ahead: %q", got)
	}
	clk.Set(until.Add(time.Minute + vault.Apart))
	must(t, v.Sweep(background))
	clk.Set(until.Add(-time.Minute))
	if got := names(t, v, "", "", 9); got != "lasting " {
		t.Errorf("after sweeping: %q", got)
	}
	must(t, v.Apply(background, notes.Drop("lasting")))
}

func once(t *testing.T, v *vault.Vault, clk *clock.Fixed) {
	until := clk.Now().Add(time.Minute)
	for i, want := range []bool{true, false, false} {
		if first, err := v.Once(background, "jti", "app\x1f1", until); err != nil || first != want {
			t.Errorf("time %d: first = %t, %v, want %t", i, first, err, want)
		}
	}
	if first, err := v.Once(background, "code", "app\x1f1", until); err != nil || !first {
		t.Errorf("another use: first = %t, %v", first, err)
	}
}

func race(t *testing.T, v *vault.Vault) {
	var won atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			err := v.Apply(background, notes.New("prize", note{}, vault.Never))
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, vault.ErrChanged) {
				t.Errorf("error = %v", err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d won, want 1", won.Load())
	}
	must(t, v.Apply(background, notes.Drop("prize")))
}

func sealed(t *testing.T, table vault.Table, v *vault.Vault, clk *clock.Fixed) {
	must(t, v.Apply(background, notes.New("s", note{"the secret"}, vault.Never)))
	defer func() { must(t, v.Apply(background, notes.Drop("s"))) }()
	now := clk.Now().UnixMilli()
	r, found, err := table.Row(background, "note", "s", now)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	other := vault.New(table, vault.RandomKeys(), clk)
	if _, err := notes.Load(background, other, "s"); !errors.Is(err, vault.ErrUnreadable) {
		t.Errorf("with other keys: %v, want ErrUnreadable", err)
	}
	put := func(change func(*vault.Row)) error {
		c := vault.Change{Row: r, Was: vault.Whatever}
		c.Body = append([]byte(nil), r.Body...)
		change(&c.Row)
		must(t, table.Apply(background, []vault.Change{c}, now))
		_, err := notes.Load(background, v, c.Name)
		return err
	}
	for what, change := range map[string]func(*vault.Row){
		"moved to another name": func(r *vault.Row) { r.Name = "t" },
		"given another end":     func(r *vault.Row) { r.Until-- },
		"altered":               func(r *vault.Row) { r.Body[len(r.Body)-1] ^= 1 },
		"cut":                   func(r *vault.Row) { r.Body = r.Body[:3] },
	} {
		if err := put(change); !errors.Is(err, vault.ErrUnreadable) {
			t.Errorf("%s: %v, want ErrUnreadable", what, err)
		}
	}
	must(t, v.Apply(background, notes.Drop("t")))
}
