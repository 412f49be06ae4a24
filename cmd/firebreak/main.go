// Command firebreak runs the FHIR server and what its operator needs beside it.
//
// It holds flags, texts and files; what happens to a request is in package
// firebreak, and every change this command makes goes through there. Its one
// surprise: import, explain and what administers work on a running directory too,
// by the socket DIR/admin.sock, which answers the operating system's user that
// started the server and nobody else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"

	"github.com/alecthomas/kong"

	"firebreak"
	"firebreak/demo"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // what was asked for could not be done, or not wholly
	exitUsage  = 2 // it could not be understood
)

type commands struct {
	Demo    demoCommand    `cmd:"" help:"Run a demonstration: local CA, TLS, users, policies, two hospitals with generated patients."`
	Serve   serveCommand   `cmd:"" help:"Run the server that a configuration file describes."`
	Import  importCommand  `cmd:"" help:"Bring in Bundles and NDJSON, through the same pipeline as every other change."`
	Token   tokenCommand   `cmd:"" help:"Print an access token of a demo user."`
	Explain explainCommand `cmd:"" help:"Tell how a request would be decided, layer by layer."`
	Audit   struct {
		Verify verifyCommand `cmd:"" help:"Check that no record of the journal was altered, removed or reordered."`
	} `cmd:"" help:"Work on the audit journal."`
	Client    clientCommands    `cmd:"" help:"Register applications, and end what they may do."`
	Person    personCommands    `cmd:"" help:"Invite people, lock their accounts, give and end roles."`
	Keys      keysCommands      `cmd:"" help:"Make the keys that sign tokens anew."`
	Approvals approvalsCommands `cmd:"" help:"See which changes wait for a second administrator."`
	Version   versionCommand    `cmd:"" help:"Print the version."`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`
}

// console is where a command reads its surroundings and writes.
type console struct {
	ctx            context.Context
	stdout, stderr io.Writer
}

func (c console) print(format string, args ...any) { fmt.Fprintf(c.stdout, format+"\n", args...) }
func (c console) note(format string, args ...any)  { fmt.Fprintf(c.stderr, format+"\n", args...) }

func main() {
	collectLess()
	// What is written is for this user alone, unless said otherwise.
	syscall.Umask(0o077)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(console{ctx, os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run does one command line and returns its exit code.
func run(c console, args []string) (code int) {
	code = -1
	var cmds commands
	parser, err := kong.New(&cmds, kong.Name("firebreak"), kong.Vars{"patients": strconv.Itoa(demo.DefaultPatients), "version": "firebreak " + firebreak.Version},
		kong.Description("A FHIR R4 server behind one security gate: it answers as if records you may not see had never existed."),
		kong.Writers(c.stdout, c.stderr), kong.Exit(func(n int) { code = n }), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		c.note("firebreak: %v", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	if args[0] == "help" {
		args = append(slices.Clone(args[1:]), "--help")
	}
	at, err := parser.Parse(args)
	switch {
	case code >= 0: // --help or --version was answered
		return code
	case err != nil:
		c.note("firebreak: %v\nTry: firebreak --help", err)
		return exitUsage
	}
	at.Bind(c)
	err = at.Run()
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		c.note("firebreak: %v", err)
		return exitUsage
	case errors.Is(err, errTold):
		return exitFailed
	}
	c.note("firebreak: %v", err)
	return exitFailed
}

// usageError is a mistake in how the command was called.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// errTold ends a command whose output has said already what failed.
var errTold = errors.New("failed")

// errStopped is for what was interrupted before it was done, and loses nothing
// by that.
var errStopped = errors.New("stopped; run the same command to go on")

// unlessStopped is err, or errStopped when the reason is that we were told to end.
func (c console) unlessStopped(err error) error {
	if err != nil && c.ctx.Err() != nil {
		return errStopped
	}
	return err
}

// needDir refuses an empty directory name: it would mean the current one, and is
// most often a variable that is not set.
func needDir(dir string) error {
	if dir == "" {
		return usageError{"--dir must not be empty; for the current directory give ."}
	}
	return nil
}

type versionCommand struct{}

func (versionCommand) Run(c console) error {
	c.print("firebreak %s", firebreak.Version)
	return nil
}

// collectLess lets the heap grow to four times what is live before it is
// collected: what is live is small, and at Go's default a busy server would
// collect hundreds of times a second. Beyond a gigabyte it is collected more
// often instead: large bodies by the dozen must not count four times. GOGC and
// GOMEMLIMIT override these.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1 << 30)
	}
}
