package firebreak_test

import (
	"encoding/json"
	"html"
	"maps"
	"net/url"
	"regexp"
	"strings"

	"firebreak/transport"
)

// browser is a person's at the desk of one world, with what the application that
// sent them there was given.
type browser struct {
	d       *desk
	cookies map[string]string
	body    string         // of the page that is shown
	to      url.Values     // what another site was told, to which it was sent
	got     map[string]any // the last answer to a program
	launch  string         // of the last launch

	// What the application was given at last.
	token, refresh, patient, encounter string
}

// send follows redirects within the authorization server, and is all that was
// answered on the way.
func (b *browser) send(req transport.WebRequest) string {
	out := ""
	for range 10 {
		req.Cookies = maps.Clone(b.cookies)
		reply, said := b.d.web(req)
		out += req.Method + " " + req.Path + "\n" + said
		for _, c := range reply.Cookies {
			if b.cookies[c.Name] = c.Value; c.Life < 0 {
				delete(b.cookies, c.Name)
			}
		}
		b.body, b.to = string(reply.Body), nil
		if reply.Status != 303 {
			return out
		}
		to, err := url.Parse(reply.Location)
		if err != nil {
			return out + err.Error()
		}
		if to.IsAbs() && !strings.HasPrefix(reply.Location, deskIssuer+"/") {
			b.to = to.Query()
			return out
		}
		req = transport.WebRequest{Method: "GET", Path: to.Path, Query: to.RawQuery}
	}
	return out + "and so on"
}

func (b *browser) open(path string, query url.Values) string {
	return b.send(transport.WebRequest{Method: "GET", Path: "/auth" + path, Query: query.Encode()})
}

var hiddenField = regexp.MustCompile(`name="(csrf|flow)" value="([^"]*)"`)

// post sends a form of the page that is shown, with what a person may have put in
// or forged.
func (b *browser) post(path string, fields url.Values) string {
	with := maps.Clone(fields)
	for _, m := range hiddenField.FindAllStringSubmatch(b.body, -1) {
		if with.Get(m[1]) == "" {
			with.Set(m[1], html.UnescapeString(m[2]))
		}
	}
	return b.send(transport.WebRequest{Method: "POST", Path: "/auth" + path, Body: []byte(with.Encode()), Origin: deskOrigin, Site: "same-origin"})
}

// call is a request of a program.
func (b *browser) call(path string, fields url.Values, authorization ...string) string {
	reply, said := b.d.web(transport.WebRequest{Method: "POST", Path: "/auth" + path, Body: []byte(fields.Encode()), Authorization: strings.Join(authorization, "")})
	b.got = map[string]any{}
	if err := json.Unmarshal(reply.Body, &b.got); err != nil && reply.Status < 300 && len(reply.Body) > 0 {
		return said + err.Error()
	}
	return "POST " + path + "\n" + said
}

// takes is a token request of an application; what it was given is kept.
func (b *browser) takes(fields url.Values) string {
	out := b.call("/token", fields)
	if raw := text(b.got, "access_token"); raw != "" {
		b.token, b.refresh, b.patient, b.encounter = raw, text(b.got, "refresh_token"), text(b.got, "patient"), text(b.got, "encounter")
	}
	return out
}

// shows reports whether the page has a form that leads to a path.
func (b *browser) shows(path string) bool {
	return strings.Contains(b.body, `action="/auth`+path+`"`)
}

// values are those that a page has of what a pattern finds.
func (b *browser) values(pattern *regexp.Regexp) (out []string) {
	for _, m := range pattern.FindAllStringSubmatch(b.body, -1) {
		out = append(out, html.UnescapeString(m[1]))
	}
	return out
}

var (
	offeredPatient   = regexp.MustCompile(`<button name="patient" value="([^"]+)"`)
	offeredEncounter = regexp.MustCompile(`<option value="([^"]+)"`)
	offeredScope     = regexp.MustCompile(`name="scope" value="([^"]+)"`)
	offeredTake      = regexp.MustCompile(`name="(take:[^"]+)" value="all"`)
	furtherPage      = regexp.MustCompile(`name="page" value="([^"]+)">Next`)
)
