package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"firebreak/fhirjson"
)

// What is held of files at a time: four are read at once. A Bundle refers to
// itself and must be whole; NDJSON may have any length.
const (
	maxFile  = 256 << 20 // of a JSON file
	maxLine  = 64 << 20  // of a line of NDJSON
	maxLines = 4 << 20   // of lines that are brought in together
)

// mark is the byte order mark that some programs put before UTF-8.
const mark = "\xef\xbb\xbf"

// lines brings NDJSON in, a resource a line, some lines at a time.
func (x *importing) lines(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		x.fail(path, err.Error())
		return nil
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 64<<10)
	if begin, _ := r.Peek(len(mark)); string(begin) == mark {
		_, _ = r.Discard(len(mark)) // they are in the buffer
		x.bar.add(len(mark))
	}
	equal := map[[sha256.Size]byte]int{}
	for n := 0; err == nil; {
		var items []item
		held := 0
		for err == nil && held < maxLines {
			var text []byte
			var size int
			text, size, err = line(r)
			if size == 0 || err != nil && err != io.EOF { // part of a line is none
				break
			}
			n++
			held += size
			i, fault := itemOfLine(fmt.Sprintf("line %d", n), text, size)
			switch {
			case fault != nil:
				x.fail(path, fault.Error())
			case i.entry != nil:
				items = append(items, i)
			}
		}
		if err := x.items(ctx, path, items, equal); err != nil {
			return err
		}
		x.bar.add(held)
	}
	if err != io.EOF {
		x.fail(path, err.Error())
	}
	return nil
}

// line reads a line and says how long it is; text is nil when that is too long
// to be held.
func line(r *bufio.Reader) (text []byte, size int, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if size += len(part); size > maxLine {
			text = nil
		} else {
			text = append(text, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return text, size, err
		}
	}
}

// itemOfLine is the item that a line stands for, the zero item for a blank one.
func itemOfLine(place string, text []byte, size int) (item, error) {
	if size > maxLine {
		return item{}, fmt.Errorf("%s: it is longer than %d MiB", place, maxLine>>20)
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return item{}, nil
	}
	doc, err := fhirjson.Parse(text)
	if err != nil {
		return item{}, fmt.Errorf("%s: %w", place, err)
	}
	return itemOf(place, "", doc.Root())
}
