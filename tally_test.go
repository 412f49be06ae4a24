package firebreak_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// tally counts what the generator made, so that a green run says how much it means.
type tally struct {
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
func (y *tally) report(t *testing.T, worlds uint64) {
	slices.Sort(y.hidden)
	if len(y.hidden) == 0 || t.Failed() {
		return
	}
	at := func(q float64) int { return int(100 * y.hidden[int(q*float64(len(y.hidden)-1))]) }
	t.Logf("%d worlds, %d sequences; hidden share of versions: min %d %%, quarter %d %%, median %d %%, three quarters %d %%, max %d %%",
		worlds, y.sequences, at(0), at(0.25), at(0.5), at(0.75), at(1))
	t.Logf("principals: %v", y.who)
	t.Logf("searches answered: %d, of which %d %% find something", y.searches, 100*y.found/max(y.searches, 1))
	for _, k := range slices.Sorted(maps.Keys(y.kinds)) {
		line := fmt.Sprintf("%-20s %6d ", k, y.kinds[k])
		for _, s := range slices.Sorted(maps.Keys(y.status[k])) {
			line += fmt.Sprintf(" %d:%d%%", s, 100*y.status[k][s]/y.kinds[k])
		}
		t.Log(line)
	}
	if len(y.hidden) >= 20 && (at(0.05) < 20 || at(0.95) > 80) {
		t.Errorf("the hidden share leaves 20 to 80 %% in more than a tenth of the worlds")
	}
	if y.searches > 500 && 100*y.found < 40*y.searches {
		t.Errorf("only %d of %d searches find something: the test says little", y.found, y.searches)
	}
}
