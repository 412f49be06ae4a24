package smart

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"firebreak/fhir/r4"
	"firebreak/smart/client"
	"firebreak/smart/scope"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// Chart is what the authorization server may know of records: what the person
// who asks may see of them. It answers as the server answers that person.
type Chart interface {
	// Patients are those found; page is "" or what a former answer gave.
	Patients(ctx context.Context, p Person, search ui.PatientSearch, page string) (ui.PatientSearch, error)
	// Patient is one; ErrNobody when the person sees none of that id.
	Patient(ctx context.Context, p Person, id string) (ui.Patient, error)
	// Encounters are the latest of a patient.
	Encounters(ctx context.Context, p Person, patient string) ([]ui.Choice, error)
}

// ErrWeak is a Chart's answer to a person who would be shown more, had they signed
// in more strongly: a site's policies may ask for that (RFC 9470).
var ErrWeak = errors.New("the person must sign in more strongly")

// tooWeak is the problem of it, which is for the person to solve, not to be told
// to the application.
const tooWeak = "insufficient_user_authentication"

// ErrNobody is the answer when there is no such person.
var ErrNobody = errors.New("there is no such person")

// launch is an EHR launch that waits for its application (SMART App Launch 2.2,
// "Launch App: EHR Launch"): whoever starts it has settled the context.
type launch struct {
	Client  string
	Person  string // who must be signed in; "": whoever is
	Context Context
}

var launches = vault.Of[launch]("launch")

const launchLife = 10 * minute

// launchContext is what the application gets to know. ask is set while the person
// has to choose a patient.
func (s *Server) launchContext(ctx context.Context, e vault.Entry[flow], c client.Client, p Person) (out Context, ask *struct{}, _ *problem) {
	f := e.Value
	if f.Launch != "" {
		l, err := launches.Load(ctx, s.vault, hashName(f.Launch))
		if err != nil && !errors.Is(err, vault.ErrAbsent) {
			return out, nil, s.trouble(err)
		}
		if err != nil || l.Value.Client != c.ID || l.Value.Person != "" && l.Value.Person != p.ID {
			return out, nil, bad("invalid_request", "the launch is not known: it has ended, or was for somebody else")
		}
		out = l.Value.Context
	}
	asked, err := scope.Parse(f.Scope)
	if err != nil || !asked.NeedsPatient() || out.Patient != "" {
		return out, nil, s.mayOpen(ctx, p, out.Patient)
	}
	if own, ok := strings.CutPrefix(p.FHIRUser, "Patient/"); ok {
		out.Patient = own
		return out, nil, nil
	}
	if f.Patient == "" {
		return out, &struct{}{}, nil
	}
	out.Patient = f.Patient
	return out, nil, s.mayOpen(ctx, p, out.Patient)
}

// mayOpen: an application is not told of a patient whom the person cannot see.
func (s *Server) mayOpen(ctx context.Context, p Person, patient string) *problem {
	if patient == "" || p.FHIRUser == "Patient/"+patient {
		return nil
	}
	switch _, err := s.opt.Chart.Patient(ctx, p, patient); {
	case errors.Is(err, ErrNobody):
		return bad("access_denied", "there is no such patient")
	case errors.Is(err, ErrWeak):
		return bad(tooWeak, "a stronger sign-in is needed")
	case err != nil:
		return s.trouble(err)
	}
	return nil
}

// patientPage lets the person choose whose record the application is to be shown.
func (s *Server) patientPage(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], c client.Client, p Person, search ui.PatientSearch) Answer {
	return s.flowPage(&ui.ChoosePatient{Common: s.common(req, e, p), App: c.Name, Search: search}, e.Value)
}

// findPatient is the search of that page.
func (s *Server) findPatient(ctx context.Context, req transport.WebRequest) Answer {
	f, e, a, ok := s.flowForm(ctx, req)
	if !ok {
		return a
	}
	sess, p, err := s.session(ctx, req)
	if errors.Is(err, vault.ErrAbsent) {
		return s.proceed(ctx, req, e)
	}
	if err != nil {
		return s.troublePage(err)
	}
	c, err := s.usableClient(ctx, e.Value.Client)
	if err != nil {
		return s.orUnknown(req, err)
	}
	found, err := s.opt.Chart.Patients(ctx, p, ui.PatientSearch{Name: f["name"], BirthDate: f["birthdate"], Identifier: f["identifier"]}, f["page"])
	if errors.Is(err, ErrWeak) {
		return s.raise(ctx, req, e, sess.Value)
	}
	if err != nil {
		return s.troublePage(err)
	}
	return s.patientPage(ctx, req, e, c, p, found)
}

// choosePatient is the choice.
func (s *Server) choosePatient(ctx context.Context, req transport.WebRequest) Answer {
	f, e, a, ok := s.flowForm(ctx, req)
	if !ok {
		return a
	}
	if f["answer"] == "refuse" || f["patient"] == "" {
		return s.refuse(ctx, e, bad("access_denied", "the person chose no patient"))
	}
	sess, p, err := s.session(ctx, req)
	if errors.Is(err, vault.ErrAbsent) {
		return s.proceed(ctx, req, e)
	}
	if err != nil {
		return s.troublePage(err)
	}
	switch _, err := s.opt.Chart.Patient(ctx, p, f["patient"]); {
	case errors.Is(err, ErrNobody):
		return s.refuse(ctx, e, bad("access_denied", "there is no such patient"))
	case errors.Is(err, ErrWeak):
		return s.raise(ctx, req, e, sess.Value)
	case err != nil:
		return s.troublePage(err)
	}
	e.Value.Patient = f["patient"]
	return s.keepFlow(ctx, req, e)
}

// keepFlow stores how far a flow has come and has the browser ask what is next.
func (s *Server) keepFlow(ctx context.Context, req transport.WebRequest, e vault.Entry[flow], cookies ...transport.Cookie) Answer {
	if err := s.vault.Apply(ctx, flows.Replace(e)); err != nil {
		if errors.Is(err, vault.ErrChanged) {
			return s.lostPage(req)
		}
		return s.troublePage(err)
	}
	return seeOther(s.url("/flow")+"?id="+e.Name, cookies...)
}

// errContext is the answer to a context that applications could not read.
var errContext = errors.New("the context is not one of SMART's")

// Launched makes a launch for an application, and is the URL to open it at. A
// context that applications could not read is an error.
func (s *Server) Launched(ctx context.Context, c client.Client, person string, with Context) (string, error) {
	_, to, err := s.launchWith(ctx, c, person, with)
	return to, err
}

func (s *Server) launchWith(ctx context.Context, c client.Client, person string, with Context) (handle, to string, err error) {
	for _, i := range with.FHIRContext {
		if err := i.check(); err != nil {
			return "", "", fmt.Errorf("%w: %w", errContext, err)
		}
	}
	handle = token()
	if err := s.vault.Apply(ctx, launches.New(hashName(handle), launch{c.ID, person, with}, s.now().Add(launchLife))); err != nil {
		return "", "", err
	}
	return handle, addTo(c.LaunchURI, map[string][]string{"iss": {s.opt.Base}, "launch": {handle}}), nil
}

// check: SMART App Launch 2.2, scopes-and-launch-context, "fhirContext". Patient
// and encounter have parameters of their own; here they are only in another role.
// A reference is relative, "Task/1". The type must be told where no reference
// tells it, and be that of the reference where both do.
func (i ContextItem) check() error {
	typ, id, _ := strings.Cut(i.Reference, "/")
	id, version, versioned := strings.Cut(id, "/_history/")
	if i.Reference == "" {
		typ = i.Type
	}
	_, known := r4.TypeID(typ)
	role, err := url.Parse(i.Role)
	switch {
	case i.Reference == "" && i.Canonical == "" && i.Identifier == "":
		return errors.New("an item of fhirContext needs a reference, a canonical URL or an identifier")
	case typ == "":
		return errors.New("an item of fhirContext without a reference needs its type")
	case !known || i.Type != "" && i.Type != typ:
		return errors.New("the type of an item of fhirContext is none, or not that of its reference")
	case i.Reference != "" && (!r4.IsID(id) || versioned && !r4.IsID(version)):
		return errors.New("a reference of fhirContext is not relative to the base")
	case i.Identifier != "" && (!jsontext.Value(i.Identifier).IsValid() || jsontext.Value(i.Identifier).Kind() != '{'):
		return errors.New("an identifier of fhirContext is not a JSON object")
	case i.Role != "" && i.Role != "launch" && (err != nil || !role.IsAbs()):
		return errors.New("a role in fhirContext is neither launch nor an absolute URI")
	case (typ == "Patient" || typ == "Encounter") && (i.Role == "" || i.Role == "launch"):
		return errors.New("the patient and the encounter of a launch are not items of fhirContext")
	}
	return nil
}
