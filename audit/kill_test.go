package audit

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// childDir is set in the process that is to be killed.
const childDir = "FIREBREAK_AUDIT_CHILD"

// TestKilledWriterLosesNothingAcknowledged runs a writer in a process of its own
// and kills it after a random number of acknowledgements, again and again.
func TestKilledWriterLosesNothingAcknowledged(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		appendUntilKilled(t, dir)
		return
	}
	dir := filepath.Join(t.TempDir(), "journal")
	random := rand.New(rand.NewPCG(1, 2))
	acknowledged := make(map[string]bool)
	for round := range killRounds {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriterLosesNothingAcknowledged$")
		cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("ROUND=%d", round))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, last := bufio.NewScanner(out), random.IntN(1500)
		for n := 0; lines.Scan(); n++ {
			if !strings.HasPrefix(lines.Text(), "acknowledged ") {
				t.Fatalf("the writer said %q", lines.Text())
			}
			acknowledged[strings.TrimPrefix(lines.Text(), "acknowledged ")] = true
			if n == last { // what it still says before it dies counts as well
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the writer was not killed")
		}
		mustClose(t, mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 64 << 10}))
		there := make(map[string]bool)
		for _, p := range payloads(t, dir) {
			there[strings.Fields(p)[0]] = true
		}
		for id := range acknowledged {
			if !there[id] {
				t.Fatalf("round %d: %s was acknowledged and is lost", round, id)
			}
		}
		if r := mustVerify(t, dir); len(r.Damage) > 0 {
			t.Fatalf("round %d: %v", round, r.Damage)
		}
	}
	t.Logf("%d kills, %d records acknowledged", killRounds, len(acknowledged))
}

func appendUntilKilled(t *testing.T, dir string) {
	l := mustOpen(t, dir, Options{Clock: ticking(), SegmentSize: 64 << 10})
	var mu sync.Mutex
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s/%d/%d", os.Getenv("ROUND"), g, i)
				if _, err := l.Append(context.Background(), fmt.Appendf(nil, "%s %0*d", id, i%900, 0)); err != nil {
					panic(err)
				}
				mu.Lock()
				os.Stdout.WriteString("acknowledged " + id + "\n") // one write: not torn by the kill
				mu.Unlock()
			}
		})
	}
	group.Wait()
}
