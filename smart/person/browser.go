package person

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// Browser is what a browser keeps of who has signed in with it: "chance", and a
// keyed hash of that with each login name, the last first. It opens nothing. A
// browser that is known for a name has its failures counted by itself: else
// whoever fails often enough in somebody's name, from anywhere, would keep them
// from signing in (OWASP, Slow Down Online Guessing Attacks with Device Cookies).
type Browser string

// mostNames is for how many people a browser is known: those of a ward.
const mostNames = 12

// Known is a browser, with which the owner of an account has signed in.
func (d *Directory) Known(ctx context.Context, id ID, b Browser) (Browser, error) {
	e, err := d.load(ctx, id)
	if err != nil || e.Value.Login == "" {
		return b, err
	}
	chance, names := b.parts()
	if chance == "" {
		chance = base64.RawURLEncoding.EncodeToString(random(16))
	}
	out := []string{chance, d.browserName(chance, e.Value.Login)}
	for _, n := range names {
		if n != out[1] && len(out) <= mostNames {
			out = append(out, n)
		}
	}
	return Browser(strings.Join(out, ".")), nil
}

// parts are those of what a browser sent; none of it is believed yet.
func (b Browser) parts() (chance string, names []string) {
	parts := strings.Split(string(b), ".")
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[0]); err != nil || len(raw) != 16 || len(parts) > 1+mostNames {
		return "", nil
	}
	return parts[0], parts[1:]
}

func (d *Directory) browserName(chance, login string) string {
	return d.vault.Blind("person.browser", chance+"\x1f"+login)
}

// countedAt is the name under which failures of a login name are counted that come
// from a browser.
func (d *Directory) countedAt(login string, at []Browser) string {
	for _, b := range at {
		chance, names := b.parts()
		want := d.browserName(chance, login)
		for _, n := range names {
			// Constant time: want is secret to who was not given it.
			if subtle.ConstantTimeCompare([]byte(n), []byte(want)) == 1 {
				return d.vault.Blind("person.failures.browser", want)
			}
		}
	}
	return d.counted(login)
}
