package fhirjson_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"firebreak/fhirjson"
)

func Example() {
	doc, err := fhirjson.Parse([]byte(`{"resourceType":"Patient","name":[{"given":["Amy","V."]}]}`))
	if err != nil {
		panic(err)
	}
	given := doc.Root().Field("name").Item(0).Field("given").Item(1)
	fmt.Println(given.Text(), given.Path("Patient"))
	// Output: V. Patient.name[0].given[1]
}

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat("[", fhirjson.MaxDepth+1) + strings.Repeat("]", fhirjson.MaxDepth+1)
	for name, in := range map[string]string{
		"empty":                "",
		"white space":          "  ",
		"trailing value":       `{} {}`,
		"trailing garbage":     `{}x`,
		"duplicate name":       `{"a":1,"a":2}`,
		"escaped duplicate":    `{"a":1,"\u0061":2}`,
		"invalid UTF-8":        "\"\xff\"",
		"lone surrogate":       `"\ud800"`,
		"comment":              `{/**/}`,
		"NaN":                  `NaN`,
		"leading zero":         `01`,
		"trailing comma":       `[1,]`,
		"unterminated":         `{"a":`,
		"too deep":             deep,
		"control in string":    "\"\x01\"",
		"byte order mark":      "\ufeff{}",
		"single quotes":        `{'a':1}`,
		"member without value": `{"a"}`,
	} {
		_, err := fhirjson.Parse([]byte(in))
		var syn *fhirjson.SyntaxError
		if !errors.As(err, &syn) {
			t.Errorf("%s: Parse = %v, want a SyntaxError", name, err)
		}
	}
}

func TestDeepestAllowedParses(t *testing.T) {
	in := strings.Repeat("[", fhirjson.MaxDepth) + strings.Repeat("]", fhirjson.MaxDepth)
	if _, err := fhirjson.Parse([]byte(in)); err != nil {
		t.Fatalf("Parse of %d levels: %v", fhirjson.MaxDepth, err)
	}
}

func TestNodesPointAtTheBytesReceived(t *testing.T) {
	src := ` { "a" : 1.50 , "b\n" : [ "x\u0041" , null , true ] , "c" : { } } `
	doc, err := fhirjson.Parse([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	r := doc.Root()
	if got := string(r.Field("a").Raw()); got != "1.50" {
		t.Errorf("a = %q, want the digits received", got)
	}
	b := r.Field("b\n")
	if got := b.Item(0).Text(); got != "xA" {
		t.Errorf("b[0] = %q, want xA", got)
	}
	if k := b.Item(1).Kind(); k != fhirjson.Null {
		t.Errorf("b[1] kind = %v, want Null", k)
	}
	if b.Item(3).Exists() || r.Field("zz").Field("y").Exists() {
		t.Error("absent nodes exist")
	}
	if s, e := r.Field("c").MemberSpan(); src[s:e] != `"c" : { }` {
		t.Errorf("member span of c = %q", src[s:e])
	}
	if s, e := r.Span(); src[s:e] != strings.TrimSpace(src) {
		t.Errorf("root span = %q", src[s:e])
	}
	if r.Len() != 3 || b.Len() != 3 || r.Field("c").Len() != 0 {
		t.Error("wrong lengths")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u00e9"},null,true,-1.5e3]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		doc, err := fhirjson.Parse(in)
		if err != nil {
			return
		}
		var walk func(n fhirjson.Node)
		walk = func(n fhirjson.Node) {
			if len(n.Raw()) == 0 {
				t.Fatalf("a node without bytes at %s", n.Path(""))
			}
			count := 0
			for c := range n.Children() {
				if c.Parent() != n {
					t.Fatal("child and parent disagree")
				}
				count++
				walk(c)
			}
			if count != n.Len() {
				t.Fatalf("Len = %d, children = %d", n.Len(), count)
			}
		}
		walk(doc.Root())
	})
}

func BenchmarkParse(b *testing.B) {
	src := []byte(`{"resourceType":"Patient","name":[` + strings.Repeat(`{"family":"Levin","given":["Henry","The 7th"]},`, 99) + `{}]}`)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := fhirjson.Parse(src); err != nil {
			b.Fatal(err)
		}
	}
}
