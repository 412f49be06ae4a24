// Package smart is the authorization server: OAuth 2.0 (RFC 6749, by the advice of
// RFC 9700) and OpenID Connect with SMART App Launch 2.2. Start reading at Serve;
// authorize.go, flow.go and token.go are the main road.
//
// It knows no record: whose chart an application may open is looked up as the
// person who asks (Chart), and what a token then opens is decided by the gate.
// Whatever it does is in its Answer's Events, which must be on record before the
// Reply leaves. Its surprise: it holds no state of its own. All of it lies in the
// vault, so that any server of the database answers alike.
package smart
