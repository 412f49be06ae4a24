package transport_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"firebreak/transport"
)

// TestRSACertificatesServeTLS12: RFC 9325 section 4.2 has its suites for both keys.
func TestRSACertificatesServeTLS12(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"fhir.test"}}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	made := &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	r := start(t, ok, func(c *transport.Config) {
		c.MinTLS = tls.VersionTLS12
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return made, nil }
	})
	for name, served := range map[uint16]bool{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: true,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: false, tls.TLS_RSA_WITH_AES_128_GCM_SHA256: false} {
		conn, err := tls.Dial("tcp", r.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{name}})
		if err == nil {
			conn.Close()
		}
		if (err == nil) != served {
			t.Errorf("%s: %v, want served %v", tls.CipherSuiteName(name), err, served)
		}
	}
}
