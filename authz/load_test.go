package authz

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cedar-policy/cedar-go"

	"firebreak/fhir"
	"firebreak/gate"
)

// when is a policy on line 1 whose condition is on line 2.
func when(condition string) string {
	return `@id("x") permit (principal, action in [Action::"read", Action::"search"], resource)
when { ` + condition + ` };`
}

func TestWhatCannotBeAppliedIsRefusedWhenLoaded(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an unknown attribute", when(`resource.status == "final"`), "test.cedar:1: x: resource has no attribute status"},
		{"an unknown attribute of the principal", when(`principal.age > 3`), "principal has no attribute age"},
		{"an unknown attribute of the context", when(`context.time == 3`), "context has no attribute time"},
		{"an unknown attribute behind what decides", when(`false && resource.status == "final"`), "no attribute status"},
		{"an unknown entity type", when(`principal in Team::"x"`), "Team"},
		{"an unknown entity type by is", when(`principal is Robot`), "no entity type Robot"},
		{"an unknown action", `@id("x") permit (principal, action == Action::"reed", resource);`, "reed"},
		{"an unknown action in a condition", when(`action == Action::"reed"`), "reed"},
		{"a misspelt resource type", when(`resource.type == "Observatoin"`), `"Observatoin" is not a resource type`},
		{"a misspelt resource type in a set", when(`["Patient", "Observatoin"].contains(resource.type)`), `"Observatoin" is not a resource type`},
		{"a misspelt resource type in a set of what is asked", when(`[resource.type].containsAny(["Observatoin"])`), `"Observatoin" is not a resource type`},
		{"a misspelt resource type behind an if", when(`"Observatoin" == (if resource.linked then resource.type else resource.type)`), `"Observatoin" is not a resource type`},
		{"a misspelt sensitivity", when(`resource.sensitivities.contains("HVI")`), `test.cedar:1: x: "HVI" is not a sensitivity code that labels are read for`},
		{"a misspelt sensitivity in a forbid", `@id("x") forbid (principal, action == Action::"read", resource) unless { !resource.sensitivities.containsAny(["HIV", "hiv"]) };`, `test.cedar:1: x: "hiv" is not a sensitivity code`},
		{"a misspelt sensitivity among all", when(`resource.sensitivities.containsAll(["PYS", "HIV"])`), `"PYS" is not a sensitivity code`},
		{"a misspelt sensitivity on the left", when(`["HIV", "PYS"].containsAny(resource.sensitivities)`), `"PYS" is not a sensitivity code`},
		{"a misspelt sensitivity in an equal set", when(`resource.sensitivities != ["PYS"]`), `"PYS" is not a sensitivity code`},
		{"a misspelt sensitivity behind an if", when(`resource.sensitivities.contains(if resource.linked then "HIV" else "PYS")`), `"PYS" is not a sensitivity code`},
		{"a code that neither set holds", when(`(if resource.linked then resource.sensitivities else resource.caveats).contains("PYS")`), `"PYS" is not a handling code`},
		{"a handling code among sensitivities", when(`resource.sensitivities.contains("NOAUTH")`), `"NOAUTH" is not a sensitivity code: ask resource.caveats for it`},
		{"the unknown code among sensitivities", when(`resource.sensitivities.contains("unknown")`), `"unknown" is not a sensitivity code: ask resource.caveats for it`},
		{"a misspelt handling code", when(`resource.caveats.contains("NOAUHT")`), `test.cedar:1: x: "NOAUHT" is not a handling code that labels are read for`},
		{"a sensitivity among handling codes", when(`resource.caveats.contains("PSY")`), `"PSY" is not a handling code: ask resource.sensitivities for it`},
		{"a letter of confidentiality", when(`resource.sensitivities.contains("V")`), `"V" is not a sensitivity code`},
		{"a level above the highest", when(`resource.confidentiality >= 7`), "test.cedar:1: x: 7 is not a level of confidentiality"},
		{"a level below the lowest", when(`0 == resource.confidentiality`), "0 is not a level of confidentiality"},
		{"a level that is none in a set", when(`[5, 6, 7].contains(resource.confidentiality)`), "7 is not a level of confidentiality"},
		{"like", when(`principal.subject like "dr-*"`), "like is refused"},
		{"a single record", `@id("x") permit (principal, action, resource == Record::"1");`, "may not name a single record"},
		{"a hierarchy of records", `@id("x") permit (principal, action, resource in Record::"1");`, "may not name a single record"},
		{"a record in a condition", when(`resource == Record::"1"`), "may not name a single record"},
		{"an extension", when(`ip("10.0.0.1").isLoopback()`), "is not supported"},
		{"has", when(`resource has type && resource.type == "Patient"`), "has is not needed"},
		{"tags", when(`principal.hasTag("x")`), "tags"},
		{"arithmetic", when(`resource.confidentiality + 1 > 4`), "arithmetic is refused"},
		{"a record value", when(`{a: 1}.a == 1`), "principal, action, resource and context may be used only"},
		{"the context by itself", when(`context == context`), "may be used only"},
		{"keys as values", when(`[resource.isSubject].contains(true)`), "as conditions only"},
		{"keys in a value's if", when(`(if resource.inCareTeam then 1 else 2) == resource.confidentiality`), "as conditions only"},
		{"kinds that differ", when(`resource.confidentiality == "R"`), "can't be compared"},
		{"a condition that is text", when(`resource.type`), "true or false"},
		{"an empty set", when(`resource.sensitivities == []`), "empty set"},
		{"no name", `permit (principal, action, resource);`, "test.cedar:1: policy: it needs a name"},
		{"a name with content", `@id("a b") permit (principal, action, resource);`, "it needs a name"},
		{"a name twice", when("true") + "\n" + when("true"), "test.cedar:3: x: its @id is taken by the policy at test.cedar:1"},
		{"a record's attribute where there is no record", `@id("x") permit (principal, action == Action::"assert", resource) when { resource.organization == "" };`, "organization"},
		{"no policy at all", `permit everything`, "test.cedar: "},
		{"a template", `@id("x") permit (principal == ?principal, action, resource);`, "test.cedar: "},
		{"brackets without end", strings.Repeat("(", 10_000), "nested too deeply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			set, err := LoadPolicies(folder(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("LoadPolicies = %v, %v, want an error with %q", set, err, c.want)
			}
		})
	}
}

func TestWhatLabelsMayHoldMayBeAsked(t *testing.T) {
	for _, condition := range []string{
		`resource.sensitivities.containsAny(["HIV", "PSY"])`,
		`["NOAUTH", "unknown"].containsAny(resource.caveats)`,
		`resource.caveats == ["42CFRPart2"]`,
		`(if resource.linked then resource.sensitivities else resource.caveats).contains("HIV")`,
		`(if resource.linked then resource.sensitivities else principal.roles).contains("nurse")`,
		`[1, 6].contains(resource.confidentiality)`,
		`[resource.type, principal.userType].contains("Practitioner")`,
	} {
		if _, err := LoadPolicies(folder(when(condition))); err != nil {
			t.Errorf("LoadPolicies(%s) = %v", condition, err)
		}
	}
}

func TestOneFaultRefusesTheWholeFolder(t *testing.T) {
	_, err := LoadPolicies(fstest.MapFS{
		"a.cedar":     {Data: []byte("\n\n" + when("true"))},
		"b/b.cedar":   {Data: []byte("\n" + strings.Replace(when("resource.x"), `"x"`, `"y"`, 1))},
		"c.cedar":     {Data: []byte(strings.Replace(when("resource.z"), `"x"`, `"z"`, 1))},
		"readme.text": {Data: []byte("not a policy")},
	})
	want := "b/b.cedar:2: y: resource has no attribute x\nc.cedar:1: z: resource has no attribute z"
	if err == nil || err.Error() != want {
		t.Errorf("LoadPolicies = %v, want\n%s", err, want)
	}
}

func TestAnEmptyFolderPermitsNothing(t *testing.T) {
	p, err := NewPolicies(func() (fs.FS, error) { return fstest.MapFS{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range fhir.Actions {
		if both(t, p, gate.NewPrincipal(admin()), a, record("Practitioner", ""), nil) {
			t.Errorf("%s is permitted by nothing", a)
		}
	}
}

const (
	open   = `@id("open") permit (principal, action in [Action::"read"], resource);`
	closed = `@id("closed") forbid (principal, action in [Action::"read"], resource);`
)

func TestReloadSwapsAtOnceOrNotAtAll(t *testing.T) {
	text := open
	var fail error
	p, err := NewPolicies(func() (fs.FS, error) { return folder(text), fail })
	if err != nil {
		t.Fatal(err)
	}
	who, h := gate.NewPrincipal(physician()), record("Observation", south)
	first := p.Epoch()
	if !both(t, p, who, fhir.ActRead, h, nil) {
		t.Fatal("the open policy does not permit")
	}
	text = "nonsense"
	if err := p.Reload(); err == nil || p.Epoch() != first || !both(t, p, who, fhir.ActRead, h, nil) {
		t.Errorf("a bad set was taken, or the old one lost: %v", err)
	}
	text, fail = closed, errors.New("no such folder")
	if err := p.Reload(); err == nil || p.Epoch() != first {
		t.Errorf("Reload = %v from a folder that cannot be opened", err)
	}
	fail = nil
	if err := p.Reload(); err != nil || p.Epoch() == first || both(t, p, who, fhir.ActRead, h, nil) {
		t.Errorf("after reload: %v, epoch %s, want the closed policy in force, no cached answer", err, p.Epoch())
	}
	text = open
	if err := p.Reload(); err != nil || p.Epoch() != first {
		t.Errorf("the same texts have epoch %s, want %s", p.Epoch(), first)
	}
}

// watched is what Watch reports of a folder of the open policy, one text a look:
// a tick finds it, or with a "!" before it somebody who asks to look at once.
func watched(t *testing.T, looks ...string) string {
	t.Helper()
	texts := make(chan string, 1)
	texts <- open
	p, err := NewPolicies(func() (fs.FS, error) { return folder(<-texts), nil })
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{p.Epoch(): "open", of(t, closed).Epoch(): "closed", of(t, open+closed).Epoch(): "both"}
	ticks, now, done := make(chan time.Time), make(chan os.Signal), make(chan struct{})
	var reports []string
	go func() {
		defer close(done)
		p.Watch(context.Background(), ticks, now, func(epoch string, err error) {
			if err != nil {
				reports = append(reports, "fault")
				return
			}
			reports = append(reports, names[epoch])
		})
	}()
	for _, s := range looks {
		text, atOnce := strings.CutPrefix(s, "!")
		texts <- text
		if atOnce {
			now <- os.Interrupt
			continue
		}
		ticks <- time.Time{}
	}
	close(ticks)
	<-done
	return strings.Join(reports, " ")
}

func TestWatchReportsChangesAndEachFaultOnce(t *testing.T) {
	got := watched(t, open, closed, closed, "nonsense", "nonsense", "nonsense", closed, open, open)
	if want := "closed fault closed open"; got != want {
		t.Errorf("Watch reported %q, want %q", got, want)
	}
}

// A copy of two files is under way: looked at in between, the folder has the
// permit without its forbid.
func TestAPartOfACopyIsNotTaken(t *testing.T) {
	const half = `@id("half") permit (principal, action, resource);`
	for _, c := range []struct {
		name  string
		looks []string
		want  string
	}{
		{"a tick into a copy", []string{open, half, open + closed, open + closed, open + closed}, "both"},
		{"a tick into each of two copies", []string{half, open + closed, half, open + closed, open + closed}, "both"},
		{"a fault that lasts for a look", []string{"nonsense", open + closed, open + closed}, "both"},
		{"a copy that is taken back", []string{half, open, half, open}, ""},
		{"a look at once", []string{"!" + open + closed}, "both"},
		{"a look at once that finds a fault", []string{"!nonsense", open + closed, open + closed}, "fault both"},
		{"a look at once between ticks is none of two in a row", []string{closed, "!" + open, closed, open + closed, open + closed}, "both"},
	} {
		if got := watched(t, c.looks...); got != c.want {
			t.Errorf("%s: Watch reported %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	p := of(t, open)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p.Watch(ctx, nil, nil, func(string, error) { t.Error("reported") })
}

func TestCachesAreBounded(t *testing.T) {
	p := of(t, open)
	l := p.live.Load()
	for i := range 3 * cachedRules {
		id := physician()
		id.Subject = strings.Repeat("x", i%97) + string(rune(i))
		if _, err := p.Rule(gate.NewPrincipal(id), fhir.ActRead, "Observation"); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.rules.entries(); n > cachedRules {
		t.Errorf("%d rules are held, want at most %d", n, cachedRules)
	}
}

func TestPartialEvaluationFoldsWhatTheRequestDecides(t *testing.T) {
	policies := strings.ReplaceAll(`
@id("a") permit (principal in Role::"physician", ACT, resource) when { resource.organization == principal.organization && principal.organization != "" };
@id("b") permit (principal, ACT, resource) when { ["Patient"].contains(resource.type) };
@id("c") permit (principal, ACT, resource) when { resource.isSubject || (resource.confidentiality < 5 && !resource.sensitivities.isEmpty()) };
@id("d") forbid (principal, ACT, resource) when { resource.caveats.contains("NOAUTH") } unless { context.purpose == "ETREAT" };
@id("e") forbid (principal, action == Action::"delete", resource);
@id("f") permit (principal, ACT, resource) when { if resource.linked then resource.isAuthor else resource.inCareTeam };
@id("g") permit (principal, ACT, resource) when { resource.isAuthor == resource.asserted };
`, "ACT", `action in [Action::"read", Action::"search"]`)
	p := of(t, policies)
	emergency := physician()
	emergency.Purpose = "ETREAT"
	var b strings.Builder
	for _, c := range []struct {
		name   string
		id     gate.Identity
		action fhir.Action
		typ    string
	}{
		{"a physician reads an Observation", physician(), fhir.ActRead, "Observation"},
		{"a physician in an emergency reads a Patient", emergency, fhir.ActRead, "Patient"},
		{"a patient searches Observation", amy(), fhir.ActSearch, "Observation"},
		{"a system reads an Observation", system("x"), fhir.ActRead, "Observation"},
		{"a physician deletes an Observation", physician(), fhir.ActDelete, "Observation"},
	} {
		b.WriteString("# " + c.name + "\n" + ExplainRules(gate.NewPrincipal(c.id), c.action, c.typ, p) + "\n")
	}
	golden(t, "partial.txt", b.String())
}

func TestExplainNamesWhatDecided(t *testing.T) {
	id := physician()
	id.Scope = "user/Observation.rs"
	h := record("Observation", north)
	very(&h)
	var got []string
	for _, v := range Explain(gate.NewPrincipal(id), fhir.ActRead, h, nil, newTestScopes(), defaults(t)) {
		got = append(got, v.String())
	}
	want := "scope: permit (user/Observation.rs)\npolicy: deny (very-restricted-is-for-the-care-team)"
	if strings.Join(got, "\n") != want {
		t.Errorf("Explain =\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestReasonsOfAPermitAreItsPolicies(t *testing.T) {
	h := record("Observation", north)
	inCareTeam(&h)
	v := Explain(gate.NewPrincipal(physician()), fhir.ActRead, h, nil, defaults(t))[0]
	if got, want := v.String(), "policy: permit (clinicians-see-their-organisation, clinicians-see-their-patients)"; got != want {
		t.Errorf("Explain = %s, want %s", got, want)
	}
}

// TestAPolicyThatErrsDenies goes round the loader, which leaves no errors to
// happen. Cedar alone would skip the policy and permit by the other.
func TestAPolicyThatErrsDenies(t *testing.T) {
	list, err := cedar.NewPolicyListFromBytes("x", []byte(open+`@id("errs") forbid (principal, action, resource) when { resource.nothing };`))
	if err != nil {
		t.Fatal(err)
	}
	p := of(t, open)
	p.live.Load().set.net2 = []judgeEntry{newJudgeEntry("open", list[0]), newJudgeEntry("errs", list[1])}
	d, err := p.Decide(gate.NewPrincipal(physician()), fhir.ActRead, record("Observation", north), nil)
	if err == nil || d.Effect != gate.Denies {
		t.Errorf("Decide = %v, %v, want an error that denies", d, err)
	}
}

func TestReloadWhileDeciding(t *testing.T) {
	var flips atomic.Int64
	p, err := NewPolicies(func() (fs.FS, error) {
		if flips.Add(1)%2 == 0 {
			return folder(closed), nil
		}
		return folder(open), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				who := gate.NewPrincipal(physician())
				_, err1 := p.Rule(who, fhir.ActRead, "Observation")
				_, err2 := p.Decide(who, fhir.ActRead, record("Observation", north), nil)
				if err := errors.Join(err1, err2); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		if err := p.Reload(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
}
