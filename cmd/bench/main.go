// Command bench measures Firebreak in ratios within one run on one machine:
// against a bare server over the same TLS, against itself with the gate
// permitting all and the audit off, and as data grows by steps of ten. It
// prints the tables of docs/performance.md.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "server" {
		if err := serverMain(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench server:", err)
			os.Exit(1)
		}
		return
	}
	dir := flag.String("dir", filepath.Join(os.TempDir(), "firebreak-bench"), "where stores are kept between runs")
	largest := flag.Int("n", 100_000, "largest data set, in resources; steps of ten from 10 000")
	only := flag.String("only", "", "comma-separated parts: http, create, search, totals, policies, start, tokens")
	seconds := flag.Duration("t", 5*time.Second, "time of each measurement over HTTP")
	requests := flag.String("requests", "", "of the http and tokens parts: only requests whose name begins with this")
	profiles := flag.String("profiles", "", "folder for CPU profiles of the servers")
	postgres := flag.String("postgres", "", "of the tokens part: URL of a PostgreSQL database that may be filled")
	flag.Parse()
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		fail(err)
	}
	b := &bench{out: os.Stdout, dir: *dir, smallest: 10_000, largest: *largest, seconds: *seconds, profiles: *profiles, requests: *requests, postgres: *postgres,
		rounds: 5, exchanges: 1000}
	for _, part := range b.parts() {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), part.name) {
			continue
		}
		if err := part.run(); err != nil {
			fail(fmt.Errorf("%s: %w", part.name, err))
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

type bench struct {
	out io.Writer
	dir string
	// smallest and largest are the data sets, in resources.
	smallest, largest int
	seconds           time.Duration
	// profiles is where the servers write CPU profiles, or "".
	profiles string
	requests string
	postgres string
	// rounds is how often the tokens part takes each measurement, exchanges how many
	// assertions are exchanged in one.
	rounds, exchanges int
}

// part is one group of measurements, which prints its own tables.
type part struct {
	name string
	run  func() error
}

func (b *bench) parts() []part {
	return []part{{"http", b.http}, {"create", b.create}, {"search", b.search}, {"totals", b.totals}, {"policies", b.policies}, {"start", b.start}, {"tokens", b.tokens}}
}

// sizes are the data sets: the smallest and steps of ten up to the largest.
func (b *bench) sizes() []int {
	var out []int
	for n := b.smallest; n <= b.largest; n *= 10 {
		out = append(out, n)
	}
	return out
}

// median runs fn n times and gives the middle duration.
func median(n int, fn func() error) (time.Duration, error) {
	var all []time.Duration
	for range n {
		start := now()
		if err := fn(); err != nil {
			return 0, err
		}
		all = append(all, now().Sub(start))
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}
