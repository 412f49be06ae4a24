package person

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the published lists' own form; it protects nothing here
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// breachList is a file of passwords known to be out, searched where it lies: the
// public ones have tens of gigabytes. Its lines are sorted by bytes; each is a
// password, or the SHA-1 of one in hex, as Have I Been Pwned gives them, with
// anything after a colon.
type breachList struct {
	file *os.File
	size int64
	sha1 bool
}

const (
	longestLine = 1 << 10
	sha1Hex     = 2 * sha1.Size
)

// openBreachList opens a file and looks at some of its lines, whether they are
// sorted and of one form: a list in another order would find nothing and say so
// of everything.
func openBreachList(path string) (*breachList, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("breach list: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, fmt.Errorf("breach list %s: is no regular file, or empty", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("breach list: %w", err)
	}
	b := &breachList{file: f, size: info.Size()}
	if err := b.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("breach list %s: %w", path, err), f.Close())
	}
	return b, nil
}

func (b *breachList) check() error {
	const samples = 1000
	var last []byte
	for i := range int64(samples) {
		_, line, err := b.lineFrom(b.size * i / samples)
		if err != nil {
			return err
		}
		if line == nil {
			break
		}
		hash := isSHA1(line)
		if i == 0 {
			b.sha1 = hash
		}
		if hash != b.sha1 {
			return errors.New("has hashes and other lines")
		}
		if line = b.key(line); bytes.Compare(last, line) > 0 {
			return errors.New("is not sorted by bytes (LC_ALL=C sort)")
		}
		last = line
	}
	return nil
}

func isSHA1(line []byte) bool {
	if len(line) < sha1Hex || len(line) > sha1Hex && line[sha1Hex] != ':' {
		return false
	}
	_, err := hex.DecodeString(string(line[:sha1Hex]))
	return err == nil
}

// key is the part of a line that is compared. Hashes are in either case.
func (b *breachList) key(line []byte) []byte {
	if b.sha1 && len(line) >= sha1Hex {
		return bytes.ToUpper(line[:sha1Hex])
	}
	return line
}

// has reports whether a password is in the list. No list has none.
func (b *breachList) has(password string) (bool, error) {
	if b == nil {
		return false, nil
	}
	want := []byte(password)
	if b.sha1 {
		sum := sha1.Sum(want)
		want = []byte(strings.ToUpper(hex.EncodeToString(sum[:])))
	}
	// The first line at or after low is not above want's place; that at or after
	// high is.
	low, high := int64(0), b.size
	for low < high {
		mid := low + (high-low)/2
		next, line, err := b.lineFrom(mid)
		if err != nil {
			return false, fmt.Errorf("breach list: %w", err)
		}
		switch c := bytes.Compare(b.key(line), want); {
		case line == nil || c > 0:
			high = mid
		case c == 0:
			return true, nil
		default:
			low = max(next, mid+1)
		}
	}
	_, line, err := b.lineFrom(low)
	return line != nil && bytes.Equal(b.key(line), want), err
}

// lineFrom is the first line that begins at or after an offset, and where the
// one after it begins; nil at the end.
func (b *breachList) lineFrom(at int64) (next int64, line []byte, err error) {
	from := max(at-1, 0) // to see whether a line begins right at it
	buf := make([]byte, 2*longestLine)
	n, err := b.file.ReadAt(buf, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, nil, err
	}
	buf = buf[:n]
	start := 0
	if at > 0 {
		if start = bytes.IndexByte(buf, '\n') + 1; start == 0 {
			if from+int64(n) < b.size {
				return 0, nil, errors.New("has a line of more than 1024 bytes")
			}
			return b.size, nil, nil
		}
	}
	rest := buf[start:]
	if len(rest) == 0 {
		return b.size, nil, nil
	}
	end := bytes.IndexByte(rest, '\n')
	next = from + int64(start+end+1)
	if end < 0 {
		if from+int64(n) < b.size {
			return 0, nil, errors.New("has a line of more than 1024 bytes")
		}
		end, next = len(rest), b.size
	}
	return next, bytes.TrimSuffix(rest[:end], []byte("\r")), nil
}

func (b *breachList) close() error {
	if b == nil {
		return nil
	}
	return b.file.Close()
}
