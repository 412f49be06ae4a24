// Package mail sends the letters of the authorization server: invitations,
// resets, confirmations, notices. They are plain text, made from the templates of
// this package alone, and hold nothing about anybody's health: a login name, a
// link and a time at most (NIST SP 800-63B-4 §4.6 asks for the notices).
//
// A letter that was taken waits in the vault until the mail server has it, over
// restarts too; after a crash it may come twice. Its surprise: there is no way to
// send in the clear but to a relay on the same machine.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"time"
	"unicode"

	"firebreak/clock"
	"firebreak/vault"
)

// Security is how the connection to the mail server is made safe.
type Security string

// Kinds of security.
const (
	STARTTLS Security = "starttls" // RFC 3207, and no mail without it
	Implicit Security = "implicit" // RFC 8314 §3.3
	Local    Security = "local"    // none: for a relay on this machine's loopback only
)

// Options are a site's mail server. Zero fields have the values given here.
type Options struct {
	Host         string        // required
	Port         int           // 587, 465 for Implicit, 25 for Local
	Security     Security      // STARTTLS
	CAFile       string        // certificates in PEM that the server's must lead to; the system's
	User         string        // no sign-in
	PasswordFile string        // required with User; read at each letter, its owner's alone
	From         string        // the address letters come from; required
	Site         string        // its name in letters; "Firebreak"
	Timeout      time.Duration // to connect and sign in, and again to send; 10 s
	Queue        int           // letters that wait; 1000
	Workers      int           // letters on their way at once; 2
	Pause        time.Duration // before a second try, and each time four times that, an hour at most; 5 s

	// Failed is told of letters that are given up, Late of those that will be tried
	// again, once each. Errors name no address. nil forgets them.
	Failed, Late func(about string, err error)
}

// Letter is what is to be sent.
type Letter struct {
	To    string // an address, bare
	About string // one of Letters
	Login string
	Link  string
	Until time.Time
}

// ErrFull says that too many letters wait already.
var ErrFull = errors.New("too many letters wait to be sent")

// ErrClosed is the answer after Close.
var ErrClosed = errors.New("letters are no longer taken")

// Sender sends letters, some at once. It is safe for concurrent use; several of
// them over one vault share the work.
type Sender struct {
	vault   *vault.Vault
	clock   clock.Clock
	opt     Options
	from    *mail.Address
	tls     *tls.Config
	letters map[string]*template.Template

	ctx   context.Context // of sending; its end is Close
	stop  context.CancelFunc
	woken chan struct{} // holds one: there may be something to do
	quit  chan struct{}
	ended chan struct{}
	waits atomic.Int64 // letters, as far as is known

	mu   sync.RWMutex // held by Post to read
	shut bool
}

// New is a sender to a mail server, of letters that wait in a vault: those that an
// earlier one left go out first. Close it at the end.
func New(v *vault.Vault, clk clock.Clock, o Options) (*Sender, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	s := &Sender{vault: v, clock: clk, opt: o, woken: make(chan struct{}, 1), quit: make(chan struct{}), ended: make(chan struct{})}
	var err error
	if s.from, err = mail.ParseAddress(o.From); err != nil {
		return nil, fmt.Errorf("mail: from: %w", err)
	}
	if s.tls, err = tlsConfig(o); err != nil {
		return nil, err
	}
	if o.User != "" {
		if _, err := readPassword(o.PasswordFile); err != nil {
			return nil, err
		}
	}
	if s.letters, err = parseLetters(); err != nil {
		return nil, err
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	go s.run()
	return s, nil
}

func (o *Options) complete() error {
	fill(&o.Security, STARTTLS)
	fill(&o.Port, map[Security]int{STARTTLS: 587, Implicit: 465, Local: 25}[o.Security])
	fill(&o.Site, "Firebreak")
	fill(&o.Timeout, 10*time.Second)
	fill(&o.Queue, 1000)
	fill(&o.Workers, 2)
	fill(&o.Pause, 5*time.Second)
	for _, told := range []*func(string, error){&o.Failed, &o.Late} {
		if *told == nil {
			*told = func(string, error) {}
		}
	}
	switch {
	case o.Host == "" || strings.ContainsAny(o.Host, "/ \r\n"): // the library takes unix:// too
		return errors.New("mail: a host is needed")
	case o.Security != STARTTLS && o.Security != Implicit && o.Security != Local:
		return errors.New("mail: security is starttls, implicit or local")
	case o.Security == Local && (!loopback(o.Host) || o.User != ""):
		return errors.New("mail: without TLS letters and passwords would be read on the way: local is for a relay on this machine, without a user")
	case o.User == "" != (o.PasswordFile == ""):
		return errors.New("mail: a user and a password file belong together")
	case o.Port < 1 || o.Port > 65535 || o.Timeout < 0 || o.Queue < 1 || o.Workers < 1 || o.Pause < 0:
		return errors.New("mail: a port or a limit is out of range")
	case strings.ContainsFunc(o.Site, unicode.IsControl):
		return errors.New("mail: the site's name holds a control character")
	}
	return nil
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func tlsConfig(o Options) (*tls.Config, error) {
	c := &tls.Config{ServerName: o.Host, MinVersion: tls.VersionTLS12} // BCP 195
	if o.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(o.CAFile)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("mail: %s holds no certificate in PEM", o.CAFile)
	}
	return c, nil
}

// readPassword is read again at each letter, so that it can be changed.
func readPassword(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("mail: password file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || info.Size() > 4096 {
		return "", fmt.Errorf("mail: password file %s must be a small regular file that nobody but its owner may read (chmod 600)", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("mail: password file: %w", err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}
