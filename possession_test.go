package firebreak_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak"
	"firebreak/clock"
	"firebreak/fhir"
)

// clientKey is a key that signs JWTs: an issuer's or a client's.
type clientKey struct {
	*ecdsa.PrivateKey
	public jose.JSONWebKey
	jkt    string
}

func newClientKey(t *testing.T) clientKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public := jose.JSONWebKey{Key: key.Public()}
	print, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return clientKey{key, public, base64.RawURLEncoding.EncodeToString(print)}
}

func (k clientKey) sign(t *testing.T, opts *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.PrivateKey}, opts)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func hash64(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// bindingIssuer is a configured issuer of bound tokens.
func bindingIssuer(t *testing.T, change func(*firebreak.IssuerConfig)) (firebreak.Config, func(cnf map[string]string) string) {
	t.Helper()
	key := newClientKey(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.public}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := local(t, filepath.Join(dir, "data"))
	cfg.LocalIssuer = ""
	i := firebreak.IssuerConfig{Name: "https://idp.example.org", Audience: []string{base}, JWKSFile: file, Algorithms: []string{"ES256"}}
	if change != nil {
		change(&i)
	}
	cfg.Issuers = []firebreak.IssuerConfig{i}
	return cfg, func(cnf map[string]string) string {
		claims := map[string]any{"iss": i.Name, "aud": base, "sub": "anna", "scope": "user/*.cruds", "exp": clock.System{}.Now().Add(time.Minute).Unix(),
			"fhirUser": "Practitioner/anna", "roles": []string{"physician"}, "organization": "Organization/north"}
		if cnf != nil {
			claims["cnf"] = cnf
		}
		return key.sign(t, (&jose.SignerOptions{}).WithType("at+jwt"), claims)
	}
}

// TestProofOfPossessionIsAskedForAtTheDoor sends bound tokens through the whole
// server: what counts is the header, the method and the URL of this request, and
// the certificate of this connection.
func TestProofOfPossessionIsAskedForAtTheDoor(t *testing.T) {
	cfg, mint := bindingIssuer(t, nil)
	i := openInstance(t, cfg)
	defer i.Close()
	client := newClientKey(t)
	bound := mint(map[string]string{"jkt": client.jkt})
	print := sha256.Sum256([]byte("a certificate"))
	certificate := mint(map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(print[:])})
	proof := func(method, url string) string {
		opts := (&jose.SignerOptions{}).WithType("dpop+jwt").WithHeader("jwk", client.public)
		// A second ahead: what is dated before the server's start counts as used.
		return client.sign(t, opts, map[string]any{"jti": rand.Text(), "htm": method, "htu": url, "iat": clock.System{}.Now().Unix() + 1, "ath": hash64(bound)})
	}
	get := func(change func(*fhir.Request)) *fhir.Request {
		r := &fhir.Request{Method: "GET", Base: base, Path: "Patient/p1", Query: "_pretty=true", Visit: "v"}
		change(r)
		return r
	}
	used := proof("GET", base+"/Patient/p1")
	for _, c := range []struct {
		name   string
		req    *fhir.Request
		status int // 404: past the door, where nothing is stored
		want   string
	}{
		{"bound, with proof", get(func(r *fhir.Request) { r.Authorization, r.DPoP = "DPoP "+bound, used }), 404, ""},
		{"the same proof", get(func(r *fhir.Request) { r.Authorization, r.DPoP = "DPoP "+bound, used }), 401, `DPoP realm="firebreak", error="invalid_dpop_proof"`},
		{"proof for another record", get(func(r *fhir.Request) { r.Authorization, r.DPoP = "DPoP "+bound, proof("GET", base+"/Patient/p2") }), 401, `error="invalid_dpop_proof"`},
		{"proof for another method", get(func(r *fhir.Request) { r.Authorization, r.DPoP = "DPoP "+bound, proof("PUT", base+"/Patient/p1") }), 401, `error="invalid_dpop_proof"`},
		{"no proof", get(func(r *fhir.Request) { r.Authorization = "DPoP " + bound }), 401, `error="invalid_dpop_proof"`},
		{"bound, as Bearer", get(func(r *fhir.Request) { r.Authorization, r.DPoP = "Bearer "+bound, proof("GET", base+"/Patient/p1") }), 401, `DPoP realm="firebreak", error="invalid_token"`},
		{"its certificate", get(func(r *fhir.Request) {
			r.Authorization, r.ClientCertificate = "Bearer "+certificate, hex.EncodeToString(print[:])
		}), 404, ""},
		{"bound, for what is not granted", get(func(r *fhir.Request) {
			r.Method, r.Path, r.Authorization, r.DPoP = "DELETE", "Practitioner/p1", "DPoP "+bound, proof("DELETE", base+"/Practitioner/p1")
		}), 403, `DPoP error="insufficient_scope"`},
		{"a certificate's, for what is not granted", get(func(r *fhir.Request) {
			r.Method, r.Path, r.Authorization, r.ClientCertificate = "DELETE", "Practitioner/p1", "Bearer "+certificate, hex.EncodeToString(print[:])
		}), 403, `Bearer error="insufficient_scope"`},
		{"no certificate", get(func(r *fhir.Request) { r.Authorization = "Bearer " + certificate }), 401, `Bearer realm="firebreak", error="invalid_token"`},
		{"nothing", get(func(*fhir.Request) {}), 401, `Bearer realm="firebreak", DPoP algs="ES256`},
	} {
		w := httptest.NewRecorder()
		if _, err := i.Serve(t.Context(), *c.req).WriteTo(w, false); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("WWW-Authenticate"); w.Code != c.status || !strings.Contains(got, c.want) {
			t.Errorf("%s: %d, %q, want %d and %s", c.name, w.Code, got, c.status, c.want)
		}
	}
}

// TestKeycloaksWayOfRevokingHolds: with introspection an issuer's word counts at
// each request, and its silence is nobody's consent.
func TestKeycloaksWayOfRevokingHolds(t *testing.T) {
	answer, status := `{"active":true}`, 200
	idp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "firebreak" || secret != "s3cret" || r.PostFormValue("token") == "" {
			status = 401
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		w.Write([]byte(answer))
	}))
	defer idp.Close()
	t.Setenv("FIREBREAK_TEST_SECRET", "s3cret")
	cfg, mint := bindingIssuer(t, func(i *firebreak.IssuerConfig) {
		i.PlainLoopback = true
		i.Introspection = firebreak.IntrospectionConfig{URL: idp.URL, ClientID: "firebreak", ClientSecretEnv: "FIREBREAK_TEST_SECRET", Always: true}
	})
	i := openInstance(t, cfg)
	defer i.Close()
	token := mint(nil)
	for _, c := range []struct {
		name, answer string
		idp, status  int
	}{
		{"active", `{"active":true}`, 200, 404},
		{"revoked", `{"active":false}`, 200, 401},
		{"down", `{"active":true}`, 503, 503},
		{"active again", `{"active":true}`, 200, 404},
	} {
		answer, status = c.answer, c.idp
		w := httptest.NewRecorder()
		req := fhir.Request{Method: "GET", Base: base, Path: "Patient/p1", Visit: "v", Authorization: "Bearer " + token}
		if _, err := i.Serve(context.WithoutCancel(t.Context()), req).WriteTo(w, false); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d: %s", c.name, w.Code, c.status, w.Body)
		}
	}
}

// TestIntrospectionKeysAreRead: the key's kind says the algorithm.
func TestIntrospectionKeysAreRead(t *testing.T) {
	der, err := x509.MarshalPKCS8PrivateKey(newClientKey(t).PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	good := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for name, c := range map[string]struct {
		text []byte
		err  string
	}{"P-256": {good, ""}, "no PEM": {der, "no PRIVATE KEY"}, "another block": {[]byte(strings.ReplaceAll(string(good), "PRIVATE", "PUBLIC")), "no PRIVATE KEY"}} {
		cfg, _ := bindingIssuer(t, func(i *firebreak.IssuerConfig) {
			file := filepath.Join(t.TempDir(), "key.pem")
			if err := os.WriteFile(file, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			i.Introspection = firebreak.IntrospectionConfig{URL: "https://idp.example.org/i", ClientID: "firebreak", KeyFile: file}
		})
		i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err == nil {
			err = i.Close()
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", name, err, c.err)
		}
	}
}
