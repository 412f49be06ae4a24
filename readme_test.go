package firebreak_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"firebreak/clock"
	"firebreak/demo"
)

// What the README shows, but for the place: its commands are run in a folder of
// the test's own, against a port that is free.
const (
	shownDir    = "demo-data"
	shownListen = "127.0.0.1:8443"
)

var fenced = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// shellBlocks are the commands of a document, block by block, without comments.
func shellBlocks(t *testing.T, path string) [][]string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for _, m := range fenced.FindAllSubmatch(b, -1) {
		var block []string
		for line := range strings.Lines(string(m[1])) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				block = append(block, line)
			}
		}
		out = append(out, block)
	}
	return out
}

// demoServer is the demo as `make demo` starts it, with fewer patients.
type demoServer struct {
	*testing.T
	dir, listen string
	client      *http.Client
}

func startDemo(t *testing.T) demoServer {
	t.Helper()
	d := demoServer{T: t, dir: t.TempDir()}
	if out, err := exec.Command("go", "build", "-o", filepath.Join(d.dir, "bin", "firebreak"), "./cmd/firebreak").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	made, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	line := "bin/firebreak demo --dir " + shownDir + " --listen " + shownListen
	if text := strings.ReplaceAll(string(made), "$(DEMO_DIR)", shownDir); !strings.Contains(text, "\t"+line+"\n") || !strings.Contains(text, "DEMO_DIR ?= "+shownDir+"\n") {
		t.Fatalf("make demo does not run %q", line)
	}
	c := exec.Command("sh", "-c", "exec "+strings.Replace(line, shownListen, "127.0.0.1:0", 1)+" --patients 20")
	var errs bytes.Buffer
	c.Dir, c.Stderr = d.dir, &errs
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	killed := time.AfterFunc(2*time.Minute, func() { _ = c.Process.Kill() })
	lines := bufio.NewScanner(out)
	for d.listen == "" && lines.Scan() {
		if base, ok := strings.CutPrefix(lines.Text(), "ready https://"); ok {
			d.listen = strings.TrimSuffix(base, "/fhir")
		}
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, out)
		err := c.Wait()
		killed.Stop()
		if err != nil {
			t.Errorf("the demo ended with %v\n%s", err, errs.Bytes())
		}
	})
	if d.listen == "" {
		t.Fatalf("the demo did not get ready:\n%s", errs.Bytes())
	}
	return d
}

// sh runs a command of the README.
func (d demoServer) sh(line string) string {
	d.Helper()
	c := exec.Command("sh", "-c", strings.ReplaceAll(line, shownListen, d.listen))
	c.Dir = d.dir
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		d.Fatalf("%s: %v\n%s", line, err, errs.Bytes())
	}
	return string(out)
}

// curl does a curl line of the README: the shell takes it apart, token and all,
// and the request is made here, for not every machine has curl. It returns
// status, header and body, without what differs from visit to visit.
func (d demoServer) curl(line string) (int, string) {
	d.Helper()
	args := strings.Split(d.sh(`curl() { for a; do printf '%s\n' "$a"; done; }; `+line), "\n")
	var req *http.Request
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--cacert":
			i++
			d.trust(args[i])
		case arg == "-H":
			i++
		case strings.HasPrefix(arg, "https://"):
			var err error
			if req, err = http.NewRequestWithContext(d.Context(), http.MethodGet, arg, nil); err != nil {
				d.Fatal(err)
			}
		case arg != "":
			d.Fatalf("the test does not know curl's argument %q", arg)
		}
	}
	if i := slices.Index(args, "-H"); i >= 0 {
		name, value, _ := strings.Cut(args[i+1], ": ")
		req.Header.Set(name, value)
	}
	res, err := d.client.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.Fatal(err)
	}
	res.Header.Del("Date")
	res.Header.Del("X-Request-Id")
	var head strings.Builder
	if err := res.Header.Write(&head); err != nil {
		d.Fatal(err)
	}
	return res.StatusCode, head.String() + "\n" + string(body)
}

func (d *demoServer) trust(ca string) {
	d.Helper()
	pem, err := os.ReadFile(filepath.Join(d.dir, ca))
	if err != nil {
		d.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		d.Fatalf("%s holds no certificate", ca)
	}
	d.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}, Timeout: 30 * time.Second}
}

// TestReadmesCommandsDoWhatTheySay runs the README: one request is refused, one
// answered, and one gets the very answer of what never existed, although the
// record is there for those who may see it.
func TestReadmesCommandsDoWhatTheySay(t *testing.T) {
	blocks := shellBlocks(t, "README.md")
	if len(blocks) != 2 || !slices.Equal(blocks[0], []string{"make demo"}) || len(blocks[1]) != 4 {
		t.Fatalf("the README's commands are %q; this test knows make demo, three curls and an explain", blocks)
	}
	refused, answered, hidden, explain := blocks[1][0], blocks[1][1], blocks[1][2], blocks[1][3]
	const never = "Patient/neverwasneverwasne"
	id := regexp.MustCompile(`Patient/[a-z2-7]{20}`).FindString(hidden)
	if want := demo.Examples(demo.Generate(1, clock.System{}.Now(), demo.DefaultPatients))["south-patient"]; id != want {
		t.Errorf("the README's hidden patient is %q; the demo has %q", id, want)
	}
	d := startDemo(t)
	if status, got := d.curl(refused); status != 401 || !strings.Contains(got, "Www-Authenticate: Bearer") {
		t.Errorf("refused: %d\n%s", status, got)
	}
	if status, got := d.curl(answered); status != 200 || !strings.Contains(got, `{"resourceType":"Patient","id":"amy"`) {
		t.Errorf("answered: %d\n%s", status, got)
	}
	status, got := d.curl(hidden)
	if status != 404 {
		t.Errorf("hidden: %d\n%s", status, got)
	}
	if absent, want := d.curl(strings.Replace(hidden, id, never, 1)); absent != status || want != got {
		t.Errorf("hidden:\n%d %s\nnever there:\n%d %s", status, got, absent, want)
	}
	if status, got := d.curl(strings.Replace(hidden, "dr-adams", "dr-chen", 1)); status != 200 {
		t.Errorf("the hidden patient is not there for dr-chen either: %d\n%s", status, got)
	}
	if got := d.sh(explain); !strings.Contains(got, "verdict: hidden by both nets") {
		t.Errorf("explain:\n%s", got)
	}
}

// documents are those whose words this file holds to the tree.
func documents(t *testing.T) []string {
	t.Helper()
	out := []string{"README.md", "CHANGELOG.md", "SECURITY.md", "NOTICE"}
	for _, pattern := range []string{"docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	return out
}

var (
	linked    = regexp.MustCompile(`\]\(([^):#]+)\)`)
	testNamed = regexp.MustCompile("`(?:([a-z0-9/]+)\\.)?((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)(?:/([A-Za-z]+))?`")
)

// TestDocumentsNameWhatIsThere: a test that a document names exists, in the
// folder that it names, and so does every file that it links to.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	named := 0
	for _, doc := range documents(t) {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, m := range linked.FindAllStringSubmatch(string(b), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", doc, m[1])
			}
		}
		for _, m := range testNamed.FindAllStringSubmatch(string(b), -1) {
			named++
			if !declared(t, m[1], "func "+m[2]+"(") || m[3] != "" && !declared(t, m[1]+"/storetest", `"`+m[3]+`"`) {
				t.Errorf("%s names %s, which is not there", doc, m[0])
			}
		}
	}
	if named < 40 {
		t.Errorf("%d tests are named in the documents: are the names still found?", named)
	}
	if declared(t, "gate", "func TestNothingOfTheKind(") {
		t.Error("a test that is not there is found")
	}
}

// TestDevelopmentNamesFilesThatAreThere: who is told where a change goes finds
// the file.
func TestDevelopmentNamesFilesThatAreThere(t *testing.T) {
	b, err := os.ReadFile("docs/development.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	if err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		there[path], there[filepath.Base(path)] = true, true
		return err
	}); err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z0-9_/]+\\.(?:go|cedarschema))`").FindAllSubmatch(b, -1)
	for _, m := range named {
		if !there[string(m[1])] {
			t.Errorf("docs/development.md names %s, which is not there", m[1])
		}
	}
	if len(named) < 5 {
		t.Errorf("%d files are named: are the names still found?", len(named))
	}
}

// declared reports whether a folder's tests hold a text; "" is the root.
func declared(t *testing.T, folder, text string) bool {
	t.Helper()
	if folder == "" {
		folder = "."
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), text) && (strings.HasSuffix(f, "_test.go") || strings.HasSuffix(folder, "storetest")) {
			return true
		}
	}
	return false
}
