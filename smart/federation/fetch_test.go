package federation

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"firebreak/clock"
)

// endless is a server whose answers never end.
type endless struct {
	asked   []string
	patient bool // somebody would have waited for ever
}

func (e *endless) RoundTrip(r *http.Request) (*http.Response, error) {
	e.asked = append(e.asked, r.URL.String())
	if end, ok := r.Context().Deadline(); !ok || time.Until(end) > patience {
		e.patient = true
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(zeroes{}), Request: r}, nil
}

type zeroes struct{}

func (zeroes) Read(b []byte) (int, error) { return len(b), nil }

func TestOnlySafeURLsAreFetchedAndOnlySoMuch(t *testing.T) {
	for _, c := range []struct {
		url  string
		want error
	}{
		{"https://a.example/keys", errLarge},
		{"http://127.0.0.1/keys", errLarge},
		{"http://[::1]/keys", errLarge},
		{"http://a.example/keys", errPlain},
		{"http://localhost/keys", errPlain}, // a name may lead anywhere
		{"http://127.0.0.1.a.example/keys", errPlain},
		{"https://user@a.example/keys", errPlain},
		{"ftp://a.example/keys", errPlain},
	} {
		e := &endless{}
		client := newClient(Config{PlainLoopback: true}, e, clock.NewFixed(time.Unix(1, 0)))
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r, err := http.NewRequest(method, c.url, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Do(r); !errors.Is(err, c.want) {
				t.Errorf("%s %s: %v, want %v", method, c.url, err, c.want)
			}
		}
		if e.patient {
			t.Errorf("%s: no limit on the time", c.url)
		}
		if asked := len(e.asked) > 0; asked != (c.want == errLarge) {
			t.Errorf("%s: asked %v", c.url, e.asked)
		}
	}
}
