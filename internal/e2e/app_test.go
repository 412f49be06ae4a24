package e2e

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"firebreak/internal/service"
	"firebreak/smart/client"
)

// app is an application that is made with fhirclient, at an https origin of its
// own: another site than Firebreak's, as browsers see it.
type app struct {
	url      string // without a slash at the end
	settings map[string]string
}

// startApp serves it; it is not registered anywhere.
func startApp(t *testing.T, id, scope, launchScope string) *app {
	t.Helper()
	a := service.TheAuthority(t)
	pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(service.Module(t, "fhirclient"), "build", "fhir-client.min.js")
	out := &app{}
	serve := http.NewServeMux()
	file := func(path, name string) {
		serve.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, name) })
	}
	file("/launch.html", "testdata/app.html")
	file("/{$}", "testdata/app.html")
	file("/app.js", "testdata/app.js")
	file("/fhir-client.js", built)
	serve.HandleFunc("GET /settings.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(out.settings)
	})
	s := httptest.NewUnstartedServer(serve)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	out.url = "https://app.localhost:" + port
	out.settings = map[string]string{"client": id, "redirect": out.url + "/", "scope": scope, "launchScope": launchScope}
	return out
}

// registration is what an administrator would enter for it.
func (a *app) registration(scopes ...string) client.Client {
	return client.Client{ID: a.settings["client"], Name: "Pulse", Publisher: "An example", Kind: client.Public, Method: client.None, Offline: true, Scopes: scopes,
		RedirectURIs: []string{a.url + "/"}, LaunchURI: a.url + "/launch.html"}
}

const (
	appScope    = "launch/patient openid fhirUser offline_access patient/Patient.rs patient/Observation.rs"
	launchScope = "launch openid fhirUser online_access patient/Encounter.rs patient/Patient.rs patient/Observation.rs"
)

var appScopes = []string{"launch", "launch/patient", "openid", "fhirUser", "offline_access", "online_access", "patient/*.rs", "user/*.rs"}
