package demo

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

//go:embed app/index.html app/launch.html app/app.js app/app.css
var app embed.FS

// App is the sample SMART application (SMART App Launch 2.2, a public client):
// static files for a folder "/app/" of any server, best of one with an origin of
// its own, as applications have. It is registered with these addresses below
// that origin:
//
//	redirect URI   /app/
//	launch URL     /app/launch.html
//
// Beside the files the server answers /app/config.json with AppConfig.JSON, and
// sends AppPolicy with each of them.
func App() fs.FS {
	sub, err := fs.Sub(app, "app")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return sub
}

// AppConfig is what the sample application must be told.
type AppConfig struct {
	// ClientID is what it is registered as.
	ClientID string `json:"client_id"`
	// FHIR is the base of the only server it talks to, "https://host/fhir".
	FHIR string `json:"fhir"`
	// Account is the page on which a person takes access back.
	Account string `json:"account"`
}

// JSON is the content of config.json, application/json.
func (c AppConfig) JSON() ([]byte, error) {
	for _, s := range []string{c.FHIR, c.Account} {
		if u, err := url.Parse(s); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return nil, fmt.Errorf("demo: %q is no address on the web", s)
		}
	}
	if c.ClientID == "" {
		return nil, errors.New("demo: the sample application has no client id")
	}
	return json.Marshal(c)
}

// AppPolicy is the Content-Security-Policy of the sample application, which may
// connect to the given origins beside its own: those of the FHIR base and of the
// token endpoint, "https://host:port".
func AppPolicy(origins ...string) string {
	connect := strings.Join(append([]string{"'self'"}, origins...), " ")
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src " + connect +
		"; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}
