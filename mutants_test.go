package firebreak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// mutant is one enforcement point switched off: in each edit's file, the only
// occurrence of old becomes new, which asks mutant("name") whether it is this
// one's turn. All mutants are compiled into one test binary (mutant schemata,
// Untch 1993), by an overlay: the tree is not touched, and the product has no
// test switch.
type mutant struct {
	name   string
	breaks string // the sentence of the design that does not hold any more
	edits  []edit
	// as says for whom it shows soonest; without it, anyone's worlds are tried.
	as string
}

type edit struct{ file, old, new string }

// TestEachEnforcementPointIsNeeded proves the teeth of the two-worlds tests: with
// any one enforcement point switched off, it fails. Where net 2 would hide from
// answers what net 1 lets through, the mutant must show in a total, a page, an
// order or a status; the counter of differing nets is not looked at. Mutants
// that are named "both nets" switch off the second net at that place too.
func TestEachEnforcementPointIsNeeded(t *testing.T) {
	if testing.Short() || os.Getenv("FIREBREAK_MUTANT") != "" {
		t.Skip("mutants are left out of short runs, and of mutants")
	}
	binary := buildMutants(t)
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			begin := time.Now()
			out, caught := hunt(t, binary, m)
			if !caught {
				t.Fatalf("nothing noticed that %q does not hold any more\n%s", m.breaks, tail(out, 2000))
			}
			t.Logf("caught after %v: %s", time.Since(begin).Round(10*time.Millisecond), how(out))
		})
	}
	t.Run("none", func(t *testing.T) {
		if out, caught := hunt(t, binary, mutant{name: "none"}); caught {
			t.Errorf("the binary fails without a mutant in force:\n%s", tail(out, 4000))
		}
	})
}

// soonest are the worlds in which the mutants that take longest were last caught:
// tried first. When the generator has moved on all are tried, as for others.
var soonest = map[string]string{"second _has": "89-90", "_has, tested": "62-63", "history by content: what replaced it": "45-46", "second chain": "15-16",
	"condition on what may not be searched": "17-18"}

// hunt runs a two-worlds test in the binary with one mutant in force.
func hunt(t *testing.T, binary string, m mutant) (string, bool) {
	t.Helper()
	if worlds, ok := soonest[m.name]; ok {
		if out, caught := huntIn(t, binary, m, worlds); caught {
			return out, true
		}
	}
	if m.name == "none" {
		return huntIn(t, binary, m, "1-4")
	}
	return huntIn(t, binary, m, "1-121")
}

func huntIn(t *testing.T, binary string, m mutant, worlds string) (string, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, binary, "-test.run=^("+m.test()+")$/^sqlite$", "-test.count=1")
	// Mutants run beside each other already, so each is to take one processor.
	c.Env = append(os.Environ(), "GOMAXPROCS=1", "FIREBREAK_MUTANT="+m.name, "FIREBREAK_WORLDS="+worlds, "FIREBREAK_AS="+m.as)
	out, err := c.CombinedOutput()
	return string(out), err != nil && noticed(string(out)) != ""
}

// test is what has to notice a mutant; both have to be quiet without one.
func (m mutant) test() string {
	const records, signingIn = "TestHiddenRecordsMoveNothing", "TestSigningInTellsNothingOfHiddenRecords"
	switch {
	case m.name == "none":
		return records + "|" + signingIn
	case slices.ContainsFunc(launchMutants, func(l mutant) bool { return l.name == m.name }):
		return signingIn
	}
	return records
}

var ways = []struct{ sign, says string }{
	{"--- with hidden records", "the worlds' answers differ"},
	{"the oracle says", "an answer is not what the oracle says"},
	{"not the same in B", "a change did something else"},
	{"the oracle does not allow", "a change did what the oracle does not allow"},
	{": load ", "what is loaded is refused"},
	{"panic: ", "it panics"},
}

// noticed says by what a run failed. To run out of time, or to find that the
// generator has become idle, is no proof of teeth.
func noticed(out string) string {
	for _, w := range ways {
		if strings.Contains(out, w.sign) && !strings.Contains(out, "panic: test timed out") {
			return w.says
		}
	}
	return ""
}

var requestOf = regexp.MustCompile(`(world \d+, request \d+) as (\S+)[^\n]*\n\s*([^\n]*)`)

func how(out string) string {
	m := requestOf.FindStringSubmatch(out)
	if m == nil {
		return noticed(out)
	}
	return fmt.Sprintf("%s: %s as %s: %s", noticed(out), m[1], m[2], m[3])
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// switches is the file that each package with mutants gets.
const switches = `package %s

import "os"

var mutated = os.Getenv("FIREBREAK_MUTANT")

func mutant(name string) bool { return mutated == name }
`

// storeSwitches are a visibility that lets everything through.
const storeSwitches = `
var everything = &visibility{whole: []int64{-1}}
`

// buildMutants compiles the test binary with all mutants in it.
func buildMutants(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	text := map[string]string{}
	for _, m := range mutants {
		for _, e := range m.edits {
			if _, ok := text[e.file]; !ok {
				b, err := os.ReadFile(e.file)
				if err != nil {
					t.Fatal(err)
				}
				text[e.file] = string(b)
			}
			if n := strings.Count(text[e.file], e.old); n != 1 {
				t.Fatalf("mutant %q: its place occurs %d times in %s, not once; mend the mutant when the code has changed\n%s", m.name, n, e.file, e.old)
			}
			text[e.file] = strings.Replace(text[e.file], e.old, e.new, 1)
		}
	}
	put := func(file, content string) {
		at := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, file)] = at
	}
	packages := map[string]string{}
	for file, content := range text {
		put(file, content)
		packages[filepath.Dir(file)] = packageName.FindStringSubmatch(content)[1]
	}
	for at, name := range packages {
		content := fmt.Sprintf(switches, name)
		if name == "store" {
			content += storeSwitches
		}
		put(filepath.Join(at, "zz_mutant.go"), content)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	put("overlay.json", string(overlay))
	binary := filepath.Join(dir, "mutants.test")
	c := exec.Command("go", "test", "-c", "-vet=off", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, ".")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("the mutants do not compile: %v\n%s", err, out)
	}
	return binary
}

var packageName = regexp.MustCompile(`(?m)^package (\w+)`)
