package smart

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"firebreak/authn"
	"firebreak/clock"
	"firebreak/smart/client"
	"firebreak/smart/federation"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// Options are what a Server is made of. All are required but those with a default,
// in brackets.
type Options struct {
	Issuer string // "https://host/auth": iss of all tokens
	Base   string // the FHIR service's: aud of access tokens
	Vault  *vault.Vault
	Clock  clock.Clock
	Log    *slog.Logger // [nothing is logged]

	Clients *client.Registry
	Auth    *client.Authenticator
	Proofs  *authn.Proofs
	People  *person.Directory
	// Federation is other providers to sign in at; nil: there are none.
	Federation *federation.Federation
	Chart      Chart
	Pages      *ui.Pages
	Reader     Reader // of access tokens; may be given later, by Reads

	// Mutual are further URLs of this server, where clients come with certificates.
	Mutual []string

	// Outbound posts logout tokens to applications; nil: they are not told. It must
	// be guarded as client.Outbound is.
	Outbound *http.Client

	// Purposes are the purposes of use (v3-PurposeOfUse) of people's requests, by
	// role; "patient" and "system" also stand for who has no role.
	Purposes map[string]string
	// Administrators are the roles that may register applications and people.
	Administrators []string
	// RequestableRoles are those that a person who treats or works here may ask for,
	// for a time; all of them are just in time in the directory.
	RequestableRoles []string
	// Mail says that letters go out. Without it nobody is offered one.
	Mail bool
	// AdminACR is how strongly an administrator must have signed in [any sign-in].
	AdminACR string
	// TwoPersons is what takes a second administrator: "clients", "people", "keys",
	// "policies". Clinical accounts, administrators and powerful applications
	// always do.
	TwoPersons []string
	// Roles are those that administrators may give.
	Roles []string

	AccessLife  time.Duration // of access tokens, at most 1 h [30 min]
	RefreshLife time.Duration // of refresh tokens from their last use [100 days]
	SessionIdle time.Duration // how long a sign-in lasts unused [30 min]
	SessionLife time.Duration // and at all [12 h]
	KeyPeriod   time.Duration // how long a key signs [30 days]
}

// Server is the authorization server. It is safe for concurrent use.
type Server struct {
	opt     Options
	vault   *vault.Vault
	keys    *Keys
	pages   *ui.Pages
	log     *slog.Logger
	origin  string           // of the pages, as browsers write it
	prefix  string           // the issuer's path
	base    string           // the FHIR service's path
	table   map[string]place // places, made once
	revoked revoked
	origins func(context.Context, string) bool
	wait    func(client, person string) time.Duration
	telling telling
	begins  person.Pace // of who has shown nothing yet
}

// What a network peer may begin before anybody signed in: each is a row in the
// store for some minutes. A hospital behind one address starts its day with the
// first, and goes on with the second.
const (
	beginsAtOnce  = 5000
	beginsAMinute = 1200
)

// New makes a Server. It asks nothing of the store yet.
func New(o Options) (*Server, error) {
	issuer, err1 := url.Parse(o.Issuer)
	base, err2 := url.Parse(o.Base)
	if err1 != nil || err2 != nil || issuer.Host == "" || base.Host == "" || issuer.Path == "" || strings.HasSuffix(o.Issuer, "/") {
		return nil, errors.New("the issuer and the base must be absolute URLs, the issuer with a path and without trailing slash")
	}
	if o.Vault == nil || o.Clock == nil || o.Clients == nil || o.Auth == nil || o.Proofs == nil || o.People == nil || o.Chart == nil || o.Pages == nil {
		return nil, errors.New("an authorization server needs vault, clock, applications, people, charts and pages")
	}
	for _, d := range []struct {
		of        *time.Duration
		otherwise time.Duration
	}{{&o.AccessLife, 30 * minute}, {&o.RefreshLife, 100 * day}, {&o.SessionIdle, 30 * minute}, {&o.SessionLife, 12 * time.Hour}, {&o.KeyPeriod, 30 * day}} {
		if *d.of == 0 {
			*d.of = d.otherwise
		}
	}
	if o.AccessLife < 0 || o.AccessLife > maxAccessLife || o.KeyPeriod < time.Hour {
		return nil, errors.New("access tokens may live an hour at most, and a key must sign for an hour at least")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{opt: o, vault: o.Vault, keys: newKeys(o.Vault, o.KeyPeriod, o.Clock.Now), pages: o.Pages, log: o.Log,
		origin: issuer.Scheme + "://" + issuer.Host, prefix: issuer.Path, base: base.Path, origins: o.Clients.Origins(),
		telling: telling{to: map[string]int{}}, begins: person.NewPace(o.Clock, beginsAtOnce, beginsAMinute)}
	s.table = s.places()
	s.revoked.latest.ask = s.tick
	// Who may do less than before loses the tokens that say more, at that moment.
	o.People.Ends(func(id person.ID, rights int64) []vault.Op { return s.revokeBefore(ofPerson(string(id)), rights) })
	o.Clients.Ends(func(id string, from time.Time) []vault.Op { return s.revokeBefore(ofClient(id), from.UnixMilli()) })
	o.Clients.Leaves(func(ctx context.Context, id string) ([]vault.Op, error) {
		all, err := grants.All(ctx, s.vault, "client:"+id)
		return without(all), err
	})
	return s, nil
}

// Reads gives the reader of access tokens, which itself needs the server's keys.
// It must be called before the first request.
func (s *Server) Reads(r Reader) { s.opt.Reader = r }

// Paces gives who counts applications' requests, and those of a person through
// one ("" when nobody's): how long they must wait before the next, or 0. It must
// be called before the first request.
func (s *Server) Paces(wait func(client, person string) time.Duration) { s.wait = wait }

// paced counts a request of who has shown who they are: who only says so must not
// use up what another may do.
func (s *Server) paced(client, person string) *problem {
	if s.wait == nil {
		return nil
	}
	if wait := s.wait(client, person); wait > 0 {
		return tooFast(wait)
	}
	return nil
}

// Keys are the server's signing keys.
func (s *Server) Keys() *Keys { return s.keys }

// here is the URL that a request came to.
func (s *Server) here(req transport.WebRequest, path string) string {
	if at := "https://" + req.Host + s.prefix; slices.Contains(s.opt.Mutual, at) {
		return at + path
	}
	return s.url(path)
}

func (s *Server) now() time.Time { return s.opt.Clock.Now() }

// url is a place of ours.
func (s *Server) url(path string) string { return s.opt.Issuer + path }

// trouble is ours: logged, and told without a reason.
func (s *Server) trouble(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	s.log.Error("the authorization server cannot go on", "error", err)
	return &problem{status: http.StatusServiceUnavailable, code: "temporarily_unavailable", text: "this cannot be done now"}
}

// orTrouble is p for what is not there, and trouble for everything else.
func (s *Server) orTrouble(err error, p *problem) *problem {
	if errors.Is(err, vault.ErrAbsent) {
		return p
	}
	return s.trouble(err)
}

func (s *Server) troublePage(err error) Answer {
	p := s.trouble(err)
	return s.page(p.status, &ui.Message{Title: "This cannot be done now", Text: "Something here does not work at the moment.", Hint: "Please try again in a while.", Error: true})
}

// person is an account as tokens have it. ErrNobody: it is not there, or may not
// sign in.
func (s *Server) person(ctx context.Context, id string) (Person, error) {
	a, err := s.opt.People.Account(ctx, person.ID(id))
	if errors.Is(err, person.ErrNoAccount) || err == nil && (a.Disabled || !a.Accepted) {
		return Person{}, ErrNobody
	}
	if err != nil {
		return Person{}, err
	}
	now := s.now()
	p := Person{ID: string(a.ID), Name: a.Display, Email: a.Email, FHIRUser: a.FHIRUser, Organization: a.Organization, Roles: a.RolesAt(now),
		Epoch: strconv.FormatUint(a.Epoch, 10), Rights: a.Rights}
	for _, g := range a.Roles {
		if g.Until.After(now) && (p.Until.IsZero() || g.Until.Before(p.Until)) {
			p.Until = g.Until
		}
	}
	return p, nil
}

// client is a registered application; vault.ErrAbsent when there is none.
func (s *Server) client(ctx context.Context, id string) (client.Client, error) {
	r, err := s.opt.Clients.Load(ctx, id)
	return r.Client, err
}
