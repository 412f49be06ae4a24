package client

import "net/http"

// Refusal is why a client was not authenticated, in the terms of RFC 6749 §5.2.
// Code and Description are literals of this module and may be sent; Why is for
// the operator's records and must not be.
type Refusal struct {
	Code        string // "invalid_client" or "invalid_request"
	Description string // printable ASCII without '"' and '\'
	Status      int    // 400 or 401
	Challenge   string // WWW-Authenticate, where the client used Authorization; else ""
	Why         string // what it was in truth
	ClientID    string // whom the request named, where it could be read; believe it not
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Why }

// literal keeps run-time text out of refusals.
type literal string

// refused is the one text of all that depends on what is registered.
const refused literal = "the client could not be authenticated"

// What a request shows by itself.
const (
	inQuery      literal = "client credentials must not be in the URL"
	repeated     literal = "a parameter is there more than once"
	severalWays  literal = "more than one way of authentication is used"
	twoClients   literal = "two different clients are named"
	noClient     literal = "no client is named"
	badBasic     literal = "the Authorization header is not of the scheme Basic, or malformed"
	halfAsserted literal = "client_assertion and client_assertion_type must be there both, the type being the one for JWT"
	badType      literal = "the assertion is of another type than JWT"
	badIssuer    literal = "the assertion's iss and sub are not both the client's id"
	badAudience  literal = "the assertion's aud is not this server's token endpoint or issuer alone"
	badTimes     literal = "the assertion's times are missing or malformed"
	over         literal = "the assertion has expired"
	tooLong      literal = "the assertion's exp is more than five minutes ahead"
	tooEarly     literal = "the assertion is from the future"
	badJTI       literal = "the assertion's jti is missing or is not a text of 1 to 255 bytes"
)

// malformed is a request that no client may make (RFC 6749 §5.2, invalid_request).
func malformed(what literal) *Refusal {
	return &Refusal{Code: "invalid_request", Description: string(what), Status: http.StatusBadRequest, Why: string(what)}
}

// unproven is invalid_client, with a text that depends on the request alone.
func unproven(what literal) *Refusal {
	return &Refusal{Code: "invalid_client", Description: string(what), Status: http.StatusUnauthorized, Why: string(what)}
}

// hidden is invalid_client where the reason lies in what is registered.
func hidden(why literal) *Refusal {
	r := unproven(refused)
	r.Why = string(why)
	return r
}

// BasicChallenge asks for Basic (RFC 7617 §2). A Refusal has it where the client
// used Authorization, for there it is a must (RFC 6749 §5.2).
const BasicChallenge = `Basic realm="clients", charset="UTF-8"`
