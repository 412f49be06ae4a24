package search

import (
	"strings"
	"time"
	"unicode/utf8"

	"firebreak/fhir/r4"
)

// valueReader reads the alternatives of one parameter.
type valueReader struct {
	base string    // the server's base URL, without a slash at the end
	now  time.Time // for ap on dates
}

const (
	textEmpty     Literal = "an alternative is empty"
	textDate      Literal = "not a date: use YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with a time zone, and a valid prefix"
	textNumber    Literal = "not a number"
	textQuantity  Literal = "not a quantity: use number|system|code"
	textToken     Literal = "not a token: use code, system|code, |code or system|"
	textBare      Literal = "this parameter's values have no system: use the value alone, without |"
	textReference Literal = "not a reference: use id, Type/id or a URL"
	textVersion   Literal = "references to a version cannot be searched"
	textTarget    Literal = "the parameter does not refer to that type"
	textID        Literal = "not a logical id"
	textParts     Literal = "a composite needs as many values as it has components, separated by $"
	textOfType    Literal = "use system|code|value"
	textURN       Literal = "above and below are for URLs, not URNs"
	textBytes     Literal = "a value must be valid UTF-8 without control characters"
)

// read is one alternative, still escaped.
func (r valueReader) read(p *r4.SearchParam, m Modifier, s string) (Value, error) {
	if s == "" {
		return Value{}, refuse(BadValue, textEmpty)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, isControl) {
		return Value{}, refuse(BadValue, textBytes)
	}
	switch m {
	case Text:
		return r.text(m, s)
	case ByIdentifier:
		return r.token(s)
	case OfType:
		return r.ofType(s)
	}
	switch p.Type {
	case r4.ParamToken:
		if p.Code == "_id" {
			return r.logicalID(s)
		}
		return r.tokenOf(p, s)
	case r4.ParamString:
		return r.text(m, s)
	case r4.ParamURI:
		return r.uri(m, s)
	case r4.ParamDate:
		return r.date(s)
	case r4.ParamNumber:
		return r.number(s)
	case r4.ParamQuantity:
		return r.quantity(s)
	case r4.ParamReference:
		return r.reference(p, s)
	case r4.ParamComposite:
		return r.composite(p, s)
	case r4.ParamSpecial:
		return r.near(s)
	default:
		return Value{}, refuse(NotSupported, textUnsupported)
	}
}

// isControl holds for the characters that no text of FHIR has
// (http://hl7.org/fhir/R4/datatypes.html#string).
func isControl(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }

// text reads a string. One that folds to nothing, a blank or a lone accent,
// would match every value.
func (r valueReader) text(m Modifier, s string) (Value, error) {
	v := Value{Text: unescape(s)}
	if m == Exact {
		return v, nil
	}
	folded := Fold(v.Text)
	switch {
	case folded == "":
		return Value{}, refuse(BadValue, textEmpty)
	case m == Contains && len(folded) > MaxContained:
		return Value{}, refuse(BadValue, textLongContained)
	case len(folded) > MaxBeginning:
		return Value{}, refuse(BadValue, textLongBeginning)
	}
	return v, nil
}

// tokenOf reads a token of a parameter whose elements may imply their system
// (search.html#token: "the system is defined in the value set"). Index rows
// leave out a system that is every row's. To ask for it is to ask for any:
// gender=http://hl7.org/fhir/administrative-gender|male is gender=male. To ask for
// none, gender=|male, is to ask for what there never is: a code has its system
// whether it says so or not. That is a system of no row, the implied one.
func (r valueReader) tokenOf(p *r4.SearchParam, s string) (Value, error) {
	if p.Bare {
		if len(splitUnescaped(s, '|', 2)) > 1 {
			return Value{}, refuse(BadValue, textBare)
		}
		return Value{Code: FoldContact(unescape(s))}, nil
	}
	v, err := r.token(s)
	if err != nil || v.System == nil {
		return v, err
	}
	if len(p.Systems) == 1 {
		implied := p.Systems[0].URL
		switch *v.System {
		case implied:
			v.System = nil
		case "":
			v.System = &implied
		}
	}
	return v, nil
}

// token reads [system|]code. Code is folded; see FoldCode.
func (r valueReader) token(s string) (Value, error) {
	parts := splitUnescaped(s, '|', 2)
	if len(parts) == 1 {
		return Value{Code: FoldCode(unescape(s))}, nil
	}
	system := unescape(parts[0])
	if system == "" && parts[1] == "" {
		return Value{}, refuse(BadValue, textToken)
	}
	return Value{System: &system, Code: FoldCode(unescape(parts[1]))}, nil
}

func (r valueReader) logicalID(s string) (Value, error) {
	if !r4.IsID(s) {
		return Value{}, refuse(BadValue, textID)
	}
	return Value{Code: s}, nil
}

// ofType reads system|code|value (search.html#modifiers): all three are needed.
func (r valueReader) ofType(s string) (Value, error) {
	parts := splitUnescaped(s, '|', 3)
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Value{}, refuse(BadValue, textOfType)
	}
	system := unescape(parts[0])
	return Value{System: &system, Code: FoldCode(unescape(parts[1])), Text: unescape(parts[2])}, nil
}

func (r valueReader) uri(m Modifier, s string) (Value, error) {
	v := Value{Text: unescape(s)}
	if m == Below && len(v.Text) > MaxBeginning {
		return Value{}, refuse(BadValue, textLongBelow)
	}
	if (m == Above || m == Below) && strings.HasPrefix(strings.ToLower(v.Text), "urn:") {
		return Value{}, refuse(BadValue, textURN)
	}
	return v, nil
}

// prefixes are in the order of the constants Eq to Ap.
const prefixes = "eqnegtltgelesaebap"

// cutPrefix takes a comparison off the value; without one it is Eq.
func cutPrefix(s string) (Prefix, string) {
	if len(s) < 2 {
		return Eq, s
	}
	for i := 0; i < len(prefixes); i += 2 {
		if s[:2] == prefixes[i:i+2] {
			return Prefix(i / 2), s[2:]
		}
	}
	return Eq, s
}

// String is FHIR's two letters for the comparison.
func (p Prefix) String() string {
	if p > Ap {
		return "?"
	}
	return prefixes[2*p : 2*p+2]
}

func (r valueReader) date(s string) (Value, error) {
	v := Value{}
	v.Prefix, s = cutPrefix(s)
	var ok bool
	if v.DateLow, v.DateHigh, ok = DateInterval(s); !ok {
		return Value{}, refuse(BadValue, textDate)
	}
	if v.Prefix == Ap {
		v.DateLow, v.DateHigh = approximately(v.DateLow, v.DateHigh, r.now)
	}
	return v, nil
}

func (r valueReader) number(s string) (Value, error) {
	v := Value{}
	v.Prefix, s = cutPrefix(s)
	var ok bool
	if v.Number, v.NumLow, v.NumHigh, ok = NumberInterval(s); !ok {
		return Value{}, refuse(BadValue, textNumber)
	}
	if v.Prefix == Ap { // search.html#prefix: "the recommended value is 10%"
		margin := max(v.Number, -v.Number) / 10
		v.NumLow = min(v.NumLow, v.Number-margin)
		v.NumHigh = max(v.NumHigh, v.Number+margin)
	}
	return v, nil
}

// quantity reads number, number|system|code or number||code
// (search.html#quantity). A missing system means any, never none. Units are
// compared exactly: UCUM is case-sensitive, and they are not converted.
func (r valueReader) quantity(s string) (Value, error) {
	parts := splitUnescaped(s, '|', -1)
	if len(parts) != 1 && len(parts) != 3 {
		return Value{}, refuse(BadValue, textQuantity)
	}
	v, err := r.number(parts[0])
	if err != nil {
		return Value{}, refuse(BadValue, textQuantity)
	}
	if len(parts) == 3 {
		if system := unescape(parts[1]); system != "" {
			v.System = &system
		}
		v.Code = unescape(parts[2])
	}
	return v, nil
}

func (r valueReader) composite(p *r4.SearchParam, s string) (Value, error) {
	parts := splitUnescaped(s, '$', -1)
	if len(parts) != len(p.Components) {
		return Value{}, refuse(BadValue, textParts)
	}
	var v Value
	for i, part := range parts {
		c, err := r.read(p.Components[i].Param, NoModifier, part)
		if err != nil {
			return Value{}, err
		}
		v.Parts = append(v.Parts, c)
	}
	return v, nil
}
