package smart

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"firebreak/authn"
	"firebreak/smart/client"
	"firebreak/smart/scope"
	"firebreak/transport"
)

const (
	smartConfiguration = "/.well-known/smart-configuration"
	oauthMetadata      = "/.well-known/oauth-authorization-server" // RFC 8414 section 3.1: before the issuer's path
)

// metadata is what both discovery documents say (RFC 8414 section 2, OpenID
// Connect Discovery 1.0 section 3). Only what works is listed;
// TestDiscoveryTellsWhatWorks tries each.
type metadata struct {
	Issuer         string   `json:"issuer"`
	Keys           string   `json:"jwks_uri"`
	Authorize      string   `json:"authorization_endpoint"`
	Token          string   `json:"token_endpoint"`
	Introspection  string   `json:"introspection_endpoint"`
	Revocation     string   `json:"revocation_endpoint"`
	GrantTypes     []string `json:"grant_types_supported"`
	ResponseTypes  []string `json:"response_types_supported"`
	ResponseModes  []string `json:"response_modes_supported"`
	Challenges     []string `json:"code_challenge_methods_supported"`
	Scopes         []string `json:"scopes_supported"`
	AuthMethods    []string `json:"token_endpoint_auth_methods_supported"`
	AuthAlgorithms []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	// Left out, the next would mean client_secret_basic alone, and the one after it
	// nothing (RFC 8414 section 2).
	RevokeMethods  []string `json:"revocation_endpoint_auth_methods_supported"`
	RevokeAlgs     []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	InspectMethods []string `json:"introspection_endpoint_auth_methods_supported"`
	InspectAlgs    []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	ProofAlgs      []string `json:"dpop_signing_alg_values_supported"`
	CertBound      bool     `json:"tls_client_certificate_bound_access_tokens,omitzero"`
	Aliases        *aliases `json:"mtls_endpoint_aliases,omitzero"`
	IssInAnswer    bool     `json:"authorization_response_iss_parameter_supported"`
}

// aliases are the places for clients with certificates (RFC 8705 section 5).
type aliases struct {
	Token         string `json:"token_endpoint"`
	Introspection string `json:"introspection_endpoint"`
	Revocation    string `json:"revocation_endpoint"`
	UserInfo      string `json:"userinfo_endpoint"`
}

// openid is what OpenID Connect adds.
type openid struct {
	metadata    `json:",inline"`
	UserInfo    string   `json:"userinfo_endpoint"`
	EndSession  string   `json:"end_session_endpoint"`
	Subjects    []string `json:"subject_types_supported"`
	IDAlgs      []string `json:"id_token_signing_alg_values_supported"`
	Claims      []string `json:"claims_supported"`
	ACRs        []string `json:"acr_values_supported"`
	Prompts     []string `json:"prompt_values_supported"`
	ByValue     bool     `json:"request_parameter_supported"`
	ByReference bool     `json:"request_uri_parameter_supported"`
	ClaimsParam bool     `json:"claims_parameter_supported"`
	Logout      bool     `json:"backchannel_logout_supported"`
	LogoutSid   bool     `json:"backchannel_logout_session_supported"`
}

// smart is what SMART App Launch 2.2 adds (conformance, "Metadata").
type smartMetadata struct {
	metadata     `json:",inline"`
	Management   string   `json:"management_endpoint"`
	Capabilities []string `json:"capabilities"`
}

// capabilities are SMART's words for what works.
var capabilities = []string{
	"launch-ehr", "launch-standalone", "authorize-post",
	"client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
	"sso-openid-connect", "context-banner", "context-style", "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient",
	"permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2",
}

// listedScopes are listed, with those of US Core; all others of SMART App Launch
// that name a resource type work too.
var listedScopes = []string{
	"openid", "fhirUser", "profile", "launch", "launch/patient", "online_access", "offline_access",
	"patient/*.rs", "patient/*.cruds", "user/*.rs", "user/*.cruds", "system/*.rs", "system/*.cruds",
	"patient/*.read", "user/*.read", "system/*.read",
}

func (s *Server) metadata() metadata {
	m := metadata{Issuer: s.opt.Issuer, Keys: s.url("/jwks"), Authorize: s.url("/authorize"), Token: s.url("/token"),
		Introspection: s.url("/introspect"), Revocation: s.url("/revoke"),
		GrantTypes: grantTypes, ResponseTypes: []string{"code"}, ResponseModes: []string{"query"},
		Challenges: []string{"S256"}, Scopes: slices.Concat(listedScopes, scope.OfUSCore()), AuthAlgorithms: client.Algorithms(), ProofAlgs: strings.Fields(authn.ProofAlgorithms()), CertBound: len(s.opt.Mutual) > 0, IssInAnswer: true}
	for _, method := range client.Methods() {
		if method == client.TLS && len(s.opt.Mutual) == 0 {
			continue
		}
		m.AuthMethods = append(m.AuthMethods, string(method))
		if method != client.None { // who may introspect has credentials
			m.InspectMethods = append(m.InspectMethods, string(method))
		}
	}
	// Access token types stand beside the methods (RFC 8414 section 2).
	m.InspectMethods = append(m.InspectMethods, "Bearer", "DPoP")
	m.RevokeMethods, m.RevokeAlgs, m.InspectAlgs = m.AuthMethods, m.AuthAlgorithms, m.AuthAlgorithms
	if len(s.opt.Mutual) > 0 {
		at := s.opt.Mutual[0]
		m.Aliases = &aliases{at + "/token", at + "/introspect", at + "/revoke", at + "/userinfo"}
	}
	return m
}

func (s *Server) openidConfiguration(context.Context, transport.WebRequest) Answer {
	return asJSON(http.StatusOK, openid{metadata: s.metadata(), UserInfo: s.url("/userinfo"), EndSession: s.url("/logout"),
		Subjects: []string{"public"}, IDAlgs: []string{"RS256"},
		Claims: []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "at_hash", "fhirUser", "profile", "name"},
		ACRs:   acrs, Prompts: []string{"none", "login", "consent", "select_account"}, Logout: true, LogoutSid: true})
}

func (s *Server) smartConfiguration(context.Context, transport.WebRequest) Answer {
	return asJSON(http.StatusOK, smartMetadata{s.metadata(), s.url("/account"), capabilities})
}

// jwks are the public keys.
func (s *Server) jwks(ctx context.Context, _ transport.WebRequest) Answer {
	set, err := s.keys.Public(ctx)
	if err != nil {
		return s.trouble(err).answer()
	}
	return asJSON(http.StatusOK, set)
}
