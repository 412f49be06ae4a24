package audit

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// first is the first damage, found without patience: nothing writes here.
func first(t testing.TB, dir string) (*Damage, uint64) {
	t.Helper()
	there, err := list(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(there.strays) > 0 {
		return &there.strays[0], 0
	}
	w := &walk{dir: dir, number: 1, known: true}
	d, err := w.run()
	if err != nil {
		t.Fatal(err)
	}
	return d, w.records
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	whole := files(t, written(t, 22)) // three segments and one prepared ahead
	at := places(t, whole)
	closing := at[len(at)-1]
	dir := lay(t, whole)
	if d, n := first(t, dir); d != nil || n != uint64(len(at)) || len(whole) < 3 {
		t.Fatalf("before any change: %v, %d records in %d files", d, n, len(whole))
	}
	for name, b := range whole {
		path := filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for off := range b {
			flip := byte(1) << (off % 8)
			if _, err := f.WriteAt([]byte{b[off] ^ flip}, int64(off)); err != nil {
				t.Fatal(err)
			}
			d, n := first(t, dir)
			if _, err := f.WriteAt(b[off:off+1], int64(off)); err != nil {
				t.Fatal(err)
			}
			if d == nil {
				t.Fatalf("%s: flipped byte %d not found", name, off)
			}
			inTail := name == closing.name && off >= closing.off
			if d.Reason == TornTail && !inTail && !(name > closing.name && off < headerSize) {
				t.Fatalf("%s: flipped byte %d passes as a torn tail", name, off)
			}
			i := slices.IndexFunc(at, func(p place) bool { return p.name == name && p.off <= off && off < p.end })
			if i >= 0 && (d.Segment != name || d.Offset != int64(at[i].off) || d.Seq != at[i].seq || n != at[i].seq) {
				t.Fatalf("%s: flipped byte %d of record %d reported as %v after %d records", name, off, at[i].seq, d, n)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// splice replaces b[from:to] by with and keeps the length of b.
func splice(b []byte, from, to int, with []byte) []byte {
	out := slices.Concat(b[:from], with, b[to:])
	out = append(out, make([]byte, len(b))...)
	return out[:len(b)]
}

func TestEditedRecordsAreFound(t *testing.T) {
	whole := files(t, written(t, 22))
	at := places(t, whole)
	inFirst := func(p place) bool { return p.name == at[0].name }
	n := 0
	for ; inFirst(at[n]); n++ {
	}
	b := whole[at[0].name]
	record := func(i int) []byte { return b[at[i].off:at[i].end] }
	for i := range n {
		next := at[i]
		edits := map[string][]byte{
			"removed":    splice(b, next.off, next.end, nil),
			"blanked":    splice(b, next.off, next.end, make([]byte, next.end-next.off)),
			"duplicated": splice(b, next.off, next.off, record(i)),
			"truncated":  splice(b, next.off, at[n-1].end, nil),
			"resealed":   reseal(b, next),
		}
		if i+1 < n {
			edits["swapped"] = splice(b, next.off, at[i+1].end, slices.Concat(record(i+1), record(i)))
		}
		for name, edited := range edits {
			m := maps.Clone(whole)
			m[next.name] = edited
			dir := lay(t, m)
			d, _ := first(t, dir)
			if d == nil || d.Reason == TornTail {
				t.Errorf("%s record %d: %v", name, next.seq, d)
				continue
			}
			if want := next.seq; d.Seq != want && d.Seq != want+1 { // a duplicate or a new hash shows in what follows
				t.Errorf("%s record %d: reported at %d", name, want, d.Seq)
			}
			if why, ok := editReasons[name]; ok && i+1 < n && d.Reason != why {
				t.Errorf("%s record %d: %v, want %s", name, next.seq, d, why)
			}
			if err := Scan(dir, 0, func(Entry) error { return nil }); !errors.As(err, &d) {
				t.Errorf("%s record %d: Scan gave %v", name, next.seq, err)
			}
		}
	}
}

// editReasons is what some edits must be called.
var editReasons = map[string]Reason{"duplicated": OutOfOrder, "swapped": OutOfOrder, "resealed": Unchained, "blanked": Altered}

func TestRecordOutOfItsBatchIsFound(t *testing.T) {
	whole := files(t, written(t, 3))
	at := places(t, whole)
	last := at[len(at)-1]
	r := whole[last.name][last.off:last.end]
	f, _ := parseRecordHead(r)
	seal(r, f.seq, 2, f.prev) // no batch began two records before
	if d, _ := first(t, lay(t, whole)); d == nil || d.Reason != OutOfOrder {
		t.Errorf("a record in a batch that never was: %v", d)
	}
}

func TestFirstSegmentHasNoForerunner(t *testing.T) {
	b := splice(make([]byte, MinSegment), 0, headerSize, segmentHeader{number: 1, size: MinSegment, prevEnd: 5}.encode())
	if d, _ := first(t, lay(t, map[string][]byte{segmentName(1): b})); d == nil || d.Reason != Unchained {
		t.Errorf("a first segment with a forerunner: %v", d)
	}
}

func TestBytesThatNoCrashCanLeaveAreNotTorn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 2 * maxBatch})
	mustAppend(t, l, "x")
	mustClose(t, l)
	at := places(t, files(t, dir))
	path, end := filepath.Join(dir, at[0].name), at[len(at)-1].end
	for name, off := range map[string]int{"in a sector already written": end + 1, "a batch and more away": end + maxBatch, "at the end": 2*maxBatch - 1} {
		patch(t, path, off, 1)
		if d, _ := first(t, dir); d == nil || d.Reason != Trailing {
			t.Errorf("%s: %v", name, d)
		}
		if _, err := Open(dir, small()); err == nil {
			t.Errorf("%s: opened", name)
		}
		patch(t, path, off, 0)
	}
}

// reseal changes a payload and computes that record's hash anew.
func reseal(b []byte, p place) []byte {
	out := slices.Clone(b)
	r := out[p.off:p.end]
	r[recordHead] ^= 1
	f, _ := parseRecordHead(r)
	seal(r, f.seq, f.place, f.prev)
	return out
}

// restate changes what a segment's header says and computes its hash anew.
func restate(b []byte, edit func(*segmentHeader)) []byte {
	h, _ := parseHeader(b)
	edit(&h)
	return splice(b, 0, headerSize, h.encode())
}

func TestChangedFilesAreFound(t *testing.T) {
	whole := files(t, written(t, 30))
	at := places(t, whole)
	last := at[len(at)-1].name
	names := slices.Sorted(maps.Keys(whole))
	elsewhere := filepath.Join(t.TempDir(), "journal")
	opts := small()
	opts.Clock() // so that it is another journal from its first record on
	l := mustOpen(t, elsewhere, opts)
	for range 30 {
		mustAppend(t, l, string(make([]byte, 400)))
	}
	mustClose(t, l)
	other := files(t, elsewhere)
	one, two, three := names[0], names[1], names[2]
	for _, c := range []struct {
		name string
		edit func(m map[string][]byte)
		want []Reason
	}{
		{"first segment removed", func(m map[string][]byte) { delete(m, one) }, []Reason{Missing}},
		{"middle segment removed", func(m map[string][]byte) { delete(m, two) }, []Reason{Missing}},
		{"all removed", func(m map[string][]byte) { clear(m) }, []Reason{Missing}},
		{"two segments swapped", func(m map[string][]byte) { m[one], m[two] = m[two], m[one] }, []Reason{Renamed}},
		{"middle segments swapped", func(m map[string][]byte) { m[two], m[three] = m[three], m[two] }, []Reason{Renamed}},
		{"segment repeated", func(m map[string][]byte) { m[three] = m[two] }, []Reason{Renamed}},
		{"segment renamed", func(m map[string][]byte) { m["x.journal"] = m[two]; delete(m, two) }, []Reason{Stray, Missing}},
		{"stray file", func(m map[string][]byte) { m[".notes"] = nil }, []Reason{Stray}},
		{"number written otherwise", func(m map[string][]byte) { m["4.journal"] = nil }, []Reason{Stray}},
		{"segment of another journal", func(m map[string][]byte) { m[two] = other[two] }, nil},
		{"segment shortened", func(m map[string][]byte) { m[two] = m[two][:len(m[two])-1] }, []Reason{Resized}},
		{"segment emptied", func(m map[string][]byte) { m[two] = nil }, nil},
		{"segment lengthened", func(m map[string][]byte) { m[two] = append(slices.Clone(m[two]), 0) }, []Reason{Resized}},
		{"last segment shortened", func(m map[string][]byte) { m[last] = m[last][:len(m[last])-1] }, []Reason{Resized}},
		{"header wiped in the middle", func(m map[string][]byte) { m[two] = splice(m[two], 0, headerSize, make([]byte, headerSize)) }, nil},
		{"first record restated", func(m map[string][]byte) { m[two] = restate(m[two], func(h *segmentHeader) { h.first++ }) }, []Reason{OutOfOrder}},
		{"forerunner's end restated", func(m map[string][]byte) { m[two] = restate(m[two], func(h *segmentHeader) { h.prevEnd-- }) }, []Reason{OutOfOrder}},
		{"torn bytes invented", func(m map[string][]byte) { m[two] = restate(m[two], func(h *segmentHeader) { h.torn++ }) }, []Reason{Trailing}},
		{"other chain stated", func(m map[string][]byte) { m[two] = restate(m[two], func(h *segmentHeader) { h.prev[0]++ }) }, []Reason{Unchained}},
		{"number restated", func(m map[string][]byte) { m[two] = restate(m[two], func(h *segmentHeader) { h.number++ }) }, []Reason{Renamed}},
		{"blank segments after the end", func(m map[string][]byte) {
			for _, n := range []uint64{1, 2} {
				number, _ := segmentNumber(last)
				m[segmentName(number+n)] = make([]byte, MinSegment)
			}
		}, nil},
		{"later segment without its forerunners", func(m map[string][]byte) { m[segmentName(99)] = m[two] }, nil},
	} {
		m := maps.Clone(whole)
		c.edit(m)
		dir := lay(t, m)
		r := mustVerify(t, dir)
		var got []Reason
		for _, d := range r.Damage {
			got = append(got, d.Reason)
		}
		if len(got) == 0 || slices.Contains(got, TornTail) || (c.want != nil && !slices.Equal(got, c.want)) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestOpenRefusesWhatNoCrashLeaves(t *testing.T) {
	whole := files(t, written(t, 30))
	at := places(t, whole)
	last := at[len(at)-1]
	for _, c := range []struct {
		name string
		edit func(m map[string][]byte)
	}{
		{"stray", func(m map[string][]byte) { m["x"] = nil }},
		{"missing first", func(m map[string][]byte) { delete(m, segmentName(1)) }},
		{"record altered in the last segment", func(m map[string][]byte) {
			m[last.name] = slices.Clone(m[last.name])
			m[last.name][last.off-40] ^= 1
		}},
		{"record repeated at the end", func(m map[string][]byte) {
			m[last.name] = splice(m[last.name], last.end, last.end, m[last.name][last.off:last.end])
		}},
		{"byte far behind the end", func(m map[string][]byte) {
			m[last.name] = slices.Clone(m[last.name])
			m[last.name][len(m[last.name])-1] ^= 1
			m[last.name][last.end] = 0
		}},
	} {
		m := maps.Clone(whole)
		c.edit(m)
		dir := lay(t, m)
		before := files(t, dir)
		_, err := Open(dir, small())
		var d *Damage
		if c.name == "byte far behind the end" {
			// Within one batch of the end a torn write can look so: it is set aside, not lost.
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			} else if r := mustVerify(t, dir); len(r.Repairs) != 1 || len(r.Damage) > 0 {
				t.Errorf("%s: %+v", c.name, r)
			}
			continue
		}
		if !errors.As(err, &d) {
			t.Errorf("%s: Open gave %v, want damage", c.name, err)
		}
		if !maps.EqualFunc(before, files(t, dir), bytes.Equal) {
			t.Errorf("%s: Open changed the evidence", c.name)
		}
	}
}

func TestRandomChangesAreFound(t *testing.T) {
	whole := files(t, written(t, 22))
	names := slices.Sorted(maps.Keys(whole))
	dir := lay(t, whole)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(names).Draw(t, "segment")
		b := slices.Clone(whole[name])
		from := rapid.IntRange(0, len(b)-1).Draw(t, "from")
		with := rapid.SliceOfN(rapid.Byte(), 1, len(b)-from).Draw(t, "with")
		copy(b[from:], with)
		if bytes.Equal(b, whole[name]) {
			t.Skip("no change")
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(path, whole[name], 0o600)
		w := &walk{dir: dir, number: 1, known: true}
		if d, err := w.run(); err != nil || d == nil {
			t.Fatalf("change at %d of %s: %v, %v", from, name, d, err)
		}
	})
}

func FuzzVerifyNeverPanics(f *testing.F) {
	whole := files(f, written(f, 22))
	for _, b := range whole {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := lay(t, map[string][]byte{segmentName(1): whole[segmentName(1)], segmentName(2): b})
		first(t, dir)
	})
}
