package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"firebreak/clock"
	"firebreak/vault"
)

// clients are kept under their ids until they are removed: a registration whose
// time is up is still there to be looked at and extended.
var clients = vault.Of[record]("client")

type record struct {
	Client  Client
	Secrets []secret `json:",omitempty"` // the newest first
}

// Registration is a client as it is kept.
type Registration struct {
	Client  Client
	Secrets []SecretInfo
	Rev     int64 // for Replace
}

// Registry is the registered clients. It is safe for concurrent use.
type Registry struct {
	vault *vault.Vault
	clock clock.Clock
	keys  *Fetcher
	ends  func(id string, from time.Time) []vault.Op
	cache

	leaves func(ctx context.Context, id string) ([]vault.Op, error)
}

// NewRegistry is the registry in a vault. keys fetches the keys of clients that
// publish them, and says which addresses may be registered for requests of ours; no
// KeysURL when it is nil.
func NewRegistry(v *vault.Vault, clk clock.Clock, keys *Fetcher) *Registry {
	return &Registry{vault: v, clock: clk, keys: keys}
}

// Register keeps a new client, under a random id when it has none. The secret of
// a client that has one is returned here and never again. Errors: *Invalid,
// ErrExists, or the store's.
func (r *Registry) Register(ctx context.Context, c Client, by string) (Registration, string, error) {
	now := r.now()
	if c.ID == "" {
		c.ID = randomID()
	}
	c.Created, c.CreatedBy, c.Changed, c.ChangedBy = now, by, now, by
	if err := r.check(c); err != nil {
		return Registration{}, "", err
	}
	rec, text := record{Client: c}, ""
	if bySecret(c.Method) {
		var s secret
		text, s = newSecret(now)
		rec.Secrets = []secret{s}
	}
	if err := r.vault.Apply(ctx, clients.New(c.ID, rec, vault.Never)); errors.Is(err, vault.ErrChanged) {
		return Registration{}, "", ErrExists
	} else if err != nil {
		return Registration{}, "", err
	}
	kept, err := r.Load(ctx, c.ID)
	return kept, text, err
}

func randomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func bySecret(m Method) bool { return m == SecretBasic || m == SecretPost }

// Check says what Register would of a client, and does nothing: *Invalid.
func (r *Registry) Check(c Client) error { return r.check(c) }

func (r *Registry) check(c Client) error {
	lines := c.Check()
	if c.KeysURL != "" && r.keys == nil {
		lines = append(lines, "the KeysURL cannot be used: this server fetches no keys")
	}
	if r.keys != nil {
		for _, a := range [][2]string{{"KeysURL", c.KeysURL}, {"BackchannelLogoutURI", c.BackchannelLogoutURI}} {
			if a[1] == "" {
				continue
			}
			if err := r.keys.Allows(a[1]); err != nil {
				what := "the " + a[0] + " "
				// It says more exactly what Check has said already.
				lines = append(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, what) }), what+err.Error())
			}
		}
	}
	if len(lines) > 0 {
		return &Invalid{lines}
	}
	return nil
}

// Load is one client as it stands in the store; vault.ErrAbsent when there is none.
func (r *Registry) Load(ctx context.Context, id string) (Registration, error) {
	if !ValidID(id) {
		return Registration{}, vault.ErrAbsent
	}
	e, err := clients.Load(ctx, r.vault, id)
	if err != nil {
		return Registration{}, err
	}
	return registration(e), nil
}

// List is all clients, those disabled and ended too, in the order of their ids.
func (r *Registry) List(ctx context.Context) ([]Registration, error) {
	all, err := clients.All(ctx, r.vault, "")
	out := make([]Registration, 0, len(all))
	for _, e := range all {
		out = append(out, registration(e))
	}
	return out, err
}

func registration(e vault.Entry[record]) Registration {
	out := Registration{Client: e.Value.Client, Rev: e.Rev}
	for _, s := range e.Value.Secrets {
		out.Secrets = append(out.Secrets, SecretInfo{s.Made, s.Until})
	}
	return out
}

// Replace keeps a client in the place of what was loaded, if that is still there
// as it was. Its id, kind and making do not change: what people granted, they
// granted to a client of that kind. A client that no longer uses a secret loses
// those it had; one that does now needs RotateSecret. Errors: *Invalid,
// vault.ErrChanged, vault.ErrAbsent, or the store's.
func (r *Registry) Replace(ctx context.Context, to Registration, by string) (Registration, error) {
	e, err := clients.Load(ctx, r.vault, to.Client.ID)
	if err != nil {
		return Registration{}, err
	}
	if e.Rev != to.Rev {
		return Registration{}, vault.ErrChanged
	}
	was, c := e.Value.Client, to.Client
	if was.Kind != c.Kind {
		return Registration{}, &Invalid{[]string{"the Kind of a client does not change: register another"}}
	}
	c.Created, c.CreatedBy, c.Changed, c.ChangedBy = was.Created, was.CreatedBy, r.after(was), by
	if err := r.check(c); err != nil {
		return Registration{}, err
	}
	e.Value.Client = c
	if !bySecret(c.Method) {
		e.Value.Secrets = nil
	}
	if err := r.vault.Apply(ctx, append(r.ending(was, c), clients.Replace(e))...); err != nil {
		return Registration{}, err
	}
	return r.Load(ctx, c.ID)
}

// Disable keeps a client from everything at once; Enable undoes it. What was
// granted to it is not touched here.
func (r *Registry) Disable(ctx context.Context, id, by string) error {
	return r.change(ctx, id, by, func(rec *record) error { rec.Client.Disabled = true; return nil })
}

// Enable is Disable's opposite.
func (r *Registry) Enable(ctx context.Context, id, by string) error {
	return r.change(ctx, id, by, func(rec *record) error { rec.Client.Disabled = false; return nil })
}

// RotateSecret makes a new secret and returns it, here and never again. The one
// before it stays valid for a while, so that both sides need not change at the
// same moment; none at all ends it now. Older ones end in any case.
func (r *Registry) RotateSecret(ctx context.Context, id string, keepOld time.Duration, by string) (string, error) {
	var text string
	err := r.change(ctx, id, by, func(rec *record) error {
		if !bySecret(rec.Client.Method) {
			return &Invalid{[]string{"the client does not use a secret"}}
		}
		now := r.now()
		var s secret
		text, s = newSecret(now)
		list := []secret{s}
		if len(rec.Secrets) > 0 && keepOld > 0 {
			old := rec.Secrets[0]
			old.Until = now.Add(keepOld)
			list = append(list, old)
		}
		rec.Secrets = list
		return nil
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

func (r *Registry) change(ctx context.Context, id, by string, do func(*record) error) error {
	if !ValidID(id) {
		return vault.ErrAbsent
	}
	err := vault.ErrChanged
	for n := 0; n < 20 && errors.Is(err, vault.ErrChanged); n++ { // again when somebody else was quicker
		var e vault.Entry[record]
		if e, err = clients.Load(ctx, r.vault, id); err != nil {
			return err
		}
		was := e.Value.Client
		e.Value.Client.Changed, e.Value.Client.ChangedBy = r.after(was), by
		if err = do(&e.Value); err != nil {
			return err
		}
		err = r.vault.Apply(ctx, append(r.ending(was, e.Value.Client), clients.Replace(e))...)
	}
	return err
}

// Remove takes a client away, with what was granted to it: another could be
// registered under the same id.
func (r *Registry) Remove(ctx context.Context, id string) error {
	ops := []vault.Op{clients.Drop(id)}
	if r.ends != nil {
		ops = append(ops, r.ends(id, r.now())...)
	}
	if r.leaves != nil {
		more, err := r.leaves(ctx, id)
		if err != nil {
			return err
		}
		ops = append(ops, more...)
	}
	return r.vault.Apply(ctx, ops...)
}

// after is the time of a change, which is never that of the one before, whatever
// another server's clock said then.
func (r *Registry) after(was Client) time.Time {
	now := r.now()
	if !now.After(was.Changed) {
		now = was.Changed.Add(time.Millisecond)
	}
	return now
}

func (r *Registry) now() time.Time { return r.clock.Now().UTC().Truncate(time.Millisecond) }

// clone keeps callers from changing what is held.
func (c Client) clone() Client {
	for _, list := range []*[]string{&c.RedirectURIs, &c.PostLogoutRedirectURIs, &c.Scopes, &c.Origins, &c.Roles} {
		*list = slices.Clone(*list)
	}
	return c
}
