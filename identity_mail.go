package firebreak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"firebreak/audit"
	"firebreak/smart/mail"
	"firebreak/smart/person"
	"firebreak/vault"
)

// mailer takes letters where the configuration says: to a mail server, into a
// folder, or nowhere.
func (i *Instance) mailer(v *vault.Vault) (m person.Mailer, closeIt func() error, err error) {
	c := i.cfg.Smart
	nothing := func() error { return nil }
	switch {
	case c.Mail.given():
		s, err := mail.New(v, i.clock, mail.Options{Host: c.Mail.Host, Port: c.Mail.Port, Security: mail.Security(c.Mail.TLS), CAFile: c.Mail.CAFile,
			User: c.Mail.User, PasswordFile: c.Mail.PasswordFile, From: c.Mail.From, Site: c.Name,
			Failed: func(about string, err error) { i.log.Error("a letter was not sent", "about", about, "error", err) },
			Late: func(about string, err error) {
				i.log.Warn("a letter is not sent yet; it is tried again", "about", about, "error", err)
			}})
		if err != nil {
			return nil, nil, fmt.Errorf("smart.mail: %w", err)
		}
		return postbox{s}, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), lastLetters)
			defer cancel()
			return s.Close(ctx)
		}, nil
	case c.Letters != "":
		return letterFolder{c.Letters}, nothing, nil
	}
	i.log.Warn("letters go nowhere: without smart.mail nobody gets an invitation or a link to a new password")
	return noLetters{}, nothing, nil
}

// sendsLetters reports whether there is a way for them to go out.
func (c SmartConfig) sendsLetters() bool { return c.Mail.given() || c.Letters != "" }

// lastLetters is how long letters may take when the server stops.
const lastLetters = 10 * time.Second

// postbox hands letters to a mail server.
type postbox struct{ sender *mail.Sender }

// Post is person.Mailer's.
func (p postbox) Post(l person.Letter) error { return p.sender.Post(mail.Letter(l)) }

// noLetters is for sites without mail.
type noLetters struct{}

// Post is person.Mailer's.
func (noLetters) Post(person.Letter) error {
	return errors.New("there is no way to send letters: smart.mail is not configured")
}

// letterFolder puts letters into files, for the demo.
type letterFolder struct{ dir string }

// Post is person.Mailer's.
func (l letterFolder) Post(m person.Letter) error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("To: %s\nAbout: %s\nLogin: %s\nLink: %s\nUntil: %s\n", m.To, m.About, m.Login, m.Link, m.Until.UTC().Format(time.RFC3339))
	return os.WriteFile(filepath.Join(l.dir, randomText(8)+".txt"), []byte(text), 0o600)
}

// aside is told what the directory of people did after an answer was given, such
// as whether a letter went out to who asked for one. It goes on record; nobody
// waits for it.
func (i *Instance) aside(e person.Event, err error) {
	if err != nil {
		i.log.Error("a change of an account was not followed up", "error", err)
	}
	if e.Kind == "" {
		return
	}
	r := audit.Record{Kind: audit.Security, Visit: randomText(26), Time: i.clock.Now(), Tenant: i.cfg.Tenant, Subject: string(e.By), Issuer: i.cfg.Smart.issuer(i.base),
		Server: i.base, Interaction: string(e.Kind), Detail: e.Detail}
	if e.Account != "" && e.Account != e.By {
		r.Operation = "about=" + string(e.Account)
	}
	for _, part := range r.Fit() {
		i.journal.Begin(part.Append(nil))
	}
}
