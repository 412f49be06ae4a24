package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"firebreak"
	"firebreak/clock"
	"firebreak/demo"
	"firebreak/transport"
)

type demoCommand struct {
	Dir      string `required:"" placeholder:"DIR" help:"Where everything is kept; made when it is not there."`
	Listen   string `default:"127.0.0.1:8443" placeholder:"HOST:PORT" help:"The address; port 0 picks one."`
	Patients int    `default:"${patients}" help:"How many patients are made up, at the first start: from 1; 12 are enough for most examples."`
	Seed     uint64 `default:"1" help:"Another seed makes up other people, at the first start."`
	LogLevel string `default:"warn" enum:"debug,info,warn,error" help:"What is logged to standard error: debug, info, warn, error."`
}

func (demoCommand) Help() string {
	return "The first start makes a certificate authority, an issuer of tokens and a data set, and loads it through the server's own pipeline. " +
		"A later start on the same directory goes on with its data. No control is off.\n\n" +
		"It writes DIR/ca.pem and DIR/demo.json (base, issuer, users with passwords, clients with redirect addresses, secrets and key files, examples), " +
		"prints `ready <base>`, three commands to try and three pages for a browser. Letters to people are files in DIR/letters. " +
		"Policies in DIR/policies/*.cedar are used instead of the built-in ones."
}

func (d demoCommand) Run(c console) error {
	if err := needDir(d.Dir); err != nil {
		return err
	}
	if d.Patients < 1 || d.Patients > demo.MaxPatients {
		return usageError{fmt.Sprintf("--patients must be from 1 to %d; 12 are enough for most examples", demo.MaxPatients)}
	}
	base, hosts, err := demoBase(d.Listen)
	if err != nil {
		return err
	}
	if d.Dir, err = filepath.Abs(d.Dir); err != nil {
		return err
	}
	if err := begin(d.Dir, base); err != nil {
		return err
	}
	if err := transport.LocalCA(d.Dir, hosts, clock.System{}); err != nil {
		return err
	}
	files := transport.LocalCAFiles(d.Dir)
	cfg := demoConfig(d.Dir, base)
	cfg.Listen, cfg.TLS.Cert, cfg.TLS.Key = d.Listen, files.Cert, files.Key
	if _, port, _ := net.SplitHostPort(d.Listen); port != "0" { // demoBase has seen to its form
		cfg.Hosts = []string{net.JoinHostPort("localhost", port)}
	}
	cfg.Log = firebreak.LogConfig{Level: d.LogLevel, Format: "text"}
	log := logger(c, cfg.Log)
	i, err := open(c, cfg, log)
	if err != nil {
		return err
	}
	found, err := d.prepare(c, i, files.CA)
	if err != nil {
		return errors.Join(c.unlessStopped(err), i.Close())
	}
	return serve(c, i, d.Dir, log, func() {
		// At once: who waits for the first line finds the others.
		c.print("ready %s\n\n%s", i.Base(), tries(d.Dir, i.Base(), files.CA, found))
	})
}

// prepare loads the data set unless that is done, and writes demo.json, which
// says that it is.
func (d demoCommand) prepare(c console, i *firebreak.Instance, ca string) (*demoFile, error) {
	set, err := settle(c.ctx, i, dataSet{Seed: d.Seed, Patients: d.Patients})
	if err != nil {
		return nil, err
	}
	old, err := readDemo(d.Dir)
	if err != nil {
		c.note("%v", err)
	}
	now := &demoFile{Base: i.Base(), CA: ca, Issuer: i.Issuer(), Users: demoUsers(), Store: set.Store}
	if old == nil || old.Store != set.Store {
		old = &demoFile{}
	}
	if now.Clients, err = setClients(c.ctx, i, d.Dir, old); err != nil {
		return nil, err
	}
	if err := invitePeople(c.ctx, i, d.Dir, now.Users, old.Users); err != nil {
		return nil, err
	}
	if old.Examples != nil {
		now.Examples = old.Examples
		return now, now.write(d.Dir)
	}
	records := demo.Generate(set.Seed, set.today(), set.Patients)
	if err := load(c, i, records); err != nil {
		return nil, fmt.Errorf("load the data set (starting again goes on with it): %w", err)
	}
	now.Examples = demo.Examples(records)
	debug.FreeOSMemory() // loading took a lot that serving does not need
	return now, now.write(d.Dir)
}

// demoBase is the public URL for a listening address, and the names that its
// certificate needs.
func demoBase(listen string) (base string, hosts []string, err error) {
	host, port, err := net.SplitHostPort(listen)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return "", nil, usageError{"--listen must be HOST:PORT with a number from 0 to 65535, such as 127.0.0.1:8443; port 0 picks one"}
	}
	if strings.Contains(host, "%") {
		return "", nil, usageError{"--listen must be without a zone (%): the base is made of it, and clients do not take one in a URL; give another address of this machine"}
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "https://" + net.JoinHostPort(host, port) + "/fhir", []string{host}, nil
}

// tries are three requests to paste: one refused, one answered, one that looks
// absent because it is hidden.
func tries(dir, base, ca string, d *demoFile) string {
	token := fmt.Sprintf(`-H "Authorization: Bearer $(%s token --dir %s --as dr-adams)"`, self(), quote(dir))
	curl := func(title, auth, path string) string {
		parts := []string{"curl", "--cacert", quote(ca)}
		if auth != "" {
			parts = append(parts, auth)
		}
		return "# " + title + "\n" + strings.Join(append(parts, base+"/"+path), " ") + "\n"
	}
	seen := cmp.Or(d.Examples["north-patient"], "Patient/amy")
	hidden := cmp.Or(d.Examples["south-patient"], "Patient/of-the-south")
	return strings.Join([]string{
		curl("refused: no token", "", seen),
		curl("answered: a patient of dr-adams' hospital", token, seen),
		curl("looks absent, because it is hidden: a patient of the other hospital", token, hidden),
		pages(dir, base, ca, d),
	}, "\n")
}

// pages are places for a browser. The passwords are the demo's own.
func pages(dir, base, ca string, d *demoFile) string {
	return fmt.Sprintf(`# in a browser that trusts %s (more names and passwords are in %s):
#   %s
#     a sample application; sign in as patient-amy, password %s
#   %s/launch
#     open it for a patient; sign in as dr-adams, password %s
#   %s/account
#     what was granted, and how to take it back
`, ca, demoFilePath(dir), demoApp(base)+"/app/", d.Users["patient-amy"].Password, d.Issuer, d.Users["dr-adams"].Password, d.Issuer)
}

// self is how a shell calls this program.
func self() string {
	exe, err := os.Executable()
	if err != nil {
		return "firebreak"
	}
	if found, err := exec.LookPath("firebreak"); err == nil {
		a, errA := os.Stat(found)
		b, errB := os.Stat(exe)
		if errA == nil && errB == nil && os.SameFile(a, b) {
			return "firebreak"
		}
	}
	return quote(exe)
}

// quote is a word as a POSIX shell reads it.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
