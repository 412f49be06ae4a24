package validate

import (
	"bytes"
	"slices"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// reference checks the literal of a Reference
// (http://hl7.org/fhir/R4/references.html#literal) and, when it is relative,
// that it names a type the element may point to. Whether the target exists is
// asked later, by others.
func (c *checker) reference(e *r4.Element, v fhirjson.Node) {
	lit := v.Field("reference")
	if lit.Kind() != fhirjson.String {
		return // absent, or reported already
	}
	s := lit.Raw()[1 : len(lit.Raw())-1]
	if bytes.IndexByte(s, '\\') >= 0 {
		s = []byte(lit.Text())
	}
	if len(s) == 0 || s[0] == '#' && matchFragment(s[1:]) || absolute(s) {
		return // an empty string is reported already
	}
	c.push("reference")
	defer c.pop()
	target, conditional, ok := relative(s)
	switch {
	case !ok:
		c.report("value", badReference)
	case conditional && c.bundles == 0:
		// FHIR R4 http.html#trules: only in a batch or transaction.
		c.report("value", conditionalReference)
	case e.Targets != nil && !slices.Contains(e.Targets, target):
		c.report("value", referenceTarget)
	}
}

// matchFragment: "#" alone is the container (FHIR R4 references.html#contained).
func matchFragment(s []byte) bool { return len(s) == 0 || matchWord(s) }

// absolute reports whether s is a URI with a scheme (RFC 3986 section 3.1).
func absolute(s []byte) bool {
	colon := bytes.IndexByte(s, ':')
	if colon < 1 || !isLetter(s[0]) || colon == len(s)-1 {
		return false
	}
	for _, ch := range s[:colon] {
		if !isLetter(ch) && !isDigit(ch) && ch != '+' && ch != '-' && ch != '.' {
			return false
		}
	}
	return matchWord(s)
}

// relative reads Type/id, Type/id/_history/version and Type?query; target is
// the definitions' name of the type.
func relative(s []byte) (target string, conditional, ok bool) {
	end := bytes.IndexAny(s, "/?")
	if end < 0 {
		return "", false, false
	}
	id, found := r4.TypeID(string(s[:end]))
	if !found {
		return "", false, false
	}
	target = r4.TypeName(id)
	rest := s[end+1:]
	if s[end] == '?' {
		return target, true, matchWord(rest)
	}
	name, version, versioned := bytes.Cut(rest, []byte("/_history/"))
	return target, false, matchID(name) && (!versioned || matchID(version))
}
