package authn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak/clock"
	"firebreak/fhirjson"
)

// MaxLocalTTL is how long a token of a LocalIssuer lives at most: there is no
// way to revoke it, and an hour is what (g)(10) allows tokens to lapse in.
const MaxLocalTTL = time.Hour

// LocalConfig says who a LocalIssuer is and for whom it mints.
type LocalConfig struct {
	Name     string // iss
	Audience string // aud
	// Purposes lists, by subject, the purposes of use a token may state. A
	// subject it does not list gets tokens without purpose only. Nil does not
	// restrict.
	Purposes map[string][]string
}

// LocalIssuer mints access tokens from a key file on this machine: for the
// demo, for tests, and for the operator who holds the directory. It signs
// nobody in: whoever can read the key can be anybody.
type LocalIssuer struct {
	cfg   LocalConfig
	clock clock.Clock
	kid   string
	key   *ecdsa.PrivateKey
	jwks  string
}

// LocalClaims is what a minted token says, as in Token. Subject is required.
type LocalClaims struct {
	Subject, ClientID, Scope, FHIRUser, Patient, Purpose, ACR string

	Organization, Roles []string
}

// OpenLocalIssuer loads the ES256 key DIR/issuer/key.pem (PKCS #8), or makes it,
// and writes the public key to DIR/issuer/jwks.json. The key file has mode 0600;
// one that others may read is refused, for the key is no secret then. Two
// processes that open a new directory at once get the same key.
func OpenLocalIssuer(dir string, cfg LocalConfig, clk clock.Clock) (*LocalIssuer, error) {
	if cfg.Name == "" || cfg.Audience == "" {
		return nil, errors.New("local issuer: Name and Audience must be set")
	}
	dir = filepath.Join(dir, "issuer")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("local issuer: %w", err)
	}
	path := filepath.Join(dir, "key.pem")
	key, err := loadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			key, err = loadKey(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("local issuer: %w", err)
	}
	l := &LocalIssuer{cfg: cfg, clock: clk, key: key, jwks: filepath.Join(dir, "jwks.json")}
	if err := l.publish(); err != nil {
		return nil, fmt.Errorf("local issuer: %w", err)
	}
	return l, nil
}

// Issuer is the configuration by which a Verifier accepts this issuer's tokens.
func (l *LocalIssuer) Issuer() Issuer {
	return Issuer{Name: l.cfg.Name, Audience: []string{l.cfg.Audience},
		JWKSFile: l.jwks, Algorithms: []string{string(jose.ES256)}, RequireType: true}
}

// Mint makes a token that begins now and ends after ttl: whole seconds, at
// least 1 s, at most MaxLocalTTL. Claims that a Verifier would refuse are an
// error here, as is a purpose the subject may not state.
func (l *LocalIssuer) Mint(c LocalClaims, ttl time.Duration) (string, error) {
	if ttl < time.Second || ttl > MaxLocalTTL {
		return "", fmt.Errorf("mint token: the lifetime must be between 1 s and %v", MaxLocalTTL)
	}
	if l.cfg.Purposes != nil && c.Purpose != "" && !slices.Contains(l.cfg.Purposes[c.Subject], c.Purpose) {
		return "", errors.New("mint token: this user may not state this purpose of use")
	}
	now := l.clock.Now().Unix()
	payload := l.payload(c, now, now+int64(ttl/time.Second))
	doc, err := fhirjson.Parse(payload)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	if _, err := readClaims(doc.Root(), l.Issuer()); err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	opts := (&jose.SignerOptions{}).WithType("at+jwt").WithHeader("kid", l.kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: l.key}, opts)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("mint token: %w", err)
	}
	return signed.CompactSerialize()
}

// payload: RFC 9068 §2.2. Claims without a value are left out.
func (l *LocalIssuer) payload(c LocalClaims, now, end int64) []byte {
	out := []byte("{")
	member := func(name string) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(fhirjson.AppendQuote(out, name), ':')
	}
	for _, m := range [][2]string{
		{"iss", l.cfg.Name}, {"sub", c.Subject}, {"aud", l.cfg.Audience}, {"client_id", c.ClientID},
		{"jti", rand.Text()}, {"scope", c.Scope}, {"fhirUser", c.FHIRUser}, {"patient", c.Patient},
		{"purpose_of_use", c.Purpose}, {"acr", c.ACR},
	} {
		if m[1] != "" {
			member(m[0])
			out = fhirjson.AppendQuote(out, m[1])
		}
	}
	list := func(name string, texts []string) {
		if len(texts) == 0 {
			return
		}
		member(name)
		out = append(out, '[')
		for _, s := range texts {
			out = append(fhirjson.AppendQuote(out, s), ',')
		}
		out[len(out)-1] = ']'
	}
	list("organization", c.Organization)
	list("roles", c.Roles)
	member("iat")
	out = strconv.AppendInt(out, now, 10)
	member("nbf")
	out = strconv.AppendInt(out, now, 10)
	member("exp")
	out = strconv.AppendInt(out, end, 10)
	return append(out, '}')
}

// publish names the key by its thumbprint (RFC 7638) and writes the key set.
func (l *LocalIssuer) publish() error {
	s := signer{alg: jose.ES256, private: l.key}
	print, err := (&jose.JSONWebKey{Key: l.key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return err
	}
	l.kid = base64.RawURLEncoding.EncodeToString(print)
	s.kid = l.kid
	src, err := publicJSON(s)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(l.jwks); err == nil && string(old) == string(src) {
		return nil
	}
	tmp, err := writeTemp(filepath.Dir(l.jwks), src)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	return os.Rename(tmp, l.jwks)
}

func loadKey(path string) (*ecdsa.PrivateKey, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, errors.New("key.pem must be a file that only its owner may read (chmod 600), with a key nobody else has read")
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(src)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		return nil, errors.New("key.pem does not hold exactly one PRIVATE KEY: bring back the one there was, or begin a demo in a new directory")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("key.pem does not hold a PKCS #8 key") // err may quote it
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("key.pem does not hold a P-256 key")
	}
	return key, nil
}

// makeKey leaves a file that is there alone: link, unlike rename, never replaces.
func makeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	tmp, err := writeTemp(filepath.Dir(path), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// writeTemp writes a file of mode 0600 durably under a passing name.
func writeTemp(dir string, content []byte) (string, error) {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}
