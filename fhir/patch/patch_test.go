package patch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"firebreak/fhir/patch"
	"firebreak/fhirjson"
)

func Example() {
	patient := []byte(`{"resourceType":"Patient","id":"1","active":true,"name":[{"family":"Chalmers"}],"extension":[{"url":"http://example.org/w","valueDecimal":70.50}]}`)
	operations, err := fhirjson.Parse([]byte(`[
		{"op":"test","path":"/active","value":true},
		{"op":"replace","path":"/active","value":false},
		{"op":"add","path":"/name/-","value":{"text":"Pete"}}]`))
	if err != nil {
		panic(err)
	}
	after, err := patch.Apply(patient, operations)
	fmt.Println(string(after), err)
	// Output: {"resourceType":"Patient","id":"1","active":false,"name":[{"family":"Chalmers"},{"text":"Pete"}],"extension":[{"url":"http://example.org/w","valueDecimal":70.50}]} <nil>
}

func parse(tb interface {
	Helper()
	Fatalf(string, ...any)
}, text string) *fhirjson.Doc {
	tb.Helper()
	doc, err := fhirjson.Parse([]byte(text))
	if err != nil {
		tb.Fatalf("bad JSON in test: %v: %s", err, text)
	}
	return doc
}

// apply is Apply; its error is of the type that Apply promises.
func apply(tb testing.TB, document, operations string) (string, *patch.Error) {
	tb.Helper()
	out, err := patch.Apply([]byte(document), parse(tb, operations))
	if err == nil {
		return string(out), nil
	}
	var e *patch.Error
	if !errors.As(err, &e) || e.Text == "" || out != nil {
		tb.Fatalf("Apply(%s) = %q, %#v, want nothing and a *patch.Error", operations, out, err)
	}
	return "", e
}

type result struct{ name, document, operations, want string }

func (c result) check(t *testing.T) {
	t.Helper()
	got, err := apply(t, c.document, c.operations)
	if err != nil || got != c.want {
		t.Errorf("%s: Apply(%s, %s) = %s, %v, want %s", c.name, c.document, c.operations, got, err, c.want)
	}
}

type refusal struct {
	name, document, operations string
	kind                       patch.Kind
	operation                  int
}

func (c refusal) check(t *testing.T) {
	t.Helper()
	got, err := apply(t, c.document, c.operations)
	if err == nil {
		t.Errorf("%s: Apply(%s, %.200s) = %s, want refused", c.name, c.document, c.operations, got)
		return
	}
	if err.Kind != c.kind || err.Operation != c.operation {
		t.Errorf("%s: Apply(%s, %.200s): %v (kind %d), want kind %d at operation %d", c.name, c.document, c.operations, err, err.Kind, c.kind, c.operation)
	}
}

// The cases of RFC 6902 appendix A, exact to the byte where the RFC leaves order open.
func TestRFC6902AppendixA(t *testing.T) {
	for _, c := range []result{
		{"A.1 adding an object member", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"foo":"bar","baz":"qux"}`},
		{"A.2 adding an array element", `{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{"A.3 removing an object member", `{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{"A.4 removing an array element", `{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{"A.5 replacing a value", `{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{"A.6 moving a value", `{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{"A.7 moving an array element", `{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{"A.8 testing a value: success", `{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{"A.10 adding a nested member object", `{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"foo":"bar","child":{"grandchild":{}}}`},
		{"A.11 ignoring unrecognized elements", `{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"foo":"bar","baz":"qux"}`},
		{"A.14 escape ordering", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{"A.16 adding an array value", `{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
	} {
		c.check(t)
	}
	for _, c := range []refusal{
		{"A.9 testing a value: error", `{"baz":"qux"}`, `[{"op":"test","path":"/baz","value":"bar"}]`, patch.TestFailed, 0},
		{"A.12 adding to a nonexistent target", `{"foo":"bar"}`, `[{"op":"add","path":"/baz/bat","value":"qux"}]`, patch.NoSuchPath, 0},
		{"A.15 comparing strings and numbers", `{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":"10"}]`, patch.TestFailed, 0},
	} {
		c.check(t)
	}
	// A.13: a patch with a member twice is no document of ours at all.
	if _, err := fhirjson.Parse([]byte(`[{"op":"add","path":"/baz","value":"qux","op":"remove"}]`)); err == nil {
		t.Error("A.13: a duplicate op parses")
	}
}

func TestOperationsThatApply(t *testing.T) {
	for _, c := range []result{
		{"add replaces a member in its place", `{"a":1,"b":2}`, `[{"op":"add","path":"/a","value":[]}]`, `{"a":[],"b":2}`},
		{"add at the length is append", `{"a":[1]}`, `[{"op":"add","path":"/a/1","value":2}]`, `{"a":[1,2]}`},
		{"add before the first", `{"a":[1]}`, `[{"op":"add","path":"/a/0","value":0}]`, `{"a":[0,1]}`},
		{"add to an array that is empty", `{"a":[]}`, `[{"op":"add","path":"/a/-","value":0}]`, `{"a":[0]}`},
		{"add to an object that is empty", `{"a":{}}`, `[{"op":"add","path":"/a/b","value":0}]`, `{"a":{"b":0}}`},
		{"- is a member's name in an object", `{"a":{}}`, `[{"op":"add","path":"/a/-","value":0}]`, `{"a":{"-":0}}`},
		{"digits are a member's name in an object", `{"a":{}}`, `[{"op":"add","path":"/a/01","value":0}]`, `{"a":{"01":0}}`},
		{"the empty name is a name", `{"":{"":1}}`, `[{"op":"replace","path":"//","value":2}]`, `{"":{"":2}}`},
		{"names escape / and ~", `{"a/b":1,"m~n":2}`, `[{"op":"remove","path":"/a~1b"},{"op":"add","path":"/x~0~1y","value":0}]`, `{"m~n":2,"x~/y":0}`},
		{"names are compared unescaped", `{"\u0061":1,"b":[]}`, `[{"op":"replace","path":"/a","value":2}]`, `{"\u0061":2,"b":[]}`},
		{"new names are quoted", `{"b":1}`, `[{"op":"add","path":"/a\"\n\u00e9","value":2}]`, "{\"b\":1,\"a\\\"\\né\":2}"},
		{"null is a value", `{"a":1}`, `[{"op":"add","path":"/b","value":null},{"op":"test","path":"/b","value":null}]`, `{"a":1,"b":null}`},
		{"move onto itself does nothing", `{ "a" : [ 1 ] }`, `[{"op":"move","from":"/a/0","path":"/a/0"}]`, `{ "a" : [ 1 ] }`},
		{"move to a sibling with the same beginning", `{"a":1}`, `[{"op":"move","from":"/a","path":"/ab"}]`, `{"ab":1}`},
		{"move overwrites", `{"a":1,"b":2}`, `[{"op":"move","from":"/a","path":"/b"}]`, `{"b":1}`},
		{"move out of what it replaces", `{"a":{"b":{"c":1}}}`, `[{"op":"move","from":"/a/b","path":"/a"}]`, `{"a":{"c":1}}`},
		{"move counts without what is moved", `{"a":[1,2]}`, `[{"op":"move","from":"/a/0","path":"/a/1"}]`, `{"a":[2,1]}`},
		{"move of an only item within its array", `{"a":[1]}`, `[{"op":"move","from":"/a/0","path":"/a/-"}]`, `{"a":[1]}`},
		{"copy inserts", `{"a":[1,2]}`, `[{"op":"copy","from":"/a/1","path":"/a/0"}]`, `{"a":[2,1,2]}`},
		{"copy into itself", `{"a":{"b":1}}`, `[{"op":"copy","from":"/a","path":"/a/c"},{"op":"copy","from":"/a","path":"/a/d"}]`, `{"a":{"b":1,"c":{"b":1},"d":{"b":1,"c":{"b":1}}}}`},
		{"copies part ways", `{"a":{"b":[1]}}`, `[{"op":"add","path":"/a/b/-","value":2},{"op":"copy","from":"/a","path":"/c"},{"op":"add","path":"/c/b/-","value":3},{"op":"add","path":"/a/b/-","value":4}]`, `{"a":{"b":[1,2,4]},"c":{"b":[1,2,3]}}`},
		{"the whole is copied into itself", `{"a":1}`, `[{"op":"copy","from":"","path":"/b"},{"op":"add","path":"/b/c","value":2}]`, `{"a":1,"b":{"a":1,"c":2}}`},
		{"copy from what the server owns", `{"id":"x"}`, `[{"op":"copy","from":"/id","path":"/a"}]`, `{"id":"x","a":"x"}`},
		{"a value is taken from the patch as written", `{"a":1}`, `[{"op":"add","path":"/b","value":{ "c" : 1.50e0 }}]`, `{"a":1,"b":{ "c" : 1.50e0 }}`},
		{"what was added can be changed", `{"a":1}`, `[{"op":"add","path":"/b","value":{"c":[1]}},{"op":"replace","path":"/b/c/0","value":2}]`, `{"a":1,"b":{"c":[2]}}`},
	} {
		c.check(t)
	}
}

func TestWhatIsNotTouchedKeepsItsBytes(t *testing.T) {
	document := ` { "z" : 1.50 , "a" : { "y" : [ 1e2 , 0.0 ] , "x\u0041" : "\/" } , "n" : [ { "k" : 100.00 } , { "v" : true } ] } `
	for _, c := range []result{
		{"no operation", document, `[]`, document},
		{"only tests", document, `[{"op":"test","path":"/z","value":1.5}]`, document},
		{"beside the change", document, `[{"op":"add","path":"/n/1/w","value":0}]`, `{"z":1.50,"a":{ "y" : [ 1e2 , 0.0 ] , "x\u0041" : "\/" },"n":[{ "k" : 100.00 },{"v":true,"w":0}]}`},
		{"what is moved", document, `[{"op":"move","from":"/a","path":"/n/0"}]`, `{"z":1.50,"n":[{ "y" : [ 1e2 , 0.0 ] , "x\u0041" : "\/" },{ "k" : 100.00 },{ "v" : true }]}`},
	} {
		c.check(t)
	}
}

func TestAnArrayThatLosesItsLastItemGoes(t *testing.T) {
	for _, c := range []result{
		{"removed", `{"a":1,"b":[2]}`, `[{"op":"remove","path":"/b/0"}]`, `{"a":1}`},
		{"moved away", `{"b":[2],"c":3}`, `[{"op":"move","from":"/b/0","path":"/a"}]`, `{"c":3,"a":2}`},
		{"deep", `{"a":{"b":[2],"c":1}}`, `[{"op":"remove","path":"/a/b/0"}]`, `{"a":{"c":1}}`},
		{"one after the other", `{"a":1,"b":[2,3]}`, `[{"op":"remove","path":"/b/0"},{"op":"remove","path":"/b/0"}]`, `{"a":1}`},
		{"it is empty in between", `{"b":[2]}`, `[{"op":"remove","path":"/b/0"},{"op":"test","path":"/b","value":[]},{"op":"add","path":"/b/-","value":3}]`, `{"b":[3]}`},
		{"it can be removed itself", `{"a":1,"b":[2]}`, `[{"op":"remove","path":"/b/0"},{"op":"remove","path":"/b"}]`, `{"a":1}`},
		{"its copy goes too", `{"a":1,"b":[2]}`, `[{"op":"remove","path":"/b/0"},{"op":"copy","from":"/b","path":"/c"}]`, `{"a":1}`},
		{"a copy from before stays", `{"a":{"b":[2]}}`, `[{"op":"copy","from":"/a","path":"/c"},{"op":"remove","path":"/a/b/0"}]`, `{"a":{},"c":{"b":[2]}}`},
		{"within an array nothing shifts", `{"b":[[2],3]}`, `[{"op":"remove","path":"/b/0/0"}]`, `{"b":[[],3]}`},
		{"an object without members stays", `{"b":{"c":1}}`, `[{"op":"remove","path":"/b/c"}]`, `{"b":{}}`},
		{"what was empty before stays for validation", `{"a":1,"b":[]}`, `[{"op":"add","path":"/c","value":[]}]`, `{"a":1,"b":[],"c":[]}`},
	} {
		c.check(t)
	}
}

func TestPointersThatLeadNowhere(t *testing.T) {
	document := `{"a":[1,2],"o":{"b":"s"},"z":null}`
	for _, path := range []string{"/x", "/a/2", "/a/-", "/a/00", "/a/01", "/a/-1", "/a/+1", "/a/1e0", "/a/ 1", "/a/x", "/a/", "/a/0/x", "/o/b/c", "/o/", "/O", "/z/x", "/a/99999999999999999999", "//", "/o/b/"} {
		for _, op := range []string{
			`{"op":"remove","path":%q}`, `{"op":"replace","path":%q,"value":1}`, `{"op":"test","path":%q,"value":1}`, `{"op":"move","from":%q,"path":"/n"}`, `{"op":"copy","from":%q,"path":"/n"}`,
		} {
			op = fmt.Sprintf(op, path)
			refusal{path, document, `[{"op":"test","path":"/a/0","value":1},` + op + `]`, patch.NoSuchPath, 1}.check(t)
		}
	}
	for _, path := range []string{"/a/3", "/a/02", "/a/x", "/a/-/x", "/x/y", "/a/0/x", "/o/b/c", "/a/1/x/y"} {
		for _, op := range []string{`{"op":"add","path":%q,"value":1}`, `{"op":"move","from":"/z","path":%q}`, `{"op":"copy","from":"/o","path":%q}`} {
			refusal{path, document, "[" + fmt.Sprintf(op, path) + "]", patch.NoSuchPath, 0}.check(t)
		}
	}
	refusal{"onto itself, absent", document, `[{"op":"move","from":"/x","path":"/x"}]`, patch.NoSuchPath, 0}.check(t)
}

func TestWhatTheServerOwnsIsNeverChanged(t *testing.T) {
	document := `{"resourceType":"Patient","id":"1","meta":{"versionId":"7","lastUpdated":"2024-01-01T00:00:00Z","tag":[{"code":"x"}]},"active":true,"language":"2"}`
	for _, path := range []string{"/id", "/resourceType", "/_id", "/id/x", "/meta/versionId", "/meta/lastUpdated", "/meta/_lastUpdated", "/meta/_versionId", "/meta/versionId/0", ""} {
		for _, op := range []string{`{"op":"add","path":%q,"value":"2"}`, `{"op":"replace","path":%q,"value":"1"}`, `{"op":"remove","path":%q}`, `{"op":"copy","from":"/active","path":%q}`, `{"op":"move","from":"/language","path":%q}`} {
			refusal{path, document, "[" + fmt.Sprintf(op, path) + "]", patch.Forbidden, 0}.check(t)
		}
		if path != "" { // moving the whole is moving it into itself
			refusal{path, document, fmt.Sprintf(`[{"op":"move","from":%q,"path":"/x"}]`, path), patch.Forbidden, 0}.check(t)
		}
	}
	for _, op := range []string{
		`{"op":"remove","path":"/meta"}`, `{"op":"replace","path":"/meta","value":{}}`, `{"op":"add","path":"/meta","value":{"versionId":"8","lastUpdated":"2024-01-01T00:00:00Z"}}`,
		`{"op":"add","path":"/meta","value":{"versionId":"7","lastUpdated":"2024-01-01T00:00:00Z","_versionId":{"id":"a"}}}`, `{"op":"move","from":"/meta","path":"/contained"}`, `{"op":"copy","from":"/language","path":"/meta"}`,
	} {
		refusal{"meta as a whole", document, "[" + op + "]", patch.Forbidden, 0}.check(t)
	}
	refusal{"meta made with a version", `{"active":true}`, `[{"op":"add","path":"/meta","value":{"versionId":"1"}}]`, patch.Forbidden, 0}.check(t)
	for _, c := range []result{
		{"tests are allowed", document, `[{"op":"test","path":"/meta/versionId","value":"7"},{"op":"test","path":"/id","value":"1"}]`, document},
		{"the rest of meta is the client's", `{"meta":{"versionId":"7","tag":[{"code":"x"}]}}`, `[{"op":"remove","path":"/meta/tag/0"},{"op":"add","path":"/meta/security","value":[1]}]`, `{"meta":{"versionId":"7","security":[1]}}`},
		{"meta replaced with the same version", `{"meta":{"versionId":"7"}}`, `[{"op":"replace","path":"/meta","value":{"tag":[1],"versionId":"7"}}]`, `{"meta":{"tag":[1],"versionId":"7"}}`},
		{"meta that has none of it", `{"meta":{"tag":[1]},"a":1}`, `[{"op":"remove","path":"/meta"}]`, `{"a":1}`},
		{"another id", `{"id":"1","contained":[{"id":"a"}]}`, `[{"op":"replace","path":"/contained/0/id","value":"b"}]`, `{"id":"1","contained":[{"id":"b"}]}`},
	} {
		c.check(t)
	}
}

func TestErrorsEchoNothing(t *testing.T) {
	const secret = "HIV-positive"
	for _, ops := range []string{
		`[{"op":"HIV-positive","path":"/a"}]`, `[{"op":"test","path":"/a","value":"HIV-positive "}]`, `[{"op":"remove","path":"/HIV-positive"}]`, `[{"op":"add","path":"HIV-positive","value":1}]`,
		`[{"op":"add","path":"/a/HIV-positive","value":1}]`, `[{"op":"move","from":"/HIV-positive","path":"/b"}]`, `["HIV-positive"]`, `"HIV-positive"`,
	} {
		_, err := apply(t, `{"a":"HIV-positive"}`, ops)
		if err == nil || strings.Contains(err.Error(), "HIV") || strings.Contains(fmt.Sprintf("%+v", *err), secret) {
			t.Errorf("Apply(%s): %v, want an error without content", ops, err)
		}
	}
}
