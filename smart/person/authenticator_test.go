package person_test

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

	"firebreak/smart/person"
)

// authenticator is a browser with a passkey in it, and may be told to lie.
type authenticator struct {
	origin, rpID string // where the browser is; what the key signs for
	flags        byte   // UP, UV, BE, BS
	count        uint32
	kind         string // of client data, or as it should be
	crossOrigin  bool

	id     []byte
	key    *ecdsa.PrivateKey
	handle []byte // the user's
}

// Flags of authenticator data (WebAuthn §6.1).
const (
	present, verified, eligible, backed, attested = 1 << 0, 1 << 2, 1 << 3, 1 << 4, 1 << 6
)

func newAuthenticator(t testing.TB) *authenticator {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &authenticator{origin: "https://ehr.example", rpID: "ehr.example", flags: present | verified, id: id, key: key}
}

// options are what a page gets; only what a browser reads.
type ceremonyOptions struct {
	PublicKey struct {
		Challenge              string
		RPID                   string `json:"rpId"`
		RP                     struct{ ID, Name string }
		User                   struct{ ID, Name, DisplayName string }
		PubKeyCredParams       []struct{ Alg int }
		AuthenticatorSelection struct{ ResidentKey, UserVerification string }
		Attestation            string
		UserVerification       string
		AllowCredentials       []struct{ ID string }
		ExcludeCredentials     []struct{ ID string }
		Timeout                int
	}
}

func read(t testing.TB, c person.Ceremony) ceremonyOptions {
	t.Helper()
	var o ceremonyOptions
	if err := json.Unmarshal(c.Options, &o); err != nil {
		t.Fatalf("%v in %s", err, c.Options)
	}
	return o
}

var b64 = base64.RawURLEncoding

func (a *authenticator) clientData(kind, challenge string) []byte {
	if a.kind != "" {
		kind = a.kind
	}
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": a.origin, "crossOrigin": a.crossOrigin})
	return b
}

func (a *authenticator) data(flags byte, more []byte) []byte {
	sum := sha256.Sum256([]byte(a.rpID))
	out := append(sum[:], flags)
	out = binary.BigEndian.AppendUint32(out, a.count)
	return append(out, more...)
}

// create makes the passkey: navigator.credentials.create().
func (a *authenticator) create(t testing.TB, c person.Ceremony) []byte {
	t.Helper()
	o := read(t, c).PublicKey
	var err error
	if a.handle, err = b64.DecodeString(o.User.ID); err != nil {
		t.Fatal(err)
	}
	pub, err := a.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	cose, err := webauthncbor.Marshal(map[int]any{1: 2, 3: -7, -1: 1, -2: pub[1:33], -3: pub[33:]})
	if err != nil {
		t.Fatal(err)
	}
	more := append(make([]byte, 16), byte(len(a.id)>>8), byte(len(a.id)))
	more = append(append(more, a.id...), cose...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": "none", "attStmt": map[string]any{}, "authData": a.data(a.flags|attested, more)})
	if err != nil {
		t.Fatal(err)
	}
	return a.answer(map[string]any{"clientDataJSON": b64.EncodeToString(a.clientData("webauthn.create", o.Challenge)),
		"attestationObject": b64.EncodeToString(object), "transports": []string{"internal"}})
}

// get uses it: navigator.credentials.get().
func (a *authenticator) get(t testing.TB, c person.Ceremony) []byte {
	t.Helper()
	client, data := a.clientData("webauthn.get", read(t, c).PublicKey.Challenge), a.data(a.flags, nil)
	hash := sha256.Sum256(client)
	sum := sha256.Sum256(append(append([]byte{}, data...), hash[:]...))
	sig, err := ecdsa.SignASN1(rand.Reader, a.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	response := map[string]any{"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data), "signature": b64.EncodeToString(sig)}
	if a.handle != nil {
		response["userHandle"] = b64.EncodeToString(a.handle)
	}
	return a.answer(response)
}

func (a *authenticator) answer(response map[string]any) []byte {
	id := b64.EncodeToString(a.id)
	b, _ := json.Marshal(map[string]any{"id": id, "rawId": id, "type": "public-key", "response": response, "clientExtensionResults": map[string]any{}})
	return b
}
