package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"

	"firebreak"
	"firebreak/demo"
	"firebreak/smart/client"
	"firebreak/smart/person"
)

// demoClient is a registered application of the demo, with what it proves itself
// by, so that anybody can try each flow.
type demoClient struct {
	Name         string   `json:"name"`
	Public       bool     `json:"public"`
	RedirectURIs []string `json:"redirect_uris"` // empty for one that no person uses
	LaunchURI    string   `json:"launch_uri,omitzero"`
	Scope        string   `json:"scope"`
	AuthMethod   string   `json:"token_endpoint_auth_method"`
	Secret       string   `json:"secret,omitzero"`
	PrivateKey   string   `json:"private_key,omitzero"` // a file, PKCS #8 in PEM
	KeyID        string   `json:"kid,omitzero"`
	Algorithm    string   `json:"alg,omitzero"`
}

const (
	appScope = "openid fhirUser profile launch launch/patient online_access offline_access patient/*.cruds user/*.cruds"
	anyPort  = "http://127.0.0.1/callback" // with any port: RFC 8252 section 7.3
)

// demoClients are the demo's applications. app is where the sample one is served.
func demoClients(app string) map[string]client.Client {
	scopes := strings.Fields(appScope)
	list := []client.Client{
		{ID: "chart-app", Name: "Sample chart", Publisher: "Firebreak demo", Kind: client.Public, Method: client.None, Offline: true, Scopes: scopes,
			RedirectURIs: []string{app + "/app/", anyPort}, LaunchURI: app + "/app/launch.html"},
		{ID: "portal", Name: "Patient portal", Publisher: "North Hospital", Kind: client.Confidential, Method: client.SecretBasic, Offline: true, Scopes: scopes,
			RedirectURIs: []string{anyPort}, LaunchURI: "http://127.0.0.1/launch"},
		{ID: "referrals", Name: "Referrals", Publisher: "South Hospital", Kind: client.Confidential, Method: client.PrivateKeyJWT, Offline: true, Scopes: scopes,
			RedirectURIs: []string{anyPort}, LaunchURI: "http://127.0.0.1/launch"},
		{ID: "nightly-export", Name: "Nightly export", Publisher: "Firebreak demo", Kind: client.System, Method: client.PrivateKeyJWT,
			Scopes: []string{"system/*.rs"}, Roles: []string{"system"}},
		{ID: "record-system", Name: "Record system", Publisher: "North Hospital", Kind: client.System, Method: client.PrivateKeyJWT,
			Scopes: []string{"system/Patient.rs"}, Launches: true},
		{ID: "laboratory", Name: "Laboratory system", Publisher: "North Hospital", Kind: client.Confidential, Method: client.SecretPost, Introspect: true},
	}
	out := map[string]client.Client{}
	for _, c := range list {
		out[c.ID] = c
	}
	return out
}

// demoIssuer is where people sign in: under a name where there is one, for
// passkeys belong to names and cookies to hosts. The sample application is served
// under the base's own address, so the two share neither.
func demoIssuer(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
		return "https://" + net.JoinHostPort("localhost", u.Port()) + "/auth"
	}
	return "https://" + u.Host + "/auth"
}

// demoApp is where the sample application is served.
func demoApp(base string) string { return strings.TrimSuffix(base, "/fhir") }

// setClients registers the demo's applications. Those that are registered stay as
// administrators have left them: disabled ones too.
func setClients(ctx context.Context, i *firebreak.Instance, dir string, before *demoFile) (map[string]demoClient, error) {
	there, err := i.Clients(ctx)
	if err != nil {
		return nil, err
	}
	out, old := map[string]demoClient{}, before.Clients
	for id, c := range demoClients(demoApp(i.Base())) {
		at := slices.IndexFunc(there, func(r client.Registration) bool { return r.Client.ID == id })
		if at >= 0 {
			c = moved(there[at].Client, c, demoApp(before.Base), demoApp(i.Base()))
		}
		d := demoClient{Name: c.Name, Public: c.Kind == client.Public, RedirectURIs: c.RedirectURIs, LaunchURI: c.LaunchURI, Scope: strings.Join(c.Scopes, " "),
			AuthMethod: string(c.Method), Secret: old[id].Secret}
		if c.Method == client.PrivateKeyJWT {
			d.PrivateKey, d.Algorithm = filepath.Join(dir, "clients", id+".pem"), string(jose.ES384)
			_, lost := os.Stat(d.PrivateKey)
			keys, kid, err := keyPair(d.PrivateKey)
			if err != nil {
				return nil, fmt.Errorf("key of %s: %w", id, err)
			}
			if d.KeyID = kid; at < 0 || lost != nil {
				c.Keys, c.KeysURL = keys, ""
			}
		}
		secret, err := i.SetClient(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("register %s: %w", id, err)
		}
		if secret != "" {
			d.Secret = secret
		}
		if d.Secret == "" && (c.Method == client.SecretBasic || c.Method == client.SecretPost) {
			if d.Secret, err = i.RotateSecret(ctx, id, 0); err != nil { // demo.json was lost
				return nil, fmt.Errorf("secret of %s: %w", id, err)
			}
		}
		out[id] = d
	}
	return out, nil
}

// moved is a registration as it was left, with its addresses at where the demo is
// now. Where the demo was is in demo.json; without that the addresses are as at first.
func moved(left, first client.Client, was, now string) client.Client {
	if was == "" {
		left.RedirectURIs, left.LaunchURI = first.RedirectURIs, first.LaunchURI
		return left
	}
	move := func(uri string) string {
		if rest, ok := strings.CutPrefix(uri, was+"/"); ok {
			return now + "/" + rest
		}
		return uri
	}
	left.RedirectURIs, left.LaunchURI = slices.Clone(left.RedirectURIs), move(left.LaunchURI)
	for n, uri := range left.RedirectURIs {
		left.RedirectURIs[n] = move(uri)
	}
	return left
}

// keyPair reads an application's private key, or makes it, and is the public one
// as a JWK Set.
func keyPair(path string) (set, kid string, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeKey(path); err == nil {
			b, err = os.ReadFile(path)
		}
	}
	if err != nil {
		return "", "", err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return "", "", fmt.Errorf("%s holds no PEM", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", "", err
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return "", "", fmt.Errorf("%s holds no EC key", path)
	}
	kid = strings.TrimSuffix(filepath.Base(path), ".pem")
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private.Public(), KeyID: kid, Algorithm: string(jose.ES384), Use: "sig"}}})
	return string(public), kid, err
}

func makeKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// invitePeople makes the accounts of the demo's people, as an operator does, and
// takes up their invitations, as they do: passwords are in demo.json.
func invitePeople(ctx context.Context, i *firebreak.Instance, dir string, users map[string]demoUser, old map[string]demoUser) error {
	for _, u := range demo.Users() {
		if u.Client {
			continue
		}
		d := users[u.Name]
		_, err := i.FindPerson(ctx, u.Name)
		switch {
		case err == nil:
			d.Password = old[u.Name].Password
			users[u.Name] = d
			continue
		case !errors.Is(err, person.ErrNoAccount):
			return err
		}
		n := person.Newcomer{Login: u.Name, Display: u.Display, Email: u.Name + "@demo.example", FHIRUser: u.FHIRUser, Organization: u.Organization}
		for _, r := range u.Roles {
			n.Roles = append(n.Roles, person.RoleGrant{Role: r})
		}
		if _, err := i.Invite(ctx, n); err != nil {
			return fmt.Errorf("invite %s: %w", u.Name, err)
		}
		token, err := invitation(filepath.Join(dir, "letters"), u.Name)
		if err != nil {
			return fmt.Errorf("invite %s: %w", u.Name, err)
		}
		d.Password = newPassword()
		if err := i.Accept(ctx, token, d.Password); err != nil {
			return fmt.Errorf("invite %s: %w", u.Name, err)
		}
		users[u.Name] = d
	}
	return nil
}

// invitation takes a person's letter out of the demo's letters, and the token out
// of the letter.
func invitation(dir, login string) (token string, err error) {
	letters, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		return "", err
	}
	for _, l := range letters {
		b, err := os.ReadFile(l)
		if err != nil {
			return "", err
		}
		if !strings.Contains(string(b), "\nLogin: "+login+"\n") || !strings.Contains(string(b), "\nAbout: "+person.LetterInvitation+"\n") {
			continue
		}
		_, rest, _ := strings.Cut(string(b), "\nLink: ")
		link, _, _ := strings.Cut(rest, "\n")
		u, err := url.Parse(link)
		if err != nil {
			return "", err
		}
		return u.Query().Get("token"), os.Remove(l)
	}
	return "", errors.New("its letter is not there")
}

// newPassword is one that nobody has thought of.
func newPassword() string {
	text := strings.ToLower(rand.Text())
	return text[:5] + "-" + text[5:10] + "-" + text[10:15] + "-" + text[15:20]
}
