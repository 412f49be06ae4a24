//go:build !long

package audit

const killRounds = 10
