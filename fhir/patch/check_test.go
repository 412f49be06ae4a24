package patch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"firebreak/fhir/patch"
)

func TestCheckRefusesWhatIsNoPatch(t *testing.T) {
	long := "/" + strings.Repeat("x", patch.MaxPointer)
	for _, c := range []struct {
		name, operations string
		kind             patch.Kind
		operation        int
	}{
		{"object", `{}`, patch.Malformed, patch.Whole},
		{"null", `null`, patch.Malformed, patch.Whole},
		{"item not an object", `[{"op":"remove","path":"/a"},[]]`, patch.Malformed, 1},
		{"no op", `[{"path":"/a"}]`, patch.Malformed, 0},
		{"op not a string", `[{"op":1,"path":"/a"}]`, patch.Malformed, 0},
		{"op in capitals", `[{"op":"Remove","path":"/a"}]`, patch.Malformed, 0},
		{"op empty", `[{"op":"","path":"/a"}]`, patch.Malformed, 0},
		{"op of FHIRPath Patch", `[{"op":"insert","path":"/a"}]`, patch.Malformed, 0},
		{"no path", `[{"op":"remove"}]`, patch.Malformed, 0},
		{"path null", `[{"op":"remove","path":null}]`, patch.Malformed, 0},
		{"path a number", `[{"op":"remove","path":1}]`, patch.Malformed, 0},
		{"path without slash", `[{"op":"remove","path":"a"}]`, patch.Malformed, 0},
		{"path a fragment", `[{"op":"remove","path":"#/a"}]`, patch.Malformed, 0},
		{"bare tilde", `[{"op":"remove","path":"/a~"}]`, patch.Malformed, 0},
		{"tilde and 2", `[{"op":"remove","path":"/a~2"}]`, patch.Malformed, 0},
		{"tilde, tilde, 0", `[{"op":"remove","path":"/~~0"}]`, patch.Malformed, 0},
		{"add without value", `[{"op":"add","path":"/a"}]`, patch.Malformed, 0},
		{"replace without value", `[{"op":"replace","path":"/a"}]`, patch.Malformed, 0},
		{"test without value", `[{"op":"test","path":"/a"}]`, patch.Malformed, 0},
		{"move without from", `[{"op":"move","path":"/a"}]`, patch.Malformed, 0},
		{"copy without from", `[{"op":"copy","path":"/a","value":1}]`, patch.Malformed, 0},
		{"from without slash", `[{"op":"copy","path":"/a","from":"b"}]`, patch.Malformed, 0},
		{"move into itself", `[{"op":"move","from":"/a","path":"/a/b"}]`, patch.Malformed, 0},
		{"move of the whole into itself", `[{"op":"move","from":"","path":"/a"}]`, patch.Malformed, 0},
		{"pointer too long", fmt.Sprintf(`[{"op":"remove","path":%q}]`, long), patch.TooLarge, 0},
		{"from too long", fmt.Sprintf(`[{"op":"copy","path":"/a","from":%q}]`, long), patch.TooLarge, 0},
		{"too many tokens", fmt.Sprintf(`[{"op":"remove","path":%q}]`, strings.Repeat("/a", patch.MaxTokens+1)), patch.TooLarge, 0},
		{"too many operations", repeated(`{"op":"remove","path":"/a"}`, patch.MaxOperations+1), patch.TooLarge, patch.Whole},
	} {
		var e *patch.Error
		if err := patch.Check(parse(t, c.operations)); !errors.As(err, &e) || e.Kind != c.kind || e.Operation != c.operation {
			t.Errorf("%s: Check = %v, want kind %d at operation %d", c.name, err, c.kind, c.operation)
		}
		if _, err := apply(t, `{"a":{"a":1}}`, c.operations); err == nil || err.Kind != c.kind || err.Operation != c.operation {
			t.Errorf("%s: Apply = %v, want kind %d at operation %d", c.name, err, c.kind, c.operation)
		}
	}
	if err := patch.Check(nil); err == nil {
		t.Error("Check(nil) = nil, want an error")
	}
}

func TestCheckAcceptsWhatIsWithinTheLimits(t *testing.T) {
	for _, operations := range []string{
		`[]`, `[{"op":"test","path":"","value":null}]`, `[{"op":"add","path":"/id","value":1}]`, `[{"op":"copy","from":"","path":"/a","value":1,"x":[]}]`,
		fmt.Sprintf(`[{"op":"remove","path":%q}]`, "/"+strings.Repeat("x", patch.MaxPointer-1)),
		fmt.Sprintf(`[{"op":"remove","path":%q}]`, strings.Repeat("/a", patch.MaxTokens)),
		repeated(`{"op":"remove","path":"/a"}`, patch.MaxOperations),
	} {
		if err := patch.Check(parse(t, operations)); err != nil {
			t.Errorf("Check(%.100s) = %v, want nil", operations, err)
		}
	}
}

func TestADocumentThatIsNoObjectIsRefused(t *testing.T) {
	for _, document := range []string{``, `[]`, `"x"`, `{"a":1,"a":2}`, `{} {}`} {
		refusal{"document", document, `[]`, patch.Malformed, patch.Whole}.check(t)
	}
}

func TestTestComparesValues(t *testing.T) {
	huge := strings.Repeat("9", 20)
	for _, c := range []struct {
		a, b  string
		equal bool
	}{
		{`1`, `1.0`, true}, {`1.50`, `15e-1`, true}, {`100`, `1E+2`, true}, {`0.001`, `1e-3`, true}, {`-0`, `0`, true}, {`0e99`, `-0.000`, true}, {`1e00002`, `100`, true}, {`12.300e1`, `123`, true},
		{`0.1`, `0.10000000000000000001`, false}, {`9007199254740992`, `9007199254740993`, false}, {`1e400`, `1e401`, false}, {`1`, `-1`, false}, {`10`, `1`, false}, {`0`, `0.0000001`, false}, {`1e1`, `1e-1`, false},
		{`10e` + huge, `1e1` + strings.Repeat("0", 20), true}, {`1e` + huge, `1e-` + huge, false}, {`10e-1` + strings.Repeat("0", 20), `1e-` + huge, true},
		{`1e` + strings.Repeat("9", 400), `1e` + strings.Repeat("9", 400), true}, {`1e` + strings.Repeat("9", 400), `1e` + strings.Repeat("9", 401), false},
		{`1e0` + strings.Repeat("0", 400), `1`, true},
		{`"a"`, `"\u0061"`, true}, {`"\/"`, `"/"`, true}, {`"\ud83d\ude00"`, `"😀"`, true}, {`"a"`, `"A"`, false}, {`"é"`, `"e\u0301"`, false}, {`"1"`, `1`, false}, {`""`, `" "`, false}, {`"\u0000"`, `"\u0000\u0000"`, false},
		{`"` + strings.Repeat(`\u0061`, 9) + `"`, `"aaaaaaaaa"`, true}, {`"` + strings.Repeat(`\u0061`, 99) + `"`, `"a"`, false},
		{`{"a":1,"b":[1,{"c":2}]}`, `{ "b" : [ 1.0 , {"c":2e0}], "\u0061":1 }`, true}, {`{"a":1}`, `{"a":1,"b":2}`, false}, {`{"a":1,"b":2}`, `{"a":1,"c":2}`, false}, {`{}`, `[]`, false},
		{`[1,2]`, `[2,1]`, false}, {`[1]`, `[1,1]`, false}, {`[[],{}]`, `[ [ ] , { } ]`, true},
		{`null`, `null`, true}, {`null`, `false`, false}, {`true`, `false`, false}, {`true`, `"true"`, false},
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			_, err := apply(t, `{"v":`+pair[0]+`}`, `[{"op":"test","path":"/v","value":`+pair[1]+`}]`)
			if (err == nil) != c.equal || err != nil && err.Kind != patch.TestFailed {
				t.Errorf("test %.80s against %.80s: %v, want equal = %t", pair[0], pair[1], err, c.equal)
			}
			// The same once the value is open to change.
			_, err = apply(t, `{"v":[0,`+pair[0]+`]}`, `[{"op":"remove","path":"/v/0"},{"op":"add","path":"/v/0","value":0},{"op":"test","path":"/v","value":[0,`+pair[1]+`]}]`)
			if (err == nil) != c.equal {
				t.Errorf("test of open %.80s against %.80s: %v, want equal = %t", pair[0], pair[1], err, c.equal)
			}
		}
	}
}

// repeated is an array of n times op.
func repeated(op string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(op+",", n), ",") + "]"
}
