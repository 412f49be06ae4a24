// Package vault keeps what the authorization server must not forget: people,
// applications, grants, keys, codes, things that may be used once. Entries lie
// in a table that a store provides, so every server of one database answers
// alike, and their bodies are sealed: who copies the database gets neither
// secrets nor names.
//
// It knows nothing about what it keeps. Its surprise: an entry whose time is up
// is as absent as one that was never there, from that instant on, whether or not
// its row has been swept away.
package vault
