package service

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Browser is somebody at a browser: Chromium, worked as a person does. Its
// methods end the test when what they want does not come within a minute.
type Browser struct {
	t     testing.TB
	ctx   context.Context
	shots int
}

// NewBrowser is a browser without history, which trusts as Chromium says.
func NewBrowser(t testing.TB, trusted ...*x509.Certificate) *Browser {
	t.Helper()
	return &Browser{t: t, ctx: Chromium(t, trusted...)}
}

// There is the script for the first element of a selector.
func There(selector string) string { return `document.querySelector(` + strconv.Quote(selector) + `)` }

// Open goes to an address.
func (b *Browser) Open(url string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatalf("open %s: %v", url, err)
	}
}

// Await returns when a script's value is true, and keeps a picture of what there
// is then under the name what.
func (b *Browser) Await(what, script string) {
	b.t.Helper()
	yes := b.until(script)
	b.shot(what)
	if !yes {
		b.t.Fatalf("%s: it does not come; there is\n%s", what, b.all())
	}
}

// until: between two pages there is nothing, which is no error.
func (b *Browser) until(script string) bool {
	for end := time.After(time.Minute); ; {
		yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`Boolean(`+script+`)`))
		if err == nil && yes {
			return true
		}
		select {
		case <-b.ctx.Done():
			return false
		case <-end:
			return false
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (b *Browser) all() string {
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body?.innerText || "")`))
	return text
}

// Press presses a button or follows a link.
func (b *Browser) Press(selector string) {
	b.t.Helper()
	b.do("press", selector, `.click()`)
}

// Fill puts a value into a field.
func (b *Browser) Fill(selector, value string) {
	b.t.Helper()
	b.do("fill", selector, `.value = `+strconv.Quote(value))
}

func (b *Browser) do(what, selector, script string) {
	b.t.Helper()
	b.Await("before "+what+" "+selector, There(selector))
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](There(selector)+script)); err != nil {
		b.t.Fatalf("%s %s: %v", what, selector, err)
	}
}

// Text is an element's, as it is seen; "" when it is not there.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return b.Value(There(selector) + `?.innerText || ""`)
}

// Value is a script's, a string.
func (b *Browser) Value(script string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](script))
	if err != nil {
		b.t.Fatalf("%s: %v", script, err)
	}
	return text
}

// Location is the address of the page.
func (b *Browser) Location() string {
	b.t.Helper()
	return b.Value(`location.href`)
}

// SignIn fills in Firebreak's own sign-in page.
func (b *Browser) SignIn(name, password string) {
	b.t.Helper()
	b.Fill("input[name=username]", name)
	b.Fill("input[name=password]", password)
	b.Press("form[action$='/signin'] button:not([type=button])") // not the one that shows the password
}

// shot keeps a picture of the page, to be looked at, where FIREBREAK_SHOTS says.
func (b *Browser) shot(what string) {
	dir := os.Getenv("FIREBREAK_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return
	}
	b.shots++
	_ = os.MkdirAll(dir, 0o755)
	name := strings.NewReplacer("/", "_", "[", " ", "]", " ", "#", "").Replace(b.t.Name() + " " + strconv.Itoa(100+b.shots) + " " + what)
	_ = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
}
