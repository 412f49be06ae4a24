package firebreak

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/smart"
	"firebreak/transport"
	"firebreak/ui"
)

// chart is what the pages of the authorization server know of records. It asks as
// the person at the page does, by the same way: with a token of theirs, through
// the gate, on record. It has no other.
type chart struct {
	server *Server
	tokens interface {
		TokenFor(ctx context.Context, p smart.Person, scope string) (string, error)
	}
	base string
}

// chartScope is all that the pages may ask.
const chartScope = "user/Patient.rs user/Encounter.rs"

// get is the answer to a read or search as the person; nil when it is not found.
func (c *chart) get(ctx context.Context, p smart.Person, path, query string) (*fhirjson.Doc, error) {
	token, err := c.tokens.TokenFor(ctx, p, chartScope)
	if err != nil {
		return nil, err
	}
	reply := c.server.Serve(ctx, fhir.Request{Method: http.MethodGet, Path: path, Query: query, Authorization: "Bearer " + token,
		Accept: "application/fhir+json", Visit: randomText(26), Base: c.base, Peer: "page"})
	status, body, err := transport.Within(reply)
	if err != nil {
		return nil, err
	}
	switch status {
	case http.StatusOK:
		return fhirjson.Parse(body)
	case http.StatusNotFound, http.StatusGone, http.StatusForbidden, http.StatusBadRequest:
		return nil, nil
	case http.StatusUnauthorized: // the token is good: what is asked for is another sign-in
		return nil, smart.ErrWeak
	}
	return nil, fmt.Errorf("a page's question was answered %d", status)
}

// patientsAPage is how many patients a page shows.
const patientsAPage = "10"

// Patients is smart.Chart's. page is the query of a further page, as this server
// gave it.
func (c *chart) Patients(ctx context.Context, p smart.Person, s ui.PatientSearch, page string) (ui.PatientSearch, error) {
	s.Done = true
	query := page
	if query == "" {
		v := url.Values{"_count": {patientsAPage}, "_sort": {"family,given"}}
		for name, value := range map[string]string{"birthdate": s.BirthDate, "identifier": s.Identifier} {
			if value = strings.TrimSpace(value); value != "" {
				v.Set(name, value)
			}
		}
		if words := nameWords(s.Name); len(words) > 0 {
			v["name"] = words
		}
		query = v.Encode()
	}
	doc, err := c.get(ctx, p, "Patient", query)
	if err != nil || doc == nil {
		return s, err
	}
	for entry := range doc.Root().Field("entry").Each() {
		if r := entry.Field("resource"); r.Field("resourceType").Is("Patient") {
			s.Found = append(s.Found, patientLine(r))
		}
	}
	for link := range doc.Root().Field("link").Each() {
		_, query, _ := strings.Cut(link.Field("url").Text(), "?")
		switch link.Field("relation").Text() {
		case "next":
			s.Next = query
		case "previous":
			s.Previous = query
		}
	}
	return s, nil
}

// nameWords are a name as people write it, as values of a search each of which
// must be met: FHIR's name compares with one part of a name at a time, and a comma
// means "or" (http://hl7.org/fhir/R4/search.html#string, #escaping).
func nameWords(name string) []string {
	words := strings.FieldsFunc(name, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
	escape := strings.NewReplacer(`\`, `\\`, `$`, `\$`, `|`, `\|`)
	for n := range words {
		words[n] = escape.Replace(words[n])
	}
	return words
}

// Patient is smart.Chart's.
func (c *chart) Patient(ctx context.Context, p smart.Person, id string) (ui.Patient, error) {
	if !r4.IsID(id) {
		return ui.Patient{}, smart.ErrNobody
	}
	doc, err := c.get(ctx, p, "Patient/"+id, "")
	if err != nil {
		return ui.Patient{}, err
	}
	if doc == nil {
		return ui.Patient{}, smart.ErrNobody
	}
	return patientLine(doc.Root()), nil
}

// Encounters is smart.Chart's.
func (c *chart) Encounters(ctx context.Context, p smart.Person, patient string) ([]ui.Choice, error) {
	if !r4.IsID(patient) {
		return nil, smart.ErrNobody
	}
	doc, err := c.get(ctx, p, "Encounter", url.Values{"patient": {patient}, "_count": {"10"}, "_sort": {"-date"}}.Encode())
	if err != nil || doc == nil {
		return nil, err
	}
	var out []ui.Choice
	for entry := range doc.Root().Field("entry").Each() {
		r := entry.Field("resource")
		if !r.Field("resourceType").Is("Encounter") {
			continue
		}
		day, _, _ := strings.Cut(r.Field("period").Field("start").Text(), "T")
		what := firstText(r.Field("type"), "text")
		if what == "" {
			what = r.Field("class").Field("display").Text()
		}
		out = append(out, ui.Choice{Value: r.Field("id").Text(), Text: strings.TrimSpace(day + " " + what)})
	}
	return out, nil
}

func patientLine(r fhirjson.Node) ui.Patient {
	out := ui.Patient{ID: r.Field("id").Text(), BirthDate: r.Field("birthDate").Text(), Gender: r.Field("gender").Text()}
	for name := range r.Field("name").Each() {
		out.Name = name.Field("text").Text()
		if out.Name == "" {
			var parts []string
			for given := range name.Field("given").Each() {
				parts = append(parts, given.Text())
			}
			out.Name = strings.Join(append(parts, name.Field("family").Text()), " ")
		}
		break
	}
	for id := range r.Field("identifier").Each() {
		if label := firstText(id.Field("type").Field("coding"), "code"); label == "MR" || out.Identifier == "" {
			out.Identifier = strings.TrimSpace(label + " " + id.Field("value").Text())
		}
	}
	return out
}

// firstText is a text of the first element of a list.
func firstText(list fhirjson.Node, field string) string {
	for n := range list.Each() {
		return n.Field(field).Text()
	}
	return ""
}

var _ smart.Chart = (*chart)(nil)
