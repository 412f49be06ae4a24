package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"firebreak/internal/service"
)

const heading = `document.querySelector("h1")?.innerText`

// TestAPersonMakesAPasskeyAndSignsInByIt: at the person's own page, with the
// recovery codes that come with the first second factor; then without a name.
func TestAPersonMakesAPasskeyAndSignsInByIt(t *testing.T) {
	d, dir := startDemo(t)
	b := &browser{t, service.Chromium(t, shown(t, dir))}
	if _, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}}); err != nil {
		t.Fatal(err)
	}
	b.open(d.Issuer + "/account")
	b.signIn("patient-amy", d.Users["patient-amy"].Password)
	b.await("account", heading+` === "Your account"`)
	b.open(d.Issuer + "/account/passkey")
	b.press("form[data-passkey] button")
	b.await("recovery codes", heading+` === "Your recovery codes"`)
	b.press("main a.button")
	b.await("account with a passkey", heading+` === "Your account" && document.body.innerText.includes("10 left")`)
	b.press("form[action$='/signout'] button")
	b.await("signed out", heading+` === "You are signed out"`)
	b.open(d.Issuer + "/account")
	// The browser may offer the passkey by itself, in the field for the name.
	if !poll(func() bool {
		in, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](heading+` === "Your account"`))
		if err == nil && !in {
			_, _ = chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](`if (document.querySelector("form[data-passkey]")?.hidden === false && !document.body.dataset.pressed) {
				document.body.dataset.pressed = "once"
				document.querySelector("form[data-passkey] button").click()
			}`))
		}
		return err == nil && in
	}) {
		t.Fatalf("the passkey does not sign in: %s", b.text("main"))
	}
	b.await("signed in by the passkey", heading+` === "Your account"`)
}

// TestAForgottenPasswordIsSetAnewByALetter: from the sign-in page, by the letter,
// to the account.
func TestAForgottenPasswordIsSetAnewByALetter(t *testing.T) {
	d, dir := startDemo(t)
	b := &browser{t, service.Chromium(t, shown(t, dir))}
	letter := regexp.MustCompile(`About: reset\n(?s:.*)Link: (\S+)`)
	b.open(d.Issuer + "/account")
	b.press("a[href$='/reset']")
	b.fill("input[name=email]", "patient-amy@demo.example")
	b.press("main .actions button")
	b.await("asked", `document.querySelector("main")?.innerText.includes("a mail with a link is on its way")`)
	link := ""
	if !poll(func() bool {
		for _, text := range letters(t, dir) {
			if m := letter.FindStringSubmatch(text); m != nil {
				link = m[1]
			}
		}
		return link != ""
	}) {
		t.Fatal("no letter comes")
	}
	b.open(link)
	b.fill("input[name=password]", "vier alte Fahrräder im Regen")
	b.fill("input[name=repeat]", "vier alte Fahrräder im Regen")
	b.press("main .actions button")
	b.await("sign in", heading+` === "Sign in" && document.body.innerText.includes("Your password is changed")`)
	b.signIn("patient-amy", "vier alte Fahrräder im Regen")
	b.await("account", heading+` === "Your account"`)
	b.open(d.Issuer + "/account/totp")
	b.await("an app", there("img.qr"))
	b.open(d.Issuer + "/account/password")
	b.await("password", there("input[name=current]"))
	b.open(d.Issuer + "/account/email")
	b.await("email", there("input[name=email]"))
}

// letters are those that the demo put into files.
func letters(t *testing.T, dir string) (out []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "letters", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}
