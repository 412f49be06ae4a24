package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/audit"
	"firebreak/clock"
	"firebreak/demo"
	"firebreak/fhirjson"
)

// acknowledged is what the server has said yes to, before it was killed.
type acknowledged struct {
	mu      sync.Mutex
	created map[string]string // request id → "Observation/id/_history/version"
	shown   map[string]string // request id → what was read
}

// load creates and reads at once until the server is gone.
func (a *acknowledged) load(t *testing.T, c *http.Client, base, token, round string) {
	var wait sync.WaitGroup
	for w := range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", round, w, n)
				version, ok := createObservation(c, base, token, id)
				if !ok {
					return
				}
				a.mu.Lock()
				a.created[id] = version
				a.mu.Unlock()
				status, _, err := read(c, base+"/"+version, token, "X-Request-Id", "read-"+id)
				if err != nil {
					return
				}
				if status != 200 {
					t.Errorf("what was just created answers %d", status)
					return
				}
				a.mu.Lock()
				a.shown["read-"+id] = version
				a.mu.Unlock()
			}
		}()
	}
	wait.Wait()
}

func createObservation(c *http.Client, base, token, id string) (version string, ok bool) {
	body := `{"resourceType":"Observation","status":"final","code":{"text":"` + id + `"},"subject":{"reference":"Patient/amy"}}`
	req, err := http.NewRequest("POST", base+"/Observation", strings.NewReader(body))
	if err != nil {
		return "", false
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/fhir+json")
	req.Header.Set("X-Request-Id", id)
	res, err := c.Do(req)
	if err != nil {
		return "", false
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 201 {
		return "", false
	}
	return strings.TrimPrefix(res.Header.Get("Location"), base+"/"), true
}

// journalled are the references on record by kind and request id.
func journalled(t *testing.T, dir string) map[audit.Kind]map[string]bool {
	t.Helper()
	out := map[audit.Kind]map[string]bool{audit.Disclosure: {}, audit.Outcome: {}}
	err := audit.Scan(filepath.Join(dir, "audit"), 0, func(e audit.Entry) error {
		r, err := audit.ParseRecord(e.Payload)
		if err != nil {
			return err
		}
		if out[r.Kind] == nil {
			return nil
		}
		for _, x := range r.Targets {
			out[r.Kind][r.RequestID+" "+x.Type+"/"+x.ID+"/_history/"+x.Version] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestKilledUnderLoadNothingAcknowledgedIsLost kills the server with SIGKILL
// while it is busy, again and again. What it said yes to is there afterwards,
// the journal is sound, and every disclosure and change is on record.
func TestKilledUnderLoadNothingAcknowledgedIsLost(t *testing.T) {
	work := t.TempDir()
	dir := filepath.Join(work, "d")
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	a := &acknowledged{created: map[string]string{}, shown: map[string]string{}}
	for round := range crashes {
		s, err := startServer(work, "s", "demo", "--dir", dir, "--listen", "127.0.0.1:0", "--patients", "2")
		check(err)
		token, err := tokenCommand{Dir: dir, As: "dr-adams", TTL: time.Hour}.mint()
		check(err)
		timer := time.AfterFunc(time.Duration(100+rand.IntN(600))*time.Millisecond, s.kill)
		a.load(t, httpClient(check, dir), s.base, token, fmt.Sprint("round", round))
		timer.Stop()
		s.kill()
	}
	s, err := startServer(work, "s", "demo", "--dir", dir, "--listen", "127.0.0.1:0")
	check(err)
	token, err := tokenCommand{Dir: dir, As: "dr-adams", TTL: time.Hour}.mint()
	check(err)
	c := httpClient(check, dir)
	for id, version := range a.created {
		if status, body, err := read(c, s.base+"/"+version, token); err != nil || status != 200 || !strings.Contains(body, `"`+id+`"`) {
			t.Errorf("%s was acknowledged as %s and answers %d: %v", id, version, status, err)
		}
	}
	s.kill()
	s, err = startServer(work, "s", "demo", "--dir", dir, "--listen", "127.0.0.1:0")
	check(err)
	if code := run(console{t.Context(), io.Discard, io.Discard}, []string{"audit", "verify", dir}); code != exitOK {
		t.Errorf("audit verify of the running directory: exit code %d", code)
	}
	s.kill()
	records := journalled(t, dir)
	for id, version := range a.created {
		if !records[audit.Outcome][id+" "+version] {
			t.Errorf("%s was acknowledged and its outcome is not on record", id)
		}
	}
	for id, version := range a.shown {
		if !records[audit.Disclosure][id+" "+version] {
			t.Errorf("%s was disclosed and is not on record", id)
		}
	}
	t.Logf("%d crashes, %d creates, %d reads acknowledged", crashes, len(a.created), len(a.shown))
	if len(a.created) < 5*crashes {
		t.Errorf("%d creates only: this is no load", len(a.created))
	}
}

// TestLoadingGoesOnAfterCrashes kills the first start while it loads the data
// set; later starts go on until every record is there, once.
func TestLoadingGoesOnAfterCrashes(t *testing.T) {
	work := t.TempDir()
	dir := filepath.Join(work, "d")
	const patients = 40
	args := []string{"demo", "--dir", dir, "--listen", "127.0.0.1:0", "--patients", fmt.Sprint(patients)}
	early := 0
	for range 4 {
		s, err := startKilled(work, 150+rand.IntN(500), args...)
		if err != nil {
			t.Fatal(err)
		}
		if !s {
			early++
		}
	}
	s, err := startServer(work, "s", args...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.kill()
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	token, err := tokenCommand{Dir: dir, As: "warehouse", TTL: time.Hour}.mint()
	check(err)
	c := httpClient(check, dir)
	changed := changesOnRecord(t, dir)
	types := map[string]bool{}
	for ref := range changed {
		typ, _, _ := strings.Cut(ref, "/")
		types[typ] = true
	}
	got := 0
	for typ := range types {
		_, body, err := read(c, s.base+"/"+typ+"?_summary=count", token)
		check(err)
		doc, err := fhirjson.Parse([]byte(body))
		check(err)
		n := 0
		_, err = fmt.Sscan(string(doc.Root().Field("total").Raw()), &n)
		check(err)
		got += n
	}
	// The set depends on the day; two days are right when it changes meanwhile.
	now := clock.System{}.Now()
	today, yesterday := len(demo.Generate(1, now, patients)), len(demo.Generate(1, now.AddDate(0, 0, -1), patients))
	if got != len(changed) || got != today && got != yesterday {
		t.Errorf("%d resources are found and %d were stored on record, want %d", got, len(changed), today)
	}
	for ref, n := range changed {
		if n != 1 {
			t.Errorf("%s was stored %d times", ref, n)
		}
	}
	t.Logf("%d of 4 crashes while loading, %d resources", early, got)
}

// startKilled starts the program and kills it after some milliseconds; ready is
// whether it had become so.
func startKilled(work string, after int, args ...string) (ready bool, err error) {
	var out bytes.Buffer
	s, err := startRaw(work, &out, args...)
	if err != nil {
		return false, err
	}
	timer := time.NewTimer(time.Duration(after) * time.Millisecond)
	<-timer.C
	s.kill()
	return strings.HasPrefix(out.String(), "ready "), nil
}

// changesOnRecord counts how often each resource was stored, by the journal.
func changesOnRecord(t *testing.T, dir string) map[string]int {
	t.Helper()
	versions := map[string]map[string]bool{}
	err := audit.Scan(filepath.Join(dir, "audit"), 0, func(e audit.Entry) error {
		r, err := audit.ParseRecord(e.Payload)
		if err != nil || r.Kind != audit.Outcome {
			return err
		}
		for _, x := range r.Targets {
			ref := x.Type + "/" + x.ID
			if versions[ref] == nil {
				versions[ref] = map[string]bool{}
			}
			versions[ref][x.Version] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for ref, v := range versions {
		out[ref] = len(v)
	}
	return out
}
