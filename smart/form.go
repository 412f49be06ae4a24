package smart

import (
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"

	"firebreak/transport"
)

// form are the parameters of a request, none of which may come twice (RFC 6749
// section 3.1): two readers could take different ones.
type form map[string]string

const (
	maxForm   = 64 << 10
	maxFields = 64
	formType  = "application/x-www-form-urlencoded"
)

// readQuery reads the parameters of a GET.
func readQuery(req transport.WebRequest) (form, bool) { return parseForm(req.Query) }

// readBody reads those of a POST. What comes in the URL besides is refused by the
// endpoints that take secrets.
func readBody(req transport.WebRequest) (form, bool) {
	if !isForm(req) {
		return nil, false
	}
	return parseForm(string(req.Body))
}

// isForm reports whether the body is a form, and not too long to be looked at.
func isForm(req transport.WebRequest) bool {
	kind, params, err := mime.ParseMediaType(req.ContentType)
	return err == nil && kind == formType && (params["charset"] == "" || strings.EqualFold(params["charset"], "utf-8")) && len(req.Body) <= maxForm
}

func parseForm(raw string) (form, bool) {
	if len(raw) > maxForm || strings.Contains(raw, ";") {
		return nil, false
	}
	values, err := url.ParseQuery(raw)
	if err != nil || len(values) > maxFields {
		return nil, false
	}
	f := form{}
	for name, list := range values {
		if len(list) != 1 || !printable(list[0]) {
			return nil, false
		}
		if list[0] != "" { // sent without a value is as if not sent
			f[name] = list[0]
		}
	}
	return f, true
}

// readTicked reads a form in which any field may come several times, as ticked
// boxes do; in the form itself are those that came once.
func readTicked(req transport.WebRequest) (f form, all map[string][]string, ok bool) {
	kind, _, err := mime.ParseMediaType(req.ContentType)
	if err != nil || kind != formType || len(req.Body) > maxForm {
		return nil, nil, false
	}
	if all, err = url.ParseQuery(string(req.Body)); err != nil || len(all) > 1024 {
		return nil, nil, false
	}
	f = form{}
	for name, list := range all {
		if len(list) == 1 && printable(list[0]) {
			f[name] = list[0]
		}
	}
	return f, all, true
}

// printable: tab and line ends belong to no parameter, least of all one that
// comes back in a header.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false // PostgreSQL takes no other text, and nobody means it
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
