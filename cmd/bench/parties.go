package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
)

// system is a backend service with its key.
type system struct {
	alg    string
	key    crypto.Signer
	signer jose.Signer
}

// newSystem makes the key and leaves the public one where the server registers it.
func newSystem(alg string, dirs ...string) (*system, error) {
	s := &system{alg: alg}
	var err error
	if alg == "RS384" {
		s.key, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		s.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.key.Public(), KeyID: "bench", Algorithm: alg, Use: "sig"}}})
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		if err := os.WriteFile(filepath.Join(dir, alg+".jwks"), public, 0o600); err != nil {
			return nil, err
		}
	}
	s.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: s.key, KeyID: "bench"}},
		(&jose.SignerOptions{}).WithType("JWT"))
	return s, err
}

// assertions are as many client assertions (RFC 7523), each for one exchange.
func (s *system) assertions(n int, audience string) ([]string, error) {
	out := make([]string, n)
	for i := range out {
		payload, err := json.Marshal(map[string]any{"iss": systemID + s.alg, "sub": systemID + s.alg, "aud": audience, "jti": rand.Text(),
			"exp": now().Add(4 * time.Minute).Unix()})
		if err != nil {
			return nil, err
		}
		jws, err := s.signer.Sign(payload)
		if err != nil {
			return nil, err
		}
		if out[i], err = jws.CompactSerialize(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// bareSignatures verifies each assertion and signs a token for it, and does
// nothing else: what no exchange can go below. It gives the
// processor time of one.
func (s *system) bareSignatures(assertions []string, token string) (verify, sign time.Duration, err error) {
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return 0, 0, err
	}
	start := ownCPU()
	for _, a := range assertions {
		if !s.verifies(a) {
			return 0, 0, errors.New("an assertion does not verify")
		}
	}
	verified := ownCPU()
	input := token[:strings.LastIndexByte(token, '.')]
	for range assertions {
		sum := sha256.Sum256([]byte(input))
		if _, _, err := ecdsa.Sign(rand.Reader, own, sum[:]); err != nil {
			return 0, 0, err
		}
	}
	n := time.Duration(len(assertions))
	return (verified - start) / n, (ownCPU() - verified) / n, nil
}

func (s *system) verifies(assertion string) bool {
	dot := strings.LastIndexByte(assertion, '.')
	sig, err := base64.RawURLEncoding.DecodeString(assertion[dot+1:])
	sum := sha512.Sum384([]byte(assertion[:dot]))
	switch key := s.key.Public().(type) {
	case *rsa.PublicKey:
		return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA384, sum[:], sig) == nil
	case *ecdsa.PublicKey:
		return err == nil && ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:48]), new(big.Int).SetBytes(sig[48:]))
	}
	return false
}

// form is one exchange's.
func (s *system) form(assertion string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "scope": {"system/*.rs"}, "client_assertion": {assertion},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
}

// browser is one in which a person signs in.
type browser struct{ *lane }

func newBrowser(c *child, dir string) (browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return browser{}, err
	}
	l, err := newLane(c, dir, 0, jar)
	return browser{l}, err
}

var field = regexp.MustCompile(`name="(csrf|flow)" value="([^"]*)"`)

// signInPage begins a sign-in to the site's own pages, and is the form's fields.
func (b browser) signInPage() (url.Values, error) {
	req, err := http.NewRequest("GET", b.issuer()+"/signin", nil)
	if err != nil {
		return nil, err
	}
	page, _, err := b.send(req, http.StatusOK)
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	for _, m := range field.FindAllSubmatch(page, -1) {
		form.Set(string(m[1]), string(m[2]))
	}
	return form, nil
}

// signIn gives name and password, and is the status of the answer: 303 when the
// person is in.
func (b browser) signIn(form url.Values, name string) (int, error) {
	form.Set("username", name)
	form.Set("password", password)
	req, err := http.NewRequest("POST", b.issuer()+"/signin", strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := b.client.Transport.RoundTrip(withCookies(req, b.client.Jar))
	if err != nil {
		return 0, err
	}
	b.client.Jar.SetCookies(req.URL, resp.Cookies())
	return resp.StatusCode, resp.Body.Close()
}

// withCookies lets a request be sent without its redirect being followed.
func withCookies(req *http.Request, jar http.CookieJar) *http.Request {
	for _, c := range jar.Cookies(req.URL) {
		req.AddCookie(c)
	}
	return req
}

const verifier = "a-code-verifier-of-the-bench-with-no-chance-in-it"

// code asks for an authorization code, in a browser where the person is signed in.
func (b browser) code(scope string) (string, error) {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {appID}, "redirect_uri": {appReturn}, "scope": {scope}, "state": {"s"}, "aud": {b.base},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	req, err := http.NewRequest("GET", b.issuer()+"/authorize?"+q.Encode(), nil)
	if err != nil {
		return "", err
	}
	page, resp, err := b.send(req, http.StatusSeeOther)
	if err != nil {
		return "", err
	}
	to, err := resp.Location()
	if err != nil || to.Query().Get("code") == "" {
		return "", errors.Join(err, fmt.Errorf("no code came back: %s %.300s", to, page))
	}
	return to.Query().Get("code"), nil
}

func exchangeForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {appReturn}, "client_id": {appID}, "code_verifier": {verifier}}
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}, "client_id": {appID}}
}
