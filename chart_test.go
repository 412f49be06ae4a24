package firebreak_test

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// deskWith is a server with patients of adams' hospital, and adams' browser at its
// launch page.
func deskWith(t *testing.T, rules []variant, patients ...string) (*desk, *browser) {
	t.Helper()
	s := newSide(t, openers()[0], atDesks(), rules)
	for _, p := range patients {
		s.load(&version{typ: "Patient", id: p, vid: "v" + p, raw: `{"resourceType":"Patient","id":"` + p + `","name":[{"family":"` + p + `","given":["Amy","Lou"]}]}`,
			at: start.Add(-1), by: writer{"Organization/north", "Practitioner/adams", false}})
	}
	s.clock.Set(start)
	d := newRegister(t).desk(t, s)
	b := &browser{d: d, cookies: map[string]string{}}
	b.open("/launch", nil)
	b.post("/signin", url.Values{"username": {"adams"}, "password": {passphrase}})
	return d, b
}

// TestAPatientIsFoundByTheNameAsItIsWritten: people type whole names, and commas
// that mean nothing of FHIR's.
func TestAPatientIsFoundByTheNameAsItIsWritten(t *testing.T) {
	_, b := deskWith(t, nil, "Rivera", "Stone")
	for name, want := range map[string][]string{
		"Amy Rivera": {"Rivera"}, "rivera,  amy lou": {"Rivera"}, "Rivera": {"Rivera"}, "Stone, Bob": nil, "Stone Rivera": nil, `Stone\`: nil, "Stone|": nil,
	} {
		b.post("/launch", url.Values{"name": {name}})
		if got := b.values(offeredPatient); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", name, got, want)
		}
	}
}

// TestThePagesAskForTheSignInThatThePoliciesWant: what a page asks for records
// says how strongly the person signed in, as an application's token does; who
// signed in too weakly is asked for more, and not told that nothing works.
func TestThePagesAskForTheSignInThatThePoliciesWant(t *testing.T) {
	factors := []variant{{false, `@id("x-factors") forbid (principal is User, action in [Action::"read", Action::"search"], resource)
		when { resource.type == "Patient" && !["urn:firebreak:acr:2", "urn:firebreak:acr:3"].contains(context.acr) };`, nil}}
	d, b := deskWith(t, factors, "Rivera")
	ask := url.Values{"response_type": {"code"}, "client_id": {"portal"}, "redirect_uri": {"https://app.invalid/cb"}, "state": {"s"}, "aud": {base}, "code_challenge": {challenge},
		"code_challenge_method": {"S256"}, "scope": {"launch/patient patient/*.rs"}}
	for name, do := range map[string]func(){
		"found":  func() { b.post("/patient/find", url.Values{"name": {"Rivera"}}) },
		"chosen": func() { b.post("/patient", url.Values{"patient": {"Rivera"}}) },
	} {
		b.open("/authorize", ask)
		if do(); b.body == "" || !b.shows("/signin") {
			t.Errorf("%s by a password alone: no further sign-in is asked for, but %s %v", name, b.body, b.to)
		}
	}
	b.open("/launch", nil)
	if b.post("/launch", url.Values{"name": {"Rivera"}}); !strings.Contains(b.body, "A stronger sign-in is needed") {
		t.Errorf("the launch page does not say what is missing: %s", b.body)
	}
	b.open("/account/totp", nil)
	secret := regexp.MustCompile(`<code[^>]*>([A-Z2-7 ]{20,})</code>`).FindStringSubmatch(b.body)
	if secret == nil {
		t.Fatalf("no secret on the page: %s", b.body)
	}
	code := func() url.Values {
		d.clock.Advance(time.Minute) // a code is taken once
		c, err := totp.GenerateCode(strings.ReplaceAll(secret[1], " ", ""), d.clock.Now().Add(time.Second))
		must(t, err)
		return url.Values{"code": {c}}
	}
	b.post("/account/totp", code())
	b.open("/launch", nil)
	if b.post("/launch", url.Values{"name": {"Rivera"}}); !b.shows("/signin/factor") {
		t.Errorf("the launch page asks for no second factor: %s", b.body)
	}
	two := &browser{d: d, cookies: map[string]string{}}
	two.open("/authorize", ask)
	two.post("/signin", url.Values{"username": {"adams"}, "password": {passphrase}})
	two.post("/signin/factor", code())
	if two.post("/patient", url.Values{"patient": {"Rivera"}}); !two.shows("/consent") {
		t.Errorf("with two factors the patient is not to be had: %s %v", two.body, two.to)
	}
}
