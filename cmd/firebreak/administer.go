package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"firebreak"
	"firebreak/smart"
	"firebreak/smart/client"
	"firebreak/smart/person"
)

// The commands about applications, people and keys: on a running directory by its
// socket, on a demo's also when nothing runs. Whoever may give them owns the
// machine and counts as two administrators. They print nothing that another person
// signs in with.

// place is where an administration's command works, and why.
type place struct {
	Dir    string `required:"" xor:"place" placeholder:"DIR" help:"The server's directory, or the demo's."`
	Config string `required:"" xor:"place" placeholder:"FILE" help:"The server's configuration: for when it does not run. It is opened as serve would, without listening."`
	Reason string `placeholder:"TEXT" help:"Why; it goes on record."`
}

// administer does one task.
func (p place) administer(c console, o smart.Operation) (smart.Operated, error) {
	op, done, err := p.operator(c)
	if err != nil {
		return smart.Operated{}, err
	}
	o.Reason = p.Reason
	out, err := op.Administer(c.ctx, o, "operator")
	if err = mend(err, out.Known); err != nil {
		return out, errors.Join(err, done())
	}
	return out, done()
}

// operator is that of the place: the server that runs there, or what is opened here.
func (p place) operator(c console) (operator, func() error, error) {
	if p.Config == "" {
		if err := needDir(p.Dir); err != nil {
			return nil, nil, err
		}
		return reach(c, p.Dir)
	}
	cfg, err := firebreak.LoadConfig(p.Config)
	if err != nil {
		return nil, nil, err
	}
	if runs(cfg.Dir) {
		return remote{cfg.Dir}, func() error { return nil }, nil
	}
	cfg.Listen, cfg.Listeners = "", nil // nobody is answered
	i, err := open(c, cfg, quiet(c))
	if err != nil {
		return nil, nil, err
	}
	return i, i.Close, nil
}

// flags are what a registration's parts are called on the command line.
var flags = strings.NewReplacer("PostLogoutRedirectURIs", "--post-logout", "RedirectURIs", "--redirect", "BackchannelLogoutURI", "--logout-uri", "LaunchURI", "--launch-uri",
	"KeysURL", "--jwks-url", "Keys", "--jwks", "Certificate", "--certificate", "Scopes", "--scope", "Origins", "--origin", "Publisher", "--publisher",
	"Organization", "--organization", "Roles", "--role", "the Name", "--name", "the ID", "--id", "the Kind", "--kind", "Method", "--auth", "the Contact", "--contact")

// mend says what to do about an error of administration. It passes on those that
// say so already.
func mend(err error, roles []string) error {
	var invalid *client.Invalid
	if errors.As(err, &invalid) {
		var lines []string
		for _, l := range invalid.Faults {
			lines = append(lines, "  "+flags.Replace(l))
		}
		return errors.New("it is not accepted:\n" + strings.Join(lines, "\n"))
	}
	for _, m := range []struct {
		is   error
		text string
	}{
		{firebreak.ErrNoIdentity, "this server keeps no applications and people: set smart.enabled in its configuration"},
		{firebreak.ErrNoLetters, "this server sends no letters, and nobody but the invited person is shown the link: set smart.mail in its configuration first"},
		{smart.ErrNoClient, "there is no application of this id; see firebreak client list"},
		{smart.ErrMeanwhile, "it was changed by somebody else at this moment: look at it, and try again"},
		{client.ErrExists, "there is an application of this id already; choose another --id"},
		{smart.ErrRole, "there is no such role, or it is not held; there are " + strings.Join(roles, ", ")},
		{person.ErrNoAccount, "there is no account of this name; see firebreak person list"},
		{person.ErrTaken, "the login name has an account already, or the person of --fhir-user has; see firebreak person list"},
		{person.ErrLogin, "--login: " + person.ErrLogin.Error()},
		{person.ErrEmail, "--email: this is no e-mail address"},
		{person.ErrReference, "--fhir-user must be a reference such as Practitioner/123, --organization one such as Organization/1"},
		{person.ErrGrant, "the role cannot be given so: one with --until needs a --reason of 10 or more characters, and some end within hours"},
		{person.ErrState, "the account is not in a state for that; see firebreak person list"},
	} {
		if errors.Is(err, m.is) {
			return errors.New(m.text)
		}
	}
	return err
}

// table prints rows in columns.
func (c console) table(rows [][]string) error {
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

type clientCommands struct {
	Add     clientAdd     `cmd:"" help:"Register an application; its secret is printed this once."`
	List    clientList    `cmd:"" help:"List the registered applications."`
	Show    clientShow    `cmd:"" help:"Show one."`
	Change  clientChange  `cmd:"" help:"Change one: its addresses, scopes, keys and names."`
	Disable clientDisable `cmd:"" help:"Keep one from everything: all its tokens end at once."`
	Enable  clientEnable  `cmd:"" help:"Let it begin again."`
	Secret  clientSecret  `cmd:"" help:"Make a new secret, printed this once."`
}

type clientAdd struct {
	place
	ID           string   `name:"id" placeholder:"ID" help:"Its client_id; a random one without it."`
	Name         string   `required:"" placeholder:"NAME" help:"What people are shown when they are asked."`
	Publisher    string   `placeholder:"NAME" help:"Who answers for it."`
	Contact      string   `placeholder:"TEXT" help:"Whom to ask, for administrators."`
	Kind         string   `required:"" enum:"public,confidential,system,resource-server" placeholder:"KIND" help:"public (browser, phone), confidential (has a server), system (no person), resource-server (asks about tokens)."`
	Auth         string   `enum:",secret,secret-post,key,certificate" default:"" placeholder:"HOW" help:"How it proves who it is: secret, secret-post, key, certificate. A system: key without it; others that have a server: secret."`
	Redirect     []string `sep:"none" placeholder:"URI" help:"Where people are sent back to, byte for byte; may be repeated."`
	PostLogout   []string `sep:"none" placeholder:"URI" help:"Where they may go after signing out; may be repeated."`
	LogoutURI    string   `name:"logout-uri" placeholder:"URI" help:"Told when a person signs out (back-channel)."`
	LaunchURI    string   `name:"launch-uri" placeholder:"URI" help:"Where it is opened for a patient."`
	Scope        []string `sep:"none" placeholder:"SCOPES" help:"What it may ask for, separated by spaces; may be repeated. offline_access lets it go on when the person is away."`
	JWKS         string   `name:"jwks" placeholder:"FILE" help:"Its public keys, a JWK Set."`
	JWKSURL      string   `name:"jwks-url" placeholder:"URL" help:"Where it publishes them."`
	Certificate  string   `placeholder:"SUBJECT" help:"Subject of its certificate, as RFC 4514 writes it."`
	Bound        string   `enum:",none,dpop,mtls" default:"" placeholder:"HOW" help:"Tokens are bound: dpop, mtls, none. To its certificate without it, where it proves itself by one; otherwise to a proof where it sends one."`
	Origin       []string `sep:"none" placeholder:"ORIGIN" help:"Pages that may call, besides those of --redirect; may be repeated."`
	Organization string   `placeholder:"REFERENCE" help:"A system's organisation: Organization/1."`
	Role         []string `sep:"none" placeholder:"ROLE" help:"A system's roles; may be repeated."`
	Launches     bool     `help:"A health record system, which may launch applications for a patient. For systems only."`
	Trusted      bool     `help:"People are not asked whether they agree. For applications of this house only."`
}

func (clientAdd) Help() string {
	return "Prints `client ID`, and `secret …` for one that has a secret; the secret can't be shown again.\n\n" +
		"A browser app:     firebreak client add --dir DIR --name Chart --kind public --redirect https://chart.example/cb --scope \"launch/patient openid patient/*.rs\"\n\n" +
		"A backend service: firebreak client add --dir DIR --name Export --kind system --jwks keys.json --scope system/*.rs --role system"
}

func (a clientAdd) Run(c console) error {
	to, err := a.registration()
	if err != nil {
		return err
	}
	out, err := a.administer(c, smart.Operation{Task: smart.AddClient, Client: to})
	if err != nil {
		return err
	}
	for _, r := range out.Clients {
		c.print("client %s", r.ID)
		for _, d := range smart.Dangers(r) {
			c.note("take care: %s", d)
		}
	}
	if out.Secret != "" {
		c.print("secret %s", out.Secret)
	}
	return nil
}

// registration is what the flags describe.
func (a clientAdd) registration() (client.Client, error) {
	to := client.Client{ID: a.ID, Name: a.Name, Publisher: a.Publisher, Contact: a.Contact, Kind: client.Kind(a.Kind), RedirectURIs: a.Redirect,
		PostLogoutRedirectURIs: a.PostLogout, BackchannelLogoutURI: a.LogoutURI, LaunchURI: a.LaunchURI, Scopes: strings.Fields(strings.Join(a.Scope, " ")),
		KeysURL: a.JWKSURL, Bound: client.Binding(a.Bound), Origins: a.Origin, Organization: a.Organization, Roles: a.Role, Trusted: a.Trusted, Launches: a.Launches}
	to.Certificate.SubjectDN = a.Certificate
	if a.Kind == "resource-server" {
		to.Kind, to.Introspect = client.Confidential, true
	}
	for _, s := range to.Scopes {
		to.Offline = to.Offline || s == "offline_access"
	}
	switch {
	case to.Kind == client.Public && a.Auth != "":
		return to, usageError{"a public application can keep nothing to itself: leave --auth away"}
	case to.Kind == client.Public:
		to.Method = client.None
	case a.Auth == "key", a.Auth == "" && (to.Kind == client.System || a.JWKS+a.JWKSURL != ""):
		to.Method = client.PrivateKeyJWT
	case a.Auth == "certificate", a.Auth == "" && a.Certificate != "":
		to.Method = client.TLS
	case a.Auth == "secret-post":
		to.Method = client.SecretPost
	default:
		to.Method = client.SecretBasic
	}
	switch {
	case a.Bound == "none":
		to.Bound = client.Unbound
	case a.Bound == "" && to.Method == client.TLS: // what RFC 8705 is for
		to.Bound = client.BoundCertificate
	}
	if a.JWKS != "" {
		b, err := os.ReadFile(a.JWKS)
		if err != nil {
			return to, fmt.Errorf("--jwks: %w", err)
		}
		to.Keys = string(b)
	}
	return to, nil
}

type clientList struct{ place }

func (l clientList) Run(c console) error {
	out, err := l.administer(c, smart.Operation{Task: smart.ListClients})
	if err != nil {
		return err
	}
	rows := [][]string{{"ID", "KIND", "STATUS", "NAME"}}
	for _, r := range out.Clients {
		rows = append(rows, []string{r.ID, smart.KindOf(r), standing(r), r.Name})
	}
	return c.table(rows)
}

func standing(r client.Client) string {
	switch {
	case r.Disabled:
		return "disabled"
	case len(smart.Dangers(r)) > 0:
		return "active, take care"
	}
	return "active"
}

type clientShow struct {
	place
	ID string `arg:"" help:"Its client_id."`
}

func (s clientShow) Run(c console) error {
	out, err := s.administer(c, smart.Operation{Task: smart.ShowClient, ID: s.ID})
	if err != nil {
		return err
	}
	for _, r := range out.Clients {
		rows := [][]string{{"Client id", r.ID}, {"Name", r.Name}, {"Run by", cmp.Or(r.Publisher, "-")}, {"Kind", smart.KindOf(r)}, {"Status", standing(r)}}
		for _, f := range smart.Describe(r) {
			for _, v := range f.Values {
				rows = append(rows, []string{f.Label, v})
			}
		}
		if err := c.table(rows); err != nil {
			return err
		}
	}
	return nil
}

type clientDisable struct {
	place
	ID string `arg:"" help:"Its client_id."`
}

func (d clientDisable) Run(c console) error {
	if _, err := d.administer(c, smart.Operation{Task: smart.DisableClient, ID: d.ID}); err != nil {
		return err
	}
	c.print("disabled %s; its tokens have ended", d.ID)
	return nil
}

type clientEnable struct {
	place
	ID string `arg:"" help:"Its client_id."`
}

func (e clientEnable) Run(c console) error {
	if _, err := e.administer(c, smart.Operation{Task: smart.EnableClient, ID: e.ID}); err != nil {
		return err
	}
	c.print("enabled %s", e.ID)
	return nil
}

type clientSecret struct {
	place
	ID   string        `arg:"" help:"Its client_id."`
	Keep time.Duration `default:"24h" help:"How long the secret before it goes on; 0s ends it now."`
}

func (s clientSecret) Run(c console) error {
	if s.Keep < 0 || s.Keep > 90*24*time.Hour {
		return usageError{"--keep must be from 0s to 2160h"}
	}
	out, err := s.administer(c, smart.Operation{Task: smart.RotateSecret, ID: s.ID, Keep: client.Seconds(s.Keep / time.Second)})
	if err != nil {
		return err
	}
	c.print("secret %s", out.Secret)
	return nil
}
