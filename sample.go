package firebreak

import (
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"firebreak/demo"
	"firebreak/transport"
)

// The demo serves a sample application beside itself, at the base's own host: the
// people's pages are at another, so that it shares no cookies with them, as an
// application of somebody else's would not.

const samplePath = "/app/"

// sampleTypes are the media types of its files.
var sampleTypes = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}

// isSample tells which requests are for the sample application.
func (i *Instance) isSample(host, at string) bool {
	base, err := url.Parse(i.base)
	return i.cfg.SampleApp != "" && err == nil && host == strings.TrimSuffix(strings.ToLower(base.Host), ":443") &&
		(strings.HasPrefix(at, samplePath) || at == strings.TrimSuffix(samplePath, "/"))
}

// sample answers with one of its files.
func (i *Instance) sample(req transport.WebRequest) transport.WebReply {
	reply := transport.WebReply{Status: http.StatusNotFound, Route: "app"}
	name := strings.TrimPrefix(strings.TrimPrefix(req.Path, "/app"), "/")
	if name == "" {
		name = "index.html"
	}
	issuer := i.Issuer()
	at, err := url.Parse(issuer)
	switch {
	case req.Method != http.MethodGet && req.Method != http.MethodHead:
		return transport.WebReply{Status: http.StatusMethodNotAllowed, Allow: "GET, HEAD", Route: "app"}
	case err != nil:
		return reply
	case name == "config.json":
		b, err := demo.AppConfig{ClientID: i.cfg.SampleApp, FHIR: i.base, Account: issuer + "/account"}.JSON()
		if err != nil {
			return reply
		}
		reply.Body, reply.ContentType = b, "application/json"
	default:
		b, err := fs.ReadFile(demo.App(), name)
		if err != nil || sampleTypes[path.Ext(name)] == "" {
			return reply
		}
		reply.Body, reply.ContentType = b, sampleTypes[path.Ext(name)]
	}
	reply.Status, reply.Policy = http.StatusOK, demo.AppPolicy(at.Scheme+"://"+at.Host)
	return reply
}
