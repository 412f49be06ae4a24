package fhirpath

import (
	"encoding/base64"
	"encoding/hex"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"firebreak/fhirjson"
)

// encodingFunction: encode, decode, escape and unescape of FHIRPath 2.1
// (http://hl7.org/fhirpath/#additional-string-functions).
func encodingFunction(name string) (function, bool) {
	switch name {
	case "encode":
		return onText(recode(encode)), true
	case "decode":
		return onText(recode(decode)), true
	case "escape":
		return onText(recode(escape)), true
	case "unescape":
		return onText(recode(unescape)), true
	}
	return function{}, false
}

// recode pushes nothing for an unknown form or malformed text.
func recode(f func(s, form string) (string, bool)) func(ev *evaluator, s, form string) error {
	return func(ev *evaluator, s, form string) error {
		out, ok := f(s, form)
		if !ok || !utf8.ValidString(out) {
			return nil
		}
		return ev.pushText(out)
	}
}

func encode(s, form string) (string, bool) {
	switch form {
	case "hex":
		return hex.EncodeToString([]byte(s)), true
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(s)), true
	case "urlbase64":
		return base64.URLEncoding.EncodeToString([]byte(s)), true
	}
	return "", false
}

func decode(s, form string) (string, bool) {
	var out []byte
	var err error
	switch form {
	case "hex":
		out, err = hex.DecodeString(s)
	case "base64":
		out, err = base64.StdEncoding.DecodeString(s)
	case "urlbase64":
		out, err = base64.URLEncoding.DecodeString(s)
	default:
		return "", false
	}
	return string(out), err == nil
}

func escape(s, form string) (string, bool) {
	switch form {
	case "html":
		return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;").Replace(s), true
	case "json":
		q := fhirjson.Quote(s)
		return string(q[1 : len(q)-1]), true
	}
	return "", false
}

func unescape(s, form string) (string, bool) {
	switch form {
	case "html":
		return html.UnescapeString(s), true
	case "json":
		out, err := jsontext.AppendUnquote(nil, `"`+s+`"`)
		if err != nil { // quotation marks need no escape inside '…'
			out, err = jsontext.AppendUnquote(nil, `"`+strings.ReplaceAll(strings.ReplaceAll(s, `\"`, `"`), `"`, `\"`)+`"`)
		}
		return string(out), err == nil
	}
	return "", false
}
