package federation_test

import (
	"context"
	"net/http"
	"net/url"
	"testing"
	"time"

	"firebreak/smart/federation"
)

const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

func TestForgedLogoutsEndNothing(t *testing.T) {
	const notThis, notALogout, notNow = "not this provider's for us", "not those of a logout", "not made just now"
	f := newForger(t)
	to := fed(t, nil, f)
	now := f.clock.Now().Unix()
	for _, c := range []struct {
		name   string
		header object
		change object // of claims; nil takes one away
		key    any
		want   any
	}{
		{"good", nil, nil, f.key, nil},
		{"good, typed", object{"typ": "logout+jwt"}, nil, f.key, nil},
		{"good, as Keycloak types it", object{"typ": "JWT"}, nil, f.key, nil},
		{"good, all sessions of a person", nil, object{"sid": nil}, f.key, nil},
		{"an access token", object{"typ": "at+jwt"}, nil, f.key, "no logout token"},
		{"alg none", object{"alg": "none"}, nil, nil, "no logout token"},
		{"HS256", object{"alg": "HS256"}, nil, []byte("hush"), "no logout token"},
		{"another key", nil, nil, otherKey(t), notThis},
		{"no event", nil, object{"events": nil}, f.key, notThis},
		{"another event", nil, object{"events": object{"http://schemas.openid.net/event/other": object{}}}, f.key, notThis},
		{"an empty event", nil, object{"events": object{logoutEvent: "x"}}, f.key, notALogout},
		{"a nonce", nil, object{"nonce": "n"}, f.key, notThis},
		{"for another client", nil, object{"aud": "them"}, f.key, notThis},
		{"of another issuer", nil, object{"iss": "https://other.example"}, f.key, notThis},
		{"about nobody", nil, object{"sub": nil, "sid": nil}, f.key, notThis},
		{"no jti", nil, object{"jti": nil}, f.key, notThis},
		{"no exp", nil, object{"exp": nil}, f.key, notThis},
		{"out of date", nil, object{"exp": now - 61}, f.key, notThis},
		{"made long ago", nil, object{"iat": now - 601}, f.key, notNow},
		{"from the future", nil, object{"iat": now + 61}, f.key, notNow},
		{"no iat", nil, object{"iat": nil}, f.key, notNow},
	} {
		claims := object{"iss": f.server.URL, "aud": "us", "iat": now, "exp": now + 120, "jti": c.name, "sub": "somebody", "sid": "s",
			"events": object{logoutEvent: object{}}}
		for name, v := range c.change {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
		raw := signed(t, c.header, claims, c.key)
		got, err := to.Backchannel(context.Background(), "p0", raw)
		t.Run(c.name, func(t *testing.T) { must(t, err, c.want) })
		if err == nil {
			if got.Issuer != f.server.URL || got.Subject != "somebody" {
				t.Errorf("%s: %+v", c.name, got)
			}
			_, err = to.Backchannel(context.Background(), "p0", raw)
			must(t, err, "used before")
		}
	}
	_, err := to.Backchannel(context.Background(), "other", "x")
	must(t, err, federation.ErrUnknown)
}

// Anybody may post there: whoever does must not have us ask for keys as often.
func TestALogoutTokenCannotMakeUsAskForKeys(t *testing.T) {
	f := newForger(t)
	to := fed(t, nil, f)
	for range 50 {
		_, err := to.Backchannel(context.Background(), "p0", signed(t, object{"kid": "x"}, object{"iss": f.server.URL}, otherKey(t)))
		must(t, err, "not this provider's")
	}
	if got := f.count("/jwks"); got != 1 {
		t.Errorf("the keys were asked for %d times, want once", got)
	}
	// Keys that cannot be read make no token bad.
	f.instead["/jwks"] = status(http.StatusInternalServerError)
	f.clock.Advance(2 * time.Hour)
	_, err := to.Backchannel(context.Background(), "p0", signed(t, nil, object{"iss": f.server.URL}, f.key))
	must(t, err, federation.ErrUnavailable)
}

func TestPeopleAreSentToTheProvidersLogout(t *testing.T) {
	f := newForger(t)
	to := fed(t, nil, f)
	if got, err := to.LogoutURL(context.Background(), "p0", "token", "https://us.example/auth/", "s"); got != "" || err != nil {
		t.Errorf("a provider without one: %q, %v", got, err)
	}
	f = newForger(t)
	f.metadata = func(m object) { m["end_session_endpoint"] = f.server.URL + "/bye?realm=1" }
	got, err := fed(t, nil, f).LogoutURL(context.Background(), "p0", "token", "https://us.example/auth/", "s&x=1")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"realm": "1", "id_token_hint": "token", "client_id": "us", "state": "s&x=1",
		"post_logout_redirect_uri": "https://us.example/auth/"} {
		if u.Query().Get(name) != want {
			t.Errorf("%s = %q, want %q", name, u.Query().Get(name), want)
		}
	}
}
