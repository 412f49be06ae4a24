package authn

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"firebreak/clock"
	"firebreak/fhirjson"
)

// Verifier verifies access tokens. It is safe for concurrent use.
type Verifier struct {
	issuers map[string]*trusted
	clock   clock.Clock
	cache   *cache
	proofs  *Proofs
	opaque  *trusted // whose tokens those are that are no JWS; nil for nobody's
}

// New makes a Verifier. Key files are read now, and one that is missing or
// holds no usable key is an error; key URLs are read at the first token, so
// that the server starts while an issuer is down. Requests for keys go out by
// egress, without following redirects; it may be nil when no issuer has a URL.
func New(cfg Config, clk clock.Clock, egress http.RoundTripper) (*Verifier, error) {
	if len(cfg.Issuers) == 0 {
		return nil, errors.New("authn: no issuer is configured, so nobody could sign in")
	}
	if cfg.CacheSize < 0 {
		return nil, errors.New("authn: CacheSize is negative")
	}
	if cfg.CacheSize == 0 {
		cfg.CacheSize = defaultCacheSize
	}
	proofs, err := NewProofs(ProofConfig{Clock: clk, Replay: cfg.Replay})
	if err != nil {
		return nil, err
	}
	v := &Verifier{issuers: map[string]*trusted{}, clock: clk, cache: newCache(cfg.CacheSize), proofs: proofs}
	for n, i := range cfg.Issuers {
		if _, twice := v.issuers[i.Name]; twice {
			return nil, fmt.Errorf("authn: issuer %d: its Name is used twice", n)
		}
		t, err := trust(i, clk, egress)
		if err != nil {
			return nil, fmt.Errorf("authn: issuer %d: %w", n, err)
		}
		v.issuers[i.Name] = t
	}
	if v.opaque, err = opaque(v.issuers); err != nil {
		return nil, err
	}
	return v, nil
}

// opaque is the issuer whose introspection is asked about tokens that don't say
// whose they are: the only one that has it, or else the only one that has it for
// nothing else.
func opaque(issuers map[string]*trusted) (*trusted, error) {
	var any, only *trusted
	several := false
	for _, i := range issuers {
		if i.asker == nil {
			continue
		}
		several = several || any != nil
		any = i
		if i.Introspection.Always {
			continue
		}
		if only != nil {
			return nil, errors.New("authn: two issuers have Introspection without Always: opaque tokens don't say whose they are")
		}
		only = i
	}
	if only == nil && !several {
		only = any
	}
	return only, nil
}

// Verify is VerifyRequest for a request of which only the Authorization header
// is known: bound tokens are refused.
func (v *Verifier) Verify(ctx context.Context, authorization string) (Token, error) {
	return v.VerifyRequest(ctx, Credentials{Authorization: authorization})
}

// VerifyRequest returns what the request's access token says, when the token is
// good and the request proves all that the token's confirmation asks for.
//
// Errors: *Refusal says what the client did wrong. Any other is the server's
// trouble (ErrKeysUnavailable among them) or ctx's; the token may be good, and
// is denied.
func (v *Verifier) VerifyRequest(ctx context.Context, c Credentials) (Token, error) {
	raw, scheme, err := credential(c.Authorization)
	if err != nil {
		return Token{}, onScheme(scheme, err)
	}
	e, err := v.token(ctx, raw)
	if err != nil {
		return Token{}, onScheme(scheme, err)
	}
	if scheme != Bearer || e.token.Confirmation != (Confirmation{}) {
		if err := v.possesses(ctx, c, scheme, raw, e.token.Confirmation); err != nil {
			return Token{}, onScheme(scheme, err)
		}
	}
	t := e.token.clone()
	if e.issuer.Live != nil {
		if err := e.issuer.alive(ctx, &t); err != nil {
			return Token{}, onScheme(scheme, err)
		}
	}
	return t, nil
}

// Inspect is what a token says, for who is asked about it or takes it back (RFC
// 7662, RFC 7009): nobody who has it need prove that it is theirs, for it opens
// nothing here. Errors are VerifyRequest's.
func (v *Verifier) Inspect(ctx context.Context, raw string) (Token, error) {
	if len(raw) > MaxTokenBytes {
		return Token{}, invalidToken(tooLong)
	}
	e, err := v.token(ctx, raw)
	if err != nil {
		return Token{}, err
	}
	t := e.token.clone()
	if e.issuer.Live != nil {
		if err := e.issuer.alive(ctx, &t); err != nil {
			return Token{}, err
		}
	}
	return t, nil
}

// token is what the token says and whose it is, remembered or verified now. It
// must not be changed: others may hold it.
func (v *Verifier) token(ctx context.Context, raw string) (*entry, error) {
	// Looking up by digest is not constant time and need not be: time can tell
	// about the digests of tokens remembered, and a digest yields no token.
	var room [2048]byte // a token of the usual size is hashed without a copy on the heap
	hash := sha256.Sum256(append(room[:0], raw...))
	if e, err := v.recall(ctx, hash); e != nil || err != nil {
		return e, err
	}
	e, err := v.verify(ctx, raw, hash)
	if err != nil {
		return nil, err
	}
	e.token.Hash = hash
	if !e.stale(v.clock.Now()) {
		v.cache.put(hash, e)
	}
	return &e, nil
}

// recall answers from the cache: nil when it does not know the token. It knows
// one only while its issuer's key set is the one that verified it, and judges its
// times anew.
func (v *Verifier) recall(ctx context.Context, hash [32]byte) (*entry, error) {
	e, ok := v.cache.get(hash)
	if !ok {
		return nil, nil
	}
	set, err := e.issuer.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	now := v.clock.Now()
	if set != e.set || e.stale(now) {
		v.cache.drop(hash)
		return nil, nil
	}
	if err := inTime(&e.token, now, e.issuer.Leeway); err != nil {
		v.cache.drop(hash)
		return nil, err
	}
	return e, nil
}

// verify is the long way. Until the signature is verified, or the issuer asked,
// nothing in the token is believed: iss only chooses which issuer's keys must fit.
func (v *Verifier) verify(ctx context.Context, raw string, hash [32]byte) (entry, error) {
	if !b64token(raw) {
		return entry{}, invalidRequest(badHeader)
	}
	if v.opaque != nil && strings.Count(raw, ".") != 2 {
		return v.described(ctx, v.opaque, raw, hash)
	}
	jws, err := parseCompact(raw)
	if err != nil {
		return entry{}, err
	}
	claims, err := fhirjson.Parse(jws.payload)
	if err != nil || claims.Root().Kind() != fhirjson.Object {
		return entry{}, invalidToken(badClaimsJSON)
	}
	iss := claims.Root().Field("iss")
	if iss.Kind() != fhirjson.String {
		return entry{}, invalidToken(unknownIssuer)
	}
	issuer, ok := v.issuers[iss.Text()]
	if !ok {
		return entry{}, invalidToken(unknownIssuer)
	}
	if issuer.RequireType && jws.typ != accessTokenType {
		return entry{}, invalidToken(badType)
	}
	if issuer.keySources() == 0 {
		return v.described(ctx, issuer, raw, hash)
	}
	e, err := v.signed(ctx, issuer, jws, claims.Root())
	if err != nil || issuer.asker == nil || !issuer.Introspection.Always {
		return e, err
	}
	return v.confirmed(ctx, e, raw, hash)
}

// signed verifies a JWT by its issuer's keys.
func (v *Verifier) signed(ctx context.Context, issuer *trusted, jws compact, claims fhirjson.Node) (entry, error) {
	if !issuer.allows(jws.alg) {
		return entry{}, invalidToken(badAlgorithm)
	}
	set, err := keysFor(ctx, issuer, jws)
	if err != nil {
		return entry{}, err
	}
	if err := jws.verify(set); err != nil {
		return entry{}, err
	}
	tok, err := readClaims(claims, issuer.Issuer)
	if err != nil {
		return entry{}, err
	}
	if err := inTime(&tok, v.clock.Now(), issuer.Leeway); err != nil {
		return entry{}, err
	}
	tok.KeyID = jws.kid
	return entry{token: tok, issuer: issuer, set: set}, nil
}

// keysFor is the issuer's key set. When it has no key that fits, the issuer may
// have changed keys: it is asked once more, as often as the source allows.
func keysFor(ctx context.Context, issuer *trusted, jws compact) (*keySet, error) {
	set, err := issuer.keys.current(ctx)
	if err != nil {
		return nil, err
	}
	if len(set.fitting(jws)) > 0 {
		return set, nil
	}
	return issuer.keys.again(ctx)
}

// inTime judges the token's times, each with the leeway in its favour. The end
// is exclusive: RFC 7519 §4.1.4, "on or after".
func inTime(t *Token, now time.Time, leeway time.Duration) error {
	if !now.Before(t.Expires.Add(leeway)) {
		return invalidToken(expired)
	}
	if now.Add(leeway).Before(t.NotBefore) {
		return invalidToken(tooEarly)
	}
	if now.Add(leeway).Before(t.IssuedAt) {
		return invalidToken(fromFuture)
	}
	return nil
}

// b64token: RFC 6750 §2.1. What lies outside is no token of any kind, and also
// how two header fields that were joined by a comma look.
func b64token(s string) bool {
	body := strings.TrimRight(s, "=")
	for i := range len(body) {
		if c := body[i]; !base64URLByte(c) && c != '.' && c != '~' && c != '+' && c != '/' {
			return false
		}
	}
	return body != ""
}

// Health is the state of one issuer's keys, for the operator's eyes.
type Health struct {
	Issuer string
	Keys   int       // usable keys held
	Read   time.Time // when they were last read with success, zero if never
	Err    error     // why the latest attempt failed, nil if it did not
	Asking error     // why the latest introspection failed, nil if it did not
}

// Health reports each issuer's keys as they stand, in no order. It looks at key
// files, as often as they are looked at, and asks no issuer.
func (v *Verifier) Health() []Health {
	out := make([]Health, 0, len(v.issuers))
	for name, i := range v.issuers {
		h := i.keys.health()
		h.Issuer = name
		if i.asker != nil {
			h.Asking = i.asker.fault()
		}
		out = append(out, h)
	}
	return out
}
