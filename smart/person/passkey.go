package person

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"firebreak/vault"
)

// credential is a passkey as it is kept (WebAuthn §4, credential record).
type credential struct {
	ID         []byte
	Key        []byte // COSE
	Name       string
	Created    time.Time
	Used       time.Time
	Count      uint32
	Eligible   bool // for backup: BE
	Backed     bool // up: BS
	Transports []protocol.AuthenticatorTransport
	Suspended  bool
}

const (
	mostPasskeys    = 10
	ceremonyLife    = 5 * time.Minute
	longestResponse = 64 << 10
)

// passkeys are whose a credential id is, by blind name: WebAuthn §7.1 wants each
// registered once.
var passkeys = vault.Of[ID]("person.passkey")

func (d *Directory) passkeyName(id []byte) string { return d.vault.Blind("person.passkey", string(id)) }

func (c credential) public() Passkey {
	return Passkey{ID: base64.RawURLEncoding.EncodeToString(c.ID), Name: c.Name, Created: c.Created, Used: c.Used, Synced: c.Eligible, Suspended: c.Suspended}
}

// amr is RFC 8176's: a key that can leave its device is a software one.
func (c credential) amr() string {
	if c.Eligible {
		return "swk"
	}
	return "hwk"
}

// owner is an account as the library wants it. The user handle is the random id
// (WebAuthn §14.6.1: nothing about the person).
type owner struct{ r record }

func (o owner) WebAuthnID() []byte { return []byte(o.r.ID) }

func (o owner) WebAuthnName() string { return cmp.Or(o.r.Login, o.r.Display, string(o.r.ID)) }

func (o owner) WebAuthnDisplayName() string {
	return cmp.Or(o.r.Display, o.r.Login, string(o.r.ID))
}

// WebAuthnCredentials are those that may be used.
func (o owner) WebAuthnCredentials() []webauthn.Credential {
	var out []webauthn.Credential
	for _, c := range o.r.Keys {
		if !c.Suspended {
			out = append(out, webauthn.Credential{ID: c.ID, PublicKey: c.Key, Transport: c.Transports,
				Flags:         webauthn.CredentialFlags{UserPresent: true, UserVerified: true, BackupEligible: c.Eligible, BackupState: c.Backed},
				Authenticator: webauthn.Authenticator{SignCount: c.Count}})
		}
	}
	return out
}

// relyingParty is nil without an origin: there are no passkeys then.
func relyingParty(o Options) (*webauthn.WebAuthn, error) {
	if o.Origin == "" {
		return nil, nil
	}
	u, err := url.Parse(o.Origin)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil ||
		u.Scheme != "https" && !(u.Scheme == "http" && u.Hostname() == "localhost") {
		return nil, errors.New("people: the origin must be https://host[:port], or http://localhost")
	}
	rp := o.RPID
	if rp == "" {
		rp = u.Hostname()
	}
	// WebAuthn §5.1.3, step 8: the effective domain or one above it.
	if u.Hostname() != rp && !strings.HasSuffix(u.Hostname(), "."+rp) {
		return nil, errors.New("people: the passkeys' domain must be the origin's host or a domain above it")
	}
	w, err := webauthn.New(&webauthn.Config{RPID: rp, RPDisplayName: o.Site, RPOrigins: []string{o.Origin},
		AttestationPreference:  protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired},
		Timeouts: webauthn.TimeoutsConfig{Login: webauthn.TimeoutConfig{Timeout: ceremonyLife, TimeoutUVD: ceremonyLife},
			Registration: webauthn.TimeoutConfig{Timeout: ceremonyLife, TimeoutUVD: ceremonyLife}}})
	if err != nil {
		return nil, fmt.Errorf("people: passkeys: %w", err)
	}
	return w, nil
}

// algorithms a passkey may sign with, the most wanted first.
func algorithms() []protocol.CredentialParameter {
	var out []protocol.CredentialParameter
	for _, a := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		out = append(out, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: a})
	}
	return out
}

// Ceremony is what the browser must be given to use or make a passkey.
type Ceremony struct {
	ID string // to finish it by; a secret of the browser's session
	// Options are JSON {"publicKey": …} for navigator.credentials, by
	// PublicKeyCredential.parseCreationOptionsFromJSON or …RequestOptionsFromJSON.
	Options []byte
}

// ceremony is one that was begun. The page carries it, sealed: whoever looks at a
// sign-in page begins one, and nobody must be able to fill the table by looking.
type ceremony struct {
	Challenge string
	Account   ID     // "" while it is not known
	Epoch     uint64 // of the account, at an enrolment
	Flow      string
	Enrol     bool
	Allowed   [][]byte
}

var ceremonies = vault.Of[ceremony]("person.ceremony")

// ErrNoPasskeys says that the site has no origin to make passkeys for.
var ErrNoPasskeys = errors.New("passkeys are not configured")

func (d *Directory) keep(c ceremony, options any) (Ceremony, error) {
	b, err := jsonv1.Marshal(options)
	if err != nil {
		return Ceremony{}, fmt.Errorf("write a ceremony: %w", err)
	}
	id, err := ceremonies.Carried(d.vault, c, d.clock.Now().Add(ceremonyLife))
	return Ceremony{ID: id, Options: b}, err
}

// take is a ceremony that was begun and is hereby over, however it ends: a
// response is looked at once (WebAuthn §13.4.3, challenges).
func (d *Directory) take(ctx context.Context, id string, enrol bool) (ceremony, error) {
	c, until, err := ceremonies.Returned(d.vault, id)
	if errors.Is(err, vault.ErrAbsent) || err == nil && c.Enrol != enrol {
		return ceremony{}, ErrExpired
	}
	if err != nil {
		return ceremony{}, err
	}
	first, err := d.vault.Once(ctx, "person.ceremony", c.Challenge, until)
	if err == nil && !first {
		err = ErrExpired
	}
	return c, err
}

func (d *Directory) session(c ceremony) webauthn.SessionData {
	s := webauthn.SessionData{Challenge: c.Challenge, RelyingPartyID: d.web.Config.RPID, AllowedCredentialIDs: c.Allowed,
		UserVerification: protocol.VerificationRequired}
	if c.Account != "" {
		s.UserID = []byte(c.Account)
	}
	if c.Enrol {
		s.CredParams = algorithms()
	}
	return s
}

// BeginPasskeyEnrolment begins to give an account a passkey, in a sign-in or in a
// session (flow "").
func (d *Directory) BeginPasskeyEnrolment(ctx context.Context, id ID, flow string) (Ceremony, error) {
	if d.web == nil {
		return Ceremony{}, ErrNoPasskeys
	}
	if err := d.ownFlow(ctx, flow, id); err != nil {
		return Ceremony{}, err
	}
	e, err := d.load(ctx, id)
	if err != nil {
		return Ceremony{}, err
	}
	if !e.Value.mayProve() || len(e.Value.Keys) >= mostPasskeys {
		return Ceremony{}, ErrState
	}
	var have []protocol.CredentialDescriptor
	for _, k := range e.Value.Keys {
		have = append(have, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: k.ID, Transport: k.Transports})
	}
	options, s, err := d.web.BeginRegistration(owner{e.Value}, webauthn.WithExclusions(have), webauthn.WithCredentialParameters(algorithms()))
	if err != nil {
		return Ceremony{}, fmt.Errorf("begin a passkey: %w", err)
	}
	return d.keep(ceremony{Challenge: s.Challenge, Account: id, Epoch: e.Value.Epoch, Flow: flow, Enrol: true}, options)
}

// FinishPasskeyEnrolment takes the browser's response (PublicKeyCredential's
// JSON) and adds the passkey. A new passkey shows that its holder is the one who
// signed in, and no more: a sign-in it happens in has two factors then, not a
// passkey's class. Errors: ErrWrong, ErrExpired, ErrState, *Throttled.
func (d *Directory) FinishPasskeyEnrolment(ctx context.Context, id, name string, response []byte, peer string) (Enrolled, Event, error) {
	if d.web == nil {
		return Enrolled{}, Event{}, ErrNoPasskeys
	}
	if err := d.peers.spend(peer); err != nil {
		return Enrolled{}, Event{}, err
	}
	c, err := d.take(ctx, id, true)
	if err != nil {
		return Enrolled{}, Event{}, err
	}
	if err := d.ownFlow(ctx, c.Flow, c.Account); err != nil {
		return Enrolled{}, Event{}, err
	}
	e, err := d.load(ctx, c.Account)
	if err != nil {
		return Enrolled{}, Event{}, err
	}
	made, err := d.made(e.Value, c, response)
	if err != nil {
		return Enrolled{}, Event{Kind: Refused, Account: c.Account, By: c.Account, Detail: "wrong passkey at enrolment"}, ErrWrong
	}
	d.peers.refund(peer)
	made.Name, made.Created = display(name), d.clock.Now()
	return d.enrol(ctx, offer{c.Account, c.Epoch, c.Flow}, "passkey", []string{made.amr(), "mfa"}, func(r *record) error {
		if len(r.Keys) >= mostPasskeys {
			return ErrState
		}
		r.Keys = append(slices.Clone(r.Keys), made)
		return nil
	}, passkeys.New(d.passkeyName(made.ID), c.Account, vault.Never))
}

func (d *Directory) made(r record, c ceremony, response []byte) (credential, error) {
	if len(response) > longestResponse {
		return credential{}, ErrWrong
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return credential{}, err
	}
	k, err := d.web.CreateCredential(owner{r}, d.session(c), parsed)
	if err != nil {
		return credential{}, err
	}
	return credential{ID: k.ID, Key: k.PublicKey, Count: k.Authenticator.SignCount, Eligible: k.Flags.BackupEligible, Backed: k.Flags.BackupState, Transports: k.Transport}, nil
}

// RemovePasskey takes one away, by its Passkey.ID. ErrState when the account must
// have a second factor and this is the last.
func (d *Directory) RemovePasskey(ctx context.Context, id ID, passkey string) (Account, Event, error) {
	raw, err := base64.RawURLEncoding.DecodeString(passkey)
	if err != nil {
		return Account{}, Event{}, ErrState
	}
	return d.removeFactor(ctx, id, "passkey", func(r *record) bool {
		n := len(r.Keys)
		r.Keys = slices.DeleteFunc(slices.Clone(r.Keys), func(k credential) bool { return bytes.Equal(k.ID, raw) })
		return len(r.Keys) < n
	}, passkeys.Drop(d.passkeyName(raw)))
}
