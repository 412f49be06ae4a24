package authn

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/sync/singleflight"

	"firebreak/clock"
	"firebreak/fhirjson"
)

const (
	introspectTimeout  = 5 * time.Second
	introspectAtOnce   = 32          // requests to one issuer under way
	introspectWait     = time.Second // for one of them to end
	maxIntrospectBytes = 64 << 10
	maxIntrospectHeld  = 10 * time.Second
	assertionLife      = time.Minute
)

// ErrIntrospectionUnavailable says that an issuer did not say, in a form that is
// understood, whether a token is active. It is the server's trouble, as
// ErrKeysUnavailable is.
var ErrIntrospectionUnavailable = errors.New("issuer does not answer about its tokens")

// Introspection is the endpoint at which an issuer says whether a token is active
// and what it means (RFC 7662). It is given every token that is no JWS, whoever
// made it.
type Introspection struct {
	URL      string // https; http only with Issuer.PlainLoopback, to a loopback address
	ClientID string // of this server, at the issuer

	// One of the two. The secret is sent as RFC 6749 §2.3.1 has it (Basic); with
	// a key the client signs an assertion (RFC 7523 §2.2) for the issuer's name.
	ClientSecret string
	Key          crypto.Signer
	KeyID        string // kid of Key, or ""
	Algorithm    string // Key signs with, such as ES256

	// Always asks about JWTs too, after their signature was verified, so that a
	// revocation holds within Remember. Without keys, JWTs are asked about anyway.
	Always bool
	// Remember is how long an answer that a token is active is used again, 0 to
	// 10 s. It never outlives the token. That one is not active is never remembered.
	Remember time.Duration
}

func (i *Introspection) check(plainLoopback bool) error {
	if err := checkURL("Introspection.URL", i.URL, plainLoopback); err != nil {
		return err
	}
	switch {
	case i.ClientID == "":
		return errors.New("Introspection needs a ClientID: an open endpoint would tell anybody about tokens (RFC 7662 §2.1)")
	case (i.ClientSecret == "") == (i.Key == nil):
		return errors.New("Introspection needs one of ClientSecret and Key")
	case i.Remember < 0 || i.Remember > maxIntrospectHeld:
		return fmt.Errorf("Introspection.Remember must be between 0 and %v", maxIntrospectHeld)
	}
	return nil
}

// asker asks one issuer. Callers with the same token share one request.
type asker struct {
	Introspection
	issuer string
	clock  clock.Clock
	client *http.Client
	sign   jose.Signer // nil with a ClientSecret
	group  singleflight.Group
	slots  chan struct{}
	last   atomic.Pointer[error] // how the latest request went
}

func newAsker(cfg Introspection, issuer string, clk clock.Clock, egress http.RoundTripper) (*asker, error) {
	a := &asker{Introspection: cfg, issuer: issuer, clock: clk, slots: make(chan struct{}, introspectAtOnce), client: &http.Client{
		Transport:     egress,
		Timeout:       introspectTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if cfg.Key == nil {
		return a, nil
	}
	key := jose.SigningKey{Algorithm: jose.SignatureAlgorithm(cfg.Algorithm), Key: jose.JSONWebKey{Key: cfg.Key, KeyID: cfg.KeyID}}
	var err error
	if a.sign, err = jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT")); err == nil {
		_, err = a.assertion()
	}
	if err != nil {
		return nil, errors.New("the Introspection's Key does not sign with its Algorithm")
	}
	return a, nil
}

// ask is what the issuer says of an active token. A token that is not active is
// a Refusal; whatever else stands in the way is ErrIntrospectionUnavailable.
func (a *asker) ask(ctx context.Context, raw string, hash [32]byte) (fhirjson.Node, error) {
	// Apart from the request that wanted it: a caller that hangs up must not take
	// the answer from the others.
	flight := a.group.DoChan(string(hash[:]), func() (any, error) { return a.fetch(raw) })
	var res singleflight.Result
	select {
	case res = <-flight:
	case <-ctx.Done():
		return fhirjson.Node{}, ctx.Err()
	}
	if res.Err != nil {
		return fhirjson.Node{}, fmt.Errorf("%w: %w", ErrIntrospectionUnavailable, res.Err)
	}
	answer := res.Val.(fhirjson.Node)
	if string(answer.Field("active").Raw()) != "true" {
		return fhirjson.Node{}, invalidToken(inactive)
	}
	return answer, nil
}

func (a *asker) fetch(raw string) (fhirjson.Node, error) {
	ctx, cancel := context.WithTimeout(context.Background(), introspectTimeout)
	defer cancel()
	wait := time.NewTimer(introspectWait)
	defer wait.Stop()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-wait.C: // and the issuer is none the worse for it
		return fhirjson.Node{}, keyFault("too many requests to it are under way")
	}
	answer, err := a.post(ctx, raw)
	a.last.Store(&err)
	return answer, err
}

// post makes the request of RFC 7662 §2.1. Its errors quote neither the token
// nor the answer.
func (a *asker) post(ctx context.Context, raw string) (fhirjson.Node, error) {
	form := url.Values{"token": {raw}, "token_type_hint": {"access_token"}}
	if a.sign != nil {
		assertion, err := a.assertion()
		if err != nil {
			return fhirjson.Node{}, keyFault("this server's assertion cannot be signed")
		}
		form.Set("client_id", a.ClientID)
		form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
		form.Set("client_assertion", assertion)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return fhirjson.Node{}, keyFault("its URL is none")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if a.sign == nil {
		req.SetBasicAuth(url.QueryEscape(a.ClientID), url.QueryEscape(a.ClientSecret))
	}
	res, err := a.client.Do(req)
	if err != nil {
		return fhirjson.Node{}, fmt.Errorf("introspect: %w", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxIntrospectBytes+1))
	switch kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); {
	case err != nil:
		return fhirjson.Node{}, fmt.Errorf("introspect: %w", err)
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return fhirjson.Node{}, keyFault("it does not accept this server's credentials")
	case res.StatusCode != http.StatusOK:
		return fhirjson.Node{}, keyFault("it answers with status " + strconv.Itoa(res.StatusCode))
	case kind != "application/json" || len(body) > maxIntrospectBytes:
		return fhirjson.Node{}, errNoAnswer
	}
	doc, err := fhirjson.Parse(body)
	if err != nil || !isBool(doc.Root().Field("active")) {
		return fhirjson.Node{}, errNoAnswer
	}
	return doc.Root(), nil
}

const errNoAnswer keyFault = "it answers in a form that is not introspection's"

// isBool: active is a Boolean (RFC 7662 §2.2); "true" in quotes is no answer.
func isBool(n fhirjson.Node) bool { return string(n.Raw()) == "true" || string(n.Raw()) == "false" }

// assertion: RFC 7523 §3, good once and for a minute.
func (a *asker) assertion() (string, error) {
	now := a.clock.Now().Unix()
	claims := []byte("{")
	for _, m := range [][2]string{{"iss", a.ClientID}, {"sub", a.ClientID}, {"aud", a.issuer}, {"jti", rand.Text()}} {
		claims = append(fhirjson.AppendQuote(claims, m[0]), ':')
		claims = append(fhirjson.AppendQuote(claims, m[1]), ',')
	}
	claims = fmt.Appendf(claims, `"iat":%d,"exp":%d}`, now, now+int64(assertionLife/time.Second))
	signed, err := a.sign.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// fault is why the latest request brought no answer, nil if it did or none was made.
func (a *asker) fault() error {
	if err := a.last.Load(); err != nil {
		return *err
	}
	return nil
}

// described is the entry for a token of which only the issuer's answer is known.
// The answer is held to what a JWT's claims are (RFC 7662 §2.2, RFC 9068 §4).
func (v *Verifier) described(ctx context.Context, issuer *trusted, raw string, hash [32]byte) (entry, error) {
	asked := v.clock.Now()
	answer, err := issuer.asker.ask(ctx, raw, hash)
	if err != nil {
		return entry{}, err
	}
	if iss := answer.Field("iss"); iss.Exists() && !iss.Is(issuer.Name) {
		return entry{}, invalidToken(unknownIssuer)
	}
	tok, err := readClaims(answer, issuer.Issuer)
	if err != nil {
		return entry{}, err
	}
	if saysDPoP(answer) && tok.Type != DPoP {
		return entry{}, invalidToken(badConfirmation)
	}
	if err := inTime(&tok, v.clock.Now(), issuer.Leeway); err != nil {
		return entry{}, err
	}
	set, err := issuer.keys.current(ctx)
	if err != nil {
		return entry{}, err
	}
	return entry{token: tok, issuer: issuer, set: set, asked: asked}, nil
}

// confirmed asks about a token that was verified. The answer may add nothing but
// what the token is bound to, and must speak of the same token.
func (v *Verifier) confirmed(ctx context.Context, e entry, raw string, hash [32]byte) (entry, error) {
	e.asked = v.clock.Now()
	answer, err := e.issuer.asker.ask(ctx, raw, hash)
	if err != nil {
		return entry{}, err
	}
	for name, want := range map[string]string{"iss": e.token.Issuer, "sub": e.token.Subject, "jti": e.token.JTI} {
		if got := answer.Field(name); got.Exists() && !got.Is(want) {
			return entry{}, invalidToken(otherToken)
		}
	}
	// An issuer may say only here that the token is bound (RFC 8705 section 3.2, RFC
	// 9449 section 6.2): that holds. One that says another thing than the token
	// speaks of another token.
	r := reader{root: answer}
	bound := r.confirmation()
	switch none := (Confirmation{}); {
	case r.why != "":
		return entry{}, invalidToken(r.why)
	case bound != none && e.token.Confirmation != none && bound != e.token.Confirmation:
		return entry{}, invalidToken(otherToken)
	case bound != none:
		e.token.Confirmation = bound
	}
	if e.token.Confirmation.Key != "" {
		e.token.Type = DPoP
	}
	if saysDPoP(answer) && e.token.Type != DPoP {
		return entry{}, invalidToken(badConfirmation)
	}
	return e, nil
}

// saysDPoP: token_type (RFC 7662 section 2.2, RFC 9449 section 5).
func saysDPoP(answer fhirjson.Node) bool {
	return strings.EqualFold(answer.Field("token_type").Text(), string(DPoP))
}
