package fhirpath_test

import (
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/fhir/r4"
	"firebreak/fhirpath"
)

type suite struct {
	Groups []struct {
		Name  string      `xml:"name,attr"`
		Tests []suiteCase `xml:"test"`
	} `xml:"group"`
}

type suiteCase struct {
	Name       string `xml:"name,attr"`
	Input      string `xml:"inputfile,attr"`
	Mode       string `xml:"mode,attr"`
	Predicate  bool   `xml:"predicate,attr"`
	Ordered    string `xml:"ordered,attr"`
	Expression struct {
		Text    string `xml:",chardata"`
		Invalid string `xml:"invalid,attr"`
	} `xml:"expression"`
	Outputs []struct {
		Type string `xml:"type,attr"`
		Text string `xml:",chardata"`
	} `xml:"output"`
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// TestHL7SuiteIsAnswered runs HL7's FHIRPath tests for R4. What it does not pass
// is in testdata/known_failures.txt, with the reason.
func TestHL7SuiteIsAnswered(t *testing.T) {
	files := archive(t, "fhir-test-cases-r4-subset.tar.xz", func(base string) bool {
		return strings.HasSuffix(base, ".xml") || strings.HasSuffix(base, ".json")
	})
	var s suite
	if err := xml.Unmarshal(files["tests-fhir-r4.xml"], &s); err != nil {
		t.Fatal(err)
	}
	known := knownFailures(t)
	seen := map[string]bool{}
	passed, absent, failed := 0, 0, 0
	for _, g := range s.Groups {
		for _, c := range g.Tests {
			name := g.Name + "/" + c.Name
			for i := 2; seen[name]; i++ {
				name = fmt.Sprintf("%s/%s#%d", g.Name, c.Name, i)
			}
			seen[name] = true
			input, ok := suiteInput(t, files, c.Input)
			msg := ""
			if !ok {
				msg = "the input is not in the archive"
				absent++
			} else if msg = c.run(t, input); msg == "" {
				passed++
			} else {
				failed++
			}
			switch reason, listed := known[name]; {
			case msg != "" && !listed:
				t.Errorf("%s: %s: %s", name, strings.TrimSpace(c.Expression.Text), msg)
			case msg == "" && listed:
				t.Errorf("%s passes, but is a known failure (%s)", name, reason)
			}
		}
	}
	for name := range known {
		if !seen[name] {
			t.Errorf("known failure %s is not in the suite", name)
		}
	}
	t.Logf("%d passed, %d failed, %d without input", passed, failed, absent)
	if 100*passed < 95*(passed+failed) {
		t.Errorf("%d of %d applicable cases pass, want 95 %%", passed, passed+failed)
	}
}

// suiteInput is the case's input as JSON.
func suiteInput(t *testing.T, files map[string][]byte, name string) (string, bool) {
	if name == "" {
		return `{"resourceType":"Patient"}`, true
	}
	base, isXML := strings.CutSuffix(name, ".xml")
	if isXML && files[name] != nil {
		files[base+".json"] = []byte(fromXML(t, files[name]))
		delete(files, name)
	}
	raw, ok := files[strings.TrimSuffix(base, ".json")+".json"]
	return string(raw), ok
}

func knownFailures(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("testdata/known_failures.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, reason, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("known failure without reason: %s", line)
		}
		out[name] = reason
	}
	return out
}

// run says what is wrong, or nothing.
func (c suiteCase) run(t *testing.T, input string) string {
	invalid := c.Expression.Invalid != ""
	e, err := fhirpath.Compile(c.Expression.Text, r4.Model{})
	if err != nil {
		if invalid {
			return ""
		}
		return err.Error()
	}
	env := fhirpath.Env{Now: noon, Strict: c.Mode == "strict" || c.Expression.Invalid == "semantic"}
	out, err := e.Eval(env, fhirpath.Resource(parse(t, input)))
	switch {
	case invalid && err == nil:
		return "is evaluated, but is invalid: " + c.Expression.Invalid
	case invalid:
		return ""
	case err != nil:
		return err.Error()
	}
	if c.Predicate {
		out = []fhirpath.Item{fhirpath.Boolean(len(out) > 0)}
	}
	return c.compare(out)
}

func (c suiteCase) compare(out []fhirpath.Item) string {
	var got, want []string
	for i, it := range out {
		text := it.Text()
		switch it.Type() {
		case "date", "Date", "dateTime", "DateTime", "instant":
			text = "@" + text
		case "time", "Time":
			text = "@T" + text
		}
		got = append(got, text)
		if i < len(c.Outputs) && c.Outputs[i].Type != "" && !strings.EqualFold(c.Outputs[i].Type, it.Type()) {
			return fmt.Sprintf("got a %s, want %s", it.Type(), c.Outputs[i].Type)
		}
	}
	for _, o := range c.Outputs {
		want = append(want, o.Text)
	}
	if c.Ordered == "false" {
		slices.Sort(got)
		slices.Sort(want)
	}
	if !slices.Equal(got, want) {
		return fmt.Sprintf("got %q, want %q", got, want)
	}
	return ""
}
