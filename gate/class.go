package gate

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Confidentiality is HL7's total order U < L < M < N < R < V
// (http://terminology.hl7.org/CodeSystem/v3-Confidentiality).
type Confidentiality uint8

// The levels. Unlabelled is Normal, so the zero value is not a level.
const (
	Unrestricted Confidentiality = iota + 1
	Low
	Moderate
	Normal
	Restricted
	VeryRestricted
)

// ConfidentialityOf is the level of a code, or 0 for an unknown code.
func ConfidentialityOf(code string) Confidentiality {
	if len(code) != 1 {
		return 0
	}
	return Confidentiality(strings.IndexByte("ULMNRV", code[0]) + 1)
}

// String is the level's code.
func (c Confidentiality) String() string {
	if c < Unrestricted || c > VeryRestricted {
		return "?"
	}
	return "ULMNRV"[c-1 : c]
}

// Class is everything about a version that a decision may ask and that many
// versions have in common (Denning's security class). It names no person, so
// classes are few and a store keeps them interned.
type Class struct {
	Tenant          string
	Type            string
	Organization    string // of the writer, a reference; "" when the writer acts for none
	Custodian       string // the organisation that an asserted record names as its keeper, or ""
	Confidentiality Confidentiality
	Sensitivities   []string // v3-ActCode sensitivity codes, sorted
	Caveats         []string // v3-ActCode handling codes, sorted
	// Asserted says that the version's writer had the right to assert what an
	// authority-bearing resource says; other versions carry no authority.
	Asserted bool
	// Linked says, for a directory type, that the record is tied to a patient.
	Linked bool
}

// Key is the class as one string: equal classes have equal keys, and
// ParseClass reads it back.
func (c Class) Key() string {
	flags := ""
	if c.Asserted {
		flags += "a"
	}
	if c.Linked {
		flags += "l"
	}
	parts := []string{c.Tenant, c.Type, c.Organization, c.Custodian, c.Confidentiality.String(),
		strings.Join(c.Sensitivities, ","), strings.Join(c.Caveats, ","), flags}
	for i := range parts {
		parts[i] = strconv.Quote(parts[i])
	}
	return strings.Join(parts, " ")
}

// ParseClass reads a Key. A key it cannot read gives the zero Class, which
// every layer denies.
func ParseClass(key string) Class {
	var parts []string
	for rest := key; rest != ""; {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return Class{}
		}
		s, err := strconv.Unquote(quoted)
		if err != nil {
			return Class{}
		}
		parts = append(parts, s)
		rest = strings.TrimPrefix(rest[len(quoted):], " ")
	}
	if len(parts) != 8 {
		return Class{}
	}
	c := Class{Tenant: parts[0], Type: parts[1], Organization: parts[2], Custodian: parts[3],
		Confidentiality: ConfidentialityOf(parts[4]), Sensitivities: list(parts[5]), Caveats: list(parts[6]),
		Asserted: strings.Contains(parts[7], "a"), Linked: strings.Contains(parts[7], "l")}
	if c.Key() != key { // a class has one key
		return Class{}
	}
	return c
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// Keys is what ties a version to persons and moments.
type Keys struct {
	Subjects  []string // Patient ids whose record it is, sorted
	Mentions  []string // Patient ids it names otherwise, sorted
	Author    string   // the writer's own record, "Practitioner/…", or ""
	Encounter string   // Encounter id, or ""
	Date      time.Time
}

// HasSubject reports whether the record is that patient's.
func (k Keys) HasSubject(patient string) bool {
	return patient != "" && slices.Contains(k.Subjects, patient)
}

// Tie is a relation that an asserted version establishes between a holder and
// a patient: authority, kept by a store in rows that only decisions read.
type Tie struct {
	Relation    Relation
	Patient     string    // id
	Holder      string    // reference, "Practitioner/…"
	From, Until time.Time // zero: open
}

// Facts are relations between the caller and a version's subjects, read by the
// store from authority-bearing rows in the snapshot that the version came from.
type Facts struct {
	// CareTeam: an asserted, active CareTeam of one of the subjects names the caller.
	CareTeam bool
}
