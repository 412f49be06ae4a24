package authn

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestSelfTestPassesForEveryAlgorithm(t *testing.T) {
	for _, alg := range supported {
		d := newDesk(t, alg, nil)
		if err := d.v.SelfTest(); err != nil {
			t.Error(err)
		}
		if got, err := d.verify(d.good()); err != nil || got.Subject != "self-test" {
			t.Errorf("%s: after the self-test: %v", alg, err)
		}
	}
	all := newDesk(t, jose.ES256, func(i *Issuer) {
		i.Algorithms = []string{"ES256", "ES384", "EdDSA", "PS256", "PS384", "RS256"}
		i.Claims.FHIRUser = "sub" // the self-test must not stumble over a mapping
	})
	if err := all.v.SelfTest(); err != nil {
		t.Error(err)
	}
}

// TestSelfTestHasTeeth lets each forgery pass in turn, and each be refused for
// a reason that is not its own: the self-test must name it.
func TestSelfTestHasTeeth(t *testing.T) {
	d := newDesk(t, jose.ES256, func(i *Issuer) { i.Algorithms = []string{"ES256", "ES384"} })
	good, all := d.good(), []string{}
	for n, target := range d.forgeries() {
		if slices.Contains(all, target.name) {
			t.Errorf("%s: two forgeries of this name", target.name)
		}
		all = append(all, target.name)
		for fault, answer := range map[string]error{"passes": nil, "is refused for another reason": invalidToken("other")} {
			calls := -2 // the good token twice, then the forgeries in order
			err := d.judge(func(ctx context.Context, h string) (Token, error) {
				calls++
				if calls == n+1 {
					return Token{}, answer
				}
				return d.v.Verify(ctx, h)
			})
			if err == nil || !strings.Contains(err.Error(), fault) || !strings.Contains(err.Error(), target.name) {
				t.Errorf("%s: when it %s the self-test says %v", target.name, fault, err)
			}
		}
	}
	if len(all) < 55 {
		t.Errorf("only %d forgeries", len(all))
	}
	err := d.judge(func(context.Context, string) (Token, error) { return Token{}, errors.New("no") })
	if err == nil {
		t.Error("a verifier that refuses all passes")
	}
	err = d.judge(func(_ context.Context, h string) (Token, error) {
		if h == "Bearer "+good {
			return Token{}, nil
		}
		return Token{}, errors.New("no")
	})
	if err == nil {
		t.Error("a verifier that misreads passes")
	}
}

// TestSelfTestSeesRealFaults takes checks away by configuration that New would
// refuse, which is how a mistake in the code would look.
func TestSelfTestSeesRealFaults(t *testing.T) {
	for alg, want := range map[string]string{"HS256": "HS256 with the public key", "none": "alg none with a signature"} {
		d := newDesk(t, jose.ES256, nil)
		i := d.v.issuers[testIss]
		i.Algorithms = append(i.Algorithms, alg)
		if err := d.v.SelfTest(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("with %s allowed the self-test says %v, want it to name %q", alg, err, want)
		}
	}
}

func TestForgeriesFailAgainstTheKeyFileToo(t *testing.T) {
	for _, alg := range supported {
		d := newDesk(t, alg, nil)
		if d.outside.private != nil {
			d.publish(t, d.own, d.outside)
			d.clk.Advance(fileCheckGap)
		}
		for _, f := range d.forgeries() {
			t.Run(string(alg)+" "+f.name, func(t *testing.T) {
				_, err := d.verify(f.token)
				wantRefusal(t, err, 401, "invalid_token", f.want)
			})
		}
	}
}
