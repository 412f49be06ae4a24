package federation_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/fhirjson"
	"firebreak/smart/federation"
)

func mapClaims(t testing.TB, text string, r federation.Rules) (federation.Person, error) {
	t.Helper()
	doc, err := fhirjson.Parse([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return federation.Map(doc.Root(), r)
}

func TestClaimsMeanWhatRulesSay(t *testing.T) {
	roles := federation.Rules{Roles: federation.Values{Claim: "/realm_access/roles", Map: []federation.Pair{
		{From: "doctor", To: "physician"}, {From: "doctor", To: "staff"}, {From: "nurse", To: "staff"}}}}
	employee := federation.Rules{FHIRUser: []federation.Reference{
		{Claim: "employee", Template: "Practitioner/{claim}"}, {Claim: "mrn", Template: "Patient/{claim}"}}}
	groups := federation.Rules{Organization: federation.Reference{Claim: "groups", Map: []federation.Pair{
		{From: "/north", To: "Organization/1"}, {From: "/north/ward", To: "Organization/1"}, {From: "/south", To: "Organization/2"}}}}
	acr := federation.Rules{ACR: federation.Values{Claim: "amr", Map: []federation.Pair{
		{From: "otp", To: federation.ACR2}, {From: "hwk", To: federation.ACR3}}}}
	domain := federation.Rules{EmailDomains: []string{"hospital.example"}}
	required := federation.Rules{Require: []federation.Requirement{{Claim: "hd", Values: []string{"hospital.example", "clinic.example"}}}}
	bases := federation.Rules{FHIRBases: []string{"https://us.example/fhir"}}
	person := func(change func(*federation.Person)) federation.Person {
		p := federation.Person{Subject: "s", ACR: federation.ACR1}
		if change != nil {
			change(&p)
		}
		return p
	}
	for _, c := range []struct {
		name   string
		claims string // but for sub
		rules  federation.Rules
		want   any // a Person, or why it is refused
	}{
		{"nothing", ``, federation.Rules{}, person(nil)},
		{"the usual", `"name":"Ann","email":"a@b.example","email_verified":true,"auth_time":5,"sid":"x"`, federation.Rules{}, person(func(p *federation.Person) {
			p.Name, p.Email, p.EmailVerified, p.AuthTime, p.SessionID = "Ann", "a@b.example", true, time.Unix(5, 0).UTC(), "x"
		})},
		{"verified as a text", `"email_verified":"true"`, federation.Rules{}, person(func(p *federation.Person) { p.EmailVerified = true })},
		{"verified perhaps", `"email_verified":1`, federation.Rules{}, "neither true nor false"},
		{"null", `"name":null,"fhirUser":null`, federation.Rules{}, person(nil)},
		{"a name that is a number", `"name":7`, federation.Rules{}, "the claim name"},
		{"a name with a line", `"name":"Ann\nroot"`, federation.Rules{}, "the claim name"},
		{"a name that turns the line round", `"name":"Ann\u202egro"`, federation.Rules{}, "the claim name"},
		{"an endless name", `"name":"` + strings.Repeat("x", 2000) + `"`, federation.Rules{}, "the claim name"},

		{"roles", `"realm_access":{"roles":["nurse","doctor","admin"]}`, roles, person(func(p *federation.Person) { p.Roles = []string{"physician", "staff"} })},
		{"one role, as a text", `"realm_access":{"roles":"nurse"}`, roles, person(func(p *federation.Person) { p.Roles = []string{"staff"} })},
		{"roles that nobody mapped", `"realm_access":{"roles":["admin","physician"]}`, roles, person(nil)},
		{"no roles", `"realm_access":{}`, roles, person(nil)},
		{"no rule for roles", `"roles":["admin"]`, federation.Rules{}, person(nil)},
		{"a role that is a number", `"realm_access":{"roles":["nurse",7]}`, roles, "realm_access"},
		{"roles in an object", `"realm_access":{"roles":{"nurse":true}}`, roles, "realm_access"},
		{"something else on the way", `"realm_access":["nurse"]`, roles, "something else than an object"},

		{"fhirUser", `"fhirUser":"Practitioner/7"`, federation.Rules{}, person(func(p *federation.Person) { p.FHIRUser = "Practitioner/7" })},
		{"fhirUser below our base", `"fhirUser":"https://us.example/fhir/Patient/7"`, bases, person(func(p *federation.Person) { p.FHIRUser = "Patient/7" })},
		{"fhirUser below another base", `"fhirUser":"https://they.example/fhir/Patient/7"`, bases, "no reference"},
		{"fhirUser of no person", `"fhirUser":"Observation/7"`, federation.Rules{}, "no reference"},
		{"fhirUser of a version", `"fhirUser":"Patient/7/_history/1"`, federation.Rules{}, "no reference"},
		{"fhirUser of two", `"fhirUser":["Patient/7","Patient/8"]`, federation.Rules{}, "more than one"},
		{"fhirUser of a type not allowed", `"fhirUser":"Patient/7"`,
			federation.Rules{FHIRUser: []federation.Reference{{Claim: "fhirUser", Types: []string{"Practitioner"}}}}, "no reference"},
		{"by template", `"employee":"e-17"`, employee, person(func(p *federation.Person) { p.FHIRUser = "Practitioner/e-17" })},
		{"by the other template", `"mrn":"17"`, employee, person(func(p *federation.Person) { p.FHIRUser = "Patient/17" })},
		{"by both templates", `"employee":"17","mrn":"17"`, employee, "disagree"},
		{"a path in the template", `"employee":"17/../../Patient/8"`, employee, "no id"},
		{"an id that is too long", `"employee":"` + strings.Repeat("x", 65) + `"`, employee, "no id"},
		{"a number for an id", `"employee":17`, employee, "employee"},

		{"organization", `"groups":["/north","/north/ward","/all"]`, groups, person(func(p *federation.Person) { p.Organization = "Organization/1" })},
		{"two organizations", `"groups":["/north","/south"]`, groups, "more than one"},
		{"no organization that is known", `"groups":["/east"]`, groups, person(nil)},

		{"the best class counts", `"amr":["pwd","hwk","otp"]`, acr, person(func(p *federation.Person) { p.ACR = federation.ACR3 })},
		{"a class that nobody mapped", `"amr":["face"]`, acr, person(nil)},
		{"a class of ours, claimed", `"acr":"urn:firebreak:acr:3"`, federation.Rules{}, person(nil)},
		{"a class that is a number", `"amr":[2]`, acr, "amr"},

		{"an address of the domain", `"email":"a@Hospital.Example","email_verified":true`, domain, person(func(p *federation.Person) {
			p.Email, p.EmailVerified = "a@Hospital.Example", true
		})},
		{"not verified", `"email":"a@hospital.example"`, domain, "not verified"},
		{"of a domain below", `"email":"a@x.hospital.example","email_verified":true`, domain, "not of a domain"},
		{"of two domains", `"email":"a@evil.example@hospital.example","email_verified":true`, domain, "not of a domain"},
		{"no address", ``, domain, "not verified"},
		{"what is required", `"hd":"clinic.example"`, required, person(func(p *federation.Person) {})},
		{"what is required is not there", ``, required, "hd has none"},
		{"what is required is something else", `"hd":"evil.example"`, required, "hd has none"},
		{"a time with a point", `"auth_time":1.5`, federation.Rules{}, "no time"},
		{"a time before time", `"auth_time":-1`, federation.Rules{}, "no time"},
		{"a time after time", `"auth_time":9000000000000`, federation.Rules{}, "no time"},
		{"an endless list", `"realm_access":{"roles":["nurse"` + strings.Repeat(`,"x"`, 1024) + `]}`, roles, "too long a list"},
		{"a time as a text", `"auth_time":"5"`, federation.Rules{}, "no time"},
	} {
		got, err := mapClaims(t, strings.Replace(`{"sub":"s",`+c.claims+`}`, ",}", "}", 1), c.rules)
		if why, ok := c.want.(string); ok {
			var refused *federation.Refused
			if !errors.As(err, &refused) || !strings.Contains(refused.Why, why) {
				t.Errorf("%s: %v, want it refused: %s", c.name, err, why)
			}
			if !reflect.DeepEqual(got, federation.Person{}) {
				t.Errorf("%s: refused, and yet %+v", c.name, got)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", c.name, got, err, c.want)
		}
	}
}

func TestWrongConfigurationIsNamed(t *testing.T) {
	good := federation.Config{ID: "kc", Name: "Hospital", Issuer: "https://kc.example/realms/a", ClientID: "us", ClientSecretFile: "f"}
	for _, c := range []struct {
		change func(*federation.Config)
		want   string // the keys at fault
	}{
		{func(*federation.Config) {}, ""},
		{func(c *federation.Config) { c.ID = "K/c" }, "id"},
		{func(c *federation.Config) { c.Name = "" }, "name"},
		{func(c *federation.Config) { c.Issuer = "http://kc.example" }, "issuer"},
		{func(c *federation.Config) { c.Issuer, c.PlainLoopback = "http://kc.example", true }, "issuer"},
		{func(c *federation.Config) { c.Issuer, c.PlainLoopback = "http://127.0.0.1:1", true }, ""},
		{func(c *federation.Config) { c.Issuer += "?x" }, "issuer"},
		{func(c *federation.Config) { c.ClientID = "" }, "client_id"},
		{func(c *federation.Config) { c.PrivateKeyFile = "k" }, "client_secret_file"},
		{func(c *federation.Config) { c.ClientSecretFile = "" }, "client_secret_file"},
		{func(c *federation.Config) { c.KeyID = "k" }, "key_id"},
		{func(c *federation.Config) { c.AssertionAudience = "them" }, "assertion_audience"},
		{func(c *federation.Config) { c.Algorithms = []string{"none"} }, "algorithms"},
		{func(c *federation.Config) { c.Algorithms = []string{"HS256", "RS256"} }, "algorithms"},
		{func(c *federation.Config) { c.Scopes = []string{"a b"} }, "scopes"},
		{func(c *federation.Config) { c.ACRValues = []string{""} }, "acr_values"},
		{func(c *federation.Config) { c.Rules.Name = "/a//b" }, "rules.name"},
		{func(c *federation.Config) { c.Rules.Roles.Claim = "roles" }, "rules.roles"},
		{func(c *federation.Config) { c.Rules.Roles.Map = []federation.Pair{{From: "a", To: "b"}} }, "rules.roles"},
		{func(c *federation.Config) { c.Rules.ACR.Map = []federation.Pair{{From: "a", To: "3"}} }, "rules.acr.map"},
		{func(c *federation.Config) { c.Rules.ACR.Map = []federation.Pair{{From: "a"}} }, "rules.acr.map rules.acr.map"},
		{func(c *federation.Config) { c.Rules.FHIRUser = []federation.Reference{{Template: "Patient/{claim}"}} }, "rules.fhir_user[0].claim"},
		{func(c *federation.Config) {
			c.Rules.FHIRUser = []federation.Reference{{Claim: "x", Template: "Group/{claim}"}}
		}, "rules.fhir_user[0].template"},
		{func(c *federation.Config) {
			c.Rules.FHIRUser = []federation.Reference{{Claim: "x", Template: "Patient/1"}}
		}, "rules.fhir_user[0].template"},
		{func(c *federation.Config) {
			c.Rules.FHIRUser = []federation.Reference{{Claim: "x", Types: []string{"Group"}}}
		}, "rules.fhir_user[0].types"},
		{func(c *federation.Config) { c.Rules.Organization.Template = "Organization/{claim}" }, "rules.organization.claim"},
		{func(c *federation.Config) { c.Rules.Require = []federation.Requirement{{Claim: "x"}} }, "rules.require[0]"},
		{func(c *federation.Config) { c.Rules.EmailDomains = []string{"a@b"} }, "rules.email_domains"},
	} {
		config := good
		c.change(&config)
		var keys []string
		config.Check(func(key, format string, args ...any) { keys = append(keys, key) })
		slices.Sort(keys)
		if got := strings.Join(keys, " "); got != c.want {
			t.Errorf("%+v: faults in %q, want %q", config, got, c.want)
		}
	}
}

func TestEachProviderIsItself(t *testing.T) {
	key, _ := keyFile(t)
	good := federation.Config{ID: "a", Name: "A", Issuer: "https://a.example", ClientID: "us", PrivateKeyFile: key}
	other, _ := keyFile(t)
	for _, c := range []struct {
		name   string
		change func(*federation.Config)
		want   string
	}{
		{"two", func(*federation.Config) {}, ""},
		{"one id", func(c *federation.Config) { c.ID = "a" }, "providers[1]: id and issuer"},
		{"one issuer", func(c *federation.Config) { c.Issuer = "https://a.example" }, "providers[1]: id and issuer"},
		{"one key", func(c *federation.Config) { c.PrivateKeyFile = key }, "providers[1].private_key_file"},
		{"no key", func(c *federation.Config) { c.PrivateKeyFile = secretFile(t, "x") }, "holds no PEM"},
		{"no file", func(c *federation.Config) { c.PrivateKeyFile += "x" }, "no such file"},
		{"no secret", func(c *federation.Config) { c.PrivateKeyFile, c.ClientSecretFile = "", secretFile(t, "") }, "is empty"},
		{"no name", func(c *federation.Config) { c.Name = "" }, "providers[1].name"},
	} {
		second := federation.Config{ID: "b", Name: "B", Issuer: "https://b.example", ClientID: "us", PrivateKeyFile: other}
		c.change(&second)
		_, err := federation.New(federation.Options{Providers: []federation.Config{good, second}})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// What comes out of any claims at all is fit to be used: references are of
// allowed types, roles are ours, and what is refused is nobody.
func FuzzMap(f *testing.F) {
	f.Add(`{"sub":"s","fhirUser":"Patient/1","realm_access":{"roles":["doctor"]},"acr":"x","auth_time":1}`)
	f.Add(`{"sub":"s","employee":"17","groups":["/north"],"email":"a@b","email_verified":"true"}`)
	f.Add(`{"sub":"s","employee":"../x","realm_access":7}`)
	r := federation.Rules{
		FHIRUser:     []federation.Reference{{Claim: "fhirUser", Types: []string{"Patient"}}, {Claim: "employee", Template: "Practitioner/{claim}"}},
		Organization: federation.Reference{Claim: "groups", Template: "Organization/{claim}"},
		Roles:        federation.Values{Claim: "/realm_access/roles", Map: []federation.Pair{{From: "doctor", To: "physician"}}},
		ACR:          federation.Values{Map: []federation.Pair{{From: "x", To: federation.ACR2}}},
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := fhirjson.Parse([]byte(text))
		if err != nil {
			return
		}
		p, err := federation.Map(doc.Root(), r)
		if err != nil {
			if !reflect.DeepEqual(p, federation.Person{}) {
				t.Fatalf("refused, and yet %+v", p)
			}
			return
		}
		one := func(reference string, types ...string) bool {
			kind, id, _ := strings.Cut(reference, "/")
			return reference == "" || slices.Contains(types, kind) && id != "" && !strings.ContainsAny(id, "/?# \\%")
		}
		if p.Subject == "" || !one(p.FHIRUser, "Patient", "Practitioner") || !one(p.Organization, "Organization") ||
			len(p.Roles) > 1 || len(p.Roles) == 1 && p.Roles[0] != "physician" || p.ACR != federation.ACR1 && p.ACR != federation.ACR2 {
			t.Fatalf("%s gives %+v", text, p)
		}
		if strings.ContainsAny(fmt.Sprint(p), "\n\r\x00") {
			t.Fatalf("%+v", p)
		}
	})
}
