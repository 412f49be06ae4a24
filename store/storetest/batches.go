package storetest

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/store"
)

// held blocks the writer while changes queue up behind it, so that they share a batch.
func (w *world) held(changes ...func() error) []error {
	w.t.Helper()
	hold, holding := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	a := w.all()
	go func() {
		var once sync.Once
		first <- w.s.Change(context.Background(), a.m, nil, func(*store.Tx) error {
			once.Do(func() { close(holding); <-hold })
			return nil
		})
	}()
	<-holding
	errs := make([]error, len(changes))
	var group sync.WaitGroup
	for i, c := range changes {
		started := make(chan struct{})
		group.Go(func() { close(started); errs[i] = c() })
		<-started
		for range 200 {
			runtime.Gosched() // until it is in the queue; one that comes late has a batch of its own
		}
	}
	close(hold)
	group.Wait()
	if err := <-first; err != nil {
		w.t.Fatal(err)
	}
	return errs
}

// create is a change that makes a Patient with a class and subjects of its own.
func (w *world) create(ctx context.Context, id string, durable func(context.Context) error, after func(*store.Tx) error) error {
	a := w.all()
	var made gate.Judged
	err := w.s.Change(ctx, a.m, durable, func(tx *store.Tx) (err error) {
		d := gate.Draft{Header: gate.Header{Type: "Patient", ID: id, Version: "v" + id, LastUpdated: w.clock.Now(), Method: "POST"},
			Body: []byte(simple(id, "org="+id, "subject="+id, "subject=p1"))}
		if made, err = a.g.JudgeChange(a.m, fhir.ActCreate, nil, &d, tx.Facts); err != nil {
			return err
		}
		if err := tx.Commit(made); err != nil || after == nil {
			return err
		}
		return after(tx)
	})
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.keep(made)
	}
	return err
}

// around puts a change between two good ones of the same batch: they must be
// there afterwards, and it must not.
func (w *world) around(t *testing.T, middle func(id string) error) error {
	t.Helper()
	good := func(id string) func() error {
		return func() error { return w.create(context.Background(), id, nil, nil) }
	}
	errs := w.held(good("one"), func() error { return middle("two") }, good("three"))
	if errs[0] != nil || errs[2] != nil {
		t.Errorf("the others of the batch: %v, %v", errs[0], errs[2])
	}
	same(t, w)
	a := w.all()
	view(t, w, a, func(s *store.Snapshot) {
		if _, found, err := s.Read("Patient", "two"); found || err != nil {
			t.Errorf("what was undone is found: %t, %v", found, err)
		}
	})
	// What it interned is as if it had never been: others get its numbers.
	w.do(put(simple("four", "org=four", "subject=four")), put(simple("two", "org=two", "subject=two", "subject=p1")))
	same(t, w)
	onlyIn(t, w, "two", "two")
	onlyIn(t, w, "four", "four")
	return errs[1]
}

// onlyIn: a caller who may see one organisation's or one patient's records
// sees one resource, and it is that.
func onlyIn(t *testing.T, w *world, label, id string) {
	t.Helper()
	for name, rule := range map[string]gate.Rule{
		"class":   gate.ClassTest{Holds: func(c gate.Class) bool { return c.Organization == label }},
		"subject": gate.KeyTest{Relation: gate.SubjectIs, Holder: label},
	} {
		a := w.access(func(fhir.Action, string) gate.Rule { return rule })
		agree(t, w, newOracle(t, w, a), a, query("Patient", cond{}, 10), "by "+name+" of "+id)
		view(t, w, a, func(s *store.Snapshot) {
			if _, found, err := s.Read("Patient", id); !found || err != nil {
				t.Errorf("by %s: %s found %t, %v", name, id, found, err)
			}
		})
	}
}

var errWanted = errors.New("wanted")

func errorUndoesOne(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	err := w.around(t, func(id string) error {
		return w.create(context.Background(), id, nil, func(*store.Tx) error { return errWanted })
	})
	if !errors.Is(err, errWanted) {
		t.Errorf("error %v, want the change's own", err)
	}
}

func panicIsAnError(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	err := w.around(t, func(id string) error {
		return w.create(context.Background(), id, nil, func(*store.Tx) error { panic("in a change") })
	})
	if err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("error %v, want the panic", err)
	}
}

func intentUndoesOne(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.s.Journalled("gone") // must survive that the batch is run twice
	err := w.around(t, func(id string) error {
		return w.create(context.Background(), id, func(context.Context) error { return errWanted }, nil)
	})
	if !errors.Is(err, errWanted) {
		t.Errorf("error %v, want that of the record", err)
	}
}

// takenInABatch: ids that are taken, before the batch or in it, undo their own
// changes only, and the changes of a batch see each other in turn.
func takenInABatch(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("old")))
	create := func(id string, after func(*store.Tx) error) func() error {
		return func() error { return w.create(context.Background(), id, nil, after) }
	}
	itself := func(tx *store.Tx) error {
		found, err := tx.Search(query("Patient", cond{}, 0), nil, true)
		if err == nil && found.Total < 2 {
			t.Errorf("the change finds %d patients, without itself", found.Total)
		}
		return err // the batch is run again when it is another's row that is refused
	}
	errs := w.held(create("a", itself), create("old", nil), create("b", nil), create("a", nil), create("c", itself), create("b", nil))
	if !errors.Is(errs[1], store.ErrTaken) || errs[4] != nil {
		t.Errorf("of the id that was taken before: %v; of one that was not: %v", errs[1], errs[4])
	}
	for _, two := range [][]error{{errs[0], errs[3]}, {errs[2], errs[5]}} { // whichever came first has it
		if first, second := two[0], two[1]; (first == nil) == (second == nil) || !errors.Is(cmp.Or(first, second), store.ErrTaken) {
			t.Errorf("two of one id: %v and %v", first, second)
		}
	}
	same(t, w)
}

func cancelledChange(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := w.around(t, func(id string) error { return w.create(ctx, id, nil, nil) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

// cancelledReads: readers whose callers went away in the middle of a statement
// serve the next ones.
func cancelledReads(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.populate(60)
	a := w.all()
	o := newOracle(t, w, a)
	ask := newAsker(gen{w.rand}, o)
	for range 60 {
		ctx, cancel := context.WithCancel(context.Background())
		x := ask.tree("Observation", 2, 2)
		done := make(chan struct{})
		go func() {
			for range ask.IntN(300) {
				runtime.Gosched()
			}
			cancel()
			close(done)
		}()
		_ = w.s.View(ctx, a.m, func(s *store.Snapshot) error {
			for range 20 {
				if _, err := s.Search(query("Observation", x, 10), nil, true); err != nil {
					return err
				}
			}
			return nil
		})
		<-done
	}
	w.do(put(simple("after")))
	same(t, w)
}

func closedStore(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("a")))
	a := w.all()
	// A read under way may finish.
	reading, hold, read := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		read <- w.s.View(context.Background(), a.m, func(s *store.Snapshot) error {
			close(reading)
			<-hold
			_, found, err := s.Read("Patient", "a")
			if err == nil && !found {
				err = errors.New("not found")
			}
			return err
		})
	}()
	<-reading
	closing := make(chan error, 1)
	go func() { closing <- w.s.Close() }()
	close(hold)
	if err := <-read; err != nil {
		t.Errorf("the read that was under way: %v", err)
	}
	if err := <-closing; err != nil {
		t.Errorf("close: %v", err)
	}
	if err := w.s.Change(context.Background(), a.m, nil, func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Change after Close: %v, want ErrClosed", err)
	}
	if err := w.s.View(context.Background(), a.m, func(*store.Snapshot) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("View after Close: %v, want ErrClosed", err)
	}
	if err := w.s.Pending(context.Background(), func(string, []byte) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Pending after Close: %v, want ErrClosed", err)
	}
	if err := w.s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
