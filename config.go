package firebreak

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// Config is everything an operator can choose. Keys are those of the YAML file;
// docs/configuration.md tells more of each, and a test holds the two together.
// Relative paths in a file are relative to that file.
type Config struct {
	// Dir holds what the server keeps: audit/, store.db, admin.sock. Required.
	Dir string `koanf:"dir"`
	// Listen is the TCP address, "127.0.0.1:8443"; port 0 picks one.
	Listen string `koanf:"listen"`
	// Base is the public URL of the FHIR service, https, without trailing
	// slash. Required.
	Base string `koanf:"base"`
	// Hosts are further values of the Host header that are answered.
	Hosts []string `koanf:"hosts"`
	// Listeners are further addresses of the same service.
	Listeners []ListenerConfig `koanf:"listeners"`
	// Tenant names whose data this is; all issuers speak for it.
	Tenant   string         `koanf:"tenant"`
	TLS      TLSConfig      `koanf:"tls"`
	Store    StoreConfig    `koanf:"store"`
	Audit    AuditConfig    `koanf:"audit"`
	Issuers  []IssuerConfig `koanf:"issuers"`
	Smart    SmartConfig    `koanf:"smart"`
	Policies PoliciesConfig `koanf:"policies"`
	Limits   LimitsConfig   `koanf:"limits"`
	// AllowedOrigins are the web applications that may call from a browser.
	AllowedOrigins []string  `koanf:"allowed_origins"`
	Log            LogConfig `koanf:"log"`

	// LocalIssuer is not a key: it is the directory of the demo's own issuer of
	// tokens, and LocalPurposes what its users may state.
	LocalIssuer string `koanf:"-"`
	// SampleApp is not a key: it is the client id of the demo's sample application.
	SampleApp     string              `koanf:"-"`
	LocalPurposes map[string][]string `koanf:"-"`
}

// TLSConfig is the transport's protection.
type TLSConfig struct {
	// Cert and Key are PEM files, read again when they change. Required.
	Cert string `koanf:"cert"`
	Key  string `koanf:"key"`
	// Min is the oldest version spoken, "1.3" or "1.2".
	Min string `koanf:"min"`
	// ClientCAs is a PEM file, read again when it changes; clients are asked for a
	// certificate by one of these. RequireClientCertificate refuses those without.
	ClientCAs                string `koanf:"client_cas"`
	RequireClientCertificate bool   `koanf:"require_client_certificate"`
}

// StoreConfig is where the records are: a SQLite file or a PostgreSQL database.
type StoreConfig struct {
	// SQLite is the file; without it and Postgres, store.db in Dir.
	SQLite string `koanf:"sqlite"`
	// Postgres is a URL, best without the password.
	Postgres string `koanf:"postgres"`
	// PostgresPasswordFile and PostgresPasswordEnv say where the password is.
	PostgresPasswordFile string `koanf:"postgres_password_file"`
	PostgresPasswordEnv  string `koanf:"postgres_password_env"`
	// Readers is how many requests read at the same time.
	Readers int `koanf:"readers"`
}

// AuditConfig is where the journal is.
type AuditConfig struct {
	// Dir holds the journal and nothing else; without it, audit in Dir.
	Dir string `koanf:"dir"`
	// Segment is the size of a journal file, in bytes, set aside beforehand.
	Segment int64 `koanf:"segment"`
}

// IssuerConfig is one authorization server whose access tokens are accepted.
type IssuerConfig struct {
	// Name is compared with iss, byte for byte. Required.
	Name string `koanf:"name"`
	// Audience: aud must hold one of these. Required.
	Audience []string `koanf:"audience"`
	// JWKSFile or JWKSURL is where the issuer's keys are. Exactly one, or none
	// when the issuer is asked about all its tokens.
	JWKSFile string `koanf:"jwks_file"`
	JWKSURL  string `koanf:"jwks_url"`
	// PlainLoopback lets JWKSURL and Introspection.URL be http to a loopback
	// address.
	PlainLoopback bool `koanf:"plain_loopback"`
	// Algorithms is the allow-list. Required with keys.
	Algorithms []string `koanf:"algorithms"`
	// Leeway is the clock skew forgiven, at most 60s.
	Leeway Duration `koanf:"leeway"`
	// MaxKeyAge is how long keys are used after they were last read.
	MaxKeyAge Duration `koanf:"max_key_age"`
	// FHIRBases are further base URLs of this server that fhirUser may begin
	// with; Base always is one.
	FHIRBases []string `koanf:"fhir_bases"`
	// RequireType refuses tokens whose typ is not at+jwt.
	RequireType   bool                `koanf:"require_type"`
	Introspection IntrospectionConfig `koanf:"introspection"`
	Claims        ClaimsConfig        `koanf:"claims"`
}

// ClaimsConfig names an issuer's claims where they are not the usual ones. A
// name that begins with "/" is a JSON Pointer.
type ClaimsConfig struct {
	ClientID     string `koanf:"client_id"`
	Scope        string `koanf:"scope"`
	FHIRUser     string `koanf:"fhir_user"`
	Patient      string `koanf:"patient"`
	Organization string `koanf:"organization"`
	Roles        string `koanf:"roles"`
	Purpose      string `koanf:"purpose"`
	ACR          string `koanf:"acr"`
}

// PoliciesConfig is where the Cedar policies are.
type PoliciesConfig struct {
	// Dir holds *.cedar files; without it, policies in Dir when it is there, and
	// the built-in ones otherwise.
	Dir string `koanf:"dir"`
	// Reload is how often the files are compared; SIGHUP does it at once.
	Reload Duration `koanf:"reload"`
}

// LimitsConfig bounds what a client can ask and hold. Zero means the default
// that docs/configuration.md names.
type LimitsConfig struct {
	Body          int64    `koanf:"body"`           // bytes of a request's body
	Bodies        int64    `koanf:"bodies"`         // bytes of all bodies held at once
	GzipRatio     int64    `koanf:"gzip_ratio"`     // of decompressed to compressed
	Header        int      `koanf:"header"`         // bytes of header fields
	URL           int      `koanf:"url"`            // bytes of the request target
	HeaderTimeout Duration `koanf:"header_timeout"` // handshake, header
	BodyTimeout   Duration `koanf:"body_timeout"`   // header and body
	BodyRate      int64    `koanf:"body_rate"`      // bytes a second, at least
	WriteTimeout  Duration `koanf:"write_timeout"`  // until the answer is written
	IdleTimeout   Duration `koanf:"idle_timeout"`   // between requests
	Drain         Duration `koanf:"drain"`          // for running requests at shutdown
	Connections   int      `koanf:"connections"`    // open at once
	PerPeer       int      `koanf:"per_peer"`       // of them from one address
	Requests      int      `koanf:"requests"`       // running at once
	Streams       int      `koanf:"streams"`        // of one HTTP/2 connection
	Entries       int      `koanf:"entries"`        // of a batch or transaction
	Count         int      `koanf:"count"`          // of a page
	Chain         int      `koanf:"chain"`          // hops of a chained parameter
	Iterate       int      `koanf:"iterate"`        // includes with :iterate
	PageLife      Duration `koanf:"page_life"`      // of a link to a further page
	Time          Duration `koanf:"time"`           // of one request, from its parsing to its answer

	PerClient      int `koanf:"per_client"` // requests a second of one application, and of one person
	PerClientBurst int `koanf:"per_client_burst"`
	PerPerson      int `koanf:"per_person"`
	PerPersonBurst int `koanf:"per_person_burst"`
}

// LogConfig is what goes to standard error. It never holds content or ids.
type LogConfig struct {
	// Level is debug, info, warn or error.
	Level string `koanf:"level"`
	// Format is json or text.
	Format string `koanf:"format"`
}

// Duration is a time.Duration that configuration writes as "30s" or "5m"; a
// bare number is refused, for nobody knows its unit.
type Duration struct{ time.Duration }

// UnmarshalText reads "30s".
func (d *Duration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(text))
	return err
}

// DefaultConfig is what holds for keys that are not given.
func DefaultConfig() Config {
	return Config{
		Listen:   "127.0.0.1:8443",
		Tenant:   "main",
		TLS:      TLSConfig{Min: "1.2"},
		Store:    StoreConfig{Readers: 8},
		Audit:    AuditConfig{Segment: 64 << 20},
		Smart:    defaultSmart(),
		Policies: PoliciesConfig{Reload: Duration{2 * time.Second}},
		Log:      LogConfig{Level: "info", Format: "json"},
	}
}

// LoadConfig reads a YAML file over the defaults and checks the result. Its
// errors are for the operator: a line for each fault, by key.
func LoadConfig(path string) (Config, error) {
	cfg, err := readConfig(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	cfg.resolve(filepath.Dir(path))
	if err := errors.Join(cfg.checkServes(), cfg.Check(), cfg.checkSecretIn(path)); err != nil {
		return Config{}, fmt.Errorf("configuration %s:\n%w", path, err)
	}
	return cfg, nil
}

// resolve makes paths absolute and fills in those that follow from Dir.
func (c *Config) resolve(from string) {
	abs := func(p *string, otherwise string) {
		switch {
		case *p == "":
			*p = otherwise
		case !filepath.IsAbs(*p):
			*p = filepath.Join(from, *p)
		}
		if *p == "" {
			return
		}
		if full, err := filepath.Abs(*p); err == nil {
			*p = full
		}
	}
	below := func(name string) string {
		if c.Dir == "" {
			return ""
		}
		return filepath.Join(c.Dir, name)
	}
	abs(&c.Dir, "")
	abs(&c.TLS.Cert, "")
	abs(&c.TLS.Key, "")
	abs(&c.TLS.ClientCAs, "")
	for i := range c.Listeners {
		abs(&c.Listeners[i].ClientCAs, "")
	}
	abs(&c.Audit.Dir, below("audit"))
	abs(&c.Policies.Dir, "")
	abs(&c.Smart.Passwords.BreachList, "")
	abs(&c.Smart.Outbound.CAFile, "")
	abs(&c.Smart.Mail.PasswordFile, "")
	abs(&c.Smart.Mail.CAFile, "")
	for n := range c.Smart.Providers {
		abs(&c.Smart.Providers[n].ClientSecretFile, "")
		abs(&c.Smart.Providers[n].PrivateKeyFile, "")
	}
	if c.Store.Postgres == "" { // where servers share the store they share the keys
		abs(&c.Smart.KeyFile, below("vault.key"))
	} else {
		abs(&c.Smart.KeyFile, "")
	}
	abs(&c.Store.PostgresPasswordFile, "")
	if c.Store.Postgres == "" {
		abs(&c.Store.SQLite, below("store.db"))
	}
	for i := range c.Issuers {
		abs(&c.Issuers[i].JWKSFile, "")
		abs(&c.Issuers[i].Introspection.ClientSecretFile, "")
		abs(&c.Issuers[i].Introspection.KeyFile, "")
	}
}
