package firebreak

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWhatIsWrittenWronglyIsNamedByItsKey: each fault stops the start with one
// line, which begins with the key. Some of these values used to be cut down to
// fit, or passed over, or found out by a part that does not know the keys.
func TestWhatIsWrittenWronglyIsNamedByItsKey(t *testing.T) {
	dir, yaml := good(t)
	swap := func(old, new string) string { return strings.Replace(yaml, old, new, 1) }
	based := func(base string) string {
		return regexp.MustCompile("(?m)^base: .*$").ReplaceAllString(yaml, "base: \""+base+"\"")
	}
	for _, c := range []struct{ name, yaml, want string }{
		{"no address", yaml + "listen: \"\"\n", "listen: must be set"},
		{"address without a port", yaml + "listen: localhost\n", "listen: must be host:port"},
		{"port by name", yaml + "listen: 127.0.0.1:https\n", "listen: must be host:port"},
		{"port too high", yaml + "listen: 127.0.0.1:99999\n", "listen: must be host:port"},
		{"host with a scheme", yaml + "hosts: [\"https://x/\"]\n", "hosts: \"https://x/\" must be host or host:port"},
		{"host with a port too high", yaml + "hosts: [\"a:99999\"]\n", "hosts: \"a:99999\" must be host or host:port"},
		{"host with no port after the colon", yaml + "hosts: [\"a:\"]\n", "hosts: "},
		{"base with a wildcard", based("https://*/fhir"), "base: must name one host"},
		{"base with a port too high", based("https://x:99999/fhir"), "base: must name one host"},
		{"base with no port after the colon", based("https://x:/fhir"), "base: must name one host"},
		{"base with a port that is picked, where none is", based("https://x:0/fhir"), "base: names port 0"},
		{"base in upper case", based("HTTPS://x/fhir"), "base: must be https://host"},
		{"base that is no URL", based("https://[fe80::1%lo]/fhir"), "base: must be a URL"},
		{"origin in upper case", yaml + "allowed_origins: [\"https://A.b\"]\n", "allowed_origins: "},
		{"origin with the usual port", yaml + "allowed_origins: [\"https://a.b:443\"]\n", "allowed_origins: "},
		{"base with a port that is picked and a wildcard", based("https://*:0/fhir") + "listen: 127.0.0.1:0\n", "base: must name one host"},
		{"origin not in ASCII", yaml + "allowed_origins: [\"https://ä.b\"]\n", "allowed_origins: "},
		{"key that is nothing", yaml + "? \n: x\n", "the file: a key is empty"},
		{"key that is null", yaml + "tls:\n  ~: x\n", "the file: a key is empty"},
		{"empty key of a section", yaml + "limits: {\"\": 3}\n", "the file: a key is empty"},
		{"key of a dash", yaml + "\"-\": x\n", "unknown key -"},
		{"host with a wildcard", yaml + "hosts: [\"*.example.org\"]\n", "hosts: "},
		{"origins with a wildcard", yaml + "allowed_origins: [\"https://*.example.org\"]\n", "allowed_origins: "},
		{"origin with a path", yaml + "allowed_origins: [\"https://app.example.org/\"]\n", "allowed_origins: "},
		{"part of a page", yaml + "limits: {count: 1.5}\n", "limits.count: must be a whole number"},
		{"more bytes than there are", yaml + "limits: {body: 99999999999999999999}\n", "limits.body: is too large a number"},
		{"more bytes than an int holds", yaml + "limits: {body: 9999999999999999999}\n", "limits.body: is too large a number"},
		{"time without a unit", yaml + "limits: {header_timeout: 5}\n", "limits.header_timeout: must be a time with its unit"},
		{"time with a wrong unit", yaml + "limits: {header_timeout: 5x}\n", "limits.header_timeout: must be a time with its unit"},
		{"text for a number", yaml + "limits: {count: many}\n", "limits.count: must be a whole number"},
		{"number for a section", yaml + "limits: 3\n", "limits: must be a section"},
		{"number for a text", yaml + "tenant: 3\n", "tenant: must be a text"},
		{"text for yes or no", yaml + "    plain_loopback: maybe\n", "issuers[0].plain_loopback: must be true or false"},
		{"onward to more than an origin", yaml + "smart: {enabled: true, providers: [{id: i, name: n, issuer: \"https://op\", client_id: c, client_secret_file: secret, " +
			"onward: [\"https://adfs.example.org\", \"https://adfs.example.org/x\"]}]}\n", "smart.providers[0].onward: \"https://adfs.example.org/x\" must be an origin"},
		{"role that a provider would give for good", yaml + "smart: {enabled: true, roles: {just_in_time: [break-glass]}, providers: [{id: i, name: n, issuer: \"https://op\", client_id: c, " +
			"client_secret_file: secret, rules: {roles: {claim: r, map: [{from: a, to: nurse}, {from: b, to: break-glass}]}}}]}\n",
			"smart.providers[0].rules.roles.map[1].to: is in smart.roles.just_in_time"},
		{"text for a list", yaml + "hosts: a\n", "hosts: must be a list"},
		{"ratio over the transport's", yaml + "limits: {gzip_ratio: 101}\n", "limits.gzip_ratio: must be 1 to 100"},
		{"small header", yaml + "limits: {header: 4}\n", "limits.header: must be 256 to 32768"},
		{"large url", yaml + "limits: {url: 100000}\n", "limits.url: must be 64 to 32768"},
		{"all bodies below one", yaml + "limits: {body: 2048, bodies: 1024}\n", "limits.bodies: must not be below limits.body"},
		{"a body over all by default", yaml + "limits: {body: 1000000000}\n", "limits.bodies: must not be below limits.body"},
		{"unknown algorithm", swap("[ES256]", "[HS256]"), "issuers[0].algorithms: \"HS256\" is not one of"},
		{"algorithm twice", swap("[ES256]", "[ES256, ES256]"), "issuers[0].algorithms: ES256 is listed twice"},
		{"keys over http by name", swap("jwks_file: jwks.json", "plain_loopback: true\n    jwks_url: http://localhost/k"), "issuers[0].jwks_url: must be https"},
		{"keys with a password", swap("jwks_file: jwks.json", "jwks_url: https://u:hunter2@idp.example.org/k"), "issuers[0].jwks_url: must be an absolute URL"},
		{"base of a person with a slash", yaml + "    fhir_bases: [\"https://old.example.org/fhir/\"]\n", "issuers[0].fhir_bases: "},
		{"issuer twice", yaml + strings.TrimPrefix(yaml[strings.Index(yaml, "  - name"):], "\n"), "issuers[1].name: is that of issuers[0] too"},
		{"pointer with a bad escape", yaml + "    claims: {roles: /a/b~2}\n", "issuers[0].claims.roles: "},
		{"pointer with an empty step", yaml + "    claims: {roles: /a//b}\n", "issuers[0].claims.roles: "},
		{"store in a folder that is not there", yaml + "store: {sqlite: nowhere/store.db}\n", "store.sqlite: there is no folder"},
		{"store that is a folder", yaml + "store: {sqlite: open}\n", "store.sqlite: "},
		{"huge segments", yaml + "audit: {segment: 1000000000000}\n", "audit.segment: must be 65536 to"},
		{"keys for no time", yaml + "    max_key_age: 1ns\n", "issuers[0].max_key_age: must be 1m to 720h"},
		{"keys for ever", yaml + "    max_key_age: 100000h\n", "issuers[0].max_key_age: must be"},
		{"policies read once a year", yaml + "policies: {reload: 8760h}\n", "policies.reload: must be"},
		{"a second document", yaml + "---\nlisten: 0.0.0.0:1\n", "second YAML document"},
		{"a second document after an end", yaml + "...\n# more\nlisten: 0.0.0.0:1\n", "second YAML document"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadText(t, dir, c.yaml)
			if err == nil {
				t.Fatalf("accepted, want an error with %q", c.want)
			}
			lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
			if len(lines) != 2 || !strings.Contains(lines[1], c.want) {
				t.Errorf("error = %q, want two lines, the second with %q", lines, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

// TestOneDocumentMayBeMarkedAsOne: what YAML writes around a document is not a
// second one.
func TestOneDocumentMayBeMarkedAsOne(t *testing.T) {
	dir, yaml := good(t)
	for name, text := range map[string]string{"marked as one": "# c\n---" + yaml + "# end\n", "ended": yaml + "...\n# end\n"} {
		if _, err := loadText(t, dir, text); err != nil {
			t.Errorf("a document %s: %v", name, err)
		}
	}
}

// TestEveryFaultIsALine: an operator gets all there is to mend at once.
func TestEveryFaultIsALine(t *testing.T) {
	dir, yaml := good(t)
	_, err := loadText(t, dir, yaml+"limits: {count: 1.5, header_timeout: 5}\nhosts: a\n")
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("types: %v, want a heading and three lines", err)
	}
	_, err = loadText(t, dir, yaml+"listen: \"\"\nhosts: [a/b]\nlimits: {chain: 99}\n")
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("values: %v, want a heading and three lines", err)
	}
}

// TestEveryLimitHasABound: beyond any bound the start is refused, and
// docs/configuration.md has the same numbers.
func TestEveryLimitHasABound(t *testing.T) {
	b, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, b := range (LimitsConfig{}).bounds() {
		keys = append(keys, "limits."+b.key)
	}
	if want := limitKeys(t); !slices.Equal(keys, want) {
		t.Errorf("bounded are %v, want %v", keys, want)
	}
	dir, yaml := good(t)
	for _, x := range (LimitsConfig{}).bounds() {
		most, beyond := fmt.Sprint(x.most), fmt.Sprint(x.most+1)
		if x.time {
			most = strings.NewReplacer("m0s", "m", "h0m0s", "h").Replace(time.Duration(x.most).String())
			beyond = fmt.Sprintf("%dns", x.most+1)
		}
		row := regexp.MustCompile("(?m)^\\| `limits\\." + x.key + "` .*$").FindString(string(b))
		if !strings.Contains(row, "`"+most+"`") {
			t.Errorf("docs/configuration.md does not say that limits.%s is at most `%s`: %s", x.key, most, row)
		}
		if _, err := loadText(t, dir, fmt.Sprintf("%slimits: {%s: %s}\n", yaml, x.key, beyond)); err == nil || !strings.Contains(err.Error(), "limits."+x.key+": must be") {
			t.Errorf("limits.%s: %s is accepted: %v", x.key, beyond, err)
		}
	}
}

// limitKeys are the limits there are, in order.
func limitKeys(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, k := range allKeys() {
		if strings.HasPrefix(k, "limits.") {
			out = append(out, k)
		}
	}
	return out
}

// TestDatabaseOnAnotherHostIsVerified: it is the host that the driver goes to
// that counts, whoever names it.
func TestDatabaseOnAnotherHostIsVerified(t *testing.T) {
	dir, yaml := good(t)
	for _, c := range []struct {
		name, url string
		env       map[string]string
		accepted  bool
	}{
		{"this host", "postgres://u@localhost/d", nil, true},
		{"a socket", "postgres:///d?host=/run/postgresql", nil, true},
		{"another host, verified", "postgres://u@db.example.org/d?sslmode=verify-full", nil, true},
		{"another host by the environment", "postgres:///d", map[string]string{"PGHOST": "db.example.org"}, false},
		{"another host by the environment, verified", "postgres:///d?sslmode=verify-full", map[string]string{"PGHOST": "db.example.org"}, true},
		{"another host by a parameter", "postgres://localhost/d?host=db.example.org", nil, false},
		{"another host beside this one", "postgres://localhost,db.example.org/d", nil, false},
		{"encrypted by the environment, and not verified", "postgres://db.example.org/d", map[string]string{"PGSSLMODE": "require"}, false},
		{"verified by the environment", "postgres://db.example.org/d", map[string]string{"PGSSLMODE": "verify-full"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"PGHOST", "PGSSLMODE", "PGSERVICE", "PGSSLROOTCERT"} {
				t.Setenv(name, c.env[name])
			}
			_, err := loadText(t, dir, yaml+"store: {postgres: \""+c.url+"\"}\n")
			if (err == nil) != c.accepted || err != nil && !strings.Contains(err.Error(), "store.postgres: needs sslmode=verify-full") {
				t.Errorf("%s: %v", c.url, err)
			}
		})
	}
}

// TestPolicyFolderThatVanishesIsNoReasonForOthers: the built-in policies are
// used while there has never been a folder.
func TestPolicyFolderThatVanishesIsNoReasonForOthers(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Dir = t.TempDir()
	folder := newPolicyFolder(cfg)
	if _, err := folder.open(); err != nil {
		t.Fatalf("no folder at the start: %v", err)
	}
	own := filepath.Join(cfg.Dir, "policies")
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.open(); err != nil {
		t.Fatalf("a folder: %v", err)
	}
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.open(); err == nil || !strings.Contains(err.Error(), "is gone") {
		t.Errorf("a folder that vanished: %v", err)
	}
	if _, err := newPolicyFolder(cfg).open(); err != nil {
		t.Errorf("after a new start: %v", err)
	}
}
