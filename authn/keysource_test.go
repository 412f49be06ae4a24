package authn

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keyShelf is a KeySource as an authorization server in this process is one.
type keyShelf struct {
	mu    sync.Mutex
	src   []byte
	err   error
	asked atomic.Int32
}

func (s *keyShelf) KeySet(context.Context) ([]byte, error) {
	s.asked.Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.src, s.err
}

func (s *keyShelf) put(t testing.TB, err error, signers ...signer) {
	t.Helper()
	src, e := publicJSON(signers...)
	must(t, e)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.src, s.err = src, err
}

func newShelfDesk(t *testing.T) (*desk, *keyShelf) {
	shelf := &keyShelf{}
	d := newDesk(t, jose.ES256, nil)
	shelf.put(t, nil, d.own)
	d.issuer.JWKSFile, d.issuer.Keys, d.issuer.MaxKeyAge = "", shelf, time.Minute
	var err error
	d.v, err = New(Config{Issuers: []Issuer{d.issuer}}, d.clk, nil)
	must(t, err)
	if n := shelf.asked.Load(); n != 0 {
		t.Errorf("New asked %d times: the keys may not be there yet", n)
	}
	return d, shelf
}

func TestKeysOfTheProcessRotate(t *testing.T) {
	d, shelf := newShelfDesk(t)
	next := testSigner(t, "next", jose.ES256)
	byNext := next.sign(headerOf(next.alg, next.kid, ""), d.claims(nil))
	good := d.good()
	for range 10 {
		if _, err := d.verify(good); err != nil {
			t.Fatal(err)
		}
	}
	_, err := d.verify(byNext)
	wantRefusal(t, err, 401, "invalid_token", unknownKey)
	if n := shelf.asked.Load(); n != 1 {
		t.Errorf("asked %d times at one instant, want 1", n)
	}
	shelf.put(t, nil, d.own, next)
	d.clk.Advance(sourceAgainGap) // a key that is new need not wait for the second
	if _, err := d.verify(byNext); err != nil {
		t.Errorf("by the new key: %v", err)
	}
	shelf.put(t, nil, next)
	d.clk.Advance(sourceCheckGap)
	_, err = d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", unknownKey) // remembered, and its key withdrawn
	if _, err := d.verify(byNext); err != nil {
		t.Errorf("after the old key is gone: %v", err)
	}
	if err := d.v.SelfTest(); err != nil {
		t.Error(err)
	}
}

func TestKeysOfTheProcessOutliveAFailureForAWhile(t *testing.T) {
	d, shelf := newShelfDesk(t)
	good := d.good()
	if _, err := d.verify(good); err != nil {
		t.Fatal(err)
	}
	shelf.put(t, errors.New("store is down"))
	d.clk.Advance(time.Minute)
	if _, err := d.verify(good); err != nil {
		t.Errorf("within MaxKeyAge: %v", err)
	}
	if h := d.v.Health()[0]; h.Err == nil || h.Keys != 1 || h.Cause() == "" {
		t.Errorf("health %+v, want the fault and the key still held", h)
	}
	d.clk.Advance(time.Second)
	if _, err := d.verify(good); !errors.Is(err, ErrKeysUnavailable) {
		t.Errorf("after MaxKeyAge: %v, want ErrKeysUnavailable", err)
	}
	shelf.put(t, nil, d.own)
	d.clk.Advance(time.Second)
	if _, err := d.verify(good); err != nil {
		t.Errorf("after repair: %v", err)
	}
}

func TestRequiredTypeKeepsOtherTokensOut(t *testing.T) {
	d := newDesk(t, jose.ES256, func(i *Issuer) { i.RequireType = true })
	if _, err := d.verify(d.good()); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.forgeries() {
		_, err := d.verify(f.token)
		var r *Refusal
		if !errors.As(err, &r) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
	_, err := d.verify(d.own.sign(`{"alg":"ES256","typ":"JWT"}`, d.claims(nil)))
	wantRefusal(t, err, 401, "invalid_token", badType)
	_, err = d.verify(d.own.sign(`{"alg":"ES256"}`, d.claims(nil)))
	wantRefusal(t, err, 401, "invalid_token", badType)
	if err := d.v.SelfTest(); err != nil {
		t.Error(err)
	}
}

func TestKindOfKeycloaksTokensIsRead(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	for kind, want := range map[string]literal{"Bearer": "", "DPoP": "", "ID": otherKind, "Refresh": otherKind, "Offline": otherKind,
		"Logout": otherKind, "Serialized-ID": otherKind, "RegistrationAccessToken": otherKind, "verify-email": otherKind, "": otherKind} {
		_, err := d.verify(d.own.sign(`{"alg":"ES256","typ":"JWT"}`, d.claims(map[string]string{"typ": `"` + kind + `"`})))
		if want != "" {
			wantRefusal(t, err, 401, "invalid_token", want)
		} else if err != nil {
			t.Errorf("typ %q: %v", kind, err)
		}
	}
}
