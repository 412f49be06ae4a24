package mail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/internal/service"
	"firebreak/smart/mail"
	"firebreak/vault"
)

var ctx = context.Background()

func at() clock.Clock { return clock.NewFixed(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)) }

func to(server *service.MailServer, how mail.Security) mail.Options {
	return mail.Options{Host: "127.0.0.1", Port: server.Port, Security: how, CAFile: server.CAFile, From: "Klinik Erlangen <no-reply@ehr.example>",
		Pause: time.Millisecond, Timeout: 5 * time.Second}
}

func sender(t testing.TB, o mail.Options) *mail.Sender {
	t.Helper()
	s, err := mail.New(vaultOf(at()), at(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(ctx) })
	return s
}

func vaultOf(clk clock.Clock) *vault.Vault {
	return vault.New(vault.NewMemory(), vault.RandomKeys(), clk)
}

func secret(t testing.TB, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

var letter = mail.Letter{To: "anna@ehr.example", About: "invitation", Login: "anna.weiß", Link: "https://ehr.example/auth/invitation#" + strings.Repeat("token", 20),
	Until: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}

// parsed is a letter's headers and text.
func parsed(t testing.TB, m service.Mail) (netmail.Header, string) {
	t.Helper()
	msg, err := netmail.ReadMessage(bytes.NewReader(m.Message))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	if err != nil {
		t.Fatal(err)
	}
	return msg.Header, strings.ReplaceAll(string(text), "\r\n", "\n")
}

func TestALetterArrivesSafely(t *testing.T) {
	for _, how := range []mail.Security{mail.STARTTLS, mail.Implicit} {
		t.Run(string(how), func(t *testing.T) {
			server := service.StartMailServer(t, string(how), "firebreak", "s3cret words")
			o := to(server, how)
			o.User, o.PasswordFile = "firebreak", secret(t, "s3cret words\n", 0o600)
			s := sender(t, o)
			if err := s.Send(ctx, letter); err != nil {
				t.Fatal(err)
			}
			got := server.Letters(1)
			if len(got) != 1 || !got[0].TLS || got[0].User != "firebreak" || got[0].From != "no-reply@ehr.example" || fmt.Sprint(got[0].To) != "[anna@ehr.example]" {
				t.Fatalf("letters %+v", got)
			}
			h, text := parsed(t, got[0])
			for name, want := range map[string]string{"From": `"Klinik Erlangen" <no-reply@ehr.example>`, "To": "<anna@ehr.example>", "Subject": "Your account at Firebreak",
				"Date": "Fri, 20 Nov 2026 09:00:00 +0000", "Auto-Submitted": "auto-generated", "User-Agent": "", "X-Mailer": "", "Content-Type": "text/plain; charset=UTF-8"} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			if id := h.Get("Message-ID"); !strings.HasSuffix(id, "@ehr.example>") {
				t.Errorf("Message-ID %s", id)
			}
			for _, want := range []string{"anna.weiß", letter.Link + "\n", "23 November 2026, 09:00 UTC"} {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
		})
	}
}

// TestNoMailWithoutTLS: neither to a server that offers none, nor to one whose
// certificate is not the one to trust, nor with a wrong password.
func TestNoMailWithoutTLS(t *testing.T) {
	plain, good := service.StartMailServer(t, "local", "", ""), service.StartMailServer(t, "starttls", "firebreak", "right")
	for name, o := range map[string]mail.Options{
		"a server without TLS":        to(plain, mail.STARTTLS),
		"a server that is not TLS":    to(plain, mail.Implicit),
		"a certificate not trusted":   {Host: "127.0.0.1", Port: good.Port, From: "no-reply@ehr.example"},
		"a certificate of other name": {Host: "127.0.0.2", Port: good.Port, From: "no-reply@ehr.example", CAFile: good.CAFile},
		"no sign-in":                  to(good, mail.STARTTLS),
		"a wrong password":            with(to(good, mail.STARTTLS), "firebreak", secret(t, "wrong", 0o600)),
	} {
		o.Timeout = time.Second
		if err := sender(t, o).Send(ctx, letter); err == nil {
			t.Errorf("%s: sent", name)
		}
	}
	if n := len(plain.Letters(0)) + len(good.Letters(0)); n != 0 {
		t.Errorf("%d letters arrived", n)
	}
	if err := sender(t, to(plain, mail.Local)).Send(ctx, letter); err != nil || len(plain.Letters(1)) != 1 {
		t.Errorf("to a relay on this machine: %v", err)
	}
}

func with(o mail.Options, user, file string) mail.Options {
	o.User, o.PasswordFile = user, file
	return o
}

func TestOptionsThatAreUnsafeAreRefused(t *testing.T) {
	base := mail.Options{Host: "mail.example", From: "no-reply@ehr.example"}
	change := func(f func(*mail.Options)) mail.Options { o := base; f(&o); return o }
	for name, o := range map[string]mail.Options{
		"no host":                      change(func(o *mail.Options) { o.Host = "" }),
		"a socket":                     change(func(o *mail.Options) { o.Host = "unix:///run/mail" }),
		"in the clear, elsewhere":      change(func(o *mail.Options) { o.Security = mail.Local }),
		"in the clear, with a user":    with(change(func(o *mail.Options) { o.Host, o.Security = "localhost", mail.Local }), "u", secret(t, "p", 0o600)),
		"some other security":          change(func(o *mail.Options) { o.Security = "opportunistic" }),
		"no sender":                    change(func(o *mail.Options) { o.From = "" }),
		"a sender with a line's end":   change(func(o *mail.Options) { o.From = "a@ehr.example\r\nBcc: b@ehr.example" }),
		"a site with a line's end":     change(func(o *mail.Options) { o.Site = "X\r\nBcc: b@ehr.example" }),
		"a password that all can read": with(base, "u", secret(t, "p", 0o644)),
		"no password":                  with(base, "u", ""),
		"a password and no user":       with(base, "", secret(t, "p", 0o600)),
		"no certificates":              change(func(o *mail.Options) { o.CAFile = secret(t, "none", 0o600) }),
		"no such port":                 change(func(o *mail.Options) { o.Port = 70000 }),
	} {
		if _, err := mail.New(vaultOf(at()), at(), o); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestNothingGetsIntoAHeader: nor ends a line of the text.
func TestNothingGetsIntoAHeader(t *testing.T) {
	server := service.StartMailServer(t, "local", "", "")
	s := sender(t, to(server, mail.Local))
	for _, address := range []string{"", "anna", "a@b\r\nBcc: x@y", "a@b, c@d", "Anna <a@b>", "a@b\n", "a@b>\r\nDATA", "\u0000a@b"} {
		l := letter
		l.To = address
		if err := s.Post(l); !errors.Is(err, mail.ErrLetter) {
			t.Errorf("to %q: %v", address, err)
		}
	}
	for _, link := range []string{"javascript:alert(1)", "http://ehr.example/", "http://localhost.example/", "//ehr.example"} {
		l := letter
		l.Link = link
		if err := s.Post(l); !errors.Is(err, mail.ErrLetter) {
			t.Errorf("link %q: %v", link, err)
		}
	}
	l := letter
	l.About = "../letters/invitation"
	if err := s.Post(l); !errors.Is(err, mail.ErrLetter) {
		t.Errorf("an unknown letter: %v", err)
	}
	l = letter
	l.Login, l.Link = "anna\r\nBcc: x@y\r\n.\r\nMAIL FROM:<e@vil>\u2028\u202e", "https://ehr.example/\r\n\r\n<script>"
	if err := s.Send(ctx, l); err != nil {
		t.Fatal(err)
	}
	got := server.Letters(1)
	h, text := parsed(t, got[0])
	if len(got) != 1 || fmt.Sprint(got[0].To) != "[anna@ehr.example]" || h.Get("Bcc") != "" || strings.Contains(text, "\nBcc") || strings.ContainsAny(text, "\u2028\u202e") {
		t.Errorf("letters %+v\n%s", got, text)
	}
}

// TestEveryLetterCanBeRead: a subject of one line, no gap left, and a link where
// there is one to follow.
func TestEveryLetterCanBeRead(t *testing.T) {
	server := service.StartMailServer(t, "local", "", "")
	o := to(server, mail.Local)
	o.Site = "Klinik Köln"
	s := sender(t, o)
	kinds := mail.Letters()
	if len(kinds) != 10 {
		t.Fatalf("letters %v", kinds)
	}
	for _, kind := range kinds {
		l := letter
		l.About = kind
		if err := s.Send(ctx, l); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for i, m := range server.Letters(len(kinds)) {
		h, text := parsed(t, m)
		subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
		if err != nil || !strings.Contains(subject, "Klinik Köln") {
			t.Errorf("%s: subject %q, %v", kinds[i], subject, err)
		}
		if strings.Contains(text, "<no value>") || strings.Contains(text, "{{") || strings.Contains(text, letter.Link) == strings.HasPrefix(kinds[i], "notice-") {
			t.Errorf("%s:\n%s", kinds[i], text)
		}
		for n, line := range strings.Split(text, "\n") {
			if len([]rune(line)) > 90 && !strings.Contains(line, letter.Link) {
				t.Errorf("%s: line %d is long: %q", kinds[i], n, line)
			}
		}
	}
}

// TestABusyServerIsAskedAgain: and one that refuses is not; nobody's address is
// in what is said about it.
func TestABusyServerIsAskedAgain(t *testing.T) {
	server := service.StartMailServer(t, "local", "", "")
	o := to(server, mail.Local)
	said := make(chan error, 10)
	late := make(chan error, 10)
	o.Failed = func(_ string, err error) { said <- err }
	o.Late = func(_ string, err error) { late <- err }
	s, err := mail.New(vaultOf(clock.System{}), clock.System{}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"busy@ehr.example", "nobody@ehr.example"} {
		l := forEver(letter)
		l.To = address
		if err := s.Post(l); err != nil {
			t.Fatal(err)
		}
	}
	if got := server.Letters(1); len(got) != 1 || got[0].To[0] != "busy@ehr.example" {
		t.Errorf("letters %+v", got)
	}
	if err := <-said; !errors.Is(err, mail.ErrRefused) || strings.Contains(err.Error(), "@") {
		t.Errorf("failed: %v", err)
	}
	if err := <-late; strings.Contains(err.Error(), "@") {
		t.Errorf("late: %v", err)
	}
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if len(said)+len(late) != 0 {
		t.Errorf("it was said again: %d, %d", len(said), len(late))
	}
	if err := s.Post(letter); !errors.Is(err, mail.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// forEver is a letter without an end, for tests by the machine's clock.
func forEver(l mail.Letter) mail.Letter { l.Until = time.Time{}; return l }

// silent is a mail server that takes connections and says nothing.
func silent(t *testing.T) mail.Options {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return mail.Options{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, From: "no-reply@ehr.example", Timeout: 100 * time.Millisecond}
}

// TestASlowServerHoldsNobodyUp: Post returns at once, what waits has an end, and so
// has patience.
func TestASlowServerHoldsNobodyUp(t *testing.T) {
	o := silent(t)
	began := time.Now()
	if err := sender(t, o).Send(ctx, letter); err == nil || time.Since(began) > 5*time.Second {
		t.Errorf("Send: %v after %v", err, time.Since(began))
	}
	o.Queue, o.Workers, o.Pause = 3, 1, time.Hour
	s := sender(t, o)
	full := 0
	for range 10 {
		if err := s.Post(letter); errors.Is(err, mail.ErrFull) {
			full++
		}
	}
	if full != 7 {
		t.Errorf("%d of 10 letters found the box full, want 7", full)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if began := time.Now(); s.Close(ended) != nil || time.Since(began) > 5*time.Second {
		t.Errorf("Close after %v", time.Since(began))
	}
}

// TestALetterOutlivesItsServer: whatever ended that, a stop or a crash in the midst
// of a try, another one over the same vault sends what waits, each letter once.
func TestALetterOutlivesItsServer(t *testing.T) {
	v := vaultOf(clock.System{})
	o := silent(t)
	o.Pause = time.Millisecond
	stopped, err := mail.New(v, clock.System{}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"anna", "bert"} {
		l := forEver(letter)
		l.Login = login
		if err := stopped.Post(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := stopped.Close(ctx); err != nil {
		t.Fatal(err)
	}
	server := service.StartMailServer(t, "local", "", "")
	good := to(server, mail.Local)
	good.Timeout = time.Second
	for range 2 { // two nodes
		s, err := mail.New(v, clock.System{}, good)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close(ctx) }()
		if err := s.Post(forEver(letter)); err != nil { // which is a reason to look
			t.Fatal(err)
		}
	}
	letters := server.Letters(4)
	text, ids := "", map[string]bool{}
	for _, m := range letters {
		h, words := parsed(t, m)
		text += words
		ids[h.Get("Message-Id")] = true
	}
	if len(letters) != 4 || len(ids) != 4 || !strings.Contains(text, "anna") || !strings.Contains(text, "bert") {
		t.Errorf("%d letters, %d different", len(letters), len(ids))
	}
}

// TestALetterIsGivenUpWithItsLink: nobody is sent a link that has ended.
func TestALetterIsGivenUpWithItsLink(t *testing.T) {
	o := silent(t)
	said := make(chan error, 10)
	o.Failed = func(_ string, err error) { said <- err }
	o.Pause = time.Minute
	s := sender(t, o)
	l := letter
	l.Until = at().Now().Add(30 * time.Second)
	if err := s.Post(l); err != nil {
		t.Fatal(err)
	}
	if err := <-said; err == nil {
		t.Error("no reason was given")
	}
}
