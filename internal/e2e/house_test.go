package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak"
	"firebreak/internal/service"
	"firebreak/smart/client"
	"firebreak/smart/person"
)

func TestMain(m *testing.M) { service.Main(m) }

// house is a running server.
type house struct {
	*firebreak.Instance
	t       *testing.T
	base    string
	issuer  string
	letters string
	http    *http.Client
}

// words is a log that the test shows when it fails.
type words struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// open opens a server with the authorization server, and serves until the test
// ends. Browsers know the issuer as localhost and the records as 127.0.0.1.
func open(t *testing.T, change func(*firebreak.Config)) *house {
	t.Helper()
	a := service.TheAuthority(t)
	cfg := firebreak.DefaultConfig()
	cfg.Dir = t.TempDir()
	cfg.Listen, cfg.Base = "127.0.0.1:0", "https://127.0.0.1:0/fhir"
	cfg.TLS.Cert, cfg.TLS.Key = a.Cert, a.Key
	cfg.Smart.Enabled, cfg.Smart.Issuer, cfg.Smart.Name = true, "https://localhost:0/auth", "North Hospital"
	cfg.Smart.Letters = filepath.Join(cfg.Dir, "letters")
	if change != nil {
		change(&cfg)
	}
	log := &words{}
	i, err := firebreak.Open(t.Context(), cfg, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx, nil) }()
	h := &house{Instance: i, t: t, base: i.Base(), issuer: i.Issuer(), letters: cfg.Smart.Letters, http: &http.Client{Transport: trusting(t)}}
	t.Cleanup(func() {
		h.http.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := i.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", log)
		}
	})
	return h
}

// trusting is a way to servers of the authority, which shows what certificates
// it is given.
func trusting(t *testing.T, mine ...tls.Certificate) *http.Transport {
	t.Helper()
	ca, err := os.ReadFile(service.TheAuthority(t).CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: mine}, ForceAttemptHTTP2: true}
}

// ward fills the server: amy of the north with a visit and a dozen observations,
// sam of the south, and those who treat them.
func (h *house) ward() {
	h.t.Helper()
	var directory, north, south []string
	for _, org := range []string{"north", "south"} {
		directory = append(directory, fmt.Sprintf(`{"resourceType":"Organization","id":%q,"name":%q}`, org, org))
	}
	for _, who := range []string{"dr-adams", "nurse-bell", "dr-otto"} {
		directory = append(directory, fmt.Sprintf(`{"resourceType":"Practitioner","id":%q,"name":[{"family":%q}]}`, who, who))
	}
	north = append(north, `{"resourceType":"Patient","id":"amy","name":[{"family":"Ames","given":["Amy"]}],"birthDate":"1990-01-02"}`)
	north = append(north, `{"resourceType":"Encounter","id":"visit","status":"finished","subject":{"reference":"Patient/amy"},
		"class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"period":{"start":"2026-11-12T09:00:00Z"}}`)
	for n := range 12 {
		north = append(north, fmt.Sprintf(`{"resourceType":"Observation","id":"pulse-%d","status":"final","subject":{"reference":"Patient/amy"},
			"code":{"coding":[{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}]},
			"category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}]}],
			"effectiveDateTime":"2026-11-%02d","valueQuantity":{"value":%d,"unit":"/min"}}`, n+1, n+1, 60+n))
	}
	south = append(south, `{"resourceType":"Patient","id":"sam","name":[{"family":"South","given":["Sam"]}]}`,
		`{"resourceType":"Observation","id":"sams","status":"final","subject":{"reference":"Patient/sam"},"code":{"text":"weight"}}`)
	for _, part := range []struct {
		org     string
		records []string
	}{{"", directory}, {"Organization/north", north}, {"Organization/south", south}} {
		var entries []string
		for _, r := range part.records {
			var at struct{ ResourceType, ID string }
			if err := json.Unmarshal([]byte(r), &at); err != nil {
				h.t.Fatal(err)
			}
			entries = append(entries, fmt.Sprintf(`{"resource":%s,"request":{"method":"PUT","url":"%s/%s"}}`, r, at.ResourceType, at.ID))
		}
		done, err := h.Import(h.t.Context(), firebreak.Import{Writer: firebreak.Writer{Organization: part.org}, RequestID: "ward " + part.org, Peer: "test",
			Bundle: []byte(`{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`)})
		if err != nil || done.Status >= 300 {
			h.t.Fatalf("the ward of %q: %d %s %v", part.org, done.Status, done.Outcome, err)
		}
	}
}

// register registers an application as an operator does.
func (h *house) register(c client.Client) (secret string) {
	h.t.Helper()
	secret, err := h.SetClient(h.t.Context(), c)
	if err != nil {
		h.t.Fatal(err)
	}
	return secret
}

// invite makes an account of the embedded directory; its password is returned.
func (h *house) invite(login, fhirUser, organization string, roles ...string) string {
	h.t.Helper()
	n := person.Newcomer{Login: login, Display: login, Email: login + "@hospital.example", FHIRUser: fhirUser, Organization: organization}
	for _, r := range roles {
		n.Roles = append(n.Roles, person.RoleGrant{Role: r})
	}
	if _, err := h.Invite(h.t.Context(), n); err != nil {
		h.t.Fatal(err)
	}
	letters, err := filepath.Glob(filepath.Join(h.letters, "*.txt"))
	if err != nil {
		h.t.Fatal(err)
	}
	password := "long-" + strings.ToLower(rand.Text())
	for _, l := range letters {
		b, err := os.ReadFile(l)
		if err != nil {
			h.t.Fatal(err)
		}
		if !strings.Contains(string(b), "\nLogin: "+login+"\n") {
			continue
		}
		_, rest, _ := strings.Cut(string(b), "\nLink: ")
		link, _, _ := strings.Cut(rest, "\n")
		u, err := url.Parse(link)
		if err != nil {
			h.t.Fatal(err)
		}
		if err := h.Accept(h.t.Context(), u.Query().Get("token"), password); err != nil {
			h.t.Fatal(err)
		}
		return password
	}
	h.t.Fatalf("%s was sent no letter", login)
	return ""
}

// reply is what a server answered.
type reply struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (r reply) text(name string) string { s, _ := r.json[name].(string); return s }

// ask sends one request.
func ask(t *testing.T, c *http.Client, req *http.Request) reply {
	t.Helper()
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := reply{status: res.StatusCode, header: res.Header, body: string(b)}
	_ = json.Unmarshal(b, &out.json)
	return out
}

func request(t *testing.T, method, url string, form url.Values) *http.Request {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req
}

// read reads a record, or searches, with an access token.
func (h *house) read(token, what string) reply {
	h.t.Helper()
	req := request(h.t, "GET", h.base+"/"+what, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	return ask(h.t, h.http, req)
}

// post sends a form to the authorization server.
func (h *house) post(path string, form url.Values) reply {
	h.t.Helper()
	return ask(h.t, h.http, request(h.t, "POST", h.issuer+path, form))
}

// becomes asks until the answer is what it must become: what others do by
// themselves, such as telling us of a logout, takes a moment.
func becomes(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for end := time.After(30 * time.Second); !yes(); {
		select {
		case <-end:
			t.Fatalf("%s: it does not come", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// quote is a text as a script has it.
func quote(s string) string { return fmt.Sprintf("%q", s) }

// claim is one of a JWT's, whoever signed it.
func claim(t *testing.T, token, name string) any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", token)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return all[name]
}
