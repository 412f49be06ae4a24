// Package client is the applications that are registered at the authorization
// server, and how they prove who they are: by a secret, by an assertion that they
// sign (RFC 7523; SMART App Launch 2.2, client-confidential-asymmetric), by a
// certificate (RFC 8705), or not at all, where an app can keep nothing secret.
//
// It does not say what an application may do for whom: scopes are narrowed,
// consented to and granted elsewhere. Its surprise: every failure that depends on
// what is registered has one text, so that an answer tells nobody whether an
// application exists; failures that the request shows by itself say what is wrong.
package client
