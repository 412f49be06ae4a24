package smart

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"firebreak/authn"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
)

// asker is an application that has proved who it is, and what it proved besides.
type asker struct {
	client.Client
	form       form
	jkt        string // of a DPoP proof
	thumbprint string // of the certificate it came with
}

// asks authenticates the application and takes its proofs.
func (s *Server) asks(ctx context.Context, req transport.WebRequest) (asker, *problem) {
	if req.Query != "" {
		return asker{}, bad("invalid_request", "parameters belong in the body")
	}
	f, ok := readBody(req)
	if !ok {
		return asker{}, bad("invalid_request", "the body must be a form in which nothing comes twice")
	}
	if p := s.namePublic(ctx, req, f); p != nil {
		return asker{}, p
	}
	c, id, p := s.authenticate(ctx, req, f)
	if p != nil {
		return asker{Client: client.Client{ID: id}}, p
	}
	a := asker{Client: c, form: f}
	if req.DPoP != "" {
		// Anybody can name a public application and sign proofs, each of which is
		// remembered.
		var throttled *person.Throttled
		if c.Kind == client.Public && errors.As(s.begins.Begin(req.Peer), &throttled) {
			return a, tooFast(throttled.After)
		}
		jkt, _, err := s.opt.Proofs.Proof(ctx, []string{req.DPoP}, http.MethodPost, s.here(req, "/token"))
		if err != nil {
			return a, s.proofProblem(err)
		}
		a.jkt = jkt
	}
	if req.Certificate != "" {
		a.thumbprint = thumbprint(req.Certificate)
	}
	return a, s.bindsAsRegistered(a)
}

// namePublic fills in who asks for a refresh when nobody says so: of a public
// application SMART App Launch 2.2 wants no more than its refresh token ("Use a
// refresh token to obtain a new access token"), whose grant knows whose it is. An
// application that has credentials is named here as well, and still has to show them.
func (s *Server) namePublic(ctx context.Context, req transport.WebRequest, f form) *problem {
	if f["grant_type"] != "refresh_token" || f["refresh_token"] == "" || f["client_id"]+f["client_secret"]+f["client_assertion"]+req.Authorization != "" {
		return nil
	}
	e, _, err := s.refreshed(ctx, f["refresh_token"])
	if err != nil {
		return s.orTrouble(err, badRefresh())
	}
	f["client_id"] = e.Value.Client
	return nil
}

// bindings are what the tokens of this request are bound to: a proof binds when it
// is there, a certificate when the application is registered so.
func (a asker) bindings() (jkt, thumb string) {
	if a.Bound == client.BoundCertificate {
		thumb = a.thumbprint
	}
	return a.jkt, thumb
}

// binds binds a grant at a refresh: to the proof that came with it, which of a
// public application is the first or by the key there was, and to the certificate
// of an application that has credentials of its own.
func (a asker) binds(g *Grant) {
	jkt, thumb := a.bindings()
	if jkt != "" {
		g.JKT = jkt
	}
	if thumb != "" && a.Kind != client.Public {
		g.Thumbprint = thumb
	}
}

func (s *Server) bindsAsRegistered(a asker) *problem {
	switch {
	case a.Bound == client.BoundKey && a.jkt == "":
		return bad("invalid_dpop_proof", "the application is registered for DPoP and sent no proof")
	case a.Bound == client.BoundCertificate && a.thumbprint == "":
		return &problem{status: http.StatusUnauthorized, code: "invalid_client", text: "the application is registered for mutual TLS and came without a certificate"}
	}
	return nil
}

// authenticate finds out which application asks.
func (s *Server) authenticate(ctx context.Context, req transport.WebRequest, f form) (client.Client, string, *problem) {
	r := client.Request{Form: f.values(), Authorization: req.Authorization, Audiences: []string{s.url("/token"), s.opt.Issuer, s.here(req, "/token")}}
	if req.Certificate != "" {
		r.Certificate = certificate(req)
	}
	c, _, err := s.opt.Auth.Authenticate(ctx, r)
	var refusal *client.Refusal
	if errors.As(err, &refusal) {
		return c, refusal.ClientID, &problem{status: refusal.Status, code: refusal.Code, text: refusal.Description, challenge: refusal.Challenge}
	}
	if err != nil {
		return c, "", s.trouble(err)
	}
	if c.Kind != client.Public {
		return c, c.ID, s.paced(c.ID, "")
	}
	return c, c.ID, nil
}

// certificate is what the handshake proved: the transport lets in none that its
// authorities have not issued.
func certificate(req transport.WebRequest) *client.Certificate {
	c := &client.Certificate{Thumbprint: thumbprint(req.Certificate), SubjectDN: req.CertificateSubject, Verified: true}
	for _, name := range req.CertificateNames {
		if dns, ok := strings.CutPrefix(name, "dns:"); ok {
			c.DNSNames = append(c.DNSNames, dns)
		}
		if uri, ok := strings.CutPrefix(name, "uri:"); ok {
			c.URIs = append(c.URIs, uri)
		}
	}
	return c
}

// proofProblem words what is wrong with a DPoP proof (RFC 9449 section 5).
func (s *Server) proofProblem(err error) *problem {
	var refusal *authn.Refusal
	if errors.As(err, &refusal) {
		return bad("invalid_dpop_proof", refusal.Description)
	}
	return s.trouble(err)
}

func (f form) values() url.Values {
	v := url.Values{}
	for name, value := range f {
		v.Set(name, value)
	}
	return v
}

// thumbprint turns the transport's hexadecimal into RFC 8705's base64url.
func thumbprint(hexadecimal string) string {
	b, err := hex.DecodeString(hexadecimal)
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}
