package audit

import (
	"errors"
	"fmt"
	"path/filepath"
)

// writer puts records at the end of a journal. One goroutine has it at a time.
// After an error it must not be used again.
type writer struct {
	dir         string
	disk        disk
	segmentSize int64

	file   file
	number uint64
	size   int64 // of the segment in use
	off    int64 // its first free byte
	seq    uint64
	prev   Hash
	ahead  chan prepared // the next segment, while it is prepared; or nil
}

type prepared struct {
	file file
	err  error
}

func (w *writer) path(number uint64) string {
	return filepath.Join(w.dir, segmentName(number))
}

// commit makes a queue's records durable, in as few writes as batches and
// segments allow; usually one.
func (w *writer) commit(q *queue) error {
	start, off, place := 0, 0, uint32(0)
	for _, p := range q.items {
		n := recordSize(q.buf[off:])
		end := off + n
		if off > start && (end-start > maxBatch || w.off+int64(end-start) > w.size) {
			if err := w.write(q.buf[start:off]); err != nil {
				return err
			}
			start, place = off, 0
		}
		if off == start && w.off+int64(n) > w.size {
			if err := w.rotate(recordTime(q.buf[off:]), 0, Hash{}); err != nil {
				return err
			}
		}
		p.receipt.Seq = w.seq
		p.receipt.Hash = seal(q.buf[off:end], w.seq, place, w.prev)
		w.prev = p.receipt.Hash
		w.seq, place, off = w.seq+1, place+1, end
	}
	return w.write(q.buf[start:])
}

// write puts one batch on the disk.
func (w *writer) write(batch []byte) error {
	if _, err := w.file.WriteAt(batch, w.off); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	if err := w.file.inPlace(w.size); err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	w.off += int64(len(batch))
	if w.off > w.size/2 && w.ahead == nil {
		w.prepare()
	}
	return nil
}

// prepare makes the next segment while this one is still in use. An error of it
// counts only if it is still there when the segment is needed.
func (w *writer) prepare() {
	ahead, path := make(chan prepared, 1), w.path(w.number+1)
	w.ahead = ahead
	go func() {
		f, err := w.disk.create(path, w.segmentSize)
		ahead <- prepared{f, err}
	}()
}

// adopt takes as the next segment the one a writer before had prepared.
func (w *writer) adopt() error {
	f, err := w.disk.open(w.path(w.number + 1))
	if err != nil {
		return err
	}
	w.ahead = make(chan prepared, 1)
	w.ahead <- prepared{file: f}
	return nil
}

// rotate begins the next segment, at a time in Unix microseconds. torn and sum
// say what of the one in use a crash left unusable.
func (w *writer) rotate(at, torn int64, sum Hash) error {
	next, err := w.nextFile()
	if err != nil {
		return fmt.Errorf("begin segment: %w", err)
	}
	b := segmentHeader{
		number: w.number + 1, size: w.segmentSize, first: w.seq, created: at,
		prevEnd: w.off, torn: torn, tornHash: sum, prev: w.prev,
	}.encode()
	if _, err := next.WriteAt(b, 0); err != nil {
		return errors.Join(fmt.Errorf("begin segment: %w", err), next.Close())
	}
	err = next.inPlace(w.segmentSize)
	if w.file != nil {
		err = errors.Join(err, w.file.Close())
	}
	w.file, w.number, w.size, w.off, w.prev = next, w.number+1, w.segmentSize, headerSize, headerHash(b)
	return err
}

func (w *writer) nextFile() (file, error) {
	if w.ahead != nil {
		p := <-w.ahead
		w.ahead = nil
		if p.err == nil {
			return p.file, nil
		}
	}
	return w.disk.create(w.path(w.number+1), w.segmentSize)
}

func (w *writer) close() error {
	var err error
	if w.file != nil {
		err = w.file.Close()
	}
	if w.ahead != nil {
		if p := <-w.ahead; p.err == nil {
			err = errors.Join(err, p.file.Close())
		}
	}
	return err
}
