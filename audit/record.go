package audit

import (
	"encoding/base64"
	"strconv"
	"time"

	"firebreak/fhirjson"
)

// Kind says which moment of an interaction a record is about.
type Kind string

// The kinds. Opened, Repaired and Closed are the journal's own.
const (
	Intent     Kind = "intent"     // a change is about to be committed
	Outcome    Kind = "outcome"    // what became of an intent
	Disclosure Kind = "disclosure" // content is about to leave
	Denial     Kind = "denial"     // refused, or answered as if absent
	Decision   Kind = "decision"   // an authorization decision in its own right
	Security   Kind = "security"   // about a person's sign-in, an application, a grant or a key
	Opened     Kind = "opened"     // a writer began
	Repaired   Kind = "repaired"   // a writer began after a torn tail was set aside
	Closed     Kind = "closed"     // a writer ended; nothing of its run follows
)

// Target is a resource version that was read, written or asked for.
type Target struct {
	Type    string   // "Observation"
	ID      string   // logical id
	Version string   // versionId, "" when it has none
	Labels  []string // security labels, "system|code"
}

// AuthorizationChange is the category of a change to a resource that can change
// who sees what: a care team, a role, an organisation.
const AuthorizationChange = "authorization-change"

// Record says what happened, in plain fields; absent is empty. It holds what the
// IHE BALP patterns need (ITI TF-1 §52, ITI TF-3 §5.7), both for this server's
// AuditEvent and for one per patient. It has no field for a token or a password,
// and none must be put in Detail or Query; [RequestText] makes a Query without.
// Append writes any Record; for the journal, take what [Record.Fit] makes of it.
type Record struct {
	Kind  Kind
	Visit string    // the visit's id; ties intent to outcome
	Time  time.Time // of the event, kept to the microsecond

	Tenant       string
	Subject      string // sub, within Issuer
	Issuer       string
	Name         string // of the person, as the principal has it
	FHIRUser     string // "Practitioner/p1"
	Organization string // "Organization/o1"
	Roles        []string
	ClientID     string
	ClientName   string
	JTI          string   // token's id, never the token
	Purposes     []string // purpose of use, "system|code"
	Peer         string   // network address of the client
	Server       string   // base URL it came to

	Interaction  string // FHIR's word: read, vread, search-type, update…
	Operation    string // "$everything"
	ResourceType string
	Category     string // AuthorizationChange, or ""
	Targets      []Target
	Patients     []string // whose records: "Patient/123"
	Consents     []string // that the decision rests on: "Consent/c1"
	Status       int      // HTTP status, 0 while unknown
	Detail       string   // why it was refused: a literal, no content
	RequestID    string   // X-Request-Id
	Query        []byte   // the raw request, any bytes; see RequestText
	Epoch        string   // of the policies that decided

	// Part of Parts: what one record has no room for goes on in others of the
	// same visit, which repeat who asked and what for. 0 of 0: it is whole.
	Part, Parts int

	Repair *Repair // of a Repaired
}

// timeLayout has a fixed width, so that one instant has one text.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Append appends the record as compact JSON: members in a fixed order, empty
// ones left out. One Record has one encoding. Invalid UTF-8 in a string becomes
// U+FFFD; Query keeps every byte.
func (r Record) Append(dst []byte) []byte {
	e := encoder{append(dst, `{"v":1`...)}
	e.text("kind", string(r.Kind))
	e.text("visit", r.Visit)
	if !r.Time.IsZero() {
		e.name("time")
		e.b = r.Time.UTC().AppendFormat(append(e.b, '"'), timeLayout)
		e.b = append(e.b, '"')
	}
	e.text("tenant", r.Tenant)
	e.text("subject", r.Subject)
	e.text("issuer", r.Issuer)
	e.text("name", r.Name)
	e.text("fhirUser", r.FHIRUser)
	e.text("organization", r.Organization)
	e.texts("roles", r.Roles)
	e.text("clientId", r.ClientID)
	e.text("clientName", r.ClientName)
	e.text("jti", r.JTI)
	e.texts("purposes", r.Purposes)
	e.text("peer", r.Peer)
	e.text("server", r.Server)
	e.text("interaction", r.Interaction)
	e.text("operation", r.Operation)
	e.text("resourceType", r.ResourceType)
	e.text("category", r.Category)
	e.targets(r.Targets)
	e.texts("patients", r.Patients)
	e.texts("consents", r.Consents)
	e.number("status", int64(r.Status))
	e.text("detail", r.Detail)
	e.text("requestId", r.RequestID)
	if len(r.Query) > 0 {
		e.name("query")
		e.b = append(e.b, '"')
		e.b = base64.StdEncoding.AppendEncode(e.b, r.Query)
		e.b = append(e.b, '"')
	}
	e.text("epoch", r.Epoch)
	e.number("part", int64(r.Part))
	e.number("parts", int64(r.Parts))
	e.repair(r.Repair)
	return append(e.b, '}')
}

type encoder struct{ b []byte }

func (e *encoder) name(name string) {
	if e.b[len(e.b)-1] != '{' {
		e.b = append(e.b, ',')
	}
	e.b = append(e.b, '"')
	e.b = append(e.b, name...)
	e.b = append(e.b, '"', ':')
}

func (e *encoder) text(name, s string) {
	if s != "" {
		e.name(name)
		e.b = fhirjson.AppendQuote(e.b, s)
	}
}

func (e *encoder) number(name string, n int64) {
	if n != 0 {
		e.name(name)
		e.b = strconv.AppendInt(e.b, n, 10)
	}
}

func (e *encoder) texts(name string, list []string) {
	if len(list) == 0 {
		return
	}
	e.name(name)
	for i, s := range list {
		e.b = append(e.b, "[,"[min(i, 1)])
		e.b = fhirjson.AppendQuote(e.b, s)
	}
	e.b = append(e.b, ']')
}

func (e *encoder) targets(list []Target) {
	if len(list) == 0 {
		return
	}
	e.name("targets")
	for i, t := range list {
		e.b = append(e.b, "[,"[min(i, 1)], '{')
		e.text("type", t.Type)
		e.text("id", t.ID)
		e.text("version", t.Version)
		e.texts("labels", t.Labels)
		e.b = append(e.b, '}')
	}
	e.b = append(e.b, ']')
}

func (e *encoder) repair(r *Repair) {
	if r == nil {
		return
	}
	e.name("repair")
	e.b = append(e.b, '{')
	e.text("segment", r.Segment)
	e.number("offset", r.Offset)
	e.number("length", r.Length)
	e.text("sha256", r.SHA256.String())
	e.b = append(e.b, '}')
}
