package firebreak

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"time"

	"firebreak/audit"
	"firebreak/authn"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/federation"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

// identity is the authorization server with its parts; nil in a server that has
// none.
type identity struct {
	vault   *vault.Vault
	clients *client.Registry
	people  *person.Directory
	smart   *smart.Server
	charts  *chart
	host    string // the issuer's, as requests name it
	// closeMail waits for letters that are on their way.
	closeMail func() error
}

// openIdentity puts the authorization server together. It can serve when it has
// been told who reads its tokens and where charts are (connect).
func (i *Instance) openIdentity(ctx context.Context) (*identity, error) {
	c := i.cfg.Smart
	kept, err := i.openVault(ctx)
	if err != nil {
		return nil, err
	}
	id := &identity{vault: kept, charts: &chart{base: i.base}}
	outbound, err := c.Outbound.rules()
	if err != nil {
		return nil, err
	}
	fetcher, err := client.NewFetcher(outbound, i.clock)
	if err != nil {
		return nil, err
	}
	id.clients = client.NewRegistry(id.vault, i.clock, fetcher)
	auth, err := client.NewAuthenticator(id.clients)
	if err != nil {
		return nil, err
	}
	issuer := c.issuer(i.base)
	at, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	id.host = strings.TrimSuffix(strings.ToLower(at.Host), ":443")
	pages, err := ui.New(ui.Site{Name: c.Name, Help: c.Help, Base: at.Path})
	if err != nil {
		return nil, err
	}
	proofs, err := authn.NewProofs(authn.ProofConfig{Clock: i.clock, Replay: id.replay()})
	if err != nil {
		return nil, err
	}
	others, err := i.federation(id.vault, issuer)
	if err != nil {
		return nil, err
	}
	// Late, because letters that wait go out from here on.
	mailer, closeMail, err := i.mailer(id.vault)
	if err != nil {
		return nil, err
	}
	id.closeMail = closeMail
	if id.people, err = person.New(id.vault, i.clock, mailer, i.peopleOptions(issuer)); err != nil {
		return nil, errors.Join(err, closeMail())
	}
	id.smart, err = smart.New(smart.Options{Issuer: issuer, Base: i.base, Vault: id.vault, Clock: i.clock, Log: i.log, Clients: id.clients, Auth: auth,
		Proofs: proofs, People: id.people, Federation: others, Chart: id.charts, Pages: pages, Purposes: c.purposes(), Administrators: c.Administrators, AdminACR: c.AdminACR,
		TwoPersons: c.TwoPersons, Roles: c.offered(), RequestableRoles: c.Roles.JustInTime, Mail: c.sendsLetters(),
		Mutual: i.mutual(at.Path), Outbound: outbound.Client(10 * time.Second),
		AccessLife: c.AccessLife.Duration, RefreshLife: c.RefreshLife.Duration, SessionIdle: c.SessionIdle.Duration,
		SessionLife: c.SessionLife.Duration, KeyPeriod: c.KeyPeriod.Duration})
	return id, err
}

// openVault opens what the authorization server keeps, with the keys that sealed
// it. Keys are made for an empty store only: where there is something, a file that
// is not there was lost, and new keys would open nothing.
func (i *Instance) openVault(ctx context.Context) (*vault.Vault, error) {
	table := i.store.Vault()
	begun, err := vault.Begun(ctx, table)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	keys, err := vault.OpenKeys(i.cfg.Smart.KeyFile, i.cfg.Store.Postgres == "" && !begun)
	switch {
	case errors.Is(err, fs.ErrNotExist) && begun:
		return nil, fmt.Errorf("smart.key_file: %w: it was lost; put it back from its copy, for nothing else opens what is in the store", err)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("smart.key_file: %w: make it once, for all servers of the database, by `openssl rand -base64 32`, with mode 0600", err)
	case err != nil:
		return nil, fmt.Errorf("smart.key_file: %w", err)
	}
	v := vault.New(table, keys, i.clock)
	if err := v.Fits(ctx); err != nil {
		return nil, fmt.Errorf("smart.key_file %s: %w", i.cfg.Smart.KeyFile, err)
	}
	return v, nil
}

// federation is the other providers; nil without any.
func (i *Instance) federation(v *vault.Vault, issuer string) (*federation.Federation, error) {
	if len(i.cfg.Smart.Providers) == 0 {
		return nil, nil
	}
	f, err := federation.New(federation.Options{Providers: i.cfg.Smart.Providers, Base: issuer, FHIRBases: []string{i.base}, Vault: v, Clock: i.clock, Egress: i.egress()})
	if err != nil {
		return nil, fmt.Errorf("smart.%w", err)
	}
	return f, nil
}

func (i *Instance) peopleOptions(issuer string) person.Options {
	c := i.cfg.Smart
	pages := map[person.Purpose]string{person.Invitation: "/invitation", person.Reset: "/reset/new", person.ConfirmEmail: "/email/confirm", person.AllowEmail: "/email/allow"}
	origin := ""
	// Passkeys belong to a name (WebAuthn 3, section 5.1.2): an address has none.
	if u, err := url.Parse(issuer); err == nil && net.ParseIP(u.Hostname()) == nil {
		origin = u.Scheme + "://" + u.Host
	}
	return person.Options{Site: c.Name, Origin: origin,
		Link: func(p person.Purpose, token string) string {
			return issuer + pages[p] + "?token=" + url.QueryEscape(token)
		},
		MinLength: c.Passwords.MinLength, BreachFile: c.Passwords.BreachList, ClinicalRoles: c.Roles.Clinical, JustInTime: c.Roles.JustInTime,
		SelfService: c.Roles.SelfService, MaxJustInTime: c.Roles.MaxJustInTime.Duration,
		SecondFactor: c.Roles.SecondFactor, Aside: i.aside}
}

// issuer is the authorization server as one whose tokens are accepted.
func (id *identity) issuer(base, issuer string) authn.Issuer {
	return authn.Issuer{Name: issuer, Audience: []string{base}, Keys: id.smart.Keys(), Algorithms: []string{"ES256"}, RequireType: true,
		// The servers of one database have clocks of their own: what one has just
		// issued must not be of the future to another.
		Leeway: 2 * time.Second, Live: id.smart, FHIRBases: []string{base}}
}

// rateOf is the registered rate of an application of ours. Our own pages are no
// application: all people are at them, who count as persons.
func (id *identity) rateOf(issuer string) func(string, string) int {
	return func(of, client string) int {
		switch {
		case of != issuer:
			return 0
		case client == smart.OwnClient:
			return -1
		}
		return id.clients.Rate(context.Background(), client)
	}
}

// paceOf counts a request of an application for tokens, or about them, with those
// for records, and one for a person's with theirs: how long it must wait, or 0.
func (s *Server) paceOf(issuer string) func(client, person string) time.Duration {
	return func(client, person string) time.Duration {
		var p *fhir.Problem
		if errors.As(s.pace.take(gate.Identity{Issuer: issuer, ClientID: client, Subject: person}, s.clock.Now()), &p) {
			return time.Duration(p.RetryAfter) * time.Second
		}
		return 0
	}
}

// connect tells the authorization server who reads tokens and answers for charts.
func (id *identity) connect(v *authn.Verifier, s *Server, issuer string) {
	id.smart.Reads(v)
	id.smart.Paces(s.paceOf(issuer))
	id.charts.server, id.charts.tokens = s, id.smart
}

// serveWeb answers what is not FHIR. What was done is on record before the answer
// leaves; while the journal cannot be written, nothing is done.
func (i *Instance) serveWeb(ctx context.Context, req transport.WebRequest) transport.WebReply {
	if i.isSample(req.Host, req.Path) {
		return i.sample(req)
	}
	out := transport.WebReply{Status: 503}
	if i.journal.Failed() != nil {
		return out
	}
	// As long as a request for records: a store that stalls must not hold browsers.
	within := limited(ctx, i.server.limit)
	defer within.stop()
	a := i.identity.smart.Serve(within, req)
	if len(a.Events) == 0 {
		return a.Reply
	}
	q := inOrder{journal: i.journal}
	for _, e := range a.Events {
		for _, r := range i.identityRecord(req, a.Reply, e).Fit() {
			q.begin(ctx, r.Append(nil))
		}
	}
	if err := q.wait(context.WithoutCancel(ctx)); err != nil {
		i.log.Error("audit journal cannot be written; nothing is given out", "visit", req.Visit, "error", err)
		return out
	}
	return a.Reply
}

// identityRecord is an event of the authorization server in the journal's words.
// The request's own text stays out: it holds passwords, codes and tokens.
func (i *Instance) identityRecord(req transport.WebRequest, reply transport.WebReply, e smart.Event) audit.Record {
	r := audit.Record{Kind: audit.Security, Visit: req.Visit, Time: i.clock.Now(), Tenant: i.cfg.Tenant, Subject: e.Person, Issuer: i.cfg.Smart.issuer(i.base),
		FHIRUser: e.FHIRUser, Organization: e.Organization, Roles: e.Roles, ClientID: e.Client, JTI: e.TokenID, Peer: req.Peer, Server: i.base,
		Interaction: e.What, Status: reply.Status, Operation: operation(e), Detail: detail(e)}
	if e.Failed {
		r.Kind = audit.Denial
	}
	if e.Patient != "" {
		r.Patients = []string{"Patient/" + e.Patient}
	}
	return r
}

// operation is what an event was done to, as the journal has it. What is waiting
// for a second person has the same "change" until it is made.
func operation(e smart.Event) string {
	var about []string
	for _, x := range [...][2]string{{"grant", e.Grant}, {"scope", e.Scope}, {"about", e.About}, {"change", e.Change}, {"asked-by", e.AskedBy}} {
		if x[1] != "" {
			about = append(about, x[0]+"="+x[1])
		}
	}
	return strings.Join(about, "; ")
}

// detail is why something was done: in our words, then in those of the
// administrator who did it.
func detail(e smart.Event) string {
	switch {
	case e.Reason == "":
		return e.Why
	case e.Why == "":
		return "reason: " + e.Reason
	}
	return e.Why + "; reason: " + e.Reason
}

// isWeb tells which requests are not FHIR's: those for the authorization server.
// But for what is published below the base they come to the issuer's own host,
// whose cookies no other name of this server shares.
func (i *Instance) isWeb(host, path string) bool {
	if i.isSample(host, path) {
		return true
	}
	if i.identity == nil || !i.identity.smart.Serves(path) {
		return false
	}
	return i.identity.smart.Below(path) || host == i.identity.host || i.identity.smart.ForPrograms(host, path)
}

// mutual are the authorization server's further URLs, at the listeners where
// clients come with certificates (RFC 8705 section 5).
func (i *Instance) mutual(path string) (out []string) {
	for n, l := range i.cfg.Listeners {
		if u, err := url.Parse(i.Bases()[n]); err == nil && l.ClientCAs != "" {
			out = append(out, "https://"+u.Host+path)
		}
	}
	if i.cfg.TLS.ClientCAs != "" && len(out) == 0 {
		out = append(out, i.cfg.Smart.issuer(i.base))
	}
	return out
}

// mayCall reports whether pages of an origin may call the FHIR service: those of
// registered applications.
func (i *Instance) mayCall(origin string) bool {
	return i.identity != nil && i.identity.smart.MayShare(origin)
}

// replay remembers DPoP proofs for all servers of a database, where there may be
// several; nil: the process remembers its own.
func (i *Instance) replay() authn.Replay {
	if i.identity == nil {
		return nil
	}
	return i.identity.replay()
}

func (id *identity) replay() authn.Replay {
	if !id.vault.Shared() {
		return nil
	}
	return sharedReplay{id.vault}
}

type sharedReplay struct{ vault *vault.Vault }

// Once is authn.Replay's.
func (r sharedReplay) Once(ctx context.Context, name string, until time.Time) (bool, error) {
	return r.vault.Once(ctx, "dpop", name, until)
}

// sweep takes away, once in a while, what has ended.
func (i *Instance) sweep(ctx context.Context) {
	every := time.NewTicker(time.Minute)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			if err := i.identity.vault.Sweep(ctx); err != nil && !errors.Is(err, context.Canceled) {
				i.log.Warn("what has ended is not swept away", "error", err)
			}
		}
	}
}
