package authn

import (
	"archive/tar"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// vectors reads one file of Project Wycheproof (github.com/C2SP/wycheproof).
func vectors(t *testing.T, archive, file string, into any) {
	t.Helper()
	dir := os.Getenv("FIREBREAK_TESTDATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	path := filepath.Join(dir, archive)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s is not there: %v", archive, err)
	}
	xz := exec.Command("xz", "-dc", path)
	out, err := xz.StdoutPipe()
	must(t, err)
	must(t, xz.Start())
	defer xz.Wait()
	defer io.Copy(io.Discard, out)
	for r := tar.NewReader(out); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			t.Fatalf("%s has no %s", archive, file)
		}
		must(t, err)
		if strings.HasSuffix(h.Name, "/"+file) {
			must(t, json.NewDecoder(r).Decode(into))
			return
		}
	}
}

// vector is one published signature, in hexadecimal.
type vector struct {
	TcID             int
	Msg, Sig, Result string
}

func (v vector) bytes(t *testing.T) (msg, sig []byte) {
	t.Helper()
	msg, err := hex.DecodeString(v.Msg)
	must(t, err)
	sig, err = hex.DecodeString(v.Sig)
	must(t, err)
	return msg, sig
}

// publishedKey has integers in hexadecimal.
type publishedKey struct{ Wx, Wy, Pk, Modulus, PublicExponent string }

func (k publishedKey) jwk(t *testing.T, alg jose.SignatureAlgorithm) []byte {
	t.Helper()
	members := map[string]string{"kty": "EC", "crv": "P-256", "x": b64int(t, k.Wx, 32), "y": b64int(t, k.Wy, 32)}
	switch alg {
	case jose.ES384:
		members = map[string]string{"kty": "EC", "crv": "P-384", "x": b64int(t, k.Wx, 48), "y": b64int(t, k.Wy, 48)}
	case jose.EdDSA:
		members = map[string]string{"kty": "OKP", "crv": "Ed25519", "x": b64int(t, k.Pk, 32)}
	case jose.RS256, jose.PS256:
		members = map[string]string{"kty": "RSA", "n": b64int(t, k.Modulus, 256), "e": b64int(t, k.PublicExponent, 3)}
	}
	out, err := json.Marshal(members)
	must(t, err)
	return out
}

// needVectors fails instead of skipping where everything must be there.
func needVectors(t *testing.T, archive string) {
	if os.Getenv("CI") != "true" {
		return
	}
	t.Cleanup(func() {
		if t.Skipped() {
			t.Errorf("%s is required where CI=true", archive)
		}
	})
}

// TestWycheproofSignatures sends each published
// signature, many of them made of the values that broken verifiers accept for
// any content (r or s of 0, n, p, sums that cancel), under its published key
// over a token's content. RSA signatures, which this package verifies by itself,
// are judged over their own content too.
func TestWycheproofSignatures(t *testing.T) {
	const archive = "wycheproof-dev-raw.tar.xz"
	needVectors(t, archive)
	files := map[string]jose.SignatureAlgorithm{
		"ecdsa_secp256r1_sha256_p1363_test.json": jose.ES256,
		"ecdsa_secp384r1_sha384_p1363_test.json": jose.ES384,
		"ed25519_test.json":                      jose.EdDSA,
		"rsa_signature_2048_sha256_test.json":    jose.RS256,
		"rsa_pss_2048_sha256_mgf1_32_test.json":  jose.PS256,
	}
	for file, alg := range files {
		t.Run(string(alg), func(t *testing.T) {
			var doc struct {
				TestGroups []struct {
					PublicKey publishedKey
					Tests     []vector
				}
			}
			vectors(t, archive, file, &doc)
			tried := 0
			for _, g := range doc.TestGroups {
				pub := g.PublicKey
				jwk := pub.jwk(t, alg)
				set, err := parseKeySet([]byte(`{"keys":[` + string(jwk) + `]}`))
				must(t, err)
				if strings.HasSuffix(pub.PublicExponent, "03") {
					if len(set.keys) != 0 {
						t.Error("exponent 3: usable")
					}
					continue // the other keys of this file have 65537
				}
				if len(set.keys) != 1 {
					t.Fatalf("published key is not usable: %s", jwk)
				}
				for _, v := range g.Tests {
					msg, sig := v.bytes(t)
					if k, ok := verifierOf(set.keys[0]).(rsaVerifier); ok && v.Result != "acceptable" {
						if err := k.VerifyPayload(msg, sig, alg); (err == nil) != (v.Result == "valid") {
							t.Errorf("vector %d over its own content: %v, want it %s", v.TcID, err, v.Result)
						}
					}
					token := encode(`{"alg":"`+string(alg)+`"}`) + "." + encode(`{"iss":"x"}`) + "." + base64.RawURLEncoding.EncodeToString(sig)
					c, err := parseCompact(token)
					if err == nil {
						err = c.verify(set)
					}
					if err == nil {
						t.Errorf("vector %d: its signature verifies for other content", v.TcID)
					}
					tried++
				}
			}
			if tried < 50 {
				t.Errorf("only %d vectors", tried)
			}
			t.Logf("%d vectors", tried)
		})
	}
}

// b64int is a hex integer as base64url of that many bytes, as JWK wants it.
func b64int(t *testing.T, s string, size int) string {
	t.Helper()
	if len(s)%2 == 1 {
		s = "0" + s
	}
	b, err := hex.DecodeString(s)
	must(t, err)
	for len(b) > size && b[0] == 0 {
		b = b[1:]
	}
	for len(b) < size {
		b = append([]byte{0}, b...)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// TestWycheproofJSONWebSignatures judges the published JWS by form, header and
// key: all that comes before claims. Valid ones must verify unless they are
// made with what is never accepted here.
func TestWycheproofJSONWebSignatures(t *testing.T) {
	for _, file := range []string{"json_web_signature_test.json", "json_web_key_test.json"} {
		t.Run(file, func(t *testing.T) {
			var doc struct {
				TestGroups []struct {
					Comment         string
					Public, Private json.RawMessage
					Tests           []struct {
						TcID                 int
						Comment, JWS, Result string
					}
				}
			}
			vectors(t, "wycheproof-jose.tar.xz", file, &doc)
			passed, refused := 0, 0
			for _, g := range doc.TestGroups {
				key := g.Public
				if key == nil {
					key = g.Private
				}
				if !strings.Contains(string(key), `"keys"`) {
					key = json.RawMessage(`{"keys":[` + string(key) + `]}`)
				}
				set, keyErr := parseKeySet(key)
				for _, v := range g.Tests {
					err := keyErr
					var c compact
					if err == nil {
						c, err = parseCompact(v.JWS)
					}
					if err == nil {
						err = c.verify(set)
					}
					switch {
					case deviations[file][v.TcID] != "":
						if (err == nil) == (v.Result == "valid") {
							t.Errorf("%d %s: as published; remove it from the deviations", v.TcID, v.Comment)
						}
					case err == nil && v.Result != "valid":
						t.Errorf("%s %d %s: verifies, want it refused", g.Comment, v.TcID, v.Comment)
					case err != nil && v.Result == "valid" && supports(v.JWS):
						t.Errorf("%s %d %s: %v, want it verified", g.Comment, v.TcID, v.Comment, err)
					case err == nil:
						passed++
					default:
						refused++
					}
				}
			}
			t.Logf("%d verified, %d refused", passed, refused)
		})
	}
}

// deviations are vectors judged otherwise here, with the reason.
var deviations = map[string]map[int]string{
	"json_web_signature_test.json": {
		259: "a JWT is never empty", 272: "a JWT is never empty", 320: "a JWT is never empty",
		346: "the key is for PS256 and the token says PS384",
		350: "the key is for PS256 and the token says PS384",
		372: "a character outside the alphabet, and HS256",
	},
	"json_web_key_test.json": {
		7: "ROCA keys are not looked for: an issuer's key set is trusted to hold its keys",
	},
}

// supports: the token's algorithm is one of ours.
func supports(token string) bool {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var h struct{ Alg string }
	if err != nil || json.Unmarshal(raw, &h) != nil {
		return true
	}
	for _, alg := range supported {
		if string(alg) == h.Alg {
			return true
		}
	}
	return false
}
