package authn

import (
	"container/list"
	"sync"
	"time"
)

// shards are so many that callers on different processors rarely meet. Which
// shard a token falls into is chosen by SHA-256, so nobody can aim at one
// without trying that many tokens, which must all be good ones.
const shards = 16

// cache remembers verified tokens by the SHA-256 of their bytes and forgets
// those unused longest. It judges nothing: callers check times and keys.
type cache struct {
	parts [shards]shard
}

type shard struct {
	mu    sync.Mutex
	room  int
	byKey map[[32]byte]*list.Element // of *held
	order *list.List                 // latest used first
}

// entry is a token that was verified by a key of that set, or described by its
// issuer.
type entry struct {
	token  Token
	issuer *trusted
	set    *keySet
	asked  time.Time // when its issuer was asked about it, zero if it was not
}

// stale reports whether the issuer must be asked anew.
func (e *entry) stale(now time.Time) bool {
	if e.asked.IsZero() {
		return false
	}
	since := now.Sub(e.asked)
	return since < 0 || since >= e.issuer.Introspection.Remember
}

type held struct {
	hash [32]byte
	entry
}

func newCache(size int) *cache {
	c := &cache{}
	for n := range c.parts {
		c.parts[n] = shard{room: (size + shards - 1) / shards, byKey: map[[32]byte]*list.Element{}, order: list.New()}
	}
	return c
}

func (c *cache) shard(hash [32]byte) *shard { return &c.parts[hash[0]%shards] }

// get returns an entry that must not be changed.
func (c *cache) get(hash [32]byte) (*entry, bool) {
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	el, ok := s.byKey[hash]
	if !ok {
		return nil, false
	}
	s.order.MoveToFront(el)
	return &el.Value.(*held).entry, true
}

func (c *cache) put(hash [32]byte, e entry) {
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if el, ok := s.byKey[hash]; ok {
		el.Value = &held{hash, e} // not in place: a reader may hold the old one
		s.order.MoveToFront(el)
		return
	}
	if len(s.byKey) >= s.room {
		last := s.order.Back()
		delete(s.byKey, s.order.Remove(last).(*held).hash)
	}
	s.byKey[hash] = s.order.PushFront(&held{hash, e})
}

func (c *cache) drop(hash [32]byte) {
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if el, ok := s.byKey[hash]; ok {
		s.order.Remove(el)
		delete(s.byKey, hash)
	}
}
