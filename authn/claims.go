package authn

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// lastSecond is the end of the year 9999, the last that RFC 3339 can write.
const lastSecond = 253402300799

// users are the types fhirUser may name (SMART App Launch 2.2,
// scopes-and-launch-context, "fhirUser").
var users = []string{"Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person"}

// readClaims turns verified claims into a Token. A claim that is there but
// malformed refuses the token: an issuer that meant to restrict it must not be
// read as having said nothing. Times are read, not judged.
func readClaims(c fhirjson.Node, issuer Issuer) (Token, error) {
	r := reader{root: c}
	names := issuer.Claims
	t := Token{
		Issuer:       issuer.Name,
		Subject:      r.text("sub"),
		ClientID:     r.either(names.ClientID, "client_id", "azp"),
		JTI:          r.text("jti"),
		Patient:      r.text(or(names.Patient, "patient")),
		FHIRUser:     r.text(or(names.FHIRUser, "fhirUser")),
		Organization: r.list(or(names.Organization, "organization")),
		Roles:        r.list(or(names.Roles, "roles")),
		ACR:          r.text(or(names.ACR, "acr")),
		Scope:        r.scope(names.Scope),
		Purpose:      r.one(or(names.Purpose, "purpose_of_use")),
		Grant:        r.text("grant"),
		Session:      r.text("sid"),
		Type:         Bearer,
		Confirmation: r.confirmation(),
		AuthTime:     r.date("auth_time"),
		IssuedAt:     r.date("iat"),
		NotBefore:    r.date("nbf"),
		Expires:      r.date("exp"),
	}
	audience := r.list("aud")
	if t.Confirmation.Key != "" {
		t.Type = DPoP
	}
	if !accessToken(c) {
		r.refuse(otherKind)
	}
	if r.why != "" {
		return Token{}, invalidToken(r.why)
	}
	if t.Subject == "" {
		return Token{}, invalidToken(noSubject)
	}
	if t.Expires.IsZero() {
		return Token{}, invalidToken(badTime)
	}
	if !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(issuer.Audience, a) }) {
		return Token{}, invalidToken(badAudience)
	}
	if t.Patient != "" && !r4.IsID(t.Patient) {
		return Token{}, invalidToken(badPatient)
	}
	if t.FHIRUser != "" {
		user, ok := relativeUser(t.FHIRUser, issuer.FHIRBases)
		if !ok {
			return Token{}, invalidToken(badUser)
		}
		t.FHIRUser = user
	}
	return t, nil
}

// accessToken refuses other tokens of the same issuer, signed by the same keys
// (RFC 8725 §3.11 and §3.12): what only ID tokens have (OpenID Connect Core §2
// and §3.3.2.11) or logout tokens, and the kind that Keycloak names in a claim,
// such as "ID", "Refresh" and "Offline".
func accessToken(c fhirjson.Node) bool {
	for _, name := range []string{"at_hash", "c_hash", "s_hash", "events"} {
		if c.Field(name).Exists() {
			return false
		}
	}
	kind := c.Field("typ")
	if !kind.Exists() {
		return true
	}
	return slices.Contains([]string{"bearer", "dpop", "jwt", accessTokenType}, strings.ToLower(kind.Text()))
}

func or(name, usual string) string {
	if name == "" {
		return usual
	}
	return name
}

// reader reads claims and keeps the first reason to refuse.
type reader struct {
	root fhirjson.Node
	why  literal
}

func (r *reader) refuse(why literal) {
	if r.why == "" {
		r.why = why
	}
}

// find is the claim of that name, or at that JSON Pointer (RFC 6901 §4). A
// pointer that leads nowhere is an absent claim.
func (r *reader) find(name string) fhirjson.Node {
	if !strings.HasPrefix(name, "/") {
		return r.root.Field(name)
	}
	at := r.root
	for step := range strings.SplitSeq(name[1:], "/") {
		at = at.Field(strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~"))
	}
	return at
}

// text is a claim that must be a text with something in it, or absent.
func (r *reader) text(name string) string {
	n := r.find(name)
	if !n.Exists() {
		return ""
	}
	return r.value(n)
}

func (r *reader) value(n fhirjson.Node) string {
	s := n.Text()
	if n.Kind() != fhirjson.String || s == "" || !printable(s) {
		r.refuse(badClaim)
		return ""
	}
	return s
}

// either reads the mapped claim, or else the first and second usual ones, which
// must agree when both are there: readers that differ in which one they prefer
// would see two clients in one token.
func (r *reader) either(mapped, first, second string) string {
	if mapped != "" {
		return r.text(mapped)
	}
	a, b := r.text(first), r.text(second)
	if a != "" && b != "" && a != b {
		r.refuse(badClaim)
	}
	return or(a, b)
}

// list is a claim that must be a text or an array of texts, or absent.
func (r *reader) list(name string) []string {
	var out []string
	for n := range r.find(name).Each() {
		out = append(out, r.value(n))
	}
	return out
}

// one is a claim that must be a text or an array of exactly one: a token for
// two purposes would leave the choice to whoever reads it.
func (r *reader) one(name string) string {
	all := r.list(name)
	if len(all) > 1 {
		r.refuse(badClaim)
	}
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// scope joins the scopes, which come as one text (RFC 9068 §2.2.3) or, from
// some issuers, as an array. Where scope and scp are both there they must agree.
func (r *reader) scope(mapped string) string {
	if mapped != "" {
		return r.scopes(mapped)
	}
	a, b := r.scopes("scope"), r.scopes("scp")
	if a != "" && b != "" && a != b {
		r.refuse(badScope)
	}
	return or(a, b)
}

func (r *reader) scopes(name string) string {
	claim := r.find(name)
	if claim.Is("") {
		return "" // an issuer that granted nothing may well say so
	}
	var out []string
	for n := range claim.Each() {
		s := r.value(n)
		if claim.Kind() == fhirjson.Array && strings.Contains(s, " ") {
			r.refuse(badScope) // an item is one scope, or else two readers count differently
		}
		for token := range strings.SplitSeq(s, " ") {
			if token == "" {
				continue
			}
			if !scopeToken(token) {
				r.refuse(badScope)
			}
			out = append(out, token)
		}
	}
	return strings.Join(out, " ")
}

// scopeToken: RFC 6749 §3.3.
func scopeToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x21 || c > 0x7E || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// date is a NumericDate (RFC 7519 §2): seconds since 1970, whole or with a
// fraction; zero when absent. A sign or an exponent is refused: nobody writes
// them, and 1e999 must not become a time that never comes.
func (r *reader) date(name string) time.Time {
	n := r.root.Field(name)
	if !n.Exists() {
		return time.Time{}
	}
	whole, frac, _ := bytes.Cut(n.Raw(), []byte{'.'})
	if n.Kind() != fhirjson.Number || len(whole) > 12 || len(frac) > 32 || !digits(whole) || !digits(frac) {
		r.refuse(badTime)
		return time.Time{}
	}
	sec, err := strconv.ParseInt(string(whole), 10, 64)
	if err != nil || sec > lastSecond {
		r.refuse(badTime)
		return time.Time{}
	}
	nanos := append(append([]byte(nil), frac...), "000000000"...)[:9]
	nsec, err := strconv.ParseInt(string(nanos), 10, 64)
	if err != nil {
		r.refuse(badTime)
	}
	return time.Unix(sec, nsec).UTC()
}

func digits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// relativeUser makes a reference to a user relative. An absolute one must lie
// below a base of this server: Practitioner/1 elsewhere is another person.
func relativeUser(ref string, bases []string) (string, bool) {
	for _, base := range bases {
		if rest, ok := strings.CutPrefix(ref, base+"/"); ok {
			ref = rest
			break
		}
	}
	typ, id, ok := strings.Cut(ref, "/")
	return ref, ok && slices.Contains(users, typ) && r4.IsID(id)
}

// printable keeps control characters out of logs, audit records and pages.
func printable(s string) bool {
	return !strings.ContainsFunc(s, unicode.IsControl)
}
