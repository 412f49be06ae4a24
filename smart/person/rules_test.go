package person_test

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"firebreak/smart/person"
)

func TestNewPasswordsMustBeHardToGuess(t *testing.T) {
	o := options()
	o.BreachFile = breachFile(t, "known to the whole town\n")
	s := newWorld().site(t, o)
	s.invited(t, person.Newcomer{Login: "anna.weiss", Email: "chefin@ehr.example"})
	token := s.token(t, "chefin@ehr.example", person.LetterInvitation)
	for _, c := range []struct {
		name, password string
		want           error
	}{
		{"eleven", "elf Zeichen", person.TooShort},
		{"eleven, as bytes more", "ÄÖÜäöüß€€€€", person.TooShort},
		{"compatibility forms count as what they mean", "ﬃﬃﬃ", person.TooShort},
		{"257", strings.Repeat("wald und ", 30), person.TooLong},
		{"a megabyte", strings.Repeat("wald", 1<<18), person.TooLong},
		{"not text", "lange genug\xff\xfe und mehr", person.NotText},
		{"a control character", "lange genug\x00 und mehr", person.NotText},
		{"the login name", "meine Anna.Weiss hier", person.HasName},
		{"the mailbox", "hallo CHEFIN hallo", person.HasName},
		{"usual", "correcthorsebatterystaple", person.TooUsual},
		{"usual with a year", "Password2026!!", person.TooUsual},
		{"usual, twice", "liverpoolLiverpool", person.TooUsual},
		{"usual digits", "112233445566", person.TooUsual},
		{"a keyboard's row", "qwertyuiop123", person.TooUsual},
		{"one letter", "aaaaaaaaaaaaaaa", person.Repeating},
		{"three letters", "xyzxyzxyzxyzxyz", person.Repeating},
		{"counting", "1234567890123", person.Repeating},
		{"the alphabet backwards", "zyxwvutsrqponm", person.Repeating},
		{"on the breach list", "known to the whole town", person.TooUsual},
		{"on the breach list, in capitals", "Known To The Whole Town", person.TooUsual},
	} {
		_, _, err := s.Accept(ctx, token, c.password, peer)
		wants(t, c.name, err, c.want)
	}
	if s.Work().Computed != 0 {
		t.Error("a refused password was hashed")
	}
	if _, _, err := s.Accept(ctx, token, "drei nasse Enten", peer); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func TestShortPasswordsCannotBeAllowed(t *testing.T) {
	w, o := newWorld(), options()
	o.MinLength = 7
	if _, err := person.New(nil, w.clk, w.box, o); err == nil {
		t.Error("7 characters are allowed")
	}
}

func breachFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "breach.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sum(s string) string { return fmt.Sprintf("%X", sha1.Sum([]byte(s))) }

// TestBreachListsAreSearchedWhereTheyLie: each line is found and nothing else,
// in files of words and of sums, with either line end.
func TestBreachListsAreSearchedWhereTheyLie(t *testing.T) {
	var words []string
	for i := range 800 {
		words = append(words, fmt.Sprintf("word %d %s", i*7919%800, strings.Repeat("x", i%200)))
	}
	slices.Sort(words)
	var sums []string
	for _, w := range words {
		sums = append(sums, sum(w)+":12")
	}
	slices.Sort(sums)
	for name, content := range map[string]string{
		"words": strings.Join(words, "\n") + "\n", "words, no last end": strings.Join(words, "\n"), "words of Windows": strings.Join(words, "\r\n") + "\r\n",
		"sums": strings.Join(sums, "\n") + "\n", "small sums": strings.ToLower(strings.Join(sums, "\r\n")),
		"one": words[0], "one sum": sum(words[0]),
	} {
		has, err := person.OpenBreachList(breachFile(t, content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		list := words
		if strings.HasPrefix(name, "one") {
			list = words[:1]
		}
		for _, w := range list {
			if found, err := has(w); !found || err != nil {
				t.Fatalf("%s: %q is not found: %v", name, w, err)
			}
			for _, not := range []string{w + "y", w[1:], "", "\xff", strings.ToUpper(w)} {
				if found, err := has(not); found || err != nil {
					t.Fatalf("%s: %q is found: %v", name, not, err)
				}
			}
		}
	}
}

func TestBreachListsOfNoUseAreRefused(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "not sorted": "b\na\n", "mixed": sum("a") + "\nword\n", "a line too long": strings.Repeat("x", 5000) + "\n",
	} {
		if _, err := person.OpenBreachList(breachFile(t, content)); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		if _, err := person.OpenBreachList(path); err == nil {
			t.Errorf("%s: is taken", path)
		}
	}
}
