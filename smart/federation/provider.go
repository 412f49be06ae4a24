package federation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/oauth2"

	"firebreak/clock"
	"firebreak/fhirjson"
	"firebreak/vault"
)

var (
	// ErrUnknown says that there is no provider of that id.
	ErrUnknown = errors.New("no such provider")
	// ErrUnavailable says that the provider cannot be reached, or does not answer
	// as it should. What it wraps is for the log.
	ErrUnavailable = errors.New("the provider is not available")
	// ErrCancelled says that the person, or the provider, broke the sign-in off.
	ErrCancelled = errors.New("the sign-in was cancelled at the provider")
	// ErrUnmet says that the provider could not have the person sign in as strongly
	// as was asked (OpenID Connect Core Error Code unmet_authentication_requirements 1.0).
	ErrUnmet = errors.New("the sign-in at the provider could not be as strong as was asked")
)

const (
	// fresh is how long what a provider published holds: also its keys, which the
	// library would otherwise keep for as long as it knows their names, so that a
	// key that was withdrawn would be trusted for ever.
	fresh = time.Hour
	// stale is how long it holds while the provider cannot be asked.
	stale = 24 * time.Hour
	// skew is by how much a provider's clock may differ from ours.
	skew = time.Minute
)

// Options are what Federation needs.
type Options struct {
	Providers []Config
	// Base is our issuer, such as https://host/auth: redirect URIs are below it.
	Base string
	// FHIRBases are base URLs of this server, for absolute fhirUser claims.
	FHIRBases []string
	Vault     *vault.Vault
	Clock     clock.Clock
	// Egress is how requests leave. Providers may be at private addresses, so it need
	// not guard against those: who configures one trusts what it publishes.
	Egress http.RoundTripper
}

// Federation is the providers that people may sign in at. It is safe for
// concurrent use.
type Federation struct {
	list  []*provider
	vault *vault.Vault
	clock clock.Clock
}

type provider struct {
	config   Config
	redirect string
	secret   string
	signer   *signer // nil when there is a secret
	client   *http.Client
	clock    clock.Clock

	mu    sync.Mutex // held while the provider is asked
	found atomic.Pointer[found]
	look  look
}

// found is what a provider publishes about itself.
type found struct {
	at   time.Time
	op   *oidc.Provider
	keys oidc.KeySet
	metadata
}

type metadata struct {
	tokenEndpoint string
	endSession    string   // "" when the provider has none
	says          bool     // its answers have the parameter iss (RFC 9207)
	methods       []string // of proving at the token endpoint which client it is
}

// New makes a Federation. It reads the files of secrets and keys, and asks no
// provider.
func New(o Options) (*Federation, error) {
	f := &Federation{vault: o.Vault, clock: o.Clock}
	for n, c := range o.Providers {
		var faults []error
		c.Check(func(key, format string, args ...any) {
			faults = append(faults, fmt.Errorf("providers[%d].%s: "+format, append([]any{n, key}, args...)...))
		})
		for _, other := range o.Providers[:n] {
			if c.ID == other.ID || c.Issuer == other.Issuer {
				faults = append(faults, fmt.Errorf("providers[%d]: id and issuer must be of one provider only", n))
			}
			// What proves who we are to one provider could be used by it at another.
			if c.PrivateKeyFile != "" && c.PrivateKeyFile == other.PrivateKeyFile {
				faults = append(faults, fmt.Errorf("providers[%d].private_key_file: each provider needs a key of its own", n))
			}
		}
		if err := errors.Join(faults...); err != nil {
			return nil, err
		}
		p, err := newProvider(c, o)
		if err != nil {
			return nil, fmt.Errorf("providers[%d]: %w", n, err)
		}
		f.list = append(f.list, p)
	}
	return f, nil
}

func newProvider(c Config, o Options) (*provider, error) {
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"profile", "email"}
	}
	if !slices.Contains(c.Scopes, oidc.ScopeOpenID) {
		c.Scopes = append([]string{oidc.ScopeOpenID}, c.Scopes...)
	}
	if len(c.Algorithms) == 0 {
		c.Algorithms = []string{"RS256", "PS256", "ES256"}
	}
	c.Rules.FHIRBases = o.FHIRBases
	p := &provider{config: c, redirect: o.Base + "/signin/" + c.ID + "/callback", clock: o.Clock, client: newClient(c, o.Egress, o.Clock)}
	var err error
	if c.PrivateKeyFile != "" {
		p.signer, err = readSigner(c.PrivateKeyFile, c.KeyID)
	} else {
		p.secret, err = readSecret(c.ClientSecretFile)
	}
	return p, err
}

// Button is a provider as the sign-in page shows it.
type Button struct{ ID, Name string }

// Buttons are the providers, in the order of the configuration.
func (f *Federation) Buttons() []Button {
	var out []Button
	for _, p := range f.list {
		out = append(out, Button{p.config.ID, p.config.Name})
	}
	return out
}

// RedirectURI is what is registered at a provider, "" when there is none of that
// id. Each has one of its own, so that an answer tells who it is from.
func (f *Federation) RedirectURI(id string) string {
	p, err := f.provider(id)
	if err != nil {
		return ""
	}
	return p.redirect
}

func (f *Federation) provider(id string) (*provider, error) {
	for _, p := range f.list {
		if p.config.ID == id {
			return p, nil
		}
	}
	return nil, ErrUnknown
}

// discover is what the provider publishes, read again when it is not fresh any
// more. Whoever waits for a provider that hangs waits for all who come after.
func (p *provider) discover(ctx context.Context) (*found, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, held := p.clock.Now(), p.found.Load()
	if held != nil && within(now, held.at, fresh) {
		return held, nil
	}
	// It is read for all, so that it must not end with the one who asked first.
	f, err := p.read(oidc.ClientContext(context.WithoutCancel(ctx), p.client))
	if err == nil {
		p.found.Store(f)
		return f, nil
	}
	if held != nil && within(now, held.at, stale) {
		return held, nil
	}
	return nil, unavailable(err)
}

func within(now, at time.Time, d time.Duration) bool {
	since := now.Sub(at)
	return since >= 0 && since < d
}

// read checks that the document is the issuer's (OpenID Connect Discovery §4.3,
// which the library does) and that all it names may be spoken to.
func (p *provider) read(ctx context.Context) (*found, error) {
	op, err := oidc.NewProvider(ctx, p.config.Issuer)
	if err != nil {
		return nil, err
	}
	var raw jsontext.Value
	if err := op.Claims(&raw); err != nil {
		return nil, err
	}
	doc, err := fhirjson.Parse(raw)
	if err != nil {
		return nil, err
	}
	root := doc.Root()
	f := &found{at: p.clock.Now(), op: op, metadata: metadata{
		tokenEndpoint: root.Field("token_endpoint").Text(),
		endSession:    root.Field("end_session_endpoint").Text(),
		says:          root.Field("authorization_response_iss_parameter_supported").Text() == "true",
	}}
	for m := range root.Field("token_endpoint_auth_methods_supported").Each() {
		f.methods = append(f.methods, m.Text())
	}
	for _, name := range []string{"authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint", "userinfo_endpoint"} {
		optional := name == "end_session_endpoint" || name == "userinfo_endpoint"
		if n := root.Field(name); !n.Exists() && optional {
			continue
		}
		if u, ok := p.config.endpoint(root.Field(name).Text()); !ok || u.Fragment != "" {
			return nil, errors.New("the " + name + " it publishes is no https URL")
		}
	}
	f.keys = oidc.NewRemoteKeySet(ctx, root.Field("jwks_uri").Text())
	return f, nil
}

// oauth is the provider as an OAuth client sees it.
func (p *provider) oauth(f *found) *oauth2.Config {
	c := &oauth2.Config{ClientID: p.config.ClientID, RedirectURL: p.redirect, Scopes: p.config.Scopes, Endpoint: f.op.Endpoint()}
	// Said and not tried out: a try would spend the code, and send the secret in
	// a way that the provider did not ask for. The default is OpenID Connect
	// Discovery's §3.
	c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	switch {
	case p.signer != nil:
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	case len(f.methods) > 0 && !slices.Contains(f.methods, "client_secret_basic"):
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
		c.ClientSecret = p.secret
	default:
		c.ClientSecret = p.secret
	}
	return c
}

// verifier checks tokens by the provider's keys, with the algorithms that are
// configured and no others. An expiry may have passed skew ago.
func (p *provider) verifier(keys oidc.KeySet) *oidc.IDTokenVerifier {
	return oidc.NewVerifier(p.config.Issuer, keys, &oidc.Config{
		ClientID: p.config.ClientID, SupportedSigningAlgs: p.config.Algorithms,
		Now: func() time.Time { return p.clock.Now().Add(-skew) },
	})
}

// watched is a key set that remembers that it could not be read: the verifier
// would say that the token is bad, and it may be good.
type watched struct {
	oidc.KeySet
	err error
}

// VerifySignature implements oidc.KeySet.
func (w *watched) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := w.KeySet.VerifySignature(ctx, jwt)
	var network interface{ Timeout() bool } // *url.Error, of which all failures to fetch are
	if errors.As(err, &network) || ctx.Err() != nil {
		w.err = err
	}
	return payload, err
}

// unavailable is ErrUnavailable with a cause that is safe to log: what a provider
// sent may be in it, so it is short and printable.
func unavailable(err error) error {
	text := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, err.Error())
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	return fmt.Errorf("%w: %s", ErrUnavailable, text)
}
