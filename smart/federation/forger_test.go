package federation_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
	"firebreak/smart/federation"
	"firebreak/vault"
)

type object = map[string]any

// forger is an attacker who runs a provider, or sits in the place of one: it
// keeps to the protocol but for what a test changes.
type forger struct {
	t      *testing.T
	server *httptest.Server
	clock  *clock.Fixed
	key    *ecdsa.PrivateKey

	nonce, challenge string // of the last sign-in that was begun

	// What a test may change.
	metadata func(object)                // of what is published
	header   object                      // of the ID token
	claims   func(object)                // of the ID token
	token    func() string               // the ID token
	instead  map[string]http.HandlerFunc // by path
	access   string                      // the access token
	userinfo object

	mu   sync.Mutex
	hits map[string]int // by path
}

func newForger(t *testing.T) *forger {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &forger{t: t, key: key, clock: clock.NewFixed(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), header: object{},
		instead: map[string]http.HandlerFunc{}, access: "access", hits: map[string]int{}}
	f.server = httptest.NewServer(f)
	t.Cleanup(f.server.Close)
	return f
}

func (f *forger) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits[path]
}

// ServeHTTP answers as a provider does.
func (f *forger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.hits[r.URL.Path]++
	f.mu.Unlock()
	if h := f.instead[r.URL.Path]; h != nil {
		h(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(f.answer(w, r))
}

func (f *forger) answer(w http.ResponseWriter, r *http.Request) any {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		doc := object{
			"issuer": f.server.URL, "authorization_endpoint": f.server.URL + "/authorize", "token_endpoint": f.server.URL + "/token",
			"jwks_uri": f.server.URL + "/jwks", "userinfo_endpoint": f.server.URL + "/userinfo",
			"id_token_signing_alg_values_supported": []string{"none", "HS256", "ES256"},
		}
		if f.metadata != nil {
			f.metadata(doc)
		}
		return doc
	case "/jwks":
		return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "k", Algorithm: "ES256"}}}
	case "/userinfo":
		return f.userinfo
	case "/token":
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		id, secret, _ := r.BasicAuth()
		if base64.RawURLEncoding.EncodeToString(sum[:]) != f.challenge || id != "us" || secret != "hush" || r.PostFormValue("code") != "code" {
			w.WriteHeader(http.StatusBadRequest)
			return object{"error": "invalid_grant"}
		}
		token := f.idToken()
		if f.token != nil {
			token = f.token()
		}
		return object{"access_token": f.access, "token_type": "Bearer", "id_token": token}
	}
	w.WriteHeader(http.StatusNotFound)
	return object{}
}

func (f *forger) idToken() string {
	now := f.clock.Now().Unix()
	claims := object{"iss": f.server.URL, "sub": "somebody", "aud": "us", "exp": now + 300, "iat": now, "nonce": f.nonce, "auth_time": now}
	if f.claims != nil {
		f.claims(claims)
	}
	return signed(f.t, f.header, claims, f.key)
}

// signed is a JWT by a key: *ecdsa.PrivateKey, []byte for HMAC, nil for none at
// all. claims are JSON when they are a string.
func signed(t *testing.T, header object, claims any, key any) string {
	t.Helper()
	h := object{"alg": map[bool]string{true: "ES256", false: "none"}[key != nil], "kid": "k"}
	for name, v := range header {
		h[name] = v
	}
	part := func(v any) string {
		if text, ok := v.(string); ok {
			return base64.RawURLEncoding.EncodeToString([]byte(text))
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	input := part(h) + "." + part(claims)
	var signature []byte
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		sum := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case []byte:
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(input))
		signature = mac.Sum(nil)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// fed is a federation whose providers are forgers; the first one's clock is all
// of theirs.
func fed(t *testing.T, change func(*federation.Config), forgers ...*forger) *federation.Federation {
	t.Helper()
	secret := secretFile(t, "hush")
	var list []federation.Config
	for n, f := range forgers {
		c := federation.Config{
			ID: "p" + string(rune('0'+n)), Name: "Forger", Issuer: f.server.URL, ClientID: "us", ClientSecretFile: secret, PlainLoopback: true,
		}
		if change != nil {
			change(&c)
		}
		list = append(list, c)
	}
	out, err := federation.New(federation.Options{
		Providers: list, Base: "https://us.example/auth", FHIRBases: []string{"https://us.example/fhir"}, Clock: forgers[0].clock,
		Egress: http.DefaultTransport, Vault: vault.New(vault.NewMemory(), vault.RandomKeys(), forgers[0].clock),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// begin sends a browser to the forger, who answers with these parameters.
func (f *forger) begin(to *federation.Federation, id, flow string, ask federation.Ask) (asked, answer url.Values) {
	f.t.Helper()
	where, err := to.Begin(context.Background(), id, federation.Flow{ID: "id", Secret: flow}, ask)
	if err != nil {
		f.t.Fatal(err)
	}
	if !strings.HasPrefix(where, f.server.URL+"/authorize?") {
		f.t.Fatalf("sent to %s", where)
	}
	u, err := url.Parse(where)
	if err != nil {
		f.t.Fatal(err)
	}
	asked = u.Query()
	f.nonce, f.challenge = asked.Get("nonce"), asked.Get("code_challenge")
	return asked, url.Values{"code": {"code"}, "state": {asked.Get("state")}}
}

// holding is a browser that holds this secret for the flow of all these tests.
func holding(secret string) func(string) string {
	return func(flow string) string {
		if flow != "id" {
			return ""
		}
		return secret
	}
}
