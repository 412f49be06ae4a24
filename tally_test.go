package firebreak_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tally counts what the generator made, so that a green run says how much it means.
type tally struct {
	mu        sync.Mutex
	hidden    []float64
	who       map[string]int
	sequences int
	kinds     map[string]int
	status    map[string]map[int]int
	searches  int
	found     int
}

func newTally() *tally {
	return &tally{who: map[string]int{}, kinds: map[string]int{}, status: map[string]map[int]int{}}
}

// add takes in what was counted for one world.
func (y *tally) add(one *tally) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.hidden = append(y.hidden, one.hidden...)
	y.sequences, y.searches, y.found = y.sequences+one.sequences, y.searches+one.searches, y.found+one.found
	for k, n := range one.who {
		y.who[k] += n
	}
	for k, n := range one.kinds {
		y.kinds[k] += n
	}
	for k, by := range one.status {
		if y.status[k] == nil {
			y.status[k] = map[int]int{}
		}
		for s, n := range by {
			y.status[k][s] += n
		}
	}
}

func (y *tally) count(q request, a answer) {
	y.kinds[q.kind]++
	if y.status[q.kind] == nil {
		y.status[q.kind] = map[int]int{}
	}
	y.status[q.kind][a.status]++
	if strings.Contains(q.kind, "search") && a.status == 200 {
		y.searches++
		if strings.Contains(a.body, `"entry"`) || strings.Contains(a.body, `"total"`) && !strings.Contains(a.body, `"total":0`) {
			y.found++
		}
	}
}

// report logs the statistics and fails when the generator has become idle: too
// little hidden, or nothing found.
func (y *tally) report(t *testing.T) {
	slices.Sort(y.hidden)
	if len(y.hidden) == 0 || t.Failed() {
		return
	}
	at := func(q float64) int { return int(100 * y.hidden[int(q*float64(len(y.hidden)-1))]) }
	t.Logf("%d worlds, %d sequences; hidden share of versions: min %d %%, quarter %d %%, median %d %%, three quarters %d %%, max %d %%",
		len(y.hidden), y.sequences, at(0), at(0.25), at(0.5), at(0.75), at(1))
	t.Logf("principals: %v", y.who)
	t.Logf("searches answered: %d, of which %d %% find something", y.searches, 100*y.found/max(y.searches, 1))
	for _, k := range slices.Sorted(maps.Keys(y.kinds)) {
		line := fmt.Sprintf("%-20s %6d ", k, y.kinds[k])
		for _, s := range slices.Sorted(maps.Keys(y.status[k])) {
			line += fmt.Sprintf(" %d:%d%%", s, 100*y.status[k][s]/y.kinds[k])
		}
		t.Log(line)
	}
	if os.Getenv("FIREBREAK_AS") != "" {
		return // the principal was not drawn
	}
	y.enough(t)
	if len(y.hidden) >= 20 && (at(0.05) < 20 || at(0.95) > 80) {
		t.Errorf("the hidden share leaves 20 to 80 %% in more than a tenth of the worlds")
	}
	if y.searches > 500 && 100*y.found < 40*y.searches {
		t.Errorf("only %d of %d searches find something: the test says little", y.found, y.searches)
	}
}

// seldom is in how many sequences each kind of request is to succeed once, on
// average, and each kind of thing that others do is to happen.
const seldom = 250

var needed = []string{"$everything", "HEAD of a search", "batch", "compartment", "conditional create", "conditional delete", "conditional patch", "conditional update",
	"create", "delete", "history", "kept page", "listing", "next page", "patch", "read", "repeated", "search", "search by POST", "system search", "transaction", "update", "vread"}

var happening = []string{"(care relation begun)", "(care team asserted)", "(changed by others)", "(hidden by others)", "(hidden change)", "(shown by others)"}

// enough fails when a kind of request, or of event, has become rare.
func (y *tally) enough(t *testing.T) {
	if y.sequences < 4000 {
		return
	}
	often := y.sequences / seldom
	for _, k := range needed {
		n := 0
		for s, count := range y.status[k] {
			if s < 300 {
				n += count
			}
		}
		if n < often {
			t.Errorf("%s: answered with success %d times in %d sequences, want %d", k, n, y.sequences, often)
		}
	}
	for _, k := range happening {
		if y.kinds[k] < often {
			t.Errorf("%s: %d times in %d sequences, want %d", k, y.kinds[k], y.sequences, often)
		}
	}
}
