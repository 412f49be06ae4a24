package patch_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"firebreak/fhir/patch"
)

// op is one generated operation.
type op struct {
	Op, Path, From, Value string
	value                 any
}

func tokens(pointer string) []string {
	if pointer == "" {
		return nil
	}
	ts := strings.Split(pointer[1:], "/")
	for i, t := range ts {
		ts[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return ts
}

func (o op) path() []string { return tokens(o.Path) }

func (o op) String() string {
	s := fmt.Sprintf(`{"op":%q,"path":%q`, o.Op, o.Path)
	if o.Op == "move" || o.Op == "copy" {
		s += fmt.Sprintf(`,"from":%q`, o.From)
	}
	if o.Value != "" {
		s += `,"value":` + o.Value
	}
	return s + "}"
}

var names = []string{"a", "b", "c", "_a", "0", "-", "d/e", "f~g", ""}

// drawValue draws compact JSON text.
func drawValue(t *rapid.T, depth int) string {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return "null"
	case 1:
		return "true"
	case 2, 3:
		return rapid.SampledFrom([]string{"1", "1.50", "0.0", "-2e3", "100.00", "12345678901234567890.123"}).Draw(t, "number")
	case 4, 5:
		return rapid.SampledFrom([]string{`"x"`, `"y"`, `"\u0041\n"`, `""`}).Draw(t, "string")
	case 6:
		return drawObject(t, depth)
	}
	var items []string
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		items = append(items, drawValue(t, depth-1))
	}
	return "[" + strings.Join(items, ",") + "]"
}

func drawObject(t *rapid.T, depth int) string {
	var members []string
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID[string]).Draw(t, "names") {
		members = append(members, strconv.Quote(name)+":"+drawValue(t, depth-1))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// pointers are all pointers into v, the root's aside.
func pointers(v any, at string) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for k, c := range v {
			p := at + "/" + strings.ReplaceAll(strings.ReplaceAll(k, "~", "~0"), "/", "~1")
			out = append(append(out, p), pointers(c, p)...)
		}
	case *list:
		for i, c := range v.items {
			p := at + "/" + strconv.Itoa(i)
			out = append(append(out, p), pointers(c, p)...)
		}
	}
	slices.Sort(out)
	return out
}

func drawPointer(t *rapid.T, root any, label string) string {
	at := ""
	if all := pointers(root, ""); len(all) > 0 {
		at = rapid.SampledFrom(all).Draw(t, label)
	}
	if at == "" || rapid.IntRange(0, 7).Draw(t, label+" off") == 0 {
		at += "/" + rapid.SampledFrom([]string{"a", "b", "0", "1", "-", "01", "d~1e"}).Draw(t, label+" more")
	}
	return at
}

func drawOp(t *rapid.T, root any) op {
	o := op{Op: rapid.SampledFrom([]string{"add", "remove", "replace", "move", "copy", "test"}).Draw(t, "op"), Path: drawPointer(t, root, "path")}
	switch o.Op {
	case "move", "copy":
		o.From = drawPointer(t, root, "from")
	case "add", "replace":
		o.Value = drawValue(t, 2)
	case "test":
		o.Value = "1"
		if v, err := lookup(root, o.path()); err == nil && rapid.IntRange(0, 3).Draw(t, "true test") > 0 {
			o.Value = encode(v)
		}
	}
	if o.Value != "" {
		o.value = decode(t, o.Value)
	}
	return o
}

func encode(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var b []string
		for k, c := range v {
			b = append(b, strconv.Quote(k)+":"+encode(c))
		}
		slices.Sort(b)
		return "{" + strings.Join(b, ",") + "}"
	case *list:
		var b []string
		for _, c := range v.items {
			b = append(b, encode(c))
		}
		return "[" + strings.Join(b, ",") + "]"
	case nil:
		return "null"
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

func run(t *rapid.T, document string, ops ...op) (string, error) {
	out, err := patch.Apply([]byte(document), parse(t, written(ops)))
	return string(out), err
}

// written is ops as a JSON Patch.
func written(ops []op) string {
	var text []string
	for _, o := range ops {
		text = append(text, o.String())
	}
	return "[" + strings.Join(text, ",") + "]"
}

func TestApplyAgreesWithANaiveReading(t *testing.T) {
	applied, refused := 0, 0
	one := func(t *rapid.T) {
		document := strings.ReplaceAll(drawObject(t, 3), ",", rapid.SampledFrom([]string{",", " ,\n"}).Draw(t, "comma"))
		root := decode(t, document)
		var ops []op
		var want error
		for range rapid.IntRange(1, 6).Draw(t, "operations") {
			o := drawOp(t, root)
			ops = append(ops, o)
			if want = o.oracle(root); want != nil {
				break
			}
		}
		got, err := run(t, document, ops...)
		if (err == nil) != (want == nil) {
			t.Fatalf("Apply(%s, %v) = %s, %v, want %v", document, ops, got, err, want)
		}
		if err != nil {
			refused++
			return
		}
		applied++
		full := encode(root)
		if !same(decode(t, got), pruned(root)) {
			t.Fatalf("Apply(%s, %v) = %s, want %s", document, ops, got, full)
		}
		counted := patch.CountedSize(parse(t, document), parse(t, written(ops)))
		if counted != len(got) && full == encode(root) { // arrays that went at the end are counted
			t.Fatalf("after %v on %s the size is counted as %d, want %d", ops, document, counted, len(got))
		}
	}
	for range 30 { // a case takes microseconds; a hundred of them are too few
		rapid.Check(t, one)
	}
	if all := applied + refused; applied < all/10 || refused < all/10 {
		t.Errorf("%d applied, %d refused: the generator draws one-sidedly", applied, refused)
	}
}

func TestNoOperationsIsTheIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		document := " " + strings.ReplaceAll(drawObject(t, 4), ",", " , ") + "\n"
		got, err := run(t, document)
		if err != nil || got != document {
			t.Fatalf("Apply(%q, []) = %q, %v", document, got, err)
		}
	})
}

// inverse is what undoes o on root; ok is false for operations drawn that fail, or
// that leave an empty array, which cannot be undone item by item.
func inverse(o op, root any) (op, bool) {
	was, err := lookup(root, o.path())
	around, upErr := lookup(root, o.path()[:len(o.path())-1])
	l, inArray := around.(*list)
	switch {
	case upErr != nil:
		return op{}, false
	case o.Op == "remove" && err == nil && !(inArray && len(l.items) == 1):
		return op{Op: "add", Path: o.Path, Value: encode(was)}, true
	case o.Op == "replace" && err == nil, o.Op == "add" && err == nil && !inArray:
		return op{Op: "replace", Path: o.Path, Value: encode(was)}, true
	case o.Op == "add" && inArray && strings.HasSuffix(o.Path, "/-"):
		return op{Op: "remove", Path: strings.TrimSuffix(o.Path, "-") + strconv.Itoa(len(l.items))}, len(l.items) > 0
	case o.Op == "add":
		return op{Op: "remove", Path: o.Path}, !inArray || len(l.items) > 0
	}
	return op{}, false
}

func TestAPatchAndItsInverseIsTheIdentity(t *testing.T) {
	undone := 0
	one := func(t *rapid.T) {
		document := drawObject(t, 3)
		root := decode(t, document)
		o := drawOp(t, root)
		back, ok := inverse(o, root)
		if !ok {
			return
		}
		after, err := run(t, document, o)
		if err != nil {
			return
		}
		got, err := run(t, after, back)
		if err != nil || !same(decode(t, got), root) {
			t.Fatalf("Apply(%s, %v), then %v = %s, %v, want the document again", document, o, back, got, err)
		}
		undone++
	}
	for range 10 {
		rapid.Check(t, one)
	}
	if undone < 50 {
		t.Errorf("%d patches undone, want more", undone)
	}
}

// Moving is copying and removing, and there and back is nothing.
func TestMoveIsCopyThenRemove(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		document := drawObject(t, 3)
		root := decode(t, document)
		from := drawPointer(t, root, "from")
		if _, err := lookup(root, tokens(from)); err != nil {
			return
		}
		moved, err1 := run(t, document, op{Op: "move", From: from, Path: "/new"})
		copied, err2 := run(t, document, op{Op: "copy", From: from, Path: "/new"}, op{Op: "remove", Path: from})
		if err1 != nil || err2 != nil || moved != copied && !same(decode(t, moved), decode(t, copied)) {
			t.Fatalf("move of %s in %s = %s, %v; copy and remove = %s, %v", from, document, moved, err1, copied, err2)
		}
		back, err := run(t, document, op{Op: "move", From: from, Path: "/new"}, op{Op: "move", From: "/new", Path: from})
		if err != nil || !same(decode(t, back), root) {
			t.Fatalf("%s moved there and back in %s = %s, %v", from, document, back, err)
		}
		replaced, err := run(t, document, op{Op: "copy", From: from, Path: "/new"}, op{Op: "test", Path: "/new", Value: encode(mustLookup(t, root, from))}, op{Op: "remove", Path: "/new"})
		if err != nil || replaced != document {
			t.Fatalf("%s copied and the copy removed in %s = %s, %v", from, document, replaced, err)
		}
	})
}

func mustLookup(t *rapid.T, root any, pointer string) any {
	v, err := lookup(root, tokens(pointer))
	if err != nil {
		t.Fatalf("%s: %v", pointer, err)
	}
	return v
}
