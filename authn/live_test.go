package authn

import (
	"context"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// grants is a Liveness as an authorization server in this process is one.
type grants struct {
	ended map[string]bool
	err   error
	asked int
}

func (g *grants) Live(_ context.Context, t *Token) (bool, error) {
	g.asked++
	return !g.ended[t.Grant], g.err
}

func TestRevokedTokenIsRefusedAtOnce(t *testing.T) {
	g := &grants{ended: map[string]bool{}}
	d := newDesk(t, jose.ES256, func(i *Issuer) { i.Live = g })
	mine := d.with(map[string]string{"grant": `"mine"`})
	for range 3 {
		if _, err := d.verify(mine); err != nil {
			t.Fatal(err)
		}
	}
	if g.asked != 3 {
		t.Errorf("asked %d times for 3 requests", g.asked)
	}
	g.ended["mine"] = true
	_, err := d.verify(mine)
	wantRefusal(t, err, 401, "invalid_token", revoked)
	if _, err := d.verify(d.with(map[string]string{"grant": `"other"`})); err != nil {
		t.Errorf("another grant: %v", err)
	}
	if err := d.v.SelfTest(); err != nil {
		t.Errorf("the self-test's token was granted by nobody: %v", err)
	}
}

func TestLivenessThatCannotBeKnownRefuses(t *testing.T) {
	g := &grants{}
	d := newDesk(t, jose.ES256, func(i *Issuer) { i.Live = g })
	good := d.good()
	for _, when := range []string{"cold", "warm"} {
		g.err = errors.New("store is down")
		var r *Refusal
		if _, err := d.verify(good); !errors.Is(err, ErrLivenessUnknown) || errors.As(err, &r) {
			t.Errorf("%s: %v, want ErrLivenessUnknown", when, err)
		}
		g.err = nil
		if _, err := d.verify(good); err != nil {
			t.Errorf("%s, after repair: %v", when, err)
		}
	}
	gone, cancel := context.WithCancel(noContext)
	cancel()
	g.err = context.Canceled
	if _, err := d.v.Verify(gone, "Bearer "+good); !errors.Is(err, context.Canceled) || errors.Is(err, ErrLivenessUnknown) {
		t.Errorf("a caller that hung up: %v", err)
	}
}

func TestForgeriesAreNotAskedAbout(t *testing.T) {
	g := &grants{}
	d := newDesk(t, jose.ES256, func(i *Issuer) { i.Live = g })
	for _, f := range d.forgeries() {
		d.verify(f.token)
	}
	if g.asked != 0 {
		t.Errorf("asked %d times about tokens that are no good", g.asked)
	}
}
