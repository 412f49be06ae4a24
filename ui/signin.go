package ui

// SignIn asks who the person is. Its errors never tell whether an account
// exists: one text serves an unknown name, a wrong password and a locked account.
type SignIn struct {
	Common
	App       string     // the application the person comes from; empty for none
	Username  string     // as typed before
	Providers []Provider // other places to sign in at
	Passkey   *Passkey   // nil when passkeys are off
	Reset     bool       // link to PathReset
	Local     bool       // accounts of this server: the form for name and password
	// Reason says why the person is asked again: "This needs a stronger sign-in."
	Reason string
}

// Provider is another place to sign in at.
type Provider struct {
	ID   string // the value of the field provider
	Name string // "North Hospital staff (Keycloak)"
}

func (*SignIn) about() about { return about{file: "signin", title: "Sign in"} }

// SecondFactor asks for one more proof, after the password.
type SecondFactor struct {
	Common
	TOTP     bool     // the person has an authenticator app
	Recovery bool     // and recovery codes
	Passkey  *Passkey // nil when the person has none
}

func (*SecondFactor) about() about { return about{file: "factor", title: "Confirm it is you"} }

// Invitation lets an invited person choose a name and a password.
type Invitation struct {
	Common
	Token     string // from the link in the mail, posted back
	Name      string // the person's name, as invited
	Username  string // the name to sign in with, as invited or as typed
	Fixed     bool   // Username can't be changed
	MinLength int    // of a password
}

func (*Invitation) about() about { return about{file: "invitation", title: "Welcome"} }

// ResetRequest asks for the address of an account whose password is forgotten.
// When Sent, the page answers the same for every address.
type ResetRequest struct {
	Common
	Email string
	Sent  bool
}

func (*ResetRequest) about() about { return about{file: "reset", title: "Forgotten password"} }

// ResetPassword asks for a new password, after the link of the mail.
type ResetPassword struct {
	Common
	Token     string
	Username  string // for the browser's password store; may be empty
	MinLength int
}

func (*ResetPassword) about() about {
	return about{file: "newpassword", title: "Choose a new password"}
}

// SignOut asks whether to sign out, when the request to do so proves nothing
// (OpenID Connect RP-Initiated Logout 1.0, section 2).
type SignOut struct {
	Common
	App string // who asked; empty when nobody did
	// Departure is what the form carries of their asking, in its field "departure".
	Departure string
}

func (*SignOut) about() about { return about{file: "signout", title: "Sign out?"} }

// SignedOut says that it is done.
type SignedOut struct {
	Common
	App      string // the application to go back to; empty for none
	ReturnTo string // its registered address; empty for none
}

func (*SignedOut) about() about { return about{file: "signedout", title: "You are signed out"} }

// Message is a plain notice, or an error that must not be redirected to an
// application (RFC 6749 section 4.1.2.1). Texts are literals.
type Message struct {
	Common
	Title string
	Text  string
	Hint  string // what the person can do; may be empty
	Error bool
	Visit string // the visit's id, to tell the help desk; may be empty
	// Link and LinkText lead on, to a page of ours; empty for none.
	Link, LinkText string
}

func (m *Message) about() about { return about{file: "message", title: m.Title} }
