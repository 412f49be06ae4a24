package person

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"firebreak/vault"
)

// Purpose is what a link in a letter is for.
type Purpose string

// Purposes.
const (
	Invitation   Purpose = "invitation"
	Reset        Purpose = "reset"
	ConfirmEmail Purpose = "confirm-email" // sent to the new address
	AllowEmail   Purpose = "allow-email"   // sent to the old one
)

// ErrLink is the answer to a link that was used, is over, was replaced by a newer
// one, or never was.
var ErrLink = errors.New("the link is used up or no longer valid; ask for a new one")

// link is what a token is good for. There is one for each account and purpose,
// so a new one voids the last.
type link struct {
	Hash  []byte // SHA-256 of the secret part, which has 256 bits
	Email string // what is to be confirmed, or where the letter went
	By    ID
}

var links = vault.Of[link]("person.link")

func linkName(p Purpose, id ID) string { return string(p) + "." + string(id) }

// issue makes a token, "account.secret", and what keeps it.
func (d *Directory) issue(p Purpose, id ID, email string, by ID, life time.Duration) (token string, until time.Time, op vault.Op) {
	secret := random(32)
	sum := sha256.Sum256(secret)
	until = d.clock.Now().Add(life)
	token = string(id) + "." + base64.RawURLEncoding.EncodeToString(secret)
	return token, until, links.Set(linkName(p, id), link{Hash: sum[:], Email: email, By: by}, until)
}

// redeem is what a token is good for. It is used up when the entry is removed,
// together with what the token allows.
func (d *Directory) redeem(ctx context.Context, p Purpose, token string) (ID, vault.Entry[link], error) {
	name, secret, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if err != nil || len(token) > 200 {
		return "", vault.Entry[link]{}, ErrLink
	}
	e, err := links.Load(ctx, d.vault, linkName(p, ID(name)))
	if err != nil && !errors.Is(err, vault.ErrAbsent) {
		return "", e, err
	}
	sum := sha256.Sum256(b)
	// Constant time; and an entry that is absent has no hash.
	if subtle.ConstantTimeCompare(sum[:], e.Value.Hash) != 1 {
		return "", vault.Entry[link]{}, ErrLink
	}
	return ID(name), e, nil
}

// LookAt is the account that a link is for, and uses nothing up: mail programs
// follow links before people do. It shows an account to who holds its link only.
func (d *Directory) LookAt(ctx context.Context, p Purpose, token string) (Account, error) {
	id, _, err := d.redeem(ctx, p, token)
	if err != nil {
		return Account{}, err
	}
	a, err := d.Account(ctx, id)
	if errors.Is(err, ErrNoAccount) || a.Disabled {
		return Account{}, ErrLink
	}
	return a, err
}

// LookAtEmail is LookAt, with the address that the link is about: the new one of
// ConfirmEmail and AllowEmail, so that nobody agrees to what they do not see.
func (d *Directory) LookAtEmail(ctx context.Context, p Purpose, token string) (Account, string, error) {
	a, err := d.LookAt(ctx, p, token)
	if err != nil {
		return Account{}, "", err
	}
	_, l, err := d.redeem(ctx, p, token)
	return a, l.Value.Email, err
}

// void takes back an account's links.
func void(id ID, purposes ...Purpose) []vault.Op {
	var ops []vault.Op
	for _, p := range purposes {
		ops = append(ops, links.Drop(linkName(p, id)))
	}
	return ops
}
