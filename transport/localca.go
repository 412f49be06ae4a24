package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"firebreak/clock"
)

// CAFiles are the files that LocalCA keeps in a directory.
type CAFiles struct {
	CA        string // DIR/ca.pem: what clients trust
	CAKey     string // DIR/tls/ca.key
	Cert, Key string // DIR/tls/server.pem and .key: for Config
}

// LocalCAFiles are the names in dir.
func LocalCAFiles(dir string) CAFiles {
	in := func(name string) string { return filepath.Join(dir, "tls", name) }
	return CAFiles{CA: filepath.Join(dir, "ca.pem"), CAKey: in("ca.key"), Cert: in("server.pem"), Key: in("server.key")}
}

const (
	caLife     = 2 * 365 * 24 * time.Hour
	serverLife = 90 * 24 * time.Hour
	renewal    = 30 * 24 * time.Hour // before the end
	backdated  = time.Hour           // for clocks that are behind ours
)

// LocalCA sees to it that dir holds a certificate authority of its own and a
// server certificate by it for 127.0.0.1, ::1, localhost and the hosts (names
// or addresses): for a demonstration, where there is no other authority. What is
// there and good for another 30 days is kept. The authority can vouch for
// these names only, so that trusting it opens nothing else.
func LocalCA(dir string, hosts []string, c clock.Clock) error {
	f, now := LocalCAFiles(dir), c.Now()
	if err := os.MkdirAll(filepath.Join(dir, "tls"), 0o700); err != nil {
		return fmt.Errorf("local CA: %w", err)
	}
	names := subjects(hosts)
	ca, key, err := loadPair(f.CA, f.CAKey)
	if err != nil {
		return fmt.Errorf("local CA: %w", err)
	}
	if ca == nil || ca.NotAfter.Sub(now) < serverLife || now.Before(ca.NotBefore) || !names.permittedBy(ca) {
		if ca, key, err = makeCA(f, names, now); err != nil {
			return fmt.Errorf("local CA: %w", err)
		}
	}
	cert, _, err := loadPair(f.Cert, f.Key)
	if err != nil {
		return fmt.Errorf("local CA: %w", err)
	}
	if cert != nil && cert.NotAfter.Sub(now) >= renewal && !now.Before(cert.NotBefore) &&
		cert.CheckSignatureFrom(ca) == nil && names.coveredBy(cert) {
		return nil
	}
	if err := makeServer(f, ca, key, names, now); err != nil {
		return fmt.Errorf("local CA: %w", err)
	}
	return nil
}

type altNames struct {
	dns []string
	ips []net.IP
}

func subjects(hosts []string) altNames {
	n := altNames{dns: []string{"localhost"}, ips: []net.IP{net.IPv4(127, 0, 0, 1).To4(), net.IPv6loopback}}
	for _, h := range hosts {
		ip := net.ParseIP(h)
		if v4 := ip.To4(); v4 != nil {
			ip = v4
		}
		switch {
		case ip == nil && !slices.Contains(n.dns, h):
			n.dns = append(n.dns, h)
		case ip != nil && !slices.ContainsFunc(n.ips, ip.Equal):
			n.ips = append(n.ips, ip)
		}
	}
	return n
}

func (n altNames) coveredBy(c *x509.Certificate) bool {
	for _, d := range n.dns {
		if !slices.Contains(c.DNSNames, d) {
			return false
		}
	}
	for _, ip := range n.ips {
		if !slices.ContainsFunc(c.IPAddresses, ip.Equal) {
			return false
		}
	}
	return true
}

func (n altNames) permittedBy(ca *x509.Certificate) bool {
	for _, d := range n.dns {
		if !slices.Contains(ca.PermittedDNSDomains, d) {
			return false
		}
	}
	for _, ip := range n.ips {
		if !slices.ContainsFunc(ca.PermittedIPRanges, func(r *net.IPNet) bool { return r.Contains(ip) }) {
			return false
		}
	}
	return true
}

func makeCA(f CAFiles, n altNames, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Firebreak local CA"},
		NotBefore:             now.Add(-backdated),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
		// RFC 5280 section 4.2.1.10: critical, or a reader may pass it over.
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         n.dns,
	}
	for _, ip := range n.ips {
		t.PermittedIPRanges = append(t.PermittedIPRanges, &net.IPNet{IP: ip, Mask: net.CIDRMask(8*len(ip), 8*len(ip))})
	}
	return issue(t, nil, nil, f.CA, f.CAKey)
}

func makeServer(f CAFiles, ca *x509.Certificate, key *ecdsa.PrivateKey, n altNames, now time.Time) error {
	_, _, err := issue(&x509.Certificate{
		Subject:     pkix.Name{CommonName: "Firebreak"},
		NotBefore:   now.Add(-backdated),
		NotAfter:    now.Add(serverLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    n.dns,
		IPAddresses: n.ips,
	}, ca, key, f.Cert, f.Key)
	return err
}

// issue signs t, by itself when there is no parent, and stores both halves.
func issue(t, parent *x509.Certificate, by *ecdsa.PrivateKey, certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, err
	}
	if parent == nil {
		parent, by = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), by)
	if err != nil {
		return nil, nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	if err := writePEM(keyFile, "PRIVATE KEY", secret, 0o600); err != nil {
		return nil, nil, err
	}
	if err := writePEM(certFile, "CERTIFICATE", der, 0o644); err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// writePEM replaces the file in one step.
func writePEM(name, kind string, der []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-*") // 0600 from its first moment
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	err = pem.Encode(tmp, &pem.Block{Type: kind, Bytes: der})
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// loadPair is the certificate and key in the files; nil when they are not there
// or do not belong together (a crash between the two writes): both are made anew.
func loadPair(certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	c, err := readPEM(certFile)
	if c == nil {
		return nil, nil, err
	}
	k, err := readPEM(keyFile)
	if k == nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(c)
	if err != nil {
		return nil, nil, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(k)
	key, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, nil
	}
	return cert, key, nil
}

// readPEM is the first block of the file; nil when there is no file or no block.
func readPEM(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, nil
	}
	return block.Bytes, nil
}
