package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"firebreak/vault"
)

// waiting is a letter that the mail server does not have yet. Its link is a secret,
// which the vault seals.
type waiting struct {
	Letter Letter
	Tries  int
	// Next is when to try again. While somebody tries it is when another may: if
	// that one is gone, the letter is not.
	Next time.Time
}

var box = vault.Of[waiting]("mail.letter")

const (
	// patience is how long a letter is tried for, if its link lasts that long.
	patience = 48 * time.Hour
	// lookAgain is how often letters are looked for that others left.
	lookAgain = time.Minute
	longest   = time.Hour // between two tries
)

// Post keeps a letter and returns at once. That it is taken says nothing about
// whether it arrives. Errors: ErrFull, ErrClosed, ErrLetter, and the vault's.
func (s *Sender) Post(l Letter) error {
	if _, _, err := s.compose(l); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.shut {
		return ErrClosed
	}
	if s.waits.Add(1) > int64(s.opt.Queue) {
		s.waits.Add(-1)
		return ErrFull
	}
	now := s.clock.Now()
	end := now.Add(patience)
	if !l.Until.IsZero() && l.Until.Before(end) {
		end = l.Until
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.opt.Timeout)
	defer cancel()
	// By when they came, so that the oldest is tried first.
	name := fmt.Sprintf("%015d.%s", now.UnixMilli(), rand.Text())
	if err := s.vault.Apply(ctx, box.New(name, waiting{Letter: l, Next: now}, end)); err != nil {
		s.waits.Add(-1)
		return fmt.Errorf("mail: %w", err)
	}
	select {
	case s.woken <- struct{}{}:
	default:
	}
	return nil
}

// Close takes no more letters and tries those once more whose turn it is, until ctx
// ends. What is left waits for the next Sender.
func (s *Sender) Close(ctx context.Context) error {
	s.mu.Lock()
	if !s.shut {
		s.shut = true
		close(s.quit)
	}
	s.mu.Unlock()
	select {
	case <-s.ended:
	case <-ctx.Done():
	}
	s.stop()
	<-s.ended
	return nil
}

func (s *Sender) run() {
	defer close(s.ended)
	for {
		closing := false
		select {
		case <-s.quit:
			closing = true
		default:
		}
		wait := s.pass()
		if closing {
			return
		}
		again := time.NewTimer(wait)
		select {
		case <-s.woken:
		case <-s.quit:
		case <-again.C:
		}
		again.Stop()
	}
}

// pass tries the letters whose turn it is, and says how long until the next one's.
func (s *Sender) pass() time.Duration {
	all, err := s.look()
	if err != nil {
		if s.ctx.Err() == nil {
			s.opt.Late("", fmt.Errorf("letters that wait: %w", err))
		}
		return lookAgain
	}
	now, wait := s.clock.Now(), lookAgain
	var mu sync.Mutex
	var tries sync.WaitGroup
	places := make(chan struct{}, s.opt.Workers)
	for _, e := range all {
		if later := e.Value.Next.Sub(now); later > 0 {
			wait = min(wait, later)
			continue
		}
		places <- struct{}{}
		tries.Go(func() {
			defer func() { <-places }()
			if later := s.try(e.Name); later > 0 {
				mu.Lock()
				defer mu.Unlock()
				wait = min(wait, later)
			}
		})
	}
	tries.Wait()
	return wait
}

// look finds what waits. Others may leave and take letters, too, so they are
// counted anew, while none is taken here.
func (s *Sender) look() ([]vault.Entry[waiting], error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, err := box.List(s.ctx, s.vault, "", "", s.opt.Queue)
	if err == nil {
		s.waits.Store(int64(len(all)))
	}
	return all, err
}

var errOthers = errors.New("somebody else tries it")

// try sends a letter, unless another does; it says how long until the next try, 0
// when there is none.
func (s *Sender) try(name string) time.Duration {
	now := s.clock.Now()
	e, err := box.Update(s.ctx, s.vault, name, nil, func(e *vault.Entry[waiting]) error {
		if e.Value.Next.After(now) {
			return errOthers
		}
		e.Value.Tries++
		e.Value.Next = now.Add(3 * s.opt.Timeout) // to connect, to send, and to say so
		return nil
	})
	if err != nil {
		return 0 // it is gone, or looked at again soon
	}
	l := e.Value.Letter
	if err = s.send(s.ctx, l, name); err != nil && s.ctx.Err() != nil {
		return 0 // the server ends: its next start goes on
	}
	pause := longest
	if n := e.Value.Tries - 1; n < 10 {
		pause = min(pause, s.opt.Pause<<(2*n))
	}
	now = s.clock.Now()
	if err != nil && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrLetter) && now.Add(pause).Before(e.Until) {
		if e.Value.Tries == 1 {
			s.opt.Late(l.About, err)
		}
		_, _ = box.Update(s.ctx, s.vault, name, nil, func(e *vault.Entry[waiting]) error {
			e.Value.Next = now.Add(pause)
			return nil
		}) // else it is tried when this try is over
		return pause
	}
	if err != nil {
		s.opt.Failed(l.About, err)
	}
	// Also when the server ends meanwhile: who has the letter should not get it twice.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), s.opt.Timeout)
	defer cancel()
	if err := s.vault.Apply(ctx, box.Drop(name)); err != nil {
		s.opt.Late(l.About, fmt.Errorf("it may come twice: %w", err))
	}
	s.waits.Add(-1)
	return 0
}
