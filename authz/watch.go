package authz

import (
	"context"
	"time"
)

// Watch reloads on every tick until ctx ends or ticks is closed. It compares
// texts, not times of change, which lie when files are copied or restored. It
// reports each new epoch with a nil error and each fault once while it lasts;
// the policies in force stay in force meanwhile.
func (p *Policies) Watch(ctx context.Context, ticks <-chan time.Time, report func(epoch string, err error)) {
	last, fault := p.Epoch(), ""
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-ticks:
			if !open {
				return
			}
		}
		err := p.Reload()
		switch now := p.Epoch(); {
		case err != nil && err.Error() != fault:
			fault = err.Error()
			report(now, err)
		case err == nil && (now != last || fault != ""):
			last, fault = now, ""
			report(now, nil)
		}
	}
}
