package smart

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"firebreak/authn"
	"firebreak/smart/client"
	"firebreak/transport"
	"firebreak/vault"
)

// Reader reads access tokens of this server as the resource server does.
// authn.Verifier is one.
type Reader interface {
	VerifyRequest(ctx context.Context, c authn.Credentials) (authn.Token, error)
	Inspect(ctx context.Context, token string) (authn.Token, error)
}

// bearer is what a request came with, for its own URL.
func (s *Server) bearer(req transport.WebRequest, path string) authn.Credentials {
	c := authn.Credentials{Authorization: req.Authorization, Method: req.Method, URL: s.here(req, path), Certificate: thumbprint(req.Certificate)}
	if req.DPoP != "" {
		c.DPoP = []string{req.DPoP}
	}
	return c
}

// introspection is RFC 7662 section 2.2, with the launch context as in the token
// response (SMART App Launch 2.2, token-introspection).
type introspection struct {
	Active       bool   `json:"active"`
	Scope        string `json:"scope,omitzero"`
	Client       string `json:"client_id,omitzero"`
	Subject      string `json:"sub,omitzero"`
	Issuer       string `json:"iss,omitzero"`
	Audience     string `json:"aud,omitzero"`
	Type         string `json:"token_type,omitzero"`
	Expires      int64  `json:"exp,omitzero"`
	Issued       int64  `json:"iat,omitzero"`
	ID           string `json:"jti,omitzero"`
	FHIRUser     string `json:"fhirUser,omitzero"`
	ACR          string `json:"acr,omitzero"`
	Confirmation *bound `json:"cnf,omitzero"`
	launchFields `json:",inline"`
}

// introspect tells about a token (RFC 7662). An application may ask about its own
// tokens, a registered resource server about all. About any other the answer is
// that of a token that never was.
func (s *Server) introspect(ctx context.Context, req transport.WebRequest) Answer {
	f, ok := readBody(req)
	if !ok || req.Query != "" {
		return bad("invalid_request", "the body must be a form in which nothing comes twice").answer()
	}
	asker, id, p := s.mayAsk(ctx, req, f)
	if p != nil {
		return p.answer().with(p.failed(Event{What: "introspect", Client: id}))
	}
	if f["token"] == "" {
		return bad("invalid_request", "token is missing").answer()
	}
	about, err := s.about(ctx, f["token"])
	if err != nil {
		return s.trouble(err).answer()
	}
	if about.Client != asker.ID && !asker.Introspect {
		about = introspection{}
	}
	return asJSON(http.StatusOK, about).with(Event{What: "introspect", Client: asker.ID, About: about.ID})
}

// mayAsk finds out who introspects: an application with its credentials, or one
// with an access token of its own (RFC 7662 section 2.1).
func (s *Server) mayAsk(ctx context.Context, req transport.WebRequest, f form) (client.Client, string, *problem) {
	denied := &problem{status: http.StatusUnauthorized, code: "invalid_token", text: "the access token is not accepted here",
		challenge: `Bearer realm="firebreak", error="invalid_token"`}
	if scheme, _, _ := strings.Cut(req.Authorization, " "); !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "DPoP") {
		c, id, p := s.authenticate(ctx, req, f)
		if p == nil && c.Kind == client.Public {
			p = &problem{status: http.StatusUnauthorized, code: "invalid_client", text: "only applications with credentials may ask"}
		}
		return c, id, p
	}
	t, err := s.opt.Reader.VerifyRequest(ctx, s.bearer(req, "/introspect"))
	var refusal *authn.Refusal
	if errors.As(err, &refusal) {
		return client.Client{}, "", notAccepted(refusal)
	}
	if err != nil {
		return client.Client{}, "", s.trouble(err)
	}
	// A token that speaks for a person is not the application's own.
	if t.Issuer != s.opt.Issuer || t.Subject != t.ClientID {
		return client.Client{}, t.ClientID, denied
	}
	r, err := s.client(ctx, t.ClientID)
	if err != nil {
		return client.Client{}, t.ClientID, s.orTrouble(err, denied)
	}
	return r, t.ClientID, s.paced(r.ID, "")
}

// about is what there is to say of a token; it is not active when there is nothing.
func (s *Server) about(ctx context.Context, token string) (introspection, error) {
	if looksRefresh(token) {
		return s.aboutRefresh(ctx, token)
	}
	t, err := s.opt.Reader.Inspect(ctx, token)
	var refusal *authn.Refusal
	if errors.As(err, &refusal) || err == nil && t.Issuer != s.opt.Issuer {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, err
	}
	out := introspection{Active: true, Scope: t.Scope, Client: t.ClientID, Subject: t.Subject, Issuer: t.Issuer, Audience: s.opt.Base, Type: "Bearer",
		Expires: t.Expires.Unix(), Issued: t.IssuedAt.Unix(), ID: t.JTI, ACR: t.ACR, Confirmation: boundTo(t.Confirmation.Key, t.Confirmation.Certificate)}
	if t.Confirmation.Key != "" {
		out.Type = "DPoP"
	}
	if t.FHIRUser != "" && has(t.Scope, "fhirUser") {
		out.FHIRUser = s.opt.Base + "/" + t.FHIRUser
	}
	if t.Grant != "" {
		g, err := grants.Load(ctx, s.vault, t.Grant)
		if errors.Is(err, vault.ErrAbsent) {
			return introspection{}, nil
		}
		if err != nil {
			return introspection{}, err
		}
		out.launchFields = g.Value.Context.fields()
	}
	return out, nil
}

// aboutRefresh says of a refresh token what would come of it now.
func (s *Server) aboutRefresh(ctx context.Context, token string) (introspection, error) {
	e, used, err := s.refreshed(ctx, token)
	if errors.Is(err, vault.ErrAbsent) || err == nil && used {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, err
	}
	g := e.Value
	p, err := s.person(ctx, g.Person)
	if errors.Is(err, ErrNobody) || err == nil && p.Epoch != g.Epoch {
		return introspection{}, nil
	}
	if err != nil {
		return introspection{}, err
	}
	if g.Renews == 0 {
		if x, err := s.ofGrant(ctx, g, p); err != nil || x == nil {
			return introspection{}, err
		}
	}
	c, err := s.client(ctx, g.Client)
	if errors.Is(err, vault.ErrAbsent) {
		return introspection{}, nil
	}
	left := g.left(c)
	if err != nil || !c.Live(s.now()) || left == "" {
		return introspection{}, err
	}
	out := introspection{Active: true, Scope: left, Client: g.Client, Subject: g.Person, Issuer: s.opt.Issuer, Expires: e.Until.Unix(),
		Confirmation: boundTo(g.JKT, g.Thumbprint), launchFields: g.Context.fields()}
	if p.FHIRUser != "" && has(left, "fhirUser") {
		out.FHIRUser = s.opt.Base + "/" + p.FHIRUser
	}
	return out, nil
}

// revocation takes a token back (RFC 7009): a refresh token with its grant and all
// that was issued for it; an access token alone, for an application may have
// several. A token that is unknown, or another's, is answered as one that was
// taken back; one that could not be looked for, or not taken back, is not.
func (s *Server) revocation(ctx context.Context, req transport.WebRequest) Answer {
	f, ok := readBody(req)
	if !ok || req.Query != "" {
		return bad("invalid_request", "the body must be a form in which nothing comes twice").answer()
	}
	c, id, p := s.authenticate(ctx, req, f)
	if p != nil {
		return p.answer().with(p.failed(Event{What: "revoke", Client: id}))
	}
	token := f["token"]
	if token == "" {
		return bad("invalid_request", "token is missing").answer()
	}
	done := Answer{Reply: transport.WebReply{Status: http.StatusOK}}
	e, _, err := s.refreshed(ctx, token)
	if err == nil && e.Value.Client == c.ID {
		if err := s.vault.Apply(ctx, s.end(e)...); err != nil {
			return s.trouble(err).answer()
		}
		return done.with(Event{What: "revoke", Client: c.ID, Person: e.Value.Person, Grant: e.Name, Why: "the application gave it up"})
	}
	if err != nil && !errors.Is(err, vault.ErrAbsent) {
		return s.trouble(err).answer()
	}
	t, ours, err := s.readAccess(ctx, token)
	if err != nil {
		return s.trouble(err).answer()
	}
	if !ours || t.Client != c.ID {
		return done
	}
	if err := s.vault.Apply(ctx, s.revoke(aboutToken(t.ID))...); err != nil {
		return s.trouble(err).answer()
	}
	return done.with(Event{What: "revoke", Client: c.ID, Person: t.Subject, Grant: t.Grant, TokenID: t.ID, Why: "the application gave it up"})
}

// readAccess reads an access token that this server signed, to be taken back: one
// that is of the future by this server's clock is none by another's.
func (s *Server) readAccess(ctx context.Context, raw string) (accessClaims, bool, error) {
	payload, ok, err := s.keys.verify(ctx, raw, typeAccess, jose.ES256)
	var c accessClaims
	if !ok || err != nil || json.Unmarshal(payload, &c) != nil || c.Issuer != s.opt.Issuer {
		return accessClaims{}, false, err
	}
	return c, s.now().Before(time.Unix(c.Expires, 0).Add(vault.Apart)), nil
}

// notAccepted says of an access token what the resource server says: by the scheme
// that it came with, with what a proof needs (RFC 6750 section 3, RFC 9449 section
// 7.1).
func notAccepted(r *authn.Refusal) *problem {
	p := &problem{status: r.Status, code: r.Code, text: r.Description, challenge: r.Challenge("firebreak")}
	if p.code == "" { // none was sent: the challenge has no error, the body is one
		p.code = "invalid_token"
	}
	return p
}

// userinfo is OpenID Connect Core 1.0 section 5.3.
func (s *Server) userinfo(ctx context.Context, req transport.WebRequest) Answer {
	denied := &authn.Refusal{Status: http.StatusUnauthorized, Code: "invalid_token", Description: "the access token is not accepted here"}
	t, err := s.opt.Reader.VerifyRequest(ctx, s.bearer(req, "/userinfo"))
	var refusal *authn.Refusal
	switch {
	case errors.As(err, &refusal):
		return notAccepted(refusal).answer()
	case err == nil && t.Issuer != s.opt.Issuer:
		return notAccepted(denied).answer()
	case err != nil:
		return s.trouble(err).answer()
	case !has(t.Scope, "openid"):
		return (&problem{status: http.StatusForbidden, code: "insufficient_scope", text: "the token does not have the scope openid",
			challenge: string(t.Type) + ` realm="firebreak", error="insufficient_scope", scope="openid"`}).answer()
	}
	p, err := s.person(ctx, t.Subject)
	if errors.Is(err, ErrNobody) {
		return notAccepted(denied).answer()
	}
	if err != nil {
		return s.trouble(err).answer()
	}
	out := struct {
		Subject  string `json:"sub"`
		FHIRUser string `json:"fhirUser,omitzero"`
		Profile  string `json:"profile,omitzero"`
		Name     string `json:"name,omitzero"`
	}{Subject: p.ID}
	s.sayWho(t.Scope, p, &out.FHIRUser, &out.Profile, &out.Name)
	return asJSON(http.StatusOK, out).with(Event{What: "userinfo", Person: p.ID, Client: t.ClientID})
}
