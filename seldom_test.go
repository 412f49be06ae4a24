package firebreak_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"firebreak"
)

// Every answer is withheld while the journal cannot be written, but not every
// one has a line in the log.
func TestABrokenJournalIsLoggedOnceASecond(t *testing.T) {
	r := newRig(t)
	var b bytes.Buffer
	r = r.serverWith(func(p *firebreak.Parts) { p.Log = slog.New(slog.NewTextHandler(&b, nil)) })
	r.journal.Fail(errors.New("no space left on device"))
	// lines of n requests at one moment, the clock having moved by d.
	lines := func(n int, d time.Duration) string {
		t.Helper()
		b.Reset()
		r.clock.Advance(d)
		now := r.clock.Now()
		for range n {
			r.clock.Set(now.Add(-time.Second)) // do advances it by one
			if a := r.do("adams", "GET", "Patient/absent", ""); a.status != 503 || a.body != "" {
				t.Fatalf("%v, want an empty 503", a)
			}
			r.clock.Set(now.Add(-time.Second))
			r.do("adams", "POST", "Basic", `{"resourceType":"Basic","code":{"text":"x"}}`)
		}
		return b.String()
	}
	const journal, request = "audit journal cannot be written", "request failed"
	for _, c := range []struct {
		name    string
		n       int
		moved   time.Duration
		want    int // of each
		leftOut string
	}{
		{"the first of many", 50, 0, 1, ""},
		{"soon after", 10, 900 * time.Millisecond, 0, ""},
		{"a second after", 10, 100 * time.Millisecond, 1, "left_out="},
		{"after the clock was set back", 10, -time.Hour, 1, "left_out="},
	} {
		got := lines(c.n, c.moved)
		if strings.Count(got, journal) != c.want || strings.Count(got, "\n") != 2*c.want || strings.Count(got, request) != c.want || !strings.Contains(got, c.leftOut) {
			t.Errorf("%s: %q, want %d lines of each", c.name, got, c.want)
		}
	}
	if got := lines(1, time.Second); !strings.Contains(got, "left_out=19 ") && !strings.Contains(got, "left_out=19\n") {
		t.Errorf("%q does not tell how many were left out", got)
	}
}
