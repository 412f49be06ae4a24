package validate_test

import (
	"encoding/json" // the manifest and the outcomes are the oracle's, not a client's
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/validate"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// An hl7Case is one of HL7's validator test cases for R4 in JSON
// (github.com/FHIR/fhir-test-cases), with the errors that HL7's validator finds.
type hl7Case struct {
	name, file string
	source     []byte
	errors     []string
}

// hl7Cases are the cases for 4.0 whose source and outcome are in the archive.
func hl7Cases(t *testing.T) []hl7Case {
	t.Helper()
	const folder = "fhir-test-cases/validator/"
	files := map[string][]byte{}
	archive(t, "fhir-test-cases-r4-subset.tar.xz", func(file string, content []byte) {
		if name, ok := strings.CutPrefix(file, folder); ok {
			files[name] = content
		}
	})
	var manifest struct {
		Cases []struct {
			Name, File, Version string
			Java                json.RawMessage
		} `json:"test-cases"`
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	var out []hl7Case
	for _, c := range manifest.Cases {
		if c.File == "" {
			c.File = c.Name
		}
		var outcome string
		if json.Unmarshal(c.Java, &outcome) != nil || !strings.HasPrefix(c.Version, "4.0") ||
			!strings.HasSuffix(c.File, ".json") || files[c.File] == nil || files["outcomes/"+outcome] == nil {
			continue
		}
		out = append(out, hl7Case{c.Name, c.File, files[c.File], hl7Errors(t, files["outcomes/"+outcome])})
	}
	return out
}

func hl7Errors(t *testing.T, outcome []byte) []string {
	t.Helper()
	var o struct {
		Issue []struct {
			Severity string
			Details  struct{ Text string }
		}
	}
	if err := json.Unmarshal(outcome, &o); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range o.Issue {
		if i.Severity == "error" || i.Severity == "fatal" {
			out = append(out, i.Details.Text)
		}
	}
	return out
}

// ours are our issues, one line each.
func (c *hl7Case) ours() []string {
	doc, err := fhirjson.Parse(c.source)
	if err != nil {
		return []string{"not JSON"}
	}
	var out []string
	for _, i := range validate.Resource(doc.Root(), "") {
		out = append(out, i.Code+" "+i.Expression)
	}
	return out
}

// kinds sorts HL7's errors by what it takes to find them; the first match counts.
var kinds = []struct{ kind, pattern string }{
	{"terminology", `Wrong Display|Unknown code|code-invalid|value set|not valid in the system|in the CodeSystem|not declared in|Coding\.system|[Ff]ilter|ECL|concept|property`},
	{"profile or extension", `extension .* (could not|is not|definition)|Extension '|[Ss]lic(e|ing)|magic LOINC|snapshot|Snapshot|differential|SearchParameter|search expression`},
	{"bundle or reference", `fullUrl|[Rr]esolve|in the bundle|matches for|link relationship|reachable|Duplicate id|Search results|matching resource type|not an OperationOutcome|Canonical URL|wrong type|absolute|not referenced`},
	{"invariant", `Constraint failed`},
	{"narrative or text", `HTML|XHTML|[Mm]arkdown|Hyperlink`},
	{"signature or attachment", `[Ss]ignature|Attachment Size`},
}

func kindsOf(errors []string) string {
	seen := map[string]bool{}
	for _, e := range errors {
		kind := "other rule"
		for _, k := range kinds {
			if regexp.MustCompile(k.pattern).MatchString(e) {
				kind = k.kind
				break
			}
		}
		seen[kind] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), ", ")
}

// TestHL7ValidatorCases compares us, case by case, with HL7's validator. The
// golden file says what we find, and what takes more than structure.
func TestHL7ValidatorCases(t *testing.T) {
	lines := map[string][]string{}
	for _, c := range hl7Cases(t) {
		ours := c.ours()
		name := c.name + " (" + c.file + ")"
		switch {
		case len(c.errors) == 0 && len(ours) == 0:
			lines["sound"] = append(lines["sound"], name)
		case len(c.errors) == 0:
			lines["stricter"] = append(lines["stricter"], name+": "+strings.Join(ours, "; "))
		case len(ours) > 0:
			lines["found"] = append(lines["found"], name+": "+strings.Join(ours, "; "))
		default:
			lines["beyond"] = append(lines["beyond"], name+": "+kindsOf(c.errors))
		}
	}
	var b strings.Builder
	b.WriteString("# HL7's validator test cases (R4, JSON) against validate.Resource. Written by go test -update.\n")
	for _, s := range []struct{ class, says string }{
		{"found", "HL7's validator reports an error, and so do we: what we report"},
		{"beyond", "HL7's validator reports an error that structure does not show: what it takes to see it"},
		{"stricter", "HL7's validator, set to be lenient in that case, reports no error; we do"},
		{"sound", "neither reports an error"},
	} {
		fmt.Fprintf(&b, "\n## %s: %d. %s.\n", s.class, len(lines[s.class]), s.says)
		for _, line := range lines[s.class] {
			b.WriteString(line + "\n")
		}
	}
	golden(t, "hl7-validator.txt", b.String())
}

// TestHL7StructuralErrorsAreFound: where HL7's validator reports an error of
// structure, we report at least one too.
func TestHL7StructuralErrorsAreFound(t *testing.T) {
	structural := regexp.MustCompile(`must be a JSON Array|must be an Object|Array cannot be empty|Unrecognized property|` +
		`Invalid Resource id|Not a valid date|must have a timezone|not a valid Base64|Error parsing JSON|Comma is missing|no quotes around|Comments are not allowed`)
	minimum := regexp.MustCompile(`minimum required = .* \(from http://hl7\.org/fhir/StructureDefinition/([A-Za-z]+)\|4\.0\.1\)`)
	n := 0
	for _, c := range hl7Cases(t) {
		for _, e := range c.errors {
			is := structural.MatchString(e)
			if m := minimum.FindStringSubmatch(e); m != nil {
				_, is = r4.LookupType(m[1]) // else a profile's
			}
			if !is {
				continue
			}
			n++
			if len(c.ours()) == 0 {
				t.Errorf("%s: not found: %s", c.name, e)
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d structural errors in the cases", n)
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs: run go test -update and review.\n%s", path, got)
	}
}

// TestHL7ExamplesAreSound: the examples of the specification pass, but for
// those that break a rule of the specification themselves.
func TestHL7ExamplesAreSound(t *testing.T) {
	broken := map[string]string{
		"bundle-questionnaire.json":       "required", // items without linkId
		"devicemetric-example.json":       "value",    // parent is a DeviceDefinition, may be a Device
		"deviceusestatement-example.json": "value",    // reasonReference is a Procedure, which is none of its targets
		"medicationrequest0301.json":      "value",    // dispenseRequest.performer is a Practitioner, may be an Organization
	}
	n := 0
	archive(t, "fhir-test-cases-r4-subset.tar.xz", func(file string, content []byte) {
		name := filepath.Base(file)
		if !strings.Contains(file, "/r4/examples/") || filepath.Ext(name) != ".json" {
			return
		}
		n++
		issues := validate.Resource(parse(t, content), "")
		if want, ok := broken[name]; ok {
			if len(issues) == 0 || issues[0].Code != want {
				t.Errorf("%s: %+v, want %s", name, issues, want)
			}
			return
		}
		if len(issues) > 0 {
			t.Errorf("%s: %+v", name, issues)
		}
	})
	if n < 60 {
		t.Errorf("only %d examples", n)
	}
}
