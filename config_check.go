package firebreak

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"firebreak/audit"
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
	if err := checkBase(c.Base, c.Listen); err != nil {
		fault("base", "%w", err)
	}
	if err := checkListen(c.Listen); err != nil && c.Listen != "" {
		fault("listen", "%w", err)
	}
	for _, h := range c.Hosts {
		if !plainHost(h) {
			fault("hosts", "%q must be host or host:port, as a Host header has it: no scheme, no path, a port from 1 to 65535", h)
		}
	}
	for _, o := range c.AllowedOrigins {
		if !plainOrigin(o) {
			fault("allowed_origins", "%q must be https://host[:port] without more, or http:// to a loopback address, as browsers write it: in lower case, without the usual port; no wildcard", o)
		}
	}
	c.checkTLS(fault)
	c.checkListeners(fault)
	c.checkStore(fault)
	c.checkIssuers(fault)
	c.checkSmart(fault)
	c.checkRest(fault)
	c.Limits.check(fault)
	return errors.Join(faults...)
}

type faultFunc func(key, format string, args ...any)

// checkServes is for files: what they describe is served, which needs an address.
func (c *Config) checkServes() error {
	if c.Listen == "" {
		return errors.New("listen: must be set: host:port, such as 127.0.0.1:8443")
	}
	return nil
}

// checkListen wants a number for the port: the base is made of it.
func checkListen(listen string) error {
	_, port, err := net.SplitHostPort(listen)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return errors.New("must be host:port with a port from 0 to 65535, such as 127.0.0.1:8443")
	}
	return nil
}

// plainHost reports whether a Host header could be this.
func plainHost(h string) bool {
	u, err := url.Parse("https://" + h)
	return err == nil && u.Host == h && u.Hostname() != "" && !strings.ContainsAny(h, "*, \t") && plainPort(u)
}

// plainPort reports whether the URL's port, where it names one, can be connected to.
func plainPort(u *url.URL) bool {
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && n > 0 || u.Port() == "" && !strings.HasSuffix(u.Host, ":")
}

// plainOrigin reports whether a browser could send this as Origin, and whether
// what it speaks for is protected on its way. A browser writes hosts in ASCII and
// lower case, and leaves the usual port out (RFC 6454 §6.2): anything else would
// be compared with what comes and never be equal.
func plainOrigin(o string) bool {
	u, err := url.Parse(o)
	if err != nil || !plainHost(u.Host) || u.Scheme+"://"+u.Host != o {
		return false
	}
	foreign := func(r rune) bool { return r > '~' || 'A' <= r && r <= 'Z' }
	if strings.ContainsFunc(u.Host, foreign) {
		return false
	}
	return u.Scheme == "https" && u.Port() != "443" || u.Scheme == "http" && u.Port() != "80" && loopback(u.Hostname())
}

func (c *Config) checkRest(fault faultFunc) {
	if c.Policies.Dir != "" {
		checkFolder(fault, "policies.dir", c.Policies.Dir)
	}
	if c.Policies.Reload.Duration < 100*time.Millisecond || c.Policies.Reload.Duration > 24*time.Hour {
		fault("policies.reload", "must be 100ms to 24h")
	}
	if c.Audit.Dir != "" && (c.Audit.Dir == c.Dir || filepath.Dir(c.Store.SQLite) == c.Audit.Dir) {
		fault("audit.dir", "must be a folder of its own: every file in it is checked as part of the journal")
	}
	if c.Audit.Segment < audit.SmallestSegment || c.Audit.Segment > 4<<30 {
		fault("audit.segment", "must be 65536 to 4294967296 bytes")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		fault("log.level", "must be debug, info, warn or error")
	}
	if !slices.Contains([]string{"json", "text"}, c.Log.Format) {
		fault("log.format", "must be json or text")
	}
}

// checkBase: tokens travel to it, so https is no option. Links and references
// begin with it as it stands, so it is written in one way. Port 0 is the one
// that listen picks, where it picks one.
func checkBase(base, listen string) error {
	if base == "" {
		return errors.New("must be set: the public URL of the service, such as https://fhir.example.org/fhir")
	}
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return errors.New("must be a URL, such as https://fhir.example.org/fhir")
	case u.Scheme != "https":
		return errors.New("must be https: tokens and records would travel in the clear")
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(base, "/") || !strings.HasPrefix(base, "https://"):
		return errors.New("must be https://host[:port]/path, without trailing slash, query or user, and https in lower case")
	case u.Port() == "0" && listen != "" && !strings.HasSuffix(listen, ":0"):
		return errors.New("names port 0, which stands for the port that listen picks: give the port that clients connect to")
	case !plainHost(strings.TrimSuffix(u.Host, ":0")):
		return errors.New("must name one host, without a wildcard, and a port from 1 to 65535 if any")
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
		c.checkSQLite(fault)
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
	checkPostgres(fault, s.Postgres)
}

// checkSQLite: the folder is made for a file in Dir only, for another may be a
// disk that is not mounted.
func (c *Config) checkSQLite(fault faultFunc) {
	path := c.Store.SQLite
	if path == "" {
		return
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		fault("store.sqlite", "%s is not a file", path)
	}
	if folder := filepath.Dir(path); folder != c.Dir {
		if info, err := os.Stat(folder); err != nil || !info.IsDir() {
			fault("store.sqlite", "there is no folder %s; make it, or mount what belongs there", folder)
		}
	}
}

// checkPostgres looks at what the driver makes of the URL and its environment
// (PGHOST, PGSSLMODE and so on): every host it may try, and how.
func checkPostgres(fault faultFunc, where string) {
	u, err := url.Parse(where)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		fault("store.postgres", "must be postgres://user@host/database") // err may quote a password
		return
	}
	conf, err := pgx.ParseConfig(where)
	if err != nil {
		fault("store.postgres", "cannot be understood, or names files that are not there; the variables PG… of the environment count too")
		return
	}
	safe := protected(conf.Host, conf.TLSConfig)
	for _, f := range conf.Fallbacks {
		safe = safe && protected(f.Host, f.TLSConfig)
	}
	if !safe {
		fault("store.postgres", "needs sslmode=verify-full: records would travel to another host unprotected")
	}
}

// protected reports whether what goes to a database stays on this machine, or
// goes to a server that has proved who it is. The driver verifies by itself
// for verify-full, and by a function of its own for verify-ca.
func protected(host string, t *tls.Config) bool {
	local := strings.HasPrefix(host, "/") || loopback(host)
	return local || t != nil && (!t.InsecureSkipVerify || t.VerifyPeerCertificate != nil || t.VerifyConnection != nil)
}
