package fhir_test

import (
	"bufio"
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/validate"
)

var updatePlans = flag.Bool("update", false, "rewrite testdata/plan")

// readPlan reads a file of testdata/plan: lines that begin with "> " are the
// request (its line, then headers, then the body), lines with "#" say what it
// is about, and the rest is the plan.
func readPlan(t *testing.T, file string) (req fhir.Request, head, plan string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		line, ours := strings.CutPrefix(s.Text(), "> ")
		switch {
		case strings.HasPrefix(line, "#"):
			head += line + "\n"
			continue
		case !ours:
			plan += line + "\n"
			continue
		}
		head += "> " + line + "\n"
		name, value, header := strings.Cut(line, ": ")
		switch {
		case req.Method == "":
			method, url, _ := strings.Cut(line, " ")
			req.Method = method
			req.Path, req.Query, _ = strings.Cut(strings.TrimPrefix(url, "/"), "?")
		case line[0] == '{' || line[0] == '[' || !header:
			req.Body = []byte(line)
		case name == "If-None-Exist":
			req.IfNoneExist = value
		case name == "Prefer":
			req.Prefer = value
		case name == "Content-Type":
			req.ContentType = value
		default:
			t.Fatalf("%s: unknown header %q", file, name)
		}
	}
	return req, head, strings.TrimPrefix(plan, "\n")
}

// TestPlansTouchWhatTheyShould compares, for each kind of request, what it
// would see, match on and change with what somebody who knows FHIR has read and
// found right. Entries of a Bundle are planned one by one.
func TestPlansTouchWhatTheyShould(t *testing.T) {
	files, err := filepath.Glob("testdata/plan/*.txt")
	if err != nil || len(files) < 25 {
		t.Fatalf("%d plans: %v", len(files), err)
	}
	p := &validate.Parser{Base: "https://here.test/fhir", Now: func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }}
	var kinds []fhir.Kind
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			req, head, want := readPlan(t, file)
			i, err := p.Interaction(&req)
			got := ""
			if err != nil {
				got = "refused: " + fhir.AsProblem(err).Code.IssueType() + "\n"
			} else {
				kinds = append(kinds, i.Kind)
				got = fhir.Compile(i).Golden()
				for _, e := range i.Entries {
					got += "\n" + e.Place + "\n" + fhir.Compile(e.Interaction).Golden()
				}
			}
			got = strings.ReplaceAll(got, "\n\n", "\n")
			if *updatePlans {
				if err := os.WriteFile(file, []byte(head+"\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("%s\ngot\n%s\nwant\n%s", head, got, want)
			}
		})
	}
	for _, k := range []fhir.Kind{fhir.Read, fhir.VRead, fhir.Update, fhir.Patch, fhir.Delete, fhir.Create, fhir.SearchType, fhir.SearchSystem, fhir.HistoryInstance,
		fhir.HistoryType, fhir.HistorySystem, fhir.Capabilities, fhir.Batch, fhir.Transaction, fhir.Operation} {
		if !slices.Contains(kinds, k) {
			t.Errorf("no plan of a %s", k)
		}
	}
}

// Whatever can be asked for by name is asked of the policies: only wildcards
// and types that nobody named are optional.
func TestOnlyTheUnnamedIsOptional(t *testing.T) {
	p := &validate.Parser{Base: "https://here.test/fhir", Now: time.Now}
	for _, req := range []fhir.Request{
		{Method: "GET", Path: "Patient/1"}, {Method: "GET", Path: "Patient", Query: "name=x"}, {Method: "GET", Path: "Patient/_history"},
		{Method: "DELETE", Path: "Patient", Query: "name=x"}, {Method: "GET", Path: "Patient/1/$everything"}, {Method: "DELETE", Path: "Patient/1"},
	} {
		i, err := p.Interaction(&req)
		if err != nil {
			t.Fatal(err)
		}
		touches := fhir.Compile(i).Touches
		if len(touches) == 0 || touches[0].Optional && i.Operation == "" {
			t.Errorf("%s %s touches %v", req.Method, req.Path, touches)
		}
		if !slices.ContainsFunc(touches, func(x fhir.Touch) bool { return !x.Optional }) {
			t.Errorf("%s %s: everything is optional: %v", req.Method, req.Path, touches)
		}
	}
}
