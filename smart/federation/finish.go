package federation

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/oauth2"

	"firebreak/fhirjson"
)

const (
	maxParameter = 4 << 10  // bytes of a parameter of an answer
	maxToken     = 64 << 10 // of a token
	// oldest is how long before now an ID token may have been made: it comes
	// straight from the token endpoint.
	oldest = 10 * time.Minute
)

// Finish takes the parameters with which a provider sent a browser back to its
// redirect URI, and says which flow that was and who signed in. secret tells the
// secret that this browser holds for a flow, "" when it holds none. The flow is
// said with an error too, as soon as it is sure to be this browser's.
//
// Errors: ErrUnknown; ErrUnavailable; ErrCancelled; ErrUnmet; *Refused; others are ours.
func (f *Federation) Finish(ctx context.Context, id string, secret func(flow string) string, params url.Values) (flow string, _ Person, _ error) {
	p, err := f.provider(id)
	if err != nil {
		return "", Person{}, err
	}
	if len(params["state"]) > 1 {
		return "", Person{}, refuse("the parameter state comes twice")
	}
	e, err := f.take(ctx, id, params.Get("state"), secret)
	if err != nil {
		return "", Person{}, err
	}
	person, err := p.finish(ctx, e, params)
	return e.Flow, person, err
}

// finish goes from the provider's answer to the person.
func (p *provider) finish(ctx context.Context, e pending, params url.Values) (Person, error) {
	for _, name := range []string{"code", "iss", "error"} {
		// RFC 6749 §3.1: parameters must not be included more than once.
		if v := params[name]; len(v) > 1 || len(v) == 1 && len(v[0]) > maxParameter {
			return Person{}, refuse("the parameter " + name + " comes twice or is too long")
		}
	}
	found, err := p.discover(ctx)
	if err != nil {
		return Person{}, err
	}
	code, err := p.answered(found, params)
	if err != nil {
		return Person{}, err
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), 2*patience)
	defer cancel()
	token, err := p.redeem(ctx, found, code, e.Verifier)
	if err != nil {
		return Person{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	verified, claims, err := p.verify(ctx, found, raw)
	if err != nil {
		return Person{}, err
	}
	if err := p.belongs(verified, claims, token.AccessToken, e); err != nil {
		return Person{}, err
	}
	if p.config.UserInfo {
		if claims, err = p.userInfo(ctx, found, token, verified.Subject, claims); err != nil {
			return Person{}, err
		}
	}
	person, err := Map(claims, p.config.Rules)
	if err != nil {
		return Person{}, err
	}
	if err := p.inTime(person, e); err != nil {
		return Person{}, err
	}
	person.Issuer, person.IDToken = p.config.Issuer, raw
	return person, nil
}

// answered is the code of an answer that is from this provider.
func (p *provider) answered(f *found, params url.Values) (string, error) {
	// RFC 9207 §2.4: compared as it is, and required where it was announced, in
	// errors too.
	if iss, given := params["iss"]; f.says && !given || given && iss[0] != p.config.Issuer {
		return "", refuse("the parameter iss is missing, or of another provider")
	}
	switch params.Get("error") {
	case "":
	case "access_denied":
		return "", ErrCancelled
	case "unmet_authentication_requirements":
		return "", ErrUnmet
	case "temporarily_unavailable", "server_error":
		return "", unavailable(errors.New("it answers so itself"))
	default:
		return "", refuse("the provider answers with an error")
	}
	code := params.Get("code")
	if code == "" {
		return "", refuse("the answer has no code")
	}
	return code, nil
}

// redeem exchanges a code for tokens (OpenID Connect Core §3.1.3).
func (p *provider) redeem(ctx context.Context, f *found, code, verifier string) (*oauth2.Token, error) {
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(verifier)}
	if p.signer != nil {
		audience := p.config.Issuer
		if p.config.AssertionAudience == "token_endpoint" {
			audience = f.tokenEndpoint
		}
		proof, err := p.signer.assert(p.config.ClientID, audience, p.clock.Now())
		if err != nil {
			return nil, err
		}
		options = append(options, proof...)
	}
	token, err := p.oauth(f).Exchange(ctx, code, options...)
	var answered *oauth2.RetrieveError
	switch {
	case errors.As(err, &answered) && answered.Response.StatusCode < 500:
		if answered.ErrorCode == "invalid_client" {
			return nil, refuse("the provider does not take us for its client: look at client_id and its secret or key")
		}
		return nil, refuse("the provider does not take the code")
	case answered != nil:
		return nil, unavailable(errors.New("the token endpoint fails"))
	case err != nil:
		return nil, unavailable(err)
	}
	return token, nil
}

// verify checks an ID token (OpenID Connect Core §3.1.3.7) but for what depends
// on the sign-in.
func (p *provider) verify(ctx context.Context, f *found, raw string) (*oidc.IDToken, fhirjson.Node, error) {
	if raw == "" || len(raw) > maxToken {
		return nil, fhirjson.Node{}, refuse("there is no ID token, or it is too long")
	}
	keys := &watched{KeySet: f.keys}
	token, err := p.verifier(keys).Verify(ctx, raw)
	if keys.err != nil {
		return nil, fhirjson.Node{}, unavailable(keys.err)
	}
	var expired *oidc.TokenExpiredError
	if errors.As(err, &expired) {
		return nil, fhirjson.Node{}, refuse("the ID token is out of date")
	}
	if err != nil {
		return nil, fhirjson.Node{}, refuse("the ID token is not this provider's for us, or its signature is bad")
	}
	claims, err := node(token.Claims)
	return token, claims, err
}

// node reads claims once more, and strictly: a member that comes twice, or in
// other letters, would be another to other readers.
func node(claims func(any) error) (fhirjson.Node, error) {
	var raw jsontext.Value
	if err := claims(&raw); err != nil {
		return fhirjson.Node{}, refuse("the claims are not JSON")
	}
	doc, err := fhirjson.Parse(raw)
	if err != nil {
		return fhirjson.Node{}, refuse("the claims are not JSON of the strict kind")
	}
	return doc.Root(), nil
}

// belongs checks that an ID token is the answer to this very sign-in.
func (p *provider) belongs(t *oidc.IDToken, claims fhirjson.Node, access string, e pending) error {
	if !claims.Field("iss").Is(p.config.Issuer) || !claims.Field("sub").Is(t.Subject) || t.Subject == "" || len(t.Subject) > 255 {
		return refuse("the ID token names no issuer or no subject properly")
	}
	// Constant time: the nonce is secret until compared.
	if subtle.ConstantTimeCompare([]byte(claims.Field("nonce").Text()), []byte(e.Nonce)) != 1 {
		return refuse("the ID token is the answer to another sign-in")
	}
	if azp := claims.Field("azp"); azp.Exists() && !azp.Is(p.config.ClientID) || !azp.Exists() && len(t.Audience) > 1 {
		return refuse("the ID token was made for another client")
	}
	if t.AccessTokenHash != "" && t.VerifyAccessToken(access) != nil {
		return refuse("the access token is not the one that the ID token names")
	}
	now := p.clock.Now()
	if t.IssuedAt.After(now.Add(skew)) || t.IssuedAt.Before(now.Add(-oldest)) {
		return refuse("the ID token was not made just now")
	}
	return nil
}

// inTime checks when the person was asked (OpenID Connect Core §3.1.2.1,
// max_age), which a provider may have passed over.
func (p *provider) inTime(person Person, e pending) error {
	if person.AuthTime.After(p.clock.Now().Add(skew)) {
		return refuse("the person was authenticated in the future")
	}
	if e.Since != 0 && person.AuthTime.Before(time.Unix(e.Since, 0).Add(-skew)) {
		return refuse("the person was authenticated too long ago, or nobody says when")
	}
	return nil
}

// userInfo adds what the provider tells with an access token (OpenID Connect
// Core §5.3) to the claims of the ID token, and changes none of those.
func (p *provider) userInfo(ctx context.Context, f *found, token *oauth2.Token, subject string, claims fhirjson.Node) (fhirjson.Node, error) {
	info, err := f.op.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fhirjson.Node{}, unavailable(err)
	}
	more, err := node(info.Claims)
	if err != nil {
		return fhirjson.Node{}, err
	}
	if !more.Field("sub").Is(subject) {
		return fhirjson.Node{}, refuse("userinfo is about somebody else")
	}
	var text strings.Builder
	text.WriteByte('{')
	for _, from := range []fhirjson.Node{claims, more} {
		for member := range from.Children() {
			// How and when somebody signed in only the ID token says.
			if from.Same(more) && (claims.Field(member.Name()).Exists() || ofSession(member.Name())) {
				continue
			}
			if text.Len() > 1 {
				text.WriteByte(',')
			}
			text.Write(fhirjson.Quote(member.Name()))
			text.WriteByte(':')
			text.Write(member.Raw())
		}
	}
	text.WriteByte('}')
	doc, err := fhirjson.Parse([]byte(text.String()))
	if err != nil {
		return fhirjson.Node{}, refuse("the claims are not JSON of the strict kind")
	}
	return doc.Root(), nil
}

func ofSession(claim string) bool {
	switch claim {
	case "acr", "amr", "auth_time", "sid", "nonce", "azp":
		return true
	}
	return false
}
