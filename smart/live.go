package smart

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"firebreak/authn"
	"firebreak/vault"
)

// revocation says that what was issued up to a time is worth nothing. It is kept
// for as long as an access token may live, by the clock of whatever server issued it.
type revocation struct {
	At time.Time
	// Before, when it is set, makes worthless what was issued for rights, or a
	// registration, below it, and At does not count.
	Before int64 `json:",omitzero"`
}

var (
	revocations = vault.Of[revocation]("revoked")
	// revoked.tick changes with every revocation, on whatever server.
	ticks = vault.Of[struct{}]("revoked.tick")
)

const (
	theTick = "last"
	// revokedFor outlives every access token there is, also one that a server made
	// whose clock is ahead.
	revokedFor = maxAccessLife + vault.Apart
)

// What a revocation is about.
func aboutGrant(id string) string   { return "grant:" + id }
func aboutToken(jti string) string  { return "token:" + jti }
func aboutClient(id string) string  { return "client:" + id }
func aboutPerson(sub string) string { return "person:" + sub }
func ofClient(id string) string     { return "registration:" + id }
func ofPerson(sub string) string    { return "rights:" + sub }

// aboutKeys names the revocation of signing keys; Before is the generation of those
// that count.
const aboutKeys = "keys"

// revoke are the changes that make access tokens worthless, to be applied with
// what causes them.
func (s *Server) revoke(about ...string) []vault.Op {
	now := s.now()
	ops := []vault.Op{ticks.Set(theTick, struct{}{}, vault.Never)}
	for _, a := range about {
		ops = append(ops, revocations.Set(a, revocation{At: now}, now.Add(revokedFor)))
	}
	return ops
}

// revokeBefore makes worthless what was issued by what somebody was before.
func (s *Server) revokeBefore(of string, before int64) []vault.Op {
	now := s.now()
	return []vault.Op{ticks.Set(theTick, struct{}{}, vault.Never),
		revocations.Set(of, revocation{At: now, Before: before}, now.Add(revokedFor))}
}

// issuedBy are the rights and the registration that a token speaks of, by its id;
// 0, which is before everything, when the id does not say.
func issuedBy(jti string) (rights, registration int64) {
	rest, last, _ := cutLast(jti)
	_, middle, _ := cutLast(rest)
	rights, err1 := strconv.ParseInt(middle, 36, 64)
	registration, err2 := strconv.ParseInt(last, 36, 64)
	if err1 != nil || err2 != nil {
		return 0, 0
	}
	return rights, registration
}

func cutLast(s string) (before, after string, found bool) {
	at := strings.LastIndexByte(s, '.')
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+1:], true
}

// revoked is what is known of revocations: all that still matter, for they end
// with the tokens they are about.
type revoked struct {
	mu   sync.RWMutex
	tick int64  // the tick's revision, where others may revoke too
	seen uint64 // the vault's generation of them
	full bool   // it was read
	by   map[string]revocation

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
		if r, ok := by[about]; ok && !t.IssuedAt.After(r.At) {
			return false, nil
		}
	}
	if r, ok := by[aboutKeys]; ok {
		if ok, err := s.keys.counts(ctx, t.KeyID, r.Before); err != nil || !ok {
			return false, err
		}
	}
	rights, registration := issuedBy(t.JTI)
	return rights >= by[ofPerson(t.Subject)].Before && registration >= by[ofClient(t.ClientID)].Before, nil
}

func (s *Server) revokedNow(ctx context.Context) (map[string]revocation, error) {
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
	by = make(map[string]revocation, len(all))
	for _, e := range all {
		by[e.Name] = e.Value
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
