package authz

import (
	"slices"
	"testing"
)

func TestReadScopeTellsWhatIsUnderstood(t *testing.T) {
	for _, c := range []struct {
		scope               string
		understood, unknown []string
	}{
		{"", nil, nil},
		{"openid user/Patient.rs", []string{"openid", "user/Patient.rs"}, nil},
		{"garbage user/*.sr user/Nonsense.r user/*.read", []string{"user/*.read"}, []string{"garbage", "user/*.sr", "user/Nonsense.r"}},
	} {
		understood, unknown := ReadScope(c.scope)
		if !slices.Equal(understood, c.understood) || !slices.Equal(unknown, c.unknown) {
			t.Errorf("ReadScope(%q) = %q, %q, want %q, %q", c.scope, understood, unknown, c.understood, c.unknown)
		}
	}
}
