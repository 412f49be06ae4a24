//go:build long

package firebreak_test

// sequences is how many a long run has: go test -tags long -timeout 0 -run HiddenRecordsMoveNothing .
const sequences = 1_000_000
