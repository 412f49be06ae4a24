// Package authz is two of the layers that must permit before anything is seen
// or changed: what the application may do (SMART App Launch 2.2 scopes, with
// search arguments) and what its user may do (policies in Cedar,
// https://docs.cedarpolicy.com). It says nothing of consent, and of labels only
// what a policy asks of a class.
//
// Each layer answers twice, and the answers share no compiled code. Rule is net
// 1: a condition for a store to search by, made by partial evaluation. Decide is
// net 2: one version judged by itself, for policies by Cedar's own evaluator. A
// property test holds the two together.
//
// Its surprise: a policy may ask only what net 1 can hold rows to. One that asks
// for more, and any file beside it, is refused when loaded, so a policy is never
// half-applied.
package authz
