package audit

import (
	"crypto/sha256"
	"errors"
	"io"
	"time"
)

// walk follows the chain from the start of one segment to the end of the
// journal. Verify, Scan and Open are walks; they differ in where they start and
// in what they make of the end.
type walk struct {
	dir      string
	visit    func(Entry) error // may be nil
	patience int               // times a tail that looks torn is read again: a writer may be at it

	// Where the walk stands. At its start: the segment's number, and seq and prev
	// if they are known; from there on, the next record and the link it continues.
	number  uint64
	known   bool // seq and prev are known
	seq     uint64
	prev    Hash
	records uint64
	repairs []Repair

	// The end of the last segment, set when the walk arrived there.
	size, off int64
	torn      int64 // bytes of a torn tail
	tornHash  Hash
	cut       bool  // the header of the segment after it is torn
	ahead     int64 // size of the blank segment after it, or 0
}

// pause is the time between two readings of a tail that looks torn; a write of
// one batch takes far less.
const pause = 5 * time.Millisecond

// run walks to the end. The Damage is the first found; the error, if the walk
// could not be finished or visit gave one.
func (w *walk) run() (*Damage, error) {
	seg, err := openSegment(w.dir, w.number)
	if err != nil {
		return asDamage(err)
	}
	for seg != nil {
		next, d, err := w.segment(seg)
		if err = errors.Join(err, seg.Close()); err != nil || d != nil {
			if next != nil {
				err = errors.Join(err, next.Close())
			}
			return d, err
		}
		seg = next
	}
	return nil, nil
}

// asDamage tells damage that arrived as an error from errors.
func asDamage(err error) (*Damage, error) {
	var d *Damage
	if errors.As(err, &d) {
		return d, nil
	}
	return nil, err
}

// segment walks one segment; next is the one to go on with, open, or nil at the end.
func (w *walk) segment(s *opened) (next *opened, d *Damage, err error) {
	if s.number == 1 && (s.state == blank || s.state == broken) {
		d, err := w.neverBegun(s)
		return nil, d, err
	}
	if d := w.checkHeader(s); d != nil {
		return nil, d, nil
	}
	w.number, w.size = s.number, s.size
	c := &cursor{opened: s, off: headerSize, seq: s.header.first, prev: s.link}
	for tries := 0; ; {
		// The next segment is looked at before the records are read: if it has
		// begun, this one is final.
		next, err := w.peek(s.number + 1)
		if err != nil {
			d, err := asDamage(err)
			return nil, d, err
		}
		s.drop() // what was read before that look may have been written over since
		before := c.seq
		d, err := w.readRecords(c)
		if err != nil {
			return next, nil, err
		}
		w.seq, w.prev, w.off = c.seq, c.prev, c.off
		if next.state == begun {
			d, err = w.checkEnd(c, next, d)
			return next, d, err
		}
		over, d, err := w.atTail(c, next, d, tries >= w.patience)
		if err = errors.Join(err, next.Close()); err != nil || d != nil || over {
			return nil, d, err
		}
		if tries++; c.seq != before {
			tries = 0
		}
		time.Sleep(pause)
	}
}

// neverBegun judges a first segment without a whole header. A crash leaves that
// before anything was recorded, and then nothing else is there.
func (w *walk) neverBegun(s *opened) (*Damage, error) {
	there, err := list(w.dir)
	if err != nil {
		return nil, err
	}
	end, err := s.written(0)
	if err != nil {
		return nil, err
	}
	d := &Damage{Reason: Altered, Segment: s.name, Detail: "no whole header"}
	if end <= headerSize && there.highest == 1 {
		d.Reason = TornTail
	}
	return d, nil
}

// checkHeader holds a segment's header against the walk so far and the file.
func (w *walk) checkHeader(s *opened) *Damage {
	at := func(r Reason, detail string) *Damage {
		return &Damage{Reason: r, Segment: s.name, Seq: w.seq, Detail: detail}
	}
	h := s.header
	switch {
	case s.state == absent:
		return at(Missing, "no such segment")
	case s.state != begun:
		return at(Altered, "no whole header")
	case h.number != s.number:
		return at(Renamed, "it is "+segmentName(h.number))
	case h.size != s.size:
		return at(Resized, "")
	case s.number == 1 && (h.first != 0 || h.prev != Hash{} || h.prevEnd != 0 || h.torn != 0):
		return at(Unchained, "not the first segment of a journal")
	case w.known && h.first != w.seq:
		return at(OutOfOrder, "begins with another record")
	case w.known && h.prev != w.prev:
		return at(Unchained, "")
	}
	w.known = true
	return nil
}

// peek opens the next segment. A header that is not whole is read again: it may
// be about to be written.
func (w *walk) peek(number uint64) (*opened, error) {
	for tries := 0; ; tries++ {
		s, err := openSegment(w.dir, number)
		if err != nil || s.state != broken || tries >= w.patience {
			return s, err
		}
		if err := s.Close(); err != nil {
			return nil, err
		}
		time.Sleep(pause)
	}
}

// readRecords reads records until there is none; the Damage says how it looks there.
func (w *walk) readRecords(c *cursor) (*Damage, error) {
	for {
		e, d, err := c.next()
		if err != nil || d != nil {
			return d, err
		}
		w.records++
		if w.visit == nil {
			continue
		}
		if err := w.visit(e); err != nil {
			return nil, err
		}
	}
}

// checkEnd holds the end of a segment against what the next one says of it.
func (w *walk) checkEnd(c *cursor, next *opened, d *Damage) (*Damage, error) {
	h := next.header
	if h.number != next.number {
		return nil, nil // checkHeader names it
	}
	if c.off < h.prevEnd {
		end, err := c.written(c.off)
		if err == nil && end == c.off {
			d = c.damage(Missing, "records up to the end of the segment")
		}
		return d, err
	}
	if c.off != h.prevEnd {
		return c.damage(OutOfOrder, "the next segment says it ended elsewhere"), nil
	}
	end, err := c.written(c.off)
	if err != nil {
		return nil, err
	}
	if h.torn == 0 && end == c.off {
		return nil, nil
	}
	if end != c.off+h.torn {
		return c.damage(Trailing, "not what the next segment says was set aside"), nil
	}
	sum, err := sumOf(c.file, c.off, h.torn)
	if err != nil {
		return nil, err
	}
	if sum != h.tornHash {
		return c.damage(Altered, "bytes set aside by a repair"), nil
	}
	w.repairs = append(w.repairs, Repair{Segment: c.name, Offset: c.off, Length: h.torn, SHA256: sum})
	return nil, nil
}

func sumOf(r io.ReaderAt, off, n int64) (Hash, error) {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, off, n)); err != nil {
		return Hash{}, err
	}
	return Hash(h.Sum(nil)), nil
}
