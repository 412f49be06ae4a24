package authz

import (
	"context"
	"errors"
	"os"
	"time"
)

// Watch looks at the policies on every tick, and at once on a value of now, such
// as a SIGHUP, until ctx ends or ticks is closed. It compares texts, not times of
// change, which lie when files are copied or restored. It reports each new epoch
// with a nil error and each fault once while it lasts; the policies in force stay
// in force meanwhile.
//
// A tick may fall between two files of a copy, and find permits without their
// forbids. So ticks take changed texts, or find fault with them, only when two in
// a row have read the same. Whoever sends a value says that the folder is complete.
func (p *Policies) Watch(ctx context.Context, ticks <-chan time.Time, now <-chan os.Signal, report func(epoch string, err error)) {
	last, fault, found := p.Epoch(), "", ""
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case _, open := <-ticks:
			if !open {
				return
			}
			found, err = p.reloadSettled(found)
		case <-now:
			found, err = "", p.Reload()
		}
		switch now := p.Epoch(); {
		case errors.Is(err, errUnsettled):
		case err != nil && err.Error() != fault:
			fault = err.Error()
			report(now, err)
		case err == nil && (now != last || fault != ""):
			last, fault = now, ""
			report(now, nil)
		}
	}
}

var errUnsettled = errors.New("the policies have changed since the last look")

// reloadSettled is Reload, but only for texts in force or of the epoch that the
// look before has found. It says what it has found itself.
func (p *Policies) reloadSettled(before string) (found string, err error) {
	files, err := p.read()
	if err != nil {
		return "", err
	}
	found = files.epoch()
	if found != before && found != p.Epoch() {
		return found, errUnsettled
	}
	return found, p.take(files)
}
