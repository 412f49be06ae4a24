package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
)

// simple is a Patient with the labels given as "subject=p1" and so on.
func simple(id string, labels ...string) string {
	return labelled("Patient", id, labels...)
}

func labelled(typ, id string, labels ...string) string {
	var tags []string
	for _, l := range labels {
		system, code, _ := strings.Cut(l, "=")
		tags = append(tags, fmt.Sprintf(`{"system":"urn:test:%s","code":"%s"}`, system, code))
	}
	return fmt.Sprintf(`{"resourceType":"%s","id":"%s","meta":{"tag":[%s]},"active":true}`, typ, id, strings.Join(tags, ","))
}

// same compares what the store has of every resource with the model.
func same(t tb, w *world) {
	t.Helper()
	a := w.all()
	view(t, w, a, func(s *store.Snapshot) {
		for _, it := range w.items {
			for i := range it.versions {
				v := &it.versions[i]
				sealed, found, err := s.Version(it.typ, it.id, v.id)
				if err != nil || !found {
					t.Fatalf("version %s/%s: found %t, %v", it.ref(), v.id, found, err)
				}
				h := headers(t, a, []gate.Sealed{sealed})[0]
				if h.Deleted != v.deleted || !h.LastUpdated.Equal(v.at) || h.Class.Key() != v.class.Key() ||
					!slices.Equal(h.Keys.Subjects, v.keys.Subjects) || !slices.Equal(h.Keys.Mentions, v.keys.Mentions) || h.Keys.Author != v.keys.Author {
					t.Errorf("version %s/%s has the header %+v, want %+v", it.ref(), v.id, h, v)
				}
				if body := a.body(t, sealed); !v.deleted && body != string(v.body) {
					t.Errorf("version %s/%s is %s, want %s", it.ref(), v.id, body, v.body)
				}
			}
			if _, found, err := s.Version(it.typ, it.id, "none"); found || err != nil {
				t.Errorf("a version that never was: found %t, %v", found, err)
			}
		}
	})
}

// body is the content of a version as a client would get it.
func (a access) body(t tb, s gate.Sealed) string {
	t.Helper()
	judged, err := a.g.Judge(a.m, fhir.ActRead, s)
	if err != nil || len(judged) != 1 {
		t.Fatalf("judge: %d, %v", len(judged), err)
	}
	var out string
	_, err = a.g.Patch(a.m, judged[0], func(view []byte) ([]byte, error) { out = string(view); return view, nil })
	if err != nil && !judged[0].Header().Deleted {
		t.Fatalf("body: %v", err)
	}
	return out
}

func versionsAreKept(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("a", "subject=p1", "mention=p2", "org=north", "conf=R", "author="+caller)))
	w.clock.Advance(time.Second)
	w.do(put(simple("a", "subject=p1", "subject=p2")))
	w.clock.Advance(time.Second)
	w.do(remove("Patient", "a"))
	same(t, w)
	if c := w.byRef["Patient/a"].current(); !c.deleted || !slices.Equal(c.keys.Subjects, []string{"p1", "p2"}) {
		t.Errorf("the tombstone has %+v, want the keys of the version before", c)
	}
	w.clock.Advance(time.Second)
	w.do(put(simple("a")))
	w.populate(60)
	same(t, w)
}

func createTaken(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("a")))
	a := w.all()
	for name, id := range map[string]string{"live": "a", "deleted": "b"} {
		if id == "b" {
			w.do(put(simple("b")))
			w.do(remove("Patient", "b"))
		}
		err := w.s.Change(context.Background(), a.m, nil, func(tx *store.Tx) error {
			d := gate.Draft{Header: gate.Header{Type: "Patient", ID: id, Version: "other", LastUpdated: w.clock.Now()}, Body: []byte(simple(id))}
			j, err := a.g.JudgeChange(a.m, fhir.ActCreate, nil, &d, tx.Facts)
			if err != nil {
				return err
			}
			return tx.Commit(j)
		})
		if !errors.Is(err, store.ErrTaken) {
			t.Errorf("create under a %s id: %v, want ErrTaken", name, err)
		}
	}
	same(t, w)
}

func unjudged(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	w.do(put(simple("a")))
	a := w.all()
	err := w.s.Change(context.Background(), a.m, nil, func(tx *store.Tx) error {
		sealed, _, err := tx.Read("Patient", "a")
		if err != nil {
			return err
		}
		judged, err := a.g.Judge(a.m, fhir.ActRead, sealed)
		if err != nil {
			return err
		}
		if err := tx.Commit(judged[0]); !errors.Is(err, store.ErrUnjudged) {
			t.Errorf("Commit of what was judged for reading: %v, want ErrUnjudged", err)
		}
		return tx.Commit(gate.Judged{})
	})
	if !errors.Is(err, store.ErrUnjudged) {
		t.Errorf("Commit of the zero Judged: %v, want ErrUnjudged", err)
	}
}

// concurrentWriters: acknowledged is found, refused is not, whoever shares a commit.
func concurrentWriters(t *testing.T, open Opener) {
	w := newWorld(t, open, 1)
	const writers, each = 32, 12
	errRefused := errors.New("refused")
	var group sync.WaitGroup
	for n := range writers {
		a := w.all()
		group.Go(func() {
			for i := range each {
				id := fmt.Sprintf("w%d-%d", n, i)
				err := w.s.Change(context.Background(), a.m, nil, func(tx *store.Tx) error {
					d := gate.Draft{Header: gate.Header{Type: "Patient", ID: id, Version: "v1", LastUpdated: w.clock.Now(), Method: "POST"},
						Body: []byte(simple(id, fmt.Sprintf("subject=s%d", i), fmt.Sprintf("org=o%d", n*i%7)))}
					j, err := a.g.JudgeChange(a.m, fhir.ActCreate, nil, &d, tx.Facts)
					if err != nil {
						return err
					}
					if err := tx.Commit(j); err != nil {
						return err
					}
					if i%4 == 3 {
						return errRefused
					}
					w.mu.Lock()
					defer w.mu.Unlock()
					w.keep(j)
					return nil
				})
				if (i%4 == 3) != errors.Is(err, errRefused) || i%4 != 3 && err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	group.Wait()
	same(t, w)
	a := w.all()
	view(t, w, a, func(s *store.Snapshot) {
		f, err := s.Search(&search.Query{Branches: []search.Branch{{Type: "Patient"}}}, nil, true)
		if want := writers * each * 3 / 4; err != nil || f.Total != want {
			t.Errorf("total %d, %v; want %d", f.Total, err, want)
		}
	})
}
