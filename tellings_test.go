package firebreak_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"firebreak/transport"
)

// tellings call what is random in a world's answers by the order in which it
// came up, so that two worlds can be compared byte for byte in all the rest.
//
// Random are: the secrets in cookies and the names of flows; csrf, flow, grant and
// session in forms; id, code and launch in redirects; tokens and launches in JSON;
// jti, grant, sid and at_hash in what tokens say. Nothing else may differ. What a
// signed token says is compared as well; its signature is not.
type tellings struct {
	names map[string]string
	order []string // longest first
}

func (y *tellings) random(list ...string) {
	for _, s := range list {
		if s != "" && y.names[s] == "" {
			y.names[s] = fmt.Sprintf("<%d>", len(y.names)+1)
		}
	}
	y.order = slices.SortedFunc(maps.Keys(y.names), func(a, b string) int { return len(b) - len(a) })
}

// same is a text with the names.
func (y *tellings) same(text string) string {
	for _, s := range y.order {
		text = strings.ReplaceAll(text, s, y.names[s])
		text = strings.ReplaceAll(text, url.QueryEscape(s), y.names[s])
	}
	return text
}

var randomFields = regexp.MustCompile(`name="(?:csrf|flow|grant|session)" value="([^"]*)"`)

// reply is an answer of the authorization server, but for Route, which is for the
// log.
func (y *tellings) reply(r transport.WebReply) string {
	for _, c := range r.Cookies {
		y.random(strings.TrimPrefix(c.Name, "__Host-flow-"), c.Value)
	}
	if to, err := url.Parse(r.Location); err == nil {
		y.random(to.Query().Get("id"), to.Query().Get("code"), to.Query().Get("launch"))
	}
	for _, m := range randomFields.FindAllSubmatch(r.Body, -1) {
		if string(m[1]) != "others" {
			y.random(string(m[1]))
		}
	}
	body := string(r.Body)
	if strings.HasPrefix(r.ContentType, "application/json") {
		body += y.said(r.Body)
	}
	r.Body, r.Route = nil, ""
	return y.same(fmt.Sprintf("%+v\n%s\n", r, body))
}

// said is what the tokens of an answer say.
func (y *tellings) said(body []byte) (out string) {
	var all map[string]any
	if json.Unmarshal(body, &all) != nil {
		return ""
	}
	y.claims(all)
	for _, name := range []string{"access_token", "refresh_token", "id_token", "launch"} {
		raw := text(all, name)
		y.random(raw)
		if part := strings.Split(raw, "."); len(part) == 3 {
			says, err := base64.RawURLEncoding.DecodeString(part[1])
			var claims map[string]any
			if err == nil && json.Unmarshal(says, &claims) == nil {
				y.claims(claims)
				out += "\n" + name + " " + string(says)
			}
		}
	}
	return out
}

func (y *tellings) claims(all map[string]any) {
	y.random(text(all, "jti"), text(all, "grant"), text(all, "sid"), text(all, "at_hash"))
}
