package audit

import "os"

// atTail judges the end of the last segment. over is true when the walk has
// arrived; when it is false and there is no damage, the writer is at work and
// the rest is to be read again.
func (w *walk) atTail(c *cursor, next *opened, d *Damage, patient bool) (over bool, _ *Damage, _ error) {
	w.torn = 0
	end, err := c.written(c.off)
	if err != nil {
		return false, nil, err
	}
	if end != c.off {
		if !patient {
			return false, nil, nil
		}
		if d, err = c.torn(end, d); err != nil || d.Reason != TornTail {
			return true, d, err
		}
		w.torn = end - c.off
		if w.tornHash, err = sumOf(c.file, c.off, w.torn); err != nil {
			return false, nil, err
		}
	} else {
		d = nil
	}
	after, on, err := w.after(next)
	if err != nil || on {
		return false, nil, err
	}
	if after != nil && (d == nil || after.Reason != TornTail) {
		d = after
	}
	return true, d, nil
}

// after holds what lies after the last segment against what may: nothing, or
// one blank segment whose header at most is torn. on is true when a writer has
// meanwhile made or begun that segment.
func (w *walk) after(next *opened) (_ *Damage, on bool, _ error) {
	there, err := list(w.dir)
	if err != nil {
		return nil, false, err
	}
	var end int64
	if next.state != absent {
		if end, err = next.written(0); err != nil {
			return nil, false, err
		}
	}
	// Looked at last: what was seen before is judged only if the writer has not
	// come this far.
	again, err := openSegment(w.dir, next.number)
	if err != nil {
		d, err := asDamage(err)
		return d, false, err
	}
	state, size := again.state, again.size
	if err := again.Close(); err != nil || state != next.state {
		return nil, true, err
	}
	w.ahead = size
	return w.judgeAfter(next, there.highest, end), false, nil
}

func (w *walk) judgeAfter(next *opened, highest uint64, end int64) *Damage {
	at := func(r Reason, off int64, detail string) *Damage {
		return &Damage{Reason: r, Segment: next.name, Offset: off, Seq: w.seq, Detail: detail}
	}
	switch {
	case next.state == absent && highest > w.number:
		return at(Missing, 0, "later segments exist")
	case next.state == absent:
		return nil
	case highest > next.number:
		return at(Altered, 0, "no whole header, later segments exist")
	case end == 0:
		return nil
	case end <= headerSize:
		w.cut = true
		return at(TornTail, 0, "header")
	case next.state == broken:
		return at(Altered, 0, "no whole header")
	default:
		return at(Trailing, end-1, "in a segment that was not begun")
	}
}

// durable makes durable what a walk has read of the last segment: a reader need
// not trust that the writer's flush came before its look.
func durable(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
