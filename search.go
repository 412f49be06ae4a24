package firebreak

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/store"
	"firebreak/validate"
)

// search answers a search (http.html#search). The query runs over what the
// caller may see, so totals, pages and sorts are those of a server that holds
// nothing else.
func (s *Server) search(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction) (gate.Cleared, error) {
	q := i.Query
	if q.Summary == search.SummaryCount {
		q.Count = 0
	}
	return s.searchPage(ctx, v, m, i, nil, s.selfLink(v, i), link{Path: v.Path, Query: v.Query, Body: formOf(v), Strict: i.Strict})
}

// formOf is the form of a search by POST, which goes into the next page's link
// and on record. A body of another type is refused: it is no criteria, and
// nobody knows where in it a credential might be.
func formOf(v *visit) string {
	const media = "application/x-www-form-urlencoded"
	if v.Method == "POST" && strings.HasSuffix(v.Path, "_search") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(v.ContentType)), media) {
		return string(v.Body)
	}
	return ""
}

// searchPage finds, judges and releases one page. next is the link's content
// but for the position.
func (s *Server) searchPage(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction, after *gate.Position, self string, next link) (gate.Cleared, error) {
	q := i.Query
	var found gate.Found
	total := q.Total != search.TotalNone || q.Count == 0
	err := s.backend.View(ctx, m, func(t Snapshot) (err error) {
		found, err = t.Search(q, after, total)
		return err
	})
	if err != nil {
		return gate.Cleared{}, pageProblem(err)
	}
	matches, err := s.gate.Judge(m, fhir.ActSearch, found.Matches...)
	if err != nil {
		return gate.Cleared{}, err
	}
	if i.Types != nil {
		matches = slices.DeleteFunc(matches, func(j gate.Judged) bool { return !slices.Contains(i.Types, j.Header().Type) })
	}
	includes, err := s.gate.JudgeIncluded(m, found.Includes...)
	if err != nil {
		return gate.Cleared{}, err
	}
	if i.Operation == "$everything" {
		includes = slices.DeleteFunc(includes, func(j gate.Judged) bool { return validate.OfARecord(j.Header().Type) })
	}
	page := gate.Page{Type: "searchset", Total: found.Total, Includes: includes,
		Links: []gate.Link{{Relation: "self", URL: self}},
		Shape: gate.Shape{Base: s.base, Summary: q.Summary, Elements: q.Elements, Pretty: v.pretty}}
	if found.Next != nil {
		next.After = found.Next
		further, err := s.links.next(s, v, next)
		if err != nil {
			return gate.Cleared{}, err
		}
		page.Links = append(page.Links, further)
	}
	if len(q.Ignored) > 0 {
		page.Outcome = fhir.Information("informational", "some search parameters are not known here and were passed over; see the self link")
	}
	return s.gate.ReleasePage(m, matches, page)
}

func pageProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrPosition):
		return errPageGone
	case errors.Is(err, store.ErrTooMany):
		return fhir.NewProblem(fhir.TooMuch, "the includes bring in too many resources; ask for fewer").At("http._include").Because(err)
	}
	return err
}

// selfLink shows the parameters that were applied (search.html#conformance).
func (s *Server) selfLink(v *visit, i *fhir.Interaction) string {
	path := strings.TrimSuffix(strings.TrimSuffix(v.Path, "_search"), "/")
	return s.linkTo(path, i.Query.Used)
}

func (s *Server) linkTo(path string, used []search.Pair) string {
	if path != "" {
		path = "/" + path
	}
	if len(used) > 0 {
		path += "?" + queryOf(used)
	}
	return s.base + path
}

func queryOf(used []search.Pair) string {
	var b strings.Builder
	for n, p := range used {
		if n > 0 {
			b.WriteByte('&')
		}
		b.WriteString(queryEscape(p.Name) + "=" + queryEscape(p.Value))
	}
	return b.String()
}

// queryEscape leaves alone what is legal in a query and common in FHIR.
func queryEscape(s string) string {
	return strings.NewReplacer("%2C", ",", "%3A", ":", "%2F", "/", "%7C", "|", "%24", "$").Replace(url.QueryEscape(s))
}

// history answers _history of an instance, a type or the system
// (http.html#history).
func (s *Server) history(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction) (gate.Cleared, error) {
	return s.historyPage(ctx, v, m, i, nil, link{Path: v.Path, Query: v.Query, Strict: i.Strict})
}

func (s *Server) historyPage(ctx context.Context, v *visit, m *gate.Permit, i *fhir.Interaction, after *gate.Position, next link) (gate.Cleared, error) {
	var found gate.Found
	exists := true
	err := s.backend.View(ctx, m, func(t Snapshot) (err error) {
		if err := t.Together(); err != nil {
			return err
		}
		if i.ID != "" {
			if _, exists, err = t.Read(i.Type, i.ID); err != nil || !exists {
				return err
			}
		}
		found, err = t.History(i.Type, i.ID, i.History, after)
		return err
	})
	if err != nil {
		return gate.Cleared{}, pageProblem(err)
	}
	if !exists {
		return gate.Cleared{}, fhir.Absent()
	}
	action := fhir.ActSearch
	if i.ID != "" {
		action = fhir.ActRead
	}
	versions, err := s.gate.Judge(m, action, found.Matches...)
	if err != nil {
		return gate.Cleared{}, err
	}
	page := gate.Page{Type: "history", Total: found.Total,
		Links: []gate.Link{{Relation: "self", URL: s.linkTo(v.Path, i.History.Used)}}, Shape: gate.Shape{Base: s.base, Pretty: v.pretty}}
	if found.Next != nil {
		next.After = found.Next
		further, err := s.links.next(s, v, next)
		if err != nil {
			return gate.Cleared{}, err
		}
		page.Links = append(page.Links, further)
	}
	return s.gate.ReleasePage(m, versions, page)
}
