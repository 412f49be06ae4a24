package federation

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"firebreak/vault"
)

// begun is how long a person has for signing in at the provider.
const begun = 10 * time.Minute

// pending is a sign-in under way. It is found by the state that the provider
// sends back with the browser.
type pending struct {
	Provider string `json:"provider"`
	Flow     string `json:"flow"`
	Secret   string `json:"secret"` // a hash of the flow's
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"` // PKCE's, RFC 7636 §4.1
	// Since is the Unix time before which an authentication is too old; 0 for any.
	Since int64 `json:"since"`
}

func pendings() vault.Kind[pending] { return vault.Of[pending]("federation-signin") }

// Ask is what the sign-in must be like. The zero Ask is satisfied by anything.
type Ask struct {
	// ACR is the class of ours that is needed: the provider is asked for those of
	// its classes that would do. It may do less: look at Person.ACR.
	ACR string
	// Fresh makes the provider ask the person again, whoever is signed in there;
	// Finish refuses a person whom it did not ask.
	Fresh bool
	// MaxAge is how long ago the person may have been asked, 0 for any time. Finish
	// refuses what is older.
	MaxAge time.Duration
	// Login is what the person typed as a name, to be filled in there.
	Login string
}

// Flow is what a sign-in belongs to.
type Flow struct {
	// ID is the caller's name for it; Finish gives it back.
	ID string
	// Secret is what this browser alone holds, in a cookie. It must not be empty.
	Secret string
}

// Begin is the URL to send a browser to, so that a person signs in at a
// provider. Finish asks for the flow's secret again: else somebody could have
// another finish what he began, and so be signed in as him (RFC 9700 §4.7).
//
// Errors: ErrUnknown; ErrUnavailable; others are ours.
func (f *Federation) Begin(ctx context.Context, id string, flow Flow, ask Ask) (string, error) {
	p, err := f.provider(id)
	if err != nil {
		return "", err
	}
	if flow.Secret == "" {
		return "", errors.New("a sign-in without a secret")
	}
	found, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	state := random()
	e := pending{Provider: id, Flow: flow.ID, Secret: digest(flow.Secret), Nonce: random(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(e.Nonce), oauth2.S256ChallengeOption(e.Verifier)}
	set := func(name, value string) { options = append(options, oauth2.SetAuthURLParam(name, value)) }
	if ask.Fresh {
		set("prompt", "login")
	}
	if ask.Fresh || ask.MaxAge > 0 {
		age := int64(ask.MaxAge / time.Second)
		e.Since = f.clock.Now().Unix() - age
		set("max_age", strconv.FormatInt(age, 10))
	}
	if classes := p.classes(ask.ACR); len(classes) > 0 {
		set("acr_values", strings.Join(classes, " "))
	}
	if ask.Login != "" {
		set("login_hint", ask.Login)
	}
	if err := f.vault.Apply(ctx, pendings().New(f.named(state), e, f.clock.Now().Add(begun))); err != nil {
		return "", fmt.Errorf("begin sign-in: %w", err)
	}
	return p.oauth(found).AuthCodeURL(state, options...), nil
}

// classes are the provider's own that are to be asked for: those of every sign-in;
// or, where a class of ours is needed, those that the rules map to the lowest that
// would do. The parameter is a list by preference, of which some providers take
// the weakest, and others (Okta) no more than one: nothing that would not do may
// stand in it, and nothing that need not.
func (p *provider) classes(need string) []string {
	if need == "" || or(p.config.Rules.ACR.Claim, "acr") != "acr" {
		return p.config.ACRValues
	}
	least := ""
	var out []string
	for _, pair := range p.config.Rules.ACR.Map {
		switch {
		case pair.To < need || least != "" && pair.To > least:
			continue
		case pair.To != least:
			least, out = pair.To, nil
		}
		out = append(out, pair.From)
	}
	if len(out) == 0 {
		return p.config.ACRValues
	}
	return out
}

func (f *Federation) named(state string) string { return f.vault.Blind("federation-state", state) }

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// take ends a pending sign-in: whatever is wrong with this answer, there is no
// second one to the same state.
func (f *Federation) take(ctx context.Context, id, state string, secret func(flow string) string) (pending, error) {
	e, err := pendings().Load(ctx, f.vault, f.named(state))
	if err == nil {
		err = f.vault.Apply(ctx, pendings().Remove(e))
	}
	if errors.Is(err, vault.ErrAbsent) || errors.Is(err, vault.ErrChanged) {
		return pending{}, refuse("no sign-in of this state is under way")
	}
	if err != nil {
		return pending{}, fmt.Errorf("finish sign-in: %w", err)
	}
	// Constant time: it is secret until compared.
	held := secret(e.Value.Flow)
	if held == "" || subtle.ConstantTimeCompare([]byte(e.Value.Secret), []byte(digest(held))) != 1 {
		return pending{}, refuse("another browser began this sign-in")
	}
	// Mix-up (RFC 9700 §4.4): each provider answers at an address of its own.
	if e.Value.Provider != id {
		return pending{}, refuse("this sign-in was begun at another provider")
	}
	return e.Value, nil
}
