package smart

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/transport"
	"firebreak/vault"
)

// Health record systems begin launches here: SMART App Launch leaves it to them
// and us how the context gets from the one to the other.

const pathLaunches = "/launches"

// launched is the answer: where to open the application.
type launched struct {
	Launch  string `json:"launch"`
	URL     string `json:"launch_url"`
	Expires int64  `json:"expires_in"` // seconds
}

// newLaunch settles the context of a launch for a registered system that may. It
// tells nothing about records: whether the person who then signs in may open the
// patient is found out when they have (mayOpen).
func (s *Server) newLaunch(ctx context.Context, req transport.WebRequest) Answer {
	f, ok := readBody(req)
	if !ok || req.Query != "" {
		return bad("invalid_request", "the body must be a form in which nothing comes twice").answer()
	}
	asker, id, p := s.authenticate(ctx, req, f)
	if p == nil && !asker.Launches {
		p = &problem{status: http.StatusForbidden, code: "unauthorized_client", text: "the application is not registered to launch others"}
	}
	if p != nil {
		return p.answer().with(p.failed(Event{What: "launch", Client: id}))
	}
	refuse := func(text string) Answer {
		p := bad("invalid_request", text)
		return p.answer().with(p.failed(Event{What: "launch", Client: asker.ID}))
	}
	app, err := s.client(ctx, f["application"])
	switch {
	case err != nil && !errors.Is(err, vault.ErrAbsent):
		return s.trouble(err).answer()
	case err != nil || app.LaunchURI == "" || !s.usable(app):
		return refuse("application is none that can be launched")
	}
	c, ok := readContext(f["context"])
	if !ok {
		return refuse("context must be a JSON object with patient, encounter, intent, need_patient_banner, fhirContext, smart_style_url or tenant, each as SMART App Launch has it")
	}
	handle, to, err := s.launchWith(ctx, app, f["person"], c)
	switch {
	case errors.Is(err, errContext):
		return refuse("fhirContext has an item that applications could not read")
	case err != nil:
		return s.trouble(err).answer()
	}
	return asJSON(http.StatusCreated, launched{handle, to, int64(launchLife.Seconds())}).with(
		Event{What: "launch", Client: asker.ID, About: app.ID, Person: f["person"], Patient: c.Patient})
}

// readContext reads a context in SMART's words (SMART App Launch 2.2,
// scopes-and-launch-context). What it does not know is refused: an application
// would be launched without it, and nobody told.
func readContext(text string) (c Context, ok bool) {
	doc, err := fhirjson.Parse([]byte(text))
	if err != nil || doc.Root().Kind() != fhirjson.Object {
		return c, false
	}
	ok = true
	for n := range doc.Root().Children() {
		name := n.Name()
		to := map[string]*string{"patient": &c.Patient, "encounter": &c.Encounter, "intent": &c.Intent, "smart_style_url": &c.StyleURL, "tenant": &c.Tenant}[name]
		switch {
		case to != nil:
			*to = n.Text()
			ok = ok && n.Kind() == fhirjson.String && *to != "" && len(*to) <= 1024 && printable(*to)
		case name == "need_patient_banner":
			banner := n.Text() == "true"
			c.NeedBanner = &banner
			ok = ok && n.Kind() == fhirjson.Bool
		case name == "fhirContext" && n.Kind() == fhirjson.Array:
			for item := range n.Each() {
				i, good := readItem(item)
				c.FHIRContext = append(c.FHIRContext, i)
				ok = ok && good && len(c.FHIRContext) <= 100
			}
		default:
			ok = false
		}
	}
	return c, ok && (c.Patient == "" || r4.IsID(c.Patient)) && (c.Encounter == "" || r4.IsID(c.Encounter)) && (c.StyleURL == "" || isWebAddress(c.StyleURL))
}

// isWebAddress: applications fetch from it.
func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func readItem(n fhirjson.Node) (i ContextItem, ok bool) {
	ok = n.Kind() == fhirjson.Object
	for m := range n.Children() {
		name := m.Name()
		if name == "identifier" && m.Kind() == fhirjson.Object {
			i.Identifier = string(m.Raw())
			continue
		}
		to := map[string]*string{"reference": &i.Reference, "canonical": &i.Canonical, "type": &i.Type, "role": &i.Role}[name]
		if to == nil || m.Kind() != fhirjson.String || m.Text() == "" || !printable(m.Text()) {
			return i, false
		}
		*to = m.Text()
	}
	return i, ok
}
