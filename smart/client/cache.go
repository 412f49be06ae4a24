package client

import (
	"context"
	"sync"
	"time"

	"firebreak/authn"
	"firebreak/vault"
)

// known is one client with what was made of it. It does not change.
type known struct {
	record
	rev  int64
	keys func() (*authn.AssertionKeys, error) // those registered with it, read once
}

func newKnown(e vault.Entry[record]) *known {
	src := e.Value.Client.Keys
	return &known{record: e.Value, rev: e.Rev, keys: sync.OnceValues(func() (*authn.AssertionKeys, error) {
		return authn.ParseAssertionKeys([]byte(src))
	})}
}

// snapshot is all clients at a time.
type snapshot struct {
	of      uint64 // the vault's generation
	read    time.Time
	byID    map[string]*known
	origins map[string]time.Time
}

// cache holds clients so that a token request need not read them. Where the vault
// is this process's own, all of them are held and found in the same way, so that
// time does not tell those that exist from those that don't. Where it is shared,
// each request reads its client, and only what was made of it is held.
type cache struct {
	mu   sync.Mutex
	held *snapshot
	err  error // why the latest reading did not come about
	at   time.Time
	made map[string]*known
}

// readTime and readAgain bound what an unavailable store costs.
const (
	readTime  = 5 * time.Second
	readAgain = time.Second
	maxMade   = 4096
)

// find is a client as it counts now; vault.ErrAbsent when there is none.
func (r *Registry) find(ctx context.Context, id string) (*known, error) {
	if !ValidID(id) { // nor need a database be able to hold it
		return nil, vault.ErrAbsent
	}
	if !r.vault.Shared() {
		all, err := r.all(ctx, 0)
		if err != nil {
			return nil, err
		}
		if k := all.byID[id]; k != nil {
			return k, nil
		}
		return nil, vault.ErrAbsent
	}
	e, err := clients.Load(ctx, r.vault, id)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.made[id]; k != nil && k.rev == e.Rev {
		return k, nil
	}
	if r.made == nil || len(r.made) >= maxMade {
		r.made = map[string]*known{}
	}
	k := newKnown(e)
	r.made[id] = k
	return k, nil
}

// all is every client, read at most maxAge ago where the vault is shared.
func (r *Registry) all(ctx context.Context, maxAge time.Duration) (*snapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, of := r.clock.Now(), r.vault.Generation(clients.Name())
	if s := r.held; s != nil && s.of == of {
		age := now.Sub(s.read)
		if !r.vault.Shared() || age >= 0 && age < maxAge {
			return s, nil
		}
	}
	if since := now.Sub(r.at); r.err != nil && since >= 0 && since < readAgain {
		return nil, r.err
	}
	// Apart from the request that asks: one that hangs up must not be able to
	// keep the others from being answered.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
	defer cancel()
	entries, err := clients.All(ctx, r.vault, "")
	if r.err, r.at = err, now; err != nil {
		return nil, err
	}
	r.held = r.held.next(of, now, entries)
	return r.held, nil
}

// next is a newer snapshot, with what was made of clients that are as they were.
func (s *snapshot) next(of uint64, now time.Time, entries []vault.Entry[record]) *snapshot {
	out := &snapshot{of: of, read: now, byID: make(map[string]*known, len(entries)), origins: map[string]time.Time{}}
	for _, e := range entries {
		var k *known
		if s != nil {
			k = s.byID[e.Name]
		}
		if k == nil || k.rev != e.Rev {
			k = newKnown(e)
		}
		out.byID[e.Name] = k
		addOrigins(out.origins, e.Value.Client)
	}
	return out
}

// Rate is the requests a second that a client is registered for; 0: it has no
// rate of its own, or nothing is known of it now.
func (r *Registry) Rate(ctx context.Context, id string) int {
	all, err := r.all(ctx, originsAge)
	if err != nil || all.byID[id] == nil {
		return 0
	}
	return all.byID[id].Client.Rate
}
