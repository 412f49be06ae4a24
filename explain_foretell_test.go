package firebreak_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"firebreak/internal/service"
)

func TestExplainForetellsTheAnswer(t *testing.T) {
	for name, store := range map[string]func(*testing.T) string{
		"sqlite":   func(*testing.T) string { return "" },
		"postgres": func(t *testing.T) string { return service.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			a := explained(t, store(t))
			defer a.Close()
			for _, c := range foretold() {
				text := a.explain(c.who, c.method, c.target, c.body)
				told := regexp.MustCompile(`the (?:wire answers|answer is) (\d+)`).FindAllStringSubmatch(text, -1)
				if len(told) == 0 || told[len(told)-1][1] != fmt.Sprint(c.want) {
					t.Errorf("%s %s %s: foretold %v, want %d\n%s", c.who, c.method, c.target, told, c.want, text)
				}
				if got := a.send(c.who, c.method, c.target, c.body); got != c.want {
					t.Errorf("%s %s %s: status %d, want %d", c.who, c.method, c.target, got, c.want)
				}
			}
		})
	}
}

type foretelling struct {
	who, method, target, body string
	want                      int
}

// foretold are requests with the status that the wire answers, in this order:
// what comes later meets what came before.
func foretold() []foretelling {
	return []foretelling{
		{"adams", "GET", "/Patient/p1", "", 200},
		{"chen", "GET", "/Patient/p1", "", 404},
		{"chen", "GET", "/Patient/p2", "", 200},
		{"chen", "GET", "/Patient/nobody", "", 404},
		{"admin", "GET", "/Patient/p1", "", 403},
		{"adams", "GET", "/Patient/moved", "", 404},
		{"adams", "GET", "/Patient/moved/_history/first", "", 404},
		{"chen", "GET", "/Patient/moved/_history/first", "", 404},
		{"chen", "GET", "/Patient/moved/_history/second", "", 200},
		{"chen", "GET", "/Patient/moved/_history", "", 200},
		{"chen", "GET", "/Patient/p1/$everything", "", 404},
		{"chen", "GET", "/Patient/p2/$everything", "", 200},
		{"chen", "GET", "/?_type=Patient,Observation", "", 200},
		{"admin", "GET", "/", "", 200},
		{"admin", "GET", "/Observation?patient=p2", "", 403},
		{"chen", "POST", "/Patient/_search", "family=x", 200},
		{"chen", "GET", "/metadata", "", 200},
		{"chen", "GET", "/?_page=nonsense", "", 404},
		{"chen", "PUT", "/Patient/p1", p1Renamed, 405},
		{"chen", "PUT", "/Patient/p2", p2Renamed, 403},
		{"adams", "PUT", "/Patient/p9", p9, 405},
		{"adams", "PUT", "/Patient/p1", p9, 400},
		{"adams", "PUT", "/Patient/p1", p1Renamed, 200},
		{"adams", "PUT", "/Patient?_id=p1", p1Renamed, 200},
		{"bringer", "PUT", "/Patient/p9", p9, 201},
		{"chen", "PATCH", "/Patient/p1", gender, 404},
		{"chen", "PATCH", "/Patient/p2", gender, 403},
		{"adams", "PATCH", "/Patient/p1", gender, 200},
		{"adams", "PATCH", "/Patient/p1", badPatch, 422},
		{"adams", "POST", "/Patient", newPatient, 201},
		{"adams", "POST", "/Practitioner", newPerson, 403},
		{"adams", "POST", "/Patient/$validate", newPatient, 200},
		{"adams", "POST", "/", inBundle("batch", entryOfRead), 200},
		{"admin", "POST", "/", inBundle("transaction", entryOfRead), 403},
		{"chen", "DELETE", "/Patient/p1", "", 204},
		{"chen", "DELETE", "/Patient/p2", "", 403},
		{"adams", "DELETE", "/Patient?gender=nonsense", "", 204},
		{"adams", "DELETE", "/Patient/p1", "", 204},
		{"adams", "GET", "/Patient/p1", "", 410},
		{"adams", "PATCH", "/Patient/p1", gender, 410},
		{"adams", "PUT", "/Patient/p1", p1Renamed, 201},
		{"adams", "FETCH", "/Patient/p1", "", 405},
	}
}

func TestExplainReadsTargetsAsTheServerDoes(t *testing.T) {
	a := explained(t, "")
	defer a.Close()
	for target, want := range map[string]string{
		"/Patient/p%31":             "the wire answers 200",
		"/Patient/p1/":              "the wire answers 200",
		"/Patient/p1/%24everything": "the wire answers 200",
		base + "/Patient/%70%31":    "the wire answers 200",
		base + "?_type=Patient":     "the wire answers 200",
		"/Patient//p1":              "not understood: the path is not in its canonical form; the answer is 400 whatever is stored",
		"/Patient/..%2fp1":          "not understood: the path is not in its canonical form; the answer is 400 whatever is stored",
		"/Patient?name=a b":         "not understood: malformed request target; the answer is 400 whatever is stored",
	} {
		if text := a.explain("adams", "GET", target, ""); !strings.Contains(text, want) {
			t.Errorf("%s: want %q in\n%s", target, want, text)
		}
	}
}
