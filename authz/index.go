package authz

import (
	"sync"

	"firebreak/fhir"
)

// index finds the policies that can matter for an action and a type, whoever
// asks, so that the others cost a request nothing. It is filled as it is asked;
// its size is bounded by the number of FHIR's types.
type index struct {
	all  []compiled
	mu   *sync.RWMutex
	some map[indexKey][]compiled
}

type indexKey struct {
	action fhir.Action
	typ    string
}

func newIndex(set *PolicySet) index {
	return index{all: set.net1, mu: new(sync.RWMutex), some: map[indexKey][]compiled{}}
}

// policies are those whose condition the action and type leave open, with that
// much of it answered. The type must be one of FHIR's.
func (x *index) policies(action fhir.Action, typ string) []compiled {
	key := indexKey{action, typ}
	x.mu.RLock()
	out, ok := x.some[key]
	x.mu.RUnlock()
	if ok {
		return out
	}
	r := &request{action: action, typ: typ}
	for _, c := range x.all {
		if c.when = c.when.simplify(r); !c.when.isConst(false) {
			out = append(out, c)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.some[key] = out
	return out
}
