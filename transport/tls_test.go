package transport_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io/fs"
	"math/big"
	"net"
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

func TestOldTLSIsRefused(t *testing.T) {
	modern := start(t, ok)
	wide := start(t, ok, func(c *transport.Config) { c.MinTLS = tls.VersionTLS12 })
	for _, c := range []struct {
		name    string
		r       *rig
		version uint16
		suites  []uint16
		served  bool
	}{
		{"1.0", modern, tls.VersionTLS10, nil, false},
		{"1.1", modern, tls.VersionTLS11, nil, false},
		{"1.2", modern, tls.VersionTLS12, nil, false},
		{"1.3", modern, tls.VersionTLS13, nil, true},
		{"1.1 where 1.2 may be", wide, tls.VersionTLS11, nil, false},
		{"1.2 where it may be", wide, tls.VersionTLS12, nil, true},
		{"1.2 with CBC", wide, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}, false},
		{"1.2 without forward secrecy", wide, tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, false},
		{"1.3 where 1.2 may be", wide, tls.VersionTLS13, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := c.r.tls()
			cfg.MinVersion, cfg.MaxVersion, cfg.CipherSuites = c.version, c.version, c.suites
			conn, err := tls.Dial("tcp", c.r.Addr().String(), cfg)
			if err == nil {
				conn.Close()
			}
			if (err == nil) != c.served {
				t.Errorf("handshake: %v, want served %v", err, c.served)
			}
		})
	}
	t.Run("plain HTTP", func(t *testing.T) {
		conn, err := net.Dial("tcp", modern.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.Write([]byte("GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n\r\n"))
		b := make([]byte, 4)
		if conn.Read(b); string(b) == "HTTP" {
			t.Error("answered in the clear")
		}
	})
}

func TestSessionsResume(t *testing.T) {
	r := start(t, ok)
	cfg := r.tls()
	cfg.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	for i, want := range []bool{false, true} {
		c, err := tls.Dial("tcp", r.Addr().String(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(clock.System{}.Now().Add(5 * time.Second))
		r.raw(t, c, "GET /fhir/metadata HTTP/1.1\r\nHost: fhir.test\r\n\r\n") // and with it the ticket
		if got := c.ConnectionState().DidResume; got != want {
			t.Errorf("connection %d resumed: %v, want %v", i, got, want)
		}
		c.Close()
	}
}

// selfSigned is a certificate of its own authority.
func selfSigned(t testing.TB, key crypto.Signer, name string) tls.Certificate {
	t.Helper()
	now := clock.System{}.Now()
	return validFor(t, key, name, now.Add(-time.Hour), now.Add(time.Hour))
}

func validFor(t testing.TB, key crypto.Signer, name string, from, until time.Time) tls.Certificate {
	t.Helper()
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(clock.System{}.Now().UnixNano()), NotBefore: from, NotAfter: until,
		DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func p256(t testing.TB) crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func store(t testing.TB, c tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, keyFile: {Type: "PRIVATE KEY", Bytes: key}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestClientCertificatesAreVerifiedAndNamed(t *testing.T) {
	known, unknown := selfSigned(t, p256(t), "client"), selfSigned(t, p256(t), "client")
	pool := x509.NewCertPool()
	pool.AddCert(known.Leaf)
	var seen string
	h := func(_ context.Context, q fhir.Request) gate.Reply {
		seen = q.ClientCertificate
		return answer(200, "{}")
	}
	wish := start(t, h, func(c *transport.Config) { c.ClientCAs = pool })
	need := start(t, h, func(c *transport.Config) { c.ClientCAs, c.RequireClientCertificate = pool, true })
	deaf := start(t, h)
	sum := sha256.Sum256(known.Certificate[0])
	name := hex.EncodeToString(sum[:])
	for _, c := range []struct {
		name   string
		r      *rig
		cert   *tls.Certificate
		served bool
		want   string
	}{
		{"asked, none", wish, nil, true, ""},
		{"asked, known", wish, &known, true, name},
		{"asked, unknown", wish, &unknown, false, ""},
		{"required, none", need, nil, false, ""},
		{"required, known", need, &known, true, name},
		{"not asked", deaf, &unknown, true, ""},
	} {
		for _, proto := range []string{"h2", "http/1.1"} {
			t.Run(c.name+" "+proto, func(t *testing.T) {
				cfg := c.r.tls()
				if c.cert != nil { // sent whatever the server says it accepts
					cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c.cert, nil }
				}
				seen = "unset"
				client := c.r.client(t, proto == "h2")
				c.r.useTLS(client, cfg)
				res, err := client.Get(c.r.Base() + "/Basic")
				if (err == nil) != c.served {
					t.Fatalf("%v, want served %v", err, c.served)
				}
				if err != nil {
					return
				}
				res.Body.Close()
				if seen != c.want {
					t.Errorf("ClientCertificate = %q, want %q", seen, c.want)
				}
			})
		}
	}
}

func TestCertificatesAreReloaded(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	store(t, selfSigned(t, p256(t), "first"), certFile, keyFile)
	now := clock.NewFixed(clock.System{}.Now())
	r := start(t, ok, func(c *transport.Config) { c.CertFile, c.KeyFile, c.Clock = certFile, keyFile, now })
	name := func() string {
		c, err := tls.Dial("tcp", r.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	later := func(n int) { // file systems may keep coarse times
		for _, f := range []string{certFile, keyFile} {
			if err := os.Chtimes(f, time.Time{}, clock.System{}.Now().Add(time.Duration(n)*time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
	}
	step := func(what, want string) {
		t.Helper()
		if got := name(); got != want {
			t.Errorf("%s: certificate %q, want %q", what, got, want)
		}
	}
	step("at first", "first")
	store(t, selfSigned(t, ed, "second"), certFile, keyFile)
	later(1)
	step("within the second", "first")
	now.Advance(time.Second)
	step("after a second", "second")
	if err := os.WriteFile(keyFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	later(2)
	now.Advance(time.Second)
	step("while it does not load", "second")
	store(t, selfSigned(t, p256(t), "third"), certFile, keyFile)
	later(3)
	now.Advance(-time.Hour)
	step("after the clock stepped back", "third")
	at := now.Now()
	for n, c := range []struct {
		name        string
		from, until time.Duration
		want        string
	}{{"over", -time.Hour, -time.Minute, "third"}, {"early", time.Minute, time.Hour, "third"}, {"fourth", -time.Hour, time.Hour, "fourth"}} {
		store(t, validFor(t, p256(t), c.name, at.Add(c.from), at.Add(c.until)), certFile, keyFile)
		later(4 + n)
		now.Advance(time.Second)
		step("after one that is "+c.name, c.want)
	}
	if !strings.Contains(r.log.String(), "certificate not reloaded") {
		t.Error("the failed reload was not logged")
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := transport.LocalCA(dir, nil, clock.System{}); err != nil {
		t.Fatal(err)
	}
	f := transport.LocalCAFiles(dir)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaCert, rsaKey := filepath.Join(dir, "rsa.pem"), filepath.Join(dir, "rsa.key")
	store(t, selfSigned(t, key, "rsa"), rsaCert, rsaKey)
	for name, change := range map[string]func(*transport.Config){
		"no certificate":        func(c *transport.Config) { c.CertFile = "" },
		"key of another":        func(c *transport.Config) { c.KeyFile = rsaKey },
		"RSA":                   func(c *transport.Config) { c.CertFile, c.KeyFile = rsaCert, rsaKey },
		"TLS 1.1":               func(c *transport.Config) { c.MinTLS = tls.VersionTLS11 },
		"no file of CAs":        func(c *transport.Config) { c.ClientCAFile = filepath.Join(dir, "none.pem") },
		"CAs in a key file":     func(c *transport.Config) { c.ClientCAFile = f.Key },
		"CAs twice":             func(c *transport.Config) { c.ClientCAFile, c.ClientCAs = f.CA, x509.NewCertPool() },
		"required without CAs":  func(c *transport.Config) { c.RequireClientCertificate = true },
		"base over http":        func(c *transport.Config) { c.Base = "http://127.0.0.1/fhir" },
		"base with slash":       func(c *transport.Config) { c.Base += "/" },
		"base with query":       func(c *transport.Config) { c.Base += "?a=b" },
		"base with dots":        func(c *transport.Config) { c.Base += "/../x" },
		"no base":               func(c *transport.Config) { c.Base = "" },
		"origin with wildcard":  func(c *transport.Config) { c.AllowedOrigins = []string{"*"} },
		"origin null":           func(c *transport.Config) { c.AllowedOrigins = []string{"null"} },
		"origin with path":      func(c *transport.Config) { c.AllowedOrigins = []string{"https://app.test/"} },
		"ratio over 100":        func(c *transport.Config) { c.Limits.GzipRatio = 101 },
		"negative body":         func(c *transport.Config) { c.Limits.Body = -1 },
		"header over the bound": func(c *transport.Config) { c.Limits.Header = 1 << 20 },
		"negative time":         func(c *transport.Config) { c.Limits.IdleTimeout = -1 },
		"no such address":       func(c *transport.Config) { c.Listen = "256.0.0.1:0" },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := transport.Config{Listen: "127.0.0.1:0", Base: "https://127.0.0.1:0/fhir", CertFile: f.Cert, KeyFile: f.Key}
			change(&cfg)
			if s, err := transport.New(cfg, ok); err == nil {
				s.Close()
				t.Error("New took it")
			}
		})
	}
}

func TestLocalCAKeepsAndRenews(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	f := transport.LocalCAFiles(dir)
	now := clock.NewFixed(time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC))
	make := func(hosts ...string) (ca, cert *x509.Certificate) {
		t.Helper()
		if err := transport.LocalCA(dir, hosts, now); err != nil {
			t.Fatal(err)
		}
		for name, to := range map[string]**x509.Certificate{f.CA: &ca, f.Cert: &cert} {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(b)
			if *to, err = x509.ParseCertificate(block.Bytes); err != nil {
				t.Fatal(err)
			}
		}
		roots := x509.NewCertPool()
		roots.AddCert(ca)
		for _, host := range append(hosts, "localhost", "127.0.0.1", "::1") {
			if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now.Now()}); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
		return ca, cert
	}
	ca1, cert1 := make()
	for name, want := range map[string]fs.FileMode{f.Key: 0o600, f.CAKey: 0o600, filepath.Dir(f.Key): fs.ModeDir | 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v, want %v", filepath.Base(name), info.Mode(), err, want)
		}
	}
	if life := cert1.NotAfter.Sub(now.Now()); life != 90*24*time.Hour {
		t.Errorf("life %v, want 90 days", life)
	}
	if ca, cert := make(); !ca.Equal(ca1) || !cert.Equal(cert1) {
		t.Error("what was good was not kept")
	}
	now.Advance(61 * 24 * time.Hour)
	ca2, cert2 := make()
	if !ca2.Equal(ca1) || cert2.Equal(cert1) {
		t.Error("29 days before its end the server's certificate should be new, the authority not")
	}
	if ca, cert := make("fhir.test", "192.0.2.1"); ca.Equal(ca2) || cert.Equal(cert2) {
		t.Error("for more names both should be new")
	}
	if err := os.Remove(f.Key); err != nil {
		t.Fatal(err)
	}
	if _, cert := make("fhir.test"); cert.Equal(cert2) {
		t.Error("without its key a certificate should be new")
	}
	now.Advance(660 * 24 * time.Hour)
	if ca, _ := make(); ca.Equal(ca2) {
		t.Error("at its end the authority should be new")
	}
}

func TestTheLocalCAVouchesForItsNamesOnly(t *testing.T) {
	dir := t.TempDir()
	if err := transport.LocalCA(dir, nil, clock.System{}); err != nil {
		t.Fatal(err)
	}
	f := transport.LocalCAFiles(dir)
	pair, err := tls.LoadX509KeyPair(f.CA, f.CAKey)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: pair.Leaf.NotBefore, NotAfter: pair.Leaf.NotAfter, DNSNames: []string{"bank.test"}}
	der, err := x509.CreateCertificate(rand.Reader, tpl, pair.Leaf, p256(t).Public(), pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	if !pair.Leaf.PermittedDNSDomainsCritical {
		t.Error("the constraint may be passed over")
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: "bank.test"}); err == nil {
		t.Error("a certificate for another name verifies")
	}
}
