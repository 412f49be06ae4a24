package federation_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/parsers/yaml"

	"firebreak/smart/federation"
)

// The page's examples are read as the program reads its configuration, and every
// test that it names is there.
func TestDocumentationHoldsTrue(t *testing.T) {
	page, err := os.ReadFile("../../docs/federation.md")
	if err != nil {
		t.Fatal(err)
	}
	all := documented(t, string(page))
	if len(all) != 2 {
		t.Fatalf("%d examples, want Keycloak's and Okta's", len(all))
	}
	for _, c := range all {
		c.Check(func(key, format string, args ...any) { t.Errorf("%s: "+format, append([]any{key}, args...)...) })
	}
	var tests strings.Builder
	for _, f := range []string{"attack_test.go", "down_test.go", "logout_test.go", "claims_test.go", "fetch_test.go", "okta_test.go"} {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for _, name := range regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z]+)`").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(tests.String(), "func "+name[1]+"(") {
			t.Errorf("the page names %s, which is not there", name[1])
		}
	}
	for _, key := range regexp.MustCompile("koanf:\"([a-z_]+)\"").FindAllStringSubmatch(source(t, "config.go")+source(t, "rules.go"), -1) {
		if !strings.Contains(string(page), key[1]) {
			t.Errorf("the page does not tell of the key %s", key[1])
		}
	}
}

// documented are the providers of the page's examples.
func documented(t *testing.T, page string) (all []federation.Config) {
	t.Helper()
	for _, b := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page, -1) {
		tree, err := yaml.Parser().Unmarshal([]byte(b[1]))
		if err != nil {
			t.Fatal(err)
		}
		var out struct {
			Smart struct {
				Providers []federation.Config `koanf:"providers"`
			} `koanf:"smart"`
		}
		d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{Result: &out, TagName: "koanf", ErrorUnused: true,
			MatchName: func(key, field string) bool { return key == field }})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(tree); err != nil || len(out.Smart.Providers) != 1 {
			t.Fatalf("%d providers: %v", len(out.Smart.Providers), err)
		}
		all = append(all, out.Smart.Providers...)
	}
	return all
}

func source(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
