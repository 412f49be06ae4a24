package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"firebreak"
	"firebreak/authn"
)

type explainCommand struct {
	Dir     string `required:"" placeholder:"DIR" help:"The server's directory, or the demo's."`
	As      string `placeholder:"NAME" help:"The demo user whose request it is."`
	Token   string `placeholder:"FILE" help:"Instead of --as, where tokens come from the issuers that a configuration names: the access token of whose request it is; - reads standard input."`
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
	token, err := e.token()
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

// token is made for a demo user, or read: what an issuer put into it is not for
// flags to say.
func (e explainCommand) token() (string, error) {
	switch {
	case (e.As == "") == (e.Token == ""):
		return "", usageError{"give --as with a demo user, or --token with a file that holds an access token"}
	case e.Token == "":
		return tokenCommand{Dir: e.Dir, As: e.As, Scope: e.Scope, Patient: e.Patient, Purpose: e.Purpose, TTL: min(time.Minute, authn.MaxLocalTTL)}.mint()
	case e.Scope != "" || e.Patient != "" || e.Purpose != "":
		return "", usageError{"--scope, --patient and --purpose are what --token says"}
	case e.Token == "-" && e.Body == "-":
		return "", usageError{"--token and --body cannot both be standard input"}
	}
	var in io.Reader = os.Stdin
	if e.Token != "-" {
		f, err := os.Open(e.Token)
		if err != nil {
			return "", fmt.Errorf("--token: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("--token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxToken || strings.ContainsFunc(token, unicode.IsSpace) {
		return "", usageError{"--token " + e.Token + " does not hold an access token, as it follows Bearer in a request's header, and nothing else"}
	}
	return token, nil
}

// maxToken is more than a request's header can hold.
const maxToken = 64 << 10

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
