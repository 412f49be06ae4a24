package smart_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"firebreak/smart/client"
	"firebreak/transport"
)

// TestACodeThatComesTwiceEndsTheGrant: RFC 6749 section 4.1.2, RFC 9700 section
// 4.5: what was issued for it is worth nothing any more.
func TestACodeThatComesTwiceEndsTheGrant(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	code := a.code(n.browser(), "paul", "scope", offline)
	g := a.exchange(code).ok(w)
	n.good(g.Access)
	w.clk.Advance(30 * time.Minute) // also long after the code has ended
	g = a.refresh(g.Refresh).ok(w)
	a.exchange(code, "code_verifier", text(32)).refused(w, "invalid_grant")
	n.dead(g.Access)
	a.refresh(g.Refresh).refused(w, "invalid_grant")
	if e := w.happened("revoke"); len(e) != 1 || e[0].Why != "its code was used twice" {
		t.Errorf("on record: %+v", e)
	}
}

// TestTwoExchangesAtOnceAreAReplay, on two servers of a database.
func TestTwoExchangesAtOnceAreAReplay(t *testing.T) {
	w := worldOver(t, shared{newTable()})
	n, other := w.node(), w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	for range 20 {
		code := a.code(b, "paul", "scope", offline)
		there := *a
		there.n = other
		var answers [2]got
		var wg sync.WaitGroup
		for i, at := range []*app{a, &there} {
			wg.Go(func() { answers[i] = at.exchange(code) })
		}
		wg.Wait()
		given := 0
		for _, x := range answers {
			if x.status == 200 {
				given++
				n.dead(x.Access)
				other.dead(x.Access)
				a.refresh(x.Refresh).refused(w, "invalid_grant")
			}
		}
		if given > 1 {
			t.Fatal("one code was exchanged twice")
		}
	}
}

// TestACodeIsForItsApplicationOnly: code injection (RFC 9700 section 4.5). Who
// presents another's code has stolen it: nobody gets anything for it.
func TestACodeIsForItsApplicationOnly(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	thief := n.register(client.Client{ID: "thief", Name: "Thief"})
	code := a.code(n.browser(), "paul")
	thief.verifier = a.verifier
	thief.exchange(code).refused(w, "invalid_grant")
	a.exchange(code).refused(w, "invalid_grant")
}

func TestACodeIsForItsRedirectURIOnly(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{RedirectURIs: []string{callback, callback + "2"}})
	code := a.code(n.browser(), "paul")
	for _, uri := range []string{"", callback + "2", callback + "/", "https://evil.example/cb"} {
		a.exchange(code, "redirect_uri", uri).refused(w, "invalid_grant")
	}
	a.exchange(code).ok(w)
}

func TestACodeEndsAfterAMinute(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	code := a.code(b, "paul")
	w.clk.Advance(time.Minute - time.Millisecond)
	a.exchange(code).ok(w)
	code = a.code(b, "paul")
	w.clk.Advance(time.Minute)
	a.exchange(code).refused(w, "invalid_grant")
}

// TestACodeIsWorthNothingWithoutItsVerifier: RFC 7636 section 4.6, and RFC 9700
// section 2.1.1 on downgrade.
func TestACodeIsWorthNothingWithoutItsVerifier(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	code := a.code(n.browser(), "paul")
	for name, verifier := range map[string]string{"none": "", "another": text(32), "the challenge": challenge(a.verifier), "too short": "abc", "cut": a.verifier[:len(a.verifier)-1],
		"too long": strings.Repeat("a", 129), "spaced": a.verifier + " "} {
		if g := a.exchange(code, "code_verifier", verifier); g.status != 400 || g.Error != "invalid_grant" {
			t.Errorf("%s: %d %s", name, g.status, g.Error)
		}
	}
	a.exchange(code).ok(w)
}

// TestARequestWithoutS256IsRefused: PKCE downgrade.
func TestARequestWithoutS256IsRefused(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	a := n.register(client.Client{Kind: client.Confidential, Method: client.SecretBasic})
	for name, change := range map[string][]string{
		"plain":         {"code_challenge_method", "plain"},
		"no method":     {"code_challenge_method", ""}, // which means plain (RFC 7636 section 4.3)
		"small letters": {"code_challenge_method", "s256"},
		"no challenge":  {"code_challenge", ""},
		"neither":       {"code_challenge", "", "code_challenge_method", ""},
		"too short":     {"code_challenge", "abc"},
		"not base64url": {"code_challenge", strings.Repeat("=", 43)},
	} {
		back := a.start(n.browser(), change...).back()
		if back.Get("error") != "invalid_request" || back.Has("code") || back.Get("state") != a.state || back.Get("iss") != issuer {
			t.Errorf("%s: %v", name, back)
		}
	}
}

// TestNobodyIsSentToAnAddressThatIsNotRegistered: neither with a code nor with an
// error (RFC 9700 section 4.1 and 4.11, open redirector).
func TestNobodyIsSentToAnAddressThatIsNotRegistered(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	a := n.register(client.Client{RedirectURIs: []string{callback, "http://127.0.0.1/native", "https://app.example/with?tenant=1", "com.example.app:/cb"}})
	for _, uri := range []string{"", "https://APP.example/cb", "HTTPS://app.example/cb", callback + "/", callback + "?x=1", callback + "?", callback + "#f", callback + "#",
		"https://user@app.example/cb", "https://app.example@evil.example/cb", "https://app.example:443/cb", "https://app.example:8443/cb", "http://app.example/cb",
		"https://app.example/cb/../evil", "https://app.example/x/../cb", "https://app.example//cb", "https://app.example/%63b", "https://app.example.evil.example/cb",
		"https://evil.example/cb", "https://evil.example/https://app.example/cb", "//app.example/cb", "/cb", "javascript:alert(1)", "data:text/html,x",
		"http://127.0.0.1/other", "http://127.0.0.1:99999/native", "http://127.0.0.1.evil.example/native", "http://localhost/native", "https://127.0.0.1/native", "http://[::1]/native",
		"https://app.example/with?tenant=2", "https://app.example/with?tenant=1&x=2", "com.example.app:/cb2", "com.example.app://cb", callback + "\t", " " + callback, callback + "\\@evil.example"} {
		for _, error := range []string{"response_type", "state", ""} { // what would be answered at a good address
			p := a.start(n.browser(), "redirect_uri", uri, error, "")
			if p.to != "" || p.answer.Reply.Status != 400 || p.answer.Reply.Location != "" {
				t.Errorf("%q: %d, sent to %q", uri, p.answer.Reply.Status, p.to)
			}
		}
	}
	for _, uri := range []string{callback, "http://127.0.0.1/native", "http://127.0.0.1:51004/native", "https://app.example/with?tenant=1", "com.example.app:/cb"} {
		p := a.start(n.browser(), "redirect_uri", uri, "response_type", "token")
		if !strings.HasPrefix(p.to, uri) || p.back().Get("error") != "unsupported_response_type" {
			t.Errorf("%q: sent to %q", uri, p.to)
		}
	}
}

// TestAnswersNameTheirIssuer: mix-up (RFC 9207); errors do, too.
func TestAnswersNameTheirIssuer(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	for name, back := range map[string]url.Values{
		"code":   a.through(a.start(b), "paul").back(),
		"error":  a.start(b, "aud", "").back(),
		"denied": a.start(b).submit("/consent", "answer", "refuse").back(),
	} {
		if len(back["iss"]) != 1 || back.Get("iss") != issuer {
			t.Errorf("%s: %v", name, back)
		}
	}
}

// TestAudMustBeThisServer: SMART App Launch 2.2; resource is another name for it.
func TestAudMustBeThisServer(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	for name, change := range map[string][]string{"none": {"aud", ""}, "another": {"aud", "https://evil.example/fhir"}, "below": {"aud", base + "/Patient"}, "above": {"aud", origin},
		"capitals": {"aud", "https://EHR.example/fhir"}, "resource is another": {"resource", "https://evil.example/fhir"}, "only resource, another": {"aud", "", "resource", "https://evil.example"}} {
		if back := a.start(n.browser(), change...).back(); back.Get("error") != "invalid_request" {
			t.Errorf("%s: %v", name, back)
		}
	}
	b := n.browser()
	for name, change := range map[string][]string{"slash": {"aud", base + "/"}, "resource": {"aud", "", "resource", base}, "both": {"resource", base}} {
		if back := a.through(a.start(b, change...), "paul").back(); !back.Has("code") {
			t.Errorf("%s: %v", name, back)
		}
	}
}

// TestStateIsRequiredAndComesBackAsItWas.
func TestStateIsRequiredAndComesBackAsItWas(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	n.patient()
	a := n.register(client.Client{})
	b := n.browser()
	if back := a.start(b, "state", "").back(); back.Get("error") != "invalid_request" || back.Has("state") {
		t.Errorf("without: %v", back)
	}
	for _, state := range []string{"a+b c&d=e%26", "ü日本", `"<>\`, strings.Repeat("x", 2048)} {
		if back := a.through(a.start(b, "state", state), "paul").back(); back.Get("state") != state || !back.Has("code") {
			t.Errorf("%q came back as %q", state, back.Get("state"))
		}
	}
	if back := a.start(b, "state", strings.Repeat("x", 2049)).back(); back.Get("error") != "invalid_request" {
		t.Errorf("too long: %v", back)
	}
}

func TestAuthorizationRequestsThatAreMalformedGoNowhere(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	a := n.register(client.Client{})
	good := a.request().Encode()
	for name, query := range map[string]string{"twice": good + "&redirect_uri=" + url.QueryEscape(callback), "twice the application": good + "&client_id=" + a.c.ID,
		"another address, and twice a scope": a.request("redirect_uri", "https://evil.example/").Encode() + "&scope=openid", "bad escape": good + "&x=%zz", "semicolon": good + ";x=y", "nothing": "",
		"unknown application": a.request("client_id", "nobody").Encode(), "strange application": a.request("client_id", "../x").Encode(), "unknown, and twice a scope": a.request("client_id", "nobody").Encode() + "&scope=openid"} {
		if p := n.browser().open(issuer + "/authorize?" + query); p.to != "" || p.answer.Reply.Status != 400 {
			t.Errorf("%s: %d %s", name, p.answer.Reply.Status, p.to)
		}
	}
	for name, req := range map[string]transport.WebRequest{"parameters in both": {Query: "x=y", ContentType: "application/x-www-form-urlencoded", Body: []byte(good)}, "in the URL": {Query: good, ContentType: "application/x-www-form-urlencoded"},
		"JSON": {ContentType: "application/json", Body: []byte(good)}, "a large form": {ContentType: "application/x-www-form-urlencoded", Body: []byte(good + "&x=" + strings.Repeat("a", 70000))}} {
		req.Method, req.Path = "POST", "/auth/authorize"
		if r := n.serve(req).Reply; r.Status != 400 || r.Location != "" {
			t.Errorf("%s: %d %s", name, r.Status, r.Location)
		}
	}
}

// TestAuthorizationRequestsThatCannotBeGrantedAreToldSo: where the application and
// its address are beyond doubt (RFC 6749 section 4.1.2.1), with the state as it was.
func TestAuthorizationRequestsThatCannotBeGrantedAreToldSo(t *testing.T) {
	w := newWorld(t)
	n := w.node()
	a := n.register(client.Client{})
	good := a.request().Encode()
	for name, more := range map[string]string{"a scope twice": "&scope=openid", "a parameter of no meaning twice": "&x=1&x=2", "line end": "&x=%0d%0aLocation:x", "NUL": "&x=%00", "no UTF-8": "&x=%ff",
		"too many": "&" + fields(70), "the state twice": "&state=x"} {
		state := a.state
		if strings.HasPrefix(more, "&state") {
			state = "" // which of them?
		}
		if back := n.browser().open(issuer + "/authorize?" + good + more).back(); back.Get("error") != "invalid_request" || back.Get("state") != state || back.Get("iss") != issuer || back.Has("code") {
			t.Errorf("%s: %v", name, back)
		}
	}
	for name, value := range map[string]string{"nonce": strings.Repeat("x", 513), "login_hint": strings.Repeat("x", 257), "launch": strings.Repeat("x", 257),
		"acr_values": strings.Repeat("x", 1025), "prompt": strings.Repeat("login ", 11), "scope": strings.Repeat("x", 20000), "dpop_jkt": "x"} {
		if back := a.start(n.browser(), name, value).back(); !strings.HasPrefix(back.Get("error"), "invalid_") {
			t.Errorf("a long %s: %v", name, back)
		}
	}
	for _, name := range []string{"request", "request_uri", "registration"} {
		if back := a.start(n.browser(), name, "https://evil.example/x").back(); back.Get("error") != name+"_not_supported" {
			t.Errorf("%s: %v", name, back)
		}
	}
}

func fields(n int) string {
	v := url.Values{}
	for range n {
		v.Set(text(6), "x")
	}
	return v.Encode()
}
