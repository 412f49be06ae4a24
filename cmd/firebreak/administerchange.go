package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"firebreak/smart"
	"firebreak/smart/client"
)

// clientChange changes parts of a registration. Its flags are pointers and lists:
// what is not given stays.
type clientChange struct {
	place
	ID           string   `arg:"" help:"Its client_id."`
	Name         *string  `placeholder:"NAME" help:"What people are shown when they are asked."`
	Publisher    *string  `placeholder:"NAME" help:"Who answers for it."`
	Contact      *string  `placeholder:"TEXT" help:"Whom to ask, for administrators."`
	Redirect     []string `sep:"none" placeholder:"URI" help:"Where people are sent back to, in the place of all there are; may be repeated."`
	PostLogout   []string `sep:"none" placeholder:"URI" help:"Where they may go after signing out, in the place of all; may be repeated."`
	LogoutURI    *string  `name:"logout-uri" placeholder:"URI" help:"Told when a person signs out (back-channel)."`
	LaunchURI    *string  `name:"launch-uri" placeholder:"URI" help:"Where it is opened for a patient."`
	Scope        []string `sep:"none" placeholder:"SCOPES" help:"What it may ask for, in the place of all; may be repeated. Fewer or more end the tokens it has."`
	JWKS         *string  `name:"jwks" placeholder:"FILE" help:"Its public keys, a JWK Set, in the place of those there are or of --jwks-url."`
	JWKSURL      *string  `name:"jwks-url" placeholder:"URL" help:"Where it publishes them, in the place of --jwks."`
	Certificate  *string  `placeholder:"SUBJECT" help:"Subject of its certificate, as RFC 4514 writes it."`
	Bound        *string  `enum:",none,dpop,mtls" placeholder:"HOW" help:"Tokens must be bound: dpop, mtls, none."`
	Origin       []string `sep:"none" placeholder:"ORIGIN" help:"Pages that may call, besides those of the redirect addresses, in the place of all; may be repeated."`
	Organization *string  `placeholder:"REFERENCE" help:"A system's organisation: Organization/1."`
	Role         []string `sep:"none" placeholder:"ROLE" help:"A system's roles, in the place of all; may be repeated."`
}

func (clientChange) Help() string {
	return "What is not given stays; what is given empty, such as --publisher= or --origin=, is taken away. Its id, its kind and how it proves itself do not change: " +
		"register another for those. What people have granted it stays.\n\n" +
		"Another address:   firebreak client change --dir DIR --redirect https://chart.example/cb --redirect https://chart.example/new ID"
}

func (l clientChange) Run(c console) error {
	now, err := l.administer(c, smart.Operation{Task: smart.ShowClient, ID: l.ID})
	if err != nil {
		return err
	}
	if len(now.Clients) != 1 {
		return mend(smart.ErrNoClient, nil)
	}
	to, err := l.over(now.Clients[0])
	if err != nil {
		return err
	}
	out, err := l.administer(c, smart.Operation{Task: smart.ChangeClient, ID: l.ID, Client: to})
	if err != nil {
		return err
	}
	c.print("changed %s", l.ID)
	for _, r := range out.Clients {
		for _, d := range smart.Dangers(r) {
			c.note("take care: %s", d)
		}
	}
	return nil
}

// over is a registration with what the flags say of it.
func (l clientChange) over(to client.Client) (client.Client, error) {
	bound := (*string)(&to.Bound)
	for _, f := range []struct{ given, at *string }{{l.Name, &to.Name}, {l.Publisher, &to.Publisher}, {l.Contact, &to.Contact}, {l.LogoutURI, &to.BackchannelLogoutURI},
		{l.LaunchURI, &to.LaunchURI}, {l.JWKSURL, &to.KeysURL}, {l.Certificate, &to.Certificate.SubjectDN}, {l.Organization, &to.Organization}, {l.Bound, bound}} {
		if f.given != nil {
			*f.at = *f.given
		}
	}
	if *bound == "none" {
		*bound = ""
	}
	for _, f := range []struct {
		given []string
		at    *[]string
	}{{l.Redirect, &to.RedirectURIs}, {l.PostLogout, &to.PostLogoutRedirectURIs}, {strings.Fields(strings.Join(l.Scope, " ")), &to.Scopes}, {l.Origin, &to.Origins}, {l.Role, &to.Roles}} {
		if len(f.given) > 0 {
			*f.at = slices.DeleteFunc(slices.Clone(f.given), func(s string) bool { return s == "" })
		}
	}
	if len(l.Scope) > 0 {
		to.Offline = slices.Contains(to.Scopes, "offline_access")
	}
	switch {
	case l.JWKS != nil && l.JWKSURL != nil:
		return to, usageError{"give --jwks or --jwks-url, not both"}
	case l.JWKSURL != nil:
		to.Keys = ""
	case l.JWKS != nil:
		b, err := os.ReadFile(*l.JWKS)
		if err != nil {
			return to, fmt.Errorf("--jwks: %w", err)
		}
		to.Keys, to.KeysURL = string(b), ""
	}
	return to, nil
}
