package e2e

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// visitor is somebody at a browser without scripts: cookies, redirects, forms.
type visitor struct {
	t    *testing.T
	http http.Client
	back string // a redirect to it ends the journey
}

// page is what a visitor was shown, or where they were sent in the end.
type page struct {
	v      *visitor
	status int
	at     *url.URL
	body   string
	sent   url.Values // the parameters of back; nil before that
}

func newVisitor(t *testing.T, way http.RoundTripper, back string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, back: back, http: http.Client{Transport: way, Jar: jar}}
	v.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), back) {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return v
}

func (v *visitor) open(to string) page {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), "GET", to, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.follow(req)
}

func (v *visitor) follow(req *http.Request) page {
	v.t.Helper()
	res, err := v.http.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	p := page{v: v, status: res.StatusCode, at: res.Request.URL, body: string(b)}
	if to, err := res.Location(); err == nil {
		p.at, p.sent = to, to.Query()
	}
	return p
}

var (
	formTag   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputTag  = regexp.MustCompile(`(?s)<input([^>]*)>`)
	attribute = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

func attributes(tag string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

// submit sends the form whose action ends so, as it stands but for the fields
// given, by name and value in turn; "+name" is one more of that name.
func (p page) submit(action string, fields ...string) page {
	p.v.t.Helper()
	for _, m := range formTag.FindAllStringSubmatch(p.body, -1) {
		to := attributes(m[1])["action"]
		if !strings.HasSuffix(to, action) {
			continue
		}
		values := url.Values{}
		for _, in := range inputTag.FindAllStringSubmatch(m[2], -1) {
			a := attributes(in[1])
			_, ticked := a["checked"]
			if choice := a["type"] == "checkbox" || a["type"] == "radio"; a["name"] != "" && (!choice || ticked) {
				values.Add(a["name"], a["value"])
			}
		}
		for n := 0; n < len(fields); n += 2 {
			if more, ok := strings.CutPrefix(fields[n], "+"); ok {
				values.Add(more, fields[n+1])
				continue
			}
			values.Set(fields[n], fields[n+1])
		}
		u, err := p.at.Parse(to)
		if err != nil {
			p.v.t.Fatal(err)
		}
		req := request(p.v.t, "POST", u.String(), values)
		req.Header.Set("Origin", p.at.Scheme+"://"+p.at.Host)
		return p.v.follow(req)
	}
	p.v.t.Fatalf("%d %s: no form leads to %q: %s", p.status, p.at, action, p.body)
	return page{}
}

// code is what the application is sent when the person has agreed.
func (p page) code() string {
	p.v.t.Helper()
	if p.sent.Get("code") == "" {
		p.v.t.Fatalf("%d %s: no code: %s", p.status, p.at, p.body)
	}
	return p.sent.Get("code")
}
