package audit

import (
	"errors"
	"os"
	"path/filepath"
)

// tail is where a journal ends and its writer is to go on.
type tail struct {
	walk
	fresh bool // there is no journal yet, or its first header was never written
}

// findTail reads the last segment and finds the end. Only what a crash can leave
// is let pass; anything else is a *Damage error, for appending to a journal that
// was tampered with would bury the evidence. It does not read the segments
// before the last: that is Verify.
func findTail(dir string) (*tail, error) {
	there, err := list(dir)
	if err != nil {
		return nil, err
	}
	if len(there.strays) > 0 {
		return nil, &there.strays[0]
	}
	if there.count != there.highest {
		return nil, &Damage{Reason: Missing, Segment: segmentName(there.highest), Detail: "a segment before it"}
	}
	last, err := lastBegun(dir, there.highest)
	if err != nil {
		return nil, err
	}
	if last == 0 {
		return &tail{fresh: true}, nil
	}
	if err := settlePath(filepath.Join(dir, segmentName(last))); err != nil {
		return nil, err
	}
	t := &tail{walk: walk{dir: dir, number: last, known: last == 1}}
	d, err := t.run()
	if err != nil {
		return nil, err
	}
	if d != nil && d.Reason != TornTail {
		return nil, d
	}
	t.fresh = t.size == 0 // the walk did not get past the first header
	return t, nil
}

// lastBegun is the number of the last segment that may hold records, or 0: the
// highest is either that one or was prepared ahead, which the walk judges.
func lastBegun(dir string, highest uint64) (uint64, error) {
	if highest == 0 {
		return 0, nil
	}
	s, err := openSegment(dir, highest)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if s.state == begun {
		return highest, nil
	}
	return max(1, highest-1), nil
}

func settlePath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(settle(f), f.Close())
}

// resume puts a writer at the end of the journal, after setting aside what a
// crash tore. What was torn stays where it is: the next segment's header states
// its place and hash, so a crash during the repair loses neither.
func resume(dir string, opts Options) (*writer, Record, error) {
	t, err := findTail(dir)
	if err != nil {
		return nil, Record{}, err
	}
	w := &writer{dir: dir, disk: opts.disk, segmentSize: opts.SegmentSize}
	rec := Record{Kind: Opened}
	if t.fresh {
		return w, rec, w.rotate(opts.Clock().UnixMicro(), 0, Hash{})
	}
	w.number, w.size, w.off, w.seq, w.prev = t.number, t.size, t.off, t.seq, t.prev
	if w.file, err = w.disk.open(w.path(w.number)); err != nil {
		return nil, Record{}, err
	}
	if t.cut {
		rec.Kind = Repaired
		rec.Repair = &Repair{Segment: segmentName(t.number + 1), Length: headerSize}
	}
	if t.torn > 0 {
		rec.Kind = Repaired
		rec.Repair = &Repair{Segment: segmentName(t.number), Offset: t.off, Length: t.torn, SHA256: t.tornHash}
		return w, rec, w.rotate(opts.Clock().UnixMicro(), t.torn, t.tornHash)
	}
	if t.ahead == w.segmentSize && !t.cut {
		return w, rec, w.adopt() // the walk has seen that it is blank
	}
	if t.ahead > 0 {
		w.prepare()
	}
	return w, rec, nil
}
