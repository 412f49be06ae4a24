package firebreak

import (
	"net"
	"strings"

	"firebreak/smart/mail"
)

// MailConfig is the server that takes letters to people: invitations, links to a
// new password, notices. Without a host none go out.
type MailConfig struct {
	Host string `koanf:"host"`
	// Port without a value is 587, 465 with TLS implicit, 25 with local.
	Port int `koanf:"port"`
	// TLS is starttls, implicit, or local: none, for a relay on this machine only.
	TLS string `koanf:"tls"`
	// CAFile holds the certificates that the server's must lead to; without it, the
	// system's count.
	CAFile string `koanf:"ca_file"`
	// User and PasswordFile sign in at the server.
	User         string `koanf:"user"`
	PasswordFile string `koanf:"password_file"`
	// From is the address that letters come from.
	From string `koanf:"from"`
}

// given reports whether letters go out by mail.
func (m MailConfig) given() bool { return m.Host != "" }

func (m MailConfig) check(fault faultFunc) {
	if !m.given() {
		if m != (MailConfig{}) {
			fault("smart.mail.host", "must be set with the rest of smart.mail")
		}
		return
	}
	if net.ParseIP(m.Host) == nil && strings.ContainsAny(m.Host, " \t\r\n:/@[]") {
		fault("smart.mail.host", "must be a name or an address, without a port")
	}
	if m.Port < 0 || m.Port > 65535 {
		fault("smart.mail.port", "must be 1 to 65535; 0 means the usual one")
	}
	switch mail.Security(m.TLS) {
	case "", mail.STARTTLS, mail.Implicit:
	case mail.Local:
		if !loopback(m.Host) || m.User != "" {
			fault("smart.mail.tls", "local is for a relay on this machine, without a user: elsewhere letters and passwords would be read on the way")
		}
	default:
		fault("smart.mail.tls", "must be starttls, implicit or local")
	}
	if m.From == "" || !strings.Contains(m.From, "@") {
		fault("smart.mail.from", "must be an e-mail address")
	}
	if (m.User == "") != (m.PasswordFile == "") {
		fault("smart.mail.user", "belongs together with smart.mail.password_file")
	}
	checkSecret(fault, "smart.mail.password_file", m.PasswordFile, false)
	checkFile(fault, "smart.mail.ca_file", m.CAFile, false)
}
