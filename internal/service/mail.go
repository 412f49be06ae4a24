package service

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

//go:embed mail.py
var mailScript string

// MailServer is a real mail server (aiosmtpd) on 127.0.0.1 that keeps what it
// gets. It refuses letters to nobody@… for good, and to busy@… the first time.
type MailServer struct {
	*program
	Port   int
	CAFile string // its certificate is for localhost and 127.0.0.1

	mu      sync.Mutex
	letters []Mail
	came    chan struct{}
}

// Mail is a letter as the server got it.
type Mail struct {
	From    string
	To      []string
	TLS     bool
	User    string // signed in
	Message []byte // RFC 5322
}

// StartMailServer starts a mail server that ends with the test: "starttls",
// "implicit" or "local", which has no TLS. With a user it takes no letters
// without a sign-in.
func StartMailServer(t testing.TB, how, user, password string) *MailServer {
	t.Helper()
	s, err := startMailServer(how, user, password)
	missing(t, "python3-aiosmtpd", err)
	t.Cleanup(s.stop)
	return s
}

// python is Debian's own, which sees Debian's packages.
const python = "/usr/bin/python3"

func startMailServer(how, user, password string) (*MailServer, error) {
	if exec.Command(python, "-c", "import aiosmtpd").Run() != nil {
		return nil, errAbsent
	}
	dir, err := os.MkdirTemp("", "firebreak-mail-")
	if err != nil {
		return nil, err
	}
	s := &MailServer{CAFile: filepath.Join(dir, "cert.pem"), came: make(chan struct{}, 1)}
	key := filepath.Join(dir, "key.pem")
	said, out, err := os.Pipe()
	if err = errors.Join(err, certify(s.CAFile, key)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	cmd := exec.Command(python, "-c", mailScript, how, s.CAFile, key, user, password)
	cmd.Stdout = out
	s.program, err = run(dir, cmd)
	_ = out.Close()
	if err != nil {
		return nil, errors.Join(err, said.Close(), os.RemoveAll(dir))
	}
	lines := bufio.NewReader(said)
	line, _ := lines.ReadString('\n')
	if s.Port, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		err = fmt.Errorf("the server ended: %s", s.words())
		s.stop()
		return nil, errors.Join(err, said.Close())
	}
	go func() { s.listen(lines); _ = said.Close() }()
	return s, nil
}

func (s *MailServer) listen(lines *bufio.Reader) {
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var m Mail
		if json.Unmarshal(line, &m) != nil {
			continue
		}
		s.mu.Lock()
		s.letters = append(s.letters, m)
		s.mu.Unlock()
		select {
		case s.came <- struct{}{}:
		default:
		}
	}
}

// Letters waits until there are so many letters, and is all that came. Where
// there are fewer after ten seconds, it is those.
func (s *MailServer) Letters(n int) []Mail {
	for patience := time.After(10 * time.Second); ; {
		s.mu.Lock()
		got := append([]Mail(nil), s.letters...)
		s.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-s.came:
		case <-patience:
			return got
		}
	}
}

// certify makes a key and a certificate that vouches for itself.
func certify(certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Unix(1_000_000_000, 0), NotAfter: time.Unix(4_000_000_000, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	cert, err1 := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	private, err2 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
}
