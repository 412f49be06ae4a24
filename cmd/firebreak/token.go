package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"firebreak/authn"
)

type tokenCommand struct {
	Dir     string        `required:"" placeholder:"DIR" help:"The demo directory."`
	As      string        `required:"" placeholder:"NAME" help:"The demo user, such as dr-adams."`
	Scope   string        `placeholder:"SCOPES" help:"SMART scopes instead of the user's usual ones, such as \"user/*.rs\"."`
	Patient string        `placeholder:"ID" help:"The patient of the launch context."`
	Purpose string        `placeholder:"CODE" help:"The purpose of use, such as TREAT; the user's usual one without it."`
	TTL     time.Duration `name:"ttl" default:"10m" help:"How long the token lives, at most 1h."`
}

func (t tokenCommand) Help() string {
	return "Prints the token and nothing else. It is signed with the demo's own key, so whoever may read the directory can be anybody in it."
}

func (t tokenCommand) Run(c console) error {
	token, err := t.mint()
	if err == nil {
		c.print("%s", token)
	}
	return err
}

func (t tokenCommand) mint() (string, error) {
	d, err := needDemo(t.Dir)
	if err != nil {
		return "", err
	}
	u, err := d.user(t.As)
	if err != nil {
		return "", err
	}
	if t.TTL < time.Second || t.TTL > authn.MaxLocalTTL {
		return "", usageError{fmt.Sprintf("--ttl must be from 1s to %v", authn.MaxLocalTTL)}
	}
	allowed := demoPurposes()[t.As]
	if t.Purpose != "" && !slices.Contains(allowed, t.Purpose) {
		return "", usageError{fmt.Sprintf("%s may not state the purpose %q; allowed: %s", t.As, t.Purpose, strings.Join(allowed, ", "))}
	}
	issuer, err := d.issuer(t.Dir)
	if err != nil {
		return "", err
	}
	claims := authn.LocalClaims{Subject: t.As, ClientID: "firebreak-demo", Scope: cmp.Or(t.Scope, u.Scope), FHIRUser: u.FHIRUser,
		Patient: t.Patient, Purpose: t.Purpose, Roles: u.Roles}
	if claims.Purpose == "" && len(allowed) > 0 {
		claims.Purpose = allowed[0]
	}
	if u.Client {
		claims.ClientID = t.As
	}
	if u.Organization != "" {
		claims.Organization = []string{u.Organization}
	}
	if own, ok := strings.CutPrefix(u.FHIRUser, "Patient/"); ok && t.Patient == "" {
		claims.Patient = own
	}
	return issuer.Mint(claims, t.TTL)
}
