// Package federation lets people sign in at other OpenID providers, such as
// Keycloak or Okta (OpenID Connect Core 1.0, authorization code flow with PKCE),
// says by rules who they are here, and ends their sessions when the provider says
// so (OpenID Connect Back-Channel Logout 1.0).
//
// It shows no page and holds no session: package smart sends the browser where
// Begin says, hands what comes back to Finish, and decides what that person may
// do. A provider that is down is noticed by who wants to sign in there, and by
// nobody else.
//
// Its surprise: what a provider says counts only where a rule says so. A role
// that no rule maps is no role, and a claim that is not as its rule expects
// refuses the sign-in instead of being passed over.
package federation
