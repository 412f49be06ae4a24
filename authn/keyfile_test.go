package authn

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func TestKeyFileIsReadAgainWhenItChanges(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	next := testSigner(t, "next", jose.ES256)
	byNext := next.sign(headerOf(next.alg, next.kid, ""), d.claims(nil))
	_, err := d.verify(byNext)
	wantRefusal(t, err, 401, "invalid_token", unknownKey)

	d.publish(t, d.own, next)
	_, err = d.verify(byNext) // looked at less than a second ago
	wantRefusal(t, err, 401, "invalid_token", unknownKey)
	d.clk.Advance(fileCheckGap)
	if _, err := d.verify(byNext); err != nil {
		t.Errorf("after the new key was published: %v", err)
	}
	if _, err := d.verify(d.good()); err != nil {
		t.Errorf("the old key, still published: %v", err)
	}
}

func TestWithdrawnKeyKillsRememberedTokens(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	good := d.good()
	if _, err := d.verify(good); err != nil {
		t.Fatal(err)
	}
	d.publish(t, testSigner(t, "next", jose.ES256))
	d.clk.Advance(fileCheckGap)
	_, err := d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", unknownKey)

	d.publish(t) // all withdrawn
	d.clk.Advance(fileCheckGap)
	_, err = d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", unknownKey)

}

func TestReplacedKeyOfTheSameIDKillsRememberedTokens(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	good := d.good()
	if _, err := d.verify(good); err != nil {
		t.Fatal(err)
	}
	d.publish(t, d.foreign) // has the issuer's kid
	d.clk.Advance(fileCheckGap)
	_, err := d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", badSignature)
}

func TestRenamedKeyKillsRememberedTokens(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	good := d.good()
	if _, err := d.verify(good); err != nil {
		t.Fatal(err)
	}
	renamed := d.own
	renamed.kid = "renamed"
	d.publish(t, renamed)
	d.clk.Advance(fileCheckGap)
	_, err := d.verify(good)
	wantRefusal(t, err, 401, "invalid_token", unknownKey)
}

func TestUnchangedKeysKeepRememberedTokens(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	if _, err := d.verify(d.good()); err != nil {
		t.Fatal(err)
	}
	before, _ := d.v.issuers[testIss].keys.current(noContext)
	d.publish(t, d.own) // another file with the same keys
	d.clk.Advance(fileCheckGap)
	if after, _ := d.v.issuers[testIss].keys.current(noContext); after != before {
		t.Error("the same keys made a new set, so the cache was emptied for nothing")
	}
}

func TestBrokenKeyFileHoldsTheLastGoodKeysForAWhile(t *testing.T) {
	breaks := map[string]func(t *testing.T, path string){
		"missing":    func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"cut":        func(t *testing.T, path string) { writeFile(t, path, `{"keys":[`) },
		"no set":     func(t *testing.T, path string) { writeFile(t, path, `{"key":[]}`) },
		"duplicates": func(t *testing.T, path string) { writeFile(t, path, `{"keys":[],"keys":[]}`) },
		"too large":  func(t *testing.T, path string) { writeFile(t, path, `{"keys":[]}`+strings.Repeat(" ", maxKeySetBytes)) },
		"folder":     func(t *testing.T, path string) { must(t, os.Remove(path)); must(t, os.Mkdir(path, 0o700)) },
	}
	for name, damage := range breaks {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t, jose.ES256, func(i *Issuer) { i.MaxKeyAge = time.Minute })
			good := d.good()
			damage(t, d.path)
			d.clk.Advance(time.Minute)
			if _, err := d.verify(good); err != nil {
				t.Errorf("at the end of MaxKeyAge: %v", err)
			}
			if h := d.v.Health()[0]; h.Err == nil || h.Keys != 1 || !h.Read.Equal(start) {
				t.Errorf("health = %+v, want the error, one key, read at the start", h)
			}
			d.clk.Advance(time.Second)
			if _, err := d.verify(good); !errors.Is(err, ErrKeysUnavailable) {
				t.Errorf("after MaxKeyAge: %v, want ErrKeysUnavailable, for remembered tokens too", err)
			}
			must(t, os.RemoveAll(d.path))
			d.publish(t, d.own)
			d.clk.Advance(time.Second)
			if _, err := d.verify(good); err != nil {
				t.Errorf("after repair: %v", err)
			}
		})
	}
}

func TestKeyFileWithoutUsableKeysDoesNotStart(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	for _, content := range []string{`{"keys":[]}`, `{"keys":[{"kty":"oct","k":"AAAA"}]}`, `[]`, ``, `{"keys":{}}`} {
		writeFile(t, d.path, content)
		if _, err := New(Config{Issuers: []Issuer{d.issuer}}, d.clk, nil); err == nil {
			t.Errorf("%s: accepted", content)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
