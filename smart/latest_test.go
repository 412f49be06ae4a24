package smart

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// desk answers questions when it is told to, each with its number.
type desk struct {
	latest
	began   chan int64
	answers chan error
	number  int64
}

func newDesk() *desk {
	d := &desk{began: make(chan int64), answers: make(chan error)}
	d.ask = func(context.Context) (int64, error) {
		d.number++ // without a lock: there is one question at a time
		n := d.number
		d.began <- n
		return n, <-d.answers
	}
	return d
}

type told struct {
	value int64
	err   error
}

// come is somebody who comes, and will be told.
func (d *desk) come(ctx context.Context) <-chan told {
	out := make(chan told, 1)
	go func() {
		v, err := d.get(ctx)
		out <- told{v, err}
	}()
	return out
}

func TestWhoComesDuringAQuestionWaitsForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		first := d.come(context.Background())
		if n := <-d.began; n != 1 {
			t.Fatalf("question %d", n)
		}
		var late []<-chan told
		for range 50 {
			late = append(late, d.come(context.Background()))
		}
		synctest.Wait()
		d.answers <- nil
		if got := <-first; got != (told{1, nil}) {
			t.Errorf("who asked first was told %v", got)
		}
		<-d.began
		synctest.Wait()
		for _, l := range late {
			if len(l) > 0 {
				t.Errorf("who came during the first question was told %v before the second was answered", <-l)
			}
		}
		d.answers <- nil
		for _, l := range late {
			if got := <-l; got != (told{2, nil}) {
				t.Errorf("who came during the first question was told %v", got)
			}
		}
		if d.number != 2 {
			t.Errorf("%d questions for 51 who came", d.number)
		}
	})
}

func TestAFailedQuestionFailsThoseWhoWaitedAndNobodyLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		trouble := errors.New("the database is gone")
		for _, want := range []told{{1, trouble}, {2, nil}} {
			got := d.come(context.Background())
			<-d.began
			d.answers <- want.err
			if g := <-got; g != want {
				t.Errorf("told %v, want %v", g, want)
			}
		}
	})
}

func TestWhoGoesAwayHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		ctx, leave := context.WithCancel(context.Background())
		gone := d.come(ctx)
		<-d.began
		stays := d.come(context.Background())
		synctest.Wait()
		leave()
		if got := <-gone; !errors.Is(got.err, context.Canceled) {
			t.Errorf("who went away was told %v", got)
		}
		d.answers <- nil
		<-d.began
		d.answers <- nil
		if got := <-stays; got != (told{2, nil}) {
			t.Errorf("who stayed was told %v", got)
		}
	})
}

func TestAPanicOfTheQuestionIsAnError(t *testing.T) {
	l := latest{ask: func(context.Context) (int64, error) { panic("no") }}
	if _, err := l.get(context.Background()); err == nil {
		t.Error("a question that never was answered was taken for answered")
	}
}
