package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"firebreak"
	"firebreak/clock"
)

type importCommand struct {
	Dir            string   `required:"" placeholder:"DIR" help:"The server's directory; it may be running."`
	AsOrganization string   `placeholder:"ID" help:"The organisation in whose name the records are written, such as north."`
	Paths          []string `arg:"" name:"path" help:"Bundles (.json), NDJSON (.ndjson, .jsonl), or folders of them."`
}

func (importCommand) Help() string {
	return "Transactions are taken as they are; collections, NDJSON, batches and single resources become transactions that keep the ids there are. " +
		"Each Bundle is named by its content, so a second run, or one after a crash, stores nothing twice. " +
		"Without --as-organization the records belong to no organisation, and most policies then show them to nobody but systems.\n\n" +
		"Exit code 1: something was refused; it is named. The rest is stored."
}

func (m importCommand) Run(c console) error {
	files, skipped, size, err := find(m.Paths)
	if err != nil {
		return err
	}
	op, done, err := reach(c, m.Dir)
	if err != nil {
		return err
	}
	x := &importing{c: c, op: op, types: map[string]int{}, skipped: skipped, bar: newProgress(c, size, "importing")}
	if err := x.inTheNameOf(m.AsOrganization); err != nil {
		return errors.Join(err, done())
	}
	start := clock.System{}.Now()
	group, ctx := errgroup.WithContext(c.ctx)
	group.SetLimit(4)
	for _, f := range files {
		group.Go(func() error { return x.file(ctx, f) })
	}
	err = errors.Join(group.Wait(), done())
	x.bar.finish()
	x.summary(clock.System{}.Now().Sub(start))
	if err == nil && len(x.failures) > 0 {
		return errTold
	}
	return err
}

// find lists the files, folders walked in order of name, and adds up their size.
func find(paths []string) (files, skipped []string, size int, err error) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			switch strings.ToLower(filepath.Ext(p)) {
			case ".json", ".ndjson", ".jsonl":
				files = append(files, p)
				if info, err := os.Stat(p); err == nil {
					size += int(info.Size())
				}
			default:
				skipped = append(skipped, p+": not .json, .ndjson or .jsonl")
			}
			return nil
		})
		if err != nil {
			return nil, nil, 0, usageError{"cannot read " + path + "; is the path right?"}
		}
	}
	return files, skipped, size, nil
}

// importing is one run of the command.
type importing struct {
	c      console
	op     operator
	writer firebreak.Writer
	bar    progress

	mu        sync.Mutex
	types     map[string]int
	unchanged int // entries that an earlier run had stored
	skipped   []string
	failures  []string
}

func (x *importing) inTheNameOf(organization string) error {
	if organization == "" {
		x.c.note("note: without --as-organization the records belong to no organisation")
		return nil
	}
	ref := "Organization/" + strings.TrimPrefix(organization, "Organization/")
	known, err := x.op.Knows(x.c.ctx, ref)
	if err == nil && !known {
		err = usageError{"there is no " + ref + "; import it first, or name another with --as-organization"}
	}
	x.writer.Organization = ref
	return err
}

// file brings one file in. What is wrong with its content is noted and the
// others go on; what is wrong with the server ends the run.
func (x *importing) file(ctx context.Context, path string) error {
	src, err := os.ReadFile(path)
	if err != nil {
		x.fail(path, err.Error())
		return nil
	}
	defer x.bar.add(len(src))
	var in source
	if strings.ToLower(filepath.Ext(path)) == ".json" {
		in, err = sourceOf(src)
	} else {
		in = sourceOfLines(src)
	}
	var skip errSkipped
	switch {
	case errors.As(err, &skip):
		x.mu.Lock()
		x.skipped = append(x.skipped, path+": "+skip.Error())
		x.mu.Unlock()
		return nil
	case err != nil:
		x.fail(path, err.Error())
		return nil
	}
	for _, f := range in.faults {
		x.fail(path, f)
	}
	if in.together {
		in.whole, in.entries = transactionOf(in.items), len(in.items)
	}
	if in.whole != nil {
		why, err := x.bundle(ctx, path, in.whole, "", in.entries)
		if why != "" {
			x.fail(path, why)
		}
		return err
	}
	for part := range slices.Chunk(in.items, itemsAtOnce) {
		if err := x.items(ctx, path, part); err != nil {
			return err
		}
	}
	return nil
}

// itemsAtOnce is how many independent resources go into one transaction.
const itemsAtOnce = 200

// items brings in what is independent of each other. When one of them is
// refused the two halves go by themselves, until the one is found.
func (x *importing) items(ctx context.Context, path string, part []item) error {
	why, err := x.bundle(ctx, path, transactionOf(part), part[0].place, len(part))
	switch {
	case err != nil || why == "":
		return err
	case len(part) == 1:
		x.fail(path, part[0].place+": "+why)
		return nil
	}
	half := len(part) / 2
	if err := x.items(ctx, path, part[:half]); err != nil {
		return err
	}
	return x.items(ctx, path, part[half:])
}

// bundle brings one Bundle in, named by its content and its place in the file;
// why is its refusal.
func (x *importing) bundle(ctx context.Context, path string, b []byte, place string, entries int) (why string, err error) {
	sum := sha256.Sum256(append(b[:len(b):len(b)], place...))
	got, err := x.op.Import(ctx, firebreak.Import{Writer: x.writer, RequestID: "import-" + hex.EncodeToString(sum[:]), Bundle: b, Peer: "operator"})
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if got.Status >= 500 && got.Status != 501 {
		return "", fmt.Errorf("%s: %s", path, reasons(got.Outcome))
	}
	if got.Status >= 400 {
		return reasons(got.Outcome), nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, ref := range got.Changed {
		typ, _, _ := strings.Cut(ref, "/")
		x.types[typ]++
	}
	x.unchanged += max(0, entries-len(got.Changed))
	return "", nil
}

func (x *importing) fail(path, why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.failures = append(x.failures, path+": "+why)
}

func (x *importing) summary(took time.Duration) {
	names, total := make([]string, 0, len(x.types)), 0
	for typ, n := range x.types {
		names, total = append(names, typ), total+n
	}
	slices.Sort(names)
	for _, typ := range names {
		x.c.print("%8d %s", x.types[typ], typ)
	}
	x.c.print("%8d resources in %.1f s, %.0f resources/s", total, took.Seconds(), float64(total)/max(took.Seconds(), 1e-3))
	if x.unchanged > 0 {
		x.c.print("%8d were there already", x.unchanged)
	}
	slices.Sort(x.skipped)
	for _, s := range x.skipped {
		x.c.print("skipped: %s", s)
	}
	slices.Sort(x.failures)
	for _, f := range x.failures {
		x.c.print("failed: %s", f)
	}
}
