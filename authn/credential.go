package authn

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"firebreak/fhirjson"
)

// Scheme is how an access token is sent: the first word of the Authorization
// header, and of a challenge (RFC 9110 §11).
type Scheme string

// Schemes that are understood: RFC 6750 §2.1 and RFC 9449 §7.1.
const (
	Bearer Scheme = "Bearer"
	DPoP   Scheme = "DPoP"
)

// Credentials are what a request brings to say who sends it, and what proofs of
// possession are about. All but Authorization may be empty; a token that needs
// what is missing is refused.
type Credentials struct {
	Authorization string   // the header's value, "" when there is none
	DPoP          []string // the values of the DPoP header
	Method        string   // GET
	URL           string   // as the client wrote it; query and fragment do not count
	// Certificate is the SHA-256 of the certificate that the client proved to
	// hold in this connection's handshake, in base64url; "" without one. It must
	// not come from a header.
	Certificate string
}

// Confirmation is what a sender of the token must prove to hold (cnf, RFC 7800);
// both where both are set.
type Confirmation struct {
	Key         string // cnf.jkt: thumbprint of a key, by a DPoP proof (RFC 9449 §6.1)
	Certificate string // cnf.x5t#S256: of a certificate, by mutual TLS (RFC 8705 §3.1)
}

// credential takes the token out of the header: RFC 6750 §2.1, with the scheme in
// any case and one or more spaces (RFC 9110 §11.1, §11.4). Its characters are
// looked at in verify: those of a token that is remembered were.
func credential(authorization string) (token string, scheme Scheme, err error) {
	if authorization == "" {
		return "", "", noToken(absent)
	}
	word, token, _ := strings.Cut(authorization, " ")
	switch {
	case strings.EqualFold(word, string(Bearer)):
		scheme = Bearer
	case strings.EqualFold(word, string(DPoP)):
		scheme = DPoP
	default:
		return "", "", noToken(otherScheme)
	}
	token = strings.TrimLeft(token, " ")
	if token == "" {
		return "", scheme, invalidRequest(badHeader)
	}
	if len(token) > MaxTokenBytes {
		return "", scheme, invalidToken(tooLong)
	}
	return token, scheme, nil
}

// confirmation reads cnf. A token with a confirmation that is not understood is
// refused: RFC 7800 §3.1 leaves it to us, and to pass over it would make a bearer
// token of one that was meant to be bound.
func (r *reader) confirmation() Confirmation {
	var out Confirmation
	cnf := r.root.Field("cnf")
	if !cnf.Exists() {
		return out
	}
	if cnf.Kind() != fhirjson.Object || cnf.Len() == 0 {
		r.refuse(badConfirmation)
	}
	for m := range cnf.Children() {
		switch m.Name() {
		case "jkt":
			out.Key = r.thumbprint(m)
		case "x5t#S256":
			out.Certificate = r.thumbprint(m)
		default:
			r.refuse(badConfirmation)
		}
	}
	return out
}

// thumbprint is a SHA-256 in base64url, in its one spelling: it is compared as text.
func (r *reader) thumbprint(n fhirjson.Node) string {
	s := r.value(n)
	if sum, ok := decodeStrict(s); !ok || len(sum) != 32 {
		r.refuse(badConfirmation)
	}
	return s
}

// possesses refuses a request that does not prove what the token's confirmation
// asks for, or sends the token by another scheme than its own: a bound token as
// Bearer would be worth as much to a thief (RFC 9449 §7.2), and a bearer token
// as DPoP would make believe that it is bound (§7.1).
//
// Nothing compared here is secret, so time may tell.
func (v *Verifier) possesses(ctx context.Context, c Credentials, scheme Scheme, token string, want Confirmation) error {
	switch {
	case want.Key != "" && scheme != DPoP:
		return onScheme(DPoP, invalidToken(boundToKey))
	case want.Key == "" && scheme == DPoP:
		return invalidToken(notBound)
	case want.Certificate != "" && want.Certificate != c.Certificate:
		return invalidToken(boundToCertificate)
	case want.Key != "":
		return v.proofs.proofFor(ctx, c.DPoP, c.Method, c.URL, token, want.Key)
	}
	return nil
}

// Thumbprint turns the SHA-256 of a certificate from hexadecimal, as the transport
// has it, into base64url, as tokens and Credentials do (RFC 8705 §3.1). What is
// no SHA-256 becomes "", which confirms nothing.
func Thumbprint(fingerprint string) string {
	sum, err := hex.DecodeString(fingerprint)
	if err != nil || len(sum) != 32 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}
