package person

import "time"

// Mailer takes letters to people. Post must return at once, whatever becomes of
// the letter: that it cannot be taken is an error, that it does not arrive is not.
type Mailer interface {
	Post(Letter) error
}

// Letter is what a person is written. It has no words of its own: those are the
// Mailer's, by what the letter is about.
type Letter struct {
	To    string // an address, bare
	About string // one of the letters below
	Login string // whose account it is, where that helps; else ""
	Link  string // to follow, or ""
	Until time.Time
}

// Letters.
const (
	LetterInvitation = "invitation"        // Link, Until
	LetterReset      = "reset"             // Link, Until
	LetterConfirm    = "confirm-email"     // to the new address: Link, Until
	LetterAllow      = "allow-email"       // to the old one: an administrator asks for a change; Link, Until
	NoticeEmail      = "notice-email"      // to the old one: it was asked to be changed
	NoticeEmailDone  = "notice-email-done" // to the old one: it is changed
	NoticePassword   = "notice-password"   // it was changed or reset
	NoticeFactor     = "notice-factor"     // a second factor was added or removed
	NoticePasskey    = "notice-passkey"    // a passkey was suspended
	NoticeRecovery   = "notice-recovery"   // a recovery code was used
)
