package firebreak

import (
	"context"
	"log/slog"
	"time"

	"firebreak/authn"
)

// keysWatched is how often the state of the issuers' keys is looked at. It asks
// no issuer: key files are looked at, of URLs it is seen how the latest request
// went.
const keysWatched = 2 * time.Second

func (i *Instance) watchKeys(ctx context.Context) {
	every := time.NewTicker(keysWatched)
	defer every.Stop()
	r := keyReport{log: i.log, last: map[string]string{}}
	for {
		r.see(i.verifier.Health())
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
	}
}

// keyReport logs when the reading of an issuer's keys begins to fail, fails
// otherwise, or works again: once per change.
type keyReport struct {
	log  *slog.Logger
	last map[string]string // cause by issuer, "" when all is well
}

func (r *keyReport) see(all []authn.Health) {
	for _, h := range all {
		cause := h.Cause()
		if cause == r.last[h.Issuer] {
			continue
		}
		r.last[h.Issuer] = cause
		if cause == "" {
			r.log.Info("an issuer's keys are read again", "issuer", h.Issuer, "keys", h.Keys)
			continue
		}
		r.log.Warn("an issuer's keys cannot be read; those held stay in use until max_key_age is over", "issuer", h.Issuer, "cause", cause, "keys", h.Keys)
	}
}
