package person_test

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	netmail "net/mail"
	"regexp"
	"slices"
	"testing"
	"time"

	"firebreak/internal/service"
	"firebreak/smart/mail"
	"firebreak/smart/person"
	"firebreak/vault"
)

// byMail is a Mailer that really sends.
type byMail struct{ *mail.Sender }

func (m byMail) Post(l person.Letter) error { return m.Sender.Post(mail.Letter(l)) }

func TestEveryLetterHasItsWords(t *testing.T) {
	all := []string{person.LetterInvitation, person.LetterReset, person.LetterConfirm, person.LetterAllow, person.NoticeEmail, person.NoticeEmailDone,
		person.NoticePassword, person.NoticeFactor, person.NoticePasskey, person.NoticeRecovery}
	slices.Sort(all)
	if got := mail.Letters(); !slices.Equal(got, all) {
		t.Errorf("letters %v, want %v", got, all)
	}
}

// TestALetterLeadsToAPassword: through a real mail server.
func TestALetterLeadsToAPassword(t *testing.T) {
	server := service.StartMailServer(t, "starttls", "", "")
	w := newWorld()
	sender, err := mail.New(vault.New(w.table, w.keys, w.clk), w.clk, mail.Options{Host: "127.0.0.1", Port: server.Port, CAFile: server.CAFile, From: "no-reply@ehr.example", Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sender.Close(ctx) }()
	s := w.site(t, options())
	d, err := person.New(s.vault, w.clk, byMail{sender}, options())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if _, _, err := d.Invite(ctx, operator, person.Newcomer{Login: "anna", Email: "anna@ehr.example"}); err != nil {
		t.Fatal(err)
	}
	letters := server.Letters(1)
	if len(letters) != 1 {
		t.Fatal("no letter arrived")
	}
	m, err := netmail.ReadMessage(bytes.NewReader(letters[0].Message))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`#(\S+)`).FindSubmatch(text)
	if token == nil {
		t.Fatalf("no link in %s", text)
	}
	if _, _, err := d.Accept(ctx, string(token[1]), good, peer); err != nil {
		t.Error(err)
	}
}
