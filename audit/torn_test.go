package audit

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// interrupted is a journal whose last batch, of several records, begins at from
// and ends at to; it was not closed.
func interrupted(t *testing.T) (whole map[string][]byte, name string, from, to int) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "journal")
	l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 16 << 10})
	mustAppend(t, l, "acknowledged 0")
	mustAppend(t, l, "acknowledged 1")
	l.mu.Lock() // so that what follows is one batch
	var pending []*Pending
	for i := range 6 {
		pending = append(pending, l.queue.add(l.now(), fmt.Appendf(nil, "batch %d %0*d", i, 700, 0)))
	}
	l.work.Signal()
	l.mu.Unlock()
	for _, p := range pending {
		if _, err := p.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	whole = files(t, dir)
	mustClose(t, l)
	at := places(t, whole)
	return whole, at[0].name, at[len(at)-6].off, at[len(at)-1].end
}

// afterCrash opens a torn journal and checks what is promised of it: it reads
// as torn before, it opens, what was acknowledged is there, what is written next
// is there, nothing is found afterwards, and nothing of the torn bytes is lost.
func afterCrash(t *testing.T, m map[string][]byte, what string) {
	t.Helper()
	dir := lay(t, m)
	before, _ := first(t, dir)
	if before != nil && before.Reason != TornTail {
		t.Fatalf("%s: reads as %v", what, before)
	}
	l, err := Open(dir, Options{Clock: ticking(), SegmentSize: 16 << 10})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	mustAppend(t, l, "after the crash")
	mustClose(t, l)
	got := payloads(t, dir)
	if len(got) < 3 || got[0] != "acknowledged 0" || got[1] != "acknowledged 1" || got[len(got)-1] != "after the crash" {
		t.Fatalf("%s: holds %d records: %.60q", what, len(got), got)
	}
	d, _ := first(t, dir)
	if d != nil {
		t.Fatalf("%s: after the repair: %v", what, d)
	}
	r := mustVerify(t, dir)
	if torn := before != nil; torn != (len(r.Repairs) == 1) {
		t.Fatalf("%s: torn is %v, repairs are %v", what, torn, r.Repairs)
	}
	if before != nil && r.Repairs[0].Offset != before.Offset {
		t.Fatalf("%s: repaired at %d, torn at %d", what, r.Repairs[0].Offset, before.Offset)
	}
}

func TestBatchTornAtAnyByteIsSetAside(t *testing.T) {
	whole, name, from, to := interrupted(t)
	for cut := from; cut <= to; cut += 37 {
		m := map[string][]byte{name: splice(whole[name], cut, to, make([]byte, to-cut))}
		afterCrash(t, m, fmt.Sprintf("cut at %d", cut))
	}
}

func TestBatchWithAnySectorsLostIsSetAside(t *testing.T) {
	whole, name, from, to := interrupted(t)
	firstSector, sectors := from/sector, (to+sector-1)/sector-from/sector
	for lost := 1; lost < 1<<sectors; lost++ { // each subset of the sectors written
		if sectors > 6 && lost%29 != 0 {
			continue
		}
		b := slices.Clone(whole[name])
		for s := range sectors {
			if lost>>s&1 == 1 {
				at := max((firstSector+s)*sector, from) // bytes before the batch were durable
				clear(b[at:min((firstSector+s+1)*sector, to)])
			}
		}
		afterCrash(t, map[string][]byte{name: b}, fmt.Sprintf("sectors lost %b", lost))
	}
}

func TestTornSegmentHeaderIsWrittenAnew(t *testing.T) {
	whole, name, _, _ := interrupted(t)
	h := segmentHeader{number: 2, size: 16 << 10}.encode()
	for cut := range headerSize {
		m := map[string][]byte{name: whole[name], segmentName(2): splice(make([]byte, 16<<10), 0, cut, h[:cut])}
		dir := lay(t, m)
		l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 16 << 10})
		mustClose(t, l)
		if r := mustVerify(t, dir); len(r.Damage) > 0 {
			t.Fatalf("header cut at %d: %v", cut, r.Damage)
		}
	}
}

func TestCrashDuringTheFirstOpenLeavesAUsableDirectory(t *testing.T) {
	h := segmentHeader{number: 1, size: MinSegment}.encode()
	for _, size := range []int{0, 1, headerSize, MinSegment} {
		for _, cut := range []int{0, 1, headerSize / 2} {
			b := make([]byte, size)
			copy(b, h[:cut])
			dir := lay(t, map[string][]byte{segmentName(1): b})
			mustClose(t, mustOpen(t, dir, small()))
			if r := mustVerify(t, dir); len(r.Damage) > 0 || r.Records != 2 {
				t.Errorf("size %d, cut %d: %+v", size, cut, r)
			}
		}
	}
}

func TestFirstSegmentWithRecordsAndNoHeaderIsNotFresh(t *testing.T) {
	for _, n := range []int{1, 3} { // without and with a segment prepared ahead
		whole := files(t, written(t, n))
		clear(whole[segmentName(1)][:headerSize])
		dir := lay(t, whole)
		if l, err := Open(dir, small()); err == nil {
			mustClose(t, l)
			t.Errorf("a journal of %d with its header wiped was begun anew", len(whole))
		}
		if d, _ := first(t, dir); d == nil || d.Reason != Altered {
			t.Errorf("a journal of %d with its header wiped: %v", len(whole), d)
		}
	}
}

func TestCrashDuringARepairIsRepaired(t *testing.T) {
	whole, name, from, to := interrupted(t)
	torn := splice(whole[name], from+100, to, make([]byte, to-from-100))
	dir := lay(t, map[string][]byte{name: torn})
	mustClose(t, mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 16 << 10}))
	repaired := files(t, dir)
	at := places(t, repaired)
	second := segmentName(2)
	end := at[len(at)-1].end
	for cut := 0; cut < end; cut += 13 {
		b := splice(repaired[second], cut, end, make([]byte, end-cut))
		dir := lay(t, map[string][]byte{name: repaired[name], second: b})
		l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 16 << 10})
		mustAppend(t, l, "after both")
		mustClose(t, l)
		r := mustVerify(t, dir)
		got := payloads(t, dir)
		if len(r.Damage) > 0 || len(r.Repairs) == 0 || !slices.Equal(got, []string{"acknowledged 0", "acknowledged 1", "after both"}) {
			t.Fatalf("cut at %d: %+v, %.40q", cut, r, got)
		}
	}
}

func TestRepairedBytesStayCovered(t *testing.T) {
	whole, name, from, to := interrupted(t)
	cut := from + 300
	dir := lay(t, map[string][]byte{name: splice(whole[name], cut, to, make([]byte, to-cut))})
	mustClose(t, mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 16 << 10}))
	path := filepath.Join(dir, name)
	b := files(t, dir)[name]
	for off := from; off < len(b); off++ {
		patch(t, path, off, b[off]^0x10)
		d, _ := first(t, dir)
		patch(t, path, off, b[off])
		if d == nil || d.Reason == TornTail {
			t.Fatalf("flipped byte %d of what was set aside: %v", off, d)
		}
	}
}

func TestChangeBeforeTheLastBatchIsNotTorn(t *testing.T) {
	whole, name, from, _ := interrupted(t)
	at := places(t, whole)
	for off := at[0].off; off < from; off++ {
		b := slices.Clone(whole[name])
		b[off] ^= 0x04
		if d, _ := first(t, lay(t, map[string][]byte{name: b})); d == nil || d.Reason == TornTail {
			t.Fatalf("flipped byte %d, before the last batch: %v", off, d)
		}
	}
}
