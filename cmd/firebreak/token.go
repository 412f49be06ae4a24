package main

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"firebreak/authn"
	"firebreak/authz"
)

type tokenCommand struct {
	Dir     string        `required:"" placeholder:"DIR" help:"The demo directory."`
	As      string        `required:"" placeholder:"NAME" help:"The demo user, such as dr-adams."`
	Scope   string        `default:"usual" placeholder:"SCOPES" help:"SMART scopes, such as \"user/*.rs\"; usual: the user's."`
	Patient string        `placeholder:"ID" help:"The patient of the launch context, such as amy."`
	Purpose string        `placeholder:"CODE" help:"The purpose of use, such as TREAT; the user's usual one without it."`
	TTL     time.Duration `name:"ttl" default:"10m" help:"How long the token lives, at most 1h."`
}

func (t tokenCommand) Help() string {
	return "Prints the token and nothing else. It is signed with the demo's own key, so whoever may read the directory can be anybody in it."
}

func (t tokenCommand) Run(c console) error {
	switch t.Scope {
	case "": // a variable that is not set must not become every right there is
		return usageError{"--scope must not be empty; leave it away for the user's usual scope"}
	case "usual":
		t.Scope = ""
	}
	token, err := t.mint()
	if err != nil {
		return err
	}
	if _, unknown := authz.ReadScope(t.Scope); len(unknown) > 0 {
		c.note("note: this grants nothing, for it is not understood: %s", strings.Join(unknown, " "))
	}
	c.print("%s", token)
	return nil
}

// idShape is FHIR's id (datatypes.html#id).
var idShape = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// mint makes the token; without a Scope it has the user's usual one.
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
	if understood, _ := authz.ReadScope(t.Scope); t.Scope != "" && len(understood) == 0 {
		return "", usageError{fmt.Sprintf("nothing in the scope %q is understood; write context/Type.rights, such as user/Patient.rs or patient/*.cruds", t.Scope)}
	}
	t.Patient = strings.TrimPrefix(t.Patient, "Patient/")
	if t.Patient != "" && !idShape.MatchString(t.Patient) {
		return "", usageError{fmt.Sprintf("--patient must be a patient's id, such as amy, not %q", t.Patient)}
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
