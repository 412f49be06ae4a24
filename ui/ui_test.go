package ui_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"firebreak/ui"
)

func TestThePolicyAllowsOnlyOurOwn(t *testing.T) {
	p := newPages(t)
	out, err := p.Render(consent(), "https://app.example.org", "org.example.app:")
	if err != nil {
		t.Fatal(err)
	}
	const want = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; " +
		"form-action 'self' https://app.example.org org.example.app:; " +
		"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
	if out.CSP != want {
		t.Errorf("policy %s\nwant   %s", out.CSP, want)
	}
	for _, bad := range []string{"*", "'unsafe-inline'", "https://a.example; script-src *", "https://a.example b", "", "https://a.example/path", "https://a.example\r\nX: y"} {
		if out, err := p.Render(consent(), bad); err == nil {
			t.Errorf("Render with the source %q: %s", bad, out.CSP)
		}
	}
	if _, err := p.Render(nil); err == nil {
		t.Error("no view is rendered")
	}
}

func TestFormActionIsAnOriginOrAScheme(t *testing.T) {
	for _, c := range []struct {
		uri, want string
		ok        bool
	}{
		{"https://app.example.org/cb?x=1#y", "https://app.example.org", true},
		{"https://app.example.org:8443/cb", "https://app.example.org:8443", true},
		{"http://127.0.0.1:3000/cb", "http://127.0.0.1:3000", true},
		{"http://[::1]:3000/cb", "http:", true},
		{"org.example.app:/cb", "org.example.app:", true},
		{"org.example.app://host/cb", "org.example.app:", true},
		{"https://app.example.org;script-src/", "", false},
		{"https://user:pw@app.example.org/", "https://app.example.org", true},
		{"javascript:alert(1)", "", false},
		{"JAVASCRIPT:alert(1)", "", false},
		{"data:text/html,x", "", false},
		{"/cb", "", false},
		{"https:///cb", "", false},
		{"https://*.example.org/", "", false},
		{"https://a b/", "", false},
		{"", "", false},
	} {
		if got, ok := ui.FormAction(c.uri); ok != c.ok || ok && got != c.want {
			t.Errorf("FormAction(%q) = %q, %t, want %q, %t", c.uri, got, ok, c.want, c.ok)
		}
	}
}

func TestAFormActionIsAlwaysASourceForRender(t *testing.T) {
	p := newPages(t)
	rapid.Check(t, func(t *rapid.T) {
		uri := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z]{1,5}:/{0,2}[a-z.;' \[\]:*0-9]{0,12}`)).Draw(t, "uri")
		source, ok := ui.FormAction(uri)
		if !ok {
			return
		}
		out, err := p.Render(&ui.SignedOut{}, source)
		if err != nil {
			t.Fatalf("FormAction(%q) = %q: %v", uri, source, err)
		}
		if strings.Count(out.CSP, ";") != 8 || strings.Contains(source, " ") {
			t.Fatalf("FormAction(%q) = %q changes the policy: %s", uri, source, out.CSP)
		}
	})
}

func TestAssetsAreNamedByTheirContent(t *testing.T) {
	p := newPages(t)
	out, err := p.Render(&ui.SignIn{Passkey: &ui.Passkey{Options: "{}"}})
	if err != nil {
		t.Fatal(err)
	}
	page, err := parse(string(out.HTML))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	seen := map[string]int{}
	for _, e := range page.inside {
		at := e.attr["src"]
		if e.name == "link" {
			at = e.attr["href"]
		}
		if at == "" {
			continue
		}
		a, ok := p.Asset(at)
		if !ok || len(a.Content) == 0 || a.Type != want[filepath.Ext(at)] {
			t.Errorf("Asset(%q) = %d bytes of %q, %t", at, len(a.Content), a.Type, ok)
		}
		seen[filepath.Ext(at)]++
	}
	if seen[".css"] != 1 || seen[".js"] != 2 || seen[".svg"] < 2 {
		t.Errorf("the page refers to %v", seen)
	}
	for _, path := range []string{"", "/auth/assets/", "/auth/assets/page.css", "/auth/assets/../ui.go", "/auth/assets/page.0000000000000000.css"} {
		if _, ok := p.Asset(path); ok {
			t.Errorf("Asset(%q) is there", path)
		}
	}
}

// routes are the constants of routes.go.
func routes(t *testing.T) map[string]string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "routes.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			path, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out["/auth"+path] = v.Names[0].Name
		}
		return true
	})
	return out
}

func TestPagesLeadOnlyWhereTheRoutesSay(t *testing.T) {
	known := routes(t)
	used := map[string]bool{}
	eachPage(t, func(t *testing.T, s specimen, page *element) {
		for _, e := range page.inside {
			to := e.attr["action"]
			if e.name == "a" {
				to = e.attr["href"]
			}
			own, _, _ := strings.Cut(to, "?")
			if own == "" || strings.HasPrefix(own, "#") || strings.HasPrefix(s.name, "message") || strings.HasPrefix(s.name, "signedout") {
				continue // leads where the caller says
			}
			if known[own] == "" {
				t.Errorf("<%s> leads to %q, which no route is", e.name, to)
			}
			used[own] = true
		}
	})
	for path, name := range known {
		if !used[path] {
			t.Errorf("no page leads to %s (%s)", path, name)
		}
	}
}

// The parts of consent's two choices.
const (
	conditions   = "patient/Condition.rs"
	observations = "patient/Observation.rs"
)

func TestConsentGrantsWhatWasChosen(t *testing.T) {
	for _, c := range []struct {
		name string
		form map[string][]string
		want []string
	}{
		{"nothing chosen", map[string][]string{}, []string{"openid"}},
		{"a whole and a part", map[string][]string{"scope": {"fhirUser", observations + "?category=l", conditions + "?category=p"}, "take:" + conditions: {"all"}, "take:" + observations: {"some"}},
			[]string{"openid", "fhirUser", conditions, conditions + "?category=p", conditions + "?category=e", conditions + "?category=h", observations, observations + "?category=l"}},
		{"parts ticked, but none taken", map[string][]string{"scope": {observations + "?category=l"}, "take:" + observations: {"none"}}, []string{"openid"}},
		{"parts ticked, and nothing said of the whole", map[string][]string{"scope": {observations + "?category=l"}}, []string{"openid"}},
		{"some without any part", map[string][]string{"take:" + observations: {"some"}}, []string{"openid"}},
		{"the whole posted as a tick", map[string][]string{"scope": {observations}}, []string{"openid"}},
		{"the whole posted as a part", map[string][]string{"scope": {observations}, "take:" + observations: {"some"}}, []string{"openid"}},
		{"two answers to one question", map[string][]string{"take:" + observations: {"none", "all"}}, []string{"openid"}},
		{"what was not offered", map[string][]string{"scope": {"system/*.cruds", "offline_access"}, "take:system/*.rs": {"all"}}, []string{"openid", "offline_access"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := consent().Granted(c.form); !slices.Equal(got, c.want) {
				t.Errorf("Granted = %q, want %q", got, c.want)
			}
		})
	}
}

func TestConsentGrantsPartsOfParts(t *testing.T) {
	form := map[string][]string{"take:*": {"some"}, "take:c": {"some"}, "take:o": {"all"}, "scope": {"c2"}}
	if got, want := everything().Granted(form), []string{"*", "c", "c2", "o", "o1", "o2"}; !slices.Equal(got, want) {
		t.Errorf("Granted = %q, want %q", got, want)
	}
	form["take:*"] = []string{"none"}
	if got := everything().Granted(form); len(got) != 0 {
		t.Errorf("Granted = %q of what was not taken", got)
	}
}

func TestConsentNeverGrantsMoreThanWasOffered(t *testing.T) {
	for _, v := range []*ui.Consent{consent(), everything()} {
		parent := map[string]string{}
		var walk func(of string, list []ui.ScopeChoice)
		walk = func(of string, list []ui.ScopeChoice) {
			for _, c := range list {
				parent[c.ID] = of
				walk(c.ID, c.Parts)
			}
		}
		for _, g := range v.Groups {
			walk("", g.Choices)
		}
		walk("", []ui.ScopeChoice{*v.Offline})
		ids := append(slices.Sorted(maps.Keys(parent)), "system/*.cruds", "")
		rapid.Check(t, func(t *rapid.T) {
			form := map[string][]string{"scope": rapid.SliceOf(rapid.SampledFrom(ids)).Draw(t, "scope")}
			for _, id := range ids {
				form["take:"+id] = rapid.SliceOfN(rapid.SampledFrom([]string{"all", "some", "none", ""}), 0, 2).Draw(t, "take")
			}
			got := v.Granted(form)
			for i, id := range got {
				of, offered := parent[id]
				if !offered || slices.Contains(got[:i], id) || of != "" && !slices.Contains(got[:i], of) {
					t.Fatalf("Granted = %q", got)
				}
				if take := form["take:"+of]; of != "" && !slices.Equal(take, []string{"all"}) && !slices.Equal(take, []string{"some"}) && !slices.Equal(form["take:"+parent[of]], []string{"all"}) {
					t.Fatalf("Granted = %q, though %s was not taken: %q", got, of, take)
				}
			}
		})
	}
}

func TestAnUnchangedConsentGrantsWhatIsSet(t *testing.T) {
	// What a browser posts when nothing is touched, read from the page itself.
	p := newPages(t)
	for _, c := range []struct {
		view *ui.Consent
		want []string
	}{
		{consent(), []string{"openid", "fhirUser", "patient/Patient.rs", conditions, conditions + "?category=p", conditions + "?category=e", conditions + "?category=h",
			observations, observations + "?category=l", observations + "?category=v", "offline_access"}},
		{everything(), []string{"*", "c", "c1", "m", "offline_access"}},
	} {
		out, err := p.Render(c.view)
		if err != nil {
			t.Fatal(err)
		}
		page, err := parse(string(out.HTML))
		if err != nil {
			t.Fatal(err)
		}
		form := map[string][]string{}
		for _, e := range page.inside {
			_, checked := e.attr["checked"]
			_, disabled := e.attr["disabled"]
			if kind := e.attr["type"]; (kind == "checkbox" || kind == "radio") && checked && !disabled {
				form[e.attr["name"]] = append(form[e.attr["name"]], e.attr["value"])
			}
		}
		if got := c.view.Granted(form); !slices.Equal(got, c.want) {
			t.Errorf("Granted = %q, want %q", got, c.want)
		}
	}
}

func TestRenderingIsTheSameEachTime(t *testing.T) {
	p, q := newPages(t), newPages(t)
	for _, s := range realistic(t) {
		a, err := p.Render(s.view)
		if err != nil {
			t.Fatal(err)
		}
		b, err := q.Render(s.view)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.HTML, b.HTML) || a.CSP != b.CSP {
			t.Errorf("%s differs between two renderings", s.name)
		}
	}
}

func TestScriptsLoadNothing(t *testing.T) {
	// The policy forbids it as well; this says so where a reader of the scripts looks.
	list, err := filepath.Glob("assets/*")
	if err != nil || len(list) < 4 {
		t.Fatal(list, err)
	}
	for _, name := range list {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"fetch(", "XMLHttpRequest", "import ", "import(", "@import", "url(", "innerHTML", "eval(", "document.write"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s has %s", name, word)
			}
		}
	}
}

func ExamplePages_Render() {
	pages, err := ui.New(ui.Site{Name: "North Hospital"})
	if err != nil {
		fmt.Println(err)
		return
	}
	back, _ := ui.FormAction("https://app.example.org/callback")
	page, err := pages.Render(&ui.Consent{
		Common: ui.Common{CSRF: "…", Flow: "…", Person: "Amy Shaw"},
		App:    "Growth Chart",
		Groups: []ui.ScopeGroup{{Title: "Health record", Choices: []ui.ScopeChoice{{ID: "patient/Patient.rs", Text: "Read name and birth date"}}}},
	}, back)
	fmt.Println(bytes.Contains(page.HTML, []byte("Growth Chart")), err)
	fmt.Println(strings.Contains(page.CSP, "form-action 'self' https://app.example.org;"))
	// Output:
	// true <nil>
	// true
}

func TestTimesOfFieldsAreTheSites(t *testing.T) {
	p, err := ui.New(ui.Site{Name: "North Hospital", Zone: time.FixedZone("CET", 3600)})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	if got := p.Local(at); got != "2026-11-23T00:30" {
		t.Errorf("Local = %q", got)
	}
	if got, ok := p.ParseLocal("2026-11-23T00:30"); !ok || !got.Equal(at) {
		t.Errorf("ParseLocal = %v, %v", got, ok)
	}
	for _, s := range []string{"", "2026-11-23", "2026-11-23T00:30Z", "tomorrow", "2026-13-01T00:00"} {
		if got, ok := p.ParseLocal(s); ok {
			t.Errorf("ParseLocal(%q) = %v", s, got)
		}
	}
}

// TestAGrantTellsTheHourItEnds: most end within the hour, and a day would not
// tell that.
func TestAGrantTellsTheHourItEnds(t *testing.T) {
	page := render(t, newPages(t), &ui.Account{Grants: []ui.Grant{{ID: "g", App: "Chart", Until: at("2026-11-22 17:04")}}})
	if !strings.Contains(string(page.HTML), "22 November 2026, 17:04 UTC") {
		t.Errorf("%s", page.HTML)
	}
}

// TestOneGetsBackToAnApplicationOfAnyScheme, but those that run.
func TestOneGetsBackToAnApplicationOfAnyScheme(t *testing.T) {
	p := newPages(t)
	for uri, want := range map[string]string{"org.example.app:/bye?state=a%22&b": `href="org.example.app:/bye?state=a%22&amp;b"`, "https://app.example/bye": `href="https://app.example/bye"`,
		"javascript:alert(1)": `href=""`, "data:text/html,x": `href=""`, "JavaScript:alert(1)": `href=""`, `org.example.app:/"onclick="x`: `href="org.example.app:/%22onclick=%22x"`} {
		out, err := p.Render(&ui.SignedOut{App: "Growth Chart", ReturnTo: uri})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(out.HTML), want) {
			t.Errorf("%s: %s", uri, out.HTML)
		}
	}
}
