package smart

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"firebreak/transport"
	"firebreak/ui"
)

// Serves tells which paths are this server's.
func (s *Server) Serves(path string) bool {
	return path == s.prefix || strings.HasPrefix(path, s.prefix+"/") || s.Below(path) || path == oauthMetadata+s.prefix
}

// Below reports whether a path is one of those that lie below the FHIR service:
// what clients look for before they can have a token (RFC 8615).
func (s *Server) Below(path string) bool { return strings.HasPrefix(path, s.base+"/.well-known/") }

// programs are the places that programs use, and not browsers. userinfo is one:
// a token that is bound to a certificate is of use only where one is asked for.
var programs = []string{"/token", "/introspect", "/revoke", "/userinfo", pathLaunches}

// ForPrograms reports whether a path is served under a further name.
func (s *Server) ForPrograms(host, path string) bool {
	rest, ok := strings.CutPrefix(path, s.prefix)
	return ok && slices.Contains(programs, rest) && slices.Contains(s.opt.Mutual, "https://"+host+s.prefix)
}

// handler answers the requests of one place.
type handler func(context.Context, transport.WebRequest) Answer

// place is a path with what it does, by method.
type place struct {
	get, post handler
	// readable: who may read the answer from a web page.
	readable readable
}

type readable int

const (
	ownPages   readable = iota
	anyPage             // discovery, which is public
	registered          // pages of registered applications
)

// places are all there are; their paths are fixed.
func (s *Server) places() map[string]place {
	all := map[string]place{
		"/.well-known/openid-configuration": {get: s.openidConfiguration, readable: anyPage},
		"/jwks":                             {get: s.jwks, readable: anyPage},
		pathStyle:                           {get: s.styleJSON, readable: anyPage},
		"/authorize":                        {get: s.authorize, post: s.authorize},
		"/token":                            {post: s.token, readable: registered},
		"/introspect":                       {post: s.introspect, readable: registered},
		"/revoke":                           {post: s.revocation, readable: registered},
		pathLaunches:                        {post: s.newLaunch},
		"/userinfo":                         {get: s.userinfo, post: s.userinfo, readable: registered},
		ui.PathFlow:                         {get: s.further},
		ui.PathSignIn:                       {get: s.signInHere, post: s.signIn},
		ui.PathSignInProvider:               {post: s.goAway},
		"/signedout":                        {get: s.signedOut},
		ui.PathFactor:                       {get: s.factorHere, post: s.factor},
		ui.PathSignOut:                      {get: s.signOutPage, post: s.signOut},
		"/logout":                           {get: s.endSession, post: s.endSession},
		ui.PathPatientSearch:                {post: s.findPatient},
		ui.PathPatient:                      {post: s.choosePatient},
		ui.PathConsent:                      {post: s.consent},
		"":                                  {get: s.home},
		ui.PathAccount:                      {get: s.account},
		ui.PathRevoke:                       {post: s.takeBack},
		ui.PathSession:                      {post: s.endOther},
		ui.PathLaunch:                       {get: s.launchPage, post: s.launchSearch},
		ui.PathLaunchChoose:                 {post: s.launchChoose},
		ui.PathLaunchOpen:                   {post: s.launchOpen},
		ui.PathAdminApps:                    {get: s.adminApps},
		ui.PathAdminAppNew:                  {get: s.adminAppForm, post: s.adminAppNew},
		ui.PathAdminApp:                     {get: s.adminApp},
		ui.PathAdminAppChange:               {get: s.adminAppChangeForm, post: s.adminAppChange},
		ui.PathAdminAppDisable:              {post: s.adminAppDisable},
		ui.PathAdminAppEnable:               {post: s.adminAppEnable},
		ui.PathAdminAppSecret:               {post: s.adminAppSecret},
		ui.PathAdminPeople:                  {get: s.adminPeople, post: s.adminPeopleFind},
		ui.PathAdminInvite:                  {get: s.adminInvite, post: s.adminInvited},
		ui.PathAdminPerson:                  {get: s.adminPerson},
		ui.PathAdminLock:                    {post: s.adminLock},
		ui.PathAdminUnlock:                  {post: s.adminUnlock},
		ui.PathAdminRole:                    {post: s.adminRole},
		ui.PathAdminRoleEnd:                 {post: s.adminRoleEnd},
		ui.PathAdminEmail:                   {post: s.adminEmail},
		ui.PathAdminKeys:                    {post: s.adminKeys},
		ui.PathApprovals:                    {get: s.approvalsPage},
		ui.PathApprovalsDecide:              {post: s.decide},
	}
	maps.Copy(all, s.ownPlaces())
	return all
}

// Serve answers one request. The Answer's Events must be on record before its
// Reply leaves.
func (s *Server) Serve(ctx context.Context, req transport.WebRequest) Answer {
	path, route := strings.CutPrefix(req.Path, s.prefix)
	var p place
	found := true
	switch {
	case req.Path == s.base+smartConfiguration:
		p, path = place{get: s.smartConfiguration, readable: anyPage}, smartConfiguration
	case s.Below(req.Path): // such as UDAP's: there is none
		p, path = place{get: s.unpublished, readable: anyPage}, "/.well-known"
	case req.Path == oauthMetadata+s.prefix:
		p, path = place{get: s.openidConfiguration, readable: anyPage}, oauthMetadata
	case route && strings.HasPrefix(path, "/assets/"):
		p, path = place{get: s.asset, readable: ownPages}, "/assets"
	default:
		if p, found = s.table[path]; !found {
			p, found = s.federatedPlace(path)
		}
	}
	if !found {
		return s.notFound(req)
	}
	a := s.at(ctx, req, p)
	a.Reply.Route = "auth" + path
	s.share(ctx, req, p, &a.Reply)
	return a
}

func (s *Server) at(ctx context.Context, req transport.WebRequest, p place) Answer {
	allow := []string{"OPTIONS"}
	if p.get != nil {
		allow = append(allow, "GET", "HEAD")
	}
	if p.post != nil {
		allow = append(allow, "POST")
	}
	switch {
	case (req.Method == http.MethodGet || req.Method == http.MethodHead) && p.get != nil:
		return p.get(ctx, req)
	case req.Method == http.MethodPost && p.post != nil:
		return p.post(ctx, req)
	case req.Method == http.MethodOptions:
		return Answer{Reply: transport.WebReply{Status: http.StatusNoContent, Allow: strings.Join(allow, ", ")}}
	}
	return Answer{Reply: transport.WebReply{Status: http.StatusMethodNotAllowed, Allow: strings.Join(allow, ", ")}}
}

// share lets web pages read the answer: discovery any page, the rest those of
// registered applications (SMART App Launch 2.2, "CORS support").
func (s *Server) share(ctx context.Context, req transport.WebRequest, p place, r *transport.WebReply) {
	switch {
	case p.readable == anyPage:
		r.Origin = "*"
	case p.readable == registered && req.Origin != "" && s.origins(ctx, req.Origin):
		r.Origin = req.Origin
	}
}

// MayShare reports whether pages of an origin may call the FHIR service.
func (s *Server) MayShare(origin string) bool { return s.origins(context.Background(), origin) }

// home is the issuer's own address, which people type.
func (s *Server) home(context.Context, transport.WebRequest) Answer {
	return seeOther(s.url(ui.PathAccount))
}

func (s *Server) asset(_ context.Context, req transport.WebRequest) Answer {
	a, ok := s.pages.Asset(req.Path)
	if !ok {
		return s.notFound(req)
	}
	return Answer{Reply: transport.WebReply{Status: http.StatusOK, ContentType: a.Type, Body: a.Content, Lasting: true}}
}

// unpublished is the answer to metadata that there are not.
func (s *Server) unpublished(context.Context, transport.WebRequest) Answer {
	return Answer{Reply: transport.WebReply{Status: http.StatusNotFound, ContentType: "application/fhir+json",
		Body: []byte(`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","diagnostics":"nothing of that name is published here"}]}`)}}
}

func (s *Server) notFound(req transport.WebRequest) Answer {
	a := s.page(http.StatusNotFound, &ui.Message{Title: "There is nothing here", Text: "The address may be mistyped, or from an earlier version.", Visit: req.Visit})
	a.Reply.Route = "auth/other"
	return a
}
