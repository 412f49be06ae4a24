package smart_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"
)

// ownKey is a passkey with the browser's part around it (WebAuthn 3, section 5.1
// and 6.1).
type ownKey struct {
	origin string
	id     []byte
	key    *ecdsa.PrivateKey
	handle []byte
}

func newOwnKey(t testing.TB) *ownKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &ownKey{origin: ownOrigin, id: id, key: key}
}

// asked is what of a page's options a browser reads here.
type asked struct {
	PublicKey struct {
		Challenge        string
		RPID             string `json:"rpId"`
		User             struct{ ID, Name string }
		AllowCredentials []struct{ ID string }
	}
}

var b64 = base64.RawURLEncoding

func (k *ownKey) data(flags byte, more []byte) []byte {
	sum := sha256.Sum256([]byte("ehr.example"))
	return append(binary.BigEndian.AppendUint32(append(sum[:], flags), 0), more...)
}

func (k *ownKey) client(kind, challenge string) []byte {
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.origin, "crossOrigin": false})
	return b
}

func (k *ownKey) answer(response map[string]any) string {
	id := b64.EncodeToString(k.id)
	b, _ := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	return string(b)
}

// create is navigator.credentials.create().
func (k *ownKey) create(t testing.TB, options string) string {
	t.Helper()
	var o asked
	ok(t, json.Unmarshal([]byte(options), &o))
	var err error
	k.handle, err = b64.DecodeString(o.PublicKey.User.ID)
	ok(t, err)
	pub, err := k.key.PublicKey.Bytes()
	ok(t, err)
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: pub[1:33], -3: pub[33:]})
	ok(t, err)
	more := append(make([]byte, 16), byte(len(k.id)>>8), byte(len(k.id)))
	more = append(append(more, k.id...), cose...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": k.data(1|4|64, more)})
	ok(t, err)
	return k.answer(map[string]any{"clientDataJSON": b64.EncodeToString(k.client("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64.EncodeToString(object)})
}

// get is navigator.credentials.get().
func (k *ownKey) get(t testing.TB, options string) string {
	t.Helper()
	var o asked
	ok(t, json.Unmarshal([]byte(options), &o))
	client, data := k.client("webauthn.get", o.PublicKey.Challenge), k.data(1|4, nil)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, k.key, sum[:])
	ok(t, err)
	return k.answer(map[string]any{"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data), "signature": b64.EncodeToString(sig),
		"userHandle": b64.EncodeToString(k.handle)})
}
