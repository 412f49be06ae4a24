package federation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/smart/federation"
)

// must tells whether err is the refusal that begins so, or one of the errors.
func must(t *testing.T, err error, want any) {
	t.Helper()
	switch want := want.(type) {
	case nil:
		if err != nil {
			t.Errorf("err = %v, want none", err)
		}
	case error:
		if !errors.Is(err, want) {
			t.Errorf("err = %v, want %v", err, want)
		}
	case string:
		var refused *federation.Refused
		if !errors.As(err, &refused) || !strings.Contains(refused.Why, want) {
			t.Errorf("err = %v, want it refused: %s", err, want)
		}
	}
}

// setting a claim.
func claim(name string, value any) func(*forger, url.Values) {
	return func(f *forger, _ url.Values) {
		f.claims = func(c object) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
}

func parameter(name string, values ...string) func(*forger, url.Values) {
	return func(_ *forger, v url.Values) {
		if v[name] = values; len(values) == 0 {
			v.Del(name)
		}
	}
}

func otherKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func token(make func(f *forger, claims object) string) func(*forger, url.Values) {
	return func(f *forger, _ url.Values) {
		f.token = func() string {
			now := f.clock.Now().Unix()
			return make(f, object{"iss": f.server.URL, "sub": "somebody", "aud": "us", "exp": now + 300, "iat": now, "nonce": f.nonce})
		}
	}
}

func TestForgedAnswersAreRefused(t *testing.T) {
	const bad = "signature is bad"
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix()
	mac := func(secret func(*ecdsa.PublicKey) []byte) func(*forger, url.Values) {
		return token(func(f *forger, c object) string {
			return signed(t, object{"alg": "HS256"}, c, secret(&f.key.PublicKey))
		})
	}
	der := func(k *ecdsa.PublicKey) []byte {
		b, err := x509.MarshalPKIXPublicKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	announced := func(f *forger, _ url.Values) {
		f.metadata = func(m object) { m["authorization_response_iss_parameter_supported"] = true }
	}
	for _, c := range []struct {
		name   string
		change func(f *forger, answer url.Values)
		want   any
	}{
		{"nothing is forged", func(*forger, url.Values) {}, nil},
		{"alg none", token(func(f *forger, c object) string { return signed(t, nil, c, nil) }), bad},
		{"alg None", token(func(f *forger, c object) string { return signed(t, object{"alg": "None"}, c, nil) }), bad},
		{"HS256 by the public key in DER", mac(der), bad},
		{"HS256 by the public key in PEM", mac(func(k *ecdsa.PublicKey) []byte {
			return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der(k)})
		}), bad},
		{"HS256 by the client's secret", mac(func(*ecdsa.PublicKey) []byte { return []byte("hush") }), bad},
		{"another key of the same kid", token(func(f *forger, c object) string { return signed(t, nil, c, otherKey(t)) }), bad},
		{"a kid that is not there", token(func(f *forger, c object) string { return signed(t, object{"kid": "x"}, c, f.key) }), bad},
		{"a key that comes along", token(func(f *forger, c object) string {
			key := otherKey(t)
			return signed(t, object{"jwk": jose.JSONWebKey{Key: key.Public(), KeyID: "k"}}, c, key)
		}), bad},
		{"a key of an address that comes along", token(func(f *forger, c object) string {
			return signed(t, object{"jku": f.server.URL + "/other"}, c, otherKey(t))
		}), bad},
		{"an algorithm that is not configured", token(func(f *forger, c object) string { return signed(t, object{"alg": "ES384"}, c, f.key) }), bad},
		{"no ID token", token(func(*forger, object) string { return "" }), "there is no ID token"},
		{"an endless ID token", token(func(*forger, object) string { return strings.Repeat("x", 100<<10) }), "too long"},
		{"a claim twice", token(func(f *forger, c object) string {
			text, _ := json.Marshal(c)
			return signed(t, nil, `{"sub":"victim",`+string(text[1:]), f.key)
		}), "strict kind"},
		{"a claim in other letters", token(func(f *forger, c object) string {
			delete(c, "sub")
			c["SUB"] = "victim"
			return signed(t, nil, c, f.key)
		}), "no subject"},
		{"of another issuer", claim("iss", "https://other.example"), bad},
		{"for another client", claim("aud", "them"), bad},
		{"for us and others, made for nobody says whom", claim("aud", []string{"us", "them"}), "another client"},
		{"made for another client", claim("azp", "them"), "another client"},
		{"out of date", claim("exp", now-61), "out of date"},
		{"from the future", claim("iat", now+61), "not made just now"},
		{"made long ago", claim("iat", now-601), "not made just now"},
		{"answer to another sign-in", claim("nonce", "another"), "another sign-in"},
		{"answer to no sign-in", claim("nonce", nil), "another sign-in"},
		{"about nobody", claim("sub", nil), "no subject"},
		{"about an empty name", claim("sub", ""), "no subject"},
		{"about somebody with an endless name", claim("sub", strings.Repeat("x", 256)), "no subject"},
		{"authenticated in the future", claim("auth_time", now+61), "in the future"},
		{"authenticated who knows when", claim("auth_time", "soon"), "auth_time is no time"},
		{"of another access token", claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "not the one that the ID token names"},

		{"a state that nobody began", parameter("state", "guessed"), "no sign-in of this state"},
		{"no state", parameter("state"), "no sign-in of this state"},
		{"two states", func(_ *forger, v url.Values) { v["state"] = append(v["state"], "x") }, "state comes twice"},
		{"two codes", parameter("code", "code", "code"), "code comes twice"},
		{"no code", parameter("code"), "no code"},
		{"a code that is not ours", parameter("code", "stolen"), "does not take the code"},
		{"an endless code", parameter("code", strings.Repeat("x", 5000)), "too long"},
		{"iss of another", parameter("iss", "https://other.example"), "iss is missing, or of another"},
		{"iss announced and not there", announced, "iss is missing, or of another"},
		{"iss announced and right", func(f *forger, v url.Values) {
			announced(f, v)
			v.Set("iss", f.server.URL)
		}, nil},
		{"cancelled", parameter("error", "access_denied"), federation.ErrCancelled},
		{"cancelled by another", func(_ *forger, v url.Values) {
			v.Set("error", "access_denied")
			v.Set("iss", "https://other.example")
		}, "iss is missing, or of another"},
		{"an error", parameter("error", "invalid_scope"), "answers with an error"},
		{"not as strongly as was asked", parameter("error", "unmet_authentication_requirements"), federation.ErrUnmet},
		{"busy", parameter("error", "temporarily_unavailable"), federation.ErrUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newForger(t)
			// What it publishes is read when the sign-in begins.
			c.change(f, url.Values{"state": nil})
			to := fed(t, nil, f)
			_, answer := f.begin(to, "p0", "flow", federation.Ask{})
			c.change(f, answer)
			which, person, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
			must(t, err, c.want)
			if err == nil && which != "id" {
				t.Errorf("the flow is %q", which)
			}
			if (err == nil) != (person.Subject != "") {
				t.Errorf("err = %v and the person is %+v", err, person)
			}
			if err != nil {
				// Whatever was wrong, the same state does not work again.
				if _, _, again := to.Finish(context.Background(), "p0", holding("flow"), url.Values{"state": answer["state"], "code": {"code"}}); again == nil {
					t.Error("a second answer is taken")
				}
			}
		})
	}
}

func TestAnotherBrowsersSignInIsRefused(t *testing.T) {
	for _, flow := range []string{"the attacker's", ""} {
		f := newForger(t)
		to := fed(t, nil, f)
		_, answer := f.begin(to, "p0", "mine", federation.Ask{})
		_, _, err := to.Finish(context.Background(), "p0", holding(flow), answer)
		must(t, err, "another browser")
		if f.count("/token") != 0 {
			t.Error("the code was redeemed")
		}
	}
}

func TestAnAnswerWorksOnceAndForTenMinutes(t *testing.T) {
	f := newForger(t)
	to := fed(t, nil, f)
	_, answer := f.begin(to, "p0", "flow", federation.Ask{})
	_, _, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
	must(t, err, nil)
	_, _, err = to.Finish(context.Background(), "p0", holding("flow"), answer)
	must(t, err, "no sign-in of this state")
	_, answer = f.begin(to, "p0", "flow", federation.Ask{})
	f.clock.Advance(10 * time.Minute)
	_, _, err = to.Finish(context.Background(), "p0", holding("flow"), answer)
	must(t, err, "no sign-in of this state")
	if f.count("/token") != 1 {
		t.Errorf("%d codes were redeemed, want 1", f.count("/token"))
	}
}

// The person chooses an honest provider, and the attacker, who runs another,
// has the answer come to his own address (RFC 9700 §4.4): the honest one's code
// must not be sent to him.
func TestMixedUpProvidersGetNoCode(t *testing.T) {
	honest, attacker := newForger(t), newForger(t)
	to := fed(t, nil, honest, attacker)
	_, answer := honest.begin(to, "p0", "flow", federation.Ask{})
	_, _, err := to.Finish(context.Background(), "p1", holding("flow"), answer)
	must(t, err, "begun at another provider")
	if attacker.count("/token") != 0 {
		t.Error("the attacker got the code")
	}
	if a, b := to.RedirectURI("p0"), to.RedirectURI("p1"); a == b || a != "https://us.example/auth/signin/p0/callback" {
		t.Errorf("redirect URIs %s and %s, want two", a, b)
	}
}

func TestTooOldAnAuthenticationIsRefused(t *testing.T) {
	f := newForger(t)
	at := f.clock.Now()
	for _, c := range []struct {
		name string
		ask  federation.Ask
		age  time.Duration
		max  string
		want any
	}{
		{"any", federation.Ask{}, 1000 * time.Hour, "", nil},
		{"fresh, and it was asked", federation.Ask{Fresh: true}, 0, "0", nil},
		{"fresh, and it was not", federation.Ask{Fresh: true}, 2 * time.Minute, "0", "too long ago"},
		{"an hour, within", federation.Ask{MaxAge: time.Hour}, 59 * time.Minute, "3600", nil},
		{"an hour, past", federation.Ask{MaxAge: time.Hour}, 62 * time.Minute, "3600", "too long ago"},
	} {
		f.claims = func(o object) { o["auth_time"] = at.Add(-c.age).Unix() }
		to := fed(t, nil, f)
		asked, answer := f.begin(to, "p0", "flow", c.ask)
		if got := asked.Get("prompt") == "login"; got != c.ask.Fresh {
			t.Errorf("%s: prompt=%s", c.name, asked.Get("prompt"))
		}
		if asked.Get("max_age") != c.max {
			t.Errorf("%s: max_age=%s, want %s", c.name, asked.Get("max_age"), c.max)
		}
		_, _, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
		must(t, err, c.want)
	}
	f.claims = func(o object) { delete(o, "auth_time") }
	to := fed(t, nil, f)
	_, answer := f.begin(to, "p0", "flow", federation.Ask{Fresh: true})
	_, _, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
	must(t, err, "nobody says when")
}

func TestEverySignInIsAskedForSafely(t *testing.T) {
	f := newForger(t)
	to := fed(t, nil, f)
	one, _ := f.begin(to, "p0", "flow", federation.Ask{Login: "ann", ACR: federation.ACR2})
	two, _ := f.begin(to, "p0", "flow", federation.Ask{})
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(one.Get(name)) < 43 || one.Get(name) == two.Get(name) {
			t.Errorf("%s = %q, then %q: want 256 bits, new each time", name, one.Get(name), two.Get(name))
		}
	}
	for name, want := range map[string]string{
		"response_type": "code", "code_challenge_method": "S256", "client_id": "us", "scope": "openid profile email", "login_hint": "ann",
		"redirect_uri": "https://us.example/auth/signin/p0/callback", "acr_values": "", "prompt": "",
	} {
		if got := one.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if one.Has("client_secret") {
		t.Error("the secret is in the URL")
	}
}

func TestOnlyConfiguredAlgorithmsCount(t *testing.T) {
	f := newForger(t)
	to := fed(t, func(c *federation.Config) { c.Algorithms = []string{"RS256", "PS256"} }, f)
	_, answer := f.begin(to, "p0", "flow", federation.Ask{})
	_, _, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
	must(t, err, "signature is bad")
}

func TestAStepUpAsksForClassesThatWouldDo(t *testing.T) {
	f := newForger(t)
	change := func(c *federation.Config) {
		c.ACRValues = []string{"usual"}
		c.Rules.ACR.Map = []federation.Pair{{From: "key", To: federation.ACR3}, {From: "sms", To: federation.ACR2}, {From: "pwd", To: federation.ACR1},
			{From: "otp", To: federation.ACR2}, {From: "hardware", To: federation.ACR3}}
	}
	// The weakest that would do and no others: of a list some providers take the
	// weakest, and some take no list.
	for need, want := range map[string]string{
		"": "usual", federation.ACR1: "pwd", federation.ACR2: "sms otp", federation.ACR3: "key hardware",
	} {
		asked, _ := f.begin(fed(t, change, f), "p0", "flow", federation.Ask{ACR: need})
		if got := asked.Get("acr_values"); got != want {
			t.Errorf("for %q: acr_values=%q, want %q", need, got, want)
		}
	}
	none := func(c *federation.Config) { c.ACRValues = []string{"usual"} }
	if asked, _ := f.begin(fed(t, none, f), "p0", "flow", federation.Ask{ACR: federation.ACR2}); asked.Get("acr_values") != "usual" {
		t.Errorf("where no class would do: acr_values=%q, want the usual", asked.Get("acr_values"))
	}
}

func TestAWithdrawnKeyIsTrustedForAnHourAtMost(t *testing.T) {
	f := newForger(t)
	to := fed(t, nil, f)
	sign := func() error {
		_, answer := f.begin(to, "p0", "flow", federation.Ask{})
		_, _, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
		return err
	}
	must(t, sign(), nil)
	stolen := f.key
	f.key = otherKey(t)
	f.token = func() string {
		now := f.clock.Now().Unix()
		return signed(t, nil, object{"iss": f.server.URL, "sub": "x", "aud": "us", "exp": now + 300, "iat": now, "nonce": f.nonce}, stolen)
	}
	f.clock.Advance(time.Hour)
	must(t, sign(), "signature is bad")
	f.token = nil
	must(t, sign(), nil)
}

func TestUserInfoAddsAndChangesNothing(t *testing.T) {
	f := newForger(t)
	f.userinfo = object{"sub": "somebody", "name": "From userinfo", "email": "ann@hospital.example", "acr": "strong"}
	f.claims = func(c object) { c["name"] = "From the ID token" }
	to := fed(t, func(c *federation.Config) {
		c.UserInfo = true
		c.Rules.ACR.Map = []federation.Pair{{From: "strong", To: federation.ACR3}}
	}, f)
	_, answer := f.begin(to, "p0", "flow", federation.Ask{})
	_, p, err := to.Finish(context.Background(), "p0", holding("flow"), answer)
	if err != nil || p.Name != "From the ID token" || p.Email != "ann@hospital.example" || p.ACR != federation.ACR1 {
		t.Errorf("%+v, %v", p, err)
	}
	f.userinfo["sub"] = "somebody else"
	_, answer = f.begin(to, "p0", "flow", federation.Ask{})
	_, _, err = to.Finish(context.Background(), "p0", holding("flow"), answer)
	if err == nil {
		t.Error("userinfo about somebody else was taken")
	}
}
