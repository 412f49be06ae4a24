package audit

import (
	"fmt"
	"strings"
)

// Reason is the kind of a Damage.
type Reason string

// What can be wrong with a journal. All but TornTail were done by something
// other than this package and a crash.
const (
	// TornTail: the last batch was not written whole. A crash leaves that, and
	// nothing in it was acknowledged. A change made later to the last batch of a
	// journal looks the same; after Close that is the closing record alone.
	TornTail Reason = "torn tail"
	// Altered: bytes that are not as they were written.
	Altered Reason = "altered"
	// OutOfOrder: a whole record in the wrong place: others were removed before
	// it, or it was repeated, moved or inserted.
	OutOfOrder Reason = "out of order"
	// Unchained: a whole link with the right number that continues another chain.
	Unchained Reason = "not in this chain"
	// Missing: a segment, or the records at the end of one, are gone.
	Missing Reason = "missing"
	// Resized: a segment has not the size it was made with.
	Resized Reason = "resized"
	// Renamed: a segment that bears another's name.
	Renamed Reason = "renamed"
	// Trailing: bytes in space that was never written.
	Trailing Reason = "bytes after the end"
	// Stray: a file that is not part of the journal.
	Stray Reason = "stray file"
)

// Damage names one place where a journal is not as it was written. Its text
// holds no payload.
type Damage struct {
	Reason  Reason
	Segment string // file name
	Offset  int64  // byte in that file
	Seq     uint64 // of the first record that cannot be vouched for
	Detail  string
}

func (d *Damage) Error() string {
	s := fmt.Sprintf("journal: %s: %s at byte %d, record %d", d.Reason, d.Segment, d.Offset, d.Seq)
	if d.Detail != "" {
		s += ": " + d.Detail
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// Repair is the trace of a torn tail that Open set aside: the bytes stay where
// they are, their hash stands in the header of the next segment.
type Repair struct {
	Segment string
	Offset  int64
	Length  int64
	SHA256  Hash
}
