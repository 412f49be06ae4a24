package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// window reads a file through one buffer, a stretch at a time.
type window struct {
	f     io.ReaderAt
	size  int64
	buf   []byte
	start int64 // where in the file buf begins
	fill  int
}

// windowSize holds two records of the largest size, so that a record is always
// contiguous.
const windowSize = 2 * maxBatch

// drop forgets what was read, so that a file being written is read afresh.
func (w *window) drop() { w.fill = 0 }

// at is the n bytes from off on, which must lie within the file and fit the
// window. They are valid until the next call.
func (w *window) at(off int64, n int) ([]byte, error) {
	if off < w.start || off+int64(n) > w.start+int64(w.fill) {
		if w.buf == nil {
			w.buf = make([]byte, min(windowSize, w.size))
		}
		want := min(int64(len(w.buf)), w.size-off)
		got, err := w.f.ReadAt(w.buf[:want], off)
		w.start, w.fill = off, got
		if got < n {
			if err == nil {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("read segment at %d: %w", off, err)
		}
	}
	i := int(off - w.start)
	return w.buf[i : i+n], nil
}

// written is the end of the last byte from off on that is not zero, or off.
func (w *window) written(off int64) (end int64, err error) {
	end = off
	for pos := off; pos < w.size; {
		n := int(min(w.size-pos, windowSize/2))
		b, err := w.at(pos, n)
		if err != nil {
			return 0, err
		}
		if used := usedOf(b); used > 0 {
			end = pos + int64(used)
		}
		pos += int64(n)
	}
	return end, nil
}

// usedOf is the length of b without the zeros at its end.
func usedOf(b []byte) int {
	const step = 4 << 10 // compared as a whole: most of a segment's end is zero
	var zeros [step]byte
	for len(b) >= step && bytes.Equal(b[len(b)-step:], zeros[:]) {
		b = b[:len(b)-step]
	}
	return len(bytes.TrimRight(b, "\x00"))
}

// opened is a segment open for reading.
type opened struct {
	window
	file   *os.File
	number uint64
	name   string
	state  state
	header segmentHeader
	link   Hash // the header's hash
}

// state is what the start of a segment file looks like.
type state uint8

const (
	absent state = iota
	blank        // every byte is zero: prepared ahead
	broken       // neither blank nor with a whole header
	begun        // has a whole header
)

// openSegment opens a segment for reading. One that does not exist is absent,
// not an error; anything but a regular file is an error.
func openSegment(dir string, number uint64) (*opened, error) {
	s := &opened{number: number, name: segmentName(number)}
	path := filepath.Join(dir, s.name)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &Damage{Reason: Stray, Segment: s.name, Detail: "not a regular file"}
	}
	if s.file, err = os.Open(path); err != nil {
		return nil, err
	}
	if info, err = s.file.Stat(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.window = window{f: s.file, size: info.Size()}
	if err := s.look(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *opened) look() error {
	b, err := s.at(0, int(min(headerSize, s.size)))
	if err != nil {
		return err
	}
	s.state = broken
	if len(bytes.Trim(b, "\x00")) == 0 {
		s.state = blank
	} else if len(b) == headerSize {
		if h, ok := parseHeader(b); ok {
			s.state, s.header, s.link = begun, h, headerHash(b)
		}
	}
	return nil
}

func (s *opened) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// listing is what a journal's directory holds.
type listing struct {
	highest uint64 // number of the last segment, 0 when there is none
	count   uint64 // segments
	strays  []Damage
}

func list(dir string) (listing, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return listing{}, err
	}
	var l listing
	for _, e := range entries {
		n, ok := segmentNumber(e.Name())
		if !ok || !e.Type().IsRegular() {
			l.strays = append(l.strays, Damage{Reason: Stray, Segment: e.Name(), Detail: "not a segment of the journal"})
			continue
		}
		l.highest, l.count = max(l.highest, n), l.count+1
	}
	return l, nil
}
