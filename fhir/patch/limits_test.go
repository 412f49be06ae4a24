package patch_test

import (
	"fmt"
	"strings"
	"testing"

	"firebreak/fhir/patch"
	"firebreak/fhirjson"
)

func TestACopyBombIsRefusedBeforeItIsBuilt(t *testing.T) {
	document := `{"a":["` + strings.Repeat("x", 1000) + `"]}`
	for name, op := range map[string]string{
		"an array into itself":  `{"op":"copy","from":"/a","path":"/a/-"}`,
		"the whole into itself": `{"op":"copy","from":"","path":"/a/0"}`,
	} {
		_, err := apply(t, document, repeated(op, patch.MaxOperations))
		// 10 MiB is passed at the 14th doubling of 1 KB.
		if err == nil || err.Kind != patch.TooLarge || err.Operation < 12 || err.Operation > 15 {
			t.Errorf("%s: %v, want too large at about operation 14", name, err)
		}
	}
}

func TestTheResultMayBeAsLargeAsTheLimit(t *testing.T) {
	frame := len(`{"a":"","b":""}`)
	half := strings.Repeat("x", (patch.MaxResult-frame)/2)
	got, err := apply(t, `{"a":"`+half+`"}`, `[{"op":"copy","from":"/a","path":"/b"}]`)
	if err != nil || len(got) != frame+2*len(half) || len(got) < patch.MaxResult-1 {
		t.Errorf("copy to the limit: %d bytes, %v", len(got), err)
	}
	if _, err := apply(t, `{"a":"`+half+`x"}`, `[{"op":"copy","from":"/a","path":"/b"}]`); err == nil || err.Kind != patch.TooLarge {
		t.Errorf("copy past the limit: %v, want too large", err)
	}
}

func TestTheResultNestsAsDeeplyAsTheReaderAllows(t *testing.T) {
	// The value is at the fourth level.
	deep := func(n int) string {
		return `[{"op":"add","path":"/a/b/c","value":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}]`
	}
	if got, err := apply(t, `{"a":{"b":{}}}`, deep(fhirjson.MaxDepth-3)); err != nil {
		t.Errorf("Apply = %s, %v, want %d levels accepted", got, err, fhirjson.MaxDepth)
	}
	refusal{"one level more", `{"a":{"b":{}}}`, deep(fhirjson.MaxDepth - 2), patch.TooLarge, patch.Whole}.check(t)
	refusal{"by copies into itself", `{"a":{"b":{}}}`, repeated(`{"op":"copy","from":"/a","path":"/a/b/c"}`, 40), patch.TooLarge, patch.Whole}.check(t)
}

// Moves nest values level by level past every pointer's reach; nothing that walks
// the document may depend on the stack being short of that.
func TestDeepNestingByMovesIsRefused(t *testing.T) {
	var ops []string
	reach := strings.Repeat("/a", patch.MaxTokens-1)
	nested := strings.Repeat(`{"a":`, patch.MaxTokens-1) + "{}" + strings.Repeat("}", patch.MaxTokens-1)
	for i := range patch.MaxOperations / 2 {
		ops = append(ops, fmt.Sprintf(`{"op":"add","path":"/x%d","value":%s}`, i+1, nested), fmt.Sprintf(`{"op":"move","from":"/x%d","path":"/x%d%s"}`, i, i+1, reach))
	}
	refusal{"moves", `{"x0":{}}`, "[" + strings.Join(ops, ",") + "]", patch.TooLarge, patch.Whole}.check(t)
}

func TestWorkIsBounded(t *testing.T) {
	items := 2 << 20
	document := `{"a":[` + strings.TrimSuffix(strings.Repeat("100,", items), ",") + `]}`
	for name, ops := range map[string]string{
		"inserting at the front of millions": repeated(`{"op":"add","path":"/a/0","value":0}`, patch.MaxOperations),
		"reading at the end of millions":     repeated(fmt.Sprintf(`{"op":"test","path":"/a/%d","value":100}`, items-1), patch.MaxOperations),
		"copying and changing millions":      repeated(`{"op":"copy","from":"/a","path":"/b"},{"op":"remove","path":"/b/0"}`, patch.MaxOperations/2),
	} {
		if _, err := apply(t, document, ops); err == nil || err.Kind != patch.TooLarge {
			t.Errorf("%s: %v, want too large", name, err)
		}
	}
	number := `{"a":1.` + strings.Repeat("0", patch.MaxResult/2) + `}`
	refusal{"comparing a number of millions of digits", number, repeated(`{"op":"test","path":"/a","value":1}`, patch.MaxOperations), patch.TooLarge, 3}.check(t)
}

func TestManyOperationsOnALargeResourceApply(t *testing.T) {
	var items, ops []string
	for i := range 5000 {
		items = append(items, fmt.Sprintf(`{"resource":{"resourceType":"Observation","id":"%d","status":"final"}}`, i))
	}
	for i := range patch.MaxOperations {
		ops = append(ops, fmt.Sprintf(`{"op":"replace","path":"/entry/%d/resource/status","value":"amended"}`, 4999-i))
	}
	got, err := apply(t, `{"resourceType":"Bundle","entry":[`+strings.Join(items, ",")+`]}`, "["+strings.Join(ops, ",")+"]")
	if err != nil || strings.Count(got, "amended") != patch.MaxOperations || strings.Count(got, "final") != 5000-patch.MaxOperations {
		t.Errorf("Apply: %v; amended %d, final %d", err, strings.Count(got, "amended"), strings.Count(got, "final"))
	}
}

// BenchmarkApply changes one element of a resource of some 6 KB.
func BenchmarkApply(b *testing.B) {
	document := []byte(`{"resourceType":"Patient","id":"1","active":true,"name":[` + strings.TrimSuffix(strings.Repeat(`{"family":"Chalmers","given":["Peter","James"],"period":{"start":"2001-01-01"}},`, 80), ",") + `]}`)
	ops, err := fhirjson.Parse([]byte(`[{"op":"test","path":"/active","value":true},{"op":"replace","path":"/name/40/given/1","value":"Jim"}]`))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := patch.Apply(document, ops); err != nil {
			b.Fatal(err)
		}
	}
}
