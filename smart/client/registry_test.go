package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"firebreak/vault"
)

func basic(id, secret string) string {
	return "Basic " + b64(id+":"+secret)
}

func (h *house) bySecret(id, secret string) error {
	_, _, err := h.auth.Authenticate(background, Request{Authorization: basic(id, secret)})
	return err
}

func TestASecretIsShownOnceAndKeptAsAHash(t *testing.T) {
	h := newHouse(t)
	text := h.register(t, secretApp())
	if len(text) < 43 || !strings.HasPrefix(text, secretPrefix) {
		t.Errorf("secret %q", text)
	}
	e, err := clients.Load(background, h.vault, "ward")
	must(t, err)
	sum := sha256.Sum256([]byte(text))
	if len(e.Value.Secrets) != 1 || !slices.Equal(e.Value.Secrets[0].Hash, sum[:]) {
		t.Errorf("kept %+v", e.Value.Secrets)
	}
	must(t, h.bySecret("ward", text))
	if h.register(t, publicApp()) != "" {
		t.Error("a public client has a secret")
	}
}

func TestRegistrationsAreWhatWasRegistered(t *testing.T) {
	h := newHouse(t)
	c := secretApp()
	c.AccessLife, c.RefreshLife, c.Until, c.Bound = 600, 90*24*3600, start.Add(time.Hour), BoundKey
	h.register(t, c)
	r, err := h.reg.Load(background, "ward")
	must(t, err)
	got := r.Client
	if got.Created != start || got.CreatedBy != "admin" || got.AccessLife.Duration() != 10*time.Minute || !got.Until.Equal(c.Until) || got.Bound != BoundKey {
		t.Errorf("loaded %+v", got)
	}
	if !slices.Equal(got.GrantTypes(), []string{"authorization_code", "refresh_token"}) || got.MayUse("client_credentials") {
		t.Errorf("grants %v", got.GrantTypes())
	}
	if _, _, err := h.reg.Register(background, c, "admin"); !errors.Is(err, ErrExists) {
		t.Errorf("registered twice: %v", err)
	}
	var invalid *Invalid
	if _, _, err := h.reg.Register(background, Client{}, "admin"); !errors.As(err, &invalid) || len(invalid.Faults) == 0 {
		t.Errorf("an empty one: %v", err)
	}
	c.ID = ""
	a, _, err := h.reg.Register(background, c, "admin")
	if err != nil || !ValidID(a.Client.ID) || len(a.Client.ID) < 20 {
		t.Errorf("without id: %q, %v", a.Client.ID, err)
	}
	if list, err := h.reg.List(background); err != nil || len(list) != 2 {
		t.Errorf("list %v, %v", list, err)
	}
	for _, id := range []string{"nobody", "", "a/b", strings.Repeat("a", 200)} {
		if _, err := h.reg.Load(background, id); !errors.Is(err, vault.ErrAbsent) {
			t.Errorf("load %q: %v", id, err)
		}
	}
}

func TestReplaceNeedsWhatWasLoaded(t *testing.T) {
	h := newHouse(t)
	text := h.register(t, secretApp())
	first, err := h.reg.Load(background, "ward")
	must(t, err)
	mine := first
	mine.Client.Name, mine.Client.CreatedBy = "Ward board 2", "somebody else"
	h.clk.Advance(time.Hour)
	second, err := h.reg.Replace(background, mine, "other")
	must(t, err)
	c := second.Client
	if c.Name != "Ward board 2" || c.CreatedBy != "admin" || c.ChangedBy != "other" || !c.Changed.Equal(start.Add(time.Hour)) {
		t.Errorf("replaced by %+v", c)
	}
	must(t, h.bySecret("ward", text))
	if _, err := h.reg.Replace(background, first, "admin"); !errors.Is(err, vault.ErrChanged) {
		t.Errorf("with what is no longer there: %v", err)
	}
	var invalid *Invalid
	third := second
	third.Client.Kind, third.Client.Method = Public, None
	if _, err := h.reg.Replace(background, third, "admin"); !errors.As(err, &invalid) {
		t.Errorf("another kind: %v", err)
	}
	third = second
	third.Client.RedirectURIs = []string{"http://evil.example/"}
	if _, err := h.reg.Replace(background, third, "admin"); !errors.As(err, &invalid) {
		t.Errorf("a fault: %v", err)
	}
	third = second
	third.Client.Method, third.Client.KeysURL = PrivateKeyJWT, "https://ward.example/jwks"
	third, err = h.reg.Replace(background, third, "admin")
	must(t, err)
	if len(third.Secrets) != 0 || h.bySecret("ward", text) == nil {
		t.Error("a client that signs has kept its secret")
	}
	third.Client.Method, third.Client.KeysURL = SecretBasic, ""
	_, err = h.reg.Replace(background, third, "admin")
	must(t, err)
	if h.bySecret("ward", text) == nil {
		t.Error("the old secret came back with the method")
	}
}

func TestTwoSecretsCountWhileOneIsReplaced(t *testing.T) {
	h := newHouse(t)
	one := h.register(t, secretApp())
	rotate := func(keep time.Duration) string {
		text, err := h.reg.RotateSecret(background, "ward", keep, "admin")
		must(t, err)
		return text
	}
	want := func(when string, secrets map[string]bool) {
		t.Helper()
		for s, ok := range secrets {
			if err := h.bySecret("ward", s); (err == nil) != ok {
				t.Errorf("%s: %v, want it accepted %v", when, err, ok)
			}
		}
	}
	two := rotate(time.Hour)
	want("after the first change", map[string]bool{one: true, two: true})
	h.clk.Advance(time.Hour)
	want("when the old one's time is up", map[string]bool{one: false, two: true})
	three, four := rotate(time.Hour), rotate(time.Hour)
	want("after two more", map[string]bool{one: false, two: false, three: true, four: true})
	five := rotate(0)
	want("after one at once", map[string]bool{three: false, four: false, five: true})
	if r, err := h.reg.Load(background, "ward"); err != nil || len(r.Secrets) != 1 || !r.Secrets[0].Until.IsZero() {
		t.Errorf("secrets %+v, %v", r.Secrets, err)
	}
	h.register(t, publicApp())
	var invalid *Invalid
	if _, err := h.reg.RotateSecret(background, "growth", 0, "admin"); !errors.As(err, &invalid) {
		t.Errorf("a public client's: %v", err)
	}
	if _, err := h.reg.RotateSecret(background, "nobody", 0, "admin"); !errors.Is(err, vault.ErrAbsent) {
		t.Errorf("nobody's: %v", err)
	}
}

// TestChangesCountAtOnce: in the process that makes them, and, where the vault is
// shared, in the others.
func TestChangesCountAtOnce(t *testing.T) {
	for name, table := range map[string]vault.Table{"own": vault.NewMemory(), "shared": sharedTable{vault.NewMemory()}} {
		t.Run(name, func(t *testing.T) {
			h := houseOver(t, table, Outbound{})
			text := h.register(t, secretApp())
			servers := []*house{h}
			if table.Shared() {
				servers = append(servers, h.beside(t))
			}
			want := func(when string, ok bool) {
				t.Helper()
				for n, s := range servers {
					if err := s.bySecret("ward", text); (err == nil) != ok {
						t.Errorf("%s, server %d: %v", when, n, err)
					}
				}
			}
			want("registered", true)
			must(t, h.reg.Disable(background, "ward", "admin"))
			want("disabled", false)
			must(t, h.reg.Enable(background, "ward", "admin"))
			want("enabled", true)
			r, err := h.reg.Load(background, "ward")
			must(t, err)
			r.Client.Until = start.Add(time.Hour)
			_, err = h.reg.Replace(background, r, "admin")
			must(t, err)
			want("ending in an hour", true)
			h.clk.Advance(time.Hour)
			want("ended", false)
			h.clk.Set(start)
			must(t, h.reg.Remove(background, "ward"))
			want("removed", false)
		})
	}
}

func TestOriginsAreThoseOfLiveClients(t *testing.T) {
	for name, table := range map[string]vault.Table{"own": vault.NewMemory(), "shared": sharedTable{vault.NewMemory()}} {
		t.Run(name, func(t *testing.T) {
			h := houseOver(t, table, Outbound{})
			may := h.reg.Origins()
			want := func(when string, origins map[string]bool) {
				t.Helper()
				h.clk.Advance(originsAge)
				for o, ok := range origins {
					if may(background, o) != ok {
						t.Errorf("%s: %q allowed %v", when, o, !ok)
					}
				}
			}
			want("nobody is there", map[string]bool{"https://growth.example": false, "": false, "null": false})
			c := publicApp()
			c.RedirectURIs = append(c.RedirectURIs, "https://growth.example:443/2", "https://growth.example:8443/", "http://127.0.0.1/cb", "com.example.a:/cb")
			c.Origins = []string{"https://www.growth.example", "http://localhost:5173"}
			h.register(t, c)
			want("registered", map[string]bool{"https://growth.example": true, "https://growth.example:8443": true, "https://www.growth.example": true,
				"http://localhost:5173": true, "http://127.0.0.1": false, "null": false, "https://growth.example/": false, "https://Growth.example": false,
				"http://growth.example": false, "https://growth.example:443": false, "https://growth.example.evil.example": false})
			must(t, h.reg.Disable(background, "growth", "admin"))
			want("disabled", map[string]bool{"https://growth.example": false})
			other := publicApp()
			other.ID, other.Until = "other", h.clk.Now().Add(time.Minute)
			h.register(t, other)
			want("of another that ends", map[string]bool{"https://growth.example": true, "https://www.growth.example": false})
			h.clk.Advance(time.Minute)
			want("that has ended", map[string]bool{"https://growth.example": false})
			must(t, h.reg.Enable(background, "growth", "admin"))
			want("one ended and one without end", map[string]bool{"https://growth.example": true})
		})
	}
}

// brokenTable fails while it is told to.
type brokenTable struct {
	*vault.Memory
	broken, shared bool
}

var errBroken = errors.New("broken")

func (b *brokenTable) Shared() bool { return b.shared }

func (b *brokenTable) Row(ctx context.Context, kind, name string, now int64) (vault.Row, bool, error) {
	if b.broken {
		return vault.Row{}, false, errBroken
	}
	return b.Memory.Row(ctx, kind, name, now)
}

func (b *brokenTable) Rows(ctx context.Context, kind, tag, after string, limit int, now int64) ([]vault.Row, error) {
	if b.broken {
		return nil, errBroken
	}
	return b.Memory.Rows(ctx, kind, tag, after, limit, now)
}

// TestAStoreThatCannotBeReadIsNotTheClientsFault: and nobody is let in.
func TestAStoreThatCannotBeReadIsNotTheClientsFault(t *testing.T) {
	for _, shared := range []bool{false, true} {
		table := &brokenTable{Memory: vault.NewMemory(), shared: shared}
		h := houseOver(t, table, Outbound{})
		text := h.register(t, secretApp())
		table.broken = true
		var refusal *Refusal
		if err := h.bySecret("ward", text); !errors.Is(err, errBroken) || errors.As(err, &refusal) {
			t.Errorf("shared %v: %v", shared, err)
		}
		if h.reg.Origins()(background, "https://ward.example") {
			t.Errorf("shared %v: an origin is allowed", shared)
		}
		table.broken = false
		h.clk.Advance(readAgain)
		if err := h.bySecret("ward", text); err != nil {
			t.Errorf("shared %v, after repair: %v", shared, err)
		}
		if !h.reg.Origins()(background, "https://ward.example") {
			t.Errorf("shared %v, after repair: the origin is refused", shared)
		}
	}
}

// TestWhoHangsUpSpoilsNothing: the clients are read apart from the request.
func TestWhoHangsUpSpoilsNothing(t *testing.T) {
	h := houseOver(t, ctxTable{vault.NewMemory(), false}, Outbound{})
	h.register(t, secretApp())
	gone, cancel := context.WithCancel(background)
	cancel()
	if !h.reg.Origins()(gone, "https://ward.example") {
		t.Error("a cancelled request kept the clients from being read")
	}
}

func TestCallersCannotChangeWhatIsHeld(t *testing.T) {
	h := newHouse(t)
	text := h.register(t, secretApp())
	c, _, err := h.auth.Authenticate(background, Request{Authorization: basic("ward", text)})
	must(t, err)
	c.RedirectURIs[0], c.Scopes[0] = "https://evil.example/", "system/*.cruds"
	again, _, err := h.auth.Authenticate(background, Request{Authorization: basic("ward", text)})
	must(t, err)
	if again.RedirectURIs[0] != "https://ward.example/cb" || again.Scopes[0] != "user/Patient.rs" {
		t.Errorf("held %v", again)
	}
}
