package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"

	"firebreak/authn"
	"firebreak/clock"
	"firebreak/vault"
)

// Request is what a client sends to prove who it is.
type Request struct {
	Form          url.Values   // the body's parameters
	Query         url.Values   // the URL's: nothing of a client may be in it
	Authorization string       // the header; "" when there is none
	Certificate   *Certificate // of the connection; nil when there is none
	// Audiences are what an assertion may be meant for: the token endpoint's URL
	// (SMART App Launch 2.2) and the issuer (RFC 7523bis).
	Audiences []string
}

// Authenticator finds out which client a request is from. It is safe for
// concurrent use.
type Authenticator struct {
	registry *Registry
	vault    *vault.Vault
	clock    clock.Clock
	dummies  map[string]authn.AssertionKey // by algorithm

	work struct{ hashes, compares, verifications atomic.Int64 }
}

// NewAuthenticator authenticates the clients of a registry. Assertions that were
// used are remembered in the registry's vault, for every server of it.
func NewAuthenticator(r *Registry) (*Authenticator, error) {
	dummies, err := dummyKeys()
	if err != nil {
		return nil, err
	}
	return &Authenticator{registry: r, vault: r.vault, clock: r.clock, dummies: dummies}, nil
}

// The parameters of RFC 6749 §2.3.1 and RFC 7521 §4.2.
const (
	paramID        = "client_id"
	paramSecret    = "client_secret"
	paramAssertion = "client_assertion"
	paramType      = "client_assertion_type"

	jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// proof is what a request offers, taken apart and not yet believed.
type proof struct {
	method    Method // None also stands for a certificate, until the client is known
	id        string
	secret    string
	assertion authn.Assertion
}

// Authenticate says which client a request is from and how it proved so (RFC 6749
// §2.3). Exactly one way may be used, and it must be the registered one. A public
// client proves nothing: its id is what it says it is.
//
// Errors: *Refusal is the client's fault. Any other is the server's: the store
// cannot be asked, or ctx has ended.
func (a *Authenticator) Authenticate(ctx context.Context, r Request) (Client, Method, error) {
	p, err := a.read(r)
	if err == nil {
		var k *known
		if k, err = a.prove(ctx, p, r); err == nil {
			return k.Client.clone(), k.Client.Method, nil
		}
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		refusal.ClientID = p.id
		if r.Authorization != "" && refusal.Code == "invalid_client" {
			refusal.Challenge = BasicChallenge
		}
	}
	return Client{}, "", err
}

// read takes the request apart. Its refusals depend on the request and the time,
// never on what is registered.
func (a *Authenticator) read(r Request) (proof, error) {
	one := func(name string) string { return r.Form.Get(name) }
	for _, name := range []string{paramID, paramSecret, paramAssertion, paramType} {
		if r.Query.Has(name) {
			return proof{}, malformed(inQuery) // RFC 6749 §2.3.1
		}
		if len(r.Form[name]) > 1 {
			return proof{}, malformed(repeated) // RFC 6749 §3.2
		}
	}
	// A parameter without a value is as if it were not there (RFC 6749 §3.2).
	ways := 0
	for _, used := range []bool{r.Authorization != "", one(paramSecret) != "", one(paramAssertion) != "" || one(paramType) != ""} {
		if used {
			ways++
		}
	}
	switch {
	case ways > 1:
		return proof{}, malformed(severalWays)
	case r.Authorization != "":
		return readBasic(r.Authorization, one(paramID))
	case ways == 1 && one(paramSecret) == "":
		return a.readAssertion(r)
	case one(paramID) == "":
		return proof{}, unproven(noClient)
	case one(paramSecret) != "":
		return proof{method: SecretPost, id: one(paramID), secret: one(paramSecret)}, nil
	}
	return proof{method: None, id: one(paramID)}, nil
}

// readBasic: RFC 6749 §2.3.1, where both halves are form-encoded before RFC 7617
// encodes them together.
func readBasic(header, named string) (proof, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") || len(rest) > 4096 {
		return proof{}, unproven(badBasic)
	}
	both, err := base64.StdEncoding.Strict().DecodeString(strings.TrimLeft(rest, " "))
	id, text, ok := strings.Cut(string(both), ":")
	id, err1 := url.QueryUnescape(id)
	text, err2 := url.QueryUnescape(text)
	if err != nil || !ok || err1 != nil || err2 != nil || id == "" || text == "" {
		return proof{}, unproven(badBasic)
	}
	if named != "" && named != id {
		return proof{}, malformed(twoClients)
	}
	return proof{method: SecretBasic, id: id, secret: text}, nil
}

// prove finds the client and asks for the proof that is registered. What fails
// here fails with one text; and where no client or another kind of proof is
// found, the work is done all the same, against nothing.
func (a *Authenticator) prove(ctx context.Context, p proof, r Request) (*known, error) {
	k, err := a.registry.find(ctx, p.id)
	if err != nil && !errors.Is(err, vault.ErrAbsent) {
		return nil, err
	}
	var why literal
	switch {
	case err != nil:
		k, why = nil, "no such client"
	case !k.Client.Live(a.clock.Now()):
		k, why = nil, "the client is disabled, or its registration has ended"
	case p.method == None && k.Client.Method == TLS:
		p.method = TLS
	case p.method != k.Client.Method:
		k, why = nil, "this is not the client's registered method"
	}
	switch p.method {
	case SecretBasic, SecretPost:
		if !a.secretFits(p.secret, k) && why == "" {
			why = "the secret is wrong or has ended"
		}
	case PrivateKeyJWT:
		if err := a.signed(ctx, p.assertion, k, &why); err != nil {
			return nil, err
		}
	case TLS:
		if why == "" && (r.Certificate == nil || !k.Client.Certificate.fits(*r.Certificate)) {
			why = "the connection has no certificate, or not the client's"
		}
	}
	if why != "" {
		return nil, hidden(why)
	}
	return k, nil
}

// secretFits costs one hash and maxSecrets comparisons, with a client or without.
func (a *Authenticator) secretFits(text string, k *known) bool {
	var have []secret
	if k != nil {
		have = k.Secrets
	}
	a.work.hashes.Add(1)
	a.work.compares.Add(maxSecrets)
	return sameSecret(sha256.Sum256([]byte(text)), have, a.clock.Now())
}
