//go:build !long

package firebreak_test

// sequences is how many sequences an ordinary run has.
const sequences = 10_000
