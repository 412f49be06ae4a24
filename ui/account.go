package ui

// Account is a person's own page: what was granted and how to take it back,
// where they are signed in, how they sign in.
type Account struct {
	Common
	Grants   []Grant
	Sessions []Session
	// Password is whether the account has one here; TOTP, whether an
	// authenticator app is set up; Recovery, how many recovery codes are left.
	Password, TOTP  bool
	PasswordChanged Moment
	Recovery        int
	Passkeys        []StoredPasskey
	Email           string // the address of letters; empty when it cannot be changed here
	// Provider names the other place the person signs in at, which then keeps
	// password and second factors; empty for accounts of this server.
	Provider string
}

// Grant is what one application was allowed.
type Grant struct {
	ID        string // the application's; the field app
	App       string
	Publisher string
	May       []string // in plain words
	Patient   string   // whose record; empty when not of one patient
	Offline   bool     // also while the person is away
	Since     Moment
	LastUsed  Moment // zero: never
	Until     Moment // zero: until taken back
}

// Session is a browser the person is signed in with.
type Session struct {
	ID       string // the field session
	Browser  string // "Firefox on Windows"
	Address  string // the network address it was last seen at
	Since    Moment
	LastSeen Moment
	Current  bool
}

// StoredPasskey is one of the person's passkeys.
type StoredPasskey struct {
	ID       string // the field passkey
	Name     string
	Added    Moment
	LastUsed Moment // zero: never
}

func (*Account) about() about {
	return about{file: "account", title: "Your account", wide: true, menu: "account"}
}

// ChangePassword asks for the old and the new password.
type ChangePassword struct {
	Common
	Username  string
	MinLength int
}

func (*ChangePassword) about() about {
	return about{file: "password", title: "Change your password", wide: true, menu: "account"}
}

// SetUpTOTP shows the secret of an authenticator app (RFC 6238) and asks for a
// code that proves it was taken over.
type SetUpTOTP struct {
	Common
	Secret string // base32; empty when it was shown before, and is not again
	QR     []byte // a PNG image of the otpauth URI
	// Must says that the person is signing in and cannot go on without a second
	// factor, which may also be a passkey, of this name.
	Must    bool
	Passkey *AskPasskey
}

// AskPasskey is a form to make a passkey on another page.
type AskPasskey struct {
	Name    string // a suggestion
	Passkey Passkey
}

func (v *SetUpTOTP) about() about {
	if v.Must {
		return about{file: "totp", title: "One more step"}
	}
	return about{file: "totp", title: "Set up an authenticator app", wide: true, menu: "account"}
}

// AddPasskey asks the browser to make a passkey.
type AddPasskey struct {
	Common
	Name    string // a suggestion
	Passkey Passkey
}

func (*AddPasskey) about() about {
	return about{file: "passkey", title: "Add a passkey", wide: true, menu: "account"}
}

// RecoveryCodes shows new codes, once.
type RecoveryCodes struct {
	Common
	Codes []string
	// Within says that the person is signing in, and goes on with Common.Flow.
	Within bool
}

func (v *RecoveryCodes) about() about {
	return about{file: "recovery", title: "Your recovery codes", wide: !v.Within, menu: "account"}
}

// RequestRole lets a person ask for a role for a while, with a reason, and lists
// what they asked for.
type RequestRole struct {
	Common
	Roles    []Choice // the field role
	Reason   string   // as typed
	Until    string   // as typed; the field is a datetime-local, in Site.Zone
	Latest   string   // the latest Until, same shape; empty for no bound
	Requests []RoleRequest
}

// RoleRequest is a role asked for.
type RoleRequest struct {
	ID      string // the field request
	Role    string
	Reason  string
	Asked   Moment
	Until   Moment
	Status  string // "Waiting for a second person", "Active", "Refused", "Ended"
	Mark    StatusKind
	Decided string // who decided; empty when nobody has
	Active  bool   // it can be given back
	Waiting bool   // it can be withdrawn
}

func (*RequestRole) about() about {
	return about{file: "roles", title: "Ask for a role", wide: true, menu: "roles"}
}

// StatusKind is how a status is coloured; its text says the same.
type StatusKind string

// The kinds of status.
const (
	StatusPlain   StatusKind = ""
	StatusGood    StatusKind = "good"
	StatusWaiting StatusKind = "waiting"
	StatusBad     StatusKind = "bad"
)
