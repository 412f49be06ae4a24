package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"firebreak/clock"
	"firebreak/smart"
	"firebreak/smart/person"
)

type personCommands struct {
	Invite personInvite `cmd:"" help:"Make an account; its owner gets a letter with a link to set the password."`
	Again  personAgain  `cmd:"" name:"invite-again" help:"Send another letter to who has not taken up the invitation; the link before it is void."`
	List   personList   `cmd:"" help:"List the accounts."`
	Lock   personLock   `cmd:"" help:"Close an account: all its sessions and tokens end at once."`
	Unlock personUnlock `cmd:"" help:"Open it again."`
	Clear  personClear  `cmd:"" name:"clear-factors" help:"Take away all second factors of somebody who lost them: they set one up at the next sign-in."`
	Grant  personGrant  `cmd:"" help:"Give a role, for ever or until a time."`
	Revoke personRevoke `cmd:"" name:"revoke-role" help:"End a role, and the tokens that were issued with it."`
}

type personInvite struct {
	place
	Login        string   `required:"" placeholder:"NAME" help:"The name to sign in with."`
	Name         string   `required:"" placeholder:"NAME" help:"The person's name."`
	Email        string   `required:"" placeholder:"ADDRESS" help:"Where the invitation goes."`
	FHIRUser     string   `name:"fhir-user" placeholder:"REFERENCE" help:"Who they are in the records: Practitioner/123."`
	Organization string   `placeholder:"REFERENCE" help:"Whom they work for: Organization/1."`
	Role         []string `sep:"none" placeholder:"ROLE" help:"A role; may be repeated."`
}

func (personInvite) Help() string {
	return "The link to set the password goes to the person and to nobody else; nothing of it is printed."
}

func (p personInvite) Run(c console) error {
	n := person.Newcomer{Login: p.Login, Display: p.Name, Email: p.Email, FHIRUser: p.FHIRUser, Organization: p.Organization}
	for _, r := range p.Role {
		n.Roles = append(n.Roles, person.RoleGrant{Role: r, Reason: p.Reason})
	}
	out, err := p.administer(c, smart.Operation{Task: smart.InvitePerson, Newcomer: n})
	if err != nil {
		return err
	}
	for _, a := range out.People {
		c.print("invited %s, account %s; the letter goes to %s", a.Login, a.ID, a.Email)
	}
	return nil
}

type personAgain struct {
	place
	Login string `arg:"" help:"The login name, or the account's id."`
}

func (p personAgain) Run(c console) error {
	out, err := p.administer(c, smart.Operation{Task: smart.InviteAgain, ID: p.Login})
	if err != nil {
		return err
	}
	for _, a := range out.People {
		c.print("invited %s again; the letter goes to %s", a.Login, a.Email)
	}
	return nil
}

type personList struct {
	place
	Find string `placeholder:"TEXT" help:"Part of a name or login name."`
}

func (l personList) Run(c console) error {
	out, err := l.administer(c, smart.Operation{Task: smart.ListPeople, ID: l.Find})
	if err != nil {
		return err
	}
	now := clock.System{}.Now()
	rows := [][]string{{"LOGIN", "STATUS", "IN THE RECORDS", "ROLES", "NAME"}}
	for _, a := range out.People {
		status := "active"
		switch {
		case a.Disabled:
			status = "locked"
		case !a.Accepted:
			status = "invited"
		}
		rows = append(rows, []string{cmp.Or(a.Login, string(a.ID)), status, cmp.Or(a.FHIRUser, "-"), cmp.Or(strings.Join(held(a, now), ", "), "-"), a.Display})
	}
	return c.table(rows)
}

// held are the roles that somebody has now, with their ends.
func held(a person.Account, now time.Time) []string {
	var out []string
	for _, g := range a.Roles {
		switch {
		case g.Until.IsZero():
			out = append(out, g.Role)
		case g.Until.After(now):
			out = append(out, g.Role+" until "+g.Until.UTC().Format("2006-01-02 15:04 MST"))
		}
	}
	return out
}

type personLock struct {
	place
	Login string `arg:"" help:"The login name, or the account's id."`
}

func (l personLock) Run(c console) error {
	if _, err := l.administer(c, smart.Operation{Task: smart.LockPerson, ID: l.Login}); err != nil {
		return err
	}
	c.print("locked %s; the sessions and tokens have ended", l.Login)
	return nil
}

type personUnlock struct {
	place
	Login string `arg:"" help:"The login name, or the account's id."`
}

func (l personUnlock) Run(c console) error {
	if _, err := l.administer(c, smart.Operation{Task: smart.UnlockPerson, ID: l.Login}); err != nil {
		return err
	}
	c.print("unlocked %s", l.Login)
	return nil
}

type personClear struct {
	place
	Login string `arg:"" help:"The login name, or the account's id."`
}

func (personClear) Help() string {
	return "Until then the password alone opens the account: make sure who asks. The person gets a letter, and all sessions and tokens end."
}

func (p personClear) Run(c console) error {
	if _, err := p.administer(c, smart.Operation{Task: smart.ClearFactors, ID: p.Login}); err != nil {
		return err
	}
	c.print("the second factors of %s are gone; one is to be set up at the next sign-in", p.Login)
	return nil
}

type personGrant struct {
	place
	Login string `arg:"" help:"The login name, or the account's id."`
	Role  string `arg:"" help:"The role."`
	Until string `placeholder:"WHEN" help:"Its end: 2026-12-31 (that day's end, UTC), 2026-12-31T18:00:00Z, or a length such as 8h. It needs a --reason then."`
}

func (g personGrant) Run(c console) error {
	until, err := g.end(clock.System{}.Now())
	if err != nil {
		return err
	}
	out, err := g.administer(c, smart.Operation{Task: smart.GrantRole, ID: g.Login, Role: person.RoleGrant{Role: g.Role, Until: until, Reason: g.Reason}})
	if err != nil {
		return err
	}
	for _, a := range out.People {
		c.print("%s has the roles %s", g.Login, strings.Join(held(a, clock.System{}.Now()), ", "))
	}
	return nil
}

// end is when the role ends; zero: not at all.
func (g personGrant) end(now time.Time) (time.Time, error) {
	if g.Until == "" {
		return time.Time{}, nil
	}
	var end time.Time
	if d, err := time.ParseDuration(g.Until); err == nil {
		end = now.Add(d)
	} else if day, err := time.Parse(time.DateOnly, g.Until); err == nil {
		end = day.AddDate(0, 0, 1)
	} else if end, err = time.Parse(time.RFC3339, g.Until); err != nil {
		return end, usageError{fmt.Sprintf("--until must be a day such as 2026-12-31, a time such as 2026-12-31T18:00:00Z, or a length such as 8h, not %q", g.Until)}
	}
	if !end.After(now) || end.Year() > 9999 {
		return end, usageError{"--until is over already, or after the year 9999"}
	}
	return end.UTC().Truncate(time.Second), nil
}

type personRevoke struct {
	place
	Login string `arg:"" help:"The login name, or the account's id."`
	Role  string `arg:"" help:"The role."`
}

func (r personRevoke) Run(c console) error {
	out, err := r.administer(c, smart.Operation{Task: smart.EndRole, ID: r.Login, Role: person.RoleGrant{Role: r.Role}})
	if err != nil {
		return err
	}
	for _, a := range out.People {
		c.print("%s has the roles %s", r.Login, cmp.Or(strings.Join(held(a, clock.System{}.Now()), ", "), "none"))
	}
	return nil
}

type keysCommands struct {
	Renew keysRenew `cmd:"" help:"Make all signing keys anew: every token that the old ones signed is worth nothing at once."`
}

type keysRenew struct{ place }

func (keysRenew) Help() string {
	return "For the day when a key may have been read by somebody. Keys also change by themselves (smart.key_period); that ends no token."
}

func (k keysRenew) Run(c console) error {
	if _, err := k.administer(c, smart.Operation{Task: smart.RenewKeys}); err != nil {
		return err
	}
	c.print("the keys are new; every token that the old ones signed has ended")
	return nil
}

type approvalsCommands struct {
	List approvalsList `cmd:"" help:"List them, with what they would change."`
}

type approvalsList struct{ place }

func (approvalsList) Help() string {
	return "They are approved at the pages of administration, by another administrator than the one who asked. No command does: " +
		"an approval is on record with the name of a person who has signed in. What the operator wants done takes the command for it, and no approval."
}

func (l approvalsList) Run(c console) error {
	out, err := l.administer(c, smart.Operation{Task: smart.ListApprovals})
	if err != nil {
		return err
	}
	if len(out.Waiting) == 0 {
		c.print("nothing waits")
	}
	for _, w := range out.Waiting {
		c.print("%s\n  asked for by %s, %s; lapses %s\n  reason: %s", w.Title, w.By, w.Asked.UTC().Format(time.RFC3339), w.Expires.UTC().Format(time.RFC3339), w.Reason)
		for _, f := range w.Facts {
			c.print("  %s: %s", f.Label, cmp.Or(strings.Join(f.Values, ", "), "none"))
		}
	}
	return nil
}
