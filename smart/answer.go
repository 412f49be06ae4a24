package smart

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"firebreak/smart/client"
	"firebreak/transport"
	"firebreak/ui"
)

// Answer is what is to be sent, and what must be on record before.
type Answer struct {
	Reply  transport.WebReply
	Events []Event
}

// Event is something that happened to a person, an application, a grant or a key.
// It holds no secret and no token.
type Event struct {
	What         string // "sign-in", "token", "grant", "revoke", …
	Failed       bool
	Why          string // a literal: why it failed, or more about what was done
	Person       string // account id, the sub of tokens
	FHIRUser     string
	Organization string
	Roles        []string
	Client       string // client id
	Grant        string
	TokenID      string // jti
	Scope        string
	Patient      string // "Patient/…" of the launch context
	About        string // another person or thing that it was done to
	Change       string // the change that takes two persons, by its name: the same from asking to making
	AskedBy      string // account id of who asked for it, where another has decided
	Reason       string // as the administrator who did it gave it, at most 300 characters
}

// problem is an error in OAuth's words (RFC 6749 section 5.2). Its description is
// a literal: nothing that was sent comes back in it.
type problem struct {
	status    int
	code      string
	text      string
	challenge string
	wait      time.Duration // before another try
}

func (p *problem) Error() string { return p.code + ": " + p.text }

func bad(code, text string) *problem {
	return &problem{status: http.StatusBadRequest, code: code, text: text}
}

func tooFast(wait time.Duration) *problem {
	return &problem{status: http.StatusTooManyRequests, code: "temporarily_unavailable", text: "too many requests in a short time", wait: wait}
}

const jsonType = "application/json"

// asJSON is a JSON answer. The value is ours, so it can be written.
func asJSON(status int, v any) Answer {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return Answer{Reply: transport.WebReply{Status: http.StatusInternalServerError}}
	}
	return Answer{Reply: transport.WebReply{Status: status, ContentType: jsonType, Body: b}}
}

type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitzero"`
}

func (p *problem) answer() Answer {
	a := asJSON(p.status, oauthError{p.code, p.text})
	a.Reply.Challenge, a.Reply.RetryAfter = p.challenge, p.wait
	if p.status == http.StatusUnauthorized && p.challenge == "" {
		// A 401 names a way to sign in (RFC 9110 section 15.5.2), also to who tried
		// one that is not HTTP's.
		a.Reply.Challenge = client.BasicChallenge
	}
	return a
}

// with adds events.
func (a Answer) with(events ...Event) Answer {
	a.Events = append(a.Events, events...)
	return a
}

// failed is one event of something refused.
func (p *problem) failed(e Event) Event {
	e.Failed, e.Why = true, p.code+": "+p.text
	return e
}

// seeOther sends the browser on with a GET (RFC 9700 section 4.12: 303 drops the
// body, 307 would repeat a password).
func seeOther(location string, cookies ...transport.Cookie) Answer {
	return Answer{Reply: transport.WebReply{Status: http.StatusSeeOther, Location: location, Cookies: cookies}}
}

// page renders one.
func (s *Server) page(status int, v ui.View, forms ...string) Answer {
	r, err := s.pages.Render(v, s.leads(forms)...)
	if err != nil {
		return Answer{Reply: transport.WebReply{Status: http.StatusInternalServerError}}
	}
	return Answer{Reply: transport.WebReply{Status: status, ContentType: "text/html; charset=utf-8", Body: r.HTML, Policy: r.CSP}}
}

// addTo is a redirect URI with parameters added to those it has.
func addTo(uri string, params url.Values) string {
	if len(params) == 0 {
		return uri
	}
	joint := "?"
	if strings.Contains(uri, "?") {
		joint = "&"
	}
	return uri + joint + params.Encode()
}

// never lasts until it is taken away.
const (
	minute = time.Minute
	day    = 24 * time.Hour
)
