package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing/fstest"
	"time"

	"firebreak/audit"
	"firebreak/authz"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
)

// What the HTTP workloads read: an observation of a patient of the south.
var readPatient, readID = southern()

func southern() (patient, observation string) {
	for i := 0; ; i += 50 {
		if pickOrganisation(nil, i) == "south" {
			return fmt.Sprintf("p%d", i/50), fmt.Sprintf("o%d", i+1)
		}
	}
}

// resource1 is an observation of about 1 KB.
func resource1() []byte { return resource(rand.New(rand.NewPCG(1, 1)), 51).Body }

func (b *bench) copyWorld(n int, to string) error {
	st, err := b.world(n)
	if err != nil {
		return err
	}
	if err := st.Close(); err != nil {
		return err
	}
	return copyFile(filepath.Join(b.dir, fmt.Sprintf("world-%d.db", n)), to)
}

// copyFile copies a store that nobody has open.
func copyFile(from, to string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(to + suffix)
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		return err
	}
	return dst.Close()
}

// create measures 64 writers: the whole pipeline, with journal, against a bare
// loop that commits the same rows with the same driver, in groups of 64.
func (b *bench) create() error {
	dir, err := os.MkdirTemp(b.dir, "create")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var bareRate, fireRate []float64
	for n := range 3 {
		home := filepath.Join(dir, fmt.Sprintf("run%d", n))
		rate, err := b.createThrough(home)
		if err != nil {
			return err
		}
		fireRate = append(fireRate, rate)
		if rate, err = bareLoop(filepath.Join(home, "store.db"), b.seconds); err != nil {
			return err
		}
		bareRate = append(bareRate, rate)
	}
	fmt.Fprintf(b.out, "\n## Creates by 64 writers, %s each, three runs in turn\n\n| loop | creates/s |\n", b.seconds)
	var ratios []float64
	for i := range bareRate {
		ratios = append(ratios, fireRate[i]/bareRate[i])
	}
	fmt.Fprintf(b.out, "| bare rows, group commit of 64 | %.0f |\n| Firebreak: validate, gate, index, journal | %.0f |\n| ratio, each run | %.2f |\n", bareRate, fireRate, ratios)
	return nil
}

func (b *bench) createThrough(dir string) (float64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	st, err := store.OpenSQLite(context.Background(), filepath.Join(dir, "store.db"), store.Options{Clock: clock.System{}})
	if err != nil {
		return 0, err
	}
	defer st.Close()
	log, err := audit.Open(filepath.Join(dir, "audit"), audit.Options{Clock: clock.System{}.Now})
	if err != nil {
		return 0, err
	}
	defer log.Close()
	s, err := pipeline(st, true, log, anybody{}, serviceBase)
	if err != nil {
		return 0, err
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	start := now()
	end := start.Add(b.seconds)
	for k := range 64 {
		wg.Go(func() {
			n := 0
			for ; now().Before(end); n++ {
				s.Serve(context.Background(), fhir.Request{Method: "POST", Path: "Observation", Body: resource1(), ContentType: "application/fhir+json",
					Visit: fmt.Sprintf("v%d-%d", k, n), Base: serviceBase})
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wg.Wait()
	took := now().Sub(start)
	if stored, err := countStored(filepath.Join(dir, "store.db")); err != nil || stored != total {
		return 0, errors.Join(err, fmt.Errorf("%d creates were asked for, %d are stored", total, stored))
	}
	return float64(total) / took.Seconds(), nil
}

// policies measures one warm search as policies grow.
func (b *bench) policies() error {
	st, err := b.world(b.smallest)
	if err != nil {
		return err
	}
	defer st.Close()
	fmt.Fprintln(b.out, "\n## Warm search (page of 20 and exact total) by number of policies")
	fmt.Fprintln(b.out, "\n| policies | ms | × 10 |")
	var first time.Duration
	for _, n := range []int{10, 100, 1000, 10_000} {
		pol, err := authz.NewPolicies(func() (fs.FS, error) { return manyPolicies(n), nil })
		if err != nil {
			return err
		}
		g := gate.New(nil, nil, authz.NewScopes(search.NewExtractor(serviceBase), serviceBase), pol)
		c := caller{"", g, identity("dr-west", "Organization/west", "user/*.rs", "physician")}
		d, _, err := run(st, c, "Observation", "code=C0", true, 31)
		if err != nil {
			return err
		}
		if first == 0 {
			first = d
		}
		fmt.Fprintf(b.out, "| %d | %.3f | ×%.2f |\n", n, ms(d), float64(d)/float64(first))
	}
	return nil
}

// manyPolicies are n policies, each for another organisation and role.
func manyPolicies(n int) fs.FS {
	text := ""
	for i := range n {
		text += fmt.Sprintf("@id(\"p%d\")\npermit (principal in Role::\"physician\", action in [Action::\"read\", Action::\"search\"], resource)\nwhen { resource.organization == principal.organization && principal.organization != \"Organization/none%d\" };\n", i, i)
	}
	return fstest.MapFS{"many.cedar": {Data: []byte(text)}}
}

// start measures how long a server on an existing store takes to be ready, and
// the memory it then has.
func (b *bench) start() error {
	dir := filepath.Join(b.dir, "start")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	world := filepath.Join(dir, "world.db")
	if err := b.copyWorld(b.largest, world); err != nil {
		return err
	}
	var took []time.Duration
	memory := 0
	for range 5 {
		at := now()
		c, err := b.spawn("secure", dir, world, "")
		if err != nil {
			return err
		}
		took = append(took, now().Sub(at))
		memory = c.memory()
		c.stop()
	}
	fmt.Fprintf(b.out, "\n## Start on a store of %d resources\n\nready after %v; idle memory %d MB\n", b.largest, took, memory>>20)
	return nil
}
