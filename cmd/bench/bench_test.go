package main

import (
	"bytes"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"firebreak/internal/service"
)

// TestMain lets the test's binary be the servers under measurement, as the
// command's is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "server" {
		main()
		return
	}
	service.Main(m)
}

// TestEachPartMeasuresWhatItNames runs the benchmarks on small data: every part
// finishes, prints its rows, and none of what it measured was refused or empty.
// It bounds no time.
func TestEachPartMeasuresWhatItNames(t *testing.T) {
	var out bytes.Buffer
	b := &bench{out: &out, dir: t.TempDir(), smallest: 500, largest: 5000, seconds: 100 * time.Millisecond, rounds: 1, exchanges: 50}
	for _, p := range b.parts() {
		out.Reset()
		if err := p.run(); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		for _, want := range wanted[p.name] {
			if !regexp.MustCompile(`(?m)^` + want).MatchString(out.String()) {
				t.Errorf("%s printed no line like %s:\n%s", p.name, want, out.String())
			}
		}
	}
}

const some = `[1-9][0-9.]*`

// wanted are lines that the parts print, with figures above nought.
var wanted = map[string][]string{
	"http": {
		`\| read \| bare net/http \| ` + some + ` \|`,
		`\| read \| Firebreak \| ` + some + ` \|`,
		`\| search, subject \+ code \| Firebreak \| ` + some + ` \|`,
		`\| search, page of 20 \+ total \| gate open, audit off \| ` + some + ` \|`,
		`\| create \| Firebreak \| ` + some + ` \|`,
	},
	"create": {`\| bare rows, group commit of 64 \| \[` + some, `\| Firebreak: validate, gate, index, journal \| \[` + some},
	"search": {
		`\| subject \+ code \| all, unrestricted \| [0-9.]+ \(` + some + `\) \| [0-9.]+ \(` + some + `\) \|`,
		`\| code, 5 % \| 99 % \| [0-9.]+ \(17\) \| [0-9.]+ \(20\) \|`,
		`\| _has \| all, by policy \| [0-9.]+ \(` + some + `\)`,
	},
	"totals":   {`\| type \| all, unrestricted \| total 4900 \|`, `\| code, 5 % \| 24 % \| total ` + some + ` \|`},
	"policies": {`\| 10 \| `, `\| 10000 \| `},
	"start":    {`ready after \[` + some},
	"tokens":   tokenRows("SQLite", `\| alone \| `+some, `\| 24 at once \| `+some+` ms .* statuses map\[.*303:`+some, `with the authorization server ready after \[`+some),
}

// tokenRows are the lines of one store in the tokens part, and more.
func tokenRows(store string, more ...string) []string {
	const figures = ` \| ` + some + ` \| ` + some + ` µs \| .* ms \| .* ms \|`
	return append(more,
		`\| `+store+` \| read \| not verified`+figures+` 1.00 \|`,
		`\| `+store+` \| read \| a configured issuer's`+figures,
		`\| `+store+` \| read \| our own`+figures,
		`\| `+store+` \| private_key_jwt \| RS384`+figures+` `+some+` \| `+some+` \+ `+some+` µs \|`,
		`\| `+store+` \| private_key_jwt \| ES384`+figures+` `+some+` \| `+some+` \+ `+some+` µs \|`,
		`\| `+store+` \| code \| an id token too`+figures,
		`\| `+store+` \| refresh \| access and refresh token`+figures,
		`\| `+store+` \| introspect \| a person's token`+figures)
}

// TestTokensAreMeasuredOnPostgres: what all servers of a database ask it about
// tokens is measured there too.
func TestTokensAreMeasuredOnPostgres(t *testing.T) {
	var out bytes.Buffer
	b := &bench{out: &out, dir: t.TempDir(), smallest: 500, seconds: 100 * time.Millisecond, rounds: 1, exchanges: 50, postgres: service.Postgres(t)}
	s, err := b.newSite("PostgreSQL", b.postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := s.measure(); err != nil {
		t.Fatal(err)
	}
	for _, want := range tokenRows("PostgreSQL") {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(out.String()) {
			t.Errorf("printed no line like %s:\n%s", want, out.String())
		}
	}
}

// TestTotalsFollowWhatTheCallerSees: a caller who sees more counts more, so the
// callers' names say what they are.
func TestTotalsFollowWhatTheCallerSees(t *testing.T) {
	var out bytes.Buffer
	b := &bench{out: &out, dir: t.TempDir(), smallest: 10_000, largest: 10_000}
	if err := b.totals(); err != nil {
		t.Fatal(err)
	}
	all, shares := 0.0, map[string]float64{}
	for line := range strings.Lines(out.String()) {
		if m := regexp.MustCompile(`^\| type \| (.*?) \| total (\d+) \|`).FindStringSubmatch(line); m != nil {
			n, _ := strconv.ParseFloat(m[2], 64)
			all = max(all, n)
			shares[m[1]] = n / all
		}
	}
	for name, want := range map[string]float64{"all, unrestricted": 1, "all, by policy": 1, "1 %": 0.01, "24 %": 0.24, "99 %": 0.99} {
		if got := shares[name]; got < want*0.5 || got > want*1.5 || got > 1 {
			t.Errorf("%s sees %.3f of all", name, got)
		}
	}
}
