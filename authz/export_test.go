package authz

// Loaded is the set in force.
func (p *Policies) Loaded() *PolicySet { return p.live.Load().set }

// entries is how many values are held.
func (c *cache[V]) entries() int {
	n := 0
	for i := range c.shard {
		s := &c.shard[i]
		s.mu.Lock()
		n += len(s.young) + len(s.old)
		s.mu.Unlock()
	}
	return n
}
