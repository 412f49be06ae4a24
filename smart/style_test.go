package smart

import (
	"os"
	"strings"
	"testing"
)

// TestTheStyleIsThePages: the colours that applications are told are those of the
// pages they are launched from.
func TestTheStyleIsThePages(t *testing.T) {
	css, err := os.ReadFile("../ui/assets/page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, _, _ := strings.Cut(string(css), "@media")
	for member, variable := range map[string]string{"color_background": "ground", "color_error": "danger", "color_highlight": "accent", "color_success": "good", "color_text": "ink"} {
		_, rest, _ := strings.Cut(light, "--"+variable+": ")
		value, _, ok := strings.Cut(rest, ";")
		if !ok || !strings.Contains(style, `"`+member+`":"`+value+`"`) {
			t.Errorf("%s is not the pages' %s, %q", member, variable, value)
		}
	}
}
