package main

import (
	"strings"
	"time"

	"firebreak/authn"
)

type explainCommand struct {
	Dir    string `required:"" placeholder:"DIR" help:"The demo directory."`
	As     string `required:"" placeholder:"NAME" help:"The demo user whose request it is."`
	Scope  string `placeholder:"SCOPES" help:"SMART scopes instead of the user's usual ones."`
	Method string `arg:"" help:"The HTTP method, such as GET."`
	Target string `arg:"" help:"The path below the base, such as /Patient/123."`
}

func (explainCommand) Help() string {
	return "Prints what the request touches, what rows must satisfy (net 1), and for one resource what each layer says of it (net 2). " +
		"It tells hidden from absent, which the server never does. That it was asked goes on record."
}

func (e explainCommand) Run(c console) error {
	token, err := tokenCommand{Dir: e.Dir, As: e.As, Scope: e.Scope, TTL: min(time.Minute, authn.MaxLocalTTL)}.mint()
	if err != nil {
		return err
	}
	op, done, err := reach(c, e.Dir)
	if err != nil {
		return err
	}
	defer done()
	text, err := op.Explain(c.ctx, "Bearer "+token, strings.ToUpper(e.Method), e.Target)
	if err != nil {
		return err
	}
	c.print("%s", strings.TrimRight(text, "\n"))
	return nil
}
