package client

import (
	"context"
	"strings"
	"time"
)

// originOf is the origin of an address as a browser writes it in Origin (RFC 6454
// §6.2), or "" when none of its pages could call: it must be https, or http on
// this machine.
func originOf(raw string) string {
	u, err := parseURI(raw)
	if err != nil || checkWeb(u) != nil {
		return ""
	}
	usual := ":443"
	if u.Scheme == "http" {
		usual = ":80"
	}
	return u.Scheme + "://" + strings.TrimSuffix(u.Host, usual)
}

// WebOrigins are the origins whose pages may call for the client: those named,
// and those of its https redirect URIs.
func (c Client) WebOrigins() []string {
	out := append([]string(nil), c.Origins...)
	for _, uri := range c.RedirectURIs {
		if o := originOf(uri); strings.HasPrefix(o, "https://") {
			out = append(out, o)
		}
	}
	return out
}

// originsAge is how long origins are believed where other servers may change
// them. That a page may call is no right of its own, only the browser's leave.
const originsAge = 3 * time.Second

// Origins is the question for CORS: may pages of this origin, as the browser
// writes it, call? It costs a look into a map; the clients are read again after
// a change here, and every few seconds where others may have made one. While
// they cannot be read nobody may.
func (r *Registry) Origins() func(ctx context.Context, origin string) bool {
	return func(ctx context.Context, origin string) bool {
		all, err := r.all(ctx, originsAge)
		if err != nil {
			return false
		}
		until, ok := all.origins[origin]
		return ok && !ended(until, r.clock.Now())
	}
}

// addOrigins notes the origins of a client, each with the end of the client that
// lasts longest.
func addOrigins(to map[string]time.Time, c Client) {
	if c.Disabled {
		return
	}
	for _, origin := range c.WebOrigins() {
		was, there := to[origin]
		if !there || !was.IsZero() && (c.Until.IsZero() || c.Until.After(was)) {
			to[origin] = c.Until
		}
	}
}
