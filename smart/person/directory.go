package person

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"firebreak/clock"
	"firebreak/vault"
)

// Options are what a site chooses. Zero fields have the values given here.
type Options struct {
	Site   string // its name, shown by authenticators; "Firebreak"
	Origin string // of the pages, "https://host[:port]"; required for passkeys
	RPID   string // the host of Origin or a domain above it; the host of Origin

	// Link is the URL of the page where a letter's token is used; required.
	Link func(Purpose, string) string

	MinLength  int           // of passwords, in characters, at least 8; 12
	BreachFile string        // sorted passwords or SHA-1 sums; none
	Cost       Cost          // of a hash; Recommended
	AtOnce     int           // hashes at once; each takes its memory, and as much again until that is collected; 2
	Wait       time.Duration // for a hash to begin; 5 s

	PeerBurst     int     // failures of one network peer in a row; 60
	PeerPerMinute float64 // and after that; 6

	ClinicalRoles  []string      // roles that let read patients' records
	SecondFactor   []string      // roles whose holders must have a second factor
	JustInTime     []string      // roles that are only ever held for a time
	SelfService    []string      // roles of JustInTime that a person may take; none
	MaxJustInTime  time.Duration // 12 h
	InvitationLife time.Duration // 72 h
	ResetLife      time.Duration // 30 min

	// Aside is told what happens after an answer was given, such as a letter
	// that could not be taken; nil forgets it. The Event is empty with an error.
	Aside func(Event, error)
}

func (o *Options) complete() error {
	fill(&o.Site, "Firebreak")
	fill(&o.MinLength, 12)
	fill(&o.Cost, Recommended)
	fill(&o.AtOnce, 2)
	fill(&o.Wait, 5*time.Second)
	fill(&o.PeerBurst, 60)
	fill(&o.PeerPerMinute, 6)
	fill(&o.MaxJustInTime, 12*time.Hour)
	fill(&o.InvitationLife, 72*time.Hour)
	fill(&o.ResetLife, 30*time.Minute)
	if o.Aside == nil {
		o.Aside = func(Event, error) {}
	}
	switch {
	case o.Link == nil:
		return errors.New("people: there is no way to make links")
	case o.MinLength < 8:
		return errors.New("people: passwords must have at least 8 characters (NIST SP 800-63B)")
	case o.PeerBurst < 1 || o.PeerPerMinute <= 0 || o.Wait <= 0:
		return errors.New("people: limits must be more than nothing")
	}
	for _, r := range o.SelfService {
		if !slices.Contains(o.JustInTime, r) {
			return fmt.Errorf("people: the role %q can be taken by oneself and not be held for ever: list it as just in time", r)
		}
	}
	return nil
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Directory is the people of a site. It is safe for concurrent use; several of
// them over one table are one directory. Errors that are not of this package are
// ours and are not for the people who sign in.
type Directory struct {
	vault *vault.Vault
	clock clock.Clock
	mail  Mailer
	opt   Options
	hash  *hasher
	rules rules
	peers *peers
	web   *webauthn.WebAuthn // nil without an origin
	ends  func(ID, int64) []vault.Op

	ctx  context.Context // of what is done aside; its end is Close
	stop context.CancelFunc
	busy chan struct{}
	wg   sync.WaitGroup
}

// New is a directory over a vault. Close it at the end.
func New(v *vault.Vault, clk clock.Clock, m Mailer, o Options) (*Directory, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	h, err := newHasher(o.Cost, o.AtOnce, o.Wait)
	if err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	d := &Directory{vault: v, clock: clk, mail: m, opt: o, hash: h, peers: newPeers(clk, o.PeerBurst, o.PeerPerMinute),
		rules: rules{least: o.MinLength, common: commonWords()}, busy: make(chan struct{}, asides)}
	if d.web, err = relyingParty(o); err != nil {
		return nil, err
	}
	if o.BreachFile != "" {
		if d.rules.breach, err = openBreachList(o.BreachFile); err != nil {
			return nil, err
		}
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d, nil
}

// asides is how many things may be done aside at once.
const asides = 64

// Close waits for what is being done aside.
func (d *Directory) Close() error {
	d.wg.Wait()
	d.stop()
	return d.rules.breach.close()
}

// aside does something after the answer, which therefore tells nothing about it,
// not even by its time. ErrBusy, when there is too much to do, tells no more.
func (d *Directory) aside(do func(context.Context) error) error {
	select {
	case d.busy <- struct{}{}:
	default:
		return ErrBusy
	}
	d.wg.Go(func() {
		defer func() { <-d.busy }()
		ctx, cancel := context.WithTimeout(d.ctx, 30*time.Second)
		defer cancel()
		if err := do(ctx); err != nil {
			d.opt.Aside(Event{}, err)
		}
	})
	return nil
}

// post hands over a letter. That it cannot be taken does not undo what it is
// about.
func (d *Directory) post(l Letter) {
	if l.To == "" {
		return
	}
	if err := d.mail.Post(l); err != nil {
		d.opt.Aside(Event{}, fmt.Errorf("letter %s: %w", l.About, err))
	}
}

// notify tells a person about a change of their account.
func (d *Directory) notify(a Account, about string) {
	d.post(Letter{To: a.Email, About: about, Login: a.Login})
}

var (
	accounts = vault.Of[record]("person.account")
	logins   = vault.Of[ID]("person.login")    // by blind name
	people   = vault.Of[ID]("person.fhiruser") // whose account speaks for whom, by blind name
)

// Errors of administration. None of them is for somebody who is not signed in.
var (
	ErrNoAccount     = errors.New("there is no such account")
	ErrTaken         = errors.New("the login name or the person has an account already")
	ErrNeedsApproval = errors.New("a second administrator must agree")
	ErrState         = errors.New("the account is not in a state for that")
	ErrReference     = errors.New("not a reference to a person or an organisation")
)

// newID is a random id of 128 bits.
func newID() ID { return ID(base64.RawURLEncoding.EncodeToString(random(16))) }

// tags are those of an account's entry.
func (d *Directory) tags(r record) []string {
	if r.Email == "" || r.Source.Linked() {
		return nil // what another directory says an address is finds nothing here
	}
	return []string{d.vault.Blind("person.email", fold(r.Email))}
}

// Account is an account by its id; ErrNoAccount.
func (d *Directory) Account(ctx context.Context, id ID) (Account, error) {
	e, err := d.load(ctx, id)
	return e.Value.public(), err
}

func (d *Directory) load(ctx context.Context, id ID) (vault.Entry[record], error) {
	e, err := accounts.Load(ctx, d.vault, string(id))
	if errors.Is(err, vault.ErrAbsent) {
		return e, ErrNoAccount
	}
	return e, err
}

// Find is an account by its login name, in any spelling; ErrNoAccount.
func (d *Directory) Find(ctx context.Context, login string) (Account, error) {
	e, err := d.find(ctx, typed(login))
	return e.Value.public(), err
}

// find takes as many look-ups when there is no such account.
func (d *Directory) find(ctx context.Context, login string) (vault.Entry[record], error) {
	e, err := logins.Load(ctx, d.vault, d.vault.Blind("person.login", login))
	if err != nil && !errors.Is(err, vault.ErrAbsent) {
		return vault.Entry[record]{}, err
	}
	return d.load(ctx, e.Value)
}

// Accounts are accounts in the order of their ids, those after one, at most limit.
func (d *Directory) Accounts(ctx context.Context, after ID, limit int) ([]Account, error) {
	entries, err := accounts.List(ctx, d.vault, "", string(after), limit)
	out := make([]Account, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Value.public())
	}
	return out, err
}

// change alters one account, again when somebody else was quicker; more gives
// what must happen with it or not at all.
func (d *Directory) change(ctx context.Context, id ID, change func(*record) error, more ...vault.Op) (record, error) {
	for range 20 {
		e, err := d.load(ctx, id)
		if err != nil {
			return record{}, err
		}
		was, before := e.Rev, e.Value
		before.Keys = slices.Clone(before.Keys)
		if before.TOTP != nil {
			key := *before.TOTP
			before.TOTP = &key
		}
		if err := change(&e.Value); err != nil {
			return e.Value, err
		}
		ops := append(d.ending(before, &e.Value), more...)
		err = d.vault.Apply(ctx, append(ops, accounts.Replace(e, d.tags(e.Value)...))...)
		if !errors.Is(err, vault.ErrChanged) {
			return e.Value, err
		}
		// It was the account, or what goes with it: that is for good.
		if e, err = d.load(ctx, id); err == nil && e.Rev == was {
			return record{}, vault.ErrChanged
		}
	}
	return record{}, fmt.Errorf("change an account: %w too often", vault.ErrChanged)
}
