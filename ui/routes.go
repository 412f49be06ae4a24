package ui

// Where the forms post to and the links lead, below Site.Base. Fields are those
// of the view that posts; each form has csrf and flow beside them.
const (
	PathFlow           = "/flow"            // GET ?id=: whatever is next in a flow
	PathSignIn         = "/signin"          // POST username, password
	PathSignInProvider = "/signin/provider" // POST provider
	PathSignInPasskey  = "/signin/passkey"  // POST ceremony, credential
	PathFactor         = "/signin/factor"   // POST code, or recovery
	PathFactorPasskey  = "/signin/factor/passkey"
	PathInvitation     = "/invitation"    // POST token, username, password, repeat
	PathReset          = "/reset"         // GET the form; POST email
	PathResetPassword  = "/reset/new"     // POST token, password, repeat
	PathEmailConfirm   = "/email/confirm" // POST token
	PathEmailAllow     = "/email/allow"   // POST token
	PathSignOut        = "/signout"       // GET, ?id= of a departure; POST departure; with answer=stay the person stays
	PathPatientSearch  = "/patient/find"  // POST name, birthdate, identifier, page
	PathPatient        = "/patient"       // POST patient, or answer=refuse
	PathConsent        = "/consent"       // POST answer=allow|refuse and what Consent.Granted reads

	PathLaunch       = "/launch"        // GET; POST name, birthdate, identifier, page
	PathLaunchChoose = "/launch/choose" // POST patient; empty to choose anew
	PathLaunchOpen   = "/launch/open"   // POST app, patient, encounter

	PathAccount       = "/account"                // GET
	PathRevoke        = "/account/revoke"         // POST app
	PathSession       = "/account/session"        // POST session; "others" for all but this
	PathPassword      = "/account/password"       // GET; POST current, password, repeat
	PathTOTP          = "/account/totp"           // GET; POST code
	PathTOTPRemove    = "/account/totp/remove"    // POST
	PathPasskey       = "/account/passkey"        // GET; POST ceremony, credential, name
	PathPasskeyRemove = "/account/passkey/remove" // POST passkey
	PathRecovery      = "/account/recovery"       // POST: new codes
	PathEmail         = "/account/email"          // GET; POST email
	PathRoles         = "/roles"                  // GET; POST role, reason, until
	PathRoleGiveBack  = "/roles/giveback"         // POST request
	PathRoleWithdraw  = "/roles/withdraw"         // POST request

	PathAdminApps       = "/admin/apps"             // GET
	PathAdminAppNew     = "/admin/apps/new"         // GET; POST: see AdminAppForm
	PathAdminApp        = "/admin/apps/show"        // GET ?id=
	PathAdminAppChange  = "/admin/apps/change"      // GET ?id=; POST app and what AdminAppForm has
	PathAdminAppDisable = "/admin/apps/disable"     // POST app, reason
	PathAdminAppEnable  = "/admin/apps/enable"      // POST app, reason
	PathAdminAppSecret  = "/admin/apps/secret"      // POST app: a new secret
	PathAdminPeople     = "/admin/people"           // GET; POST find, page
	PathAdminInvite     = "/admin/people/invite"    // GET; POST: see AdminInvite
	PathAdminPerson     = "/admin/people/show"      // GET ?id=
	PathAdminLock       = "/admin/people/lock"      // POST person, lockreason
	PathAdminUnlock     = "/admin/people/unlock"    // POST person, lockreason
	PathAdminRole       = "/admin/people/role"      // POST person, role, until, reason
	PathAdminRoleEnd    = "/admin/people/role/end"  // POST person, role
	PathAdminEmail      = "/admin/people/email"     // POST person, email, emailreason
	PathAdminKeys       = "/admin/keys"             // POST reason: new signing keys
	PathApprovals       = "/admin/approvals"        // GET
	PathApprovalsDecide = "/admin/approvals/decide" // POST change, answer=approve|refuse, comment
)
