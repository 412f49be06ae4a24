package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
	"firebreak/fhirjson"
)

const (
	// maxProofBytes is far above what an RSA key of 8192 bits needs.
	maxProofBytes = 8 << 10
	maxProofID    = 256 // bytes of jti

	defaultProofAge   = 60 * time.Second
	defaultProofAhead = 5 * time.Second
	maxProofAge       = 5 * time.Minute
)

// ProofConfig says which DPoP proofs are taken.
type ProofConfig struct {
	Clock clock.Clock
	// Replay remembers the proofs that were used. Nodes that answer for the same
	// URLs should share one. Nil means a Memory.
	Replay Replay
	// Age is for how long after its iat a proof may be used, 0 means 60 s, at most
	// 5 min. Ahead is by how much iat may lie in the future, for clients whose
	// clock is fast; 0 means 5 s.
	Age, Ahead time.Duration
}

// Proofs checks DPoP proofs (RFC 9449 §4.3). It is safe for concurrent use.
//
// It asks clients for no nonce (§8). A nonce bounds how long before its use a
// proof was made, by whoever borrows the key, and not how often it is used: only
// what is remembered does that, and what nodes share of it does it across nodes.
// It would cost each client a second request, at each node that it meets.
type Proofs struct {
	clock      clock.Clock
	replay     Replay
	age, ahead time.Duration
}

// NewProofs makes a Proofs.
func NewProofs(cfg ProofConfig) (*Proofs, error) {
	if cfg.Age == 0 {
		cfg.Age = defaultProofAge
	}
	if cfg.Ahead == 0 {
		cfg.Ahead = defaultProofAhead
	}
	if cfg.Clock == nil || cfg.Age < 0 || cfg.Age > maxProofAge || cfg.Ahead < 0 || cfg.Ahead > cfg.Age {
		return nil, fmt.Errorf("authn: proofs need a clock, an age of at most %v and no more time ahead", maxProofAge)
	}
	if cfg.Replay == nil {
		cfg.Replay = NewMemory(cfg.Clock, cfg.Age, 0)
	}
	return &Proofs{clock: cfg.Clock, replay: cfg.Replay, age: cfg.Age, ahead: cfg.Ahead}, nil
}

// Proof checks the values of a request's DPoP header for an endpoint that gets
// no access token, such as the token endpoint: there must be exactly one, for
// this method and URL, used for the first time. It returns the thumbprint of the
// key that was proven (RFC 7638, SHA-256 in base64url) and the proof's jti.
//
// Errors: *Refusal with the code "invalid_dpop_proof" when the client is at
// fault. Any other means that nothing can be known now; the request is refused.
func (p *Proofs) Proof(ctx context.Context, header []string, method, url string) (jkt, jti string, err error) {
	proof, err := p.read(header, method, url)
	if err != nil {
		return "", "", err
	}
	return proof.jkt, proof.jti, p.once(ctx, proof)
}

// proofFor is Proof for a request with an access token that is bound to the key
// of that thumbprint. The proof is used up only when all else is right.
func (p *Proofs) proofFor(ctx context.Context, header []string, method, url, token, jkt string) error {
	proof, err := p.read(header, method, url)
	if err != nil {
		return err
	}
	if proof.jkt != jkt {
		return invalidToken(otherKey) // RFC 9449 §7.1: of the token, not of the proof
	}
	sum := sha256.Sum256([]byte(token))
	if proof.ath != base64.RawURLEncoding.EncodeToString(sum[:]) {
		return invalidProof(proofToken)
	}
	return p.once(ctx, proof)
}

// once uses the proof up. Its name holds the key, for others may use the same
// jti; the URL is not in it, as §11.1 would allow: no client needs one twice.
func (p *Proofs) once(ctx context.Context, proof proof) error {
	first, err := p.replay.Once(ctx, "dpop "+proof.jkt+" "+proof.jti, proof.iat.Add(p.age))
	if err != nil {
		return fmt.Errorf("replay of proofs: %w", err)
	}
	if !first {
		return invalidProof(proofUsed)
	}
	return nil
}

// proof is what a verified proof says.
type proof struct {
	jkt, jti, ath string
	iat           time.Time
}

// read checks a proof in all but its reuse and the token: RFC 9449 §4.3, whose
// points are numbered here.
func (p *Proofs) read(header []string, method, url string) (proof, error) {
	if len(header) == 0 {
		return proof{}, invalidProof(noProof)
	}
	if len(header) > 1 { // point 1
		return proof{}, invalidProof(manyProofs)
	}
	raw := header[0]
	if len(raw) > maxProofBytes {
		return proof{}, invalidProof(badProof)
	}
	head, payload, ok := splitCompact(raw) // points 2 and 3
	if !ok {
		return proof{}, invalidProof(badProof)
	}
	alg, own, jkt, err := proofHeader(head)
	if err != nil {
		return proof{}, err
	}
	// The key has no kid here, and compact names none, so the one key fits.
	if err := (compact{raw: raw, alg: alg, payload: payload}).verify(&keySet{keys: []key{own}}); err != nil { // point 6
		return proof{}, invalidProof(proofSignature)
	}
	out, err := proofClaims(payload, method, url)
	if err != nil {
		return proof{}, err
	}
	now := p.clock.Now() // point 11
	if !now.Before(out.iat.Add(p.age)) {
		return proof{}, invalidProof(proofOld)
	}
	if now.Add(p.ahead).Before(out.iat) {
		return proof{}, invalidProof(proofEarly)
	}
	out.jkt = jkt
	return out, nil
}

// proofHeader: points 4, 5 and 7. The key is public, of a kind and size that
// signs tokens too, and fits the algorithm.
func proofHeader(header []byte) (alg jose.SignatureAlgorithm, own key, jkt string, err error) {
	doc, e := fhirjson.Parse(header)
	if e != nil || doc.Root().Kind() != fhirjson.Object {
		return "", key{}, "", invalidProof(badProof)
	}
	h := doc.Root()
	if !h.Field("typ").Is("dpop+jwt") {
		return "", key{}, "", invalidProof(proofType)
	}
	// As with tokens; jwk is the one place where a key may come from.
	for _, name := range []string{"jku", "x5u", "x5c", "crit", "b64", "zip", "enc"} {
		if h.Field(name).Exists() {
			return "", key{}, "", invalidProof(badProof)
		}
	}
	if h.Field("alg").Kind() != fhirjson.String {
		return "", key{}, "", invalidProof(badProof)
	}
	own, print, ok := parseKey(h.Field("jwk"))
	if !ok {
		return "", key{}, "", invalidProof(proofKey)
	}
	alg = jose.SignatureAlgorithm(h.Field("alg").Text())
	if !own.fits(alg) { // what no key fits is not on the list: none and HS256 are not
		return "", key{}, "", invalidProof(proofAlgorithm)
	}
	return alg, key{alg: own.alg, public: own.public}, base64.RawURLEncoding.EncodeToString(print), nil
}

// proofClaims: points 3, 8, 9 and 10, and the time for point 11.
func proofClaims(payload []byte, method, url string) (proof, error) {
	doc, err := fhirjson.Parse(payload)
	if err != nil || doc.Root().Kind() != fhirjson.Object {
		return proof{}, invalidProof(badProof)
	}
	r := reader{root: doc.Root()}
	out := proof{jti: r.text("jti"), ath: r.text("ath"), iat: r.date("iat")}
	htm, htu := r.text("htm"), r.text("htu")
	switch {
	case r.why != "" || out.jti == "" || len(out.jti) > maxProofID || out.iat.IsZero():
		return proof{}, invalidProof(proofClaim)
	case htm != method: // methods are case-sensitive, RFC 9110 §9.1
		return proof{}, invalidProof(proofMethod)
	case !sameTarget(htu, url):
		return proof{}, invalidProof(proofTarget)
	}
	return out, nil
}
