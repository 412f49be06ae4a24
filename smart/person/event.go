package person

// Event is what happened, for the audit trail. Detail is one of few literals, or
// roles and references; it never holds a secret or a free text that somebody typed.
type Event struct {
	Kind    EventKind
	Account ID // "" where there is none
	By      ID // who did it; the account itself where a person acts for themselves
	Detail  string
}

// EventKind is what happened.
type EventKind string

// Events.
const (
	SignedIn         EventKind = "signed-in"       // Detail: the factor
	Refused          EventKind = "sign-in-refused" // Detail: why
	Invited          EventKind = "invited"         //
	Accepted         EventKind = "invitation-accepted"
	ResetAsked       EventKind = "reset-asked"       // Detail: whether a letter goes out
	PasswordReset    EventKind = "password-reset"    //
	PasswordChanged  EventKind = "password-changed"  //
	PasswordRehashed EventKind = "password-rehashed" //
	EmailAsked       EventKind = "email-change-asked"
	EmailAllowed     EventKind = "email-change-allowed"
	EmailChanged     EventKind = "email-changed"
	FactorAdded      EventKind = "factor-added"   // Detail: which
	FactorRemoved    EventKind = "factor-removed" // Detail: which
	CodesMade        EventKind = "recovery-codes-made"
	PasskeySuspended EventKind = "passkey-suspended"
	RoleAsked        EventKind = "role-asked"
	RoleGranted      EventKind = "role-granted"
	RoleRefused      EventKind = "role-refused"
	RoleWithdrawn    EventKind = "role-request-withdrawn"
	RoleTaken        EventKind = "role-taken-away"
	Changed          EventKind = "account-changed" // Detail: what
	Disabled         EventKind = "account-disabled"
	Enabled          EventKind = "account-enabled"
	Removed          EventKind = "account-removed"
	LinkedIn         EventKind = "account-linked" // Detail: new, or refreshed
)

// done is an event, or none when nothing was done.
func done(e Event, err error) (Event, error) {
	if err != nil {
		return Event{}, err
	}
	return e, nil
}
