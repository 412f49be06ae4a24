package transport_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/fhirjson"
	"firebreak/gate"
	"firebreak/transport"
)

func placeOf(t *testing.T, body string) string {
	t.Helper()
	doc, err := fhirjson.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return doc.Root().Field("issue").Item(0).Field("expression").Item(0).Text()
}

// places are where the requests of refused are wrong.
var places = map[string]string{
	"length and chunked": "http.Transfer-Encoding", "chunked and length": "http.Transfer-Encoding", "chunked in HTTP/1.0": "http.Transfer-Encoding",
	"chunked twice": "http.Transfer-Encoding", "another transfer coding": "http.Transfer-Encoding", "length twice, equal": "http.Content-Length",
	"length with a sign": "http.Content-Length", "chunk with a bad size": "http.body", "host twice": "http.Host", "another host": "http.Host",
	"authorization twice": "http.Authorization", "if-match twice": "http.If-Match", "if-none-exist twice": "http.If-None-Exist",
	"provenance not in ASCII": "http.X-Provenance", "method override": "http.X-Http-Method-Override", "unknown expectation": "http.Expect",
	"no colon": "http.header", "HTTP/1.2": "http.version", "asterisk": "http.url", "body on GET": "http.body", "TRACE": "http.method",
	"path: dots": "http.path", "path: encoded slash": "http.path", "path: above the base": "http.path",
}

func TestARefusalNamesWhatIsWrong(t *testing.T) {
	r := start(t, ok, limits(transport.Limits{Body: 1000, URL: 200, Header: 400}))
	named := 0
	for _, c := range refused {
		want, known := places[c.name]
		if !known {
			continue
		}
		named++
		_, body := r.raw(t, r.dial(t), c.request)
		if got := placeOf(t, body); got != want {
			t.Errorf("%s: at %q, want %q", c.name, got, want)
		}
	}
	if named != len(places) {
		t.Errorf("%d of %d places were asked for", named, len(places))
	}
	var torn bytes.Buffer
	z := gzip.NewWriter(&torn)
	z.Write([]byte(strings.Repeat("{}", 50)))
	z.Close()
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		at                       string
	}{
		{"damaged gzip", "POST", "/Patient", torn.String()[:torn.Len()-5], []string{"Content-Encoding", "gzip"}, "http.body"},
		{"no gzip", "POST", "/Patient", "{}", []string{"Content-Encoding", "gzip"}, "http.body"},
		{"too large", "POST", "/Patient", strings.Repeat("x", 2000), nil, "http.body"},
		{"too long a URL", "GET", "/Patient?a=" + strings.Repeat("x", 300), "", nil, "http.url"},
		{"too long a header", "GET", "/Patient", "", []string{"Accept", strings.Repeat("x", 500)}, "http.header"},
		{"an encoding", "POST", "/Patient", "{}", []string{"Content-Encoding", "br"}, "http.Content-Encoding"},
		{"the method", "PROPFIND", "/Patient", "", nil, "http.method"},
	} {
		_, body := r.do(t, r.client(t, false), c.method, c.path, c.body, c.header...)
		if got := placeOf(t, body); got != c.at {
			t.Errorf("%s: at %q, want %q", c.name, got, c.at)
		}
	}
}

// A condition that is there and empty must not pass for none.
func TestAnEmptyConditionIsNotAnAbsentOne(t *testing.T) {
	got := make(chan string, 1)
	r := start(t, func(_ context.Context, q fhir.Request) gate.Reply {
		got <- q.IfNoneExist + q.IfMatch + q.IfNoneMatch
		return answer(200, "{}")
	})
	for _, c := range []struct{ field, want string }{
		{"", ""}, {"If-None-Exist:\r\n", "?"}, {"If-None-Exist:  \r\n", "?"}, {"If-None-Exist: a=b\r\n", "a=b"},
		{"If-Match:\r\n", "?"}, {"If-None-Match: \r\n", "?"}, {"If-Match: *\r\n", "*"},
	} {
		r.raw(t, r.dial(t), "POST /fhir/Patient HTTP/1.1\r\nHost: fhir.test\r\n"+c.field+"Content-Length: 2\r\n\r\n{}")
		if is := <-got; is != c.want {
			t.Errorf("%q is read as %q, want %q", c.field, is, c.want)
		}
	}
}
