package authn

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
)

// keyFault is what is wrong with a source of keys, in words of our own: they
// quote neither the keys nor the URL, which may hold a secret.
type keyFault string

func (f keyFault) Error() string { return string(f) }

const (
	errTooLarge   keyFault = "the key set is larger than 1 MiB"
	errNotRegular keyFault = "it is not a regular file"
)

// Cause is the kind of fault that the latest attempt to read keys met, for the
// log: "" when the keys were read, or when nobody has tried. It holds nothing
// that the source said.
func (h Health) Cause() string {
	if h.Err == nil && h.Keys == 0 && !h.Read.IsZero() {
		return "the key set has no usable key"
	}
	return cause(h.Err)
}

// AskingCause is Cause for the latest introspection.
func (h Health) AskingCause() string { return cause(h.Asking) }

func cause(err error) string {
	var own keyFault
	var certificate *tls.CertificateVerificationError
	var network net.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &own):
		return string(own)
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "the file may not be read"
	case errors.As(err, &certificate):
		return "its certificate is not accepted"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "it does not answer in time"
	case errors.As(err, &network):
		return "it cannot be reached"
	}
	return "it cannot be read"
}
