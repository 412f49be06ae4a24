package e2e

import (
	"net/url"
	"strings"
	"testing"

	"firebreak/internal/service"
)

// chart is whether the application shows amy's.
const chart = `document.querySelector("#patient")?.textContent === "Amy Ames" && document.querySelectorAll("#observations li").length === 12`

func pressed(script string) string { return `(` + script + `(), true)` }

// TestFHIRClientReadsAChartUntilItIsTakenBack: npm's fhirclient, in a browser and
// at an origin that is known by its registration only, is authorized by a person,
// reads all pages of a search, refreshes, and is cut off at the next request when
// the person takes it back; its refresh token is worth nothing then either.
func TestFHIRClientReadsAChartUntilItIsTakenBack(t *testing.T) {
	h := open(t, nil)
	h.ward()
	password := h.invite("amy", "Patient/amy", "Organization/north", "patient")
	a := startApp(t, "pulse", appScope, launchScope)
	shown := service.TheAuthority(t).Shown

	// Before it is registered its pages may read the discovery document, as any
	// may, and nothing else; the person is not sent back to it.
	b := service.NewBrowser(t, shown)
	b.Open(a.url + "/launch.html?iss=" + url.QueryEscape(h.base))
	b.Await("unknown", `location.href.startsWith(`+quote(h.issuer+"/authorize")+`) && `+service.There("main h1"))
	if text := b.Text("main"); !strings.Contains(text, "not known here") {
		t.Errorf("an application that is not registered is met with: %s", text)
	}

	h.register(a.registration(appScopes...))
	b.Open(a.url + "/launch.html?iss=" + url.QueryEscape(h.base))
	b.SignIn("amy", password)
	b.Press("input[value=offline_access]")
	b.Press("button[value=allow]")
	b.Await("chart", chart)
	b.Await("who", `document.querySelector("#who").textContent.endsWith("Patient/amy")`)
	if got := b.Location(); !strings.HasPrefix(got, a.url+"/") || strings.Contains(got, "code=") || strings.Contains(got, "token") {
		t.Errorf("the browser is at %s, want the application with nothing secret in the address", got)
	}
	b.Await("refresh", pressed("refresh"))
	b.Await("refreshed", `document.querySelector("#refreshed").textContent === "another" && `+chart)

	token := b.Value(`client.getState("tokenResponse.access_token")`)
	again := b.Value(`client.getState("tokenResponse.refresh_token")`)
	if r := h.read(token, "Patient/amy"); r.status != 200 {
		t.Fatalf("the application's token: %d %s", r.status, r.body)
	}
	b.Open(h.issuer + "/account")
	b.Press("button[name=app]")
	b.Await("taken back", `document.querySelector("main") && !`+service.There("button[name=app]"))
	b.Open(a.url + "/")
	b.Await("cut off", `document.querySelector("#fault")?.textContent.includes("Unauthorized") || document.querySelector("#fault")?.textContent.includes("expired")`)
	if got := b.Text("#observations"); got != "" {
		t.Errorf("it still shows %s", got)
	}
	if r := h.read(token, "Patient/amy"); r.status != 401 {
		t.Errorf("its token, taken back: %d, want 401", r.status)
	}
	r := h.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again}, "client_id": {"pulse"}})
	if r.status != 400 || r.text("error") != "invalid_grant" {
		t.Errorf("its refresh token, taken back: %d %s", r.status, r.body)
	}
}

// TestFHIRClientIsLaunchedForAPatient: the clinician opens it from the page of the
// patient's record, for a visit; it never asks whose chart it is, reads both, and
// its online access lasts as long as the clinician is signed in.
func TestFHIRClientIsLaunchedForAPatient(t *testing.T) {
	h := open(t, nil)
	h.ward()
	password := h.invite("dr-adams", "Practitioner/dr-adams", "Organization/north", "physician")
	a := startApp(t, "pulse", appScope, launchScope)
	h.register(a.registration(appScopes...))
	b := service.NewBrowser(t, service.TheAuthority(t).Shown)
	b.Open(h.issuer + "/launch")
	b.SignIn("dr-adams", password)
	b.Fill("input[name=name]", "Ames")
	b.Press("form[action$='/launch'] button")
	b.Press("button[name=patient][value=amy]")
	b.Fill("select[name=encounter]", "visit")
	b.Press("button[name=app][value=pulse]")
	b.Press("button[value=allow]")
	b.Await("chart", chart)
	b.Await("visit", `document.querySelector("#encounter").textContent === "2026-11-12T09:00:00Z"`)
	b.Await("who", `document.querySelector("#who").textContent.endsWith("Practitioner/dr-adams")`)
	b.Await("refresh", pressed("refresh"))
	b.Await("refreshed", `document.querySelector("#refreshed").textContent === "another" && `+chart)
	token := b.Value(`client.getState("tokenResponse.access_token")`)
	if r := h.read(token, "Patient/sam"); r.status != 404 && r.status != 403 {
		t.Errorf("another patient: %d, want none", r.status)
	}

	b.Open(h.issuer + "/signout")
	b.Press("form[action$='/signout'] button")
	b.Await("signed out", `document.querySelector("main") && !`+service.There("form[action$='/signout']"))
	b.Open(a.url + "/")
	b.Await("cut off", `document.querySelector("#fault")?.textContent !== ""`)
	if r := h.read(token, "Patient/amy"); r.status != 401 {
		t.Errorf("after the clinician has signed out: %d, want 401", r.status)
	}
}
