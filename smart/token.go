package smart

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"firebreak/smart/client"
	"firebreak/smart/scope"
	"firebreak/transport"
	"firebreak/vault"
)

// code is an authorization code: for one exchange, within a minute. After it was
// used it stays known for as long as an access token may live, so that a second
// use is seen.
type code struct {
	Grant       string
	Client      string
	RedirectURI string
	Challenge   string // PKCE S256
	JKT         string // the key it is bound to (RFC 9449 section 10)
	Used        bool
	Offline     bool
	Ends        time.Time
}

var codes = vault.Of[code]("code")

const codeLife = minute

// tokenResponse is RFC 6749 section 5.1 with SMART's launch context.
type tokenResponse struct {
	Access       string `json:"access_token"`
	Type         string `json:"token_type"`
	Expires      int64  `json:"expires_in"`
	Scope        string `json:"scope"`
	Refresh      string `json:"refresh_token,omitzero"`
	ID           string `json:"id_token,omitzero"`
	launchFields `json:",inline"`
}

// launchFields are the launch context as applications get it.
type launchFields struct {
	Patient     string         `json:"patient,omitzero"`
	Encounter   string         `json:"encounter,omitzero"`
	FHIRContext []contextField `json:"fhirContext,omitzero"`
	NeedBanner  *bool          `json:"need_patient_banner,omitzero"`
	Intent      string         `json:"intent,omitzero"`
	StyleURL    string         `json:"smart_style_url,omitzero"`
	Tenant      string         `json:"tenant,omitzero"`
}

type contextField struct {
	Reference  string         `json:"reference,omitzero"`
	Canonical  string         `json:"canonical,omitzero"`
	Identifier jsontext.Value `json:"identifier,omitzero"`
	Type       string         `json:"type,omitzero"`
	Role       string         `json:"role,omitzero"`
}

func (c Context) fields() launchFields {
	f := launchFields{Patient: c.Patient, Encounter: c.Encounter, NeedBanner: c.NeedBanner, Intent: c.Intent, StyleURL: c.StyleURL, Tenant: c.Tenant}
	for _, i := range c.FHIRContext {
		field := contextField{Reference: i.Reference, Canonical: i.Canonical, Type: i.Type, Role: i.Role}
		if i.Identifier != "" {
			field.Identifier = jsontext.Value(i.Identifier)
		}
		f.FHIRContext = append(f.FHIRContext, field)
	}
	return f
}

// grantTypes are those that there are.
var grantTypes = []string{"authorization_code", "client_credentials", "refresh_token"}

// token is the token endpoint (RFC 6749 section 3.2).
func (s *Server) token(ctx context.Context, req transport.WebRequest) Answer {
	a, p := s.asks(ctx, req)
	if p != nil {
		return p.answer().with(p.failed(Event{What: "token", Client: a.ID}))
	}
	var answer Answer
	switch kind := a.form["grant_type"]; {
	case kind == "":
		p = bad("invalid_request", "grant_type is missing")
	case !slices.Contains(grantTypes, kind):
		p = bad("unsupported_grant_type", "the grant type is not supported")
	case !a.MayUse(kind):
		p = bad("unauthorized_client", "the application is not registered for that")
	case kind == "authorization_code":
		answer, p = s.exchange(ctx, a)
	case kind == "refresh_token":
		answer, p = s.refresh(ctx, a)
	default:
		answer, p = s.credentials(ctx, a)
	}
	if p != nil {
		return p.answer().with(append(answer.Events, p.failed(Event{What: "token", Client: a.ID}))...)
	}
	return answer
}

func badRefresh() *problem {
	return bad("invalid_grant", "the refresh token is not good: unknown, used, ended, or not for this application")
}

// exchange is the authorization code grant.
func (s *Server) exchange(ctx context.Context, a asker) (Answer, *problem) {
	if a.form["code"] == "" {
		return Answer{}, bad("invalid_request", "code is missing")
	}
	wrong := bad("invalid_grant", "the code is not good: unknown, used, too old, or not for this application")
	e, err := codes.Load(ctx, s.vault, hashName(a.form["code"]))
	if err != nil {
		return Answer{}, s.orTrouble(err, wrong)
	}
	c := e.Value
	if c.Client != a.ID {
		// Stolen, or mixed up: nobody gets anything for it any more.
		if err := s.vault.Apply(ctx, append(s.revoke(aboutGrant(c.Grant)), codes.Drop(e.Name), grants.Drop(c.Grant))...); err != nil {
			return Answer{}, s.trouble(err)
		}
		return Answer{Events: []Event{{What: "revoke", Client: c.Client, Grant: c.Grant, Why: "another application presented its code"}}}, wrong
	}
	if c.Used {
		if err := s.vault.Apply(ctx, append(s.revoke(aboutGrant(c.Grant)), grants.Drop(c.Grant))...); err != nil {
			return Answer{}, s.trouble(err)
		}
		return Answer{Events: []Event{{What: "revoke", Client: a.ID, Grant: c.Grant, Why: "its code was used twice"}}}, wrong
	}
	switch {
	case !s.now().Before(c.Ends), a.form["redirect_uri"] != c.RedirectURI, !verifies(a.form["code_verifier"], c.Challenge), c.JKT != "" && c.JKT != a.jkt:
		return Answer{}, wrong
	}
	g, err := grants.Load(ctx, s.vault, c.Grant)
	if err != nil {
		return Answer{}, s.orTrouble(err, wrong)
	}
	g.Value.JKT, g.Value.Thumbprint = a.bindings()
	if c.Offline || g.Value.Online {
		g.Value.Turn, g.Value.Salt = 1, handle()
		if c.Offline {
			g.Value.Renews = client.Seconds(s.refreshLife(a.Client) / time.Second)
		}
	}
	g.Value.Used = s.now()
	c.Used = true
	e.Value, e.Until = c, s.now().Add(maxAccessLife)
	g.Until = s.grantEnd(g.Value, s.now())
	answer, p := s.give(ctx, a, g, g.Value.Scope, true)
	if p != nil {
		return answer, p
	}
	ops := append(s.visited(g.Value, a.Client, g.Value.Scope), codes.Replace(e), grants.Replace(g, g.Value.tags()...))
	if err := s.vault.Apply(ctx, ops...); err != nil {
		// Somebody used it meanwhile, or took the grant back: neither changes again,
		// so the second look is the last.
		if errors.Is(err, vault.ErrChanged) {
			return s.exchange(ctx, a)
		}
		return Answer{}, s.trouble(err)
	}
	return answer, nil
}

// verifies is RFC 7636 section 4.6, S256 only.
func verifies(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 || !unreserved(verifier) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return same(base64.RawURLEncoding.EncodeToString(sum[:]), challenge)
}

// refresh is the refresh token grant. Each refresh token is good once; one that
// comes again has been stolen, from this application or by it, and ends the grant
// (RFC 9700 section 4.14.2).
func (s *Server) refresh(ctx context.Context, a asker) (Answer, *problem) {
	if a.form["refresh_token"] == "" {
		return Answer{}, bad("invalid_request", "refresh_token is missing")
	}
	wrong := badRefresh()
	e, used, err := s.refreshed(ctx, a.form["refresh_token"])
	if err != nil {
		return Answer{}, s.orTrouble(err, wrong)
	}
	g := e.Value
	if g.Client != a.ID {
		return Answer{}, wrong
	}
	if used {
		if err := s.vault.Apply(ctx, s.end(e)...); err != nil {
			return Answer{}, s.trouble(err)
		}
		return Answer{Events: []Event{{What: "revoke", Client: a.ID, Person: g.Person, Grant: e.Name, Why: "a refresh token was used twice"}}}, wrong
	}
	if a.Kind == client.Public { // the token has shown who they are
		if p := s.paced(a.ID, g.Person); p != nil {
			return Answer{}, p
		}
	}
	// The key and the certificate of an application that has credentials of its
	// own may change: its refresh tokens are bound to those (RFC 9449 section 5,
	// RFC 8705 section 4).
	if a.Kind == client.Public && (g.JKT != "" && g.JKT != a.jkt || g.Thumbprint != "" && g.Thumbprint != a.thumbprint) {
		return Answer{}, wrong
	}
	if g.left(a.Client) == "" {
		return Answer{}, wrong // its registration lost that meanwhile
	}
	asked := g.Scope
	if a.form["scope"] != "" {
		if asked = a.form["scope"]; !scope.Subset(asked, g.Scope) {
			return Answer{}, bad("invalid_scope", "the scope is more than was granted")
		}
	}
	g.Turn++
	g.Used = s.now()
	a.binds(&g)
	e.Value, e.Until = g, s.grantEnd(g, s.now())
	answer, p := s.give(ctx, a, e, asked, false)
	if p != nil {
		return answer, p
	}
	if err := s.vault.Apply(ctx, append(s.visited(g, a.Client, asked), grants.Replace(e, g.tags()...))...); err != nil {
		// Two at once, and the other was first: this one's token is used now, or the
		// grant is gone. Either way the second look is the last.
		if errors.Is(err, vault.ErrChanged) {
			return s.refresh(ctx, a)
		}
		return Answer{}, s.trouble(err)
	}
	return answer, nil
}

// grantEnd is until when a grant lasts when it is used now: as long as its refresh
// token does, or the access token that is given now.
func (s *Server) grantEnd(g Grant, now time.Time) time.Time {
	switch {
	case g.Turn == 0:
		return now.Add(maxAccessLife)
	case g.Renews > 0:
		return now.Add(g.Renews.Duration())
	}
	return now.Add(s.opt.SessionLife) // online: the session's end takes it along
}

// refreshLife is for how long a refresh token lasts: at least three months by
// ONC's (g)(10), renewed with each use.
func (s *Server) refreshLife(c client.Client) time.Duration {
	if c.RefreshLife > 0 {
		return c.RefreshLife.Duration()
	}
	return s.opt.RefreshLife
}

// give is what an application gets for a grant now.
func (s *Server) give(ctx context.Context, a asker, e vault.Entry[Grant], asked string, first bool) (Answer, *problem) {
	g := e.Value
	p, err := s.person(ctx, g.Person)
	switch {
	case errors.Is(err, ErrNobody), err == nil && p.Epoch != g.Epoch:
		return Answer{}, bad("invalid_grant", "the person has to sign in again")
	case err != nil:
		return Answer{}, s.trouble(err)
	}
	var here *vault.Entry[session]
	if g.Renews == 0 { // it is for as long as the person is there
		if here, err = s.ofGrant(ctx, g, p); err != nil {
			return Answer{}, s.trouble(err)
		}
		if here == nil {
			return Answer{}, bad("invalid_grant", "the person is not signed in any more")
		}
	}
	// No more than the application is registered for by now.
	if asked = scope.Narrow(asked, a.Scopes); asked == "" {
		return Answer{}, bad("invalid_scope", "none of the scopes is registered for this application")
	}
	access, err := s.accessFor(ctx, e.Name, g, asked, e.Until, a.Client, p)
	if err != nil {
		return Answer{}, s.trouble(err)
	}
	if g.Online { // who works in the application is there
		if err := s.prolong(ctx, here.Name, s.now().Add(time.Duration(access.life)*time.Second+untilRefreshed), time.Time{}); err != nil {
			return Answer{}, s.trouble(err)
		}
	}
	out := tokenResponse{Access: access.token, Type: "Bearer", Expires: access.life, Scope: asked, launchFields: g.Context.fields()}
	if g.JKT != "" {
		out.Type = "DPoP"
	}
	if g.Turn > 0 {
		out.Refresh = s.refreshToken(e.Name, g)
	}
	if !first {
		g.Nonce = "" // it is the authorization request's (OpenID Connect Core 1.0 section 12.2)
	}
	if has(asked, "openid") {
		if out.ID, err = s.idToken(ctx, g, asked, p, access.token); err != nil {
			return Answer{}, s.trouble(err)
		}
	}
	what := "refresh"
	if first {
		what = "token"
	}
	event := Event{What: what, Person: p.ID, FHIRUser: p.FHIRUser, Organization: p.Organization, Roles: p.Roles, Client: a.ID, Grant: e.Name,
		TokenID: access.id, Scope: asked, Patient: g.Context.Patient}
	return asJSON(http.StatusOK, out).with(event), nil
}

// credentials is the client credentials grant: SMART's backend services.
func (s *Server) credentials(ctx context.Context, a asker) (Answer, *problem) {
	asked, err := scope.Parse(a.form["scope"])
	if err != nil || a.form["scope"] == "" {
		return Answer{}, bad("invalid_scope", "a system must name its scopes, such as system/Patient.rs")
	}
	granted := scope.Request{Resources: asked.Allowed(a.Scopes).Only("system").Resources}.String()
	if granted == "" {
		return Answer{}, bad("invalid_scope", "none of the scopes is registered for this application")
	}
	if len(granted) > maxScope {
		return Answer{}, scopeTooLong()
	}
	jkt, thumb := a.bindings()
	access, err := s.accessOf(ctx, a.Client, granted, jkt, thumb)
	if err != nil {
		return Answer{}, s.trouble(err)
	}
	out := tokenResponse{Access: access.token, Type: "Bearer", Expires: access.life, Scope: granted}
	if jkt != "" {
		out.Type = "DPoP"
	}
	return asJSON(http.StatusOK, out).with(Event{What: "token", Client: a.ID, Organization: a.Organization, Roles: a.Roles, TokenID: access.id, Scope: granted}), nil
}
