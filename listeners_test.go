package firebreak_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firebreak"
	"firebreak/clock"
	"firebreak/transport"
)

// clientAuthority is an authority for clients, its file, and a certificate by it.
func clientAuthority(t *testing.T) (file string, client tls.Certificate) {
	t.Helper()
	now := clock.System{}.Now()
	make := func(tpl, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tpl.SerialNumber, tpl.NotBefore, tpl.NotAfter = big.NewInt(now.UnixNano()), now.Add(-time.Hour), now.Add(time.Hour)
		if signer == nil {
			parent, signer = tpl, key
		}
		der, err := x509.CreateCertificate(rand.Reader, tpl, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		return der, key
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "clients"}, IsCA: true, BasicConstraintsValid: true}
	caDER, caKey := make(ca, nil, nil)
	der, key := make(&x509.Certificate{Subject: pkix.Name{CommonName: "app"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca, caKey)
	file = filepath.Join(t.TempDir(), "cas.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestMutualTLSHasAnAddressOfItsOwn: browsers meet the one that asks for nothing,
// clients with certificates the other, and a token that is bound to a certificate
// is good only where that is shown.
func TestMutualTLSHasAnAddressOfItsOwn(t *testing.T) {
	cfg, mint := bindingIssuer(t, nil)
	if err := transport.LocalCA(cfg.Dir, nil, clock.System{}); err != nil {
		t.Fatal(err)
	}
	files := transport.LocalCAFiles(cfg.Dir)
	cas, mine := clientAuthority(t)
	cfg.Listen, cfg.Base, cfg.TLS.Cert, cfg.TLS.Key = "127.0.0.1:0", "https://127.0.0.1:0/fhir", files.Cert, files.Key
	cfg.Listeners = []firebreak.ListenerConfig{{Listen: "127.0.0.1:0", Base: "https://127.0.0.1:0/fhir", ClientCAs: cas, RequireClientCertificate: true}}
	i := openInstance(t, cfg)
	defer i.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- i.Run(ctx, nil) }()
	ca, err := os.ReadFile(files.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	sum := sha256.Sum256(mine.Certificate[0])
	token := mint(map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])})
	get := func(base string, certificates ...tls.Certificate) (int, string) {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}, ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		req, err := http.NewRequest("GET", base+"/Patient/p1", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		res, err := tr.RoundTrip(req)
		if err != nil {
			return 0, err.Error()
		}
		res.Body.Close()
		return res.StatusCode, res.Header.Get("WWW-Authenticate")
	}
	first, second := i.Base(), i.Bases()[0]
	if status, what := get(first, mine); status != 401 || !strings.Contains(what, "bound to a client certificate") {
		t.Errorf("where no certificate is asked for: %d %s, want 401", status, what)
	}
	if status, what := get(second, mine); status != 404 {
		t.Errorf("with the certificate: %d %s, want 404", status, what)
	}
	if status, what := get(second); status != 0 {
		t.Errorf("without a certificate: %d %s, want no answer", status, what)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if status, _ := get(second, mine); status != 0 {
		t.Errorf("after the end: %d, want no answer", status)
	}
}

// TestAnAddressThatIsTakenIsNamed: and what was bound before is given back.
func TestAnAddressThatIsTakenIsNamed(t *testing.T) {
	cfg, _ := bindingIssuer(t, nil)
	if err := transport.LocalCA(cfg.Dir, nil, clock.System{}); err != nil {
		t.Fatal(err)
	}
	files := transport.LocalCAFiles(cfg.Dir)
	cfg.Listen, cfg.Base, cfg.TLS.Cert, cfg.TLS.Key = "127.0.0.1:0", "https://127.0.0.1:0/fhir", files.Cert, files.Key
	i := openInstance(t, cfg)
	taken := strings.TrimSuffix(strings.TrimPrefix(i.Base(), "https://"), "/fhir")
	cfg.Dir = filepath.Join(t.TempDir(), "other")
	cfg.Store.SQLite, cfg.Audit.Dir = "", ""
	cfg.Listeners = []firebreak.ListenerConfig{{Listen: taken, Base: "https://" + taken + "/fhir"}}
	if _, err := firebreak.Open(t.Context(), cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "listeners[0].listen: "+taken+" is taken") {
		t.Errorf("error = %v, want one that names the address", err)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}
