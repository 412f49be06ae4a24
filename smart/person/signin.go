package person

import (
	"context"
	"errors"
	"slices"
	"time"

	"firebreak/vault"
)

// Errors of signing in, as anybody may see them.
var (
	// ErrWrong is the one answer to everything that does not prove who one is.
	ErrWrong = errors.New("that is not right")
	// ErrExpired says that a sign-in took too long, or that a credential changed
	// meanwhile: it begins again.
	ErrExpired = errors.New("the sign-in took too long; please begin again")
)

// Authentication context classes (OpenID Connect Core §2, acr); a higher one
// includes the lower.
const (
	ACR1 = "urn:firebreak:acr:1" // a password
	ACR2 = "urn:firebreak:acr:2" // two factors
	ACR3 = "urn:firebreak:acr:3" // a passkey that verified its user: nothing to phish
)

// Factor is a way to go on with a sign-in.
type Factor string

// Factors.
const (
	TOTP         Factor = "totp"
	RecoveryCode Factor = "recovery-code"
	PasskeyUse   Factor = "passkey"
)

// Step is how far a sign-in came. It is for the page's maker and holds nothing
// about an account to who did not prove the first factor.
type Step struct {
	Flow    string // names the sign-in until it is over: a secret of the browser's session
	Account ID
	Epoch   uint64   // of the account; see Account.Epoch
	ACR     string   // reached
	AMR     []string // RFC 8176: pwd, otp, hwk, swk, user, mfa
	Can     []Factor // by which it can be raised
	// Enrol says that the account must get a second factor now: nothing else may
	// be done with this sign-in until ConfirmTOTP or FinishPasskeyEnrolment.
	Enrol bool
	// Done says that the account itself asks for no more: who has a second factor
	// uses it. A client or a policy may still ask for a higher ACR.
	Done  bool
	Event Event // also beside an error
}

// flow is a sign-in under way. Its entry's name is blind: who reads the table
// cannot go on with it.
type flow struct {
	Account ID
	Epoch   uint64
	AMR     []string
	Begun   time.Time
}

var flows = vault.Of[flow]("person.flow")

const flowLife = 10 * time.Minute

// acr is the class that methods reach.
func acr(amr []string) string {
	has := func(m string) bool { return slices.Contains(amr, m) }
	switch {
	case (has("hwk") || has("swk")) && has("user"):
		return ACR3
	case has("mfa"):
		return ACR2
	case has("pwd"):
		return ACR1
	}
	return ""
}

// SignIn proves a password. Its errors are ErrWrong, *Throttled, ErrBusy, and
// ours. Whether the name is unknown, the account closed or locked, or the
// password wrong: the answer, the hashes computed and the entries read are the
// same. Failures are counted for names that nobody has, too; at is the browser, if
// it has said something.
func (d *Directory) SignIn(ctx context.Context, login, password, peer string, at ...Browser) (Step, error) {
	if err := d.peers.spend(peer); err != nil {
		return Step{Event: Event{Kind: Refused, Detail: "peer throttled"}}, err
	}
	name := typed(login)
	e, event, err := d.prove(ctx, name, password, at)
	if err != nil {
		return Step{Event: event}, err
	}
	d.peers.refund(peer)
	return d.begin(ctx, e.Value, event, "pwd")
}

// prove checks a password for a login name, folded.
func (d *Directory) prove(ctx context.Context, name, password string, at []Browser) (vault.Entry[record], Event, error) {
	var none vault.Entry[record]
	refused := Event{Kind: Refused}
	// Before anything is counted: who was not looked at did not fail.
	release, err := d.hash.slot(ctx)
	if err != nil {
		return none, Event{Kind: Refused, Detail: "busy"}, err
	}
	defer release()
	try, closed, err := d.charge(ctx, d.countedAt(name, at))
	if err != nil {
		return none, refused, err
	}
	e, err := d.find(ctx, name)
	if err != nil && !errors.Is(err, ErrNoAccount) {
		return none, refused, err
	}
	known := err == nil
	encoded := d.hash.dummy
	if known && e.Value.Hash != "" {
		encoded = e.Value.Hash
	}
	text, ok := normal(password)
	same, cost, err := d.hash.is(text, encoded)
	if err != nil {
		return none, refused, err
	}
	refused.Account = e.Value.ID
	switch {
	case !known:
		refused.Detail = "unknown login"
	case closed:
		refused.Detail = "too many failures"
	case !same || !ok || e.Value.Hash == "":
		refused.Detail = "wrong password"
	case !e.Value.mayProve():
		refused.Detail = "account closed"
	default:
		if err := d.forgive(ctx, e.Value, try); err != nil {
			return none, refused, err
		}
		d.rehash(ctx, e.Value, text, cost)
		return e, Event{Kind: SignedIn, Account: e.Value.ID, By: e.Value.ID, Detail: "password"}, nil
	}
	return none, refused, ErrWrong
}

// rehash keeps a password at the cost of today. That it cannot is no reason to
// refuse the person. The caller has the slot.
func (d *Directory) rehash(ctx context.Context, r record, text string, cost Cost) {
	if !cost.weaker(d.hash.cost) {
		return
	}
	hash := d.hash.make(text)
	_, err := d.change(ctx, r.ID, func(now *record) error {
		if now.Hash != r.Hash {
			return ErrState // it was changed meanwhile
		}
		now.Hash = hash
		return nil
	})
	if err == nil {
		d.opt.Aside(Event{Kind: PasswordRehashed, Account: r.ID, By: r.ID}, nil)
	} else if !errors.Is(err, ErrState) {
		d.opt.Aside(Event{}, err)
	}
}

// begin is a new sign-in with its first methods proved.
func (d *Directory) begin(ctx context.Context, r record, event Event, amr ...string) (Step, error) {
	id := string(newID()) + string(newID())
	f := flow{Account: r.ID, Epoch: r.Epoch, AMR: amr, Begun: d.clock.Now()}
	if err := d.vault.Apply(ctx, flows.New(d.vault.Blind("person.flow", id), f, f.Begun.Add(flowLife))); err != nil {
		return Step{Event: event}, err
	}
	return d.step(id, f, r, event), nil
}

// StepUp begins the proof of another factor for somebody who is signed in: the
// caller vouches for the account and for the methods of its session. What another
// directory proved is "pwd" here, or "mfa" where it said so.
func (d *Directory) StepUp(ctx context.Context, id ID, amr []string) (Step, error) {
	e, err := d.load(ctx, id)
	if err != nil {
		return Step{}, err
	}
	if !e.Value.mayProve() {
		return Step{}, ErrExpired
	}
	return d.begin(ctx, e.Value, Event{}, amr...)
}

// Flow is how far a sign-in came; ErrExpired when it is over.
func (d *Directory) Flow(ctx context.Context, id string) (Step, error) {
	e, r, err := d.flow(ctx, id)
	if err != nil {
		return Step{}, err
	}
	return d.step(id, e.Value, r, Event{}), nil
}

// End forgets a sign-in: it became a session, or was given up.
func (d *Directory) End(ctx context.Context, id string) error {
	return d.vault.Apply(ctx, flows.Drop(d.vault.Blind("person.flow", id)))
}

// flow is a sign-in under way and its account as it is now.
func (d *Directory) flow(ctx context.Context, id string) (vault.Entry[flow], record, error) {
	e, err := flows.Load(ctx, d.vault, d.vault.Blind("person.flow", id))
	if errors.Is(err, vault.ErrAbsent) {
		return e, record{}, ErrExpired
	}
	if err != nil {
		return e, record{}, err
	}
	a, err := d.load(ctx, e.Value.Account)
	if err != nil && !errors.Is(err, ErrNoAccount) {
		return e, record{}, err
	}
	// A credential that changed may have changed because this sign-in is not the
	// owner's.
	if err != nil || !a.Value.mayProve() || a.Value.Epoch != e.Value.Epoch {
		return e, record{}, ErrExpired
	}
	return e, a.Value, nil
}

// raise adds methods to a sign-in. epoch is the account's from now on.
func (d *Directory) raise(ctx context.Context, id string, epoch uint64, amr ...string) (flow, error) {
	e, err := flows.Update(ctx, d.vault, d.vault.Blind("person.flow", id), nil, func(e *vault.Entry[flow]) error {
		e.Value.AMR, e.Value.Epoch = join(e.Value.AMR, amr...), epoch
		return nil
	})
	if errors.Is(err, vault.ErrAbsent) {
		return flow{}, ErrExpired
	}
	return e.Value, err
}

// join adds methods, each once; two kinds of them are "mfa" (RFC 8176 §2).
func join(amr []string, more ...string) []string {
	out := slices.Clone(amr)
	for _, m := range more {
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	if slices.Contains(out, "pwd") && slices.Contains(out, "otp") && !slices.Contains(out, "mfa") {
		out = append(out, "mfa")
	}
	return out
}

func (d *Directory) step(id string, f flow, r record, event Event) Step {
	s := Step{Flow: id, Account: r.ID, Epoch: r.Epoch, ACR: acr(f.AMR), AMR: slices.Clone(f.AMR), Event: event,
		Enrol: d.mustEnrol(r.Account) && !r.second()}
	s.Done = !s.Enrol && (s.ACR >= ACR2 || !r.second())
	if s.ACR < ACR2 && r.TOTP != nil {
		s.Can = append(s.Can, TOTP)
	}
	if s.ACR < ACR2 && r.second() && len(r.Recovery) > 0 {
		s.Can = append(s.Can, RecoveryCode)
	}
	if s.ACR < ACR3 && slices.ContainsFunc(r.Keys, func(k credential) bool { return !k.Suspended }) {
		s.Can = append(s.Can, PasskeyUse)
	}
	return s
}
