package smart_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/transport"
)

// app is an application: it keeps its verifier and its state, and asks for tokens.
type app struct {
	n      *node
	c      client.Client
	secret string
	key    *key // signs assertions
	dpop   *key // signs proofs, when it has one
	cert   string

	verifier, state, nonce string
}

// key is an EC key with its name.
type key struct {
	private *ecdsa.PrivateKey
	kid     string
	alg     jose.SignatureAlgorithm
}

func newKey(w *world, curve elliptic.Curve, alg jose.SignatureAlgorithm) *key {
	w.t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	must(w.t, err)
	return &key{k, "app-key-1", alg}
}

func (k *key) public() jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.private.Public(), KeyID: k.kid, Algorithm: string(k.alg), Use: "sig"}
}

func (k *key) thumbprint(w *world) string {
	w.t.Helper()
	sum, err := (&jose.JSONWebKey{Key: k.private.Public()}).Thumbprint(crypto.SHA256)
	must(w.t, err)
	return base64.RawURLEncoding.EncodeToString(sum)
}

func text(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

var p256 = elliptic.P256()

const callback = "https://app.example/cb"

// allScopes are what the tests' applications are registered for.
var allScopes = []string{"openid", "fhirUser", "profile", "launch", "launch/patient", "online_access", "offline_access",
	"patient/*.cruds", "user/*.cruds", "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"}

// register makes an application; what is not said of it is a public one.
func (n *node) register(c client.Client) *app {
	n.w.t.Helper()
	a := &app{n: n}
	if c.ID == "" {
		c.ID = "growth"
	}
	if c.Name == "" {
		c.Name, c.Publisher = "Growth chart", "North Apps"
	}
	if c.Kind == "" {
		c.Kind, c.Method = client.Public, client.None
	}
	if c.Kind != client.System {
		if c.RedirectURIs == nil {
			c.RedirectURIs = []string{callback}
		}
		if c.Scopes == nil {
			c.Scopes, c.Offline = allScopes, true
		}
	}
	if c.Method == client.PrivateKeyJWT {
		a.key = newKey(n.w, elliptic.P384(), jose.ES384)
		set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{a.key.public()}})
		must(n.w.t, err)
		c.Keys = string(set)
	}
	r, secret, err := n.clients.Register(background, c, "admin")
	must(n.w.t, err)
	a.c, a.secret = r.Client, secret
	n.w.secret(secret)
	return a
}

func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// request is an authorization request with parameters changed; "" takes one out.
func (a *app) request(pairs ...string) url.Values {
	a.verifier, a.state, a.nonce = text(32), text(9), text(9)
	a.n.w.secret(a.verifier)
	v := form("response_type", "code", "client_id", a.c.ID, "redirect_uri", a.c.RedirectURIs[0], "scope", "openid fhirUser launch/patient patient/*.rs",
		"state", a.state, "aud", base, "nonce", a.nonce, "code_challenge", challenge(a.verifier), "code_challenge_method", "S256")
	for i := 0; i < len(pairs); i += 2 {
		if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			v.Del(pairs[i])
		}
	}
	return v
}

// start opens the authorization endpoint in a browser.
func (a *app) start(b *browser, pairs ...string) page {
	a.n.w.t.Helper()
	return b.open(issuer + "/authorize?" + a.request(pairs...).Encode())
}

// through answers whatever the person is asked, as that person, and grants all.
func (a *app) through(p page, login string) page {
	a.n.w.t.Helper()
	for range 6 {
		switch {
		case p.has("/signin"):
			p = p.signIn(login)
		case p.has("/patient/find"):
			p = p.b.post("/auth/patient", form("flow", p.at("/patient").fields.Get("flow"), "csrf", p.at("/patient").fields.Get("csrf"), "patient", "p2"))
		case p.has("/consent"):
			p = p.allow(p.at("/consent").offered["scope"], nil)
		default:
			return p
		}
	}
	return p
}

// code is the code of a whole launch.
func (a *app) code(b *browser, login string, pairs ...string) string {
	a.n.w.t.Helper()
	back := a.through(a.start(b, pairs...), login).back()
	if back.Get("code") == "" || back.Get("state") != a.state || back.Get("iss") != issuer {
		a.n.w.t.Fatalf("no code, or not for this request: %v", back)
	}
	return back.Get("code")
}

// got is a token response.
type got struct {
	status  int
	answer  smart.Answer
	Error   string `json:"error"`
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	Scope   string `json:"scope"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Patient string `json:"patient"`
	all     map[string]any
}

// ask posts to an endpoint with what proves who the application is.
func (a *app) ask(path string, v url.Values) got {
	a.n.w.t.Helper()
	req := transport.WebRequest{Method: "POST", Path: "/auth" + path, ContentType: "application/x-www-form-urlencoded", Certificate: a.cert}
	switch a.c.Method {
	case client.SecretBasic:
		req.Authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(a.c.ID)+":"+url.QueryEscape(a.secret)))
	case client.SecretPost:
		v.Set("client_id", a.c.ID)
		v.Set("client_secret", a.secret)
	case client.PrivateKeyJWT:
		v.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		v.Set("client_assertion", a.assertion(nil))
	default:
		v.Set("client_id", a.c.ID)
	}
	if a.dpop != nil {
		req.DPoP = a.proof("POST", issuer+path, "")
	}
	req.Body = []byte(v.Encode())
	return a.n.posted(req)
}

// posted sends a request and reads the answer as a token response.
func (n *node) posted(req transport.WebRequest) got {
	n.w.t.Helper()
	a := n.serve(req)
	out := got{status: a.Reply.Status, answer: a, all: map[string]any{}}
	if len(a.Reply.Body) > 0 && a.Reply.ContentType == "application/json" {
		must(n.w.t, json.Unmarshal(a.Reply.Body, &out))
		must(n.w.t, json.Unmarshal(a.Reply.Body, &out.all))
	}
	n.w.secret(out.Access, out.Refresh, out.ID)
	return out
}

// assertion is a private_key_jwt with claims changed.
func (a *app) assertion(change func(map[string]any)) string {
	now := a.n.w.clk.Now().Unix()
	claims := map[string]any{"iss": a.c.ID, "sub": a.c.ID, "aud": issuer + "/token", "iat": now, "exp": now + 60, "jti": text(12)}
	if change != nil {
		change(claims)
	}
	out := a.key.sign(a.n.w, claims, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", a.key.kid))
	a.n.w.secret(out)
	return out
}

func (k *key) sign(w *world, claims map[string]any, opts *jose.SignerOptions) string {
	w.t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: k.alg, Key: k.private}, opts)
	must(w.t, err)
	payload, err := json.Marshal(claims)
	must(w.t, err)
	jws, err := s.Sign(payload)
	must(w.t, err)
	raw, err := jws.CompactSerialize()
	must(w.t, err)
	return raw
}

// proof is a DPoP proof (RFC 9449 section 4.2).
func (a *app) proof(method, to, access string) string {
	claims := map[string]any{"jti": text(12), "htm": method, "htu": to, "iat": a.n.w.clk.Now().Unix()}
	if access != "" {
		claims["ath"] = challenge(access)
	}
	return a.dpop.sign(a.n.w, claims, (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt"))
}

func (a *app) exchange(code string, pairs ...string) got {
	a.n.w.t.Helper()
	v := form("grant_type", "authorization_code", "code", code, "redirect_uri", a.c.RedirectURIs[0], "code_verifier", a.verifier)
	for i := 0; i < len(pairs); i += 2 {
		if v.Set(pairs[i], pairs[i+1]); pairs[i+1] == "" {
			v.Del(pairs[i])
		}
	}
	return a.ask("/token", v)
}

func (a *app) refresh(token string, pairs ...string) got {
	a.n.w.t.Helper()
	v := form("grant_type", "refresh_token", "refresh_token", token)
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return a.ask("/token", v)
}

func (a *app) introspect(token string) got {
	a.n.w.t.Helper()
	return a.ask("/introspect", form("token", token))
}

// tokens is a launch from beginning to end.
func (a *app) tokens(b *browser, login string, pairs ...string) got {
	a.n.w.t.Helper()
	return a.exchange(a.code(b, login, pairs...)).ok(a.n.w)
}

func (g got) ok(w *world) got {
	w.t.Helper()
	if g.status != 200 {
		w.t.Fatalf("%d %s", g.status, g.answer.Reply.Body)
	}
	return g
}

// refused checks that nothing was given, and why.
func (g got) refused(w *world, why string) {
	w.t.Helper()
	if g.status < 400 || g.Error != why || g.Access != "" || g.Refresh != "" || g.ID != "" {
		w.t.Errorf("answered %d %s, want the error %s", g.status, g.answer.Reply.Body, why)
	}
}

// claims are those of a JWS, whoever signed it.
func claims(w *world, raw string) map[string]any {
	w.t.Helper()
	part := strings.Split(raw, ".")
	if len(part) != 3 {
		w.t.Fatalf("no JWS: %q", raw)
	}
	b, err := base64.RawURLEncoding.DecodeString(part[1])
	must(w.t, err)
	out := map[string]any{}
	must(w.t, json.Unmarshal(b, &out))
	return out
}

func same(w *world, what string, got, want any) {
	w.t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// challengeHalf is at_hash: the left half of the SHA-256 (OpenID Connect Core
// 1.0 section 3.1.3.6).
func challengeHalf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// signRaw signs a header and a payload as they are.
func (k *key) signRaw(w *world, input string) string {
	w.t.Helper()
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, sum[:])
	must(w.t, err)
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func hmacSigned(input string, secret []byte) string {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}
