package federation

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// Person is who signed in, as the provider's claims and the rules have it.
type Person struct {
	Issuer  string // the provider's; with Subject it names the account there
	Subject string
	Name    string // for people to read, may be ""
	Email   string // may be ""
	// EmailVerified says that the provider checked the address.
	EmailVerified bool
	FHIRUser      string   // such as "Practitioner/17"; "" when nothing says so
	Roles         []string // ours, sorted
	Organization  string   // such as "Organization/3", or ""
	ACR           string   // one of ours, at least the lowest
	AuthTime      time.Time
	SessionID     string // sid, which the provider names when it ends the session; may be ""
	IDToken       string // for LogoutURL, and for nobody else to see
}

// Limits of what claims may hold.
const (
	maxText   = 1024 // bytes of a text
	maxValues = 1024 // items of a list
)

// Refused says why a sign-in or a logout was not accepted. It is for the log: it
// names claims and rules and shows no values. The person is told that the
// sign-in failed, no more.
type Refused struct{ Why string }

func (r *Refused) Error() string { return "refused: " + r.Why }

func refuse(why string) error { return &Refused{why} }

// Map says who a person is by a provider's claims, which must be verified
// already. It reads no clock and asks nobody. What it does not set is Issuer and
// IDToken. Its error is a *Refused: a claim that is not as it should be is never
// passed over.
func Map(claims fhirjson.Node, rules Rules) (Person, error) {
	m := mapper{claims: claims}
	p := Person{
		Subject:       m.required("sub"),
		Name:          m.text(or(rules.Name, "name")),
		Email:         m.text(or(rules.Email, "email")),
		EmailVerified: m.truth(or(rules.EmailVerified, "email_verified")),
		FHIRUser:      m.user(rules),
		Organization:  m.organization(rules.Organization),
		Roles:         m.roles(rules.Roles),
		ACR:           m.acr(rules.ACR),
		AuthTime:      m.instant("auth_time"),
		SessionID:     m.text("sid"),
	}
	for _, q := range rules.Require {
		if !slices.ContainsFunc(m.texts(q.Claim), func(v string) bool { return slices.Contains(q.Values, v) }) {
			m.refuse("the claim " + q.Claim + " has none of the values that are required")
		}
	}
	if len(rules.EmailDomains) > 0 && !ofDomain(p, rules.EmailDomains) {
		m.refuse("the address is not verified, or not of a domain that is allowed")
	}
	if m.err != nil {
		return Person{}, m.err
	}
	return p, nil
}

func or(name, usual string) string {
	if name == "" {
		return usual
	}
	return name
}

func ofDomain(p Person, domains []string) bool {
	local, domain, ok := strings.Cut(p.Email, "@")
	return ok && local != "" && p.EmailVerified &&
		slices.ContainsFunc(domains, func(d string) bool { return strings.EqualFold(d, domain) })
}

// mapper reads claims and keeps the first fault.
type mapper struct {
	claims fhirjson.Node
	err    error
}

func (m *mapper) refuse(why string) {
	if m.err == nil {
		m.err = refuse(why)
	}
}

// at is a claim; null is as good as absent.
func (m *mapper) at(name string) fhirjson.Node {
	n := m.claims
	if pointer, ok := strings.CutPrefix(name, "/"); ok {
		for step := range strings.SplitSeq(pointer, "/") {
			// RFC 6901 §4: ~1 first, then ~0.
			step = strings.ReplaceAll(strings.ReplaceAll(step, "~1", "/"), "~0", "~")
			if n.Exists() && n.Kind() != fhirjson.Object {
				m.refuse("on the way to the claim " + name + " lies something else than an object")
			}
			n = n.Field(step)
		}
	} else {
		n = n.Field(name)
	}
	if n.Kind() == fhirjson.Null {
		return fhirjson.Node{}
	}
	return n
}

// plain is a text as a claim may hold it. Characters that control could
// make a log or a page show something else than is there.
func (m *mapper) plain(name string, n fhirjson.Node) string {
	text := n.Text()
	bad := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
	if n.Kind() != fhirjson.String || len(text) > maxText || strings.ContainsFunc(text, bad) {
		m.refuse("the claim " + name + " holds something else than a text of printable characters")
		return ""
	}
	return text
}

func (m *mapper) text(name string) string {
	n := m.at(name)
	if !n.Exists() {
		return ""
	}
	return m.plain(name, n)
}

func (m *mapper) required(name string) string {
	text := m.text(name)
	if text == "" {
		m.refuse("the claim " + name + " is missing")
	}
	return text
}

// texts are those of a claim that is a text or a list of texts.
func (m *mapper) texts(name string) []string {
	n := m.at(name)
	if n.Len() > maxValues {
		m.refuse("the claim " + name + " is too long a list")
		return nil
	}
	var out []string
	for item := range n.Each() {
		if text := m.plain(name, item); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// truth is a boolean; some providers write it as a text.
func (m *mapper) truth(name string) bool {
	n := m.at(name)
	if kind := n.Kind(); n.Exists() && (kind != fhirjson.Bool && kind != fhirjson.String || n.Text() != "true" && n.Text() != "false") {
		m.refuse("the claim " + name + " is neither true nor false")
	}
	return n.Text() == "true"
}

// instant is a NumericDate of whole seconds (RFC 7519 §2).
func (m *mapper) instant(name string) time.Time {
	n := m.at(name)
	if !n.Exists() {
		return time.Time{}
	}
	seconds, err := strconv.ParseInt(n.Text(), 10, 64)
	if n.Kind() != fhirjson.Number || err != nil || seconds <= 0 || seconds > 1<<40 {
		m.refuse("the claim " + name + " is no time")
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// mapped are the values that pairs give.
func mapped(values []string, pairs []Pair) []string {
	var out []string
	for _, p := range pairs {
		if slices.Contains(values, p.From) {
			out = append(out, p.To)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (m *mapper) roles(v Values) []string {
	if v.Claim == "" {
		return nil
	}
	return mapped(m.texts(v.Claim), v.Map)
}

func (m *mapper) acr(v Values) string {
	best := ACR1
	for _, class := range mapped(m.texts(or(v.Claim, "acr")), v.Map) {
		if slices.Contains(acrs(), class) {
			best = max(best, class) // their order is that of their names
		}
	}
	return best
}

func (m *mapper) user(rules Rules) string {
	list := rules.FHIRUser
	if len(list) == 0 {
		list = []Reference{{Claim: "fhirUser"}}
	}
	user := ""
	for _, r := range list {
		if len(r.Types) == 0 {
			r.Types = userTypes()
		}
		one := m.reference(r, rules.FHIRBases)
		if user != "" && one != "" && one != user {
			m.refuse("two rules of fhir_user disagree")
		}
		user = or(user, one)
	}
	return user
}

func (m *mapper) organization(r Reference) string {
	if r.Claim == "" {
		return ""
	}
	r.Types = []string{"Organization"}
	return m.reference(r, nil)
}

// reference is the one that a claim stands for, "" when the claim is absent or
// not mapped. Several different ones are nobody's guess.
func (m *mapper) reference(r Reference, bases []string) string {
	values := m.texts(r.Claim)
	if len(r.Map) > 0 {
		values = mapped(values, r.Map)
	}
	slices.Sort(values)
	values = slices.Compact(values)
	if len(values) == 0 {
		return ""
	}
	if len(values) > 1 {
		m.refuse("the claim " + r.Claim + " stands for more than one resource")
		return ""
	}
	reference := values[0]
	if r.Template != "" {
		// A value with a slash would make another reference of the template.
		if !r4.IsID(reference) {
			m.refuse("the claim " + r.Claim + " is no id")
			return ""
		}
		reference = strings.Replace(r.Template, placeholder, reference, 1)
	}
	for _, base := range bases {
		if relative, ok := strings.CutPrefix(reference, base+"/"); ok {
			reference = relative
			break
		}
	}
	kind, id, _ := strings.Cut(reference, "/")
	if !slices.Contains(r.Types, kind) || !r4.IsID(id) {
		m.refuse("the claim " + r.Claim + " is no reference of a type that is allowed")
		return ""
	}
	return reference
}
