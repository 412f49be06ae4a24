package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"firebreak"
	"firebreak/clock"
	"firebreak/smart/client"
)

// clientCA is an authority for clients' certificates.
type clientCA struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newClientCA(t *testing.T) *clientCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &clientCA{t: t, key: key}
	ca.cert = &x509.Certificate{Subject: pkix.Name{CommonName: "clients"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := ca.make(ca.cert, key)
	ca.file = filepath.Join(t.TempDir(), "clients.pem")
	if err := os.WriteFile(ca.file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return ca
}

func (ca *clientCA) make(of *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	ca.t.Helper()
	now := clock.System{}.Now()
	of.SerialNumber, of.NotBefore, of.NotAfter = big.NewInt(now.UnixNano()), now.Add(-time.Hour), now.Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, of, ca.cert, key.Public(), ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	return der
}

// client is a certificate of a host, with a new key.
func (ca *clientCA) client(host string) tls.Certificate {
	ca.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	der := ca.make(&x509.Certificate{Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func system(id string, change func(*client.Client)) client.Client {
	c := client.Client{ID: id, Name: id, Kind: client.System, Scopes: []string{"system/*.rs"}, Roles: []string{"system"}}
	change(&c)
	return c
}

// TestACertificateIsAllThatASystemNeeds: a program finds in the discovery document
// where to come with its certificate, gets a token there that is bound to it, and
// reads with both. The token alone, or with another certificate, opens nothing;
// and another certificate gets none, though the same authority has issued it.
func TestACertificateIsAllThatASystemNeeds(t *testing.T) {
	ca := newClientCA(t)
	h := open(t, func(c *firebreak.Config) {
		c.Listeners = []firebreak.ListenerConfig{{Listen: "127.0.0.1:0", Base: "https://127.0.0.1:0/fhir", ClientCAs: ca.file}}
	})
	h.ward()
	h.register(system("warehouse", func(c *client.Client) {
		c.Method, c.Bound, c.Certificate = client.TLS, client.BoundCertificate, client.CertificateRule{DNS: "warehouse.example"}
	}))
	mutual := h.Bases()[0]
	with := func(certificates ...tls.Certificate) *http.Client {
		way := trusting(t, certificates...)
		t.Cleanup(way.CloseIdleConnections)
		return &http.Client{Transport: way}
	}
	mine, renewed, another := ca.client("warehouse.example"), ca.client("warehouse.example"), ca.client("other.example")

	found := ask(t, h.http, request(t, "GET", h.base+"/.well-known/smart-configuration", nil))
	aliases, _ := found.json["mtls_endpoint_aliases"].(map[string]any)
	endpoint, _ := aliases["token_endpoint"].(string)
	if endpoint == "" || endpoint == found.text("token_endpoint") || found.json["tls_client_certificate_bound_access_tokens"] != true {
		t.Fatalf("mutual TLS is not announced: %s", found.body)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Patient.rs"}, "client_id": {"warehouse"}}
	token := ask(t, with(mine), request(t, "POST", endpoint, form)).must(t).text("access_token")

	read := func(c *http.Client, base string) int {
		req := request(t, "GET", base+"/Patient/sam", nil)
		req.Header.Set("Authorization", "Bearer "+token)
		return ask(t, c, req).status
	}
	for _, c := range []struct {
		name string
		with *http.Client
		base string
		want int
	}{
		{"its certificate", with(mine), mutual, 200},
		{"no certificate", with(), mutual, 401},
		{"another's certificate", with(another), mutual, 401},
		{"its own, renewed", with(renewed), mutual, 401},
		{"where no certificate is asked for", with(mine), h.base, 401},
	} {
		if got := read(c.with, c.base); got != c.want {
			t.Errorf("read with %s: %d, want %d", c.name, got, c.want)
		}
	}
	ask(t, with(another), request(t, "POST", endpoint, form)).refused(t, "a token for another's certificate", 401, "invalid_client")
	ask(t, with(), request(t, "POST", endpoint, form)).refused(t, "a token for no certificate", 401, "invalid_client")
	ask(t, with(mine), request(t, "POST", found.text("token_endpoint"), form)).refused(t, "a token where no certificate is asked for", 401, "invalid_client")
	stranger := newClientCA(t).client("warehouse.example")
	if res, err := with(stranger).Do(request(t, "POST", endpoint, form)); err == nil {
		res.Body.Close()
		if res.StatusCode == 200 {
			t.Error("a certificate of an authority that nobody trusts gets a token")
		}
	}
	if r := ask(t, with(renewed), request(t, "POST", endpoint, form)).must(t); r.text("access_token") == token {
		t.Error("the renewed certificate got the old token")
	}
}

// TestAKeyIsAllThatABoundTokenNeeds: a token that was asked for with a proof is good
// with a proof by the same key, once each, for one request; never as Bearer.
func TestAKeyIsAllThatABoundTokenNeeds(t *testing.T) {
	h := open(t, nil)
	h.ward()
	credentials, holder, thief := newKey(t, "nightly"), newKey(t, ""), newKey(t, "")
	h.register(system("nightly", func(c *client.Client) {
		c.Method, c.Keys, c.Bound = client.PrivateKeyJWT, credentials.set(t), client.BoundKey
	}))
	endpoint := h.issuer + "/token"
	token := func(proof string) reply {
		req := request(t, "POST", endpoint, url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Patient.rs"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {credentials.assertion(t, "nightly", endpoint)}})
		if proof != "" {
			req.Header.Set("DPoP", proof)
		}
		return ask(t, h.http, req)
	}
	token("").refused(t, "a token without a proof", 400, "invalid_dpop_proof")
	token(holder.proof(t, "GET", endpoint, "")).refused(t, "a token with a proof for another method", 400, "invalid_dpop_proof")
	first := holder.proof(t, "POST", endpoint, "")
	got := token(first).must(t)
	if got.text("token_type") != "DPoP" {
		t.Errorf("token_type = %q, want DPoP", got.text("token_type"))
	}
	token(first).refused(t, "a token with a used proof", 400, "invalid_dpop_proof")

	access, sam := got.text("access_token"), h.base+"/Patient/sam"
	read := func(scheme, proof string) reply {
		req := request(t, "GET", sam, nil)
		req.Header.Set("Authorization", scheme+" "+access)
		if proof != "" {
			req.Header.Set("DPoP", proof)
		}
		return ask(t, h.http, req)
	}
	used := holder.proof(t, "GET", sam, access)
	for _, c := range []struct {
		name, scheme, proof string
		want                int
	}{
		{"a proof", "DPoP", used, 200},
		{"the same proof", "DPoP", used, 401},
		{"another proof", "DPoP", holder.proof(t, "GET", sam, access), 200},
		{"no proof", "DPoP", "", 401},
		{"a proof for another record", "DPoP", holder.proof(t, "GET", h.base+"/Patient/amy", access), 401},
		{"a proof for no token", "DPoP", holder.proof(t, "GET", sam, ""), 401},
		{"a thief's proof", "DPoP", thief.proof(t, "GET", sam, access), 401},
		{"as Bearer", "Bearer", "", 401},
		{"as Bearer with a proof", "Bearer", holder.proof(t, "GET", sam, access), 401},
	} {
		if r := read(c.scheme, c.proof); r.status != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, r.status, r.header.Get("WWW-Authenticate"), c.want)
		}
	}
}
