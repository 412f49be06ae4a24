package authn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"firebreak/clock"
)

// fileCheckGap is how often a key file is looked at, at most.
const fileCheckGap = time.Second

// fileKeys are keys in a file, read again when the file was changed or
// replaced. While it is missing or broken the last good keys hold, up to maxAge.
type fileKeys struct {
	path   string
	maxAge time.Duration
	clock  clock.Clock
	seen   atomic.Pointer[fileState]

	mu   sync.Mutex  // held while looking
	info os.FileInfo // of the file that gave the keys
}

// fileState is what the latest look found.
type fileState struct {
	set  *keySet
	at   time.Time // of the look
	good time.Time // of the latest look without error
	err  error     // of this look
}

func openFileKeys(path string, maxAge time.Duration, clk clock.Clock) (*fileKeys, error) {
	f := &fileKeys{path: path, maxAge: maxAge, clock: clk}
	f.seen.Store(&fileState{})
	st := f.look(clk.Now())
	if st.err != nil {
		return nil, fmt.Errorf("read key file: %w", st.err)
	}
	if len(st.set.keys) == 0 {
		return nil, errors.New("read key file: no usable key in it")
	}
	return f, nil
}

func (f *fileKeys) current(context.Context) (*keySet, error) {
	now := f.clock.Now()
	st := f.seen.Load()
	if since := now.Sub(st.at); since < 0 || since >= fileCheckGap {
		st = f.look(now)
	}
	if st.set == nil || now.Sub(st.good) > f.maxAge {
		return nil, ErrKeysUnavailable
	}
	return st.set, nil
}

func (f *fileKeys) again(ctx context.Context) (*keySet, error) { return f.current(ctx) }

func (f *fileKeys) health() Health {
	st := f.look(f.clock.Now())
	h := Health{Read: st.good, Err: st.err}
	if st.set != nil {
		h.Keys = len(st.set.keys)
	}
	return h
}

// look looks at the file, unless another caller just did.
func (f *fileKeys) look(now time.Time) *fileState {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.seen.Load()
	if since := now.Sub(st.at); !st.at.IsZero() && since >= 0 && since < fileCheckGap {
		return st
	}
	next := &fileState{set: st.set, at: now, good: st.good}
	set, info, err := f.read()
	if err != nil {
		next.err = err
		f.seen.Store(next)
		return next
	}
	next.good, f.info = now, info
	if set != nil && (st.set == nil || set.print != st.set.print) {
		next.set = set
	}
	f.seen.Store(next)
	return next
}

// read returns a nil set when the file is the one read before, unchanged.
func (f *fileKeys) read() (*keySet, os.FileInfo, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, nil, err
	}
	if old := f.info; old != nil && os.SameFile(old, info) && old.Mode() == info.Mode() &&
		old.ModTime().Equal(info.ModTime()) && old.Size() == info.Size() {
		return nil, info, nil
	}
	// Opening a pipe would wait for a writer, and every caller with it.
	if !info.Mode().IsRegular() {
		return nil, nil, errNotRegular
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	// Of the file opened, and before it is read: should it change meanwhile, the
	// next look sees another time and reads again.
	if info, err = file.Stat(); err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errNotRegular
	}
	// Whoever can write the keys can sign in as anybody.
	if info.Mode().Perm()&0o022 != 0 {
		return nil, nil, keyFault("others than its owner may write to the file (chmod go-w)")
	}
	src, err := io.ReadAll(io.LimitReader(file, maxKeySetBytes+1))
	if err != nil {
		return nil, nil, err
	}
	if len(src) > maxKeySetBytes {
		return nil, nil, errTooLarge
	}
	set, err := parseKeySet(src)
	return set, info, err
}
