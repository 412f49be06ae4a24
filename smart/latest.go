package smart

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// latest asks one question for many at once. Whoever comes while it is being asked
// waits until it is asked again: so everybody's answer is to a question that began
// after they came, and no older than one they had asked by themselves. However many
// come, it is asked once at a time.
type latest struct {
	ask func(context.Context) (int64, error)

	mu     sync.Mutex
	next   *asked // what those who wait will be told; nil while nobody does
	asking bool
}

// asked is one question. Its answer may be read when done is closed.
type asked struct {
	done  chan struct{}
	value int64
	err   error
}

// latestTime is how long one question may take: those who come meanwhile wait for it.
const latestTime = 5 * time.Second

// get is the answer as it is now, or ctx's error.
func (l *latest) get(ctx context.Context) (int64, error) {
	l.mu.Lock()
	if l.next == nil {
		l.next = &asked{done: make(chan struct{})}
	}
	mine := l.next
	if !l.asking {
		l.asking = true
		go l.run()
	}
	l.mu.Unlock()
	select {
	case <-mine.done:
		return mine.value, mine.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// run asks until nobody waits. The question is nobody's own: one who goes away must
// not keep the others from being answered.
func (l *latest) run() {
	for {
		l.mu.Lock()
		a := l.next
		l.next, l.asking = nil, a != nil // who comes from here on waits for the next
		l.mu.Unlock()
		if a == nil {
			return
		}
		l.answer(a)
	}
}

func (l *latest) answer(a *asked) {
	defer close(a.done)
	defer func() {
		if p := recover(); p != nil { // it is no request's, whose end would be all that came of it
			a.err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx, stop := context.WithTimeout(context.Background(), latestTime)
	defer stop()
	a.value, a.err = l.ask(ctx)
}
