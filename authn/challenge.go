package authn

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Refusal is why a request was not authenticated, in the terms of RFC 6750 §3
// and RFC 9449 §7.1. Its texts are literals of this package: nothing of the
// request is ever echoed.
type Refusal struct {
	Status int // 400 or 401
	// Code is "invalid_request", "invalid_token", "invalid_dpop_proof",
	// "insufficient_user_authentication", or "" when no token was sent (RFC 6750
	// §3.1).
	Code        string
	Description string // fit for error_description: printable ASCII without '"' and '\'
	Scheme      Scheme // the one that the error is about; "" means Bearer

	acr    string // of a StepUp
	maxAge time.Duration
}

func (r *Refusal) Error() string { return r.Description }

// literal keeps run-time text out of refusals: only constants convert to it
// without saying so.
type literal string

func invalidToken(why literal) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Code: "invalid_token", Description: string(why)}
}

func invalidRequest(why literal) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: "invalid_request", Description: string(why)}
}

func invalidProof(why literal) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Scheme: DPoP, Code: "invalid_dpop_proof", Description: string(why)}
}

// noToken carries no error code: RFC 6750 §3.1 wants none where the request has
// no authentication information, or some of a scheme that is not supported.
func noToken(why literal) *Refusal {
	return &Refusal{Status: http.StatusUnauthorized, Description: string(why)}
}

// StepUp is the refusal of a good token whose person was authenticated too
// weakly or too long ago (RFC 9470 §3). acr are the classes that would do, the
// best liked first; maxAge is how old the authentication may be, in whole
// seconds, 0 for any age. One of the two must be given. A class that would not
// fit into a challenge is an error: these come from policies.
func StepUp(acr []string, maxAge time.Duration) (*Refusal, error) {
	if len(acr) == 0 && maxAge <= 0 {
		return nil, errors.New("step-up: neither a class nor an age is asked for")
	}
	for _, class := range acr {
		if class == "" || !scopeToken(class) {
			return nil, errors.New("step-up: a class is not of the characters that a challenge may have")
		}
	}
	return &Refusal{Status: http.StatusUnauthorized, Code: "insufficient_user_authentication", Description: string(tooWeak),
		acr: strings.Join(acr, " "), maxAge: max(maxAge, 0)}, nil
}

// Challenge is the value of WWW-Authenticate that goes with the refusal. The
// scheme it is about comes first; where that is Bearer, DPoP is offered too, with
// the algorithms a proof may have (RFC 9449 §7.1). realm has no '"' and '\'.
func (r *Refusal) Challenge(realm string) string {
	var b strings.Builder
	scheme := r.Scheme
	if scheme == "" {
		scheme = Bearer
	}
	b.WriteString(string(scheme) + ` realm="` + realm + `"`)
	param := func(name, value string) { b.WriteString(`, ` + name + `="` + value + `"`) }
	if r.Code != "" {
		param("error", r.Code)
		param("error_description", r.Description)
	}
	if r.acr != "" {
		param("acr_values", r.acr)
	}
	if r.maxAge > 0 {
		param("max_age", strconv.FormatInt(int64(r.maxAge/time.Second), 10))
	}
	if scheme == Bearer {
		b.WriteString(`, DPoP algs="` + ProofAlgorithms() + `"`)
		return b.String()
	}
	param("algs", ProofAlgorithms())
	return b.String()
}

// ProofAlgorithms are those a DPoP proof may be signed with, with spaces between:
// what a challenge names, and discovery as dpop_signing_alg_values_supported.
func ProofAlgorithms() string {
	names := make([]string, len(supported))
	for n, alg := range supported {
		names[n] = string(alg)
	}
	return strings.Join(names, " ")
}

// onScheme says which scheme a refusal is about. Other errors stay as they are.
func onScheme(scheme Scheme, err error) error {
	var r *Refusal
	if !errors.As(err, &r) || r.Scheme != "" || r.Code == "" {
		return err
	}
	r.Scheme = scheme // each is made for one request
	return r
}
