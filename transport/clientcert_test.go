package transport_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

// certificateFor is by an authority, with all that a client may be known by.
func certificateFor(t testing.TB, by tls.Certificate) tls.Certificate {
	t.Helper()
	key := p256(t)
	uri, err := url.Parse("https://app.test/client")
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: by.Leaf.NotBefore, NotAfter: by.Leaf.NotAfter,
		Subject: pkix.Name{CommonName: "app", Organization: []string{"Clinic, North"}}, DNSNames: []string{"app.test"}, URIs: []*url.URL{uri},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, EmailAddresses: []string{"a@app.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tpl, by.Leaf, key.Public(), by.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestClientAuthoritiesAreReloaded: one that is taken away vouches for nobody any
// more, in new connections and in resumed ones.
func TestClientAuthoritiesAreReloaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cas.pem")
	first, second := selfSigned(t, p256(t), "first"), selfSigned(t, p256(t), "second")
	n := 0
	trust := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		n++ // file systems may keep coarse times
		if err := os.Chtimes(file, time.Time{}, clock.System{}.Now().Add(time.Duration(n)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	encode := func(c tls.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})
	}
	trust(encode(first))
	now := clock.NewFixed(clock.System{}.Now())
	var seen fhir.Request
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply { seen = q; return answer(200, "{}") },
		func(c *transport.Config) { c.ClientCAFile, c.RequireClientCertificate, c.Clock = file, true, now })
	mine := certificateFor(t, first)
	cfg := r.tls()
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &mine, nil }
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	visit := func(when string, served, resumed bool) {
		t.Helper()
		seen = fhir.Request{}
		conn, err := tls.Dial("tcp", r.Addr().String(), cfg)
		if err != nil {
			t.Fatal(err) // in TLS 1.3 the client hears of it when it reads
		}
		defer conn.Close()
		conn.SetDeadline(clock.System{}.Now().Add(5 * time.Second))
		fmt.Fprint(conn, "GET /fhir/Basic/1 HTTP/1.1\r\nHost: fhir.test\r\n\r\n")
		_, err = bufio.NewReader(conn).ReadString('\n')
		if (err == nil) != served || (seen.Method != "") != served {
			t.Errorf("%s: %v, reached %t, want served %t", when, err, seen.Method != "", served)
		}
		if err == nil && conn.ConnectionState().DidResume != resumed {
			t.Errorf("%s: resumed %t, want %t", when, !resumed, resumed)
		}
	}
	visit("at first", true, false)
	if seen.ClientSubject != `CN=app,O=Clinic\, North` || strings.Join(seen.ClientNames, " ") != "dns:app.test uri:https://app.test/client ip:192.0.2.1 email:a@app.test" {
		t.Errorf("known as %q %q", seen.ClientSubject, seen.ClientNames)
	}
	visit("again", true, true)
	trust([]byte("half"))
	now.Advance(time.Second)
	visit("while the file is bad", true, true)
	if !strings.Contains(r.log.String(), "client authorities not reloaded") {
		t.Error("the failed reload was not logged")
	}
	trust(append(encode(first), encode(second)...))
	now.Advance(time.Second)
	visit("with one authority more", true, true)
	trust(encode(second))
	now.Advance(time.Second)
	visit("resumed, without its authority", false, false)
	cfg.ClientSessionCache = nil
	visit("anew, without its authority", false, false)
	mine = certificateFor(t, second)
	visit("by the other authority", true, false)
}
