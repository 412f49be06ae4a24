package firebreak

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"firebreak/smart"
	"firebreak/smart/federation"
)

// SmartConfig is the authorization server (SMART App Launch 2.2). Times that are
// zero have the default that docs/configuration.md names.
type SmartConfig struct {
	// Enabled starts it, beside the FHIR service on the same listener.
	Enabled bool `koanf:"enabled"`
	// Issuer is its URL; without it, /auth on the host of Base. Port 0 stands for
	// that of Base.
	Issuer string `koanf:"issuer"`
	// Name is what its pages call the site, Help whom they tell people to ask.
	Name string `koanf:"name"`
	Help string `koanf:"help"`
	// KeyFile seals its secrets in the store; without it, vault.key in Dir.
	KeyFile string `koanf:"key_file"`
	// Administrators are the roles that may register applications and people.
	Administrators []string `koanf:"administrators"`
	// AdminACR is how strongly they must have signed in to administer.
	AdminACR string `koanf:"admin_acr"`
	// TwoPersons is what takes a second administrator besides what always does:
	// clients, people, keys, policies.
	TwoPersons []string `koanf:"two_persons"`

	AccessLife  Duration `koanf:"access_life"`
	RefreshLife Duration `koanf:"refresh_life"`
	SessionIdle Duration `koanf:"session_idle"`
	SessionLife Duration `koanf:"session_life"`
	KeyPeriod   Duration `koanf:"key_period"`

	Passwords PasswordsConfig `koanf:"passwords"`
	Roles     RolesConfig     `koanf:"roles"`
	// Purposes are the purposes of use (v3-PurposeOfUse) of people's requests, by role.
	Purposes []PurposeConfig `koanf:"purposes"`

	// Providers are other places to sign in at.
	Providers []federation.Config `koanf:"providers"`

	// Outbound is where addresses that applications registered may be.
	Outbound OutboundConfig `koanf:"outbound"`

	// Mail is the server that takes letters to people.
	Mail MailConfig `koanf:"mail"`
	// Letters is not a key: it is where the demo's letters are put, as files.
	Letters string `koanf:"-"`
}

// PasswordsConfig is about the passwords of the embedded directory.
type PasswordsConfig struct {
	// MinLength is how many characters they must have, at least 8.
	MinLength int `koanf:"min_length"`
	// BreachList is a file of passwords that are refused, or of their SHA-1, sorted.
	BreachList string `koanf:"breach_list"`
}

// RolesConfig says which roles are dangerous, and how they may be held.
type RolesConfig struct {
	// Clinical roles read patients' records: giving one takes two persons.
	Clinical []string `koanf:"clinical"`
	// JustInTime roles are only ever held for a time; SelfService ones of them a
	// person may take, with a reason.
	JustInTime    []string `koanf:"just_in_time"`
	SelfService   []string `koanf:"self_service"`
	MaxJustInTime Duration `koanf:"max_just_in_time"`
	// SecondFactor roles are held by people who sign in with two factors: who has
	// none sets one up at the sign-in.
	SecondFactor []string `koanf:"second_factor"`
}

// PurposeConfig is the purpose of use of one role's requests.
type PurposeConfig struct {
	Role    string `koanf:"role"`
	Purpose string `koanf:"purpose"`
}

// defaultSmart is what holds for keys that are not given.
func defaultSmart() SmartConfig {
	return SmartConfig{Name: "Firebreak", Administrators: []string{"admin"}, AdminACR: smart.ACRTwoFactors, Roles: RolesConfig{Clinical: []string{"physician", "nurse"}},
		Purposes: []PurposeConfig{{"physician", "TREAT"}, {"nurse", "TREAT"}, {"patient", "PATRQT"}, {"security-officer", "HSYSADMIN"},
			{"admin", "HSYSADMIN"}, {"system", "HRESCH"}}}
}

// issuer is the authorization server's URL, for a base with its port settled:
// port 0 stands for that.
func (c SmartConfig) issuer(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	if c.Issuer == "" {
		return u.Scheme + "://" + u.Host + "/auth"
	}
	if rest, ok := strings.CutPrefix(c.Issuer, "https://"); ok {
		host, path, _ := strings.Cut(rest, "/")
		if name, ok := strings.CutSuffix(host, ":0"); ok {
			return "https://" + net.JoinHostPort(name, u.Port()) + "/" + path
		}
	}
	return c.Issuer
}

// host is the issuer's, as configured.
func (c SmartConfig) host(base string) string {
	u, err := url.Parse(c.Issuer)
	if c.Issuer == "" {
		u, err = url.Parse(base)
	}
	if err != nil {
		return ""
	}
	return u.Host
}

func (c SmartConfig) purposes() map[string]string {
	out := map[string]string{}
	for _, p := range c.Purposes {
		out[p.Role] = p.Purpose
	}
	return out
}

func (c *Config) checkSmart(fault faultFunc) {
	s := c.Smart
	if !s.Enabled {
		if len(s.TwoPersons) > 0 {
			fault("smart.two_persons", "needs smart.enabled: without it there is nobody to approve")
		}
		return
	}
	if s.Issuer != "" {
		issuer, err := url.Parse(s.Issuer)
		base, _ := url.Parse(c.Base)
		switch {
		case err != nil || issuer.Scheme != "https" || issuer.Path == "" || strings.HasSuffix(s.Issuer, "/") || issuer.RawQuery != "" || issuer.Fragment != "" || issuer.User != nil:
			fault("smart.issuer", "must be https://host[:port]/path, without trailing slash")
		case base != nil && issuer.Host == base.Host && (issuer.Path == base.Path || strings.HasPrefix(base.Path+"/", issuer.Path+"/")):
			fault("smart.issuer", "must have a path of its own, not base's")
		}
	}
	if s.Name == "" || len(s.Name) > 100 {
		fault("smart.name", "must be set, and have at most 100 bytes")
	}
	if s.KeyFile == "" && c.Store.Postgres != "" {
		fault("smart.key_file", "must be set with store.postgres: all servers of one database need the same keys")
	}
	c.checkAdministration(fault)
	for _, t := range []struct {
		key       string
		is        Duration
		low, high time.Duration
	}{
		{"smart.access_life", s.AccessLife, time.Minute, time.Hour},
		{"smart.refresh_life", s.RefreshLife, time.Hour, 400 * 24 * time.Hour},
		{"smart.session_idle", s.SessionIdle, time.Minute, 24 * time.Hour},
		{"smart.session_life", s.SessionLife, 5 * time.Minute, 7 * 24 * time.Hour},
		{"smart.key_period", s.KeyPeriod, time.Hour, 400 * 24 * time.Hour},
		{"smart.roles.max_just_in_time", s.Roles.MaxJustInTime, time.Minute, 24 * time.Hour},
	} {
		if t.is.Duration != 0 && (t.is.Duration < t.low || t.is.Duration > t.high) {
			fault(t.key, "must be %v to %v; 0s means the default", t.low, t.high)
		}
	}
	if n := s.Passwords.MinLength; n != 0 && (n < 8 || n > 64) {
		fault("smart.passwords.min_length", "must be 8 to 64; 0 means the default")
	}
	checkFile(fault, "smart.passwords.breach_list", s.Passwords.BreachList, false)
	s.Mail.check(fault)
	s.Outbound.check(fault)
	s.checkProviders(fault)
	for n, p := range s.Purposes {
		if p.Role == "" || p.Purpose == "" {
			fault("smart.purposes", "entry %d must have a role and a purpose", n)
		}
	}
}

func (s SmartConfig) checkProviders(fault faultFunc) {
	for n, p := range s.Providers {
		of := func(key, format string, args ...any) {
			fault(fmt.Sprintf("smart.providers[%d].%s", n, key), format, args...)
		}
		p.Check(of)
		for m, pair := range p.Rules.Roles.Map {
			if slices.Contains(s.Roles.JustInTime, pair.To) {
				of(fmt.Sprintf("rules.roles.map[%d].to", m), "is in smart.roles.just_in_time: a provider's word gives roles without a reason and without an end")
			}
		}
		checkSecret(of, "client_secret_file", p.ClientSecretFile, false)
		checkSecret(of, "private_key_file", p.PrivateKeyFile, false)
	}
}
