package smart

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"firebreak/smart/client"
)

// maxAccessLife is the longest that an access token may live; SMART App Launch
// 2.2 says that it should not be more.
const maxAccessLife = time.Hour

// Person is who a token speaks for, as the directory has them at that moment.
type Person struct {
	ID           string // account id
	Name         string
	Email        string
	FHIRUser     string // "Practitioner/…"
	Organization string // "Organization/…"
	Roles        []string
	// Until is when the first of the roles ends; zero: none does.
	Until time.Time
	Epoch string // changes with the credentials
	// Rights grows when they may do less (person.Account.Rights).
	Rights int64
	// ACR is how strongly they signed in, where they are at a page; "" elsewhere.
	ACR string
}

// accessClaims are those of an access token (RFC 9068 section 2.2), with what the
// resource server decides by.
type accessClaims struct {
	Issuer       string   `json:"iss"`
	Subject      string   `json:"sub"`
	Audience     string   `json:"aud"`
	Client       string   `json:"client_id"`
	ID           string   `json:"jti"`
	Issued       int64    `json:"iat"`
	Expires      int64    `json:"exp"`
	Scope        string   `json:"scope"`
	Grant        string   `json:"grant,omitzero"`
	Session      string   `json:"sid,omitzero"`
	FHIRUser     string   `json:"fhirUser,omitzero"`
	Organization string   `json:"organization,omitzero"`
	Roles        []string `json:"roles,omitzero"`
	Patient      string   `json:"patient,omitzero"`
	Purpose      string   `json:"purpose_of_use,omitzero"`
	ACR          string   `json:"acr,omitzero"`
	AuthTime     int64    `json:"auth_time,omitzero"`
	Confirmation *bound   `json:"cnf,omitzero"`
}

// bound is what a token is bound to (RFC 7800).
type bound struct {
	JKT        string `json:"jkt,omitzero"`
	Thumbprint string `json:"x5t#S256,omitzero"`
}

func boundTo(jkt, thumbprint string) *bound {
	if jkt == "" && thumbprint == "" {
		return nil
	}
	return &bound{jkt, thumbprint}
}

// issued is an access token that was made.
type issued struct {
	token string
	id    string
	// life is expires_in: exp less iat, in whole seconds. What is left of it by the
	// clock is less by the part of a second that iat leaves out.
	life int64
}

// life is how long an access token lives: as the application is registered,
// within bounds, and not beyond an end.
func (s *Server) life(c client.Client, now time.Time, ends ...time.Time) time.Duration {
	life := s.opt.AccessLife
	if c.AccessLife > 0 {
		life = min(c.AccessLife.Duration(), maxAccessLife)
	}
	for _, end := range ends {
		if !end.IsZero() {
			life = min(life, end.Sub(now))
		}
	}
	return life.Truncate(time.Second)
}

// accessFor mints an access token of a grant. Its subject's rights are those they
// have now; it ends when one of them does.
func (s *Server) accessFor(ctx context.Context, id string, g Grant, scope string, until time.Time, c client.Client, p Person) (issued, error) {
	now := s.now()
	claims := accessClaims{Subject: p.ID, Client: c.ID, Scope: scope, Grant: id, Session: g.Session, FHIRUser: p.FHIRUser,
		Organization: p.Organization, Roles: p.Roles, Patient: g.Context.Patient, Purpose: s.purpose(p), ACR: g.ACR, AuthTime: authTime(g.AuthTime),
		Confirmation: boundTo(g.JKT, g.Thumbprint)}
	return s.mint(ctx, claims, now, s.life(c, now, until, p.Until, c.Until), p.Rights, c.Changed.UnixMilli())
}

// accessOf mints one for a system client, which acts for itself.
func (s *Server) accessOf(ctx context.Context, c client.Client, scope, jkt, thumbprint string) (issued, error) {
	now := s.now()
	claims := accessClaims{Subject: c.ID, Client: c.ID, Scope: scope, Organization: c.Organization, Roles: c.Roles,
		Purpose: s.opt.Purposes["system"], Confirmation: boundTo(jkt, thumbprint)}
	return s.mint(ctx, claims, now, min(s.life(c, now, c.Until), systemLife), 0, c.Changed.UnixMilli())
}

// systemLife: expires_in of backend services should not exceed five minutes.
const systemLife = 5 * minute

// mint signs an access token. Its id tells of which person's rights and of which
// registration it speaks, so that it can be told from those after a change whatever
// the clocks of two servers say.
func (s *Server) mint(ctx context.Context, claims accessClaims, now time.Time, life time.Duration, rights, registration int64) (issued, error) {
	if life <= 0 {
		return issued{}, bad("invalid_grant", "the rights have ended")
	}
	claims.Issuer, claims.Audience, claims.ID = s.opt.Issuer, s.opt.Base, handle()+"."+strconv.FormatInt(rights, 36)+"."+strconv.FormatInt(registration, 36)
	claims.Issued, claims.Expires = now.Unix(), now.Add(life).Unix()
	payload, err := json.Marshal(claims)
	if err != nil {
		return issued{}, err
	}
	jws, err := s.keys.sign(ctx, jose.ES256, typeAccess, payload)
	return issued{jws, claims.ID, claims.Expires - claims.Issued}, err
}

// purpose is what a person's requests are for when nothing else is said, by the
// first of their roles that has one.
func (s *Server) purpose(p Person) string {
	for _, role := range p.Roles {
		if of := s.opt.Purposes[role]; of != "" {
			return of
		}
	}
	if strings.HasPrefix(p.FHIRUser, "Patient/") {
		return s.opt.Purposes["patient"]
	}
	return ""
}

// idClaims are those of an id token (OpenID Connect Core 1.0 section 2).
type idClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	AuthTime int64    `json:"auth_time,omitzero"`
	Nonce    string   `json:"nonce,omitzero"`
	ACR      string   `json:"acr,omitzero"`
	AMR      []string `json:"amr,omitzero"`
	Session  string   `json:"sid,omitzero"`
	AtHash   string   `json:"at_hash,omitzero"`
	FHIRUser string   `json:"fhirUser,omitzero"`
	Profile  string   `json:"profile,omitzero"`
	Name     string   `json:"name,omitzero"`
}

// idToken says who signed in, to the application that asked.
func (s *Server) idToken(ctx context.Context, g Grant, scope string, p Person, access string) (string, error) {
	now := s.now()
	c := idClaims{Issuer: s.opt.Issuer, Subject: p.ID, Audience: g.Client, Issued: now.Unix(), Expires: now.Add(5 * minute).Unix(),
		AuthTime: authTime(g.AuthTime), Nonce: g.Nonce, ACR: g.ACR, AMR: g.AMR, Session: g.Session, AtHash: atHash(access)}
	s.sayWho(scope, p, &c.FHIRUser, &c.Profile, &c.Name)
	payload, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return s.keys.sign(ctx, jose.RS256, typeID, payload)
}

// sayWho fills in what the scope lets an application know of the person. fhirUser
// is absolute, so that it means the same everywhere.
func (s *Server) sayWho(scope string, p Person, fhirUser, profile, name *string) {
	if p.FHIRUser != "" && has(scope, "fhirUser") {
		*fhirUser = s.opt.Base + "/" + p.FHIRUser
	}
	if has(scope, "profile") {
		if *name = p.Name; p.FHIRUser != "" {
			*profile = s.opt.Base + "/" + p.FHIRUser
		}
	}
}

// has reports whether a scope is in a scope text.
func has(scope, one string) bool {
	for s := range strings.SplitSeq(scope, " ") {
		if s == one {
			return true
		}
	}
	return false
}

// TokenFor is an access token with which the server's own pages ask for what the
// person at them may see. It is for one request.
func (s *Server) TokenFor(ctx context.Context, p Person, scope string) (string, error) {
	claims := accessClaims{Subject: p.ID, Client: OwnClient, Scope: scope, FHIRUser: p.FHIRUser, Organization: p.Organization, Roles: p.Roles, Purpose: s.purpose(p), ACR: p.ACR}
	t, err := s.mint(ctx, claims, s.now(), minute, p.Rights, 0)
	return t.token, err
}

// OwnClient is the client id of the server's own pages. No application can have
// it: a registered id has no slash.
const OwnClient = "firebreak/pages"

// authTime is auth_time; 0, and left out, when it is not known: a provider where
// the person signed in need not tell (OpenID Connect Core 1.0 section 2).
func authTime(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
