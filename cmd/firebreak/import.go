package main

import (
	"bytes"
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
	AsOrganization *string  `placeholder:"ID" help:"The organisation in whose name the records are written, such as north."`
	Paths          []string `arg:"" name:"path" help:"Bundles (.json), NDJSON (.ndjson, .jsonl), or folders of them."`
}

func (importCommand) Help() string {
	return "Transactions are taken as they are; collections, NDJSON, batches and single resources become transactions that keep the ids there are. " +
		"Each Bundle, and each line or entry that is brought in by itself, is named by its content: a second run, one after a crash, " +
		"or one after a line was corrected, stores nothing twice. " +
		"Without --as-organization the records belong to no organisation, and most policies then show them to nobody but systems.\n\n" +
		"Exit code 1: something was refused; it is named, and the rest is stored. Or there was nothing to import."
}

func (m importCommand) Run(c console) error {
	if err := needDir(m.Dir); err != nil {
		return err
	}
	organization := ""
	if m.AsOrganization != nil {
		if organization = *m.AsOrganization; organization == "" { // a variable that is not set must not become nobody
			return usageError{"--as-organization must not be empty; leave it away for records of no organisation"}
		}
	}
	files, skipped, size, err := find(m.Paths)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		for _, s := range skipped {
			c.print("skipped: %s", s)
		}
		return errors.New("there is nothing to import: no .json, .ndjson or .jsonl")
	}
	op, done, err := reach(c, m.Dir)
	if err != nil {
		return c.unlessStopped(err)
	}
	x := &importing{c: c, op: op, types: map[string]int{}, seen: map[string]bool{}, skipped: skipped, bar: newProgress(c, size, "importing")}
	if err := x.inTheNameOf(organization); err != nil {
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
	switch {
	case err != nil:
		return c.unlessStopped(err)
	case len(x.failures) > 0:
		return errTold
	case len(x.seen)+x.unchanged == 0:
		return errors.New("there was nothing to import in what was read")
	}
	return nil
}

// find lists the files, folders walked in order of name, and adds up their size.
func find(paths []string) (files, skipped []string, size int, err error) {
	for _, path := range paths {
		found := len(files) + len(skipped)
		err := filepath.WalkDir(followed(path), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			why, bytes := notFor(p)
			if why != "" {
				skipped = append(skipped, p+": "+why)
				return nil
			}
			files, size = append(files, p), size+bytes
			return nil
		})
		if err != nil {
			return nil, nil, 0, usageError{"cannot read " + path + "; is the path right?"}
		}
		if len(files)+len(skipped) == found {
			skipped = append(skipped, path+": there is no file in it")
		}
	}
	return files, skipped, size, nil
}

// followed is a path that was given by name: a folder is walked through a link,
// too. Links in folders are not followed, for they may lead round in a circle.
func followed(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return path + string(filepath.Separator)
	}
	return path
}

// notFor says why what was found is not imported, "" for a file that is; bytes
// is its size. Nobody may ever write to a named pipe, and opening it would wait.
func notFor(path string) (why string, bytes int) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "a link to a folder; give the folder itself", 0
	case err == nil && !info.Mode().IsRegular():
		return "not a file", 0
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json", ".ndjson", ".jsonl":
		if err != nil {
			return "", 0 // reading it says what is wrong
		}
		return "", int(info.Size())
	}
	return "not .json, .ndjson or .jsonl", 0
}

// importing is one run of the command.
type importing struct {
	c      console
	op     operator
	writer firebreak.Writer
	bar    progress

	mu        sync.Mutex
	types     map[string]int  // resources that were stored
	seen      map[string]bool // the same, by reference
	again     int             // changes to those, beyond the first
	unchanged int             // entries that an earlier run had stored
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
	if strings.ToLower(filepath.Ext(path)) != ".json" {
		return x.lines(ctx, path)
	}
	if info, err := os.Stat(path); err == nil && info.Size() > maxFile {
		x.fail(path, fmt.Sprintf("it is larger than %d MiB, which a JSON file may have; make several of it, or NDJSON", maxFile>>20))
		x.bar.add(int(info.Size()))
		return nil
	}
	src, err := os.ReadFile(path)
	if err != nil {
		x.fail(path, err.Error())
		return nil
	}
	defer x.bar.add(len(src))
	in, err := sourceOf(bytes.TrimPrefix(src, []byte(mark)))
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
	return x.items(ctx, path, in.items, map[[sha256.Size]byte]int{})
}

// itemsAtOnce is how many of a file's items are under way: the store puts those
// that wait for it into one commit.
const itemsAtOnce = 32

// items brings in what is independent of each other, each by itself, so that
// correcting one does not give the others another name. Of equal ones each has
// its number; equal counts those of the file so far. Those that replace the same
// resource keep their order.
func (x *importing) items(ctx context.Context, path string, items []item, equal map[[sha256.Size]byte]int) error {
	var lanes [][]func(context.Context) error
	laneOf := map[string]int{}
	for _, i := range items {
		sum := sha256.Sum256(i.entry)
		name := fmt.Sprintf("%d", equal[sum])
		equal[sum]++
		job := func(ctx context.Context) error { return x.item(ctx, path, i, name) }
		if n, known := laneOf[i.target]; known && i.target != "" {
			lanes[n] = append(lanes[n], job)
			continue
		}
		laneOf[i.target] = len(lanes)
		lanes = append(lanes, []func(context.Context) error{job})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(itemsAtOnce)
	for _, lane := range lanes {
		group.Go(func() error {
			for _, job := range lane {
				if err := job(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (x *importing) item(ctx context.Context, path string, i item, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	why, err := x.bundle(ctx, path, transactionOf([]item{i}), name, 1)
	if why != "" {
		x.fail(path, i.place+": "+why)
	}
	return err
}

// bundle brings one Bundle in, named by its content and, among equal ones of a
// file, its number; why is its refusal.
func (x *importing) bundle(ctx context.Context, path string, b []byte, number string, entries int) (why string, err error) {
	sum := sha256.Sum256(append(b[:len(b):len(b)], number...))
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
		if x.seen[ref] {
			x.again++
			continue
		}
		x.seen[ref] = true
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
	if x.again > 0 {
		x.c.print("%8d of them updated once more: several entries have one id", x.again)
	}
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
