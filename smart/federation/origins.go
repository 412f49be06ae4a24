package federation

// Issuers are the providers' URLs, in the order of the configuration: where a
// form that begins a sign-in leads.
func (f *Federation) Issuers() []string {
	var out []string
	for _, p := range f.list {
		out = append(out, p.config.Issuer)
	}
	return out
}
