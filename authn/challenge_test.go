package authn

import (
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestChallengesNameTheirScheme(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	p := testProver(t, "client", jose.ES256)
	bound, algs := d.bound(p), `algs="ES256 ES384 EdDSA PS256 PS384 RS256"`
	stepUp, err := StepUp([]string{"urn:firebreak:acr:3", "urn:firebreak:acr:2"}, 90*time.Second)
	must(t, err)
	for _, c := range []struct {
		name, authorization, want string
		err                       error
	}{
		{"nothing sent", "", `Bearer realm="fb", DPoP ` + algs, nil},
		{"other scheme", "Basic dTpw", `Bearer realm="fb", DPoP ` + algs, nil},
		{"bad bearer token", "Bearer a.b.c", `Bearer realm="fb", error="invalid_token", error_description="the token is not a signed JWT in compact form", DPoP ` + algs, nil},
		{"bad DPoP token", "DPoP a.b.c", `DPoP realm="fb", error="invalid_token", error_description="the token is not a signed JWT in compact form", ` + algs, nil},
		{"bound as Bearer", "Bearer " + bound, `DPoP realm="fb", error="invalid_token", error_description="` + string(boundToKey) + `", ` + algs, nil},
		{"no proof", "DPoP " + bound, `DPoP realm="fb", error="invalid_dpop_proof", error_description="the DPoP header is missing", ` + algs, nil},
		{"step-up", "", `Bearer realm="fb", error="insufficient_user_authentication", error_description="a stronger or more recent sign-in is needed", ` +
			`acr_values="urn:firebreak:acr:3 urn:firebreak:acr:2", max_age="90", DPoP ` + algs, stepUp},
	} {
		err := c.err
		if err == nil {
			_, err = d.v.Verify(noContext, c.authorization)
		}
		r, ok := err.(*Refusal)
		if !ok || r.Challenge("fb") != c.want {
			t.Errorf("%s: challenge %v, want %s", c.name, r.Challenge("fb"), c.want)
		}
	}
}

func TestStepUpTakesOnlyWhatAChallengeCanSay(t *testing.T) {
	for name, acr := range map[string][]string{"nothing": nil, "empty": {""}, "quote": {`a"b`}, "space": {"a b"}, "line end": {"a\r\nX: y"}, "not ASCII": {"é"}} {
		if r, err := StepUp(acr, 0); err == nil {
			t.Errorf("%s: %q", name, r.Challenge("fb"))
		}
	}
	r, err := StepUp(nil, time.Minute)
	must(t, err)
	if got := r.Challenge("fb"); r.Status != 401 || !strings.Contains(got, `max_age="60"`) || strings.Contains(got, "acr_values") {
		t.Errorf("step-up by age: %d %s", r.Status, got)
	}
}
