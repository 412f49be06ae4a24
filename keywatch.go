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

// keyReport logs when the reading of an issuer's keys, or asking it about its
// tokens, begins to fail, fails otherwise, or works again: once per change.
type keyReport struct {
	log  *slog.Logger
	last map[string]string // cause by issuer, "" when all is well
	asks map[string]string // the same of asking; nil until something fails
}

func (r *keyReport) see(all []authn.Health) {
	for _, h := range all {
		r.seeAsking(h)
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

func (r *keyReport) seeAsking(h authn.Health) {
	cause := h.AskingCause()
	if cause == r.asks[h.Issuer] {
		return
	}
	if r.asks == nil {
		r.asks = map[string]string{}
	}
	r.asks[h.Issuer] = cause
	if cause == "" {
		r.log.Info("an issuer answers about its tokens again", "issuer", h.Issuer)
		return
	}
	r.log.Warn("an issuer does not answer about its tokens; requests that need it are answered 503", "issuer", h.Issuer, "cause", cause)
}
