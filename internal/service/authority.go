package service

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a certificate authority with a server's certificate by it for
// loopback. The providers that this package starts trust it, so that they can
// post logout tokens to a server that shows the certificate.
type Authority struct {
	CA        string // PEM file: what clients trust
	Cert, Key string // PEM files: of 127.0.0.1, ::1, localhost and *.localhost
	// Shown is the server's certificate, for Chromium.
	Shown *x509.Certificate

	dir string
}

// TheAuthority is the process's authority.
func TheAuthority(t testing.TB) *Authority {
	t.Helper()
	return the(t, authorityName, makeAuthority)
}

const authorityName = "the authority"

// authority is TheAuthority for who holds the lock already.
func authority() (*Authority, error) {
	if a, ok := held[authorityName].(*Authority); ok {
		return a, nil
	}
	a, err := makeAuthority()
	if err == nil {
		held[authorityName] = a
	}
	return a, err
}

func (a *Authority) stop() { _ = os.RemoveAll(a.dir) }

// The years in which the certificates hold: tests have no other clock than the
// machine's, which is not asked here.
var (
	authorityFrom  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	authorityUntil = time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
)

func makeAuthority() (*Authority, error) {
	dir, err := os.MkdirTemp("", "firebreak-authority-")
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "server.pem"), Key: filepath.Join(dir, "server.key")}
	if err := a.write(); err != nil {
		a.stop()
		return nil, err
	}
	return a, nil
}

func (a *Authority) write() error {
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, NotBefore: authorityFrom, NotAfter: authorityUntil,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a server of tests"}, NotBefore: authorityFrom, NotAfter: authorityUntil,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost", "*.localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}}
	rootKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	leafKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	rootDER, err1 := x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey)
	leafDER, err2 := x509.CreateCertificate(rand.Reader, leaf, root, leafKey.Public(), rootKey)
	keyDER, err3 := x509.MarshalPKCS8PrivateKey(leafKey)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	shown, err := x509.ParseCertificate(leafDER)
	if err != nil {
		return err
	}
	a.Shown = shown
	return errors.Join(
		os.WriteFile(a.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER}), 0o600),
		os.WriteFile(a.Cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}), 0o600),
		os.WriteFile(a.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
}
