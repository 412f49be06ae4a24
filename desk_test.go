package firebreak_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"firebreak"
	"firebreak/authn"
	"firebreak/clock"
	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/transport"
	"firebreak/ui"
	"firebreak/vault"
)

const (
	deskOrigin = "https://test.invalid"
	deskIssuer = deskOrigin + "/auth"
	passphrase = "Ruhige Wolken über Erlangen"
)

// desk is a side with an authorization server before it, put together as an
// Instance does it, over the side's own store.
type desk struct {
	*side
	auth *smart.Server
	fhir *rig // the side's records for whoever comes with a token of auth's
	tell *tellings
}

// rooms are an authorization server with those of its parts that are asked here.
type rooms struct {
	auth    *smart.Server
	people  *person.Directory
	clients *client.Registry
	links   *links
}

// links are the links of letters, as they were sent.
type links []string

func (l *links) Post(x person.Letter) error {
	*l = append(*l, x.Link)
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newRooms(t testing.TB, table vault.Table, keys *vault.Keys, clk clock.Clock, charts smart.Chart) rooms {
	t.Helper()
	v, out := vault.New(table, keys, clk), rooms{links: &links{}}
	fetcher, err := client.NewFetcher(client.Outbound{}, clk)
	must(t, err)
	out.clients = client.NewRegistry(v, clk, fetcher)
	auth, err := client.NewAuthenticator(out.clients)
	must(t, err)
	out.people, err = person.New(v, clk, out.links, person.Options{Cost: person.Cost{Memory: 64, Time: 1, Threads: 1}, PeerBurst: 1000,
		Link: func(_ person.Purpose, token string) string { return token }})
	must(t, err)
	t.Cleanup(func() { must(t, out.people.Close()) })
	pages, err := ui.New(ui.Site{Name: "North Hospital", Base: "/auth"})
	must(t, err)
	proofs, err := authn.NewProofs(authn.ProofConfig{Clock: clk})
	must(t, err)
	out.auth, err = smart.New(smart.Options{Issuer: deskIssuer, Base: base, Vault: v, Clock: clk, Clients: out.clients, Auth: auth, Proofs: proofs,
		People: out.people, Chart: charts, Pages: pages, Purposes: map[string]string{"physician": "TREAT", "nurse": "TREAT", "patient": "PATRQT"}})
	must(t, err)
	return out
}

// register is what the authorization servers of all worlds know alike: people,
// applications and signing keys are authority, not data.
type register struct {
	keys   *vault.Keys
	rows   []vault.Change
	people map[string]string // account ids
	secret map[string]string // of applications
	ehr    *ecdsa.PrivateKey // the record system's
}

// recording keeps what was done to a table.
type recording struct {
	vault.Table
	rows map[[2]string]vault.Change
}

func (r recording) Apply(ctx context.Context, changes []vault.Change, now int64) error {
	err := r.Table.Apply(ctx, changes, now)
	for _, c := range changes {
		name := [2]string{c.Kind, c.Name}
		switch {
		case err != nil:
		case c.Delete:
			delete(r.rows, name)
		default:
			c.Was = vault.Whatever
			r.rows[name] = c
		}
	}
	return err
}

// newRegister lets the people of the worlds take up their accounts, and registers
// four applications: one that people are asked about and one that they are not,
// a resource server, and a record system.
func newRegister(t testing.TB) *register {
	t.Helper()
	g := &register{keys: vault.RandomKeys(), people: map[string]string{}, secret: map[string]string{}}
	table := recording{vault.NewMemory(), map[[2]string]vault.Change{}}
	r := newRooms(t, table, g.keys, clock.NewFixed(start), firebreak.NewChart(base))
	ctx := context.Background()
	for _, name := range slices.Sorted(maps.Keys(atDesks())) {
		id := atDesks()[name]
		n := person.Newcomer{Login: name, Display: "Dr " + name, Email: name + "@test.invalid", FHIRUser: id.FHIRUser, Organization: id.Organization}
		for _, role := range id.Roles {
			n.Roles = append(n.Roles, person.RoleGrant{Role: role})
		}
		_, _, err := r.people.Invite(ctx, person.Hands{By: person.Operator}, n)
		must(t, err)
		a, _, err := r.people.Accept(ctx, (*r.links)[len(*r.links)-1], passphrase, "192.0.2.9")
		must(t, err)
		g.people[name] = string(a.ID)
	}
	var err error
	g.ehr, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: g.ehr.Public(), KeyID: "ehr", Algorithm: string(jose.ES384), Use: "sig"}}})
	must(t, err)
	app := client.Client{ID: "portal", Name: "Portal", Kind: client.Confidential, Method: client.SecretPost, RedirectURIs: []string{"https://app.invalid/cb"},
		LaunchURI: "https://app.invalid/launch", Offline: true,
		Scopes: []string{"openid", "fhirUser", "profile", "launch", "launch/patient", "online_access", "offline_access", "patient/*.cruds", "user/*.cruds"}}
	house := app
	house.ID, house.Name, house.Trusted = "house", "House", true
	for _, c := range []client.Client{app, house,
		{ID: "lab", Name: "Laboratory", Kind: client.Confidential, Method: client.SecretPost, Introspect: true},
		{ID: "ehr", Name: "Record system", Kind: client.System, Method: client.PrivateKeyJWT, Keys: string(set), Scopes: []string{"system/Patient.rs"}, Launches: true}} {
		made, secret, err := r.clients.Register(ctx, c, "admin")
		must(t, err)
		g.secret[made.Client.ID] = secret
	}
	if a := r.auth.Serve(ctx, transport.WebRequest{Method: "GET", Path: "/auth/jwks"}); a.Reply.Status != 200 {
		t.Fatalf("no signing keys: %d", a.Reply.Status)
	}
	g.rows = slices.Collect(maps.Values(table.rows))
	return g
}

// desk puts an authorization server before a side.
func (g *register) desk(t testing.TB, s *side) *desk {
	t.Helper()
	table, charts := s.store.Vault(), firebreak.NewChart(base)
	must(t, table.Apply(context.Background(), g.rows, start.UnixMilli()))
	r := newRooms(t, table, g.keys, s.clock, charts)
	v, err := authn.New(authn.Config{Issuers: []authn.Issuer{{Name: deskIssuer, Audience: []string{base}, Keys: r.auth.Keys(), Algorithms: []string{"ES256"},
		RequireType: true, Live: r.auth, FHIRBases: []string{base}}}}, s.clock, nil)
	must(t, err)
	r.auth.Reads(v)
	parts, fhir := s.parts, *s.rig
	parts.Authn, parts.StepUp = firebreak.Bearer{Verifier: v, Tenant: "main"}, firebreak.StepUp{Issuer: deskIssuer, Classes: smart.Strengths()}
	fhir.server, err = firebreak.New(parts)
	must(t, err)
	charts.Connect(fhir.server, r.auth)
	return &desk{side: s, auth: r.auth, fhir: &fhir, tell: &tellings{names: map[string]string{}}}
}

// web sends a request to the authorization server, and is what came of it in
// words that are the same in both worlds if nothing but chance was different.
func (d *desk) web(req transport.WebRequest) (transport.WebReply, string) {
	d.fhir.n++
	d.clock.Advance(time.Second)
	d.ids.seed(fmt.Sprint("request ", d.fhir.n))
	req.Visit, req.Peer, req.Host = fmt.Sprint("visit-", d.fhir.n), "192.0.2.1", "test.invalid"
	if req.Method == "POST" {
		req.ContentType = "application/x-www-form-urlencoded"
	}
	reply := d.auth.Serve(context.Background(), req).Reply
	return reply, d.tell.reply(reply)
}

// assertion is how the record system proves who it is (RFC 7523).
func (g *register) assertion(t testing.TB, now time.Time) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: g.ehr}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "ehr"))
	must(t, err)
	payload, err := json.Marshal(obj{"iss": "ehr", "sub": "ehr", "aud": deskIssuer + "/token", "iat": now.Unix(), "exp": now.Unix() + 60, "jti": rand.Text()})
	must(t, err)
	jws, err := s.Sign(payload)
	must(t, err)
	raw, err := jws.CompactSerialize()
	must(t, err)
	return raw
}
