package firebreak_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// first is the first value of a header.
func (a answer) first(name string) string {
	if v := a.header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// version is the version id in the ETag.
func (a answer) version() string {
	return strings.TrimSuffix(strings.TrimPrefix(a.first("Etag"), `W/"`), `"`)
}

// is fails the test unless the answer has the status, and if that is an error,
// an OperationOutcome that says so.
func (a answer) is(t testing.TB, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status = %d, want %d:\n%s", a.status, status, a.body)
	}
	if status >= 400 {
		a.issues(t)
	}
	return a
}

// issues are the issues of an OperationOutcome, which must be a sound one.
func (a answer) issues(t testing.TB) []map[string]any {
	t.Helper()
	body := a.json(t)
	if body["resourceType"] != "OperationOutcome" {
		t.Fatalf("not an OperationOutcome: %v", a)
	}
	if got := a.first("Content-Type"); got != "application/fhir+json; charset=utf-8" {
		t.Errorf("Content-Type = %q", got)
	}
	list := objects(body["issue"])
	if len(list) == 0 {
		t.Fatalf("an OperationOutcome without issues: %v", a)
	}
	for _, issue := range list {
		if issue["severity"] == nil || issue["code"] == nil {
			t.Errorf("an issue without severity or code: %v", issue)
		}
	}
	return list
}

// refused fails the test unless the answer has the status and names the place.
func (a answer) refused(t testing.TB, status int, expression string) answer {
	t.Helper()
	a.is(t, status)
	for _, issue := range a.issues(t) {
		if list, _ := issue["expression"].([]any); slices.Contains(list, any(expression)) {
			return a
		}
	}
	t.Errorf("no issue at %q: %s", expression, a.body)
	return a
}

// dig walks members by name and items by number; nil when there is nothing.
func dig(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func objects(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, x := range list {
		m, _ := x.(map[string]any)
		out = append(out, m)
	}
	return out
}

// entries are a Bundle's entries.
func (a answer) entries(t testing.TB) []map[string]any {
	t.Helper()
	body := a.is(t, 200).json(t)
	if body["resourceType"] != "Bundle" {
		t.Fatalf("not a Bundle: %v", a)
	}
	return objects(body["entry"])
}

// found are the ids of a searchset's entries of a mode, in order.
func (a answer) found(t testing.TB, mode string) []string {
	t.Helper()
	out := []string{}
	for _, e := range a.entries(t) {
		if dig(e, "search", "mode") == mode {
			id, _ := dig(e, "resource", "id").(string)
			out = append(out, id)
		}
	}
	return out
}

// link is a link of a Bundle, or "".
func (a answer) link(t testing.TB, relation string) string {
	t.Helper()
	for _, l := range objects(a.json(t)["link"]) {
		if l["relation"] == relation {
			return l["url"].(string)
		}
	}
	return ""
}

// create posts a resource and returns its id.
func (r *rig) create(who, resource string, header ...string) string {
	r.t.Helper()
	typ, _, _ := strings.Cut(strings.TrimPrefix(resource, `{"resourceType":"`), `"`)
	a := r.do(who, "POST", typ, resource, header...).is(r.t, 201)
	part := strings.Split(strings.TrimPrefix(a.first("Location"), base+"/"), "/")
	if len(part) != 4 || part[0] != typ || part[2] != "_history" || part[3] != a.version() {
		r.t.Fatalf("Location = %q, version %q", a.first("Location"), a.version())
	}
	return part[1]
}

// pages follows next to the end and returns all matches.
func (r *rig) pages(who, url string) (ids []string, pages int) {
	r.t.Helper()
	for url != "" {
		if pages++; pages > 50 {
			r.t.Fatal("the pages do not end")
		}
		a := r.do(who, "GET", url, "")
		ids = append(ids, a.found(r.t, "match")...)
		url = a.link(r.t, "next")
	}
	return ids, pages
}

// same fails the test unless two answers are the same bytes.
func same(t testing.TB, what string, got, want answer) {
	t.Helper()
	if got.String() != want.String() {
		t.Errorf("%s differ:\n%v\n%v", what, got, want)
	}
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func base64Text(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
