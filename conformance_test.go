package firebreak_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// claim is one row of docs/conformance-smart.md.
type claim struct {
	id, level, verdict string
	last               string // tests, or why not
}

// conformanceClaims are the rows of the tables that begin with an id.
func conformanceClaims(t *testing.T) []claim {
	t.Helper()
	b, err := os.ReadFile("docs/conformance-smart.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []claim
	inTable := false
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) < 2:
			inTable = false
		case cells[1] == "id":
			inTable = true
		case inTable && !strings.HasPrefix(cells[1], "---"):
			if len(cells) != 7 || cells[3] == "" {
				t.Errorf("not a row of five cells: %s", line)
				continue
			}
			out = append(out, claim{id: cells[1], level: cells[2], verdict: cells[4], last: cells[5]})
		}
	}
	return out
}

var testsOnly = regexp.MustCompile("^`([a-z0-9/]+\\.)?(Test|Fuzz)[A-Z][A-Za-z0-9]*`(, `([a-z0-9/]+\\.)?(Test|Fuzz)[A-Z][A-Za-z0-9]*`)*$")

// faultOf tells what is wrong with a claim; there reports whether a folder
// ("" is the root) has a test.
func (c claim) faultOf(there func(folder, test string) bool) string {
	named := testsOnly.MatchString(c.last)
	switch c.verdict {
	case "met":
		if !named {
			return "is met, and no test shows it"
		}
	case "not yet":
		if !named && c.last != "" {
			return "is not yet done; the last cell is for tests of its parts"
		}
	case "later", "not ours":
		if named || c.last == "" {
			return "does not say why not"
		}
		return ""
	default:
		return fmt.Sprintf("%q is no verdict", c.verdict)
	}
	for _, m := range testNamed.FindAllStringSubmatch(c.last, -1) {
		if !there(m[1], m[2]) {
			return fmt.Sprintf("names %s, which is not there", m[0])
		}
	}
	return ""
}

// testsOf are the test and fuzz functions that a folder declares, as the parser
// sees them: not in a comment, not a helper of that name.
func testsOf(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cmp.Or(folder, "."), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && isTest(fn) {
				out[fn.Name.Name] = true
			}
		}
	}
	return out
}

func isTest(fn *ast.FuncDecl) bool {
	if !strings.HasPrefix(fn.Name.Name, "Test") && !strings.HasPrefix(fn.Name.Name, "Fuzz") || len(fn.Type.Params.List) != 1 {
		return false
	}
	star, ok := fn.Type.Params.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	of, ok := star.X.(*ast.SelectorExpr)
	return ok && (of.Sel.Name == "T" || of.Sel.Name == "F")
}

// TestSMARTConformanceIsHonest: what is said to be met names tests that are there.
func TestSMARTConformanceIsHonest(t *testing.T) {
	folders := map[string]map[string]bool{}
	there := func(folder, test string) bool {
		if folders[folder] == nil {
			folders[folder] = testsOf(t, folder)
		}
		return folders[folder][test]
	}
	count := map[string]int{}
	for _, c := range conformanceClaims(t) {
		count[c.verdict]++
		if fault := c.faultOf(there); fault != "" {
			t.Errorf("%s %s", c.id, fault)
		}
	}
	t.Logf("met %d, not yet %d, later %d, not ours %d", count["met"], count["not yet"], count["later"], count["not ours"])
	for _, bad := range []claim{
		{verdict: "met"}, {verdict: "met", last: "of course"}, {verdict: "met", last: "`TestNothingOfTheKind`"},
		{verdict: "met", last: "`gate.TestSMARTConformanceIsHonest`"}, {verdict: "met", last: "`testsOf`"},
		{verdict: "not yet", last: "soon"}, {verdict: "not yet", last: "`TestNothingOfTheKind`"}, {verdict: "later"}, {verdict: "not ours"},
		{verdict: "not ours", last: "`TestSMARTConformanceIsHonest`"}, {verdict: "yes", last: "`TestSMARTConformanceIsHonest`"}, {},
	} {
		if bad.faultOf(there) == "" {
			t.Errorf("%+v is let through", bad)
		}
	}
}

// demand is one requirement of a test kit's list.
type demand struct{ set, id, level, actors string }

// demands are the rows of a list in the archive of the test kits' requirements,
// which is not in this tree.
func demands(t *testing.T, name string) []demand {
	t.Helper()
	const archive = "ig-requirements-csv.tar.xz"
	file := filepath.Join(cmp.Or(os.Getenv("FIREBREAK_TESTDATA"), "../shared/data"), archive)
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("test data %s is required: %v", archive, err)
		}
		t.Skipf("test data %s is not here", archive)
	}
	raw, err := exec.Command("xz", "-dc", file).Output()
	if err != nil {
		t.Fatalf("xz -dc %s: %v", archive, err)
	}
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("%s in %s: %v", name, archive, err)
		}
		if path.Base(h.Name) == name {
			return demandsOf(t, r)
		}
	}
}

func demandsOf(t *testing.T, r io.Reader) []demand {
	t.Helper()
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	rows[0][0] = strings.TrimPrefix(rows[0][0], "\ufeff")
	var at [4]int
	for i, name := range []string{"Req Set", "ID", "Conformance", "Actors"} {
		if at[i] = slices.Index(rows[0], name); at[i] < 0 {
			t.Fatalf("no column %s in %q", name, rows[0])
		}
	}
	var out []demand
	for _, row := range rows[1:] {
		out = append(out, demand{row[at[0]], row[at[1]], row[at[2]], row[at[3]]})
	}
	return out
}

// authorizing are the sections of the (g)(10) test procedure that are about
// registration, connection, authorization, revocation and introspection; the
// others are about data.
var authorizing = regexp.MustCompile(`^(APP-REG|SEC-CNN|AUT-PAT|AUT-SYS|PAR|TOK-INTRO)-[0-9]+$`)

// TestSMARTConformanceIsComplete: each requirement on a server stands in the list
// once, at its level, and nothing else does.
func TestSMARTConformanceIsComplete(t *testing.T) {
	want := map[string]string{}
	for _, d := range demands(t, "smart_app_launch_test_kit_requirements.csv") {
		// Who it is about is left out in places; then it may be about us.
		if d.set == "hl7.fhir.uv.smart-app-launch_2.2.0" && (strings.Contains(d.actors, "Server") || d.actors == "") {
			want[d.id] = d.level
		}
	}
	smart := len(want)
	for _, d := range demands(t, "onc_certification_g10_test_kit_requirements.csv") {
		if authorizing.MatchString(d.id) {
			want[d.id] = d.level
		}
	}
	if smart < 260 || len(want)-smart < 50 {
		t.Fatalf("%d requirements of SMART and %d of (g)(10): are the lists still read?", smart, len(want)-smart)
	}
	for _, c := range conformanceClaims(t) {
		level, ok := want[c.id]
		if level == "DEPRECATED" {
			level = "–" // withdrawn from the list
		}
		if !ok {
			t.Errorf("%s is listed twice, or is no requirement on a server", c.id)
		} else if c.level != level {
			t.Errorf("%s is listed as %s, and is %s", c.id, c.level, level)
		}
		delete(want, c.id)
	}
	for id := range want {
		t.Errorf("%s is not listed", id)
	}
}
