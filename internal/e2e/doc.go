// Package e2e tries Firebreak against what it will meet: the npm clients
// fhirclient (in Chromium) and fhir-kit-client (in Node.js), Keycloak and
// oidc-provider as providers and as issuers, several servers on one database,
// mutual TLS and DPoP. It holds tests only; each opens a whole server, as
// `firebreak serve` does, on loopback.
package e2e
