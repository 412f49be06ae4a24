package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/errgroup"

	"firebreak"
	"firebreak/clock"
	"firebreak/demo"
)

// dataSet is what a demo directory's data was made of. It is settled at the
// first start and kept in the store, so that loading which was cut short goes
// on with the very same records, whatever the day.
type dataSet struct {
	Seed     uint64
	Patients int
	Day      string
	Store    string // a name for this store: demo.json says into which one the data went
}

func (d dataSet) today() time.Time {
	t, err := time.Parse(time.DateOnly, d.Day)
	if err != nil {
		return time.Time{} // cannot be: settle wrote it
	}
	return t
}

func settle(ctx context.Context, i *firebreak.Instance, want dataSet) (dataSet, error) {
	b, err := i.Setting(ctx, "demo", func() []byte {
		want.Day, want.Store = clock.System{}.Now().UTC().Format(time.DateOnly), rand.Text()
		b, err := json.Marshal(want)
		if err != nil {
			return nil // cannot be: plain fields
		}
		return b
	})
	if err != nil {
		return dataSet{}, err
	}
	var got dataSet
	if err := json.Unmarshal(b, &got); err != nil {
		return dataSet{}, fmt.Errorf("the store's note on its data set: %w", err)
	}
	return got, nil
}

// batchSize is how many records one transaction loads. They share one intent,
// one commit and one audit record for the outcome.
const batchSize = 250

// load writes the records through the pipeline, each in the name of who wrote
// it: the directory first, then what registration entered, then the charts.
// Every transaction has a name, so that one which was done is not done again.
func load(c console, i *firebreak.Instance, records []demo.Record) error {
	people := demoUsers()
	bar := newProgress(c, len(records), "loading the data set")
	defer bar.finish()
	n := 0
	for _, phase := range phases(records) {
		group, ctx := errgroup.WithContext(c.ctx)
		group.SetLimit(2)
		for _, batch := range phase {
			n++
			in := firebreak.Import{RequestID: fmt.Sprintf("demo-%d", n), Peer: "demo", Bundle: transaction(batch)}
			if org := batch[0].Organization; org != "" {
				in.Writer.Organization = "Organization/" + org
			}
			if a := batch[0].Author; a != "" {
				in.Writer.Author = people[a].FHIRUser
			}
			group.Go(func() error {
				done, err := i.Import(ctx, in)
				if err != nil {
					return err
				}
				if done.Status >= 400 {
					return fmt.Errorf("a transaction is refused: %s", reasons(done.Outcome))
				}
				bar.add(len(batch))
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return c.ctx.Err()
}

// phases sorts the records by who must be there first, and in each by writer.
func phases(records []demo.Record) [3][][]demo.Record {
	var out [3][][]demo.Record
	rest := slices.Clone(records)
	phase := func(r demo.Record) int {
		switch {
		case r.Author != "":
			return 2
		case r.Organization != "" && r.Type == "Patient" || r.Organization == "":
			return 0
		}
		return 1
	}
	slices.SortStableFunc(rest, func(a, b demo.Record) int {
		return cmp.Or(cmp.Compare(phase(a), phase(b)), cmp.Compare(a.Organization, b.Organization), cmp.Compare(a.Author, b.Author))
	})
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && n < batchSize && phase(rest[n]) == phase(rest[0]) &&
			rest[n].Organization == rest[0].Organization && rest[n].Author == rest[0].Author {
			n++
		}
		out[phase(rest[0])] = append(out[phase(rest[0])], rest[:n])
		rest = rest[n:]
	}
	return out
}

func transaction(records []demo.Record) []byte {
	items := make([]item, len(records))
	for n, r := range records {
		items[n].entry = entryOf(r.Type, r.ID, "", r.JSON)
	}
	return transactionOf(items)
}
