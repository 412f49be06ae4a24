package authn

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestABindingThatOnlyTheIssuerTellsOfHolds: RFC 8705 section 3.2 and RFC 9449
// section 6.2 let an issuer say in its answer what a token is bound to. Also where
// the token itself can be read and says nothing of it.
func TestABindingThatOnlyTheIssuerTellsOfHolds(t *testing.T) {
	path := t.TempDir() + "/jwks.json"
	src, err := publicJSON(testSigner(t, "own", jose.ES256))
	must(t, err)
	writeFile(t, path, string(src))
	d := newAskDesk(t, func(i *Issuer) {
		i.JWKSFile, i.Algorithms, i.Introspection.Always = path, []string{"ES256"}, true
	})
	one, other := Thumbprint(strings.Repeat("11", 32)), Thumbprint(strings.Repeat("22", 32))
	member := func(name, value string) string { return fmt.Sprintf(`{%q:%q}`, name, value) }
	with := func(cnf string) string {
		return d.own.sign(d.header(""), d.claims(map[string]string{"cnf": cnf, "jti": strconv.Quote("of" + cnf)}))
	}
	for _, c := range []struct {
		name, token, cnf, kind string
		shown                  string // certificate
		want                   literal
	}{
		{"to a certificate that is not shown", with(""), member("x5t#S256", one), "Bearer", "", boundToCertificate},
		{"to another certificate than is shown", with(""), member("x5t#S256", one), "Bearer", other, boundToCertificate},
		{"to the certificate that is shown", with(""), member("x5t#S256", one), "Bearer", one, ""},
		{"to a key, and it comes as Bearer", with(""), member("jkt", one), "Bearer", "", boundToKey},
		{"in a way that is not supported", with(""), member("kid", "1"), "Bearer", "", badConfirmation},
		{"somehow, for its type is DPoP", with(""), "", "DPoP", "", badConfirmation},
		{"to what the token says", with(member("x5t#S256", one)), member("x5t#S256", one), "Bearer", one, ""},
		{"to another than the token says", with(member("x5t#S256", one)), member("x5t#S256", other), "Bearer", other, otherToken},
		{"as the token says, and the answer is silent", with(member("x5t#S256", one)), "", "Bearer", "", boundToCertificate},
	} {
		d.clk.Advance(10 * time.Second) // what was answered before is forgotten
		d.say(d.active(map[string]string{"cnf": c.cnf, "jti": "", "token_type": strconv.Quote(c.kind)}))
		for range 2 { // asked, and remembered
			_, err := d.v.VerifyRequest(noContext, Credentials{Authorization: "Bearer " + c.token, Certificate: c.shown})
			if c.want == "" && err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if c.want != "" {
				t.Run(c.name, func(t *testing.T) { wantRefusal(t, err, 401, "invalid_token", c.want) })
			}
		}
	}
}
