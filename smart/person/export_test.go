package person

import "context"

// Settle waits for what is done aside.
func (d *Directory) Settle() { d.wg.Wait() }

// Fold is fold.
func Fold(s string) string { return fold(s) }

// OpenBreachList is openBreachList.
func OpenBreachList(path string) (has func(string) (bool, error), err error) {
	b, err := openBreachList(path)
	if err != nil {
		return nil, err
	}
	return b.has, nil
}

// Peers is how many network peers are remembered.
func (d *Directory) Peers() int {
	d.peers.mu.Lock()
	defer d.peers.mu.Unlock()
	return len(d.peers.by)
}

// Charge counts an attempt for an account and gives the way to take it back.
func (d *Directory) Charge(ctx context.Context, id ID) (forgive func() error, err error) {
	e, err := d.load(ctx, id)
	if err != nil {
		return nil, err
	}
	a, _, err := d.charge(ctx, e.Value.counter(d))
	return func() error { return d.forgive(ctx, e.Value, a) }, err
}

// LoginName is loginName.
func LoginName(s string) (string, error) { return loginName(s) }

// DecodeHash is decode, and encode of what it found.
func DecodeHash(s string) (Cost, string, error) {
	c, salt, sum, err := decode(s)
	if err != nil {
		return c, "", err
	}
	return c, encode(c, salt, sum), nil
}

// Judge is rules.judge of the zero Options.
func Judge(password string, a Account) (string, error) {
	r := rules{least: 12, common: commonWords()}
	return r.judge(password, a)
}
