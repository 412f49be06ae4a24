package person

import (
	"context"
	"encoding/base32"
	"slices"
	"strings"
)

// Recovery codes stand in for a lost second factor: 80 random bits each, so that
// a fast hash is enough to keep them by.
const (
	recoveryCount = 10
	recoveryBytes = 10
)

// recoveryCodes gives an account new codes in place of those it has.
func (d *Directory) recoveryCodes(r *record) []string {
	codes := make([]string, recoveryCount)
	r.Recovery = make([]string, recoveryCount)
	for i := range codes {
		c := base32.StdEncoding.EncodeToString(random(recoveryBytes))
		codes[i] = strings.ToLower(c[:4] + "-" + c[4:8] + "-" + c[8:12] + "-" + c[12:])
		r.Recovery[i] = d.recoveryName(r.ID, codes[i])
	}
	return codes
}

// recoveryName is what is kept of a code: nothing to who lacks the vault's keys.
func (d *Directory) recoveryName(id ID, code string) string {
	clean := strings.Map(func(c rune) rune {
		switch {
		case c == '-' || c == ' ':
			return -1
		case c == '0': // read from paper
			return 'o'
		case c == '1':
			return 'l'
		}
		return c
	}, strings.ToLower(code[:min(len(code), 100)]))
	return d.vault.Blind("person.recovery."+string(id), clean)
}

// NewRecoveryCodes gives an account ten codes in place of those it has; they are
// shown once. ErrState when there is no second factor to stand in for.
func (d *Directory) NewRecoveryCodes(ctx context.Context, id ID) ([]string, Event, error) {
	var codes []string
	r, err := d.change(ctx, id, func(r *record) error {
		if !r.mayProve() || !r.second() {
			return ErrState
		}
		codes = d.recoveryCodes(r)
		r.Epoch++
		return nil
	})
	if err != nil {
		return nil, Event{}, err
	}
	d.notify(r.Account, NoticeFactor)
	return codes, Event{Kind: CodesMade, Account: id, By: id}, nil
}

// UseRecoveryCode goes on with a sign-in by a recovery code, which is then used
// up; the owner is told. Errors: ErrWrong, ErrExpired, *Throttled.
func (d *Directory) UseRecoveryCode(ctx context.Context, flow, code, peer string, at ...Browser) (Step, error) {
	s, err := d.second(ctx, flow, peer, at, "recovery code", func(r *record) bool {
		// A blind name is a keyed hash: how long it takes to find tells nothing of
		// the code.
		i := slices.Index(r.Recovery, d.recoveryName(r.ID, code))
		if i >= 0 {
			r.Recovery = slices.Delete(slices.Clone(r.Recovery), i, i+1)
		}
		return i >= 0
	})
	if err != nil {
		return s, err
	}
	if a, err := d.Account(ctx, s.Account); err == nil {
		d.notify(a, NoticeRecovery)
	}
	return s, nil
}
