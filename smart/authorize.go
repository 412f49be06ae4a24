package smart

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/smart/scope"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// flow is what a person is in the middle of: an authorization request, or a
// sign-in to a page of our own. It belongs to the browser that began it.
type flow struct {
	Browser string // hash of the secret in its cookie
	Return  string // a path of ours, when no application asks

	Client      string
	RedirectURI string
	Scope       string // asked for, and registered
	State       string
	Nonce       string
	Challenge   string
	JKT         string
	Launch      string // handle
	ACR         []string
	MaxAge      int // seconds; -1: not asked for
	Prompt      []string
	Hint        string

	Began time.Time
	// Signed says that the person has signed in within this flow.
	Signed bool
	// Half is a sign-in that lacks its second factor: whose.
	Half string
	// Since is when the person signed in, where this flow only adds a factor.
	Since time.Time
	// Anew says that whoever is signed in wants to sign in as somebody else.
	Anew   bool
	Notice string // a literal, for the sign-in page
	// Raises is the session that a factor is added to, by its sid, where this flow
	// only does that.
	Raises  string
	Patient string // chosen
	Subject string // who it must be, by id_token_hint
}

var flows = vault.Of[flow]("flow")

const (
	flowLife   = 15 * minute
	flowPrefix = "__Host-flow-"
)

// asks reports whether prompt has the value (OpenID Connect Core 1.0 section 3.1.2.1).
func (f flow) asks(prompt string) bool {
	for _, p := range f.Prompt {
		if p == prompt {
			return true
		}
	}
	return false
}

// wantsFresh reports whether the application wants the person to be asked again.
func (f flow) wantsFresh() bool { return f.asks("login") || f.asks("select_account") || f.MaxAge >= 0 }

// authorize is the authorization endpoint (RFC 6749 section 3.1). It takes the
// request down and sends the browser on: from there on nothing that an
// application or a link says has a say any more, and the browser's next request
// is one within this site, which has the cookies.
func (s *Server) authorize(ctx context.Context, req transport.WebRequest) Answer {
	f, p := authorization(req)
	if p != nil && (f["client_id"] == "" || f["redirect_uri"] == "") {
		return s.refusePage(req, p.text)
	}
	c, err := s.usableClient(ctx, f["client_id"])
	if err != nil {
		return s.orUnknown(req, err)
	}
	uri := f["redirect_uri"]
	if uri == "" || !client.RedirectAllowed(c, uri) {
		return s.refusePage(req, "the address to return to is not one that the application registered").with(
			Event{What: "authorize", Failed: true, Client: c.ID, Why: "redirect_uri is not registered"})
	}
	var fl flow
	if p == nil {
		fl, p = s.asked(f, c)
	}
	if p == nil {
		fl.Subject, p = s.hinted(ctx, f["id_token_hint"], c)
	}
	if p != nil {
		return s.backTo(uri, url.Values{"error": {p.code}, "error_description": {p.text}}, f["state"]).with(p.failed(Event{What: "authorize", Client: c.ID}))
	}
	return s.startFor(ctx, req, fl)
}

// startFor is start for somebody of whom nothing is known: no peer can fill the
// store with what it begins.
func (s *Server) startFor(ctx context.Context, req transport.WebRequest, f flow) Answer {
	var throttled *person.Throttled
	if errors.As(s.begins.Begin(req.Peer), &throttled) {
		return s.slowDown(throttled).with(Event{What: "authorize", Failed: true, Client: f.Client, Why: "peer throttled"})
	}
	return s.start(ctx, f)
}

// authorization are the parameters of an authorization request. Of a malformed one
// they are those that say whom to tell, where they came once (RFC 6749 section
// 4.1.2.1).
func authorization(req transport.WebRequest) (form, *problem) {
	p := bad("invalid_request", "the request is malformed, or has a parameter twice")
	raw := req.Query
	if req.Method == http.MethodPost { // SMART App Launch 2.2: authorize-post
		if !isForm(req) || req.Query != "" {
			return nil, p
		}
		raw = string(req.Body)
	}
	if f, ok := parseForm(raw); ok {
		return f, nil
	}
	f := form{}
	values, err := url.ParseQuery(raw)
	for _, name := range []string{"client_id", "redirect_uri", "state"} {
		if list := values[name]; err == nil && len(list) == 1 && printable(list[0]) {
			f[name] = list[0]
		}
	}
	return f, p
}

// start begins a flow in this browser.
func (s *Server) start(ctx context.Context, f flow) Answer {
	id, secret := handle(), token()
	f.Began, f.Browser = s.now(), hashName(secret)
	if err := s.vault.Apply(ctx, flows.New(id, f, s.now().Add(flowLife))); err != nil {
		return s.troublePage(err)
	}
	return seeOther(s.url("/flow")+"?id="+id, transport.Cookie{Name: flowPrefix + id, Value: secret, Life: flowLife, Lax: true})
}

// usableClient is an application that may start; vault.ErrAbsent when it is none.
func (s *Server) usableClient(ctx context.Context, id string) (client.Client, error) {
	c, err := s.client(ctx, id)
	if err == nil && !s.usable(c) {
		err = vault.ErrAbsent
	}
	return c, err
}

// orUnknown is the page for an application that is not there, which is something
// else than not being able to look.
func (s *Server) orUnknown(req transport.WebRequest, err error) Answer {
	if errors.Is(err, vault.ErrAbsent) {
		return s.refusePage(req, "the application is not known here")
	}
	return s.troublePage(err)
}

// hinted is whom an id token of the application's says it is about (OpenID
// Connect Core 1.0 section 3.1.2.1, id_token_hint).
func (s *Server) hinted(ctx context.Context, hint string, c client.Client) (string, *problem) {
	if hint == "" {
		return "", nil
	}
	claims, ok, err := s.readIDToken(ctx, hint)
	if err != nil {
		return "", s.trouble(err)
	}
	if !ok || claims.Audience != c.ID {
		return "", bad("invalid_request", "id_token_hint is no id token that was issued to the application")
	}
	return claims.Subject, nil
}

// usable reports whether an application may start at all.
func (s *Server) usable(c client.Client) bool {
	return c.Live(s.now()) && c.Kind != client.System
}

// asked checks an authorization request, by RFC 6749 section 4.1.1, RFC 7636 and
// SMART App Launch 2.2.
func (s *Server) asked(f form, c client.Client) (flow, *problem) {
	for _, name := range []string{"request", "request_uri", "registration"} {
		if f[name] != "" {
			return flow{}, bad(name+"_not_supported", "request objects and registration by a request are not supported")
		}
	}
	switch {
	case f["response_type"] == "":
		return flow{}, bad("invalid_request", "response_type is missing")
	case f["response_type"] != "code":
		return flow{}, bad("unsupported_response_type", "response_type must be code")
	case f["response_mode"] != "" && f["response_mode"] != "query":
		return flow{}, bad("invalid_request", "response_mode must be query")
	case f["state"] == "" || len(f["state"]) > maxState:
		return flow{}, bad("invalid_request", "state is missing, or too long")
	case f["code_challenge"] == "":
		return flow{}, bad("invalid_request", "code_challenge is missing: PKCE is required")
	case f["code_challenge_method"] != "S256":
		return flow{}, bad("invalid_request", "code_challenge_method must be S256")
	case len(f["code_challenge"]) != 43 || !unreserved(f["code_challenge"]):
		return flow{}, bad("invalid_request", "code_challenge is no SHA-256 in base64url")
	case !s.isOurs(f["aud"], f["resource"]):
		return flow{}, bad("invalid_request", "aud must be the base URL of this FHIR server")
	case tooLong(f) || f["dpop_jkt"] != "" && len(f["dpop_jkt"]) != 43:
		return flow{}, bad("invalid_request", "a parameter is too long")
	}
	out := flow{Client: c.ID, RedirectURI: f["redirect_uri"], State: f["state"], Nonce: f["nonce"], Challenge: f["code_challenge"], JKT: f["dpop_jkt"],
		Launch: f["launch"], MaxAge: -1, Prompt: strings.Fields(f["prompt"]), ACR: strings.Fields(f["acr_values"]), Hint: f["login_hint"]}
	if v := f["max_age"]; v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return flow{}, bad("invalid_request", "max_age must be a number of seconds")
		}
		out.MaxAge = n
	}
	for _, p := range out.Prompt {
		if p != "none" && p != "login" && p != "consent" && p != "select_account" || p == "none" && len(out.Prompt) > 1 {
			return flow{}, bad("invalid_request", "prompt must be none, login, consent or select_account")
		}
	}
	return out, s.askedScope(&out, f, c)
}

// maxState is the longest state that is kept for an application.
const maxState = 2048

// tooLong: anybody may begin a flow, so what is kept of it is bounded.
func tooLong(f form) bool {
	return len(f["nonce"]) > 512 || len(f["login_hint"]) > 256 || len(f["launch"]) > 256 || len(f["acr_values"]) > 1024 || len(f["prompt"]) > 64
}

// maxScope is the longest scope that is granted: its access token goes into a
// header, and others than this server read that, too. All scopes of US Core
// together are half of it.
const maxScope = 4 << 10

func scopeTooLong() *problem {
	return bad("invalid_scope", "the scope is too long for an access token: ask for less at a time")
}

// askedScope takes what is asked for down to what the application may ask.
func (s *Server) askedScope(out *flow, f form, c client.Client) *problem {
	asked, err := scope.Parse(f["scope"])
	if err != nil {
		return bad("invalid_scope", "the scope is too long")
	}
	allowed := asked.Allowed(c.Scopes)
	out.Scope = allowed.String()
	for _, r := range allowed.Resources {
		if r.Context == "system" {
			return bad("invalid_scope", "system scopes are for systems, which have no person who grants them")
		}
	}
	switch {
	case f["scope"] == "":
		return bad("invalid_scope", "scope is missing")
	case out.Scope == "":
		return bad("invalid_scope", "none of the scopes is registered for this application")
	case len(out.Scope) > maxScope:
		return scopeTooLong()
	case allowed.Has("launch") && out.Launch == "":
		return bad("invalid_request", "the scope launch needs the launch parameter")
	case out.Launch != "" && !allowed.Has("launch"):
		return bad("invalid_scope", "the launch parameter needs the scope launch")
	}
	return nil
}

// isOurs: aud names the server that the token is meant for, so that an
// application cannot be made to send it elsewhere. resource is another name for it.
func (s *Server) isOurs(aud, resource string) bool {
	if aud == "" {
		aud, resource = resource, ""
	}
	ours := func(v string) bool { return strings.TrimSuffix(v, "/") == s.opt.Base }
	return ours(aud) && (resource == "" || ours(resource))
}

// backTo sends the browser back to the application (RFC 6749 section 4.1.2), with
// iss, so that it knows who answers (RFC 9207).
func (s *Server) backTo(uri string, params url.Values, state string) Answer {
	if state != "" {
		params.Set("state", state)
	}
	params.Set("iss", s.opt.Issuer)
	return seeOther(addTo(uri, params))
}

// refusePage is for errors that must not be sent to an address nobody vouches for.
func (s *Server) refusePage(req transport.WebRequest, text string) Answer {
	return s.page(http.StatusBadRequest, &ui.Message{Title: "This cannot go on", Text: "The application sent a request that is not accepted: " + text + ".",
		Hint: "Go back to the application and try again. If it happens again, tell those who run it.", Error: true, Visit: req.Visit})
}

// unreserved: RFC 3986 section 2.3, the alphabet of PKCE.
func unreserved(v string) bool {
	for i := range len(v) {
		c := v[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0) {
			return false
		}
	}
	return v != ""
}
