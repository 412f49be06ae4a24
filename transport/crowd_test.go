package transport_test

import (
	"context"
	"crypto/tls"
	"io"
	"strings"
	"testing"
	"time"

	"firebreak/fhir"
	"firebreak/gate"
	"firebreak/transport"
)

func TestWhoTakesNothingKeepsNobodyOut(t *testing.T) {
	body := strings.Repeat("x", 64<<10)
	r := start(t, func(context.Context, fhir.Request) gate.Reply { return answer(200, `"`+body+`"`) }, limits(transport.Limits{Requests: 2}))
	// A client that takes nothing: no window for any stream (RFC 9113 section
	// 6.9.2), two requests with all of HPACK's fields as literals.
	cfg := r.tls()
	cfg.NextProtos = []string{"h2"}
	c, err := tls.Dial("tcp", r.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	frame := func(kind, flags, stream byte, payload string) string {
		return string([]byte{0, byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, stream}) + payload
	}
	fields := ""
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", r.Addr().String()}, {":path", "/fhir/Basic"}} {
		fields += "\x00" + string(rune(len(f[0]))) + f[0] + string(rune(len(f[1]))) + f[1]
	}
	stalled := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, "\x00\x04\x00\x00\x00\x00") + frame(1, 5, 1, fields) + frame(1, 5, 3, fields)
	if _, err := io.WriteString(c, stalled); err != nil {
		t.Fatal(err)
	}
	protocols(t, func(t *testing.T, h2 bool) {
		client := r.client(t, h2)
		late := time.After(20 * time.Second)
		refused := h2 // the first to come finds that there is no place
		for {
			res, err := client.Get(r.Base() + "/Basic")
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == 200 && refused && len(got) == len(body)+2 {
				break
			}
			refused = refused || res.StatusCode == 503
			select {
			case <-late:
				t.Fatalf("status %d, refused %v", res.StatusCode, refused)
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
}
