package mail

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/mail"
	"path"
	"slices"
	"strings"
	"text/template"
	"unicode"

	gomail "github.com/wneessen/go-mail"
)

// Errors of one letter.
var (
	// ErrLetter says that a letter cannot be written: its kind is unknown, or its
	// address or link is none.
	ErrLetter = errors.New("the letter cannot be written")
	// ErrRefused says that the mail server will not take it, now or later.
	ErrRefused = errors.New("the mail server refuses the letter")
)

// letters are the templates, by name: the first line is the subject.
//
//go:embed letters/*.txt
var letters embed.FS

// Letters are the kinds there are, sorted.
func Letters() []string {
	found, _ := fs.Glob(letters, "letters/*.txt") // the pattern is good
	for i, f := range found {
		found[i] = strings.TrimSuffix(path.Base(f), ".txt")
	}
	slices.Sort(found)
	return found
}

func parseLetters() (map[string]*template.Template, error) {
	out := map[string]*template.Template{}
	for _, name := range Letters() {
		t, err := template.New(name+".txt").Option("missingkey=error").ParseFS(letters, "letters/"+name+".txt")
		if err != nil {
			return nil, fmt.Errorf("mail: %w", err)
		}
		out[name] = t
	}
	return out, nil
}

// compose is a letter's subject and text. Nothing of a letter reaches a header
// but the address; what reaches the text is one line each.
func (s *Sender) compose(l Letter) (subject, text string, err error) {
	t := s.letters[l.About]
	if t == nil {
		return "", "", ErrLetter
	}
	if a, err := mail.ParseAddress(l.To); err != nil || a.Address != l.To || strings.ContainsFunc(l.To, unicode.IsControl) {
		return "", "", ErrLetter
	}
	if l.Link != "" && !strings.HasPrefix(l.Link, "https://") && !strings.HasPrefix(l.Link, "http://localhost:") {
		return "", "", ErrLetter
	}
	var b strings.Builder
	err = t.Execute(&b, struct{ Site, Login, Link, Until string }{s.opt.Site, line(l.Login), line(l.Link), l.Until.UTC().Format("2 January 2006, 15:04 UTC")})
	if err != nil {
		return "", "", fmt.Errorf("mail: %w", err)
	}
	subject, text, _ = strings.Cut(b.String(), "\n")
	return subject, strings.TrimLeft(text, "\n"), nil
}

// line is text without anything that ends a line or hides in one.
func line(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) {
			return -1
		}
		return c
	}, s)
}

// Send sends a letter and waits until the mail server has it. Errors name no
// address: ErrLetter, ErrRefused, or one that may be over soon.
func (s *Sender) Send(ctx context.Context, l Letter) error { return s.send(ctx, l, rand.Text()) }

// send sends a letter under its name, so that one that comes twice can be told.
func (s *Sender) send(ctx context.Context, l Letter, name string) error {
	m, err := s.message(l, name)
	if err != nil {
		return err
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	err = c.DialAndSendWithContext(ctx, m)
	if m.IsDelivered() {
		return nil // what went wrong after that is between servers
	}
	if err == nil {
		return nil
	}
	return s.told(err)
}

func (s *Sender) message(l Letter, name string) (*gomail.Msg, error) {
	subject, text, err := s.compose(l)
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := m.To(l.To); err != nil {
		return nil, ErrLetter
	}
	m.FromMailAddress(s.from)
	m.Subject(subject)
	m.SetDateWithValue(s.clock.Now().UTC())
	id := sha256.Sum256([]byte(name))
	_, domain, _ := strings.Cut(s.from.Address, "@")
	m.SetMessageIDWithValue(hex.EncodeToString(id[:16]) + "@" + domain)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: nobody's holiday notice answers
	m.SetBodyString(gomail.TypeTextPlain, text)
	return m, nil
}

func (s *Sender) client() (*gomail.Client, error) {
	o := s.opt
	options := []gomail.Option{gomail.WithPort(o.Port), gomail.WithTimeout(o.Timeout), gomail.WithTLSConfig(s.tls.Clone())}
	if _, domain, ok := strings.Cut(s.from.Address, "@"); ok {
		options = append(options, gomail.WithHELO(domain))
	}
	switch o.Security {
	case Implicit:
		options = append(options, gomail.WithSSL())
	case STARTTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case Local:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if o.User != "" {
		password, err := readPassword(o.PasswordFile)
		if err != nil {
			return nil, err
		}
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(o.User), gomail.WithPassword(password))
	}
	c, err := gomail.NewClient(o.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return c, nil
}

// told is an error without what a mail server says, which names addresses.
func (s *Sender) told(err error) error {
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return fmt.Errorf("mail server %s: %w", s.opt.Host, err)
	}
	if refused.IsTemp() || refused.ErrorCode() == 0 {
		return fmt.Errorf("the mail server cannot take the letter now (code %d)", refused.ErrorCode())
	}
	return fmt.Errorf("%w (code %d)", ErrRefused, refused.ErrorCode())
}
