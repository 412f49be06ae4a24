package person

import "time"

// Limits are what people are told before they try.
type Limits struct {
	MinLength     int           // of a password, in characters
	MaxJustInTime time.Duration // how long a role is held that ends
}

// Limits are the directory's.
func (d *Directory) Limits() Limits {
	return Limits{MinLength: d.opt.MinLength, MaxJustInTime: d.opt.MaxJustInTime}
}
