package client

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"firebreak/vault"
)

func form(pairs ...string) url.Values {
	v := url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		v.Add(pairs[n], pairs[n+1])
	}
	return v
}

// refusalOfRequest is the Refusal, which must be there.
func (h *house) refusalOfRequest(t *testing.T, name string, r Request) *Refusal {
	t.Helper()
	if r.Audiences == nil {
		r.Audiences = []string{tokenURL, issuer}
	}
	c, m, err := h.auth.Authenticate(background, r)
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Errorf("%s: client %q by %q, error %v; want a Refusal", name, c.ID, m, err)
		return &Refusal{}
	}
	if c.ID != "" || m != "" {
		t.Errorf("%s: refused, and yet client %q by %q", name, c.ID, m)
	}
	return refusal
}

// crowd has a client of each method.
func crowd(t *testing.T) (h *house, basicSecret, postSecret string) {
	h = newHouse(t)
	h.register(t, publicApp())
	basicSecret = h.register(t, secretApp())
	post := secretApp()
	post.ID, post.Method = "post", SecretPost
	postSecret = h.register(t, post)
	h.register(t, systemApp(newSigner(t, "export", jose.ES384).jwks(t)))
	cert := systemApp("")
	cert.ID, cert.Method, cert.Certificate = "gate", TLS, CertificateRule{DNS: "gate.example"}
	h.register(t, cert)
	off := secretApp()
	off.ID, off.Disabled = "off", true
	h.register(t, off)
	return h, basicSecret, postSecret
}

func TestEachMethodAuthenticatesItsClient(t *testing.T) {
	h, basicSecret, postSecret := crowd(t)
	assertion := newSigner(t, "export", jose.ES384).sign(t, claims(start, nil), nil)
	cert := &Certificate{DNSNames: []string{"gate.example"}, Verified: true}
	cases := []struct {
		id     string
		method Method
		r      Request
	}{
		{"growth", None, Request{Form: form("client_id", "growth")}},
		{"growth", None, Request{Form: form("client_id", "growth", "client_secret", "")}},
		{"growth", None, Request{Form: form("client_id", "growth"), Certificate: cert}},
		{"ward", SecretBasic, Request{Authorization: basic("ward", basicSecret)}},
		{"ward", SecretBasic, Request{Authorization: "bAsIc  " + b64("w%61rd:"+url.QueryEscape(basicSecret)), Form: form("client_id", "ward")}},
		{"post", SecretPost, Request{Form: form("client_id", "post", "client_secret", postSecret)}},
		{"gate", TLS, Request{Form: form("client_id", "gate"), Certificate: cert}},
		{"export", PrivateKeyJWT, Request{Form: form("client_assertion", assertion, "client_assertion_type", jwtBearer), Audiences: []string{tokenURL}}},
	}
	for _, c := range cases {
		got, m, err := h.auth.Authenticate(background, c.r)
		if err != nil || got.ID != c.id || m != c.method {
			t.Errorf("%s by %s: client %q by %q, error %v", c.id, c.method, got.ID, m, err)
		}
	}
}

// TestWhatIsRegisteredIsNotTold: no such client, another method, a wrong proof,
// disabled: one answer for all.
func TestWhatIsRegisteredIsNotTold(t *testing.T) {
	h, basicSecret, postSecret := crowd(t)
	ended := secretApp()
	ended.ID, ended.Until = "ended", start
	endedSecret := h.register(t, ended)
	wrong := secretPrefix + strings.Repeat("A", 43)
	cases := []struct {
		name string
		r    Request
	}{
		{"no such client, by secret", Request{Authorization: basic("nobody", wrong)}},
		{"no such client, in the body", Request{Form: form("client_id", "nobody", "client_secret", wrong)}},
		{"no such client, without proof", Request{Form: form("client_id", "nobody")}},
		{"an id that cannot be", Request{Form: form("client_id", "../nobody")}},
		{"wrong secret", Request{Authorization: basic("ward", wrong)}},
		{"no letter of the secret", Request{Authorization: basic("ward", "x")}},
		{"another client's secret", Request{Authorization: basic("ward", postSecret)}},
		{"the hash for the secret", Request{Authorization: basic("ward", "\x00")}},
		{"the secret in the body", Request{Form: form("client_id", "ward", "client_secret", basicSecret)}},
		{"the secret in the header", Request{Authorization: basic("post", postSecret)}},
		{"no secret", Request{Form: form("client_id", "ward")}},
		{"disabled", Request{Authorization: basic("off", wrong)}},
		{"ended", Request{Authorization: basic("ended", endedSecret)}},
		{"a public client with a secret", Request{Authorization: basic("growth", wrong)}},
		{"a client that signs, with a secret", Request{Authorization: basic("export", wrong)}},
		{"a client that signs, without", Request{Form: form("client_id", "export")}},
		{"no certificate", Request{Form: form("client_id", "gate")}},
		{"another certificate", Request{Form: form("client_id", "gate"), Certificate: &Certificate{DNSNames: []string{"other.example"}, Verified: true}}},
		{"a certificate of its own making", Request{Form: form("client_id", "gate"), Certificate: &Certificate{DNSNames: []string{"gate.example"}}}},
		{"a certificate for a client with a secret", Request{Form: form("client_id", "ward"), Certificate: &Certificate{DNSNames: []string{"gate.example"}, Verified: true}}},
	}
	whys := map[string]bool{}
	for _, c := range cases {
		r := h.refusalOfRequest(t, c.name, c.r)
		if r.Code != "invalid_client" || r.Status != 401 || r.Description != string(refused) {
			t.Errorf("%s: %+v", c.name, r)
		}
		if (r.Challenge != "") != (c.r.Authorization != "") {
			t.Errorf("%s: challenge %q", c.name, r.Challenge)
		}
		if strings.Contains(r.Error(), "fbsecret") {
			t.Errorf("%s: the secret is in the error: %v", c.name, r)
		}
		whys[r.Why] = true
	}
	if len(whys) != 5 {
		t.Errorf("the operator is told %v", whys)
	}
}

// TestUnknownClientsCostTheSameWork counts what takes time: hashes, comparisons,
// verified signatures.
func TestUnknownClientsCostTheSameWork(t *testing.T) {
	h, basicSecret, _ := crowd(t)
	s := newSigner(t, "export", jose.ES384)
	foreign := newSigner(t, "foreign", jose.ES384)
	foreign.kid = s.kid
	by := func(s signer, id, jti string) Request {
		raw := s.sign(t, claims(start, map[string]string{"iss": `"` + id + `"`, "sub": `"` + id + `"`, "jti": `"` + jti + `"`}), nil)
		return Request{Form: form("client_assertion", raw, "client_assertion_type", jwtBearer), Audiences: []string{tokenURL}}
	}
	unknownKid := s
	unknownKid.kid = "other"
	jku := Request{Form: form("client_assertion", s.sign(t, claims(start, nil), map[jose.HeaderKey]any{"jku": "https://a.example/"}), "client_assertion_type", jwtBearer), Audiences: []string{tokenURL}}
	secrets := map[string]Request{"known": {Authorization: basic("ward", basicSecret)}, "wrong": {Authorization: basic("ward", "x")}, "disabled": {Authorization: basic("off", "x")},
		"unknown": {Authorization: basic("nobody", "x")}, "no secret registered": {Authorization: basic("export", "x")}, "in the body": {Form: form("client_id", "nobody", "client_secret", "x")}}
	assertions := map[string]Request{"known": by(s, "export", "a"), "foreign key": by(foreign, "export", "b"), "unknown": by(s, "nobody", "c"), "by secret": by(s, "ward", "d"),
		"disabled": by(s, "off", "e"), "unknown kid": by(unknownKid, "export", "f"), "jku": jku}
	count := func(r Request) [3]int64 {
		w := &h.auth.work
		before := [3]int64{w.hashes.Load(), w.compares.Load(), w.verifications.Load()}
		_, _, _ = h.auth.Authenticate(background, r)
		return [3]int64{w.hashes.Load() - before[0], w.compares.Load() - before[1], w.verifications.Load() - before[2]}
	}
	for name, r := range secrets {
		if got, want := count(r), [3]int64{1, maxSecrets, 0}; got != want {
			t.Errorf("secret, %s: work %v, want %v", name, got, want)
		}
	}
	for name, r := range assertions {
		if got, want := count(r), [3]int64{0, 0, 1}; got != want {
			t.Errorf("assertion, %s: work %v, want %v", name, got, want)
		}
	}
}

// TestDummyKeysFitTheirAlgorithms: a dummy that did not fit would be refused
// before any work was done.
func TestDummyKeysFitTheirAlgorithms(t *testing.T) {
	h := newHouse(t)
	for _, alg := range []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256, jose.RS384, jose.PS384} {
		s := newSigner(t, "export", alg)
		raw := s.sign(t, claims(start, nil), nil)
		p, err := h.auth.readAssertion(Request{Form: form("client_assertion", raw, "client_assertion_type", jwtBearer), Audiences: []string{tokenURL}})
		must(t, err)
		if p.assertion.SignedBy(h.auth.dummies[string(alg)]) {
			t.Errorf("%s: the dummy signs", alg)
		}
		if !h.auth.dummies[string(alg)].Fits(string(alg)) {
			t.Errorf("%s: the dummy does not fit", alg)
		}
	}
	if len(h.auth.dummies) != len(Algorithms()) {
		t.Errorf("%d dummies", len(h.auth.dummies))
	}
}

// TestRequestsThatShowTheirFault: RFC 6749 §2.3, §3.2 and §5.2.
func TestRequestsThatShowTheirFault(t *testing.T) {
	h, secret, post := crowd(t)
	ok := basic("ward", secret)
	cases := []struct {
		name string
		r    Request
		want literal
	}{
		{"nothing", Request{}, noClient},
		{"a secret without client", Request{Form: form("client_secret", post)}, noClient},
		{"an empty id", Request{Form: form("client_id", "")}, noClient},
		{"secret in the URL", Request{Form: form("client_id", "post"), Query: form("client_secret", post)}, inQuery},
		{"id in the URL", Request{Form: form("client_secret", post), Query: form("client_id", "post")}, inQuery},
		{"an empty secret in the URL", Request{Authorization: ok, Query: form("client_secret", "")}, inQuery},
		{"assertion in the URL", Request{Authorization: ok, Query: form("client_assertion", "a")}, inQuery},
		{"two ids", Request{Form: form("client_id", "growth", "client_id", "ward")}, repeated},
		{"the same id twice", Request{Form: form("client_id", "growth", "client_id", "growth")}, repeated},
		{"two secrets", Request{Form: form("client_id", "post", "client_secret", post, "client_secret", "x")}, repeated},
		{"header and body", Request{Authorization: ok, Form: form("client_id", "ward", "client_secret", secret)}, severalWays},
		{"header and assertion", Request{Authorization: ok, Form: form("client_assertion", "a", "client_assertion_type", jwtBearer)}, severalWays},
		{"secret and assertion", Request{Form: form("client_id", "post", "client_secret", post, "client_assertion", "a")}, severalWays},
		{"header of one, id of another", Request{Authorization: ok, Form: form("client_id", "growth")}, twoClients},
		{"another scheme", Request{Authorization: "Bearer abc"}, badBasic},
		{"no base64", Request{Authorization: "Basic ###"}, badBasic},
		{"base64 with bits too many", Request{Authorization: "Basic YR=="}, badBasic},
		{"no colon", Request{Authorization: "Basic " + b64("ward")}, badBasic},
		{"no secret", Request{Authorization: "Basic " + b64("ward:")}, badBasic},
		{"no id", Request{Authorization: "Basic " + b64(":"+secret)}, badBasic},
		{"a bad escape", Request{Authorization: "Basic " + b64("ward:%zz")}, badBasic},
		{"two headers joined", Request{Authorization: ok + ", " + ok}, badBasic},
		{"far too long", Request{Authorization: "Basic " + strings.Repeat("A", 5000)}, badBasic},
		{"assertion without type", Request{Form: form("client_assertion", "a")}, halfAsserted},
		{"type without assertion", Request{Form: form("client_id", "export", "client_assertion_type", jwtBearer)}, halfAsserted},
		{"another type", Request{Form: form("client_assertion", "a", "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer")}, halfAsserted},
	}
	malformedOnes := map[literal]bool{inQuery: true, repeated: true, severalWays: true, twoClients: true}
	for _, c := range cases {
		r := h.refusalOfRequest(t, c.name, c.r)
		code, status := "invalid_client", 401
		if malformedOnes[c.want] {
			code, status = "invalid_request", 400
		}
		if r.Description != string(c.want) || r.Code != code || r.Status != status {
			t.Errorf("%s: %+v, want %q", c.name, r, c.want)
		}
		if (r.Challenge != "") != (c.r.Authorization != "" && code == "invalid_client") {
			t.Errorf("%s: challenge %q", c.name, r.Challenge)
		}
	}
}

func TestDescriptionsMayBeSent(t *testing.T) {
	for _, l := range []literal{refused, inQuery, repeated, severalWays, twoClients, noClient, badBasic, halfAsserted, badType, badIssuer, badAudience, badTimes, over, tooLong, tooEarly, badJTI} {
		if !scopeToken(strings.ReplaceAll(string(l), " ", "_")) { // the characters of RFC 6749 §5.2 but for the space
			t.Errorf("%q", l)
		}
	}
}

// TestAnEndedContextIsNoRefusal: the client may be as good as any.
func TestAnEndedContextIsNoRefusal(t *testing.T) {
	h := houseOver(t, ctxTable{vault.NewMemory(), true}, Outbound{})
	gone, cancel := context.WithCancel(background)
	cancel()
	var refusal *Refusal
	_, _, err := h.auth.Authenticate(gone, Request{Form: form("client_id", "growth")})
	if !errors.Is(err, context.Canceled) || errors.As(err, &refusal) {
		t.Errorf("error %v", err)
	}
}

// ctxTable minds its context, as a database does.
type ctxTable struct {
	*vault.Memory
	shared bool
}

func (c ctxTable) Shared() bool { return c.shared }

func (c ctxTable) Row(ctx context.Context, kind, name string, now int64) (vault.Row, bool, error) {
	if err := ctx.Err(); err != nil {
		return vault.Row{}, false, err
	}
	return c.Memory.Row(ctx, kind, name, now)
}

func (c ctxTable) Rows(ctx context.Context, kind, tag, after string, limit int, now int64) ([]vault.Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.Memory.Rows(ctx, kind, tag, after, limit, now)
}
