package authn

import (
	"context"
	"errors"
	"fmt"
)

// ErrLivenessUnknown says that nobody could tell whether a token was revoked. It
// is the server's trouble, as ErrKeysUnavailable is.
var ErrLivenessUnknown = errors.New("it is not known whether the token was revoked")

// Liveness says whether a good token still is: an authorization server in the
// same process knows of grants, clients and persons what no token says.
type Liveness interface {
	// Live is asked for every request, after the token is verified or remembered,
	// and decides by Grant, ClientID, Subject and Session. False refuses the
	// token. An error refuses the request for want of an answer. It must neither
	// change t nor keep it.
	Live(ctx context.Context, t *Token) (bool, error)
}

// alive asks the issuer's Liveness, if it has one.
func (i *trusted) alive(ctx context.Context, t *Token) error {
	ok, err := i.Live.Live(ctx, t)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrLivenessUnknown, err)
	}
	if !ok {
		return invalidToken(revoked)
	}
	return nil
}
