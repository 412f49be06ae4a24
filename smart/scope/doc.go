// Package scope is what an application asks for and what a person grants it, in
// SMART's scopes (SMART App Launch 2.2, scopes-and-launch-context): it takes a
// request apart, cuts it down to what the application is registered for, puts it
// in plain words, cuts it down again to what a person chose, and tells whether
// one text grants no more than another.
//
// It enforces nothing: a granted text means what authz reads in it, and authz
// reads it here too. It shows no page and keeps nothing.
//
// Its surprise: scopes can only add. A person who unticks one kind out of a whole
// therefore grants the other kinds by name, and what has no name in the list goes
// with the whole only.
package scope
