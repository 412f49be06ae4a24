package audit

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// What is put on record was mostly chosen by whoever asked, and may be as long
// as they liked. A record that did not fit would be refused, and then so would
// the answer; so what is too long is cut, and what is too many goes on in
// further records.
const (
	// SmallestSegment is the smallest segment that every record of [Record.Fit]
	// fits into.
	SmallestSegment = 64 << 10
	// room is what a payload has in it.
	room = SmallestSegment - headerSize - overhead

	maxText  = 1 << 10           // of a text, and three times that of a list, as JSON
	maxPlain = 8 << 10           // of the request's target and of its body
	maxQuery = 2*maxPlain + 2048 // of both together: what RequestText makes is never cut again
)

// Fit is the record as one or more that fit any journal whose segments are not
// below SmallestSegment. Texts that are too long are there as their beginning,
// their length and their SHA-256. Targets and patients are never left out: those
// for which there is no room are in further records, Part of Parts, alike but
// for the Query, which only the first has.
func (r Record) Fit() []Record {
	r.shorten()
	const usual = 8 << 10
	if r.lists() < usual && len(r.Query) < 2<<10 { // most records, at no cost
		return []Record{r}
	}
	targets, patients := r.Targets, r.Patients
	r.Targets, r.Patients = nil, nil
	var parts []Record
	for part := r; ; part.Query = nil {
		part.Part, part.Parts, part.Targets, part.Patients = 999_999_999, 999_999_999, nil, nil // as long as can be
		left := room - len(part.Append(nil)) - len(`,"targets":[],"patients":[]`)
		for len(targets) > 0 && targets[0].size() <= left {
			left -= targets[0].size()
			part.Targets, targets = append(part.Targets, targets[0]), targets[1:]
		}
		for len(targets) == 0 && len(patients) > 0 && quoted(patients[0])+1 <= left {
			left -= quoted(patients[0]) + 1
			part.Patients, patients = append(part.Patients, patients[0]), patients[1:]
		}
		parts = append(parts, part)
		if len(targets) == 0 && len(patients) == 0 {
			break
		}
	}
	for n := range parts {
		parts[n].Part, parts[n].Parts = n+1, len(parts)
	}
	if len(parts) == 1 {
		parts[0].Part, parts[0].Parts = 0, 0
	}
	return parts
}

// lists is a bound for what Targets and Patients take as JSON.
func (r *Record) lists() (n int) {
	for _, t := range r.Targets {
		n += t.size()
	}
	for _, p := range r.Patients {
		n += quoted(p) + 1
	}
	return n
}

// shorten cuts every text to its bound.
func (r *Record) shorten() {
	for _, s := range [...]*string{(*string)(&r.Kind), &r.Visit, &r.Tenant, &r.Subject, &r.Issuer, &r.Name, &r.FHIRUser, &r.Organization,
		&r.ClientID, &r.ClientName, &r.JTI, &r.Peer, &r.Server, &r.Interaction, &r.Operation, &r.ResourceType, &r.Category, &r.Detail,
		&r.RequestID, &r.Epoch} {
		*s = cut(*s, maxText, quoted)
	}
	r.Roles, r.Purposes, r.Consents = cutList(r.Roles), cutList(r.Purposes), cutList(r.Consents)
	if len(r.Query) > maxQuery {
		r.Query = []byte(cut(string(r.Query), maxQuery, raw))
	}
	if slices.ContainsFunc(r.Targets, func(t Target) bool { return t.size() > maxText }) {
		r.Targets = slices.Clone(r.Targets) // the caller's stay as they are
		for n, t := range r.Targets {
			r.Targets[n] = Target{cut(t.Type, maxText, quoted), cut(t.ID, maxText, quoted), cut(t.Version, maxText, quoted), cutList(t.Labels)}
		}
	}
	if slices.ContainsFunc(r.Patients, func(p string) bool { return quoted(p) > maxText }) {
		r.Patients = slices.Clone(r.Patients)
		for n, p := range r.Patients {
			r.Patients[n] = cut(p, maxText, quoted)
		}
	}
}

// cut is s, or its beginning with its length and SHA-256 when it takes more than
// most, as size measures it. What is left takes little more than most.
func cut(s string, most int, size func(string) int) string {
	if size(s) <= most {
		return s
	}
	keep := s[:min(len(s), most)]
	for keep != "" && size(keep) > most {
		keep = keep[:len(keep)/2]
	}
	return fmt.Sprintf("%s… (%d bytes, SHA-256 %x)", keep, len(s), sha256.Sum256([]byte(s)))
}

func raw(s string) int { return len(s) }

// quoted is a bound for the length of s as JSON: control characters and quotes
// are escaped, and of what is not UTF-8 each byte becomes a U+FFFD.
func quoted(s string) int {
	n := 2
	for _, c := range []byte(s) {
		switch {
		case c < ' ', c == '"', c == '\\', c == 0x7F:
			n += 6
		case c < 0x7F:
			n++
		default:
			n += 3
		}
	}
	return n
}

// cutList is a list of texts that takes little more than three times maxText;
// those there is no room for are its last element, cut.
func cutList(list []string) []string {
	left := 3 * maxText
	for n, s := range list {
		size := quoted(s) + 1
		if size > maxText || size > left {
			rest := cut(strings.Join(list[n:], " "), min(maxText, left)-1, quoted)
			return append(slices.Clone(list[:n]), rest)
		}
		left -= size
	}
	return list
}

// size is a bound for what a target takes as JSON.
func (t *Target) size() int {
	n := len(`{"type":,"id":,"version":,"labels":[]},`) + quoted(t.Type) + quoted(t.ID) + quoted(t.Version)
	for _, l := range t.Labels {
		n += quoted(l) + 1
	}
	return n
}
