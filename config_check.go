package firebreak

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Check says what makes a configuration invalid or unsafe, a line for each
// fault. A server does not start with one.
func (c *Config) Check() error {
	var faults []error
	fault := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	if c.Dir == "" {
		fault("dir", "must be set: the directory for the journal, the store and the admin socket")
	}
	if c.Tenant == "" || strings.ContainsAny(c.Tenant, " \t\n|") {
		fault("tenant", "must be a word")
	}
	if err := checkBase(c.Base); err != nil {
		fault("base", "%w", err)
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil && c.Listen != "" {
		fault("listen", "must be host:port, such as 127.0.0.1:8443")
	}
	for _, o := range c.AllowedOrigins {
		if u, err := url.Parse(o); err != nil || u.Scheme != "https" && !loopback(u.Hostname()) {
			fault("allowed_origins", "%q must be https://host, or http:// to a loopback address", o)
		}
	}
	c.checkTLS(fault)
	c.checkStore(fault)
	if len(c.Issuers) == 0 && c.LocalIssuer == "" {
		fault("issuers", "must name at least one, for nobody could sign in otherwise")
	}
	for n := range c.Issuers {
		c.Issuers[n].check(func(key, format string, args ...any) { fault(fmt.Sprintf("issuers[%d].%s", n, key), format, args...) })
	}
	c.checkRest(fault)
	return errors.Join(faults...)
}

type faultFunc func(key, format string, args ...any)

func (c *Config) checkRest(fault faultFunc) {
	if c.Policies.Dir != "" {
		checkFolder(fault, "policies.dir", c.Policies.Dir)
	}
	if c.Policies.Reload.Duration < 100*time.Millisecond {
		fault("policies.reload", "must be at least 100ms")
	}
	if c.Audit.Dir != "" && (c.Audit.Dir == c.Dir || filepath.Dir(c.Store.SQLite) == c.Audit.Dir) {
		fault("audit.dir", "must be a folder of its own: every file in it is checked as part of the journal")
	}
	if c.Audit.Segment < 64<<10 {
		fault("audit.segment", "must be at least 65536 bytes")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		fault("log.level", "must be debug, info, warn or error")
	}
	if !slices.Contains([]string{"json", "text"}, c.Log.Format) {
		fault("log.format", "must be json or text")
	}
	l := c.Limits
	for _, x := range []struct {
		key string
		n   int64
	}{{"body", l.Body}, {"bodies", l.Bodies}, {"gzip_ratio", l.GzipRatio}, {"header", int64(l.Header)}, {"url", int64(l.URL)},
		{"header_timeout", int64(l.HeaderTimeout.Duration)}, {"body_timeout", int64(l.BodyTimeout.Duration)}, {"body_rate", l.BodyRate},
		{"write_timeout", int64(l.WriteTimeout.Duration)}, {"idle_timeout", int64(l.IdleTimeout.Duration)}, {"drain", int64(l.Drain.Duration)},
		{"connections", int64(l.Connections)}, {"per_peer", int64(l.PerPeer)}, {"requests", int64(l.Requests)}, {"streams", int64(l.Streams)},
		{"entries", int64(l.Entries)}, {"count", int64(l.Count)}, {"chain", int64(l.Chain)}, {"iterate", int64(l.Iterate)},
		{"page_life", int64(l.PageLife.Duration)}, {"time", int64(l.Time.Duration)}} {
		if x.n < 0 {
			fault("limits."+x.key, "must not be negative; 0 means the default")
		}
	}
}

// checkBase: tokens travel to it, so https is no option.
func checkBase(base string) error {
	u, err := url.Parse(base)
	switch {
	case base == "" || err != nil:
		return errors.New("must be set: the public URL of the service, such as https://fhir.example.org/fhir")
	case u.Scheme != "https":
		return errors.New("must be https: tokens and records would travel in the clear")
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(base, "/"):
		return errors.New("must be https://host[:port]/path, without trailing slash, query or user")
	}
	return nil
}

func (c *Config) checkTLS(fault faultFunc) {
	if c.TLS.Min != "1.3" && c.TLS.Min != "1.2" {
		fault("tls.min", `must be "1.3" or "1.2"; older versions are broken (RFC 8996)`)
	}
	if c.Listen == "" {
		return
	}
	checkFile(fault, "tls.cert", c.TLS.Cert, true)
	checkSecret(fault, "tls.key", c.TLS.Key, true)
	checkFile(fault, "tls.client_cas", c.TLS.ClientCAs, false)
	if c.TLS.RequireClientCertificate && c.TLS.ClientCAs == "" {
		fault("tls.require_client_certificate", "needs tls.client_cas")
	}
}

func (c *Config) checkStore(fault faultFunc) {
	s := c.Store
	if s.Readers < 1 || s.Readers > 256 {
		fault("store.readers", "must be 1 to 256")
	}
	if s.Postgres == "" {
		if s.PostgresPasswordEnv != "" || s.PostgresPasswordFile != "" {
			fault("store.postgres", "must be set when a password for it is")
		}
		return
	}
	if s.SQLite != "" {
		fault("store", "sqlite and postgres exclude each other")
	}
	if s.PostgresPasswordEnv != "" && s.PostgresPasswordFile != "" {
		fault("store", "postgres_password_file and postgres_password_env exclude each other")
	}
	checkSecret(fault, "store.postgres_password_file", s.PostgresPasswordFile, false)
	if s.PostgresPasswordEnv != "" && os.Getenv(s.PostgresPasswordEnv) == "" {
		fault("store.postgres_password_env", "the variable it names is empty")
	}
	u, err := url.Parse(s.Postgres)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		fault("store.postgres", "must be postgres://user@host/database") // err may quote a password
		return
	}
	mode := u.Query().Get("sslmode")
	host := u.Hostname()
	if h := u.Query().Get("host"); h != "" {
		host = h
	}
	if host != "" && !strings.HasPrefix(host, "/") && !loopback(host) && mode != "verify-full" && mode != "verify-ca" {
		fault("store.postgres", "needs sslmode=verify-full: records would travel to another host unprotected")
	}
}

func (i IssuerConfig) check(fault faultFunc) {
	if i.Name == "" {
		fault("name", "must be set: the iss of its tokens")
	}
	if len(i.Audience) == 0 || slices.Contains(i.Audience, "") {
		fault("audience", "must hold at least one text: tokens for other services would be accepted")
	}
	if len(i.Algorithms) == 0 {
		fault("algorithms", "must name those that the issuer signs with, such as ES256")
	}
	if i.Leeway.Duration < 0 || i.Leeway.Duration > time.Minute {
		fault("leeway", "must be 0s to 60s")
	}
	if i.MaxKeyAge.Duration < 0 {
		fault("max_key_age", "must not be negative")
	}
	if (i.JWKSFile == "") == (i.JWKSURL == "") {
		fault("jwks_file", "exactly one of jwks_file and jwks_url must be set")
	}
	checkFile(fault, "jwks_file", i.JWKSFile, false)
	if u, err := url.Parse(i.JWKSURL); err != nil || i.JWKSURL != "" && u.Scheme != "https" && !(i.PlainLoopback && loopback(u.Hostname())) {
		fault("jwks_url", "must be https (http only with plain_loopback, to a loopback address)")
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func checkFile(fault faultFunc, key, path string, required bool) fs.FileInfo {
	if path == "" {
		if required {
			fault(key, "must be set")
		}
		return nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		fault(key, "there is no file %s", path)
		return nil
	}
	return info
}

// checkSecret refuses a file that others than owner and group may read, or
// others than the owner may write: what is in it is no secret then.
func checkSecret(fault faultFunc, key, path string, required bool) {
	if info := checkFile(fault, key, path, required); info != nil && info.Mode().Perm()&0o037 != 0 {
		fault(key, "others may read %s; make it private (chmod 600) and replace the secret", path)
	}
}

func checkFolder(fault faultFunc, key, path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil || !info.IsDir():
		fault(key, "there is no folder %s", path)
	case info.Mode().Perm()&0o002 != 0:
		fault(key, "everybody may write to %s; whoever writes there decides who sees what (chmod o-w)", path)
	}
}

// checkSecretIn refuses a password in a configuration file that others can read.
func (c *Config) checkSecretIn(path string) error {
	u, err := url.Parse(c.Store.Postgres)
	if err != nil {
		return nil
	}
	if _, set := u.User.Password(); !set && !u.Query().Has("password") {
		return nil
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o037 != 0 {
		return errors.New("store.postgres: holds a password, and others may read this file; use postgres_password_file or chmod 600")
	}
	return nil
}
