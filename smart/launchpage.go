package smart

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"firebreak/transport"
	"firebreak/ui"
)

// The launch page stands in for an electronic health record: a clinician finds a
// patient and opens an application for them (EHR launch).

func (s *Server) launchPage(ctx context.Context, req transport.WebRequest) Answer {
	_, p, a, ok := s.ownPage(ctx, req)
	if !ok {
		return a
	}
	return s.page(http.StatusOK, &ui.Launch{Common: s.own(req, p)})
}

func (s *Server) launchSearch(ctx context.Context, req transport.WebRequest) Answer {
	f, _, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	found, err := s.opt.Chart.Patients(ctx, p, ui.PatientSearch{Name: f["name"], BirthDate: f["birthdate"], Identifier: f["identifier"]}, f["page"])
	if err != nil {
		return s.launchTrouble(ctx, req, p, err)
	}
	return s.page(http.StatusOK, &ui.Launch{Common: s.own(req, p), Search: found})
}

// launchChoose offers the applications for a patient.
func (s *Server) launchChoose(ctx context.Context, req transport.WebRequest) Answer {
	f, _, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	if f["patient"] == "" {
		return seeOther(s.url(ui.PathLaunch))
	}
	v, leads, err := s.launchView(ctx, req, p, f["patient"])
	if errors.Is(err, ErrNobody) {
		return seeOther(s.url(ui.PathLaunch))
	}
	if err != nil {
		return s.launchTrouble(ctx, req, p, err)
	}
	return s.page(http.StatusOK, v, leads...)
}

// launchTrouble is what the page does when the chart does not answer: who signed
// in too weakly for it is asked for more.
func (s *Server) launchTrouble(ctx context.Context, req transport.WebRequest, p Person, err error) Answer {
	next := stronger(p.ACR)
	if !errors.Is(err, ErrWeak) || next == nil {
		return s.troublePage(err)
	}
	switch able, err := s.canReach(ctx, p.ID, next[0]); {
	case err != nil:
		return s.troublePage(err)
	case !able:
		return s.page(http.StatusForbidden, &ui.Message{Common: s.own(req, p), Title: "A stronger sign-in is needed", Text: "Patients are shown here to those who sign in with more than you did.",
			Hint: "Set up an authenticator app or a passkey in your account, then come back."})
	}
	return s.start(ctx, flow{Return: s.url(ui.PathLaunch), MaxAge: -1, ACR: next, Hint: s.login(ctx, p.ID)})
}

// launchView is the page with the applications, and where its forms lead.
func (s *Server) launchView(ctx context.Context, req transport.WebRequest, p Person, patient string) (*ui.Launch, []string, error) {
	found, err := s.opt.Chart.Patient(ctx, p, patient)
	if err != nil {
		return nil, nil, err
	}
	var leads []string
	v := &ui.Launch{Common: s.own(req, p), Patient: &found}
	if v.Encounters, err = s.opt.Chart.Encounters(ctx, p, patient); err != nil {
		return nil, nil, err
	}
	if len(v.Encounters) > 0 { // an application need not be told of any
		v.Encounters = append(v.Encounters, ui.Choice{Text: "None"})
	}
	all, err := s.opt.Clients.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range all {
		if r := k.Client; r.LaunchURI != "" && s.usable(r) {
			v.Apps = append(v.Apps, ui.LaunchApp{ID: r.ID, Name: r.Name, Publisher: r.Publisher})
			if source, ok := ui.FormAction(r.LaunchURI); ok && !slices.Contains(leads, source) {
				leads = append(leads, source)
			}
		}
	}
	return v, leads, nil
}

// launchOpen makes the launch and sends the browser to the application.
func (s *Server) launchOpen(ctx context.Context, req transport.WebRequest) Answer {
	f, _, p, a, ok := s.ownForm(ctx, req)
	if !ok {
		return a
	}
	v, _, err := s.launchView(ctx, req, p, f["patient"])
	if errors.Is(err, ErrNobody) {
		return seeOther(s.url(ui.PathLaunch))
	}
	if err != nil {
		return s.launchTrouble(ctx, req, p, err)
	}
	r, err := s.client(ctx, f["app"])
	if err != nil || r.LaunchURI == "" || !s.usable(r) {
		return seeOther(s.url(ui.PathLaunch))
	}
	launch := Context{Patient: f["patient"], NeedBanner: new(bool), StyleURL: s.styleURL()}
	*launch.NeedBanner = true
	for _, e := range v.Encounters {
		if e.Value == f["encounter"] && e.Value != "" {
			launch.Encounter = strings.TrimPrefix(e.Value, "Encounter/")
		}
	}
	to, err := s.Launched(ctx, r, p.ID, launch)
	if err != nil {
		return s.troublePage(err)
	}
	return seeOther(to).with(Event{What: "launch", Person: p.ID, FHIRUser: p.FHIRUser, Organization: p.Organization, Roles: p.Roles, Client: r.ID, Patient: launch.Patient})
}
