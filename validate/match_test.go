package validate

import (
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"firebreak/fhir/r4"

	"pgregory.net/rapid"
)

// matchers are the hand-written ones, by the primitive whose pattern they
// stand for.
var matchers = map[string]func([]byte) bool{
	"string": matchText, "markdown": matchText,
	"uri": matchWord, "url": matchWord, "canonical": matchWord,
	"code": matchCode, "id": matchID, "oid": matchOID, "uuid": matchUUID,
	"base64Binary": matchBase64,
	"integer":      matchInteger, "positiveInt": matchPositiveInt, "unsignedInt": matchUnsignedInt,
	"date": matchDate, "dateTime": matchDateTime, "instant": matchInstant, "time": matchTime,
}

func pattern(t testing.TB, primitive string) *regexp.Regexp {
	t.Helper()
	typ, ok := r4.LookupType(primitive)
	if !ok || typ.Pattern == "" {
		t.Fatalf("no pattern for %s", primitive)
	}
	return regexp.MustCompile(typ.Pattern)
}

// seeds are strings near the edges of the patterns; the property test damages
// them.
var seeds = map[string][]string{
	"string": {"a", " ", "a\tb\r\nc", "\x00", "\x1f", "\x7f", "\u0085", "\u00a0", "\U0001F600"},
	"uri":    {"http://a/b", "a b", "urn:x", "\u00a0"},
	"code":   {"a", "a b", "a  b", " a", "a ", "a\tb", "\u2003"},
	"id":     {"a", "A-1.b", "0123456789012345678901234567890123456789012345678901234567890123", "a_b"},
	"oid":    {"urn:oid:1.2.3", "urn:oid:2.0", "urn:oid:3.1", "urn:oid:1.02", "urn:oid:1.", "urn:oid:1", "urn:oid:1..2"},
	"uuid":   {"urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "urn:uuid:C757873D-ec9a-4326-a141-556f43239520"},
	"base64Binary": {"AAAA", "AAA=", "AA==", "A===", "====", "AAAA AAAA", "\nAAAA\r\nAA==\n", "AA A", "AA==AAAA", "AAA", " ",
		"\fAAAA", "\vAAAA"},
	"integer": {"0", "-0", "-1", "12", "012", "+1", "-", "1.0", "1e2", "--1"},
	"date":    {"2024", "2024-02", "2024-02-29", "0000", "0001", "0010", "1000", "2024-13", "2024-1", "2024-00", "2024-01-32", "2024-01-00", "24-01-01"},
	"dateTime": {"2024-02-29T23:59:59Z", "2024-02-29T23:59:60.123+14:00", "2024-02-29T24:00:00Z", "2024-02-29T00:00Z",
		"2024-02-29T00:00:00", "2024-02-29T00:00:00.Z", "2024-02-29T00:00:00-13:59", "2024-02-29T00:00:00+14:01", "2024-02-29T00:00:61Z", "0000-01-01T00:00:00Z"},
	"time": {"00:00:00", "23:59:60", "12:00:00.5", "24:00:00", "12:00", "12:00:00.", "12:00:00Z"},
}

func seedsOf(primitive string) []string {
	like := map[string]string{"markdown": "string", "url": "uri", "canonical": "uri", "positiveInt": "integer",
		"unsignedInt": "integer", "instant": "dateTime"}
	if other, ok := like[primitive]; ok {
		primitive = other
	}
	out := seeds[primitive]
	if primitive == "dateTime" {
		out = append(slices.Clone(out), seeds["date"]...)
	}
	return out
}

// TestMatchersEqualTheDefinitionsPatterns is the licence of match.go.
func TestMatchersEqualTheDefinitionsPatterns(t *testing.T) {
	for primitive, match := range matchers {
		re := pattern(t, primitive)
		same := func(s string) bool { return match([]byte(s)) == re.MatchString(s) }
		for _, s := range append(seedsOf(primitive), "") {
			if !same(s) {
				t.Errorf("%s: match(%q) = %v", primitive, s, match([]byte(s)))
			}
		}
		t.Run(primitive, func(t *testing.T) {
			valid := rapid.StringMatching(re.String())
			letters := rapid.SampledFrom([]rune("0123456789abfgzAFZ-+.:TZ=/ \t\n\r\f\v\x00\x1f\x7f\u0085\u00a0\u2028é😀eE"))
			rapid.Check(t, func(t *rapid.T) {
				var s string
				switch rapid.IntRange(0, 2).Draw(t, "kind") {
				case 0:
					s = valid.Draw(t, "valid")
				case 1:
					s = rapid.SampledFrom(seedsOf(primitive)).Draw(t, "seed")
				default:
					s = rapid.StringOf(letters).Draw(t, "any")
				}
				s = damage(t, s, letters)
				if utf8.ValidString(s) && !same(s) {
					t.Fatalf("match(%q) = %v, the pattern says otherwise", s, match([]byte(s)))
				}
			})
		})
	}
}

// damage changes, inserts or removes a few runes.
func damage(t *rapid.T, s string, letters *rapid.Generator[rune]) string {
	r := []rune(s)
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		at := rapid.IntRange(0, len(r)).Draw(t, "at")
		switch rapid.IntRange(0, 2).Draw(t, "how") {
		case 0:
			r = slices.Insert(r, at, letters.Draw(t, "rune"))
		case 1:
			if at < len(r) {
				r[at] = letters.Draw(t, "rune")
			}
		default:
			if at < len(r) {
				r = slices.Delete(r, at, at+1)
			}
		}
	}
	return string(r)
}

func TestEveryPrimitiveHasACheck(t *testing.T) {
	for _, name := range []string{"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer",
		"markdown", "oid", "positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid", "xhtml"} {
		if typ, ok := r4.LookupType(name); !ok || typ.Kind != r4.KindPrimitive {
			t.Errorf("%s is no primitive", name)
		}
		// boolean: its JSON kind says all; decimal: its pattern is JSON's own
		// grammar of numbers; xhtml has no pattern.
		if matchers[name] == nil && name != "boolean" && name != "decimal" && name != "xhtml" {
			t.Errorf("%s has no matcher", name)
		}
	}
}

func TestDecimalsPatternIsJSONsOwn(t *testing.T) {
	re := pattern(t, "decimal")
	json := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,5})?`) // RFC 8259 section 6
	rapid.Check(t, func(t *rapid.T) {
		if s := json.Draw(t, "number"); !re.MatchString(s) {
			t.Fatalf("%q is a JSON number and no decimal", s)
		}
	})
}

func TestSeenHasRoomForEveryElement(t *testing.T) {
	var o object
	for _, name := range append(r4.Resources(), "ElementDefinition", "Dosage", "Timing.repeat") {
		typ, _ := r4.LookupType(name)
		choices := 0
		for _, e := range typ.Elements {
			if e.Choice {
				choices++
			}
		}
		if len(typ.Elements) > 64*len(o.seen) || choices > len(o.variants) {
			t.Errorf("%s: %d elements, %d choices", name, len(typ.Elements), choices)
		}
	}
}
