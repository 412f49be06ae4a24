package authn

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestHealthSaysWhatIsWrongWithKeys in words of our own, without a token being
// asked about.
func TestHealthSaysWhatIsWrongWithKeys(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	for _, c := range []struct {
		name   string
		damage func() error
		want   string
	}{
		{"nothing", func() error { return nil }, ""},
		{"missing", func() error { return os.Remove(d.path) }, "there is no such file"},
		{"not a set", func() error { writeFile(t, d.path, `{"keys":[`); return nil }, "not JSON"},
		{"anybody's", func() error { d.publish(t, d.own); return os.Chmod(d.path, 0o606) }, "others than its owner may write"},
		{"the group's", func() error { d.publish(t, d.own); return os.Chmod(d.path, 0o660) }, "others than its owner may write"},
		{"withdrawn", func() error { writeFile(t, d.path, `{"keys":[]}`); return nil }, "no usable key"},
		{"mended", func() error { d.publish(t, d.own); return nil }, ""},
	} {
		must(t, c.damage())
		d.clk.Advance(fileCheckGap)
		h := d.v.Health()[0]
		if got := h.Cause(); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: cause %q, want %q", c.name, got, c.want)
		}
		if c.name != "withdrawn" && h.Keys != 1 {
			t.Errorf("%s: %d keys are held, want the last good one", c.name, h.Keys)
		}
	}
}

// TestKeyFileThatOthersMayWriteIsNotTrusted: not at the start, and later only
// what it held before.
func TestKeyFileThatOthersMayWriteIsNotTrusted(t *testing.T) {
	d := newDesk(t, jose.ES256, nil)
	good, forged := d.good(), d.foreign.sign(d.header(""), d.claims(nil))
	d.publish(t, d.foreign)
	must(t, os.Chmod(d.path, 0o666))
	d.clk.Advance(fileCheckGap)
	if _, err := d.verify(good); err != nil {
		t.Errorf("by the key it held before: %v", err)
	}
	if _, err := d.verify(forged); err == nil {
		t.Error("a token by the key that anybody could write is accepted")
	}
	if _, err := New(Config{Issuers: []Issuer{d.issuer}}, d.clk, nil); err == nil {
		t.Error("a start on the file that anybody may write")
	}
}

func TestUnreachableIssuerIsToldWithoutItsURL(t *testing.T) {
	u := newURLKeys("http://127.0.0.1:1/k?secret=hunter2", time.Hour, newDesk(t, jose.ES256, nil).clk, http.DefaultTransport)
	if _, err := u.current(noContext); !errors.Is(err, ErrKeysUnavailable) {
		t.Fatal(err)
	}
	if got := u.health().Cause(); got != "it cannot be reached" {
		t.Errorf("cause = %q", got)
	}
}
