package smart

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"firebreak/smart/client"
	"firebreak/smart/scope"
	"firebreak/vault"
)

// Context is what an application is launched with (SMART App Launch 2.2,
// scopes-and-launch-context). It goes into the token response, and into the
// answer to an introspection.
type Context struct {
	Patient     string        `json:",omitzero"` // id
	Encounter   string        `json:",omitzero"` // id
	FHIRContext []ContextItem `json:",omitzero"`
	NeedBanner  *bool         `json:",omitzero"`
	Intent      string        `json:",omitzero"`
	StyleURL    string        `json:",omitzero"`
	Tenant      string        `json:",omitzero"`
}

// ContextItem is one of fhirContext. One of the first three is set.
type ContextItem struct {
	Reference  string `json:"reference,omitzero"`
	Canonical  string `json:"canonical,omitzero"`
	Identifier string `json:"identifier,omitzero"` // the Identifier as JSON
	Type       string `json:"type,omitzero"`
	Role       string `json:"role,omitzero"`
}

// Grant is what a person has granted an application, for as long as it lasts.
// Codes and refresh tokens are for it; when it is taken back they and its access
// tokens are worth nothing.
type Grant struct {
	Client  string
	Person  string // account id: the sub of its tokens
	Session string // sid of the sign-in
	Scope   string
	Context Context

	ACR      string
	AMR      []string
	AuthTime time.Time
	Nonce    string
	// Epoch is the person's: it changes with their credentials.
	Epoch string

	Since time.Time
	Used  time.Time

	// Salt and Turn make refresh tokens: that of the present turn is good, one of
	// an earlier turn was used before. Turn 0 means that there is none.
	Salt string
	Turn int
	// Renews is for how long a refresh token lasts; each one begins anew.
	Renews client.Seconds
	// Online ends with the session.
	Online bool
	// JKT and Thumbprint bind its tokens (RFC 9449, RFC 8705).
	JKT        string
	Thumbprint string
}

var grants = vault.Of[Grant]("grant")

func (g Grant) tags() []string {
	t := []string{"person:" + g.Person, "client:" + g.Client}
	if g.Session != "" {
		t = append(t, "session:"+g.Session)
	}
	return t
}

// token is 256 bits of chance as text.
func token() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// handle is 128 bits of chance, for names.
func handle() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// refreshToken is that of a grant's turn. It is not kept: whether one is ours is
// told from itself, and its turn tells whether it was used before.
func (s *Server) refreshToken(id string, g Grant) string {
	body := id + "." + strconv.Itoa(g.Turn)
	return body + "." + s.vault.Blind("refresh", body+"."+g.Salt)
}

// looksRefresh tells our refresh tokens from access tokens, which are JWTs: the
// middle of three parts is a number.
func looksRefresh(token string) bool {
	_, rest, _ := strings.Cut(token, ".")
	number, _, ok := strings.Cut(rest, ".")
	_, err := strconv.Atoi(number)
	return ok && err == nil
}

// refreshed is the grant that a refresh token is for. used says that the token is
// genuine and of an earlier turn. ErrAbsent is the answer to everything else.
func (s *Server) refreshed(ctx context.Context, refresh string) (e vault.Entry[Grant], used bool, err error) {
	id, rest, _ := strings.Cut(refresh, ".")
	number, mac, _ := strings.Cut(rest, ".")
	turn, bad := strconv.Atoi(number)
	if bad != nil || turn < 1 || strconv.Itoa(turn) != number {
		return e, false, vault.ErrAbsent
	}
	if e, err = grants.Load(ctx, s.vault, id); err != nil {
		return e, false, err
	}
	g := e.Value
	g.Turn = turn
	if !same(s.refreshToken(id, g), id+"."+number+"."+mac) || turn > e.Value.Turn {
		return e, false, vault.ErrAbsent
	}
	return e, turn < e.Value.Turn, nil
}

// left is what a refresh gets at most, by what the application is registered for
// by now; "" when it gets nothing.
func (g Grant) left(c client.Client) string {
	left := scope.Narrow(g.Scope, c.Scopes)
	if g.Renews > 0 != has(left, "offline_access") || g.Online && !has(left, "online_access") {
		return ""
	}
	return left
}

// end takes a grant back, with all that was issued for it.
func (s *Server) end(e vault.Entry[Grant]) []vault.Op {
	return append(s.revoke(aboutGrant(e.Name)), grants.Drop(e.Name))
}
