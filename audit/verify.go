package audit

import (
	"fmt"
	"path/filepath"
)

// Report is what Verify found.
type Report struct {
	Segments uint64
	Records  uint64   // whole and in the chain, up to the first damage
	Head     Hash     // of the last of them: what a witness is shown
	Repairs  []Repair // torn tails that were set aside, oldest first
	Damage   []Damage // empty: nothing was found
}

// patience is how often a tail that looks torn is read again while its writer
// may be at it: 40 × 5 ms.
const patience = 40

// Verify reads a whole journal and names every stray file and the first place
// where the chain or the space around it is not as it was written. It may run
// beside the writer, whom it neither stops nor waits for; it then vouches for
// what was written when it arrived at the end, and makes that durable.
//
// An error means that the journal could not be read, not that it is damaged.
// Damage with the reason TornTail is what a crash leaves and the next Open sets
// aside: whether it is worth an alarm is for the caller to decide.
//
// What it cannot find: whole records cut off at the end (with the files that
// held them), and a chain recomputed from some record on. Compare Head with
// what others have seen.
func Verify(dir string) (Report, error) {
	there, err := list(dir)
	if err != nil {
		return Report{}, fmt.Errorf("verify journal: %w", err)
	}
	w := &walk{dir: dir, number: 1, known: true, patience: patience}
	d, err := w.run()
	if err == nil && w.size > 0 {
		err = durable(filepath.Join(dir, segmentName(w.number)))
	}
	if err != nil {
		return Report{}, fmt.Errorf("verify journal: %w", err)
	}
	r := Report{Records: w.records, Head: w.prev, Repairs: w.repairs, Damage: there.strays}
	if w.size > 0 {
		r.Segments = w.number
	}
	if d != nil && (d.Reason != Stray || len(there.strays) == 0) {
		r.Damage = append(r.Damage, *d)
	}
	return r, nil
}

// Scan calls fn for each record from seq on, in order, each checked against the
// chain since the start of its segment. It ends without an error at the last
// whole record, a torn tail included; other damage is a *Damage error, and an
// error of fn ends it and is returned.
func Scan(dir string, from uint64, fn func(Entry) error) error {
	start, err := segmentOf(dir, from)
	if err != nil {
		return fmt.Errorf("scan journal: %w", err)
	}
	w := &walk{dir: dir, number: start, known: start == 1, patience: patience}
	w.visit = func(e Entry) error {
		if e.Seq < from {
			return nil
		}
		return fn(e)
	}
	d, err := w.run()
	if err != nil {
		return fmt.Errorf("scan journal: %w", err)
	}
	if d != nil && d.Reason != TornTail {
		return d
	}
	return nil
}

// segmentOf is the number of the segment that holds a record, or of the last one.
func segmentOf(dir string, seq uint64) (uint64, error) {
	found := uint64(1)
	for n := uint64(1); ; n++ {
		s, err := openSegment(dir, n)
		if err != nil {
			return 0, err
		}
		if err := s.Close(); err != nil {
			return 0, err
		}
		if s.state != begun || s.header.first > seq {
			return found, nil
		}
		found = n
	}
}
