package audit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestRecordsComeBackInOrderAcrossSegmentsAndRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "journal")
	var want []string
	receipts := make(map[uint64]Hash)
	for run := range 4 {
		l := mustOpen(t, dir, small())
		for i := range 20 {
			p := fmt.Sprintf("run %d record %d %s", run, i, strings.Repeat("x", i*30))
			r := mustAppend(t, l, p)
			want = append(want, p)
			receipts[r.Seq] = r.Hash
		}
		mustClose(t, l)
	}
	if got := payloads(t, dir); !slices.Equal(got, want) {
		t.Errorf("read back %d records, want %d, or they differ", len(got), len(want))
	}
	next := uint64(0)
	err := Scan(dir, 0, func(e Entry) error {
		if e.Seq != next {
			t.Errorf("seq = %d, want %d", e.Seq, next)
		}
		next++
		if h, ok := receipts[e.Seq]; ok && h != e.Hash {
			t.Errorf("record %d has hash %v, its receipt %v", e.Seq, e.Hash, h)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := mustVerify(t, dir)
	if len(r.Damage) > 0 || r.Records != next || r.Segments < 4 {
		t.Errorf("Verify = %+v, want %d records undamaged in several segments", r, next)
	}
}

func TestScanBeginsWhereItIsTold(t *testing.T) {
	dir := written(t, 40)
	total := mustVerify(t, dir).Records
	for from := uint64(0); from <= total+1; from++ {
		next := from
		if err := Scan(dir, from, func(e Entry) error {
			if e.Seq != next {
				t.Fatalf("Scan(%d) gave %d, want %d", from, e.Seq, next)
			}
			next++
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if next != max(from, total) {
			t.Errorf("Scan(%d) ended before %d, want %d", from, next, total)
		}
	}
	stop := errors.New("stop")
	if err := Scan(dir, 3, func(Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Scan gave %v, want the callback's error", err)
	}
}

func TestConcurrentRecordsAreEachThereOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 64 << 10})
	var group sync.WaitGroup
	var mu sync.Mutex
	seqs := make(map[uint64]string)
	for g := range 32 {
		group.Go(func() {
			for i := range 25 {
				p := fmt.Sprintf("writer %d record %d", g, i)
				r, err := l.Append(context.Background(), []byte(p))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seqs[r.Seq] = p
				mu.Unlock()
			}
		})
	}
	group.Wait()
	mustClose(t, l)
	found := 0
	if err := Scan(dir, 0, func(e Entry) error {
		if p, ok := seqs[e.Seq]; ok {
			found++
			if p != string(e.Payload) {
				t.Errorf("record %d holds %q, its writer was told %q", e.Seq, e.Payload, p)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if found != 32*25 {
		t.Errorf("%d records found, want %d", found, 32*25)
	}
}

func TestBegunRecordsKeepTheirOrderAndTheirBytes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 4 << 20})
	buf := []byte("00")
	var pending []*Pending
	for i := range 50 {
		copy(buf, fmt.Sprintf("%02d", i))
		pending = append(pending, l.Begin(buf)) // buf is used again at once
	}
	mustClose(t, l) // makes durable what was begun
	for i, p := range pending {
		r, err := p.Wait(context.Background())
		if err != nil || r.Seq != uint64(i+1) {
			t.Errorf("record %d: %v, %v", i, r.Seq, err)
		}
	}
	for i, p := range payloads(t, dir) {
		if want := fmt.Sprintf("%02d", i); p != want {
			t.Errorf("payload %d = %q", i, p)
		}
	}
}

func TestLargeBatchesAreSplit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 3 << 20})
	var pending []*Pending
	for i := range 40 {
		pending = append(pending, l.Begin(make([]byte, 1+i*(MaxPayload-1)/39)))
	}
	for _, p := range pending {
		if _, err := p.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, l)
	if r := mustVerify(t, dir); len(r.Damage) > 0 || r.Records != 42 {
		t.Errorf("Verify = %+v", r)
	}
	whole, batch := files(t, dir), 0
	for _, p := range places(t, whole) {
		if f, _ := parseRecordHead(whole[p.name][p.off:]); f.place == 0 {
			batch = 0
		}
		if batch += p.end - p.off; batch > maxBatch {
			t.Errorf("record %d makes its batch %d bytes long, the limit is %d", p.seq, batch, maxBatch)
		}
	}
}

func TestRefusalsBeforeTheDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	opts := small()
	opts.MaxQueue = 3000
	l := mustOpen(t, dir, opts)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name string
		do   func() error
		want error
	}{
		{"too long for any segment", func() error { _, err := l.Append(context.Background(), make([]byte, MinSegment)); return err }, ErrTooLong},
		{"longer than the queue", func() error { _, err := l.Append(context.Background(), make([]byte, 3000)); return err }, ErrBusy},
		{"context over", func() error { _, err := l.Append(ctx, []byte("x")); return err }, context.Canceled},
		{"second writer", func() error { _, err := Open(dir, small()); return err }, ErrLocked},
		{"close", l.Close, nil},
		{"closed", func() error { _, err := l.Append(context.Background(), []byte("x")); return err }, ErrClosed},
		{"closed twice", l.Close, ErrClosed},
	} {
		if err := c.do(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if l.Failed() != nil {
		t.Errorf("a refusal broke the log: %v", l.Failed())
	}
	if got := payloads(t, dir); len(got) > 0 {
		t.Errorf("refused records were written: %q", got)
	}
	mustClose(t, mustOpen(t, dir, small())) // the lock is free again
}

func TestOpenNeedsAClockAndASize(t *testing.T) {
	if _, err := Open(t.TempDir(), Options{}); err == nil {
		t.Error("opened without a clock")
	}
	if _, err := Open(t.TempDir(), Options{Clock: ticking(), SegmentSize: 100}); err == nil {
		t.Error("opened with segments of 100 bytes")
	}
}

func TestRunsAreFramedByTheirOwnRecords(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	for range 2 {
		l := mustOpen(t, dir, small())
		mustAppend(t, l, "x")
		mustClose(t, l)
	}
	var kinds []Kind
	if err := Scan(dir, 0, func(e Entry) error {
		r, _ := ParseRecord(e.Payload)
		kinds = append(kinds, r.Kind)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if want := []Kind{Opened, "", Closed, Opened, "", Closed}; !slices.Equal(kinds, want) {
		t.Errorf("kinds = %q, want %q", kinds, want)
	}
}

func TestVerifyBesideTheWriterFindsNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 16 << 10})
	for range 40 {
		acknowledged := mustAppend(t, l, "known to be durable").Seq
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 40 {
					if _, err := l.Append(context.Background(), make([]byte, 700)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for range 3 {
			if r := mustVerify(t, dir); len(r.Damage) > 0 || r.Records <= acknowledged {
				t.Errorf("Verify = %+v, want no damage and record %d", r, acknowledged)
			}
		}
		group.Wait()
	}
	mustClose(t, l)
}

func TestReaderOvertakenByTheWriterReadsAgain(t *testing.T) {
	whole := files(t, written(t, 30))
	at := places(t, whole)
	one, two := segmentName(1), segmentName(2)
	second := at[slices.IndexFunc(at, func(p place) bool { return p.name == two })]
	upTo := func(end int) map[string][]byte {
		return map[string][]byte{one: whole[one], two: splice(whole[two], end, end, make([]byte, MinSegment))}
	}
	for _, c := range []struct {
		name          string
		before, after map[string][]byte
		when, records uint64 // overtaken at that record; records there afterwards
	}{
		{"segment filled after it was opened", upTo(second.end), whole, 0, uint64(len(at))},
		{"record half written", upTo(second.end + 99), upTo(second.end), second.seq, second.seq + 1},
	} {
		dir := lay(t, c.before)
		w := &walk{dir: dir, number: 1, known: true, patience: 2}
		w.visit = func(e Entry) error {
			if e.Seq == c.when {
				for n, b := range c.after {
					put(t, filepath.Join(dir, n), b)
				}
			}
			return nil
		}
		if d, err := w.run(); err != nil || d != nil || w.records != c.records {
			t.Errorf("%s: %v, %v after %d records, want all %d", c.name, d, err, w.records, c.records)
		}
	}
}
