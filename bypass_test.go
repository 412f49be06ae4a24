package firebreak_test

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// doors are the functions through which content, rights or persons come into
// being, and the places that may call them. Package gate itself may call its own.
var doors = map[string][]string{
	"(firebreak/gate.Judged).Write":         {"store/", "upstream/"},
	"(firebreak/gate.Judged).Tombstone":     {"change.go"},
	"(firebreak/gate.Reply).WriteTo":        {"transport/", "chart.go"},                  // the patient picker reads what its person may see
	"firebreak/gate.NewPrincipal":           {"firebreak.go", "explain.go", "stepup.go"}, // explain answers nobody but the operator; stepup asks and fetches nothing
	"firebreak/gate.New":                    {"wire.go"},
	"firebreak/gate.Seal":                   {"store/", "upstream/"},
	"firebreak/gate.NewContent":             {"store/", "upstream/", "explain.go"},
	"(*firebreak/gate.Gate).Close":          {"firebreak.go"},
	"(*firebreak/gate.Gate).JudgeChange":    {"change.go"},
	"(*firebreak/gate.Gate).Patch":          {"change.go"},
	"(*firebreak/gate.Gate).ReleaseOwn":     {"capabilities.go", "operation.go", "change.go"}, // holds nothing stored
	"(*firebreak/gate.Gate).ReleaseProblem": {"firebreak.go"},
}

// guests may call any door: programs that measure, and the suite for stores.
var guests = []string{"cmd/bench/", "store/storetest/"}

// entrances are the uses of doors in a package, as "door in file".
func entrances(s *source, k *sourcePkg) map[string][]string {
	out := map[string][]string{}
	for id, obj := range k.info.Uses {
		if f, ok := obj.(*types.Func); ok && doors[f.FullName()] != nil {
			out[f.FullName()] = append(out[f.FullName()], s.file(id.Pos()))
		}
	}
	return out
}

func TestDoorsAreUsedOnlyWhereTheyMay(t *testing.T) {
	s := theSource(t)
	used := map[string]bool{}
	for _, k := range s.pkgs {
		if k.path == "firebreak/gate" {
			continue
		}
		for door, files := range entrances(s, k) {
			for _, file := range files {
				in := func(place string) bool {
					return file == place || strings.HasSuffix(place, "/") && strings.HasPrefix(file, place)
				}
				used[door] = used[door] || slices.ContainsFunc(doors[door], in)
				if !slices.ContainsFunc(doors[door], in) && !slices.ContainsFunc(guests, in) {
					t.Errorf("%s uses %s, which only %v may", file, door, doors[door])
				}
			}
		}
	}
	for door := range doors {
		if !used[door] {
			t.Errorf("nobody uses %s: is it spelt right?", door)
		}
	}
	s, k := checked(t, `package p
import "firebreak/gate"
func f(j gate.Judged) { open := j.Write; open(); _ = gate.NewPrincipal(gate.Identity{}) }`)
	if got := len(entrances(s, k)); got != 2 {
		t.Errorf("found %d of 2 doors in a file that uses them", got)
	}
}

// literals are the makings of a Literal from anything but a constant.
func literals(k *sourcePkg) []ast.Expr {
	var out []ast.Expr
	for _, f := range k.files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 1 {
				return true
			}
			fun := k.info.Types[call.Fun]
			if fun.IsType() && strings.HasSuffix(types.TypeString(fun.Type, nil), ".Literal") && k.info.Types[call.Args[0]].Value == nil {
				out = append(out, call)
			}
			return true
		})
	}
	return out
}

func TestLiteralsAreConstants(t *testing.T) {
	s := theSource(t)
	for _, k := range s.pkgs {
		for _, e := range literals(k) {
			t.Errorf("%s: a Literal is made from what is no constant", s.fset.Position(e.Pos()))
		}
	}
	_, k := checked(t, `package p
import "firebreak/fhir"
func f(s string) fhir.Literal { _ = fhir.Literal("fine"); return fhir.Literal("no patient " + s) }`)
	if got := len(literals(k)); got != 1 {
		t.Errorf("found %d of 1 in a file that makes one", got)
	}
}

// lawTypes are those of the gate that nobody else may put together.
var lawTypes = []string{"Sealed", "Judged", "Cleared", "Reply", "Permit", "Principal", "Gate"}

// forgeries are conversions to the gate's types, and literals of them that are
// not empty. The compiler refuses them outside the gate as the types are now;
// this holds also should a field become exported.
func forgeries(k *sourcePkg) []ast.Expr {
	law := func(t types.Type) bool {
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		n, ok := t.(*types.Named)
		return ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == "firebreak/gate" && slices.Contains(lawTypes, n.Obj().Name())
	}
	var out []ast.Expr
	for _, f := range k.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if fun := k.info.Types[n.Fun]; fun.IsType() && law(fun.Type) {
					out = append(out, n)
				}
			case *ast.CompositeLit:
				if len(n.Elts) > 0 && law(k.info.Types[n].Type) {
					out = append(out, n)
				}
			}
			return true
		})
	}
	return out
}

func TestNobodyPutsTheGatesTypesTogether(t *testing.T) {
	s := theSource(t)
	for _, k := range s.pkgs {
		if k.path == "firebreak/gate" {
			if len(forgeries(k)) < 5 {
				t.Error("the gate's own makers are not found: the test looks for the wrong thing")
			}
			continue
		}
		for _, e := range forgeries(k) {
			t.Errorf("%s: puts together or converts to a type of the gate", s.fset.Position(e.Pos()))
		}
	}
}

// holders are the places where an http.ResponseWriter may be held.
var holders = map[string]string{
	"transport/":     "owns it",
	"gate/sealed.go": "Reply.WriteTo, the door to it",
}

func TestNobodyElseHoldsAResponseWriter(t *testing.T) {
	s := theSource(t)
	found := map[string]bool{}
	for _, k := range s.pkgs {
		for id, obj := range k.info.Uses {
			n, ok := obj.(*types.TypeName)
			if !ok || n.Pkg() == nil || n.Pkg().Path() != "net/http" || n.Name() != "ResponseWriter" && n.Name() != "Handler" && n.Name() != "HandlerFunc" {
				continue
			}
			file := s.file(id.Pos())
			allowed := slices.ContainsFunc(guests, func(g string) bool { return strings.HasPrefix(file, g) })
			for place := range holders {
				if strings.HasPrefix(file, place) {
					found[place], allowed = true, true
				}
			}
			if !allowed {
				t.Errorf("%s: holds an http.%s", s.fset.Position(id.Pos()), n.Name())
			}
		}
	}
	if len(found) != len(holders) {
		t.Errorf("found %v of %v", found, holders)
	}
}
