package federation

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"firebreak/fhirjson"
)

// LogoutURL is where to send a browser so that the person is signed out at the
// provider too (OpenID Connect RP-Initiated Logout 1.0), or "" when it offers
// none. back is an address of ours that is registered there, to which the
// browser comes with state.
//
// Errors: ErrUnknown; ErrUnavailable: then the person is signed out here only.
func (f *Federation) LogoutURL(ctx context.Context, id, idToken, back, state string) (string, error) {
	p, err := f.provider(id)
	if err != nil {
		return "", err
	}
	found, err := p.discover(ctx)
	if err != nil || found.endSession == "" {
		return "", err
	}
	u, err := url.Parse(found.endSession)
	if err != nil {
		return "", unavailable(err)
	}
	q := u.Query()
	q.Set("client_id", p.config.ClientID)
	for name, value := range map[string]string{"id_token_hint": idToken, "post_logout_redirect_uri": back, "state": state} {
		if value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// BackchannelURI is where a provider posts its logout tokens to, "" when there is
// no provider of that id.
func (f *Federation) BackchannelURI(id string) string {
	p, err := f.provider(id)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(p.redirect, "/callback") + "/logout"
}

// Logout says whose sessions end.
type Logout struct {
	Issuer string
	// SessionID, unless empty, is the one session, as in Person.SessionID; else it
	// is about all of Subject's.
	SessionID string
	Subject   string // may be empty when SessionID is not
}

// logoutAge is how long ago a logout token may have been made.
const logoutAge = 10 * time.Minute

// Backchannel checks a logout token that was posted to us without anybody's
// session (OpenID Connect Back-Channel Logout §2.6). The answer to an error is
// 400, or 503 when it is ErrUnavailable, so that the provider may try again.
//
// Errors: ErrUnknown; ErrUnavailable; *Refused; others are ours.
func (f *Federation) Backchannel(ctx context.Context, id, raw string) (Logout, error) {
	p, err := f.provider(id)
	if err != nil {
		return Logout{}, err
	}
	if len(raw) > maxToken || !p.logoutType(raw) {
		return Logout{}, refuse("this is no logout token")
	}
	found, err := p.discover(ctx)
	if err != nil {
		return Logout{}, err
	}
	keys := &watched{KeySet: found.keys}
	token, err := p.verifier(keys).VerifyLogout(oidc.ClientContext(ctx, p.client), raw)
	if keys.err != nil {
		return Logout{}, unavailable(keys.err)
	}
	if err != nil {
		return Logout{}, refuse("the logout token is not this provider's for us, or is out of date, or its signature is bad")
	}
	claims, err := node(token.Claims)
	if err != nil {
		return Logout{}, err
	}
	if err := p.endsNow(token, claims); err != nil {
		return Logout{}, err
	}
	// As long as the token would pass, and no longer.
	until := token.IssuedAt.Add(logoutAge + skew)
	if end := token.Expiry.Add(skew); end.Before(until) {
		until = end
	}
	first, err := f.vault.Once(ctx, "federation-logout", id+" "+token.TokenID, until)
	if err != nil {
		return Logout{}, fmt.Errorf("logout: %w", err)
	}
	if !first {
		return Logout{}, refuse("this logout token was used before")
	}
	return Logout{Issuer: p.config.Issuer, Subject: token.Subject, SessionID: token.SessionID}, nil
}

// logoutType looks at the header only. A token with a typ must be a logout token
// by it; Keycloak says JWT, and not to have one is allowed (§2.4).
func (p *provider) logoutType(raw string) bool {
	var allowed []jose.SignatureAlgorithm
	for _, a := range p.config.Algorithms {
		allowed = append(allowed, jose.SignatureAlgorithm(a))
	}
	jws, err := jose.ParseSignedCompact(raw, allowed)
	if err != nil {
		return false
	}
	typ, given := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType]
	text, _ := typ.(string)
	text = strings.TrimPrefix(strings.ToLower(text), "application/")
	return !given || text == "jwt" || text == "logout+jwt"
}

// endsNow checks what the library leaves to us. It looks for a nonce, exp, jti,
// and sub or sid, and compares iss and aud.
func (p *provider) endsNow(t *oidc.LogoutToken, claims fhirjson.Node) error {
	event := claims.Field("events").Field("http://schemas.openid.net/event/backchannel-logout")
	if event.Kind() != fhirjson.Object || !claims.Field("iss").Is(p.config.Issuer) || claims.Field("nonce").Exists() {
		return refuse("the logout token's claims are not those of a logout")
	}
	if len(t.TokenID) > maxText || claims.Field("sub").Text() != t.Subject || claims.Field("sid").Text() != t.SessionID {
		return refuse("the logout token's claims are not those of a logout")
	}
	now := p.clock.Now()
	if t.IssuedAt.After(now.Add(skew)) || t.IssuedAt.Before(now.Add(-logoutAge)) {
		return refuse("the logout token was not made just now")
	}
	return nil
}
