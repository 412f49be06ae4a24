package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/vault"
)

func asserted(raw string, more ...string) Request {
	f := form(append([]string{"client_assertion", raw, "client_assertion_type", jwtBearer}, more...)...)
	return Request{Form: f, Audiences: []string{tokenURL, issuer}}
}

func at(d time.Duration) string { return fmt.Sprint(start.Add(d).Unix()) }

func (h *house) accepts(r Request) error {
	c, m, err := h.auth.Authenticate(background, r)
	if err == nil && (c.ID != "export" || m != PrivateKeyJWT) {
		return fmt.Errorf("client %q by %q", c.ID, m)
	}
	return err
}

func TestGoodAssertionsAreAccepted(t *testing.T) {
	for _, alg := range []jose.SignatureAlgorithm{jose.RS384, jose.ES384, jose.ES256, jose.PS384} {
		s := newSigner(t, "export", alg)
		h := newHouse(t)
		h.register(t, systemApp(s.jwks(t)))
		cases := map[string]map[string]string{
			"as it should be":          {},
			"for the issuer":           {"aud": `"` + issuer + `"`},
			"audience in a list":       {"aud": `["` + tokenURL + `"]`},
			"five minutes":             {"exp": at(maxAhead)},
			"a client's clock is late": {"exp": at(-leeway + time.Second)},
			"a client's clock is fast": {"exp": at(maxAhead + leeway), "iat": at(leeway), "nbf": at(leeway)},
			"times with fractions":     {"iat": at(0) + ".25", "exp": at(time.Minute) + ".5"},
			"a long jti":               {"jti": `"` + strings.Repeat("j", maxJTI) + `"`},
			"claims of its own":        {"x": `{"y":[1]}`},
		}
		n := 0
		for name, changes := range cases {
			if n++; changes["jti"] == "" {
				changes["jti"] = fmt.Sprintf(`"%d"`, n)
			}
			if err := h.accepts(asserted(s.sign(t, claims(start, changes), nil))); err != nil {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
		}
		for n, typ := range []any{"jwt", "application/JWT", "client-authentication+jwt"} {
			raw := s.sign(t, claims(start, map[string]string{"jti": fmt.Sprintf(`"t%d"`, n)}), map[jose.HeaderKey]any{"typ": typ})
			if err := h.accepts(asserted(raw, "client_id", "export")); err != nil {
				t.Errorf("%s, typ %v: %v", alg, typ, err)
			}
		}
	}
}

// TestAssertionAttacks: SMART App Launch 2.2, client-confidential-asymmetric; RFC
// 7523 §3; RFC 8725.
func TestAssertionAttacks(t *testing.T) {
	s := newSigner(t, "export", jose.ES384)
	other := newSigner(t, "other", jose.ES384)
	rsaKey := newSigner(t, "export", jose.RS384)
	s.kid = "export-ec"
	thief := newSigner(t, "thief", jose.ES384)
	thief.kid = s.kid
	h := newHouse(t)
	h.register(t, systemApp(keySet(t, s, rsaKey)))
	second := systemApp(other.jwks(t))
	second.ID = "second"
	h.register(t, second)

	with := func(changes map[string]string) string { return s.sign(t, claims(start, changes), nil) }
	head := func(name jose.HeaderKey, value any) string {
		return s.sign(t, claims(start, nil), map[jose.HeaderKey]any{name: value})
	}
	as := func(kid string, alg jose.SignatureAlgorithm) string {
		c := rsaKey
		c.kid, c.alg = kid, alg
		return c.sign(t, claims(start, nil), nil)
	}
	good := with(nil)
	parts := strings.Split(good, ".")
	hidden, asRead := string(refused), func(l literal) string { return string(l) }
	cases := []struct{ name, raw, want string }{
		{"a thief's key under the client's kid", thief.sign(t, claims(start, nil), nil), hidden},
		{"another client's key", other.sign(t, claims(start, nil), nil), hidden},
		{"another client's name", with(map[string]string{"iss": `"second"`, "sub": `"second"`}), hidden},
		{"nobody's name", with(map[string]string{"iss": `"nobody"`, "sub": `"nobody"`}), hidden},
		{"unknown kid", as("nokey", jose.RS384), hidden},
		{"kid of a key of another kind", as(s.kid, jose.RS384), hidden},
		{"another algorithm of the same key", as(rsaKey.kid, jose.PS384), hidden},
		{"a weaker algorithm of the same key", as(rsaKey.kid, jose.RS256), hidden},
		{"kid that leads elsewhere", as("../../"+s.kid, jose.RS384), hidden},
		{"kid with a statement", as(s.kid+"' OR '1'='1", jose.RS384), hidden},
		{"kid in capitals", as(strings.ToUpper(rsaKey.kid), jose.RS384), hidden},
		{"kid with a zero", as(rsaKey.kid+"\x00", jose.RS384), hidden},
		{"kid longer than any", as(strings.Repeat("k", 4000), jose.RS384), hidden},
		{"jku of a thief", head("jku", "https://thief.example/jwks"), hidden},
		{"jku of the client's own, where none is registered", head("jku", "https://export.example/jwks"), hidden},
		{"claims of another assertion", parts[0] + "." + strings.Split(with(map[string]string{"jti": `"2"`}), ".")[1] + "." + parts[2], hidden},
		{"signature cut", good[:len(good)-4], hidden},

		{"no algorithm", enc(`{"alg":"none","kid":"a"}`) + "." + parts[1] + "." + parts[2], "the assertion's algorithm is not accepted"},
		{"shared secret", enc(`{"alg":"HS256","kid":"a"}`) + "." + parts[1] + "." + parts[2], "the assertion's algorithm is not accepted"},
		{"RS512", as(rsaKey.kid, jose.RS512), "the assertion's algorithm is not accepted"},
		{"own key", head("jwk", map[string]string{"kty": "EC"}), "the assertion brings its own key"},
		{"own chain", head("x5c", []string{"AAAA"}), "the assertion brings its own key"},
		{"own chain by URL", head("x5u", "https://thief.example/"), "the assertion brings its own key"},
		{"a critical header", head("crit", []string{"exp"}), "the assertion has a critical or transforming header that is not supported"},
		{"too long", with(map[string]string{"x": `"` + strings.Repeat("x", 9000) + `"`}), "the assertion is too long"},
		{"no JWT", "x", "the assertion is not a signed JWT in compact form"},
		{"a claim twice", with(map[string]string{"x": `1,"sub":"export"`}), "the assertion's claims are not a JSON object with unique members"},

		{"a DPoP proof", head("typ", "dpop+jwt"), asRead(badType)},
		{"an access token", head("typ", "at+jwt"), asRead(badType)},
		{"a logout token", head("typ", "logout+jwt"), asRead(badType)},
		{"no issuer", with(map[string]string{"iss": ""}), asRead(badIssuer)},
		{"no subject", with(map[string]string{"sub": ""}), asRead(badIssuer)},
		{"for another subject", with(map[string]string{"sub": `"second"`}), asRead(badIssuer)},
		{"issuer in a list", with(map[string]string{"iss": `["export"]`}), asRead(badIssuer)},
		{"no audience", with(map[string]string{"aud": ""}), asRead(badAudience)},
		{"an empty audience", with(map[string]string{"aud": `""`}), asRead(badAudience)},
		{"another server's", with(map[string]string{"aud": `"https://evil.example/token"`}), asRead(badAudience)},
		{"audience with a slash more", with(map[string]string{"aud": `"` + tokenURL + `/"`}), asRead(badAudience)},
		{"audience in capitals", with(map[string]string{"aud": `"` + strings.ToUpper(tokenURL) + `"`}), asRead(badAudience)},
		{"an audience beside ours", with(map[string]string{"aud": `["` + tokenURL + `","https://evil.example"]`}), asRead(badAudience)},
		{"ours twice", with(map[string]string{"aud": `["` + tokenURL + `","` + tokenURL + `"]`}), asRead(badAudience)},
		{"a list in a list", with(map[string]string{"aud": `[["` + tokenURL + `"]]`}), asRead(badAudience)},
		{"no end", with(map[string]string{"exp": ""}), asRead(badTimes)},
		{"end in text", with(map[string]string{"exp": `"` + at(time.Minute) + `"`}), asRead(badTimes)},
		{"end of no end", with(map[string]string{"exp": "1e99"}), asRead(badTimes)},
		{"end that overflows", with(map[string]string{"exp": "9223372036854775807"}), asRead(badTimes)},
		{"negative end", with(map[string]string{"exp": "-1"}), asRead(badTimes)},
		{"over", with(map[string]string{"exp": at(-leeway)}), asRead(over)},
		{"too long a life", with(map[string]string{"exp": at(maxAhead + leeway + time.Second)}), asRead(tooLong)},
		{"a life of years", with(map[string]string{"exp": at(10 * 365 * 24 * time.Hour)}), asRead(tooLong)},
		{"not yet", with(map[string]string{"nbf": at(leeway + time.Second)}), asRead(tooEarly)},
		{"issued in the future", with(map[string]string{"iat": at(leeway + time.Second)}), asRead(tooEarly)},
		{"issued never", with(map[string]string{"iat": `null`}), asRead(badTimes)},
		{"no jti", with(map[string]string{"jti": ""}), asRead(badJTI)},
		{"empty jti", with(map[string]string{"jti": `""`}), asRead(badJTI)},
		{"jti a number", with(map[string]string{"jti": `1`}), asRead(badJTI)},
		{"jti too long", with(map[string]string{"jti": `"` + strings.Repeat("j", maxJTI+1) + `"`}), asRead(badJTI)},
	}
	for _, c := range cases {
		r := h.refusalOfRequest(t, c.name, asserted(c.raw))
		if r.Description != c.want || r.Code != "invalid_client" || r.Status != 401 {
			t.Errorf("%s: %+v, want %q", c.name, r, c.want)
		}
	}
	if r := h.refusalOfRequest(t, "client_id of another", asserted(good, "client_id", "second")); r.Description != string(twoClients) {
		t.Errorf("client_id of another: %+v", r)
	}
	// None of all this has used up the jti.
	if err := h.accepts(asserted(good)); err != nil {
		t.Errorf("after the attacks: %v", err)
	}
}

// TestAnAssertionIsGoodOnce: here, after a restart, at another server, and until
// it could not be used anyhow.
func TestAnAssertionIsGoodOnce(t *testing.T) {
	s := newSigner(t, "export", jose.ES256)
	h := newHouse(t)
	h.register(t, systemApp(s.jwks(t)))
	twin := systemApp(s.jwks(t))
	twin.ID = "twin"
	h.register(t, twin)
	raw := s.sign(t, claims(start, nil), nil)
	must(t, h.accepts(asserted(raw)))
	same := s.sign(t, claims(start, map[string]string{"exp": at(2 * time.Minute)}), nil)
	restarted, beside := h.beside(t), h.beside(t)
	for after := time.Duration(0); after < 2*time.Minute+leeway; after += 10 * time.Second {
		h.clk.Set(start.Add(after))
		must(t, h.vault.Sweep(background))
		for name, server := range map[string]*house{"here": h, "restarted": restarted, "beside": beside} {
			for _, again := range []string{raw, same} {
				r := server.refusalOfRequest(t, name, asserted(again))
				if after < time.Minute+leeway && (r.Description != string(refused) || !strings.Contains(r.Why, "used before")) {
					t.Errorf("%s, %v later: %+v", name, after, r)
				}
			}
		}
	}
	h.clk.Set(start)
	if err := h.accepts(asserted(s.sign(t, claims(start, map[string]string{"jti": `"One"`}), nil))); err != nil {
		t.Errorf("another jti: %v", err)
	}
	// A jti is its issuer's own: nobody can use up another's.
	_, _, err := h.auth.Authenticate(background, asserted(s.sign(t, claims(start, map[string]string{"iss": `"twin"`, "sub": `"twin"`}), nil)))
	if err != nil {
		t.Errorf("another client's: %v", err)
	}
}

// TestAServerAheadForgetsNothingTooEarly: it sweeps by its own clock.
func TestAServerAheadForgetsNothingTooEarly(t *testing.T) {
	s := newSigner(t, "export", jose.ES256)
	h := newHouse(t)
	h.register(t, systemApp(s.jwks(t)))
	raw := s.sign(t, claims(start, nil), nil)
	must(t, h.accepts(asserted(raw)))
	h.clk.Set(start.Add(time.Minute + leeway + keptOn - time.Second))
	must(t, h.vault.Sweep(background))
	h.clk.Set(start.Add(time.Minute))
	if r := h.refusalOfRequest(t, "again", asserted(raw)); !strings.Contains(r.Why, "used before") {
		t.Errorf("%+v", r)
	}
}

func TestOfManyAtOnceOneIsAccepted(t *testing.T) {
	s := newSigner(t, "export", jose.ES256)
	h := newHouse(t)
	h.register(t, systemApp(s.jwks(t)))
	raw := s.sign(t, claims(start, nil), nil)
	servers := []*house{h, h.beside(t)}
	var good atomic.Int32
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			if servers[n%2].accepts(asserted(raw)) == nil {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	if good.Load() != 1 {
		t.Errorf("%d accepted", good.Load())
	}
}

// onceTable cannot be written to.
type onceTable struct {
	*vault.Memory
	broken bool
}

func (o *onceTable) Apply(ctx context.Context, changes []vault.Change, now int64) error {
	if o.broken {
		return errBroken
	}
	return o.Memory.Apply(ctx, changes, now)
}

// TestWhatCannotBeRememberedIsNotAccepted: a store that is down must not make
// assertions good for twice.
func TestWhatCannotBeRememberedIsNotAccepted(t *testing.T) {
	s := newSigner(t, "export", jose.ES256)
	table := &onceTable{Memory: vault.NewMemory()}
	h := houseOver(t, table, Outbound{})
	h.register(t, systemApp(s.jwks(t)))
	raw := s.sign(t, claims(start, nil), nil)
	table.broken = true
	var refusal *Refusal
	if err := h.accepts(asserted(raw)); !errors.Is(err, errBroken) || errors.As(err, &refusal) {
		t.Errorf("error %v", err)
	}
	table.broken = false
	if err := h.accepts(asserted(raw)); err != nil {
		t.Errorf("after repair: %v", err)
	}
}

// FuzzAssertionRequest: whatever is sent, nothing is accepted but the good one,
// and every other answer is a Refusal.
func FuzzAssertionRequest(f *testing.F) {
	s := newSigner(f, "export", jose.ES256)
	h := newHouse(f)
	h.register(f, systemApp(s.jwks(f)))
	good := s.sign(f, claims(start, nil), nil)
	f.Add(good, jwtBearer, "", "")
	f.Add(s.sign(f, claims(start, map[string]string{"aud": `["a","b"]`}), map[jose.HeaderKey]any{"jku": "https://a.example/"}), jwtBearer, "export", "")
	f.Add("", "", "ward", "Basic d2FyZDp4")
	f.Fuzz(func(t *testing.T, raw, typ, id, header string) {
		r := asserted(raw)
		r.Form.Set("client_assertion_type", typ)
		r.Form.Set("client_id", id)
		r.Authorization = header
		_, _, err := h.auth.Authenticate(background, r)
		var refusal *Refusal
		switch {
		case err == nil && raw != good:
			t.Fatalf("accepted %q", raw)
		case err != nil && (!errors.As(err, &refusal) || refusal.Description == "" || refusal.Status != 400 && refusal.Status != 401):
			t.Fatalf("error %#v", err)
		}
	})
}
