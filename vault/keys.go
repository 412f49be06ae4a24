package vault

import (
	"bufio"
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// keySize is that of a key, in bytes.
const keySize = 32

// Keys seal and open bodies (XChaCha20-Poly1305, whose nonce is long enough to be
// chosen at random) and name things blindly. The zero Keys have none.
type Keys struct {
	seals []seal // the first one seals, all of them open
	blind []byte
}

type seal struct {
	id   [4]byte
	aead cipher.AEAD
}

// ErrUnreadable is the answer to a body that no key opens: it was made with a key
// that is not there, for another entry, or altered.
var ErrUnreadable = errors.New("a sealed entry cannot be opened with the keys of the key file")

// NewKeys takes keys of 32 bytes, the newest first. The last of them must stay
// last for ever: names are made with it.
func NewKeys(keys ...[]byte) (*Keys, error) {
	if len(keys) == 0 {
		return nil, errors.New("there is no key")
	}
	k := &Keys{}
	for _, key := range keys {
		if len(key) != keySize {
			return nil, fmt.Errorf("a key must have %d bytes", keySize)
		}
		secret, err := hkdf.Key(sha256.New, key, nil, "firebreak vault seal", keySize)
		if err != nil {
			return nil, err
		}
		aead, err := chacha20poly1305.NewX(secret)
		if err != nil {
			return nil, err
		}
		s := seal{aead: aead}
		sum := sha256.Sum256(append([]byte("id"), secret...))
		copy(s.id[:], sum[:])
		k.seals = append(k.seals, s)
	}
	var err error
	k.blind, err = hkdf.Key(sha256.New, keys[len(keys)-1], nil, "firebreak vault names", keySize)
	return k, err
}

// RandomKeys are for tests and for what need not outlive the process.
func RandomKeys() *Keys {
	k, err := NewKeys(freshKey())
	if err != nil {
		panic(err) // the key has its length
	}
	return k
}

func freshKey() []byte {
	b := make([]byte, keySize)
	_, _ = rand.Read(b) // never fails
	return b
}

// OpenKeys reads a key file: a key of 32 bytes in base64 on each line, the newest
// first, lines that begin with # for people. Nobody but its owner may read it.
// A file that is not there is made, with one key, when create says so.
func OpenKeys(path string, create bool) (*Keys, error) {
	b, err := readKeys(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := writeKeys(path); err != nil {
			return nil, fmt.Errorf("make the key file: %w", err)
		}
		b, err = readKeys(path) // another process may have been first
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	var keys [][]byte
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(key) != keySize {
			return nil, fmt.Errorf("key file %s: each line must be 32 bytes in base64 (openssl rand -base64 32)", path)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("key file %s: holds no key", path)
	}
	return NewKeys(keys...)
}

func readKeys(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s must be a regular file that nobody but its owner may read (chmod 600)", path)
	}
	return os.ReadFile(path)
}

// writeKeys never replaces a file: losing its keys is losing what they sealed.
func writeKeys(path string) error {
	f, err := os.CreateTemp(dirOf(path), ".keys-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = fmt.Fprintf(f, "# Seals the secrets in the store: without this file they cannot be read. Keep a copy in a safe place.\n%s\n",
		base64.StdEncoding.EncodeToString(freshKey()))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func dirOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		return path[:i]
	}
	return "."
}

// shut seals a body for one entry and one end: neither can be moved to another.
func (k *Keys) shut(kind, name string, until int64, body []byte) []byte {
	s := k.seals[0]
	out := make([]byte, 0, len(s.id)+chacha20poly1305.NonceSizeX+len(body)+chacha20poly1305.Overhead)
	out = append(out, s.id[:]...)
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	_, _ = rand.Read(nonce) // never fails
	out = append(out, nonce...)
	return s.aead.Seal(out, nonce, body, about(kind, name, until))
}

func (k *Keys) open(kind, name string, until int64, sealed []byte) ([]byte, error) {
	for _, s := range k.seals {
		rest, ok := bytes.CutPrefix(sealed, s.id[:])
		if !ok || len(rest) < chacha20poly1305.NonceSizeX {
			continue
		}
		nonce, text := rest[:chacha20poly1305.NonceSizeX], rest[chacha20poly1305.NonceSizeX:]
		if body, err := s.aead.Open(nil, nonce, text, about(kind, name, until)); err == nil {
			return body, nil
		}
	}
	return nil, ErrUnreadable
}

// about is what a body belongs to; the lengths keep two of them apart.
func about(kind, name string, until int64) []byte {
	return fmt.Appendf(nil, "%d:%s%d:%s%d", len(kind), kind, len(name), name, until)
}

// Blind is a name for something that the table must not show: the same for the
// same text of the same use, and nothing to who lacks the keys.
func (k *Keys) Blind(use, text string) string {
	m := hmac.New(sha256.New, k.blind)
	m.Write(about(use, text, 0))
	return hex.EncodeToString(m.Sum(nil)[:20])
}
