package ui

// ChangeEmail asks for another e-mail address of the person.
type ChangeEmail struct {
	Common
	Now      string // the address now
	Verified bool   // it was shown to be the person's
	Email    string // as typed
	// Sent is where a link has just been sent; empty before.
	Sent string
}

func (*ChangeEmail) about() about {
	return about{file: "email", title: "Change your e-mail address", wide: true, menu: "account"}
}

// ConfirmEmail is the page of a link in a letter about a new e-mail address.
type ConfirmEmail struct {
	Common
	Token    string // from the link, posted back
	Username string // whose account it is
	Email    string // the new address
	// Allow asks the owner, at the old address, about a change that an
	// administrator wants; else it confirms the new one.
	Allow bool
}

func (*ConfirmEmail) about() about {
	return about{file: "confirm", title: "Your e-mail address"}
}
