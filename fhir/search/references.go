package search

import (
	"slices"
	"strings"

	"firebreak/fhir/r4"
)

// Targets are the types a reference parameter may point to. A parameter named
// patient points to patients only, also where it is published with Group
// (http://hl7.org/fhir/R4/search.html#reference); the few that are published
// without targets may point anywhere. The result must not be changed.
func Targets(p *r4.SearchParam) []string {
	if p.Type == r4.ParamReference && len(p.Targets) == 0 {
		return r4.Resources()
	}
	if p.Code == "patient" && slices.Contains(p.Targets, "Patient") {
		return []string{"Patient"}
	}
	return p.Targets
}

// target is what the text of a reference points to.
type target struct {
	typ, id   string // of a resource of this server
	url       string // of anything else
	versioned bool
}

// readTarget reads a literal reference or canonical: Type/id, relative or under
// base, else a URL. It reports false for fragments and for what is neither.
func readTarget(s, base string) (target, bool) {
	rel := s
	if base != "" && strings.HasPrefix(s, base+"/") {
		rel = s[len(base)+1:]
	}
	if t, ok := readRelative(rel); ok {
		return t, true
	}
	if !hasScheme(s) {
		return target{}, false
	}
	return target{url: s}, true
}

func readRelative(s string) (target, bool) {
	typ, rest, ok := strings.Cut(s, "/")
	if !ok {
		return target{}, false
	}
	if _, known := r4.TypeID(typ); !known {
		return target{}, false
	}
	id, version, versioned := strings.Cut(rest, "/_history/")
	if !r4.IsID(id) || versioned && !r4.IsID(version) {
		return target{}, false
	}
	return target{typ: typ, id: id, versioned: versioned}, true
}

// hasScheme holds for absolute URIs (RFC 3986 section 3.1): "http:", "urn:".
func hasScheme(s string) bool {
	i := strings.IndexByte(s, ':')
	if i < 1 || i == len(s)-1 {
		return false
	}
	for j := range i {
		c := s[j] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (j == 0 || (s[j] < '0' || s[j] > '9') && s[j] != '+' && s[j] != '-' && s[j] != '.') {
			return false
		}
	}
	return true
}

// reference reads id, Type/id or a URL. A bare id of a parameter that has one
// target gets its type. A version is refused: rows do not keep it, and to
// answer for the resource instead would answer another question.
func (r valueReader) reference(p *r4.SearchParam, s string) (Value, error) {
	s = unescape(s)
	if r4.IsID(s) {
		v := Value{RefID: s}
		if ts := Targets(p); len(ts) == 1 {
			v.RefType = ts[0]
		}
		return v, nil
	}
	t, ok := readTarget(s, r.base)
	switch {
	case !ok:
		return Value{}, refuse(BadValue, textReference)
	case t.versioned:
		return Value{}, refuse(BadValue, textVersion)
	case t.url != "":
		return Value{RefURL: t.url}, nil
	}
	return Value{RefType: t.typ, RefID: t.id}, nil
}

// typedReference reads the value of subject:Patient=…, which may repeat the type.
func (r valueReader) typedReference(p *r4.SearchParam, typ, s string) (Value, error) {
	v, err := r.reference(p, s)
	if err != nil || v.RefURL != "" {
		return v, err
	}
	if t, ok := readTarget(unescape(s), r.base); ok && t.typ != typ {
		return Value{}, refuse(BadValue, textTarget)
	}
	v.RefType = typ
	return v, nil
}
