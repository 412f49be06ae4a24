package client

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"time"
)

// secretPrefix makes a secret that leaked into a text easy to find.
const secretPrefix = "fbsecret_"

// maxSecrets is how many may be valid at a time: the old one and the new one.
const maxSecrets = 2

// secret is what is kept of one. It has 256 random bits, so a plain hash is
// enough: there is nothing to guess, and a slow one would only help a flood.
type secret struct {
	Hash  []byte // SHA-256
	Made  time.Time
	Until time.Time `json:",omitzero"` // zero until it is replaced
}

// SecretInfo is what an administrator sees of a secret.
type SecretInfo struct {
	Made  time.Time
	Until time.Time // zero while it is the newest
}

func newSecret(now time.Time) (string, secret) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	text := secretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	sum := sha256.Sum256([]byte(text))
	return text, secret{Hash: sum[:], Made: now}
}

// sameSecret compares with every secret that counts, and does so maxSecrets times
// however many there are, so that time does not tell.
func sameSecret(sum [32]byte, have []secret, now time.Time) bool {
	var nothing [sha256.Size]byte
	ok := 0
	for n := range maxSecrets {
		hash, counts := nothing[:], 0
		if n < len(have) && !ended(have[n].Until, now) {
			hash, counts = have[n].Hash, 1
		}
		ok |= subtle.ConstantTimeCompare(sum[:], hash) & counts
	}
	return ok == 1
}

// ended is whether something is over; the zero time never comes.
func ended(until, now time.Time) bool { return !until.IsZero() && !now.Before(until) }
