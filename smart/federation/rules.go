package federation

import (
	"fmt"
	"slices"
	"strings"

	"firebreak/fhir/r4"
)

// Rules say where in a provider's claims a person's properties are, and what
// they mean here. A claim is named by its name, or by a JSON Pointer (RFC 6901)
// through objects when it begins with "/", such as "/realm_access/roles".
type Rules struct {
	// Name, Email and EmailVerified name claims; "" means the usual ones: name,
	// email, email_verified.
	Name          string `koanf:"name"`
	Email         string `koanf:"email"`
	EmailVerified string `koanf:"email_verified"`
	// FHIRUser says who the person is in FHIR. Each rule is tried; those whose
	// claim is there must agree. Without rules it is the claim fhirUser.
	FHIRUser []Reference `koanf:"fhir_user"`
	// Organization is the one that the person acts for. Its Types are always
	// Organization.
	Organization Reference `koanf:"organization"`
	// Roles are those the map gives; without a map there are none.
	Roles Values `koanf:"roles"`
	// ACR maps the provider's classes of authentication to ours; where its claim
	// holds several, such as amr, the best counts. What is not mapped is the
	// lowest. Claim "" means acr.
	ACR Values `koanf:"acr"`
	// Require are claims without which nobody is let in.
	Require []Requirement `koanf:"require"`
	// EmailDomains, unless empty, are those that a verified address must be of.
	EmailDomains []string `koanf:"email_domains"`

	// FHIRBases are base URLs of this server, without a slash at the end: an
	// absolute fhirUser is made relative below one of them.
	FHIRBases []string `koanf:"-"`
}

// Reference is how a reference such as Practitioner/17 comes out of a claim.
type Reference struct {
	Claim string `koanf:"claim"`
	// Map, unless empty, translates the value; what it does not name is as good as
	// absent.
	Map []Pair `koanf:"map"`
	// Template is put around the value: "Practitioner/{claim}". Without it the
	// value is the reference.
	Template string `koanf:"template"`
	// Types are those the reference may have; none means all that fhirUser may be
	// (SMART App Launch, scopes-and-launch-context).
	Types []string `koanf:"types"`
}

// Values is how codes come out of a claim that is a text or a list of texts.
type Values struct {
	Claim string `koanf:"claim"`
	Map   []Pair `koanf:"map"`
}

// Pair translates one value. The same From may have several To.
type Pair struct {
	From string `koanf:"from"`
	To   string `koanf:"to"`
}

// Requirement asks that a claim, a text or a list of texts, holds one of Values.
type Requirement struct {
	Claim  string   `koanf:"claim"`
	Values []string `koanf:"values"`
}

// Classes of authentication that we issue, the lowest first: one factor, two, one
// that cannot be phished.
const (
	ACR1 = "urn:firebreak:acr:1"
	ACR2 = "urn:firebreak:acr:2"
	ACR3 = "urn:firebreak:acr:3"
)

func acrs() []string { return []string{ACR1, ACR2, ACR3} }

// placeholder is where a template has the claim's value.
const placeholder = "{claim}"

func userTypes() []string {
	return []string{"Practitioner", "PractitionerRole", "Patient", "RelatedPerson", "Person"}
}

// Check tells what is wrong with the rules, each by its key below rules.
func (r Rules) Check(fault func(key, format string, args ...any)) {
	claim := func(key, name string) {
		if !claimName(name) {
			fault(key, "%q is no JSON Pointer (RFC 6901) to a claim: no empty step, and ~ only in ~0 and ~1", name)
		}
	}
	claim("name", r.Name)
	claim("email", r.Email)
	claim("email_verified", r.EmailVerified)
	for n, ref := range r.FHIRUser {
		of := func(key, format string, args ...any) { fault(fmt.Sprintf("fhir_user[%d].%s", n, key), format, args...) }
		ref.check(of, userTypes())
		if ref.Claim == "" {
			of("claim", "must be set")
		}
	}
	r.Organization.check(func(key, format string, args ...any) { fault("organization."+key, format, args...) }, []string{"Organization"})
	if set := r.Organization.Template != "" || len(r.Organization.Map) > 0; set && r.Organization.Claim == "" {
		fault("organization.claim", "must be set")
	}
	claim("roles.claim", r.Roles.Claim)
	if (r.Roles.Claim == "") != (len(r.Roles.Map) == 0) {
		fault("roles", "claim and map go together: no role is taken over that the map does not name")
	}
	checkPairs(r.Roles.Map, func(format string, args ...any) { fault("roles.map", format, args...) })
	claim("acr.claim", r.ACR.Claim)
	checkPairs(r.ACR.Map, func(format string, args ...any) { fault("acr.map", format, args...) })
	for _, p := range r.ACR.Map {
		if !slices.Contains(acrs(), p.To) {
			fault("acr.map", "%q is not one of %s", p.To, strings.Join(acrs(), ", "))
		}
	}
	for n, q := range r.Require {
		key := fmt.Sprintf("require[%d]", n)
		claim(key+".claim", q.Claim)
		if q.Claim == "" || len(q.Values) == 0 || slices.Contains(q.Values, "") {
			fault(key, "must have a claim and values, none of them empty")
		}
	}
	for _, d := range r.EmailDomains {
		if d == "" || strings.ContainsAny(d, "@ /") {
			fault("email_domains", "%q is no domain", d)
		}
	}
}

func (r Reference) check(fault func(key, format string, args ...any), types []string) {
	if !claimName(r.Claim) {
		fault("claim", "%q is no JSON Pointer (RFC 6901) to a claim: no empty step, and ~ only in ~0 and ~1", r.Claim)
	}
	checkPairs(r.Map, func(format string, args ...any) { fault("map", format, args...) })
	for _, t := range r.Types {
		if !slices.Contains(types, t) {
			fault("types", "%q is not one of %s", t, strings.Join(types, ", "))
		}
	}
	if r.Template == "" {
		return
	}
	kind, id, _ := strings.Cut(r.Template, "/")
	allowed := types
	if len(r.Types) > 0 {
		allowed = r.Types
	}
	if !slices.Contains(allowed, kind) || strings.Count(id, placeholder) != 1 || !r4.IsID(strings.Replace(id, placeholder, "x", 1)) {
		fault("template", "must be such as Practitioner/%s, of a type that is allowed, with the value once", placeholder)
	}
}

func checkPairs(pairs []Pair, fault func(format string, args ...any)) {
	for n, p := range pairs {
		if p.From == "" || p.To == "" {
			fault("each entry must have from and to")
		}
		if slices.Contains(pairs[:n], p) {
			fault("%q is mapped to %q twice", p.From, p.To)
		}
	}
}

// claimName reports whether a claim is named properly: by its name, or by a JSON
// Pointer whose every step names a member.
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
