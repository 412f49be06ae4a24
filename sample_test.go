package firebreak_test

import (
	"testing"

	"firebreak/transport"
)

// TestTheSampleApplicationIsOneFolder: its files are named relative to it, so
// without the slash at its end none of them would be found.
func TestTheSampleApplicationIsOneFolder(t *testing.T) {
	cfg := local(t, t.TempDir())
	cfg.Smart.Enabled, cfg.SampleApp = true, "chart"
	i := openInstance(t, cfg)
	defer func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	}()
	for path, want := range map[string]transport.WebReply{"/app": {Status: 303, Location: "/app/"}, "/app/": {Status: 200}, "/app/app.js": {Status: 200}, "/app/none.js": {Status: 404}} {
		r := i.ServeWeb(t.Context(), transport.WebRequest{Method: "GET", Host: "test.invalid", Path: path, Visit: "v"})
		if r.Status != want.Status || r.Location != want.Location {
			t.Errorf("%s: %d to %q, want %d to %q", path, r.Status, r.Location, want.Status, want.Location)
		}
	}
}
