package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"firebreak"
	"firebreak/authn"
)

type explainCommand struct {
	Dir     string `required:"" placeholder:"DIR" help:"The demo directory."`
	As      string `required:"" placeholder:"NAME" help:"The demo user whose request it is."`
	Scope   string `placeholder:"SCOPES" help:"SMART scopes instead of the user's usual ones."`
	Patient string `placeholder:"ID" help:"The patient of the launch context."`
	Purpose string `placeholder:"CODE" help:"The purpose of use, such as TREAT; the user's usual one without it."`
	Body    string `placeholder:"FILE" help:"What the request would carry: a resource, a Bundle, a JSON Patch, a form; - reads standard input."`
	Method  string `arg:"" help:"The HTTP method, such as GET."`
	Target  string `arg:"" help:"The path below the base, such as /Patient/123."`
}

func (explainCommand) Help() string {
	return "Prints what the request touches, what rows must satisfy (net 1), what each layer says of the resource it is about and of what it would make (net 2), " +
		"and what the server would answer. It tells hidden from absent, which the server never does. Nothing is changed; that it was asked goes on record.\n\n" +
		"Without --body a change is explained as far as its target decides. A PATCH carries application/json-patch+json, a POST to _search a form, everything else application/fhir+json."
}

func (e explainCommand) Run(c console) error {
	token, err := tokenCommand{Dir: e.Dir, As: e.As, Scope: e.Scope, Patient: e.Patient, Purpose: e.Purpose, TTL: min(time.Minute, authn.MaxLocalTTL)}.mint()
	if err != nil {
		return err
	}
	body, err := e.body()
	if err != nil {
		return err
	}
	op, done, err := reach(c, e.Dir)
	if err != nil {
		return err
	}
	defer done()
	text, err := op.Explain(c.ctx, firebreak.Question{Authorization: "Bearer " + token, Method: strings.ToUpper(e.Method), Target: e.Target, Body: body})
	if err != nil {
		return err
	}
	c.print("%s", strings.TrimRight(text, "\n"))
	return nil
}

// body reads what the request would carry.
func (e explainCommand) body() (body []byte, err error) {
	switch e.Body {
	case "":
		return nil, nil
	case "-":
		body, err = io.ReadAll(io.LimitReader(os.Stdin, maxBundle+1))
	default:
		body, err = os.ReadFile(e.Body)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("--body: %w", err)
	case len(body) == 0:
		return nil, usageError{"--body " + e.Body + " is empty; leave it out to have the request explained without one"}
	case len(body) > maxBundle:
		return nil, usageError{"--body " + e.Body + " is larger than the 1 GiB that can be handed on"}
	}
	return body, nil
}
