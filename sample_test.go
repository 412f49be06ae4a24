package firebreak_test

import (
	"regexp"
	"strings"
	"testing"

	"firebreak/transport"
)

var named = regexp.MustCompile(`(?:src|href)="([^"]*\.(?:js|css))"`)

// TestTheSampleApplicationWorksWithoutASlash: the transport takes one at the end of
// a path away, so that its files must not be named relative to it.
func TestTheSampleApplicationWorksWithoutASlash(t *testing.T) {
	cfg := local(t, t.TempDir())
	cfg.Smart.Enabled, cfg.SampleApp = true, "chart"
	i := openInstance(t, cfg)
	defer func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}()
	get := func(path string) transport.WebReply {
		return i.ServeWeb(t.Context(), transport.WebRequest{Method: "GET", Host: "test.invalid", Path: path, Visit: "v"})
	}
	for path, status := range map[string]int{"/app": 200, "/app/": 200, "/app/launch.html": 200, "/app/none.js": 404} {
		r := get(path)
		files := named.FindAllSubmatch(r.Body, -1)
		if r.Status != status || status == 200 && len(files) != 2 {
			t.Errorf("%s: %d with %q", path, r.Status, files)
		}
		for _, f := range files {
			if at := string(f[1]); !strings.HasPrefix(at, "/") || get(at).Status != 200 {
				t.Errorf("%s names %s", path, at)
			}
		}
	}
}
