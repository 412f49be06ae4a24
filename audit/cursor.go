package audit

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"
)

// cursor reads the records of one segment in order.
type cursor struct {
	*opened
	off     int64
	seq     uint64 // the record due next
	prev    Hash   // the link it must continue
	batch   uint64 // seq of the first record in the latest batch
	started bool   // the segment holds a record
}

// next reads the record at the cursor and moves past it. A Damage says why there
// is none; at the end of a segment too, for only the caller can tell an end.
func (c *cursor) next() (Entry, *Damage, error) {
	f, raw, err := c.whole(c.off)
	if err != nil {
		return Entry{}, nil, err
	}
	if raw == nil {
		return Entry{}, c.damage(Altered, "no whole record"), nil
	}
	if f.seq != c.seq {
		return Entry{}, c.damage(OutOfOrder, fmt.Sprintf("found record %d", f.seq)), nil
	}
	if f.prev != c.prev {
		return Entry{}, c.damage(Unchained, ""), nil
	}
	switch {
	case f.place == 0:
		c.batch = f.seq
	case !c.started || f.seq-uint64(f.place) != c.batch:
		return Entry{}, c.damage(OutOfOrder, "not of this batch"), nil
	}
	e := Entry{
		Seq: f.seq, Time: time.UnixMicro(f.time).UTC(), Key: f.key,
		Hash:    Hash(raw[len(raw)-sha256.Size:]),
		Payload: raw[recordHead : len(raw)-sha256.Size],
	}
	c.off += int64(len(raw))
	c.seq, c.prev, c.started = c.seq+1, e.Hash, true
	return e, nil, nil
}

// whole is the record at off if one lies there whole, with the hash it states,
// wherever in the chain it may belong; else nil.
func (c *cursor) whole(off int64) (recordFields, []byte, error) {
	if off+overhead > c.size {
		return recordFields{}, nil, nil
	}
	head, err := c.at(off, recordHead)
	if err != nil {
		return recordFields{}, nil, err
	}
	f, ok := parseRecordHead(head)
	n := overhead + int(f.length)
	if !ok || off+int64(n) > c.size {
		return recordFields{}, nil, nil
	}
	raw, err := c.at(off, n)
	if err != nil {
		return recordFields{}, nil, err
	}
	// Read again: the window may have moved, and under a live writer what is
	// hashed must be what is believed.
	f, ok = parseRecordHead(raw)
	if !ok || overhead+int(f.length) != n || sha256.Sum256(raw[:n-sha256.Size]) != [32]byte(raw[n-sha256.Size:]) {
		return recordFields{}, nil, nil
	}
	return f, raw, nil
}

func (c *cursor) damage(r Reason, detail string) *Damage {
	return &Damage{Reason: r, Segment: c.name, Offset: c.off, Seq: c.seq, Detail: detail}
}

// sector is the unit a disk writes whole. A crash leaves a sector as it was or
// as it was to be, never in part.
const sector = 512

// torn judges the bytes from the cursor to end, which hold no record that
// continues the chain, in the last segment. A crash can have left them only if
// they are part of one batch, for the batch before it was durable first.
func (c *cursor) torn(end int64, d *Damage) (*Damage, error) {
	if d.Reason != Altered {
		return d, nil // a whole record that does not follow was not torn
	}
	if end-c.off > maxBatch {
		return c.damage(Trailing, "more than one batch"), nil
	}
	rest := min(sector-c.off%sector, c.size-c.off)
	b, err := c.at(c.off, int(rest))
	if err != nil {
		return nil, err
	}
	if b[0] == 0 && len(bytes.Trim(b, "\x00")) > 0 {
		return c.damage(Trailing, "in space never written"), nil
	}
	later, err := c.laterBatch(end)
	if err != nil || !later {
		return c.damage(TornTail, fmt.Sprintf("%d bytes", end-c.off)), err
	}
	return c.damage(Altered, "later records are whole"), nil
}

// laterBatch reports whether a whole record between the cursor and end belongs
// to another batch than the one that broke at the cursor.
func (c *cursor) laterBatch(end int64) (bool, error) {
	for off := c.off + 1; off < end; {
		b, err := c.at(off, int(min(end-off, maxBatch)))
		if err != nil {
			return false, err
		}
		i := bytes.Index(b, recordMagic[:])
		if i < 0 {
			return false, nil
		}
		off += int64(i)
		f, raw, err := c.whole(off)
		if err != nil {
			return false, err
		}
		if raw == nil {
			off++
			continue
		}
		start := f.seq - uint64(f.place)
		if f.seq <= c.seq || (start != c.seq && (!c.started || start != c.batch)) {
			return true, nil
		}
		off += int64(len(raw))
	}
	return false, nil
}
