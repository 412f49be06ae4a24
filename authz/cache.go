package authz

import (
	"hash/maphash"
	"sync"
)

// shards keeps concurrent requests from waiting for one lock.
const shards = 16

// cache is a bounded map for what is cheap to make again. It keeps two
// generations per shard: when the young one is full it becomes the old one, and
// what is asked for again moves back, so the least recently used are lost.
type cache[V any] struct {
	seed  maphash.Seed
	limit int // per shard and generation
	shard [shards]struct {
		mu         sync.Mutex
		young, old map[string]V
	}
}

func newCache[V any](entries int) *cache[V] {
	return &cache[V]{seed: maphash.MakeSeed(), limit: max(1, entries/(2*shards))}
}

func (c *cache[V]) load(key []byte) (V, bool) {
	s := &c.shard[maphash.Bytes(c.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.young[string(key)]; ok {
		return v, true
	}
	v, ok := s.old[string(key)]
	if ok {
		delete(s.old, string(key))
		c.put(&s.young, &s.old, string(key), v)
	}
	return v, ok
}

func (c *cache[V]) store(key []byte, v V) {
	s := &c.shard[maphash.Bytes(c.seed, key)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	c.put(&s.young, &s.old, string(key), v)
}

func (c *cache[V]) put(young, old *map[string]V, key string, v V) {
	if len(*young) >= c.limit {
		*old, *young = *young, nil
	}
	if *young == nil {
		*young = make(map[string]V)
	}
	(*young)[key] = v
}

// appendPart adds one part of a key with its length, so that no two lists of
// parts make one key.
func appendPart(key []byte, part string) []byte {
	n := len(part)
	for n >= 0x80 {
		key = append(key, byte(n)|0x80)
		n >>= 7
	}
	return append(append(key, byte(n)), part...)
}
