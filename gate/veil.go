package gate

// veil keeps a value from being printed. A type's own String does not do: for
// an unexported field of another struct package fmt calls no methods and prints
// the fields instead, and for a verb that does not fit it follows a pointer to
// a struct. It follows no pointer to a pointer.
type veil[T any] struct{ p **T }

func cover[T any](v T) veil[T] {
	kept := &struct {
		v T
		p *T
	}{v: v}
	kept.p = &kept.v
	return veil[T]{&kept.p}
}

// lift is what is kept, or a zero T when nothing is.
func (v veil[T]) lift() *T {
	if v.p == nil {
		return new(T)
	}
	return *v.p
}

func (v veil[T]) empty() bool { return v.p == nil }
