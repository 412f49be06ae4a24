package ui_test

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"firebreak/internal/service"
)

//go:embed testdata/look.js
var look string

func TestMain(m *testing.M) { service.Main(m) }

// showcase serves the gallery as the server would: with each page's policy.
func showcase(t *testing.T, list []specimen) *httptest.Server {
	t.Helper()
	p := newPages(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/assets/", func(w http.ResponseWriter, r *http.Request) {
		a, ok := p.Asset(r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", a.Type)
		_, _ = w.Write(a.Content)
	})
	for _, s := range list {
		out, err := p.Render(s.view)
		if err != nil {
			t.Fatal(err)
		}
		mux.HandleFunc("/"+s.name, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", out.CSP)
			_, _ = w.Write(out.HTML)
		})
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

// faults is what testdata/look.js finds on the page as it is shown now.
type faults struct {
	Overflow []string // elements that stick out of the window
	Contrast []string // texts too faint for their ground
	Small    []string // controls too small to hit
}

// screen is a window's width and colour scheme; the movement is left out.
func screen(width int64, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 800, DeviceScaleFactor: 1, Mobile: width < 500})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
		return err
	})
}

// TestPagesCanBeReadOnAnyScreen looks at each page as people do: on a desk and
// on a phone, in light and in dark, scripts and policy in force. With
// FIREBREAK_SCREENSHOTS set to a folder it keeps what it saw there.
func TestPagesCanBeReadOnAnyScreen(t *testing.T) {
	ctx := service.Chromium(t)
	list := gallery(t)
	srv := showcase(t, list)
	console := &notes{}
	if err := chromedp.Listen(ctx, console.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if strings.HasSuffix(s.name, "-empty") && os.Getenv("FIREBREAK_SCREENSHOTS") == "" {
			continue // nothing in it that the others don't have
		}
		if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/"+s.name)); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int64{1280, 360, 320} {
			for _, scheme := range []string{"light", "dark"} {
				if !worth(s.name, width, scheme) {
					continue
				}
				lookAt(t, ctx, s.name, width, scheme)
			}
		}
		if said := console.take(); len(said) > 0 && !made(s.name) {
			t.Errorf("%s: the browser complains: %q", s.name, said)
		}
	}
}

// worth is whether a look shows what no other does: colours don't hang on
// content, and a narrow window is the harder one. Screenshots want them all.
func worth(name string, width int64, scheme string) bool {
	switch {
	case os.Getenv("FIREBREAK_SCREENSHOTS") != "":
		return true
	case strings.HasSuffix(name, "-long"), strings.HasSuffix(name, "-hostile"):
		return width == 320 && scheme == "light"
	case width == 1280:
		return true
	}
	return (width == 320) == (scheme == "light")
}

// made is whether a page holds content that makes a browser complain of odd values.
func made(name string) bool {
	return strings.HasSuffix(name, "-empty") || strings.HasSuffix(name, "-long") || strings.HasSuffix(name, "-hostile")
}

func lookAt(t *testing.T, ctx context.Context, name string, width int64, scheme string) {
	t.Helper()
	if err := chromedp.Do(ctx, screen(width, scheme)); err != nil {
		t.Fatal(err)
	}
	f, err := chromedp.Run(ctx, chromedp.Evaluate[faults](look))
	if err != nil {
		t.Fatal(err)
	}
	for what, found := range map[string][]string{"sticks out": f.Overflow, "is too faint": f.Contrast, "is too small": f.Small} {
		for _, it := range found {
			t.Errorf("%s, %d wide, %s: %s %s", name, width, scheme, it, what)
		}
	}
	if dir := os.Getenv("FIREBREAK_SCREENSHOTS"); dir != "" && width != 320 {
		shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), shot, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// notes are what the browser says of pages: refused by policy, not found.
type notes struct {
	mu   sync.Mutex
	said []string
}

func (n *notes) hear(event any) {
	if e, ok := event.(*log.EventEntryAdded); ok && !strings.Contains(e.Entry.URL, "favicon") {
		n.mu.Lock()
		n.said = append(n.said, e.Entry.Text+" "+e.Entry.URL)
		n.mu.Unlock()
	}
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	said := n.said
	n.said = nil
	return said
}

// focused tells what has the focus and whether one can see that.
const focused = `(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "";
  const seen = [e, e.closest("label")].some((x) => { if (!x) return false; const s = getComputedStyle(x);
    return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; });
  return all().indexOf(e) + (seen ? "" : " can't be seen: " + e.outerHTML.slice(0, 120));
})()`

const tabbable = `window.all = () => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter((e) =>
  e.checkVisibility() && !e.disabled && e.type !== "hidden" &&
  (e.type !== "radio" || e.checked || ![...e.form.elements[e.name]].some((r) => r.checked)));
  document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute("tabindex"); all().length`

// TestTheKeyboardReachesEverythingInOrder presses Tab through each page.
func TestTheKeyboardReachesEverythingInOrder(t *testing.T) {
	ctx := service.Chromium(t)
	list := realistic(t)
	srv := showcase(t, list)
	for _, s := range list {
		if strings.Contains(s.name, "-") {
			continue // a second state of a page
		}
		if err := chromedp.Do(ctx, chromedp.Navigate(srv.URL+"/"+s.name)); err != nil {
			t.Fatal(err)
		}
		n, err := chromedp.Run(ctx, chromedp.Evaluate[int](tabbable))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for press := 0; (len(got) < n || got[len(got)-1] != fmt.Sprint(n-1)) && press < n+20; press++ {
			if err := chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab)); err != nil {
				t.Fatal(err)
			}
			at, err := chromedp.Run(ctx, chromedp.Evaluate[string](focused))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) == 0 || got[len(got)-1] != at { // a date has several stops
				got = append(got, at)
			}
		}
		var want []string
		for i := range n {
			want = append(want, fmt.Sprint(i))
		}
		if n == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: Tab reaches %q, want %q", s.name, got, want)
		}
	}
}
