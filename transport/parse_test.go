package transport

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"testing"
)

func TestCanonicalPathsHaveOneForm(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"root", "/", ""},
		{"plain", "/fhir/Patient/1", "/fhir/Patient/1"},
		{"slash at the end", "/fhir/Patient/", "/fhir/Patient"},
		{"needless escapes", "/fhir/%50atient/%24everything", "/fhir/Patient/$everything"},
		{"dots in an id", "/fhir/Patient/a.b..c", "/fhir/Patient/a.b..c"},
		{"compartment", "/Patient/1/*", "/Patient/1/*"},
	} {
		if got, ok := canonical(c.in); !ok || got != c.want {
			t.Errorf("%s: canonical(%q) = %q, %v, want %q", c.name, c.in, got, ok, c.want)
		}
	}
	for _, bad := range []string{"", "a", "//", "/a//b", "/a//", "/.", "/a/..", "/a/./b", "/a/%2e%2e", "/a%2fb", "/a%5cb", "/a\\b",
		"/%25", "/%252f", "/a%00", "/a%0a", "/a b", "/a%20", "/a%7f", "/%", "/%4", "/%4g", "/é", "/%c3%a9", "/a?b", "/a%3fb", "/a#b", "/a|b", "/<a>"} {
		if got, ok := canonical(bad); ok {
			t.Errorf("canonical(%q) = %q, want refusal", bad, got)
		}
	}
}

func TestOnlyPathsUnderThePrefixAreBelow(t *testing.T) {
	for _, c := range []struct {
		path, prefix, want string
		ok                 bool
	}{
		{"/fhir", "/fhir", "", true},
		{"/fhir/Patient", "/fhir", "Patient", true},
		{"/fhirs", "/fhir", "", false},
		{"/", "/fhir", "", false},
		{"/FHIR/Patient", "/fhir", "", false},
		{"", "", "", true},
		{"/Patient", "", "Patient", true},
	} {
		if got, ok := below(c.path, c.prefix); got != c.want || ok != c.ok {
			t.Errorf("below(%q, %q) = %q, %v, want %q, %v", c.path, c.prefix, got, ok, c.want, c.ok)
		}
	}
}

func TestRoutesHoldFHIRsWordsOnly(t *testing.T) {
	for in, want := range map[string]string{
		"": "/", "metadata": "metadata", "_history": "_history", "_search": "_search", "$export": "$operation", "$x/y": "other",
		".well-known/smart-configuration": ".well-known/smart-configuration", ".well-known/x": "other",
		"Patient": "Patient", "Patient/1": "Patient/{id}", "Patient/_search": "Patient/_search", "Patient/_history": "Patient/_history",
		"Patient/$match": "Patient/$operation", "Patient/1/_history": "Patient/{id}/_history", "Patient/1/_history/2": "Patient/{id}/_history/{version}",
		"Patient/1/$everything": "Patient/{id}/$operation", "Patient/1/Observation": "Patient/{id}/Observation", "Patient/1/*": "Patient/{id}/*",
		"Patient/1/Observation/_search": "Patient/{id}/Observation/_search", "Patient/1/Smith": "Patient/{id}/other",
		"Patient/1/_history/2/3": "Patient/{id}/other", "Smith": "other", "Smith/1": "other", "HumanName": "other",
	} {
		if got := route(in); got != want {
			t.Errorf("route(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestChunkSizesAreBounded(t *testing.T) {
	for in, want := range map[string]bool{"ffffffff\r\n": true, "000000002\r\n": false, "10000000000000002\r\n": false, "2;" + strings.Repeat("a", 300): false} {
		var c chunking
		if _, _, ok := c.scan([]byte(in)); ok != want {
			t.Errorf("%.20q passes: %v, want %v", in, ok, want)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"/fhir/Patient/1", "/%50/", "/a/%2e%2e/b", "/%252f", "/a\x00", "//"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, ok := canonical(in)
		if !ok {
			return
		}
		if again, ok := canonical("/" + strings.TrimPrefix(p, "/")); !ok || again != p {
			t.Errorf("canonical(%q) = %q, and of that %q, %v", in, p, again, ok)
		}
		if strings.ContainsAny(p, "%\\?#\x00\r\n ") || strings.Contains(p+"/", "/../") || strings.Contains(p, "//") {
			t.Errorf("canonical(%q) = %q", in, p)
		}
	})
}

// FuzzHead compares with net/http: what passes must mean the same there, and
// what is cut anywhere must be judged the same.
func FuzzHead(f *testing.F) {
	for _, s := range []string{
		"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n",
		"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET https://a/b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
		"GET /a HTTP/1.0\r\nHost: a\r\nA: \x80\r\n\r\nrest",
		"GET /a HTTP/1.1\r\nHost: a\nB: c\r\n\r\n",
	} {
		f.Add(s, uint8(7))
	}
	l := Limits{}.withDefaults()
	f.Fuzz(func(t *testing.T, in string, at uint8) {
		b := []byte(in)
		var h head
		end, bad := h.scan(b, &l)

		var cut head
		n := min(int(at), len(b))
		end2, bad2 := cut.scan(b[:n], &l)
		if end2 == 0 && bad2 == none {
			end2, bad2 = cut.scan(b, &l)
		}
		if end != end2 || bad != bad2 {
			t.Fatalf("whole %d %d, cut at %d %d %d", end, bad, n, end2, bad2)
		}
		if bad != none || end == 0 {
			return
		}
		r := bufio.NewReader(bytes.NewReader(b[:end]))
		req, err := http.ReadRequest(r)
		if err != nil {
			return // net/http is stricter; the guard rewrites its answer
		}
		length := h.length
		if h.chunked {
			length = -1
		}
		if r.Buffered() != 0 || req.ContentLength != length && req.Method != "CONNECT" {
			t.Errorf("length %d and %d left, net/http has %d", length, r.Buffered(), req.ContentLength)
		}
		if host := string(h.host.of(b)); !strings.EqualFold(req.Host, host) && req.Method != "CONNECT" {
			t.Errorf("host %q, net/http has %q", host, req.Host)
		}
	})
}

// FuzzChunks compares with net/http's reader: where it sees the end, so do we,
// and what it refuses never passes as complete.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{"2\r\n{}\r\n0\r\n\r\n", "a;b=c\r\n0123456789\r\n00\r\n\r\nGET", "2\r\n{}\n0\r\n\r\n", "0\r\nA: b\r\n\r\n", "ffffffffff\r\n"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, in string, at uint8) {
		b := []byte(in)
		var c chunking
		n, done, ok := c.scan(b)

		var cut chunking
		m := min(int(at), len(b))
		n1, done1, ok1 := cut.scan(b[:m])
		if ok1 && !done1 {
			var n2 int
			n2, done1, ok1 = cut.scan(b[n1:])
			n1 += n2
		}
		if ok != ok1 || done != done1 || ok && n != n1 {
			t.Fatalf("whole %d %v %v, cut at %d %d %v %v", n, done, ok, m, n1, done1, ok1)
		}
		if !done {
			return
		}
		r := bufio.NewReader(bytes.NewReader(b[:n]))
		if _, err := io.Copy(io.Discard, httputil.NewChunkedReader(r)); err != nil {
			t.Fatalf("passed, but net/http says %v", err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "\r\n" {
			t.Errorf("net/http ends %d bytes earlier", len(rest)-2)
		}
	})
}
