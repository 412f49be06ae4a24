package client

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// CertificateRule is the one name by which a client's certificate is known: RFC
// 8705 §2.1.2, or the thumbprint of one certificate.
type CertificateRule struct {
	SubjectDN  string `json:",omitempty"` // as Certificate.SubjectDN is written
	DNS        string `json:",omitempty"`
	URI        string `json:",omitempty"`
	Thumbprint string `json:",omitempty"` // SHA-256 of the certificate, base64url (x5t#S256)
}

// Certificate is what the transport saw of the client's certificate in the TLS
// handshake, which has proven that the client holds its key.
type Certificate struct {
	Thumbprint string // SHA-256 of the DER bytes, base64url without padding (RFC 8705 §3.1)
	SubjectDN  string // RFC 4514, as crypto/x509/pkix writes it
	DNSNames   []string
	URIs       []string
	// Verified is whether an authority that the listener trusts has issued it.
	// Without that its names are only what its owner says.
	Verified bool
}

func (r CertificateRule) empty() bool { return r == CertificateRule{} }

func (r CertificateRule) check() error {
	n := 0
	for _, s := range []string{r.SubjectDN, r.DNS, r.URI, r.Thumbprint} {
		if len(s) > 1000 || !utf8.ValidString(s) {
			return errors.New("must be texts of at most 1000 bytes")
		}
		if s != "" {
			n++
		}
	}
	switch {
	case n != 1:
		return errors.New("must give exactly one of SubjectDN, DNS, URI and Thumbprint (RFC 8705 §2.1.2)")
	case strings.Contains(r.DNS, "*"):
		return errors.New("must not have a wildcard: names are compared as a whole")
	case r.Thumbprint != "" && !thumbprint(r.Thumbprint):
		return errors.New("must have a Thumbprint that is a SHA-256 in base64url without padding")
	}
	return nil
}

func thumbprint(s string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == 32 && len(s) == 43
}

// fits: names count only when an authority vouches for them; a thumbprint is the
// very certificate. Comparison is by bytes, but for the case of DNS names, so a
// certificate for *.example.com is not one for app.example.com.
func (r CertificateRule) fits(c Certificate) bool {
	switch {
	case r.Thumbprint != "":
		return c.Thumbprint == r.Thumbprint
	case !c.Verified:
		return false
	case r.SubjectDN != "":
		return c.SubjectDN == r.SubjectDN
	case r.DNS != "":
		return slices.ContainsFunc(c.DNSNames, func(name string) bool { return strings.EqualFold(name, r.DNS) })
	case r.URI != "":
		return slices.Contains(c.URIs, r.URI)
	}
	return false
}
