package firebreak_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// http-core 14: the entries of a history say how each version came about.
func TestHistoryTellsEachVersionsRequestAndResponse(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", heartRate)
	ref := "Observation/" + id
	body := strings.Replace(heartRate, `{"resourceType":"Observation"`, `{"resourceType":"Observation","id":"`+id+`"`, 1)
	r.do("adams", "PUT", ref, body).is(t, 200)
	r.do("adams", "PATCH", ref, `[{"op":"replace","path":"/status","value":"amended"}]`).is(t, 200)
	gone := r.do("adams", "DELETE", ref, "").is(t, 204)
	for _, path := range []string{ref + "/_history", "Observation/_history", "_history"} {
		a := r.do("adams", "GET", path, "")
		bundle := a.json(t)
		if bundle["type"] != "history" || bundle["total"] != 4.0 || a.link(t, "self") != base+"/"+path {
			t.Fatalf("%s: %s", path, a.body)
		}
		want := []struct{ method, url, status string }{{"DELETE", ref, "204"}, {"PATCH", ref, "200"}, {"PUT", ref, "200"}, {"POST", "Observation", "201"}}
		for n, e := range a.entries(t) {
			if e["fullUrl"] != base+"/"+ref || dig(e, "request", "method") != want[n].method || dig(e, "request", "url") != want[n].url || dig(e, "response", "status") != want[n].status {
				t.Errorf("%s: entry %d = %v", path, n, e)
			}
			if (e["resource"] == nil) != (n == 0) || e["search"] != nil {
				t.Errorf("%s: entry %d: resource or search: %v", path, n, e)
			}
			if n > 0 && `W/"`+dig(e, "resource", "meta", "versionId").(string)+`"` != dig(e, "response", "etag") {
				t.Errorf("%s: entry %d: etag %v is not the version's", path, n, dig(e, "response", "etag"))
			}
		}
		if got := dig(a.entries(t)[0], "response", "etag"); got != gone.first("Etag") {
			t.Errorf("%s: etag of the deletion = %v, want %s", path, got, gone.first("Etag"))
		}
	}
	if a := r.do("adams", "HEAD", ref+"/_history", ""); a.status != 200 || a.body != "" {
		t.Errorf("HEAD: %v", a)
	}
	r.do("adams", "POST", ref+"/_history", "").is(t, 405)
	r.do("adams", "GET", "Observation/none/_history", "").is(t, 404)
}

// http-core 14: _count, _since, _at.
func TestHistoryIsNarrowedByTime(t *testing.T) {
	r := newRig(t)
	id := r.create("adams", heartRate)
	ref := "Observation/" + id
	body := strings.Replace(heartRate, `{"resourceType":"Observation"`, `{"resourceType":"Observation","id":"`+id+`"`, 1)
	var made []time.Time
	var versions []string
	for range 5 {
		a := r.do("adams", "PUT", ref, body).is(t, 200)
		made, versions = append(made, r.clock.Now()), append(versions, a.version())
	}
	history := func(query string) (out []string) {
		for _, e := range r.do("adams", "GET", ref+"/_history?"+query, "").entries(t) {
			out = append(out, dig(e, "resource", "meta", "versionId").(string))
		}
		slices.Reverse(out)
		return out
	}
	at := func(when time.Time) string { return url.QueryEscape(when.Format(time.RFC3339)) }
	if got := history("_since=" + at(made[2])); !slices.Equal(got, versions[2:]) {
		t.Errorf("_since: %v, want %v", got, versions[2:])
	}
	if got := history("_at=" + at(made[2])); !slices.Equal(got, versions[2:3]) {
		t.Errorf("_at: %v, want %v", got, versions[2:3])
	}
	if got := history("_at=2026"); len(got) != 6 {
		t.Errorf("_at a year: %v", got)
	}
	var all []string
	pages := 0
	for next := base + "/" + ref + "/_history?_count=2"; next != ""; pages++ {
		a := r.do("adams", "GET", next, "")
		if got := a.json(t)["total"]; got != 6.0 {
			t.Errorf("total on page %d = %v, want 6", pages, got)
		}
		for _, e := range a.entries(t) {
			all = append(all, dig(e, "resource", "meta", "versionId").(string))
		}
		next = a.link(t, "next")
	}
	if pages != 3 || len(all) != 6 || all[0] != versions[4] {
		t.Errorf("%d pages: %v", pages, all)
	}
	if a := r.do("adams", "GET", ref+"/_history?_count=0", ""); a.json(t)["total"] != 6.0 || a.json(t)["entry"] != nil {
		t.Errorf("_count=0: %s", a.body)
	}
	if got := r.do("adams", "GET", "_history?_count=9999&colour=red", "").link(t, "self"); got != base+"/_history?_count=500" {
		t.Errorf("self = %q", got)
	}
	for query, place := range map[string]string{"_count=x": "http._count", "_since=soon": "http._since", "_at=never": "http._at", "_count=1&_count=2": "http.url"} {
		r.do("adams", "GET", ref+"/_history?"+query, "").refused(t, 400, place)
	}
	r.do("adams", "GET", ref+"/_history?_list=1", "").refused(t, 501, "http._list")
	r.do("adams", "GET", ref+"/_history?colour=red", "", "Prefer: handling=strict").refused(t, 400, "http.url")
}

// A version that the caller may not see is no version of the history.
func TestHistoryLeavesOutWhatIsHidden(t *testing.T) {
	r := newRig(t)
	seedTwoHospitals(r)
	for _, path := range []string{"Observation/_history", "_history?_count=500"} {
		a := r.do("adams", "GET", path, "")
		if strings.Contains(a.body, "o2") || strings.Contains(a.body, "o3") || strings.Contains(a.body, "Samson") {
			t.Errorf("%s shows what is hidden: %s", path, a.body)
		}
		if got, want := a.json(t)["total"], float64(len(a.entries(t))); got != want {
			t.Errorf("%s: total = %v with %v entries", path, got, want)
		}
	}
	same(t, "history of hidden and absent", r.do("adams", "GET", "Observation/o2/_history", ""), r.do("adams", "GET", "Observation/no/_history", ""))
	version := r.do("chen", "GET", "Observation/o2", "").version()
	same(t, "vread of hidden and absent", r.do("adams", "GET", "Observation/o2/_history/"+version, ""), r.do("adams", "GET", "Observation/no/_history/"+version, ""))
}
