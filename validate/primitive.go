package validate

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// maxString is the most characters a string may have
// (http://hl7.org/fhir/R4/datatypes.html#string).
const maxString = 1 << 20

// maxExponent bounds a decimal's exponent. FHIR sets no bound; without one, a
// dozen bytes could stand for a number that fills the memory of its reader.
const maxExponent = 400

// startOfDiv is how a narrative begins; package narrative judges the rest.
const startOfDiv = "<div"

// primitive checks a primitive's JSON kind, syntax and range
// (http://hl7.org/fhir/R4/datatypes.html#primitive).
func (c *checker) primitive(e *r4.Element, t *r4.Type, v fhirjson.Node) {
	switch t.Name {
	case "boolean":
		if v.Kind() != fhirjson.Bool {
			c.report("structure", notABoolean)
		}
	case "integer", "positiveInt", "unsignedInt", "decimal":
		if v.Kind() != fhirjson.Number {
			c.report("structure", notANumber)
			return
		}
		if code, text := number(t.Name, v.Raw()); code != "" {
			c.report(code, text)
		}
	default:
		if v.Kind() != fhirjson.String {
			c.report("structure", notAString)
			return
		}
		s := v.Raw()[1 : len(v.Raw())-1]
		if t.Name == "xhtml" && bytes.HasPrefix(s, []byte(startOfDiv)) {
			return // mostly so; what follows may be long and is full of escapes
		}
		if bytes.IndexByte(s, '\\') >= 0 {
			s = []byte(v.Text())
		}
		if text := syntax(t.Name, s); text != "" {
			c.report("value", text)
			return
		}
		if e.Codes != nil && !listed(e.Codes, s) {
			c.report("code-invalid", unknownCode)
		}
	}
}

func listed(codes []string, s []byte) bool {
	for _, code := range codes {
		if code == string(s) {
			return true
		}
	}
	return false
}

// number checks a JSON number's literal; code is "" when it is right.
func number(typ string, s []byte) (code, text string) {
	switch typ {
	case "decimal":
		if exponent(s) > maxExponent {
			return "value", decimalExponent
		}
		return "", ""
	case "positiveInt":
		if !matchPositiveInt(s) {
			return "value", badPositiveInt
		}
	case "unsignedInt":
		if !matchUnsignedInt(s) {
			return "value", badUnsignedInt
		}
	default:
		if !matchInteger(s) {
			return "value", badInteger
		}
	}
	if len(s) < 10 { // at most nine digits
		return "", ""
	}
	if _, err := strconv.ParseInt(string(s), 10, 32); err != nil {
		return "value", integerRange
	}
	return "", ""
}

// exponent is the size of a number's exponent, without its sign.
func exponent(s []byte) int {
	i := bytes.IndexAny(s, "eE")
	if i < 0 {
		return 0
	}
	n := 0
	for _, ch := range s[i+1:] {
		if isDigit(ch) && n <= maxExponent {
			n = n*10 + int(ch-'0')
		}
	}
	return n
}

// syntax checks the text of a primitive that is a JSON string; it returns an
// issue's text, or "".
func syntax(typ string, s []byte) string {
	if len(s) == 0 {
		return emptyString
	}
	switch typ {
	case "string", "markdown":
		if !matchText(s) {
			return badString
		}
		return tooLong(s)
	case "code":
		if !matchCode(s) {
			return badCode
		}
		return tooLong(s)
	case "uri", "url", "canonical":
		return unless(matchWord(s), badURI)
	case "id":
		return unless(matchID(s), badID)
	case "oid":
		return unless(matchOID(s), badOID)
	case "uuid":
		return unless(matchUUID(s), badUUID)
	case "base64Binary":
		return unless(matchBase64(s), badBase64)
	case "xhtml":
		return unless(bytes.HasPrefix(s, []byte(startOfDiv)), badDiv)
	}
	return temporal(typ, s)
}

// temporal checks date, dateTime, instant and time, and that the day exists.
func temporal(typ string, s []byte) string {
	switch typ {
	case "time":
		return unless(matchTime(s), badTime)
	case "date":
		if !matchDate(s) {
			return badDate
		}
	case "dateTime":
		if !matchDateTime(s) {
			return badDateTime
		}
	case "instant":
		if !matchInstant(s) {
			return badInstant
		}
	default:
		return badString // no such primitive; refuse rather than let pass
	}
	if len(s) >= 10 && !dayExists(s) {
		return noSuchDay
	}
	return ""
}

func unless(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}

func tooLong(s []byte) string {
	if len(s) > maxString && utf8.RuneCount(s) > maxString {
		return longString
	}
	return ""
}
