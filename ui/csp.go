package ui

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// policy is the Content-Security-Policy of every page (W3C CSP 3): nothing but
// our own files and forms, in no frame (RFC 9700 section 4.16, clickjacking).
// data: images are the QR code of a second factor.
func policy(formAction []string) (string, error) {
	forms := "'self'"
	for _, s := range formAction {
		if !source.MatchString(s) {
			return "", fmt.Errorf("ui: %q is no source of form-action: see FormAction", s)
		}
		forms += " " + s
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action " + forms +
		"; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'", nil
}

// source is what FormAction makes: an origin or a scheme. What could end the
// directive or begin another is not in it.
var source = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:(//[A-Za-z0-9.-]+(:[0-9]{1,5})?)?$`)

// scriptable are the schemes that run or hold content instead of leading anywhere.
const scriptable = " javascript data blob vbscript filesystem about "

// FormAction is the source for Render that lets a form lead to uri: its origin
// for http and https, its scheme for an application's own ("org.example.app:").
// The host of an IPv6 address has no form in CSP (section 2.3.1), so its scheme
// stands for it. It is false for what is no absolute URI or runs as script.
func FormAction(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || strings.Contains(scriptable, " "+u.Scheme+" ") {
		return "", false
	}
	s := u.Scheme + ":"
	if web := u.Scheme == "https" || u.Scheme == "http"; web {
		if u.Host == "" {
			return "", false
		}
		if !strings.HasPrefix(u.Host, "[") {
			s += "//" + u.Host
		}
	}
	return s, source.MatchString(s)
}
