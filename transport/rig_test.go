package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhirjson"
	"firebreak/gate"
	"firebreak/transport"
)

// noRecord makes every event durable by forgetting it.
type noRecord struct{}

func (noRecord) Record(context.Context, []gate.Event) error { return nil }

// answer mints a Reply as the pipeline does.
func answer(status int, body string, header ...[2]string) gate.Reply {
	g := gate.New(nil, nil)
	r, err := g.Close(context.Background(), noRecord{}, g.ReleaseOwn([]byte(body), header, status, false), nil, nil)
	if err != nil {
		panic(err)
	}
	return r
}

func ok(context.Context, fhir.Request) gate.Reply { return answer(200, `{"resourceType":"Basic"}`) }

// rig is a running server and what its clients need.
type rig struct {
	*transport.Server
	roots *x509.CertPool
	log   *buffer
	stop  func() error
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func start(t testing.TB, h transport.Handler, change ...func(*transport.Config)) *rig {
	t.Helper()
	dir := t.TempDir()
	if err := transport.LocalCA(dir, nil, clock.System{}); err != nil {
		t.Fatal(err)
	}
	f := transport.LocalCAFiles(dir)
	r := &rig{roots: x509.NewCertPool(), log: new(buffer)}
	ca, err := os.ReadFile(f.CA)
	if err != nil || !r.roots.AppendCertsFromPEM(ca) {
		t.Fatalf("the CA's certificate: %v", err)
	}
	cfg := transport.Config{
		Listen: "127.0.0.1:0", Base: "https://127.0.0.1:0/fhir", CertFile: f.Cert, KeyFile: f.Key,
		Hosts:          []string{"fhir.test"},
		AllowedOrigins: []string{"https://app.test"},
		Logger:         slog.New(slog.NewJSONHandler(r.log, nil)),
	}
	for _, c := range change {
		c(&cfg)
	}
	if r.Server, err = transport.New(cfg, h); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { r.Close(); r.stop() })
	return r
}

func (r *rig) tls() *tls.Config { return &tls.Config{RootCAs: r.roots, ServerName: "127.0.0.1"} }

// client speaks HTTP/2 or only HTTP/1.1, and follows nothing.
func (r *rig) client(t testing.TB, h2 bool) *http.Client {
	tr := &http.Transport{TLSClientConfig: r.tls(), ForceAttemptHTTP2: h2, DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// useTLS replaces a client's TLS configuration before its first request.
func (r *rig) useTLS(c *http.Client, cfg *tls.Config) {
	c.Transport.(*http.Transport).TLSClientConfig = cfg
}

func protocols(t *testing.T, f func(t *testing.T, h2 bool)) {
	t.Run("HTTP/1.1", func(t *testing.T) { f(t, false) })
	t.Run("HTTP/2", func(t *testing.T) { f(t, true) })
}

func (r *rig) dial(t testing.TB) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", r.Addr().String(), r.tls())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(clock.System{}.Now().Add(10 * time.Second))
	return c
}

// raw sends bytes and reads one answer.
func (r *rig) raw(t testing.TB, c io.ReadWriter, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatalf("write: %v", err)
	}
	return read(t, bufio.NewReader(c))
}

func read(t testing.TB, b *bufio.Reader) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(b, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("the answer's body: %v", err)
	}
	return res, string(body)
}

func (r *rig) do(t testing.TB, c *http.Client, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, r.Base()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: body: %v", method, path, err)
	}
	return res, string(b)
}

// guarded are the headers of which no answer may lack one.
var guarded = map[string]string{
	"X-Content-Type-Options":       "nosniff",
	"Content-Security-Policy":      "default-src 'none'; sandbox; frame-ancestors 'none'",
	"Referrer-Policy":              "no-referrer",
	"Cache-Control":                "no-store",
	"Strict-Transport-Security":    "max-age=31536000",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Vary":                         "Accept, Authorization, Origin, Prefer",
}

func checkHeaders(t testing.TB, res *http.Response) {
	t.Helper()
	for name, want := range guarded {
		if got := res.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%d: %s = %q, want %q", res.StatusCode, name, got, want)
		}
	}
	for _, name := range []string{"Server", "X-Powered-By", "Set-Cookie"} {
		if got := res.Header.Values(name); got != nil {
			t.Errorf("%d: %s = %q, want none", res.StatusCode, name, got)
		}
	}
	if res.Header.Get("X-Request-Id") == "" || res.Header.Get("Date") == "" {
		t.Errorf("%d: X-Request-Id = %q, Date = %q, want both", res.StatusCode, res.Header.Get("X-Request-Id"), res.Header.Get("Date"))
	}
}

// checkRefusal checks that an answer is an OperationOutcome with that status.
func checkRefusal(t testing.TB, res *http.Response, body string, status int) {
	t.Helper()
	if res.StatusCode != status {
		t.Errorf("status %d, want %d (%s)", res.StatusCode, status, body)
	}
	checkHeaders(t, res)
	if got := res.Header.Get("Content-Type"); got != "application/fhir+json; charset=utf-8" {
		t.Errorf("Content-Type = %q, want FHIR JSON", got)
	}
	doc, err := fhirjson.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%q is not JSON: %v", body, err)
	}
	if got := doc.Root().Field("resourceType").Text(); got != "OperationOutcome" {
		t.Errorf("resourceType = %q, want OperationOutcome", got)
	}
}

// try connects, which fails while the server is full or gone. The handshake is
// brought to the point where the server must have taken the connection.
func (r *rig) try() (*tls.Conn, error) {
	d := tls.Dialer{Config: r.tls()}
	c, err := d.Dial("tcp", r.Addr().String())
	if err != nil {
		return nil, err
	}
	return c.(*tls.Conn), nil
}
