package firebreak

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// keysOf are the keys of a configuration type, "tls.cert", "issuers[].name".
func keysOf(t reflect.Type, prefix string) []string {
	var out []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := f.Tag.Get("koanf")
		switch {
		case key == "-":
		case f.Type == reflect.TypeFor[Duration]():
			out = append(out, prefix+key)
		case f.Type.Kind() == reflect.Struct:
			out = append(out, keysOf(f.Type, prefix+key+".")...)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			out = append(out, keysOf(f.Type.Elem(), prefix+key+"[].")...)
		default:
			out = append(out, prefix+key)
		}
	}
	return out
}

// allKeys are all there are, in order.
func allKeys() []string { return keysOf(reflect.TypeFor[Config](), "") }

func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(doc), "## The directory")
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(text, -1) {
		documented[m[1]] = true
	}
	keys := allKeys()
	if len(keys) < 50 {
		t.Fatalf("found %d keys only", len(keys))
	}
	for _, k := range keys {
		if !documented[k] {
			t.Errorf("%s is not in docs/configuration.md", k)
		}
		delete(documented, k)
	}
	for k := range documented {
		t.Errorf("docs/configuration.md tells of %s, which there is not", k)
	}
}

// good is a folder with all that a configuration needs, and the least of one.
func good(t *testing.T) (dir, yaml string) {
	t.Helper()
	dir = t.TempDir()
	for name, mode := range map[string]os.FileMode{"cert.pem": 0o644, "key.pem": 0o600, "jwks.json": 0o644, "loose.json": 0o644, "public.pem": 0o644, "secret": 0o600} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "open"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "open"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "shared"), 0o700); err != nil {
		t.Fatal(err)
	}
	// Past any umask.
	for name, mode := range map[string]os.FileMode{"shared": 0o775, "loose.json": 0o666} {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir, `
dir: data
base: https://fhir.example.org/fhir
tls: {cert: cert.pem, key: key.pem}
issuers:
  - name: https://idp.example.org
    audience: [https://fhir.example.org/fhir]
    jwks_file: jwks.json
    algorithms: [ES256]
`
}

func loadText(t *testing.T, dir, yaml string) (Config, error) {
	t.Helper()
	path := filepath.Join(dir, "firebreak.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o644); err != nil {
		t.Fatal(err)
	}
	return LoadConfig(path)
}

func TestLeastConfigurationHasSafeDefaults(t *testing.T) {
	dir, yaml := good(t)
	cfg, err := loadText(t, dir, yaml)
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.Dir, want.Base = filepath.Join(dir, "data"), "https://fhir.example.org/fhir"
	want.TLS.Cert, want.TLS.Key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	want.Smart.KeyFile = filepath.Join(dir, "data", "vault.key")
	want.Store.SQLite, want.Audit.Dir = filepath.Join(dir, "data", "store.db"), filepath.Join(dir, "data", "audit")
	want.Issuers = []IssuerConfig{{Name: "https://idp.example.org", Audience: []string{want.Base},
		JWKSFile: filepath.Join(dir, "jwks.json"), Algorithms: []string{"ES256"}}}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
	if cfg.TLS.Min != "1.2" || !strings.HasPrefix(cfg.Listen, "127.0.0.1:") {
		t.Errorf("defaults are not RFC 9325 on this machine: TLS %s, listen %s", cfg.TLS.Min, cfg.Listen)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	dir, _ := good(t)
	cfg, err := loadText(t, dir, `
dir: data
listen: 0.0.0.0:443
base: https://fhir.example.org/fhir
hosts: [other.example.org]
tenant: clinic
tls: {cert: cert.pem, key: key.pem, min: 1.3, client_cas: public.pem, require_client_certificate: true}
listeners: [{listen: "0.0.0.0:8444", base: "https://fhir.example.org:8444/fhir", client_cas: public.pem, require_client_certificate: true, min_tls: "1.2"}]
store: {postgres: "postgres://fb@db.example.org/fb?sslmode=verify-full", postgres_password_file: secret, readers: 16}
audit: {dir: journal, segment: 1048576}
issuers:
  - {name: a, audience: [b], jwks_url: "http://127.0.0.1:9/k", plain_loopback: true, algorithms: [RS256], leeway: 30s, max_key_age: 1h,
     fhir_bases: ["https://old.example.org/fhir"], claims: {client_id: c1, scope: c2, fhir_user: c3, patient: c4, organization: c5, roles: /c6, purpose: c7, acr: c8},
     require_type: true, introspection: {url: "http://127.0.0.1:9/i", client_id: c, key_file: secret, key_id: k, always: true, remember: 5s}}
smart: {enabled: true, issuer: "https://id.example.org/auth", name: n, help: h, key_file: secret, administrators: [a], admin_acr: "urn:firebreak:acr:3", two_persons: [clients, people, keys, policies], access_life: 2m, refresh_life: 3h, session_idle: 4m,
  session_life: 5h, key_period: 6h, passwords: {min_length: 14, breach_list: secret}, roles: {clinical: [b], just_in_time: [c], self_service: [c], max_just_in_time: 7h, second_factor: [e]},
  outbound: {hosts: [.example.org], networks: [10.1.0.0/16], ca_file: public.pem},
  mail: {host: mail.example.org, port: 2525, tls: implicit, ca_file: public.pem, user: u, password_file: secret, from: fhir@example.org},
  purposes: [{role: d, purpose: TREAT}],
  providers: [{id: i, name: n, issuer: "http://127.0.0.1:9/o", client_id: c, private_key_file: secret, key_id: k, assertion_audience: token_endpoint, scopes: [s], acr_values: [v],
    algorithms: [ES256], userinfo: true, onward: ["https://adfs.example.org"], plain_loopback: true, rules: {name: a, email: b, email_verified: c, fhir_user: [{claim: d, map: [{from: e, to: f}], template: "Patient/{claim}", types: [Patient]}],
      organization: {claim: g, map: [{from: h, to: i}], template: "Organization/{claim}", types: [Organization]}, roles: {claim: j, map: [{from: k, to: l}]},
      acr: {claim: m, map: [{from: n, to: "urn:firebreak:acr:2"}]}, require: [{claim: o, values: [p]}], email_domains: [example.org]}}]}
policies: {reload: 5s}
limits: {body: 1, bodies: 2, gzip_ratio: 3, header: 400, url: 500, header_timeout: 6s, body_timeout: 7s, body_rate: 8, write_timeout: 9s, idle_timeout: 10s,
  drain: 11s, connections: 12, per_peer: 13, requests: 14, streams: 15, entries: 16, count: 17, chain: 8, iterate: 19, page_life: 20s, time: 21s,
  per_client: 22, per_client_burst: 23, per_person: 24, per_person_burst: 25}
allowed_origins: [https://app.example.org]
log: {level: debug, format: text}
`)
	if err != nil {
		t.Fatal(err)
	}
	// Of what can be set, only the alternatives to what is set above are empty.
	empty := []string{"store.sqlite", "store.postgres_password_env", "policies.dir", "issuers[].jwks_file",
		"issuers[].introspection.client_secret_file", "issuers[].introspection.client_secret_env", "smart.providers[].client_secret_file"}
	if got := unset(reflect.ValueOf(cfg), ""); !slices.Equal(got, empty) {
		t.Errorf("not read: %v, want %v", got, empty)
	}
	if cfg.Limits.PageLife.Duration != 20*time.Second || cfg.Limits.Time.Duration != 21*time.Second || cfg.Limits.Iterate != 19 || cfg.TLS.Min != "1.3" || cfg.Issuers[0].Claims.Roles != "/c6" {
		t.Errorf("read wrongly: %+v", cfg)
	}
}

// unset are the keys without a value.
func unset(v reflect.Value, prefix string) []string {
	var out []string
	for i := range v.NumField() {
		key, x := v.Type().Field(i).Tag.Get("koanf"), v.Field(i)
		switch {
		case key == "-":
		case x.Kind() == reflect.Slice && x.Type().Elem().Kind() == reflect.Struct:
			out = append(out, unset(x.Index(0), prefix+key+"[].")...)
		case x.Kind() == reflect.Struct && x.Type() != reflect.TypeFor[Duration]():
			out = append(out, unset(x, prefix+key+".")...)
		case x.IsZero():
			out = append(out, prefix+key)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Count(a, "[") - strings.Count(b, "[") })
	return out
}

func TestWhatIsUnsafeOrUnknownStopsTheStart(t *testing.T) {
	dir, yaml := good(t)
	without := func(line string) string { return strings.Replace(yaml, line, "", 1) }
	swap := func(old, new string) string { return strings.Replace(yaml, old, new, 1) }
	for _, c := range []struct{ name, yaml, want string }{
		{"unknown key", yaml + "tsl: {}\n", "unknown key tsl"},
		{"unknown key in a section", yaml + "limits: {bodyy: 1}\n", "unknown key limits.bodyy"},
		{"unknown key of an issuer", yaml + "    audiences: [x]\n", "unknown key issuers[0].audiences"},
		{"key in another case", yaml + "Listen: \":1\"\n", "unknown key Listen"},
		{"key given twice", yaml + "dir: other\n", "already defined"},
		{"not YAML", "{", "yaml"},
		{"text where a list belongs", yaml + "hosts: a\n", "hosts"},
		{"time without a unit", yaml + "    leeway: 30\n", "issuers[0].leeway: must be a time with its unit, such as 30s"},
		{"no directory", without("dir: data\n"), "dir: must be set"},
		{"no base", without("base: https://fhir.example.org/fhir\n"), "base: must be set"},
		{"plain http", swap("base: https", "base: http"), "base: must be https"},
		{"trailing slash", swap("org/fhir\n", "org/fhir/\n"), "base: must be https://host"},
		{"user in base", swap("base: https://", "base: https://a:b@"), "base: must be https://host"},
		{"old TLS", swap("key: key.pem", "key: key.pem, min: 1.1"), "tls.min: must be"},
		{"no certificate", swap("cert: cert.pem, ", ""), "tls.cert: must be set"},
		{"certificate not there", swap("cert.pem", "none.pem"), "tls.cert: there is no file"},
		{"readable key", swap("key.pem", "public.pem"), "tls.key: others may read"},
		{"client certificates without authorities", swap("key: key.pem", "key: key.pem, require_client_certificate: true"), "needs tls.client_cas"},
		{"listener without an address", yaml + "listeners: [{base: \"https://fhir.example.org:1/fhir\"}]\n", "listeners[0].listen: must be"},
		{"listener without a base", yaml + "listeners: [{listen: \"127.0.0.1:1\"}]\n", "listeners[0].base: must be set"},
		{"listener in the clear", yaml + "listeners: [{listen: \"127.0.0.1:1\", base: \"http://fhir.example.org:1/fhir\"}]\n", "listeners[0].base: must be https"},
		{"listener with old TLS", yaml + "listeners: [{listen: \"127.0.0.1:1\", base: \"https://fhir.example.org:1/fhir\", min_tls: \"1.1\"}]\n", "listeners[0].min_tls: must be"},
		{"listener's authorities not there", yaml + "listeners: [{listen: \"127.0.0.1:1\", base: \"https://fhir.example.org:1/fhir\", client_cas: none.pem}]\n", "listeners[0].client_cas: there is no file"},
		{"listener's certificates without authorities", yaml + "listeners: [{listen: \"127.0.0.1:1\", base: \"https://fhir.example.org:1/fhir\", require_client_certificate: true}]\n", "listeners[0].require_client_certificate: needs"},
		{"no issuer", yaml[:strings.Index(yaml, "issuers:")], "issuers: must name at least one"},
		{"no audience", without("    audience: [https://fhir.example.org/fhir]\n"), "issuers[0].audience: must hold"},
		{"empty audience", swap("audience: [https://fhir.example.org/fhir]", `audience: [""]`), "issuers[0].audience: must hold"},
		{"no algorithms", without("    algorithms: [ES256]\n"), "issuers[0].algorithms: must name"},
		{"much leeway", yaml + "    leeway: 61s\n", "issuers[0].leeway: must be"},
		{"two sources of keys", yaml + "    jwks_url: https://idp.example.org/k\n", "exactly one of"},
		{"keys over http", swap("jwks_file: jwks.json", "jwks_url: http://idp.example.org/k"), "issuers[0].jwks_url: must be https"},
		{"keys over http, not loopback", swap("jwks_file: jwks.json", "plain_loopback: true\n    jwks_url: http://idp.example.org/k"), "issuers[0].jwks_url: must be https"},
		{"introspection over http", yaml + "    introspection: {url: \"http://idp.example.org/i\", client_id: c, client_secret_file: secret}\n", "issuers[0].introspection.url: must be https"},
		{"introspection without a client", yaml + "    introspection: {url: \"https://idp.example.org/i\", client_secret_file: secret}\n", "issuers[0].introspection.client_id: must be set"},
		{"introspection without a secret", yaml + "    introspection: {url: \"https://idp.example.org/i\", client_id: c}\n", "exactly one of client_secret_file"},
		{"introspection with two secrets", yaml + "    introspection: {url: \"https://idp.example.org/i\", client_id: c, client_secret_file: secret, key_file: key.pem}\n", "exactly one of client_secret_file"},
		{"introspection with a readable secret", yaml + "    introspection: {url: \"https://idp.example.org/i\", client_id: c, client_secret_file: public.pem}\n", "issuers[0].introspection.client_secret_file: others may read"},
		{"introspection with an empty variable", yaml + "    introspection: {url: \"https://idp.example.org/i\", client_id: c, client_secret_env: FIREBREAK_NO_SUCH}\n", "the variable it names is empty"},
		{"introspection remembered long", yaml + "    introspection: {url: \"https://idp.example.org/i\", client_id: c, client_secret_file: secret, remember: 11s}\n", "issuers[0].introspection.remember: must be"},
		{"introspection without a URL", yaml + "    introspection: {always: true}\n", "issuers[0].introspection.url: must be"},
		{"a secret in the file", yaml + "    introspection: {client_secret: hunter2}\n", "unknown key issuers[0].introspection.client_secret"},
		{"mail without a host", yaml + "smart: {enabled: true, mail: {from: a@example.org}}\n", "smart.mail.host: must be set"},
		{"mail to a port in the name", yaml + "smart: {enabled: true, mail: {host: \"mail.example.org:25\", from: a@example.org}}\n", "smart.mail.host: must be a name"},
		{"mail from nobody", yaml + "smart: {enabled: true, mail: {host: mail.example.org}}\n", "smart.mail.from: must be"},
		{"mail in the clear", yaml + "smart: {enabled: true, mail: {host: mail.example.org, tls: local, from: a@example.org}}\n", "smart.mail.tls: local is for"},
		{"mail without TLS", yaml + "smart: {enabled: true, mail: {host: mail.example.org, tls: none, from: a@example.org}}\n", "smart.mail.tls: must be"},
		{"mail user without a password", yaml + "smart: {enabled: true, mail: {host: mail.example.org, user: u, from: a@example.org}}\n", "smart.mail.user: belongs"},
		{"mail password for all", yaml + "smart: {enabled: true, mail: {host: mail.example.org, user: u, password_file: public.pem, from: a@example.org}}\n", "smart.mail.password_file: others may read"},
		{"policies not there", yaml + "policies: {dir: nowhere}\n", "policies.dir: there is no folder"},
		{"policies that anybody may write", yaml + "policies: {dir: open}\n", "policies.dir: others than its owner may write"},
		{"policies that the group may write", yaml + "policies: {dir: shared}\n", "policies.dir: others than its owner may write"},
		{"keys that anybody may write", swap("jwks.json", "loose.json"), "issuers[0].jwks_file: others than its owner may write"},
		{"restless reload", yaml + "policies: {reload: 1ms}\n", "policies.reload: must be"},
		{"journal among other files", yaml + "audit: {dir: data}\n", "audit.dir: must be a folder of its own"},
		{"two stores", yaml + "store: {sqlite: a.db, postgres: postgres://u@localhost/d}\n", "exclude each other"},
		{"database in the clear", yaml + "store: {postgres: postgres://u@db.example.org/d}\n", "store.postgres: needs sslmode=verify-full"},
		{"database unverified", yaml + "store: {postgres: \"postgres://u@db.example.org/d?sslmode=require\"}\n", "store.postgres: needs sslmode=verify-full"},
		{"database password for all", yaml + "store: {postgres: postgres://u:hunter2@localhost/d}\n", "store.postgres: holds a password"},
		{"readable password file", yaml + "store: {postgres: postgres://u@localhost/d, postgres_password_file: public.pem}\n", "others may read"},
		{"password variable empty", yaml + "store: {postgres: postgres://u@localhost/d, postgres_password_env: FIREBREAK_NO_SUCH}\n", "the variable it names is empty"},
		{"plain origin", yaml + "allowed_origins: [http://app.example.org]\n", "allowed_origins"},
		{"any origin", yaml + `allowed_origins: ["*"]` + "\n", "allowed_origins"},
		{"weak administrators", yaml + "smart: {enabled: true, admin_acr: none}\n", "smart.admin_acr: must be one of"},
		{"two persons for what nobody asks about", yaml + "smart: {enabled: true, two_persons: [coffee]}\n", "smart.two_persons: \"coffee\" must be one of"},
		{"administrators by themselves", yaml + "smart: {enabled: true, administrators: [boss], roles: {just_in_time: [boss], self_service: [boss]}}\n", "smart.roles.self_service: must not have \"boss\""},
		{"a host with a wildcard", yaml + "smart: {enabled: true, outbound: {hosts: [\"*.example.org\"]}}\n", "smart.outbound.hosts[0]: must be a host's name"},
		{"a network that is an address", yaml + "smart: {enabled: true, outbound: {networks: [10.1.2.3/16]}}\n", "smart.outbound.networks[0]: must be a network"},
		{"two persons and nobody to approve", yaml + "smart: {two_persons: [policies]}\n", "smart.two_persons: needs smart.enabled"},
		{"negative limit", yaml + "limits: {body: -1}\n", "limits.body: must not be negative"},
		{"burst of nothing", yaml + "limits: {per_client_burst: 1}\n", "limits.per_client_burst: needs limits.per_client"},
		{"a person's burst of nothing", yaml + "limits: {per_person_burst: 1}\n", "limits.per_person_burst: needs limits.per_person"},
		{"log level", yaml + "log: {level: loud}\n", "log.level: must be"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadText(t, dir, c.yaml)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error = %v, want one with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestPasswordComesFromFileOrVariable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	if err := os.WriteFile(path, []byte("p@ss word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FIREBREAK_TEST_PASSWORD", "p@ss word")
	const where = "postgres://fb@localhost/db?sslmode=disable"
	const want = "postgres://fb:p%40ss%20word@localhost/db?sslmode=disable"
	for _, s := range []StoreConfig{{Postgres: where, PostgresPasswordFile: path}, {Postgres: where, PostgresPasswordEnv: "FIREBREAK_TEST_PASSWORD"}} {
		if got, err := s.url(); err != nil || got != want {
			t.Errorf("url = %q, %v, want %q", got, err, want)
		}
	}
}
