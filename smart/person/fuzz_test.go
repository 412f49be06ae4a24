package person_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	"firebreak/smart/person"
)

// FuzzLogin: a name that is taken is compared as it is kept, however it is typed.
func FuzzLogin(f *testing.F) {
	for _, s := range []string{"anna", "Anna.Weiß", "ＡＮＮＡ", "\u0345α", "ǆ", "\u1e9e", "İ", "a\u0301", "ﷺ", "\u00a8x", "\u2126hm"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := person.LoginName(s)
		if err != nil {
			if !errors.Is(err, person.ErrLogin) {
				t.Errorf("error %v", err)
			}
			return
		}
		again, err := person.LoginName(name)
		if err != nil || again != name || person.Fold(s) != name || person.Fold(name) != name || !utf8.ValidString(name) {
			t.Errorf("%q is %q, and that is %q, %v", s, name, again, err)
		}
	})
}

// FuzzHashForm: what is read back is what was written, and nothing else is read.
func FuzzHashForm(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2i$v=19$m=64,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=255$$")
	f.Fuzz(func(t *testing.T, s string) {
		c, again, err := person.DecodeHash(s)
		if err != nil {
			return
		}
		if again != s || c.Memory > 1<<20 || c.Time > 100 || c.Threads == 0 {
			t.Errorf("%q is read as %+v, %q", s, c, again)
		}
	})
}

// FuzzPassword: whatever is offered, judging ends and says a Weak or nothing.
func FuzzPassword(f *testing.F) {
	for _, s := range []string{"", good, "aaaaaaaaaaaaaaaa", "\xff", "password2026!!", "ﬃﬃﬃﬃ", "abcdefghijklmnop"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := person.Judge(s, person.Account{Login: "anna", Email: "weiss@ehr.example"})
		var weak person.Weak
		if err != nil && !errors.As(err, &weak) {
			t.Errorf("%q: %v", s, err)
		}
		if err == nil && (!utf8.ValidString(text) || utf8.RuneCountInString(text) < 12 || utf8.RuneCountInString(text) > 256) {
			t.Errorf("%q is taken as %q", s, text)
		}
	})
}
