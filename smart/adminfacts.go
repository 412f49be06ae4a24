package smart

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"firebreak/smart/client"
	"firebreak/smart/person"
	"firebreak/smart/scope"
	"firebreak/ui"
)

// What administrators are shown: all that they decide about, and what to beware of.

func (c change) title() string {
	app, who := c.Client.Name, c.Whom.Display
	if who == "" {
		who = c.Whom.Login
	}
	switch c.Kind {
	case registerClient:
		return "Register the application " + app
	case alterClient:
		return "Change the application " + app
	case enableClient:
		return "Enable the application " + app
	case newSecret:
		return "Make a new secret for the application " + app
	case invitePerson:
		return "Invite " + c.Newcomer.Display
	case unlockPerson:
		return "Unlock the account of " + who
	case grantRole, answerRole:
		return "Give " + who + " the role " + c.Role.Role
	case changeEmail:
		return "Change the e-mail address of " + who
	case renewKeys:
		return "Make all signing keys anew"
	case takePolicies:
		return "Put other policies in force"
	}
	return string(c.Kind)
}

// facts are everything that a change will apply.
func (s *Server) facts(ctx context.Context, c change) []ui.Fact {
	switch c.Kind {
	case registerClient, enableClient, newSecret:
		return append([]ui.Fact{{Label: "Client id", Values: some(c.Client.ID)}, {Label: "Kind", Values: []string{KindOf(c.Client)}}}, Describe(c.Client)...)
	case alterClient:
		return alterations(c.Client, c.To)
	case invitePerson:
		n := c.Newcomer
		return []ui.Fact{{Label: "Name", Values: some(n.Display)}, {Label: "User name", Values: some(n.Login)}, {Label: "The invitation goes to", Values: some(n.Email)},
			{Label: "In the records", Values: some(n.FHIRUser)}, {Label: "Organisation", Values: some(n.Organization)}, {Label: "Roles", Values: grantWords(n.Roles)}}
	case grantRole, answerRole:
		return append(whomFacts(c.Whom), ui.Fact{Label: "Role", Values: grantWords([]person.RoleGrant{c.Role})})
	case changeEmail:
		return append(whomFacts(c.Whom), ui.Fact{Label: "E-mail address now", Values: some(c.Whom.Email)}, ui.Fact{Label: "E-mail address then", Values: some(c.Email)})
	case unlockPerson:
		return whomFacts(c.Whom)
	case renewKeys:
		return []ui.Fact{{Label: "What it does", Values: []string{"Every access token and id token that was issued is worth nothing at once; applications get new ones by refreshing"}}}
	case takePolicies:
		return s.policyFacts(ctx, c.Policies)
	}
	return nil
}

// alterations are every part of a registration that is not what it was, before
// and after, by the names that it is kept with: none can be left out.
func alterations(was, to client.Client) []ui.Fact {
	out := []ui.Fact{{Label: "Client id", Values: []string{was.ID}}}
	if d := Dangers(to); len(d) > 0 {
		out = append(out, ui.Fact{Label: "Take care", Values: d})
	}
	before, after := parts(was), parts(to)
	names := slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if b, a := string(before[name]), string(after[name]); a != b {
			out = append(out, ui.Fact{Label: name, Values: []string{"before: " + cmp.Or(b, "nothing"), "after: " + cmp.Or(a, "nothing")}})
		}
	}
	return out
}

func parts(c client.Client) map[string]jsontext.Value {
	out := map[string]jsontext.Value{}
	if b, err := json.Marshal(c); err == nil {
		_ = json.Unmarshal(b, &out) // what was just written can be read
	}
	return out
}

func some(values ...string) []string {
	return slices.DeleteFunc(values, func(v string) bool { return v == "" })
}

func whomFacts(w whom) []ui.Fact {
	return []ui.Fact{{Label: "User name", Values: some(w.Login)}, {Label: "In the records", Values: some(w.FHIRUser)}, {Label: "Organisation", Values: some(w.Organization)}}
}

func grantWords(list []person.RoleGrant) []string {
	var out []string
	for _, g := range list {
		text := g.Role
		if !g.Until.IsZero() {
			text += ", until " + g.Until.UTC().Format("2 January 2006, 15:04 MST")
		}
		out = append(out, text)
	}
	return out
}

// policyFacts compare proposed policies with those that are in force.
func (s *Server) policyFacts(ctx context.Context, p PolicyTexts) []ui.Fact {
	now, err := s.ApprovedPolicies(ctx)
	if err != nil {
		return []ui.Fact{{Label: "Beware", Values: []string{"What is in force cannot be read: do not approve this now"}}}
	}
	var added, removed, changed []string
	for _, id := range slices.Sorted(maps.Keys(p.Policies)) {
		switch was, there := now.Policies[id]; {
		case !there:
			added = append(added, id)
		case was != p.Policies[id]:
			changed = append(changed, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(now.Policies)) {
		if _, there := p.Policies[id]; !there {
			removed = append(removed, id)
		}
	}
	var files []string
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		sum := sha256.Sum256([]byte(p.Files[name]))
		files = append(files, name+" · SHA-256 "+hex.EncodeToString(sum[:]))
	}
	out := []ui.Fact{{Label: "Policies added", Values: added}, {Label: "Policies removed", Values: removed}, {Label: "Policies changed", Values: changed}, {Label: "Files", Values: files},
		{Label: "All texts, SHA-256", Values: []string{p.Hash}}}
	if now.Hash != p.Instead {
		out = append(out, ui.Fact{Label: "Beware", Values: []string{"Others were approved since this was proposed: it cannot be approved any more"}})
	}
	return out
}

// Dangers are what to think about twice before an application is let in.
func Dangers(c client.Client) []string {
	var out []string
	if c.Kind == client.System {
		out = append(out, "It acts for itself: no person stands behind its requests, and its roles are its rights")
	}
	if c.Trusted {
		out = append(out, "People are not asked whether they agree")
	}
	if c.Introspect {
		out = append(out, "It may ask about the tokens of all applications")
	}
	if c.Launches {
		out = append(out, "It may launch applications, and say for which patient")
	}
	if wide := slices.DeleteFunc(slices.Clone(c.Scopes), func(s string) bool { return !wideScope(s) }); len(wide) > 0 {
		out = append(out, "Its scopes are wide: "+strings.Join(wide, " "))
	}
	if none := slices.DeleteFunc(slices.Clone(c.Scopes), grantable); len(none) > 0 {
		out = append(out, "Nothing is ever granted for what is no scope here: "+strings.Join(none, " "))
	}
	return out
}

// grantable reports whether a scope means anything to this server: one that is
// mistyped would be missed only when its application asks.
func grantable(text string) bool {
	r, err := scope.Parse(text)
	return err == nil && len(r.Unknown) == 0
}

// wideScope: every type of record of more than one patient, or changing every
// type of one.
func wideScope(scope string) bool {
	context, rest, ok := strings.Cut(scope, "/*.")
	if !ok {
		return false
	}
	letters, _, _ := strings.Cut(rest, "?")
	return context != "patient" || letters == "write" || letters == "*" || letters != "read" && strings.ContainsAny(letters, "cud")
}

// KindOf is an application's kind in words.
func KindOf(c client.Client) string {
	by := map[client.Method]string{client.SecretBasic: "by secret", client.SecretPost: "by secret", client.PrivateKeyJWT: "by key", client.TLS: "by certificate"}[c.Method]
	switch {
	case c.Kind == client.System:
		return "Backend service, " + by
	case c.Introspect && len(c.RedirectURIs) == 0:
		return "Resource server, " + by
	case c.Kind == client.Public:
		return "Public"
	}
	return "Confidential, " + by
}

// Describe is a registration in words.
func Describe(c client.Client) []ui.Fact {
	out := []ui.Fact{}
	if d := Dangers(c); len(d) > 0 {
		out = append(out, ui.Fact{Label: "Take care", Values: d})
	}
	add := func(label string, values ...string) {
		if values = some(values...); len(values) > 0 {
			out = append(out, ui.Fact{Label: label, Values: values})
		}
	}
	add("Redirects to", c.RedirectURIs...)
	add("Opened at", c.LaunchURI)
	add("May ask for", c.Scopes...)
	add("Told of sign-outs at", c.BackchannelLogoutURI)
	add("After sign-out, leads to", c.PostLogoutRedirectURIs...)
	add("Pages that may call", c.Origins...)
	add("Proves itself by", string(c.Method))
	add("Key set at", c.KeysURL)
	if c.Keys != "" {
		sum := sha256.Sum256([]byte(c.Keys))
		add("Key set", fmt.Sprintf("given, SHA-256 %s", hex.EncodeToString(sum[:])))
	}
	add("Certificate", c.Certificate.SubjectDN, c.Certificate.DNS, c.Certificate.URI, c.Certificate.Thumbprint)
	add("Its tokens are bound by", string(c.Bound))
	add("Organisation", c.Organization)
	add("Roles of its own", c.Roles...)
	add("Contact", c.Contact)
	if c.AccessLife > 0 {
		add("Access tokens live", c.AccessLife.Duration().String())
	}
	if c.RefreshLife > 0 {
		add("Refresh tokens live", c.RefreshLife.Duration().String())
	}
	if !c.Until.IsZero() {
		add("Until", c.Until.UTC().Format(time.RFC3339))
	}
	return out
}

// roleName is a role for people to read: "security-officer" is "Security officer".
func roleName(role string) string {
	text := strings.ReplaceAll(role, "-", " ")
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
