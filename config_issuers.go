package firebreak

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
)

func (c *Config) checkIssuers(fault faultFunc) {
	if len(c.Issuers) == 0 && c.LocalIssuer == "" && !c.Smart.Enabled {
		fault("issuers", "must name at least one, for nobody could sign in otherwise")
	}
	for n, i := range c.Issuers {
		of := func(key, format string, args ...any) { fault(fmt.Sprintf("issuers[%d].%s", n, key), format, args...) }
		i.check(of)
		if first := slices.IndexFunc(c.Issuers, func(x IssuerConfig) bool { return x.Name == i.Name }); first < n && i.Name != "" {
			of("name", "is that of issuers[%d] too; one issuer has one entry", first)
		}
		if !i.asked() || i.Introspection.Always {
			continue
		}
		if first := slices.IndexFunc(c.Issuers, func(x IssuerConfig) bool { return x.asked() && !x.Introspection.Always }); first < n {
			of("introspection.always", "must be true here or at issuers[%d]: tokens that are no JWT don't say which of the two to ask", first)
		}
	}
}

// asked reports whether the issuer is asked about its tokens.
func (i IssuerConfig) asked() bool { return i.Introspection != (IntrospectionConfig{}) }

func (i IssuerConfig) check(fault faultFunc) {
	if i.Name == "" || strings.ContainsFunc(i.Name, unicode.IsControl) {
		fault("name", "must be set, in printable characters: the iss of its tokens")
	}
	if len(i.Audience) == 0 || slices.Contains(i.Audience, "") {
		fault("audience", "must hold at least one text, and no empty one: tokens for other services would be accepted")
	}
	i.checkAlgorithms(fault)
	if i.Leeway.Duration < 0 || i.Leeway.Duration > time.Minute {
		fault("leeway", "must be 0s to 60s")
	}
	if age := i.MaxKeyAge.Duration; age != 0 && (age < time.Minute || age > 720*time.Hour) {
		fault("max_key_age", "must be 1m to 720h; 0s means the default")
	}
	for _, b := range i.FHIRBases {
		if u, err := url.Parse(b); err != nil || !u.IsAbs() || u.Host == "" || strings.HasSuffix(b, "/") {
			fault("fhir_bases", "%q must be an absolute URL without trailing slash", b)
		}
	}
	i.checkKeys(fault)
	i.Introspection.check(i.PlainLoopback, fault)
	c := i.Claims
	for _, x := range [...]struct{ key, name string }{{"client_id", c.ClientID}, {"scope", c.Scope}, {"fhir_user", c.FHIRUser}, {"patient", c.Patient},
		{"organization", c.Organization}, {"roles", c.Roles}, {"purpose", c.Purpose}, {"acr", c.ACR}} {
		if !claimName(x.name) {
			fault("claims."+x.key, "%q is no JSON Pointer (RFC 6901) to a claim: no empty step, and ~ only in ~0 and ~1", x.name)
		}
	}
}

func (i IssuerConfig) checkAlgorithms(fault faultFunc) {
	if len(i.Algorithms) == 0 && !(i.asked() && i.JWKSFile == "" && i.JWKSURL == "") {
		fault("algorithms", "must name those that the issuer signs with, such as ES256")
	}
	for n, a := range i.Algorithms {
		switch a {
		case "ES256", "ES384", "EdDSA", "PS256", "PS384", "RS256":
			if slices.Contains(i.Algorithms[:n], a) {
				fault("algorithms", "%s is listed twice", a)
			}
		default:
			fault("algorithms", "%q is not one of ES256, ES384, EdDSA, PS256, PS384, RS256", a)
		}
	}
}

// checkKeys: whoever can write the keys can be anybody.
func (i IssuerConfig) checkKeys(fault faultFunc) {
	if file, url := i.JWKSFile != "", i.JWKSURL != ""; file && url || !file && !url && !i.asked() {
		fault("jwks_file", "exactly one of jwks_file and jwks_url must be set; none only with introspection")
	}
	if info := checkFile(fault, "jwks_file", i.JWKSFile, false); info != nil && writableByOthers(info) {
		fault("jwks_file", "others than its owner may write to %s; whoever does can sign in as anybody (chmod go-w)", i.JWKSFile)
	}
	if i.JWKSURL == "" {
		return
	}
	checkIssuerURL(fault, "jwks_url", i.JWKSURL, i.PlainLoopback)
}

// checkIssuerURL: whoever can change what an issuer answers can be anybody.
func checkIssuerURL(fault faultFunc, key, raw string, plainLoopback bool) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		fault(key, "must be an absolute URL without user or fragment")
	case u.Scheme == "http" && plainLoopback && net.ParseIP(u.Hostname()).IsLoopback():
	case u.Scheme != "https":
		fault(key, "must be https (http only with plain_loopback, to a loopback address such as 127.0.0.1)")
	}
}

// claimName reports whether a claim is named properly: by its name, or by a
// JSON Pointer whose every step names a member.
func claimName(name string) bool {
	pointer, ok := strings.CutPrefix(name, "/")
	if !ok {
		return true
	}
	for step := range strings.SplitSeq(pointer, "/") {
		if step == "" || strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(step), "~") {
			return false
		}
	}
	return true
}
