package firebreak_test

import (
	"bytes"
	"io"
	"log/slog"
	"mime/quotedprintable"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"firebreak"
	"firebreak/internal/service"
	"firebreak/smart/federation"
	"firebreak/smart/person"
	"firebreak/transport"
)

// page asks for one, or sends its only form.
func page(t *testing.T, i *firebreak.Instance, method, target string, cookies map[string]string, fields url.Values) transport.WebReply {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	req := transport.WebRequest{Visit: "v", Peer: "192.0.2.1", Method: method, Host: u.Host, Path: u.Path, Query: u.RawQuery, Cookies: cookies}
	if method == "POST" {
		req.ContentType, req.Body = "application/x-www-form-urlencoded", []byte(fields.Encode())
	}
	r := i.ServeWeb(t.Context(), req)
	for _, c := range r.Cookies {
		cookies[c.Name] = c.Value
	}
	return r
}

var csrf = regexp.MustCompile(`name="csrf" value="([^"]*)"`)

func tokenOf(t *testing.T, r transport.WebReply) string {
	t.Helper()
	m := csrf.FindSubmatch(r.Body)
	if m == nil {
		t.Fatalf("no form on the page (%d): %s", r.Status, r.Body)
	}
	return string(m[1])
}

// TestAnInvitationGoesOutByMailAndIsTakenUpOnItsPage: from the operator's hand by
// a real mail server to the page that the letter links to.
func TestAnInvitationGoesOutByMailAndIsTakenUpOnItsPage(t *testing.T) {
	server := service.StartMailServer(t, "starttls", "", "")
	cfg := local(t, t.TempDir())
	cfg.Smart.Enabled = true
	cfg.Smart.Mail = firebreak.MailConfig{Host: "127.0.0.1", Port: server.Port, CAFile: server.CAFile, From: "fhir@hospital.example"}
	i := openInstance(t, cfg)
	defer func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := i.Invite(t.Context(), person.Newcomer{Login: "anna", Email: "anna@hospital.example"}); err != nil {
		t.Fatal(err)
	}
	letters := server.Letters(1)
	if len(letters) != 1 || !letters[0].TLS {
		t.Fatalf("letters %+v", letters)
	}
	m, err := netmail.ReadMessage(bytes.NewReader(letters[0].Message))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`https://\S+`).FindString(string(text))
	if !strings.HasPrefix(link, i.Issuer()+"/invitation?token=") {
		t.Fatalf("link %q in %s", link, text)
	}
	cookies := map[string]string{}
	shown := page(t, i, "GET", link, cookies, nil)
	const password = "Ruhige Wolken über Erlangen"
	token, _ := url.Parse(link)
	r := page(t, i, "POST", i.Issuer()+"/invitation", cookies, url.Values{"csrf": {tokenOf(t, shown)}, "token": {token.Query().Get("token")}, "password": {password}, "repeat": {password}})
	if a, err := i.FindPerson(t.Context(), "anna"); err != nil || !a.Accepted || r.Status != 303 {
		t.Errorf("%d, %+v, %v", r.Status, a, err)
	}
}

// TestALetterOutlivesARestart: while the mail server was away.
func TestALetterOutlivesARestart(t *testing.T) {
	cfg := local(t, t.TempDir())
	cfg.Smart.Enabled = true
	cfg.Smart.Mail = firebreak.MailConfig{Host: "127.0.0.1", Port: 1, From: "fhir@hospital.example"}
	i := openInstance(t, cfg)
	if _, err := i.Invite(t.Context(), person.Newcomer{Login: "anna", Email: "anna@hospital.example"}); err != nil {
		t.Fatal(err)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	server := service.StartMailServer(t, "starttls", "", "")
	cfg.Smart.Mail.Port, cfg.Smart.Mail.CAFile = server.Port, server.CAFile
	i = openInstance(t, cfg)
	if letters := server.Letters(1); len(letters) != 1 || letters[0].To[0] != "anna@hospital.example" {
		t.Errorf("letters %+v", letters)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
}

// TestWhetherALetterWentOutIsOnRecordAlone: the answer does not tell, the journal
// does.
func TestWhetherALetterWentOutIsOnRecordAlone(t *testing.T) {
	dir := t.TempDir()
	cfg := local(t, dir)
	cfg.Smart.Enabled, cfg.Smart.Letters = true, filepath.Join(dir, "letters")
	i := openInstance(t, cfg)
	cookies := map[string]string{}
	shown := page(t, i, "GET", i.Issuer()+"/reset", cookies, nil)
	r := page(t, i, "POST", i.Issuer()+"/reset", cookies, url.Values{"csrf": {tokenOf(t, shown)}, "email": {"nobody@hospital.example"}})
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	var journal []byte
	err := filepath.WalkDir(filepath.Join(dir, "audit"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		journal = append(journal, b...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(journal, []byte("reset-asked")); n != 2 || !bytes.Contains(journal, []byte("unknown")) {
		t.Errorf("%d records, want that one was asked for and what came of it", n)
	}
	if bytes.Contains(journal, []byte("nobody@")) || bytes.Contains(r.Body, []byte("unknown")) {
		t.Error("the journal repeats what was typed, or the page what was found")
	}
}

func TestAServerWithoutMailSaysSoAtItsStart(t *testing.T) {
	var log bytes.Buffer
	cfg := local(t, t.TempDir())
	cfg.Smart.Enabled = true
	i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = i.Close() }()
	if !strings.Contains(log.String(), "letters go nowhere") {
		t.Errorf("the log says %s", &log)
	}
	if r := page(t, i, "GET", i.Issuer()+"/reset", map[string]string{}, nil); r.Status != 503 || !bytes.Contains(r.Body, []byte("This site sends no mail")) {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}

// TestAStartThatFailsSendsNothing: what is refused for a provider's key would else
// go on sending letters, beside a store that is closed.
func TestAStartThatFailsSendsNothing(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "provider.pem")
	if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := local(t, filepath.Join(dir, "data"))
	cfg.Smart.Enabled = true
	cfg.Smart.Mail = firebreak.MailConfig{Host: "127.0.0.1", Port: 1, TLS: "local", From: "fhir@hospital.example"}
	cfg.Smart.Providers = []federation.Config{{ID: "p", Name: "P", Issuer: "https://idp.example", ClientID: "us", PrivateKeyFile: key}}
	i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "provider.pem") {
		t.Fatalf("instance %v, error %v", i, err)
	}
	all := make([]byte, 1<<20)
	if all = all[:runtime.Stack(all, true)]; bytes.Contains(all, []byte("smart/mail.(*Sender)")) {
		t.Errorf("letters are still sent:\n%s", all)
	}
}
