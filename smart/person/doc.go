// Package person is the directory of people for sites that have no other: who
// they are, how they prove it (password, one-time code, passkey), which roles
// they hold and until when. It follows NIST SP 800-63B, OWASP's advice on
// sign-in, RFC 6238 and WebAuthn level 3.
//
// It holds no session, draws no page and sends no mail: package smart does the
// first, pages come from ui, and letters go through a Mailer. Who may administer
// is not asked here either, but what an administrator can never do alone is: to
// see or set a password, or to take over the account of somebody who treats
// patients.
//
// Its surprise: everything that goes wrong in proving who one is has one error,
// ErrWrong, after the same work. What really happened is in the Event beside it,
// which is for the audit trail alone.
package person
