package smart

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"firebreak/authn"
	"firebreak/vault"
)

// revocation says that what was issued up to a time is worth nothing. It is kept
// for as long as an access token may live.
type revocation struct{ At time.Time }

var (
	revocations = vault.Of[revocation]("revoked")
	// revoked.tick changes with every revocation, on whatever server.
	ticks = vault.Of[struct{}]("revoked.tick")
)

const theTick = "last"

// What a revocation is about.
func aboutGrant(id string) string   { return "grant:" + id }
func aboutToken(jti string) string  { return "token:" + jti }
func aboutClient(id string) string  { return "client:" + id }
func aboutPerson(sub string) string { return "person:" + sub }

// revoke are the changes that make access tokens worthless, to be applied with
// what causes them.
func (s *Server) revoke(about ...string) []vault.Op {
	now := s.now()
	ops := []vault.Op{ticks.Set(theTick, struct{}{}, vault.Never)}
	for _, a := range about {
		ops = append(ops, revocations.Set(a, revocation{now}, now.Add(maxAccessLife+2*minute)))
	}
	return ops
}

// revoked is what is known of revocations: all that still matter, for they end
// with the tokens they are about.
type revoked struct {
	mu   sync.RWMutex
	tick int64  // the tick's revision, where others may revoke too
	seen uint64 // the vault's generation of them
	full bool   // it was read
	by   map[string]time.Time

	latest latest
}

// Live reports whether an access token of this server still counts. It is asked
// about every request, so that a revocation has effect on the next one, on every
// server: where others share the database, it asks the database whether there
// was one. An error means that this cannot be told.
func (s *Server) Live(ctx context.Context, t *authn.Token) (bool, error) {
	by, err := s.revokedNow(ctx)
	if err != nil {
		return false, err
	}
	if len(by) == 0 {
		return true, nil
	}
	// For good, whatever a server's clock said when it issued the token.
	for _, about := range [...]string{aboutGrant(t.Grant), aboutToken(t.JTI)} {
		if _, ok := by[about]; ok {
			return false, nil
		}
	}
	for _, about := range [...]string{aboutClient(t.ClientID), aboutPerson(t.Subject)} {
		// iat has whole seconds: what was issued in the second of the revocation
		// is taken for older.
		if at, ok := by[about]; ok && !t.IssuedAt.After(at) {
			return false, nil
		}
	}
	return true, nil
}

func (s *Server) revokedNow(ctx context.Context) (map[string]time.Time, error) {
	r := &s.revoked
	var tick int64
	if s.vault.Shared() {
		var err error
		if tick, err = s.revoked.latest.get(ctx); err != nil {
			return nil, fmt.Errorf("revocations: %w", err)
		}
	}
	seen := s.vault.Generation(revocations.Name())
	r.mu.RLock()
	by, good := r.by, r.full && r.tick == tick && r.seen == seen
	r.mu.RUnlock()
	if good {
		return by, nil
	}
	all, err := revocations.All(ctx, s.vault, "")
	if err != nil {
		return nil, fmt.Errorf("revocations: %w", err)
	}
	by = make(map[string]time.Time, len(all))
	for _, e := range all {
		by[e.Name] = e.Value.At
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	// What was read may be newer than the tick, never older: at worst it is read
	// once more.
	r.by, r.tick, r.seen, r.full = by, tick, seen, true
	return by, nil
}

// tick asks the database for the tick; 0 when there was no revocation yet.
func (s *Server) tick(ctx context.Context) (int64, error) {
	e, err := ticks.Load(ctx, s.vault, theTick)
	if errors.Is(err, vault.ErrAbsent) {
		return 0, nil
	}
	return e.Rev, err
}
