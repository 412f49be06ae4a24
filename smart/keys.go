package smart

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"firebreak/vault"
)

// Signing keys follow the calendar: a key signs for one period, is published
// before its period begins so that others' copies of the key set have it, and
// stays published after it for as long as what it signed may live. Which period
// it is any server works out by itself, and one of them makes the key: the
// others find it made.

// algorithms are those that sign: access tokens are short and many, id tokens
// must be RS256 (SMART App Launch 2.2, scopes-and-launch-context).
var algorithms = []jose.SignatureAlgorithm{jose.ES256, jose.RS256}

// storedKey is a signing key as the vault has it.
type storedKey struct {
	Alg        jose.SignatureAlgorithm
	Period     int64
	Generation int64
	PKCS8      []byte
	ID         string // kid: its thumbprint (RFC 7638)
}

// keySet says which generation of keys is in use. A higher one makes all keys of
// those before worthless at once: for the day when one has leaked.
type keySet struct{ Generation int64 }

var (
	storedKeys = vault.Of[storedKey]("key")
	keySets    = vault.Of[keySet]("keyset")
)

const theKeySet = "current"

// Keys are the server's signing keys. They are safe for concurrent use.
type Keys struct {
	v      *vault.Vault
	period time.Duration
	clock  func() time.Time

	mu         sync.Mutex
	checked    time.Time
	seen       uint64 // the vault's generation of them
	index      int64
	generation int64     // of keySet
	known      []*signer // all that are published
}

// ahead is how long before its period a key is published.
const keysAhead = day

// keysLook is how long a key that another server has made may stay unnoticed. That
// keys have become worthless is noticed at once.
const keysLook = 5 * time.Second

func newKeys(v *vault.Vault, period time.Duration, now func() time.Time) *Keys {
	return &Keys{v: v, period: period, clock: now}
}

// load brings what is known up to date.
func (k *Keys) load(ctx context.Context) error {
	now := k.clock()
	index := now.UnixNano() / int64(k.period)
	seen := k.v.Generation(storedKeys.Name()) + k.v.Generation(keySets.Name())
	fresh := len(k.known) > 0 && index == k.index && seen == k.seen &&
		(now.Sub(k.checked).Abs() < keysLook || !k.v.Shared() && now.Sub(k.checked).Abs() < time.Minute)
	if fresh && !k.v.Shared() {
		return nil
	}
	generation, err := k.current(ctx)
	if err != nil || fresh && generation == k.generation {
		return err
	}
	if err := k.provide(ctx, generation, index, now); err != nil {
		return err
	}
	all, err := storedKeys.All(ctx, k.v, "")
	if err != nil {
		return err
	}
	var known []*signer
	for _, e := range all {
		if e.Value.Generation != generation {
			continue
		}
		s, err := k.ready(e.Value)
		if err != nil {
			return err
		}
		known = append(known, s)
	}
	// As it was before the reading: what changed during it is read once more.
	k.known, k.index, k.checked, k.seen, k.generation = known, index, now, seen, generation
	return nil
}

func (k *Keys) current(ctx context.Context) (int64, error) {
	e, err := keySets.Load(ctx, k.v, theKeySet)
	if errors.Is(err, vault.ErrAbsent) {
		return 0, nil
	}
	return e.Value.Generation, err
}

// provide makes the keys that should be there: this period's, and the next one's
// when that is near.
func (k *Keys) provide(ctx context.Context, generation, index int64, now time.Time) error {
	need := []int64{index}
	if end := time.Unix(0, (index+1)*int64(k.period)); end.Sub(now) < min(keysAhead, k.period/2) {
		need = append(need, index+1)
	}
	for _, period := range need {
		for _, alg := range algorithms {
			name := fmt.Sprintf("%s-%d-%d", alg, generation, period)
			_, err := storedKeys.Load(ctx, k.v, name)
			if !errors.Is(err, vault.ErrAbsent) {
				if err != nil {
					return err
				}
				continue
			}
			key, err := newKey(alg, period, generation)
			if err != nil {
				return err
			}
			until := time.Unix(0, (period+1)*int64(k.period)).Add(maxAccessLife + day)
			if err := k.v.Apply(ctx, storedKeys.New(name, key, until)); err != nil && !errors.Is(err, vault.ErrChanged) {
				return err
			}
		}
	}
	return nil
}

const rsaBits = 2048

func newKey(alg jose.SignatureAlgorithm, period, generation int64) (storedKey, error) {
	var private crypto.Signer
	var err error
	if alg == jose.RS256 {
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return storedKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return storedKey{}, err
	}
	jwk := jose.JSONWebKey{Key: private.Public()}
	print, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return storedKey{}, err
	}
	return storedKey{Alg: alg, Period: period, Generation: generation, PKCS8: der, ID: base64.RawURLEncoding.EncodeToString(print)}, nil
}

// ready is a key that can sign; known ones are kept, for parsing takes a while.
func (k *Keys) ready(key storedKey) (*signer, error) {
	if i := slices.IndexFunc(k.known, func(s *signer) bool { return s.ID == key.ID }); i >= 0 {
		return k.known[i], nil
	}
	return newSigner(key)
}

// The typ of what is signed, so that none passes for another (RFC 8725 section
// 3.11): access tokens (RFC 9068), id tokens, logout tokens.
const (
	typeAccess = "at+jwt"
	typeID     = "JWT"
	typeLogout = "logout+jwt"
)

// sign is a JWS by the key of this period.
func (k *Keys) sign(ctx context.Context, alg jose.SignatureAlgorithm, typ string, payload []byte) (string, error) {
	k.mu.Lock()
	err := k.load(ctx)
	known, index := k.known, k.index
	k.mu.Unlock()
	if err != nil {
		return "", err
	}
	for _, s := range known {
		if s.Alg == alg && s.Period == index {
			return s.compact(typ, payload)
		}
	}
	return "", fmt.Errorf("there is no %s key for this period", alg)
}

// Public are the published keys (RFC 7517), those of the next period among them.
func (k *Keys) Public(ctx context.Context) (jose.JSONWebKeySet, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.load(ctx); err != nil {
		return jose.JSONWebKeySet{}, err
	}
	var set jose.JSONWebKeySet
	for _, s := range k.known {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: s.private.Public(), KeyID: s.ID, Algorithm: string(s.Alg), Use: "sig"})
	}
	slices.SortFunc(set.Keys, func(a, b jose.JSONWebKey) int { return slices.Compare([]byte(a.KeyID), []byte(b.KeyID)) })
	return set, nil
}

// Renew makes all keys there are worthless, on every server, and every token that
// they signed with them: that is a revocation like others, for who verifies tokens
// remembers keys for a while.
func (k *Keys) Renew(ctx context.Context) error {
	for range 10 {
		e, err := keySets.Load(ctx, k.v, theKeySet)
		op := keySets.New(theKeySet, keySet{1}, vault.Never)
		if err == nil {
			op = keySets.Replace(vault.Entry[keySet]{Name: e.Name, Value: keySet{e.Value.Generation + 1}, Until: e.Until, Rev: e.Rev})
		} else if !errors.Is(err, vault.ErrAbsent) {
			return err
		}
		now := k.clock()
		of := revocation{At: now, Before: e.Value.Generation + 1}
		err = k.v.Apply(ctx, op, ticks.Set(theTick, struct{}{}, vault.Never), revocations.Set(aboutKeys, of, now.Add(revokedFor)))
		if !errors.Is(err, vault.ErrChanged) {
			return err
		}
	}
	return vault.ErrChanged
}

// counts reports whether a key is one of those that are published, of a generation
// or a later one.
func (k *Keys) counts(ctx context.Context, kid string, generation int64) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.known) == 0 || k.generation < generation {
		k.checked = time.Time{}
		if err := k.load(ctx); err != nil {
			return false, err
		}
	}
	return slices.ContainsFunc(k.known, func(s *signer) bool { return s.ID == kid }), nil
}

// atHash is OpenID Connect Core 1.0 section 3.1.3.6: the left half of the hash.
func atHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// verify is the payload of a JWS that one of the published keys signed as that
// typ; not ok when it is none. An error means that this cannot be told.
func (k *Keys) verify(ctx context.Context, raw, typ string, alg jose.SignatureAlgorithm) (payload []byte, ok bool, err error) {
	if len(raw) > 16<<10 {
		return nil, false, nil
	}
	jws, bad := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{alg})
	if bad != nil || len(jws.Signatures) != 1 {
		return nil, false, nil
	}
	h := jws.Signatures[0].Protected
	if h.ExtraHeaders[jose.HeaderType] != typ {
		return nil, false, nil
	}
	set, err := k.Public(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, key := range set.Key(h.KeyID) {
		if key.Algorithm == h.Algorithm {
			payload, bad := jws.Verify(key)
			return payload, bad == nil, nil
		}
	}
	return nil, false, nil
}

// KeySet are the keys that access tokens are signed with, for authn.KeySource.
func (k *Keys) KeySet(ctx context.Context) ([]byte, error) {
	set, err := k.Public(ctx)
	if err != nil {
		return nil, err
	}
	set.Keys = slices.DeleteFunc(set.Keys, func(key jose.JSONWebKey) bool { return key.Algorithm != string(jose.ES256) })
	return json.Marshal(set)
}
