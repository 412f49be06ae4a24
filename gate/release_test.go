package gate_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"

	"pgregory.net/rapid"
)

func TestAuditFailureKeepsContentIn(t *testing.T) {
	g, m := lab(t, permit{})
	c, err := g.Release(m, mustJudge(t, g, m, sealedPatient("1")), gate.Shape{Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	reply, err := g.Close(context.Background(), &memorySink{err: errBroken}, c, []gate.Event{{}}, [][2]string{{"X-Test", "1"}})
	if !errors.Is(err, errBroken) {
		t.Errorf("Close = %v, want the sink's error", err)
	}
	w := httptest.NewRecorder()
	if _, err := reply.WriteTo(w, false); err != nil {
		t.Fatal(err)
	}
	if w.Code != 503 || w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("what leaves is %d %v %q, want an empty 503", w.Code, w.Header(), w.Body)
	}
	sink := &memorySink{}
	if _, err := g.Close(context.Background(), sink, gate.Cleared{}, []gate.Event{{Visit: "v"}}, nil); err != nil || len(sink.events) != 1 {
		t.Errorf("an answer that nobody released: %d records, %v", len(sink.events), err)
	}
}

func TestReleaseShapesOneResource(t *testing.T) {
	deleted := header("1")
	deleted.Deleted = true
	g, m := lab(t, permit{})
	for _, c := range []struct {
		name   string
		header gate.Header
		shape  gate.Shape
		head   bool
		body   string
		shows  int
	}{
		{"read", header("1"), gate.Shape{Status: 200}, false, `{"resourceType":"Patient","id":"1"}`, 1},
		{"HEAD", header("1"), gate.Shape{Status: 200}, true, ``, 1},
		{"not modified", header("1"), gate.Shape{Status: 304}, false, ``, 0},
		{"no content", header("1"), gate.Shape{Status: 204}, false, ``, 0},
		{"tombstone", deleted, gate.Shape{Status: 200}, false, ``, 0},
		{"summary", header("1"), gate.Shape{Status: 200, Summary: search.SummaryTrue}, false, `{"resourceType":"Patient","id":"1","meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}}`, 1},
	} {
		s := gate.Seal(c.header, []byte(`{"resourceType":"Patient","id":"1"}`))
		cleared, err := g.Release(m, mustJudge(t, g, m, s), c.shape)
		if err != nil {
			t.Fatal(err)
		}
		w := sent(t, g, cleared, c.head)
		if w.Code != c.shape.Status || w.Body.String() != c.body || len(cleared.Released()) != c.shows {
			t.Errorf("%s: %d %q, %d shown; want %d %q, %d", c.name, w.Code, w.Body, len(cleared.Released()), c.shape.Status, c.body, c.shows)
		}
		if got := w.Header().Get("ETag") + w.Header().Get("Last-Modified"); got != `W/"v1"Sun, 22 Nov 2026 12:00:00 GMT` {
			t.Errorf("%s: version headers %q", c.name, got)
		}
		if typed := w.Header().Get("Content-Type") != ""; typed != (c.shows > 0) {
			t.Errorf("%s: Content-Type %q", c.name, w.Header().Get("Content-Type"))
		}
	}
}

func TestAChangeReturnsWhatWasPreferredAndMayBeRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		ret    fhir.Return
		denies map[fhir.Action]bool
		want   string
	}{
		{"default", "", nil, `"Patient"`}, {"representation", fhir.ReturnRepresentation, nil, `"Patient"`}, {"minimal", fhir.ReturnMinimal, nil, ``},
		{"outcome", fhir.ReturnOutcome, nil, `"OperationOutcome"`}, {"default, may not read", "", acts(fhir.ActRead), ``},
		{"representation, may not read", fhir.ReturnRepresentation, acts(fhir.ActRead), ``},
	} {
		g, m := lab(t, permit{denies: c.denies})
		j, err := g.JudgeChange(m, fhir.ActCreate, nil, draft("1"), noFacts)
		if err != nil {
			t.Fatal(err)
		}
		cleared, err := g.Release(m, j, gate.Shape{Base: "https://b", Status: 201, Location: true, Return: c.ret})
		if err != nil {
			t.Fatal(err)
		}
		w := sent(t, g, cleared, false)
		if got := w.Body.String(); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: body %q, want %s", c.name, got, c.want)
		}
		if got := w.Header().Get("Location"); got != "https://b/Patient/1/_history/v2" {
			t.Errorf("%s: Location %q", c.name, got)
		}
	}
}

func TestNobodyReleasesWhatWasJudgedForAnother(t *testing.T) {
	g, m := lab(t, permit{})
	j := mustJudge(t, g, m, sealedPatient("1"))
	other := admitted(t, g, "baker")
	if c, err := g.Release(other, j, gate.Shape{Status: 200}); err == nil || c.Status() != 503 {
		t.Errorf("Release: %v, %v", c.Status(), err)
	}
	if c, err := g.ReleasePage(other, []gate.Judged{j}, gate.Page{}); err == nil || c.Status() != 503 {
		t.Errorf("ReleasePage: %v, %v", c.Status(), err)
	}
	if c, err := g.ReleasePage(other, nil, gate.Page{Includes: []gate.Judged{j}}); err == nil || c.Status() != 503 {
		t.Errorf("ReleasePage, included: %v, %v", c.Status(), err)
	}
}

// An importer may replace what it may not read.
func TestTheTargetOfAChangeIsNotReleased(t *testing.T) {
	g, m := lab(t, permit{denies: map[fhir.Action]bool{fhir.ActRead: true, fhir.ActSearch: true}})
	for _, action := range []fhir.Action{fhir.ActUpdate, fhir.ActDelete, fhir.ActCreate} {
		target, err := g.JudgeTarget(m, action, sealedPatient("a"))
		if err != nil {
			t.Fatal(err)
		}
		if c, err := g.Release(m, target, gate.Shape{Status: 200}); err == nil || len(c.Released()) > 0 {
			t.Errorf("what was judged to %s is released: %v", action, err)
		}
		if c, err := g.ReleasePage(m, []gate.Judged{target}, gate.Page{Type: "searchset"}); err == nil || len(c.Released()) > 0 {
			t.Errorf("what was judged to %s is in a page: %v", action, err)
		}
	}
}

func TestPagesAreJSONWhateverTheyHold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g, m := lab(t, permit{})
		var rows, includes []gate.Judged
		for n := range rapid.IntRange(0, 4).Draw(rt, "rows") {
			h := header(hostile.Draw(rt, "id"))
			h.Version, h.Deleted = hostile.Draw(rt, "version"), rapid.Bool().Draw(rt, "deleted")
			h.Method = rapid.SampledFrom([]string{"POST", "PUT", "PATCH", "DELETE"}).Draw(rt, "method")
			body, err := json.Marshal(map[string]string{"resourceType": "Patient", "x": hostile.Draw(rt, "content")})
			if err != nil {
				rt.Fatal(err)
			}
			j := mustJudge(t, g, m, gate.Seal(h, body))
			if n%2 == 0 {
				rows = append(rows, j)
			} else {
				includes = append(includes, j)
			}
		}
		p := gate.Page{Type: rapid.SampledFrom([]string{"searchset", "history"}).Draw(rt, "type"), Total: rapid.IntRange(-1, 5).Draw(rt, "total"), Includes: includes,
			Links: []gate.Link{{Relation: "self", URL: hostile.Draw(rt, "url")}},
			Shape: gate.Shape{Base: hostile.Draw(rt, "base"), Pretty: rapid.Bool().Draw(rt, "pretty")}}
		if rapid.Bool().Draw(rt, "outcome") {
			p.Outcome = fhir.Information("informational", "x")
		}
		c, err := g.ReleasePage(m, rows, p)
		if err != nil {
			rt.Fatal(err)
		}
		var got struct {
			ResourceType, Type string
			Total              *int
			Entry              []struct{ Search struct{ Mode string } }
		}
		body := sent(t, g, c, false).Body.Bytes()
		if err := json.Unmarshal(body, &got); err != nil {
			rt.Fatalf("%v: %s", err, body)
		}
		want := len(rows) + len(includes)
		if p.Outcome != nil {
			want++
		}
		if got.ResourceType != "Bundle" || got.Type != p.Type || len(got.Entry) != want || (got.Total == nil) != (p.Total < 0) || got.Total != nil && *got.Total != p.Total {
			rt.Fatalf("want %d entries, total %d: %s", want, p.Total, body)
		}
	})
}

func TestEntriesKeepTheirAnswersApart(t *testing.T) {
	g, m := lab(t, permit{})
	read, err := g.Release(m, mustJudge(t, g, m, sealedPatient("1")), gate.Shape{Base: "https://b", Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	made, err := g.JudgeChange(m, fhir.ActCreate, nil, draft("2"), noFacts)
	if err != nil {
		t.Fatal(err)
	}
	created, err := g.Release(m, made, gate.Shape{Base: "https://b", Status: 201, Location: true, Return: fhir.ReturnMinimal})
	if err != nil {
		t.Fatal(err)
	}
	refused := g.ReleaseProblem(fhir.Absent(), "visit", false)
	c := g.ReleaseEntries(fhir.Batch, []gate.Cleared{read, created, refused, {}}, false)
	var got struct {
		Type  string
		Entry []struct {
			Resource, Outcome *struct{ ResourceType string }
			Response          struct {
				Status, Location, Etag, LastModified string
				Outcome                              *struct{ ResourceType string }
			}
		}
	}
	body := sent(t, g, c, false).Body.Bytes()
	if err := json.Unmarshal(body, &got); err != nil || got.Type != "batch-response" || len(got.Entry) != 4 {
		t.Fatalf("%v: %s", err, body)
	}
	for n, want := range []struct {
		status, location  string
		resource, outcome bool
	}{{"200 OK", "", true, false}, {"201 Created", "https://b/Patient/2/_history/v2", false, false}, {"404 Not Found", "", false, true}, {"503 Service Unavailable", "", false, false}} {
		e := got.Entry[n]
		if e.Response.Status != want.status || e.Response.Location != want.location || (e.Resource != nil) != want.resource || (e.Response.Outcome != nil) != want.outcome {
			t.Errorf("entry %d: %+v, want %+v", n, e, want)
		}
	}
	if len(c.Released()) != 1 || c.Released()[0].Reference != "Patient/1/_history/v1" || c.Released()[0].Subjects[0] != "1" {
		t.Errorf("released %v", c.Released())
	}
}

func TestProblemsTellOnlyTheirText(t *testing.T) {
	g, _ := lab(t, permit{})
	p := fhir.NewProblem(fhir.Login, "authentication is required").Because(errors.New("secret cause"))
	p.Challenge = "Bearer"
	w := sent(t, g, g.ReleaseProblem(p, "visit-1", false), false)
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != "Bearer" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	w = sent(t, g, g.ReleaseProblem(fhir.AsProblem(errors.New("secret cause")), "visit-1", false), false)
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(w.Body.String(), "visit-1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = sent(t, g, g.ReleaseProblem(fhir.NewProblem(fhir.Unavailable, "text").Because(errors.New("secret cause")), "visit-1", false), false)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "transient") || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a 503 says %d %v %s", w.Code, w.Header(), w.Body)
	}
}
