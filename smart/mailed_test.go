package smart_test

import (
	"net/url"
	"strings"
	"testing"

	"firebreak/smart"
	"firebreak/smart/person"
	"firebreak/ui"
)

func TestAnInvitationIsLookedAtManyTimesAndTakenUpOnce(t *testing.T) {
	r := newOwnRig(t)
	_, link := r.invited(t, person.Newcomer{Login: "anna", Display: "Dr. Anna Weiß"})
	b := r.browser(t)
	b.site = "cross-site" // from a web mail
	for range 3 {
		b.get(link)
		b.titled("Welcome")
	}
	b.sees("Dr. Anna Weiß")
	b.site = "same-origin"
	b.post(ui.PathInvitation, "password", "tiny-one", "repeat", "tiny-one")
	b.sees("The password is too short.")
	b.post(ui.PathInvitation, "password", ownFirst, "repeat", ownSecond)
	b.sees("The two passwords differ.")
	b.post(ui.PathInvitation, "password", ownFirst, "repeat", ownFirst)
	b.titled("Sign in") // the link is no sign-in
	b.sees("Your account is open.")
	b.happened("invitation-accepted", false)
	if _, there := b.cookies["__Host-session"]; there {
		t.Error("a link in a letter signed somebody in")
	}
	b.post(ui.PathSignIn, "username", "anna", "password", ownFirst)
	b.titled("Your account")
	again := r.browser(t)
	again.get(link)
	again.titled("This link is used up")
}

// TestNobodyLearnsByAResetWhoHasAnAccount: the same page, the same event, in the
// same steps.
func TestNobodyLearnsByAResetWhoHasAnAccount(t *testing.T) {
	r := newOwnRig(t)
	r.joined(t, person.Newcomer{Login: "anna"})
	var want string
	for i, email := range []string{"anna@ehr.example", "nobody@ehr.example", "anna", "", "x"} {
		b := r.browser(t)
		b.get("/auth/reset")
		b.post(ui.PathReset, "email", email)
		if len(b.events) != 1 || !tellsNothing(b.events[0]) {
			t.Errorf("%q: events %+v", email, b.events)
		}
		if i == 0 {
			want = b.page
			if l := r.letter(t, person.LetterReset); l.To != "anna@ehr.example" {
				t.Errorf("the letter went to %s", l.To)
			}
		}
		if b.page != want || b.reply.Status != 200 {
			t.Errorf("%q: %d, another page:\n%s", email, b.reply.Status, b.page)
		}
		<-r.aside // what was found out later, for the trail alone
	}
}

func tellsNothing(e smart.Event) bool {
	return e.What == "reset-asked" && !e.Failed && e.Person == "" && e.About == "" && e.Why == ""
}

func TestAResetEndsWhatSomebodyElseMayHave(t *testing.T) {
	r := newOwnRig(t)
	b, _ := r.signedIn(t, person.Newcomer{Login: "anna"})
	granted := b.authorized("openid offline_access")
	phone, _ := r.signedIn(t, person.Newcomer{Login: "bert"}) // lent
	phone.get("/auth/reset")
	phone.post(ui.PathReset, "email", "anna@ehr.example")
	link := r.letter(t, person.LetterReset).Link
	phone.get(link)
	phone.titled("Choose a new password")
	phone.post(ui.PathResetPassword, "password", ownSecond, "repeat", ownSecond)
	phone.titled("Sign in")
	phone.happened("password-reset", false)
	phone.happened("sign-out", false)
	phone.happened("revoke", false)
	b.get("/auth/account")
	b.titled("Sign in")
	if r.live(t, granted.Access) {
		t.Error("an access token from before is live")
	}
	if got := r.refreshed(t, granted.Refresh); got.Error != "invalid_grant" {
		t.Errorf("refreshing gives %+v", got)
	}
	phone.get(link)
	phone.titled("This link is used up")
}

// TestLinksNeedTheirPageAndTheirPurpose: a form that another site sends, or a
// page of another browser, uses no link up; nor is one link good for another.
func TestLinksNeedTheirPageAndTheirPurpose(t *testing.T) {
	r := newOwnRig(t)
	_, link := r.invited(t, person.Newcomer{Login: "anna"})
	b := r.browser(t)
	b.get(link)
	f, _ := b.form(ui.PathInvitation)
	f.Set("password", ownFirst)
	f.Set("repeat", ownFirst)
	refused := func(name string, b *ownBrowser, path string, f url.Values) {
		t.Helper()
		b.send("POST", "/auth"+path, f)
		if b.reply.Status != 400 {
			t.Errorf("%s: %d %q", name, b.reply.Status, b.title())
		}
		for _, e := range b.events {
			if !e.Failed {
				t.Errorf("%s: %+v", name, e)
			}
		}
	}
	other := r.browser(t)
	refused("no cookie", other, ui.PathInvitation, f)
	other.get(link)
	refused("another browser's page", other, ui.PathInvitation, f)
	b.site = "cross-site"
	refused("another site", b, ui.PathInvitation, f)
	b.site = "same-origin"
	for _, path := range []string{ui.PathResetPassword, ui.PathEmailConfirm, ui.PathEmailAllow} {
		refused("another purpose", b, path, f)
		b.happened("link-refused", true)
	}
	b.send("POST", "/auth"+ui.PathInvitation, f)
	b.titled("Sign in")
	for _, path := range []string{ui.PathInvitation, ui.PathResetPassword, ui.PathEmailConfirm, ui.PathEmailAllow} {
		for _, query := range []string{"", "?token=", "?token=x.y", "?token=" + url.QueryEscape(f.Get("token"))} {
			b.get("/auth" + path + query)
			if b.reply.Status != 400 || b.title() != "This link is used up" {
				t.Errorf("%s%s: %d %q", path, query, b.reply.Status, b.title())
			}
		}
	}
	if strings.Contains(r.log.String(), f.Get("token")) {
		t.Error("the log holds a token")
	}
}

func TestASiteWithoutMailSaysSo(t *testing.T) {
	r := newOwnRig(t, func(o *smart.Options, _ *person.Options) { o.Mail = false })
	b := r.browser(t)
	b.get("/auth/reset")
	b.titled("This site sends no mail")
	if b.reply.Status != 503 {
		t.Errorf("status %d", b.reply.Status)
	}
	b, a := r.signedIn(t, person.Newcomer{Login: "anna"})
	b.get("/auth/account/email")
	b.titled("This site sends no mail")
	b.send("POST", "/auth/account/email", url.Values{"csrf": {csrfHere(b)}, "email": {"new@ehr.example"}})
	if now, _ := r.people.Account(t.Context(), a.ID); now.Epoch != a.Epoch || len(b.events) > 0 {
		t.Errorf("something was done: %+v", b.events)
	}
}

// TestAnAdministratorHearsThatNobodyGetsALink: an invitation that nobody receives
// is no secret.
func TestAnAdministratorHearsThatNobodyGetsALink(t *testing.T) {
	for _, mail := range []bool{true, false} {
		r := newOwnRig(t, func(o *smart.Options, p *person.Options) { o.Mail, p.SecondFactor = mail, nil })
		b, _ := r.signedIn(t, person.Newcomer{Login: "robin", Roles: []person.RoleGrant{{Role: "admin"}}})
		b.get("/auth" + ui.PathAdminInvite)
		if got := strings.Contains(b.page, "This site sends no mail"); got == mail {
			t.Errorf("with mail %v the page is %q:\n%s", mail, b.title(), mainOf(b.page))
		}
	}
}

func csrfHere(b *ownBrowser) string {
	b.get("/auth/account")
	return csrfOf(b)
}
