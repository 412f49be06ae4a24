package firebreak_test

import (
	"firebreak/gate"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The oracle says, naively and over raw JSON, what a principal may do to a
// version. It shares no code with package label, authz, gate (but for the plain
// struct Identity) or store: the policies below are translated by hand from the
// English above each Cedar policy.
//
// Its V(p) is the union over what p can observe anything by:
//
//   - current versions p may read, search, update or delete: a change that is
//     accepted, or refused with 412, shows that one is there (gate.Known);
//   - of the same resources, older versions p may read or search. That the
//     current one allows the same action is asked in both worlds; it is not asked
//     here, because p may update a record that p may not read into one that p may.
//
// Every action is still judged by itself in both worlds, so a version that is in
// V for its update only is in world B but must not be found there either. A
// tombstone is judged by the version that it buried. A tie is authority and not
// data: it is in force in both worlds, whoever may see the care team that it
// comes from. The order in which resources came to be is not V's: world B comes to
// hold them in another.
type oracle struct {
	p     gate.Identity
	rules []variant // beside the default policies
	ties  []tie
	now   time.Time
}

// writer is who wrote a version: the harness knows, the oracle never asks the server.
type writer struct {
	org, author string
	asserts     bool
}

// version is one version of a resource. A tombstone has body and writer of what
// it buried.
type version struct {
	typ, id, vid string
	body         map[string]any
	deleted      bool
	by           writer
	at           time.Time
	method, raw  string
}

// record is a resource with its versions, oldest first.
type record struct {
	typ, id  string
	versions []version
}

func (r *record) current() *version { return &r.versions[len(r.versions)-1] }
func (r *record) ref() string       { return r.typ + "/" + r.id }

type tie struct {
	patient, holder string
	from, until     time.Time // until is the first moment after; zero is open
	source          *record
}

// inV reports whether version n of a record is in V(p).
func (o *oracle) inV(r *record, n int) bool {
	cur, v := r.current(), &r.versions[n]
	sees := func(v *version) bool { return o.may("read", v) || o.may("search", v) }
	if !sees(cur) && !o.may("update", cur) && !o.may("delete", cur) {
		return false
	}
	return n == len(r.versions)-1 || sees(v)
}

// may is the meet of scope and policy.
func (o *oracle) may(action string, v *version) bool {
	c := o.look(v)
	return o.scoped(action, v, c) && o.permitted(action, c) && !o.forbidden(action, c)
}

// facts are what policies ask of a version, worked out from its JSON.
type facts struct {
	p                                 *gate.Identity
	user, clinician                   bool
	typ, org                          string
	level                             int // U L M N R V
	sensitive                         []string
	asserted, directory, linked       bool
	isSubject, inCareTeam, isAuthor   bool
	subjects                          []string
	sameOrg, admin, importer, program bool
}

var (
	bearing = []string{"CareTeam", "PractitionerRole", "Practitioner", "Organization", "Group", "List", "Consent",
		"Encounter", "Appointment", "Patient", "RelatedPerson"}
	directory = []string{"Organization", "Practitioner", "Location", "Medication"}
)

func (o *oracle) look(v *version) facts {
	p := &o.p
	has := func(role string) bool { return slices.Contains(p.Roles, role) }
	f := facts{p: p, user: p.FHIRUser != "", typ: v.typ, org: v.by.org, level: 3, directory: slices.Contains(directory, v.typ),
		asserted: v.by.asserts && slices.Contains(bearing, v.typ)}
	f.clinician = f.user && (has("physician") || has("nurse"))
	f.admin, f.importer, f.program = has("admin"), has("importer"), has("system") && !f.user
	f.sameOrg = v.by.org != "" && v.by.org == p.Organization
	level := -1
	security := list(v.body, "meta", "security")
	for _, entry := range list(v.body, "entry") { // of a Bundle
		security = append(security, list(entry, "resource", "meta", "security")...)
	}
	for _, s := range security {
		code := text(s, "code")
		switch {
		case strings.HasSuffix(text(s, "system"), "v3-Confidentiality"):
			level = max(level, strings.Index("ULMNRV", code))
		default:
			f.sensitive = append(f.sensitive, code)
		}
	}
	if level >= 0 {
		f.level = level
	}
	f.subjects = subjectsOf(v)
	f.linked = f.directory && (len(f.subjects) > 0 || namesPatient(v.body))
	if !f.user {
		return f
	}
	f.isAuthor = v.by.author == p.FHIRUser
	if own, ok := strings.CutPrefix(p.FHIRUser, "Patient/"); ok {
		f.isSubject = slices.Contains(f.subjects, own)
	}
	for _, t := range o.ties {
		if t.holder == p.FHIRUser && slices.Contains(f.subjects, t.patient) && !o.now.Before(t.from) && (t.until.IsZero() || o.now.Before(t.until)) {
			f.inCareTeam = true
		}
	}
	return f
}

// permitted: the permits of policies/*.cedar.
func (o *oracle) permitted(action string, f facts) bool {
	see := action == "read" || action == "search"
	change := action == "update" || action == "delete" || action == "create" && f.typ != "AuditEvent"
	product := f.typ == "Medication" || f.typ == "Substance"
	switch {
	case see && f.user && f.directory && !f.linked, // the directory is for all who sign in
		see && f.clinician && f.sameOrg,
		see && f.clinician && f.inCareTeam,
		change && f.clinician && f.sameOrg && (!f.directory || product),
		see && strings.HasPrefix(f.p.FHIRUser, "Patient/") && f.isSubject,
		f.admin && (f.directory && !f.linked || f.typ == "CareTeam" || f.typ == "Group"),
		see && slices.Contains(f.p.Roles, "security-officer") && f.typ == "AuditEvent",
		see && f.program,
		(action == "update" || action == "create") && f.importer,
		see && f.importer && f.directory && !f.linked:
		return true
	}
	return slices.ContainsFunc(o.rules, func(v variant) bool { return v.permits && v.holds(action, f) })
}

// forbidden: its forbids.
func (o *oracle) forbidden(action string, f facts) bool {
	see := action == "read" || action == "search"
	change := action == "update" || action == "delete"
	guarded := f.directory || slices.Contains([]string{"CareTeam", "Group", "Consent", "RelatedPerson"}, f.typ)
	keepers := f.directory || f.typ == "CareTeam" || f.typ == "Group"
	nurse, physician := slices.Contains(f.p.Roles, "nurse"), slices.Contains(f.p.Roles, "physician")
	switch {
	case change && f.asserted && guarded && !(f.importer || f.admin && keepers),
		see && f.typ == "AuditEvent" && !slices.Contains(f.p.Roles, "security-officer") && !f.program,
		change && (f.typ == "AuditEvent" || f.typ == "Provenance"),
		f.level == 5 && f.typ != "AuditEvent" && !(f.inCareTeam || f.isSubject || f.isAuthor || f.importer || f.program),
		f.level == 4 && nurse && !f.inCareTeam && !physician:
		return true
	}
	return slices.ContainsFunc(o.rules, func(v variant) bool { return !v.permits && v.holds(action, f) })
}

// scoped: one scope names the context, the type, the letter, and its arguments match.
func (o *oracle) scoped(action string, v *version, f facts) bool {
	for _, scope := range strings.Fields(o.p.Scope) {
		context, rest, _ := strings.Cut(scope, "/")
		rest, args, _ := strings.Cut(rest, "?")
		typ, letters, _ := strings.Cut(rest, ".")
		if typ != "*" && typ != v.typ || !strings.Contains(letters, action[:1]) {
			continue
		}
		switch context {
		case "user":
			if !f.user {
				continue
			}
		case "system":
			if f.user {
				continue
			}
		case "patient":
			own := o.p.Patient != "" && slices.Contains(f.subjects, o.p.Patient)
			reading := action == "read" || action == "search"
			if o.p.Patient == "" || f.directory && !(reading && (own || !f.linked)) || !f.directory && !own {
				continue
			}
		}
		if args == "" || hasCategory(v.body, strings.TrimPrefix(args, "category=")) {
			return true
		}
	}
	return false
}

func hasCategory(body map[string]any, code string) bool {
	for _, c := range list(body, "category") {
		for _, coding := range list(c, "coding") {
			if text(coding, "code") == code {
				return true
			}
		}
	}
	return false
}

// subjectsOf are the patients whose record a version is.
func subjectsOf(v *version) []string {
	var out []string
	add := func(x any) {
		if id, ok := strings.CutPrefix(hereOf(text(x, "reference")), "Patient/"); ok {
			out = append(out, id)
		}
	}
	if v.typ == "Patient" {
		out = append(out, v.id)
	}
	add(v.body["subject"])
	add(v.body["patient"])
	if v.typ == "Appointment" {
		for _, part := range list(v.body, "participant") {
			add(part.(map[string]any)["actor"])
		}
	}
	return out
}

// hereOf is the "Type/id" of this server that a reference names, or "".
func hereOf(reference string) string {
	if m := localReference.FindStringSubmatch(reference); m != nil {
		return m[1]
	}
	return ""
}

var localReference = regexp.MustCompile(`^(?:` + regexp.QuoteMeta(base) + `/)?([A-Za-z]+/[A-Za-z0-9.-]{1,64})(?:/_history/.*)?$`)

// namesPatient looks for a reference to a patient anywhere.
func namesPatient(x any) bool {
	switch x := x.(type) {
	case map[string]any:
		if strings.Contains("/"+text(x, "reference"), "/Patient/") {
			return true
		}
		for _, y := range x {
			if namesPatient(y) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(x, namesPatient)
	}
	return false
}

// tiesOf are the relations that the current, active, asserted care teams say.
func tiesOf(records []*record) []tie {
	var out []tie
	for _, r := range records {
		v := r.current()
		if r.typ != "CareTeam" || v.deleted || !v.by.asserts || text(v.body, "status") != "active" {
			continue
		}
		patient, ok := strings.CutPrefix(hereOf(text(v.body["subject"], "reference")), "Patient/")
		if !ok {
			continue
		}
		for _, part := range list(v.body, "participant") {
			holder := hereOf(text(part.(map[string]any)["member"], "reference"))
			if strings.HasPrefix(holder, "Practitioner/") {
				from, until := span(v.body["period"])
				out = append(out, tie{patient, holder, from, until, r})
			}
		}
	}
	return out
}

// span reads a period of instants; the end is inclusive of its second.
func span(period any) (from, until time.Time) {
	if s := text(period, "start"); s != "" {
		from, _ = time.Parse(time.RFC3339, s)
	}
	if s := text(period, "end"); s != "" {
		until, _ = time.Parse(time.RFC3339, s)
		until = until.Add(time.Second)
	}
	return from, until
}

func text(x any, name string) string {
	m, _ := x.(map[string]any)
	s, _ := m[name].(string)
	return s
}

func list(x any, path ...string) []any {
	for _, name := range path {
		m, _ := x.(map[string]any)
		x = m[name]
	}
	l, _ := x.([]any)
	return l
}

// variant is a policy that some worlds have beside the default ones: in Cedar
// for the servers, in Go for the oracle.
type variant struct {
	permits bool
	cedar   string
	holds   func(action string, f facts) bool
}

func seeing(action string) bool { return action == "read" || action == "search" }

// variants: each may or may not be in force in a world.
var variants = []variant{
	{false, `@id("x-hiv") forbid (principal, action in [Action::"read", Action::"search"], resource)
		when { resource.sensitivities.contains("HIV") } unless { resource.isAuthor };`,
		func(a string, f facts) bool { return seeing(a) && slices.Contains(f.sensitive, "HIV") && !f.isAuthor }},
	{false, `@id("x-conditions") forbid (principal, action in [Action::"create", Action::"read", Action::"update", Action::"delete", Action::"search"], resource)
		when { resource.type == "Condition" && resource.confidentiality >= 5 } unless { resource.inCareTeam };`,
		func(_ string, f facts) bool { return f.typ == "Condition" && f.level >= 4 && !f.inCareTeam }},
	{true, `@id("x-low") permit (principal in Role::"physician", action in [Action::"read", Action::"search"], resource)
		when { resource.confidentiality <= 2 };`,
		func(a string, f facts) bool {
			return seeing(a) && slices.Contains(f.p.Roles, "physician") && f.level <= 1
		}},
	{true, `@id("x-own") permit (principal is User, action in [Action::"read", Action::"search", Action::"update"], resource)
		when { resource.isAuthor };`,
		func(a string, f facts) bool { return (seeing(a) || a == "update") && f.isAuthor }},
	{false, `@id("x-eth") forbid (principal, action == Action::"search", resource) when { resource.sensitivities.contains("ETH") };`,
		func(a string, f facts) bool { return a == "search" && slices.Contains(f.sensitive, "ETH") }},
	{false, `@id("x-south") forbid (principal in Role::"nurse", action in [Action::"read", Action::"search"], resource)
		when { resource.organization == "Organization/south" && resource.type != "Organization" };`,
		func(a string, f facts) bool {
			return seeing(a) && slices.Contains(f.p.Roles, "nurse") && f.org == "Organization/south" && f.typ != "Organization"
		}},
	{false, `@id("x-others") forbid (principal, action in [Action::"update", Action::"delete"], resource) unless { resource.isAuthor || resource.inCareTeam };`,
		func(a string, f facts) bool {
			return (a == "update" || a == "delete") && !f.isAuthor && !f.inCareTeam
		}},
}
