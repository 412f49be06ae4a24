package main

import (
	"context"
	"fmt"
	"io/fs"
	"testing/fstest"
	"time"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/store"
	"firebreak/validate"
)

// almostAll is a policy that hides one organisation of 1 %.
func almostAll() fs.FS {
	return fstest.MapFS{"most.cedar": {Data: []byte(`@id("most")
permit (principal, action in [Action::"read", Action::"search"], resource)
when { resource.organization != "Organization/east" };`)}}
}

func plan(query, typ string) (fhir.Plan, error) {
	p := &validate.Parser{Base: serviceBase, Now: now}
	i, err := p.Interaction(&fhir.Request{Method: "GET", Path: typ, Query: query})
	if err != nil {
		return fhir.Plan{}, err
	}
	return fhir.Compile(i), nil
}

// run is one search of a caller, warm, median of several.
func run(st *store.Store, c caller, typ, query string, total bool, times int) (time.Duration, int, error) {
	pl, err := plan(query, typ)
	if err != nil {
		return 0, 0, err
	}
	var n int
	one := func() error {
		m, err := c.gate.Admit(gate.NewPrincipal(c.id), pl)
		if err != nil {
			return err
		}
		return st.View(context.Background(), m, func(t *store.Snapshot) error {
			found, err := t.Search(pl.Query, nil, total)
			n = found.Total
			if !total {
				n = len(found.Matches)
			}
			return err
		})
	}
	if err := one(); err != nil {
		return 0, 0, err
	}
	d, err := median(times, one)
	return d, n, err
}

// search measures pages as data grows.
func (b *bench) search() error {
	cs, err := callers()
	if err != nil {
		return err
	}
	queries := []struct{ name, typ, query string }{
		{"subject + code", "Observation", "subject=Patient/p7&code=C0&_total=none"},
		{"code, 5 %", "Observation", "code=C0&_total=none"},
		{"code, newest first", "Observation", "code=C0&_sort=-date&_total=none"},
		{"chain name", "Observation", "subject:Patient.name=family77&_total=none"},
		{"_has", "Patient", "_has:Observation:patient:code=C3&_total=none"},
		{"code + include", "Observation", "code=C0&_include=Observation:subject&_total=none"},
	}
	fmt.Fprintln(b.out, "\n## Page of 20, by size of the store (ms, median)")
	fmt.Fprint(b.out, "\n| query | caller |")
	for _, n := range b.sizes() {
		fmt.Fprintf(b.out, " %d |", n)
	}
	fmt.Fprintln(b.out, " largest / smallest |")
	stores, err := b.stores()
	if err != nil {
		return err
	}
	defer shut(stores)
	for _, q := range queries {
		for _, c := range cs {
			fmt.Fprintf(b.out, "| %s | %s |", q.name, c.name)
			var first, last time.Duration
			for _, st := range stores {
				d, n, err := run(st, c, q.typ, q.query, false, 15)
				if err != nil {
					return err
				}
				if first == 0 {
					first = d
				}
				last = d
				fmt.Fprintf(b.out, " %.3f (%d) |", float64(d.Microseconds())/1000, n)
			}
			fmt.Fprintf(b.out, " %.2f |\n", float64(last)/float64(first))
		}
	}
	return nil
}

func (b *bench) stores() ([]*store.Store, error) {
	var out []*store.Store
	for _, n := range b.sizes() {
		st, err := b.world(n)
		if err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

// shut closes stores, so that the next part can open them.
func shut(stores []*store.Store) {
	for _, st := range stores {
		_ = st.Close()
	}
}

// totals measures exact totals by how much the caller sees.
func (b *bench) totals() error {
	cs, err := callers()
	if err != nil {
		return err
	}
	stores, err := b.stores()
	if err != nil {
		return err
	}
	defer shut(stores)
	st := stores[len(stores)-1]
	fmt.Fprintf(b.out, "\n## Exact totals at %d resources (ms, median; × the unrestricted caller)\n\n", b.largest)
	for _, q := range []struct{ name, typ, query string }{
		{"code, 5 %", "Observation", "code=C0&_summary=count"},
		{"category, all", "Observation", "category=vital-signs&_summary=count"},
		{"code + date", "Observation", "code=C0&date=ge2020-01-05&_summary=count"},
		{"type", "Observation", "_summary=count"},
		{"chain", "Observation", "subject:Patient.name=family77&_summary=count"},
		{"_has", "Patient", "_has:Observation:patient:code=C3&_summary=count"},
	} {
		var base time.Duration
		for _, c := range cs {
			d, n, err := run(st, c, q.typ, q.query, true, 7)
			if err != nil {
				return err
			}
			if base == 0 {
				base = d
			}
			fmt.Fprintf(b.out, "| %s | %s | total %d | %.2f | ×%.2f |\n", q.name, c.name, n, float64(d.Microseconds())/1000, float64(d)/float64(base))
		}
	}
	return nil
}
