package authz_test

import (
	"testing"
	"testing/fstest"

	"firebreak/authz"
)

func TestTextsNameWhatChanged(t *testing.T) {
	const one = `@id("one") permit (principal, action == Action::"read", resource);`
	const two = `@id("two") forbid (principal, action == Action::"read", resource);`
	read := func(files fstest.MapFS) (authz.Texts, map[string]string) {
		t.Helper()
		x, err := authz.ReadTexts(files)
		if err != nil {
			t.Fatal(err)
		}
		p, err := x.Policies()
		if err != nil {
			t.Fatal(err)
		}
		return x, p
	}
	text := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	was, policies := read(fstest.MapFS{"a.cedar": text(one), "a/b.cedar": text(two), "readme.md": text("x")})
	if len(policies) != 2 || len(was.Files) != 2 || was.Files["a/b.cedar"] != two || len(was.Hash) != 64 {
		t.Fatalf("%+v, %v", was, policies)
	}
	for name, c := range map[string]struct {
		files fstest.MapFS
		same  bool // the policies, not the texts
	}{
		"a comment":      {fstest.MapFS{"a.cedar": text("// why\n" + one), "a/b.cedar": text(two)}, true},
		"another file":   {fstest.MapFS{"c.cedar": text(one), "a/b.cedar": text(two)}, true},
		"another effect": {fstest.MapFS{"a.cedar": text(one), "a/b.cedar": text(`@id("two") permit (principal, action == Action::"read", resource);`)}, false},
	} {
		now, p := read(c.files)
		if now.Hash == was.Hash || (p["two"] == policies["two"]) != c.same || p["one"] != policies["one"] {
			t.Errorf("%s: hash %s, policies %v", name, now.Hash, p)
		}
	}
	bad, err := authz.ReadTexts(fstest.MapFS{"a.cedar": text(`permit (principal, action, resource);`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Policies(); err == nil {
		t.Error("policies without a name are right")
	}
}
