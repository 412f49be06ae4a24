package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"firebreak"
	"firebreak/authn"
	"firebreak/demo"
	"firebreak/smart"
)

// A demo directory holds audit/ (the journal), store.db, tls/ and ca.pem,
// issuer/ (the key that signs tokens), admin.sock while a server runs, demo.json,
// and policies/ if the operator puts one there.

// demoFile is DIR/demo.json: what clients of the demo need to know.
type demoFile struct {
	Base string `json:"base"`
	CA   string `json:"ca"`
	// Issuer is the authorization server: people sign in at Issuer + "/account".
	Issuer   string                `json:"issuer"`
	Users    map[string]demoUser   `json:"users"`
	Clients  map[string]demoClient `json:"clients"`
	Examples map[string]string     `json:"examples"`
	// Store is the name of the store that the data set was loaded into, whole.
	Store string `json:"store"`
}

type demoUser struct {
	FHIRUser     string   `json:"fhirUser,omitzero"`
	Organization string   `json:"organization,omitzero"`
	Roles        []string `json:"roles"`
	Scope        string   `json:"scope"`
	Client       bool     `json:"client,omitzero"`
	Password     string   `json:"password,omitzero"`
}

func demoFilePath(dir string) string { return filepath.Join(dir, "demo.json") }

// readDemo reads demo.json; nil without an error when there is none.
func readDemo(dir string) (*demoFile, error) {
	b, err := os.ReadFile(demoFilePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var d demoFile
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, fmt.Errorf("%s cannot be read (%w); start `firebreak demo --dir %s` to have it written anew", demoFilePath(dir), err, dir)
	}
	return &d, nil
}

// needDemo is readDemo for commands that work on demo directories only.
func needDemo(dir string) (*demoFile, error) {
	if err := needDir(dir); err != nil {
		return nil, err
	}
	d, err := readDemo(dir)
	if err != nil || d != nil {
		return d, err
	}
	switch is, err := lookAt(dir); {
	case err != nil:
		return nil, err
	case is == foreign:
		return nil, fmt.Errorf("%s is not a demo directory; for a server with a configuration, tokens come from the issuers that it names (explain takes one with --token)", dir)
	case is == begun:
		return nil, fmt.Errorf("the first start of the demo in %s has not finished; run: firebreak demo --dir %s", dir, quote(dir))
	}
	return nil, fmt.Errorf("%s is not a demo directory; run: firebreak demo --dir %s", dir, quote(dir))
}

// content is what a directory is to the demo.
type content int

const (
	vacant  content = iota // not there, or nothing in it but policies
	begun                  // by a demo
	foreign                // somebody's
)

// lookAt tells which it is. The issuer's key marks a directory as a demo's: it is
// the first thing that a demo makes.
func lookAt(dir string) (content, error) {
	for _, mark := range []string{demoFilePath(dir), filepath.Join(dir, "issuer", "key.pem")} {
		if _, err := os.Lstat(mark); err == nil {
			return begun, nil
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return foreign, err
	}
	for _, e := range entries {
		// A start that ended before there was a key leaves the folder for it.
		if e.Name() != "policies" && e.Name() != "issuer" {
			return foreign, nil
		}
	}
	return vacant, nil
}

// begin makes a directory a demo's. One that holds anything else is refused: a
// store of real records must never be filled with made-up ones.
func begin(dir, base string) error {
	is, err := lookAt(dir)
	if err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if is == foreign {
		return fmt.Errorf("%s is not empty, and no demo has begun it; give a new directory with --dir (a server with a configuration is started by firebreak serve)", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	_, err = firebreak.LocalIssuer(dir, base, nil)
	return err
}

func (d *demoFile) write(dir string) error {
	b, err := json.Marshal(d, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return replaceFile(demoFilePath(dir), append(b, '\n'), 0o600) // it holds passwords
}

// replaceFile writes a file in one step: a reader sees the old or the new.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already when all went well
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func demoUsers() map[string]demoUser {
	users := map[string]demoUser{}
	for _, u := range demo.Users() {
		users[u.Name] = demoUser{FHIRUser: u.FHIRUser, Organization: u.Organization, Roles: u.Roles, Scope: u.Scope, Client: u.Client}
	}
	return users
}

// demoPurposes are the purposes of use (v3-PurposeOfUse) that each user may
// state; the first is stated when nothing else is asked for.
func demoPurposes() map[string][]string {
	of := map[string][]string{
		"physician": {"TREAT", "ETREAT"}, "nurse": {"TREAT", "ETREAT"}, "patient": {"PATRQT"},
		"security-officer": {"HSYSADMIN"}, "admin": {"HSYSADMIN"}, "system": {"HRESCH"},
	}
	out := map[string][]string{}
	for _, u := range demo.Users() {
		for _, r := range u.Roles {
			out[u.Name] = append(out[u.Name], of[r]...)
		}
	}
	return out
}

// user finds a demo user; its error lists those there are.
func (d *demoFile) user(name string) (demoUser, error) {
	u, ok := d.Users[name]
	if ok {
		return u, nil
	}
	var names []string
	for n := range d.Users {
		names = append(names, n)
	}
	slices.Sort(names)
	return u, usageError{fmt.Sprintf("there is no demo user %q; there are %s", name, strings.Join(names, ", "))}
}

// demoConfig is how a demo runs: every control is on, as in any server.
func demoConfig(dir, base string) firebreak.Config {
	cfg := firebreak.DefaultConfig()
	cfg.Dir, cfg.Base, cfg.Listen = dir, base, ""
	cfg.LocalIssuer, cfg.LocalPurposes = dir, demoPurposes()
	cfg.SampleApp = "chart-app"
	cfg.Smart.Issuer = demoIssuer(base)
	// The demo's administrator has a password and nothing else to sign in with.
	cfg.Smart.AdminACR = smart.ACRPassword
	cfg.Smart.Enabled, cfg.Smart.Name, cfg.Smart.Letters = true, "Firebreak demo", filepath.Join(dir, "letters")
	return cfg
}

func (d *demoFile) issuer(dir string) (*authn.LocalIssuer, error) {
	return firebreak.LocalIssuer(dir, d.Base, demoPurposes())
}
