package firebreak

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"firebreak/authn"
)

// TestKeysThatCannotBeReadAreLoggedOncePerChange: an operator hears of it before
// the users do, and not every two seconds.
func TestKeysThatCannotBeReadAreLoggedOncePerChange(t *testing.T) {
	var out bytes.Buffer
	r := keyReport{log: slog.New(slog.NewTextHandler(&out, nil)), last: map[string]string{}}
	good := authn.Health{Issuer: "https://idp.example.org", Keys: 1, Read: time.Unix(1, 0)}
	gone, secret, mute := good, good, good
	mute.Asking = fs.ErrPermission
	gone.Err, secret.Err = fs.ErrNotExist, errors.New(`Get "https://idp.example.org/k?key=hunter2"`)
	for _, step := range []struct {
		name string
		now  authn.Health
		want string // "" is silence
	}{
		{"well", good, ""},
		{"gone", gone, "there is no such file"},
		{"still gone", gone, ""},
		{"otherwise", secret, "it cannot be read"},
		{"well again", good, "are read again"},
		{"still well", good, ""},
		{"does not answer about tokens", mute, "does not answer about its tokens"},
		{"still does not", mute, ""},
		{"answers again", good, "answers about its tokens again"},
		{"gone again", gone, "level=WARN"},
	} {
		out.Reset()
		r.see([]authn.Health{step.now, {Issuer: "https://other.example.org"}})
		got := out.String()
		if (got == "") != (step.want == "") || !strings.Contains(got, step.want) {
			t.Errorf("%s: %q, want %q", step.name, got, step.want)
		}
		if got != "" && !strings.Contains(got, "issuer=https://idp.example.org") || strings.Contains(got, "hunter2") {
			t.Errorf("%s: no issuer, or a secret, in %q", step.name, got)
		}
	}
}
