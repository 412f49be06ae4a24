package gate_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"firebreak/fhir"
	"firebreak/gate"
)

// canary is in everything that must not be printed: ids, organisations, content.
const canary = "canary7"

// secrets are one of each of the gate's types, full of canaries.
func secrets(t *testing.T) map[string]any {
	t.Helper()
	g, m := lab(t, permit{})
	s := gate.Seal(header(canary), []byte(`{"resourceType":"Patient","id":"`+canary+`"}`))
	j := mustJudge(t, g, m, s)
	c, err := g.Release(m, j, gate.Shape{Base: "https://" + canary, Status: 200})
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Close(context.Background(), &memorySink{}, c, []gate.Event{{}}, [][2]string{{"X", canary}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"sealed": s, "judged": j, "cleared": c, "reply": r, "permit": m, "permit by value": *m, "principal": m.Principal()}
}

// around puts a value where loggers find values: inside structs, exported or
// not, behind pointers, in slices, maps and interfaces.
func around[T any](v T) []any {
	type exported struct{ V T }
	type hidden struct{ v T }
	type deep struct{ h *hidden }
	h := hidden{v}
	return []any{v, &v, exported{v}, &exported{v}, h, &h, deep{&h}, []T{v}, []*T{&v}, []hidden{h}, []*hidden{&h},
		map[string]T{"k": v}, map[string]hidden{"k": h}, []any{v, h}, struct{ A any }{h}, fmt.Errorf("wrapped %v", h)}
}

func shapes(v any) []any {
	switch v := v.(type) {
	case gate.Sealed:
		return append(around(v), gate.Header{Current: &v}, gate.Found{Matches: []gate.Sealed{v}})
	case gate.Judged:
		return append(around(v), gate.Page{Includes: []gate.Judged{v}})
	case gate.Cleared:
		return around(v)
	case gate.Reply:
		return around(v)
	case *gate.Permit:
		return around(v)
	case gate.Permit:
		return around(v)
	case gate.Principal:
		return around(v)
	}
	panic("no shape")
}

func TestNothingPrintsWhatTheGateHolds(t *testing.T) {
	for name, v := range secrets(t) {
		for n, shape := range shapes(v) {
			for how, text := range printed(shape) {
				if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) || strings.Contains(text, fmt.Sprint([]byte(canary)[:4])) {
					t.Errorf("%s, shape %d (%T): %s prints %q", name, n, shape, how, text)
				}
			}
		}
	}
}

// printed is a value by every way that a program prints values by accident.
func printed(v any) map[string]string {
	out := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%c"} {
		out[verb] = fmt.Sprintf(verb, v)
	}
	out["print"] = fmt.Sprint(v)
	var text, js bytes.Buffer
	slog.New(slog.NewTextHandler(&text, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&js, nil)).Info("m", "v", v)
	out["slog text"], out["slog json"] = text.String(), js.String()
	if b, err := json.Marshal(v); err == nil {
		out["json"] = string(b)
	}
	if b, err := xml.Marshal(v); err == nil {
		out["xml"] = string(b)
	}
	var g bytes.Buffer
	if gob.NewEncoder(&g).Encode(v) == nil {
		out["gob"] = g.String()
	}
	return out
}

// The test above must be able to fail: a plain struct prints its canary.
func TestPrintingFindsACanary(t *testing.T) {
	found := 0
	for _, shape := range around(struct{ body []byte }{[]byte(canary)}) {
		for _, text := range printed(shape) {
			if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprint([]byte(canary)[:4])[1:]) {
				found++
			}
		}
	}
	if found < 10 {
		t.Errorf("a canary was found %d times in a struct that does not hide it", found)
	}
}

func TestTypesSayWhatTheyAre(t *testing.T) {
	for name, v := range secrets(t) {
		if name == "principal" {
			continue
		}
		want, _, _ := strings.Cut(name, " ")
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(verb, v); got != want {
				t.Errorf("%s of a %s = %q, want %q", verb, name, got, want)
			}
		}
	}
	if got := fmt.Sprint(gate.Principal{}); strings.Contains(got, "nil") {
		t.Errorf("zero Principal prints %q", got)
	}
	_ = fhir.ActRead
}
