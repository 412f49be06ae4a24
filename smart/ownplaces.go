package smart

import "firebreak/ui"

// ownPlaces are what a person does for themselves: how they sign in, the links in
// letters to them, roles for a time.
func (s *Server) ownPlaces() map[string]place {
	return map[string]place{
		ui.PathSignInPasskey: {post: s.signInPasskey},
		ui.PathFactorPasskey: {post: s.factorPasskey},
		ui.PathPassword:      {get: s.passwordPage, post: s.changePassword},
		ui.PathTOTP:          {get: s.setUpPage, post: s.setUp},
		ui.PathTOTPRemove:    {post: s.removeTOTP},
		ui.PathPasskey:       {get: s.addPasskeyPage, post: s.addPasskey},
		ui.PathPasskeyRemove: {post: s.removePasskey},
		ui.PathRecovery:      {post: s.recoveryCodes},
		ui.PathEmail:         {get: s.emailPage, post: s.askEmail},
		ui.PathRoles:         {get: s.rolesPage, post: s.askRole},
		ui.PathRoleGiveBack:  {post: s.giveBack},
		ui.PathRoleWithdraw:  {post: s.withdraw},
		ui.PathInvitation:    {get: s.invitationPage, post: s.invitation},
		ui.PathReset:         {get: s.resetPage, post: s.reset},
		ui.PathResetPassword: {get: s.newPasswordPage, post: s.newPassword},
		ui.PathEmailConfirm:  {get: s.confirmEmailPage, post: s.confirmEmail},
		ui.PathEmailAllow:    {get: s.allowEmailPage, post: s.allowEmail},
	}
}
