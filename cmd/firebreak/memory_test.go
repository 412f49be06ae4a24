package main

import (
	"runtime/debug"
	"testing"
)

// TestTheHeapIsCollectedMoreOftenWhenItIsLarge: four times what is live is a
// good bargain for a small heap only.
func TestTheHeapIsCollectedMoreOftenWhenItIsLarge(t *testing.T) {
	was, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	t.Cleanup(func() {
		debug.SetGCPercent(was)
		debug.SetMemoryLimit(limit)
	})
	for _, c := range []struct {
		set  string
		want int64
	}{{"", 1 << 30}, {"2GiB", limit}} { // the runtime has read the variable by itself
		debug.SetMemoryLimit(limit)
		t.Setenv("GOMEMLIMIT", c.set)
		collectLess()
		if got := debug.SetMemoryLimit(-1); got != c.want {
			t.Errorf("with GOMEMLIMIT=%q the limit is %d, want %d", c.set, got, c.want)
		}
	}
}
