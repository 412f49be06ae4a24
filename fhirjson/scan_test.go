package fhirjson

import (
	"slices"
	"strings"
	"testing"
)

// agree reports how scanner and parser differ on a document, or "".
func agree(src []byte) string {
	nodes, _ := scan(src)
	if nodes == nil {
		return ""
	}
	doc, err := parse(src)
	switch {
	case err != nil:
		return "the scanner accepts what the parser refuses: " + err.Error()
	case !slices.Equal(nodes, doc.nodes):
		return "the scanner builds another arena"
	}
	return ""
}

func TestScannerAcceptsNothingTheParserRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, in := range []string{
		``, ` `, `{}`, `[]`, `{} {}`, `[1,]`, `[,1]`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{1:2}`, `[1 2]`, `]`, `[}`, `{]`,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"a":1},"b":{"a":[{"a":1},{"a":2}]}}`, `01`, `-`, `-0`, `1.`, `.5`, `1e`, `1e+`, `1E-5`, `+1`,
		`tru`, `true`, `truex`, `nul`, `"a`, `"\`, `"\x"`, `"\u12"`, `"\u00zz"`, `"\ud800"`, `"\ud83d\ude00"`, "\"\x01\"", "\"\xff\"", "\"\u00e9\"", "\"\x7f\"",
		"\ufeff{}", "\x00", "{}\x00", "[1\x00]", deep(MaxDepth), deep(MaxDepth + 1), `[[],{},[{}],""]`, " [ 1 , { \"a\" : [ ] } ] \n",
		`{` + strings.Repeat(`"x":1,`, 70) + `"y":2}`,
	} {
		if msg := agree([]byte(in)); msg != "" {
			t.Errorf("%s: %s", in, msg)
		}
	}
}

func TestPlainDocumentsAreScanned(t *testing.T) {
	for _, in := range []string{
		`{"resourceType":"Patient","active":true,"name":[{"given":["Amy","V.\n"],"period":{}}],"multipleBirthInteger":-1.5e3,"x":null}`,
		"\t\"\u00e9\"\n", `[[],{},[{}],""]`,
	} {
		if nodes, _ := scan([]byte(in)); nodes == nil {
			t.Errorf("%s is left to the parser", in)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u00e9"},null,true,-1.5e3],"c":{"a":"x\\\"y"}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		if msg := agree(in); msg != "" {
			t.Fatal(msg)
		}
	})
}

func BenchmarkParseByParser(b *testing.B) {
	src := []byte(`{"resourceType":"Patient","name":[` + strings.Repeat(`{"family":"Levin","given":["Henry","The 7th"]},`, 99) + `{}]}`)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		if _, err := parse(src); err != nil {
			b.Fatal(err)
		}
	}
}
