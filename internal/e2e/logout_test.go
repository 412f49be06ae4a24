package e2e

import (
	"net/url"
	"testing"

	"firebreak/internal/service"
)

// TestAnApplicationSignsItsPersonOut in a real browser, which keeps cookies from
// the forms of other sites and holds a form's redirects to the page's policy: by a
// link, where the person agrees, and by a form with the id token, where there is
// nothing to ask. Either leads back to the application (OpenID Connect
// RP-Initiated Logout 1.0).
func TestAnApplicationSignsItsPersonOut(t *testing.T) {
	h := open(t, nil)
	h.ward()
	password := h.invite("amy", "Patient/amy", "Organization/north", "patient")
	a := startApp(t, "pulse", appScope, launchScope)
	c := a.registration(appScopes...)
	c.PostLogoutRedirectURIs = []string{a.url + "/"}
	h.register(c)
	b := service.NewBrowser(t, service.TheAuthority(t).Shown)
	signIn := func() (idToken string) {
		t.Helper()
		b.Open(a.url + "/launch.html?iss=" + url.QueryEscape(h.base))
		b.SignIn("amy", password)
		b.Press("button[value=allow]")
		b.Await("chart", chart)
		return b.Value(`client.getState("tokenResponse.id_token")`)
	}
	back := func(state string) string { return `location.href === ` + quote(a.url+"/?state="+state) }

	signIn()
	b.Open(h.issuer + "/logout?" + url.Values{"client_id": {"pulse"}, "post_logout_redirect_uri": {a.url + "/"}, "state": {"one"}}.Encode())
	b.Press("button[value=signout]")
	b.Await("back after agreeing", back("one"))
	b.Open(h.issuer + "/account")
	b.Await("signed out", service.There("input[name=password]"))

	hint := signIn()
	b.Value(`(() => {
		const form = document.createElement("form");
		form.method = "post";
		form.action = ` + quote(h.issuer+"/logout") + `;
		for (const [name, value] of [["id_token_hint", ` + quote(hint) + `], ["post_logout_redirect_uri", ` + quote(a.url+"/") + `], ["state", "two"]]) {
			const input = document.createElement("input");
			input.name = name; input.value = value;
			form.append(input);
		}
		document.body.append(form);
		form.submit();
		return "";
	})()`)
	b.Await("back at once", back("two"))
	b.Open(h.issuer + "/account")
	b.Await("signed out again", service.There("input[name=password]"))
}
