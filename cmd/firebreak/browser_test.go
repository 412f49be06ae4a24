package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"firebreak/internal/service"
)

// shown is the certificate that a demo shows: the browser is to trust it.
func shown(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "tls", "server.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// browser is somebody at one.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func (b *browser) open(url string) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, chromedp.Navigate(url)); err != nil {
		b.t.Fatalf("open %s: %v", url, err)
	}
}

// await returns when a script's value is true; between two pages there is none.
func (b *browser) await(what, script string) {
	b.t.Helper()
	ok := poll(func() bool {
		yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](`Boolean(`+script+`)`))
		return err == nil && yes
	})
	b.shot(what)
	if !ok {
		text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.href + "\n" + (document.body?.innerText || "")`))
		b.t.Fatalf("%s: it does not come; there is\n%s", what, text)
	}
}

func there(selector string) string { return `document.querySelector(` + strconv.Quote(selector) + `)` }

// press presses a button or follows a link, as a mouse does.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.await("before "+selector, there(selector))
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](there(selector)+`.click()`)); err != nil {
		b.t.Fatalf("press %s: %v", selector, err)
	}
}

func (b *browser) fill(selector, value string) {
	b.t.Helper()
	b.await("before "+selector, there(selector))
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[chromedp.Void](there(selector)+`.value = `+strconv.Quote(value))); err != nil {
		b.t.Fatalf("fill %s: %v", selector, err)
	}
}

func (b *browser) text(selector string) string {
	b.t.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](there(selector)+`?.innerText || ""`))
	if err != nil {
		b.t.Fatalf("read %s: %v", selector, err)
	}
	return text
}

// shot keeps a picture of the page, to be looked at, where FIREBREAK_SHOTS says.
func (b *browser) shot(what string) {
	dir := os.Getenv("FIREBREAK_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return
	}
	_ = os.MkdirAll(dir, 0o755)
	name := strings.NewReplacer("/", "_", "[", " ", "]", " ", "#", "").Replace(b.t.Name() + " " + what)
	_ = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
}

func (b *browser) signIn(name, password string) {
	b.t.Helper()
	b.fill("input[name=username]", name)
	b.fill("input[name=password]", password)
	b.press("form[action$='/signin'] button[type=submit], form[action$='/signin'] button:not([type])")
}

// startDemo starts a small demo and is what its demo.json says.
func startDemo(t *testing.T) (*demoFile, string) {
	t.Helper()
	work := t.TempDir()
	dir := filepath.Join(work, "d")
	s, err := startServer(work, "s", "demo", "--dir", dir, "--listen", "127.0.0.1:0", "--patients", "12")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	d, err := readDemo(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d, dir
}

// chart is whether the sample application shows one.
const chart = `document.querySelector("#chart")?.hidden === false && document.querySelector("#name").innerText`

// TestAPatientSharesARecordInABrowserAndTakesItBack: the sample application is
// started by itself, reads the chart, refreshes, and is cut off by the person.
func TestAPatientSharesARecordInABrowserAndTakesItBack(t *testing.T) {
	d, dir := startDemo(t)
	b := &browser{t, service.Chromium(t, shown(t, dir))}
	b.open(demoApp(d.Base) + "/app/")
	b.press("input[value=offline_access]")
	b.press("#go")
	b.signIn("patient-amy", d.Users["patient-amy"].Password)
	b.press("input[value=offline_access]")
	b.press("button[value=allow]")
	b.await("the chart", chart)
	if name := b.text("#name"); !strings.Contains(name, "Amy") {
		t.Errorf("the application shows the chart of %q", name)
	}
	b.await("a refresh token", `document.querySelector("#refresh").hidden === false`)
	b.press("#refresh")
	b.await("refreshed", `!document.querySelector("#status").innerText.includes("…") && `+chart)
	b.open(d.Issuer + "/account")
	b.await("account", there("button[name=app]"))
	if text := b.text("main"); !strings.Contains(text, "Sample chart") {
		t.Errorf("the account page does not name the application:\n%s", text)
	}
	b.press("button[name=app]")
	b.await("taken back", `document.querySelector("main") && !`+there("button[name=app]"))
	b.open(demoApp(d.Base) + "/app/")
	b.await("cut off", `document.querySelector("#fault")?.hidden === false || document.querySelector("#start")?.hidden === false`)
	if text := b.text("#conditions") + b.text("#observations"); text != "" {
		t.Errorf("the application still shows the chart: %s", text)
	}
}

// TestAClinicianLaunchesAnApplicationForAPatient: from the launch page to the
// application with the patient in context (EHR launch).
func TestAClinicianLaunchesAnApplicationForAPatient(t *testing.T) {
	d, dir := startDemo(t)
	b := &browser{t, service.Chromium(t, shown(t, dir))}
	b.open(d.Issuer + "/launch")
	b.signIn("dr-adams", d.Users["dr-adams"].Password)
	b.fill("input[name=name]", "Rivera")
	b.press("form[action$='/launch'] button")
	b.press("button[name=patient][value=amy]")
	b.press("button[name=app][value=chart-app]")
	b.press("button[value=allow]")
	b.await("the chart", chart)
	if name := b.text("#name"); !strings.Contains(name, "Amy") {
		t.Errorf("the application shows the chart of %q", name)
	}
	if text := b.text("#context"); !strings.Contains(text, "amy") {
		t.Errorf("the launch context is %q", text)
	}
}
