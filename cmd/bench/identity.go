package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"firebreak"
	"firebreak/authn"
	"firebreak/clock"
	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/store"
	"firebreak/transport"
	"firebreak/vault"
)

// The parties of the tokens section.
const (
	appID       = "app"             // acts for people; public, and trusted, so that nobody is asked
	resourcesID = "resource-server" // introspects
	systemID    = "system-"         // and an algorithm: a backend service
	appReturn   = "https://app.bench.example/callback"
	readScope   = "user/*.cruds"
	password    = "one for the bench only"
	physician   = "dr-south"
	othersMany  = 8 // further people who sign in, "person-0" and so on
)

// assertionAlgorithms are those SMART asks for (client-confidential-asymmetric).
var assertionAlgorithms = []string{"RS384", "ES384"}

// unread authenticates everyone as the physician whose tokens the section reads:
// the same pipeline and the same decisions, without any token being looked at.
type unread struct{}

func (unread) Authenticate(context.Context, *fhir.Request) (gate.Identity, error) {
	id := identity(physician, "Organization/south", readScope, "physician")
	id.ClientID, id.Purpose = appID, "TREAT"
	return id, nil
}

// mintFor is what another issuer says of the same physician.
func mintFor() authn.LocalClaims {
	return authn.LocalClaims{Subject: physician, ClientID: appID, Scope: readScope, FHIRUser: "Practitioner/" + physician,
		Organization: []string{"Organization/south"}, Roles: []string{"physician"}, Purpose: "TREAT"}
}

// isDatabase tells the URL of a PostgreSQL database from the path of a SQLite file.
func isDatabase(world string) bool { return strings.HasPrefix(world, "postgres") }

func openWorld(ctx context.Context, world string) (*store.Store, error) {
	if isDatabase(world) {
		return store.OpenPostgres(ctx, world, store.Options{Clock: clock.System{}})
	}
	return store.OpenSQLite(ctx, world, store.Options{Clock: clock.System{}})
}

// authorizationServer is Firebreak as configured in earnest: authorization server
// and FHIR service, which takes another issuer's tokens as well. settle registers
// applications and people first.
func authorizationServer(ctx context.Context, dir, world string, settle bool) error {
	if _, err := localIssuer(dir); err != nil {
		return err
	}
	files := transport.LocalCAFiles(dir)
	cfg := firebreak.DefaultConfig()
	cfg.Dir, cfg.Listen, cfg.Base = dir, "127.0.0.1:0", "https://127.0.0.1:0/fhir"
	cfg.TLS.Cert, cfg.TLS.Key = files.Cert, files.Key
	cfg.Smart.Enabled, cfg.Smart.Letters = true, filepath.Join(dir, "letters")
	cfg.Issuers = []firebreak.IssuerConfig{{Name: "bench", Audience: []string{"bench"}, JWKSFile: filepath.Join(dir, "issuer", "jwks.json"),
		Algorithms: []string{"ES256"}, RequireType: true}}
	if isDatabase(world) {
		cfg.Store.Postgres, cfg.Smart.KeyFile = world, filepath.Join(filepath.Dir(dir), "shared.key")
		if _, err := vault.OpenKeys(cfg.Smart.KeyFile, true); err != nil {
			return err
		}
	} else {
		cfg.Store.SQLite = world
	}
	i, err := firebreak.Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer i.Close()
	if settle {
		if err := setClients(ctx, i, dir); err != nil {
			return err
		}
		if err := setPeople(ctx, i, cfg.Smart.Letters); err != nil {
			return err
		}
	}
	fmt.Printf("ready %s\n", i.Base())
	return i.Run(ctx, nil)
}

func setClients(ctx context.Context, i *firebreak.Instance, dir string) error {
	list := []client.Client{
		{ID: appID, Name: "App", Kind: client.Public, Method: client.None, Trusted: true, Offline: true, RedirectURIs: []string{appReturn},
			Scopes: []string{"openid", "fhirUser", "offline_access", readScope}},
		{ID: resourcesID, Name: "Resource server", Kind: client.Confidential, Method: client.SecretPost, Introspect: true},
	}
	for _, alg := range assertionAlgorithms {
		keys, err := os.ReadFile(filepath.Join(dir, alg+".jwks"))
		if err != nil {
			return err
		}
		list = append(list, client.Client{ID: systemID + alg, Name: "System " + alg, Kind: client.System, Method: client.PrivateKeyJWT,
			Keys: string(keys), Scopes: []string{"system/*.rs"}, Roles: []string{"system"}})
	}
	for _, c := range list {
		secret, err := i.SetClient(ctx, c)
		if err != nil {
			return fmt.Errorf("register %s: %w", c.ID, err)
		}
		if c.Method != client.SecretPost {
			continue
		}
		if secret == "" { // it was registered by an earlier run
			if secret, err = i.RotateSecret(ctx, c.ID, 0); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, c.ID+".secret"), []byte(secret), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// setPeople invites the physician and the others, and takes up the invitations.
func setPeople(ctx context.Context, i *firebreak.Instance, letters string) error {
	list := []person.Newcomer{{Login: physician, Display: "Doctor South", Email: "dr@bench.example", FHIRUser: "Practitioner/" + physician,
		Organization: "Organization/south", Roles: []person.RoleGrant{{Role: "physician"}}}}
	for n := range othersMany {
		name := fmt.Sprintf("person-%d", n)
		list = append(list, person.Newcomer{Login: name, Display: name, Email: name + "@bench.example"})
	}
	for _, p := range list {
		_, err := i.FindPerson(ctx, p.Login)
		if err == nil {
			continue
		}
		if !errors.Is(err, person.ErrNoAccount) {
			return err
		}
		if err := os.RemoveAll(letters); err != nil {
			return err
		}
		if _, err := i.Invite(ctx, p); err != nil {
			return fmt.Errorf("invite %s: %w", p.Login, err)
		}
		token, err := invitation(letters)
		if err != nil {
			return fmt.Errorf("invite %s: %w", p.Login, err)
		}
		if err := i.Accept(ctx, token, password); err != nil {
			return fmt.Errorf("invite %s: %w", p.Login, err)
		}
	}
	return nil
}

// invitation is the token in the only letter there is.
func invitation(letters string) (string, error) {
	found, err := filepath.Glob(filepath.Join(letters, "*.txt"))
	if err != nil || len(found) != 1 {
		return "", errors.Join(err, fmt.Errorf("%d letters, want one", len(found)))
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), "\nLink: ")
	link, _, _ := strings.Cut(rest, "\n")
	u, err := url.Parse(link)
	if err != nil {
		return "", err
	}
	return u.Query().Get("token"), nil
}
