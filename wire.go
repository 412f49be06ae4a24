package firebreak

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"firebreak/audit"
	"firebreak/authn"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/label"
	"firebreak/store"
	"firebreak/validate"
)

// Parts are what a Server is put together from. All are required but IDs,
// Labeler and Log.
type Parts struct {
	Base    string // absolute URL of the service, no trailing slash
	Authn   Authenticator
	Layers  []gate.Authorizer
	Backend Backend
	Journal Journal
	Clock   clock.Clock
	PageKey []byte // 32 bytes; the same for all servers of one database
	IDs     Identifiers
	Labeler gate.Labeler
	Log     *slog.Logger
	Limits  Limits
	OAuth   OAuth
	StepUp  StepUp
	// RateOf gives the requests a second of a client with a rate of its own; -1: it
	// is not bounded.
	RateOf func(issuer, client string) int
	CORS   bool // the transport lets some web applications call from a browser
}

// Limits bound what one request may ask.
type Limits struct {
	Entries  int // of a batch or transaction; 0 means 1000
	Count    int // of a page; 0 means 500
	Chain    int // hops of a chained parameter; 0 means 8
	Iterate  int // includes with :iterate; 0 means 5
	PageLife time.Duration
	URL      int           // bytes, of links to further pages; 0 means 8 KiB
	Time     time.Duration // of one request inside the pipeline; 0 means 30 s
	// Client and Person bound how fast each may ask; the zero Rate does not.
	Client, Person Rate
}

// New puts a Server together.
func New(p Parts) (*Server, error) {
	if p.Base == "" || p.Authn == nil || len(p.Layers) == 0 || p.Backend == nil || p.Journal == nil || p.Clock == nil {
		return nil, errors.New("a server needs a base, authentication, layers, a backend, a journal and a clock")
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	if p.IDs == nil {
		p.IDs = RandomIdentifiers{}
	}
	if p.Labeler == nil {
		p.Labeler = label.Labeler{Base: p.Base}
	}
	if p.Limits.Time == 0 {
		p.Limits.Time = 30 * time.Second
	}
	if p.Limits.PageLife == 0 {
		p.Limits.PageLife = time.Hour
	}
	if p.Limits.URL == 0 {
		p.Limits.URL = 8 << 10
	}
	links, err := newPageLinks(p.PageKey, p.Limits.PageLife, p.Limits.URL)
	if err != nil {
		return nil, err
	}
	mismatch := func(layer string, h gate.Header) {
		p.Log.Error("the two nets differ; the row is withheld", "layer", layer, "type", h.Type)
	}
	s := &Server{base: p.Base, gate: gate.New(p.Labeler, mismatch, p.Layers...), authn: p.Authn, pace: newThrottle(p.Limits.Client, p.Limits.Person, p.RateOf), backend: p.Backend, journal: p.Journal, sink: &sink{journal: p.Journal},
		links: links, index: search.NewExtractor(p.Base), ids: p.IDs, limit: p.Limits.Time, stepUp: p.StepUp, clock: p.Clock, log: p.Log,
		unwritten: &seldom{clock: p.Clock, log: p.Log}, unavailable: &seldom{clock: p.Clock, log: p.Log},
		parser: &validate.Parser{Base: p.Base, Now: p.Clock.Now, MaxEntries: p.Limits.Entries, MaxCount: p.Limits.Count,
			MaxChain: p.Limits.Chain, MaxIncl: p.Limits.Iterate, MaxURL: p.Limits.URL}}
	s.pace.ours = p.StepUp.Issuer
	s.statement = sync.OnceValues(func() ([]byte, error) { return json.Marshal(capabilityStatement(p.Base, p.CORS, p.OAuth)) })
	return s, nil
}

// Mismatches counts rows on which the two nets differed: each is a bug.
func (s *Server) Mismatches() int64 { return s.gate.Mismatches() }

// SQL is the SQL store as a Backend.
type SQL struct{ Store *store.Store }

// View is store.View.
func (b SQL) View(ctx context.Context, m *gate.Permit, fn func(Snapshot) error) error {
	return b.Store.View(ctx, m, func(t *store.Snapshot) error { return fn(t) })
}

// Change is store.Change.
func (b SQL) Change(ctx context.Context, m *gate.Permit, durable func(context.Context) error, fn func(Tx) error) error {
	return b.Store.Change(ctx, m, durable, func(t *store.Tx) error { return fn(sqlTx{t}) })
}

// Journalled is store.Journalled.
func (b SQL) Journalled(visits ...string) { b.Store.Journalled(visits...) }

type sqlTx struct{ *store.Tx }

func (t sqlTx) Under(m *gate.Permit) Tx { return sqlTx{t.Tx.Under(m)} }

// Recover puts on record the outcomes of changes that were committed before
// the server ended but not yet journalled.
func Recover(ctx context.Context, st *store.Store, journal *audit.Log) error {
	q := inOrder{journal: journal}
	var visits []string
	err := st.Pending(ctx, func(visit string, payload []byte) error {
		visits = append(visits, visit)
		r, err := audit.ParseRecord(payload)
		if err != nil {
			q.begin(ctx, payload) // as it is
			return nil
		}
		for _, r := range r.Fit() { // a large transaction's needs several
			q.begin(ctx, r.Append(nil))
		}
		return nil
	})
	if err := errors.Join(err, q.wait(ctx)); err != nil || len(visits) == 0 {
		return err
	}
	st.Journalled(visits...)
	return nil
}

// RandomIdentifiers makes identifiers of 130 and 80 random bits.
type RandomIdentifiers struct{}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func randomText(n int) string {
	b := make([]byte, n*5/8+1)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return lowerBase32.EncodeToString(b)[:n]
}

// Resource is a logical id.
func (RandomIdentifiers) Resource() string { return randomText(26) }

// Version is a version id.
func (RandomIdentifiers) Version() string { return randomText(16) }

// Nonce fills b.
func (RandomIdentifiers) Nonce(b []byte) { _, _ = rand.Read(b) }

// Bearer authenticates by access tokens. Tenant is the one that its issuers
// speak for.
type Bearer struct {
	Verifier *authn.Verifier
	Tenant   string
}

// Authenticate verifies the request's token and says who it stands for. A
// patient without a launch context has their own record as context.
func (b Bearer) Authenticate(ctx context.Context, req *fhir.Request) (gate.Identity, error) {
	c := authn.Credentials{Authorization: req.Authorization, Method: req.Method, Certificate: authn.Thumbprint(req.ClientCertificate)}
	if req.DPoP != "" {
		c.DPoP, c.URL = []string{req.DPoP}, req.Base+"/"+req.Path
	}
	t, err := b.Verifier.VerifyRequest(ctx, c)
	var refusal *authn.Refusal
	switch {
	case errors.As(err, &refusal):
		return gate.Identity{}, challenge(refusal)
	case err != nil:
		return gate.Identity{}, fhir.NewProblem(fhir.Unavailable, "tokens cannot be verified now").Because(err)
	}
	id := gate.Identity{Tenant: b.Tenant, Issuer: t.Issuer, Subject: t.Subject, ClientID: t.ClientID, TokenID: t.JTI, FHIRUser: t.FHIRUser,
		Roles: t.Roles, Scope: t.Scope, Patient: t.Patient, Purpose: t.Purpose, ACR: t.ACR, Until: t.Expires}
	// Whoever acts for several organisations must have chosen one.
	if len(t.Organization) == 1 {
		id.Organization = t.Organization[0]
	}
	if own, ok := strings.CutPrefix(t.FHIRUser, "Patient/"); ok && id.Patient == "" {
		id.Patient = own
	}
	return id, nil
}

// challenge is a refusal in the terms of RFC 6750 section 3 and RFC 9449 section 7.1.
func challenge(r *authn.Refusal) *fhir.Problem {
	p := fhir.NewProblem(fhir.Login, "authentication is required")
	if r.Status == 400 {
		p.Code = fhir.Invalid
	}
	if r.Code != "" {
		p.Text = "the access token is not accepted"
	}
	p.Challenge = r.Challenge("firebreak")
	return p
}

// schemeOf is the scheme of a request's token, which a challenge about it is of.
func schemeOf(req *fhir.Request) authn.Scheme {
	if word, _, _ := strings.Cut(req.Authorization, " "); strings.EqualFold(word, string(authn.DPoP)) {
		return authn.DPoP
	}
	return authn.Bearer
}

// onScheme words the gate's challenge for who sent the token as DPoP (RFC 9449
// section 7.1): the gate knows of no schemes.
func onScheme(p *fhir.Problem, req *fhir.Request) *fhir.Problem {
	rest, ok := strings.CutPrefix(p.Challenge, "Bearer error=")
	if !ok || schemeOf(req) != authn.DPoP {
		return p
	}
	out := *p
	out.Challenge = "DPoP error=" + rest
	return &out
}
