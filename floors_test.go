package firebreak_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floors are the house, from the ground up. A package imports what lies below
// its own floor, never a neighbour: so no control knows another, and only the
// gate joins what they decide. Names that have no package yet are the design's.
var floors = [][]string{
	{"fhirjson", "clock", "policies", "internal/service"},
	{"fhirpath", "fhir/r4", "fhir/patch", "demo"},
	{"fhir/search"},
	{"fhir"},
	{"gate"},
	{"audit", "authn", "authz", "label", "validate", "transport", "vault", "signature", "attachment", "datapolicy", "narrative"},
	{"store", "upstream"},
	{"store/storetest", "vault/vaulttest", "ui", "smart/client", "smart/person", "smart/federation", "smart/scope", "smart/mail"},
	{"smart", "registry", "scan"},
	{""},
	{"cmd/firebreak", "cmd/bench", "fhir/r4/generate", "internal/e2e"},
}

func floorOf(path string) int {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "firebreak"), "/")
	return slices.IndexFunc(floors, func(f []string) bool { return slices.Contains(f, path) })
}

// climbs are the imports of a package that don't lead downwards.
func climbs(k *sourcePkg) []string {
	var out []string
	for _, imp := range k.imports {
		if imp != "firebreak" && !strings.HasPrefix(imp, "firebreak/") {
			continue
		}
		if floorOf(imp) >= floorOf(k.path) {
			out = append(out, imp)
		}
	}
	return out
}

func TestImportsGoDownwardsOnly(t *testing.T) {
	for _, k := range theSource(t).pkgs {
		if floorOf(k.path) < 0 {
			t.Errorf("%s is on no floor: say in floors where it belongs, and in an ADR why", k.path)
			continue
		}
		for _, imp := range climbs(k) {
			t.Errorf("%s (floor %d) imports %s (floor %d)", k.path, floorOf(k.path), imp, floorOf(imp))
		}
	}
	for _, c := range []struct {
		from, imp string
		want      int
	}{
		{"firebreak/gate", "firebreak/fhir", 0},
		{"firebreak/gate", "firebreak/authz", 1},
		{"firebreak/authz", "firebreak/label", 1},
		{"firebreak/store", "firebreak", 1},
		{"firebreak/audit", "net/http", 0},
	} {
		if got := len(climbs(&sourcePkg{path: c.from, imports: []string{c.imp}})); got != c.want {
			t.Errorf("%s importing %s: %d faults, want %d", c.from, c.imp, got, c.want)
		}
	}
}

// importers are who may import what is otherwise forbidden, each with a reason.
var importers = map[string]map[string]string{
	"encoding/json": {
		"wire.go":                         "writes the CapabilityStatement; reads nothing",
		"commit.go":                       "reads what it wrote itself: the result stored with a request's id",
		"pagelink.go":                     "reads what it wrote itself, after the AEAD has vouched for it",
		"fhir/r4/generate/definitions.go": "a build tool that reads HL7's published definitions",
	},
	"unsafe":  {},
	"reflect": {},
}

func TestForbiddenImports(t *testing.T) {
	s := theSource(t)
	used := map[string]bool{}
	for _, k := range s.pkgs {
		for _, f := range k.files {
			file := s.file(f.Package)
			for _, imp := range f.Imports {
				path := strings.Trim(imp.Path.Value, `"`)
				allowed, forbidden := importers[path]
				if !forbidden {
					continue
				}
				used[path+" "+file] = true
				if allowed[file] == "" && !slices.ContainsFunc(guests, func(g string) bool { return strings.HasPrefix(file, g) }) {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
	for path, list := range importers {
		for file := range list {
			if !used[path+" "+file] {
				t.Errorf("%s is allowed to import %s and doesn't: strike it out", file, path)
			}
		}
	}
}

// smuggled are uses of context values: what a request carries is an argument.
func smuggled(k *sourcePkg) []token.Pos {
	var out []token.Pos
	for id, obj := range k.info.Uses {
		if f, ok := obj.(*types.Func); ok {
			switch f.FullName() {
			case "context.WithValue", "(context.Context).Value":
				out = append(out, id.Pos())
			}
		}
	}
	return out
}

func TestNoContextValues(t *testing.T) {
	s := theSource(t)
	for _, k := range s.pkgs {
		for _, pos := range smuggled(k) {
			if filepath.Base(s.fset.Position(pos).Filename) == "timelimit.go" {
				continue // a context itself, which passes on what it is asked
			}
			t.Errorf("%s: uses a context value", s.fset.Position(pos))
		}
	}
	_, k := checked(t, `package p
import "context"
func f(ctx context.Context) any { return context.WithValue(ctx, 1, 2).Value(1) }`)
	if got := len(smuggled(k)); got != 2 {
		t.Errorf("found %d of 2 in a file that uses them", got)
	}
}

// statesAllowed are package-level variables that the test below would refuse.
var statesAllowed = map[string]string{
	"firebreak/fhir/r4.typeTable":        "the generated definitions; pointers into it are read",
	"firebreak/internal/service.mu":      "services for tests, started once a process",
	"firebreak/internal/service.running": "services for tests, started once a process",
	"firebreak/internal/service.held":    "services for tests, started once a process",
	"firebreak/internal/service.under":   "services for tests, started once a process",
	"firebreak/internal/service.number":  "services for tests, started once a process",
}

func TestNoPackageState(t *testing.T) {
	s := theSource(t)
	used := map[string]bool{}
	for _, k := range s.pkgs {
		for name, why := range states(k) {
			if used[k.path+"."+name] = true; statesAllowed[k.path+"."+name] == "" {
				t.Errorf("%s.%s: %s", k.path, name, why)
			}
		}
	}
	for name := range statesAllowed {
		if !used[name] {
			t.Errorf("%s is allowed and not there: strike it out", name)
		}
	}
}

func TestPackageStateIsFound(t *testing.T) {
	_, k := checked(t, `package p
import ("sync"; "sync/atomic")
var table = map[string]int{"a": 1}
var written = map[string]int{}
var count int
var at struct{ n int }
var lent []int
var mu sync.Mutex
var flags atomic.Int64
var pool = sync.Pool{}
var queue = make(chan int)
var holder struct{ mu sync.Mutex }
var once = sync.OnceValue(func() int { return 1 })
func init() {}
func f() { written["x"] = 1; count++; at.n = 2; g(&lent); _ = table["a"] }
func g(*[]int) {}`)
	want := []string{"at", "count", "flags", "holder", "init", "lent", "mu", "pool", "queue", "written"}
	var got []string
	for name := range states(k) {
		got = append(got, name)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// states are a package's init functions and variables that change: those that
// some function writes to, or hands out the address of, and those of a kind
// that exists to be changed.
func states(k *sourcePkg) map[string]string {
	out := map[string]string{}
	for _, name := range k.types.Scope().Names() {
		if v, ok := k.types.Scope().Lookup(name).(*types.Var); ok && changes(v.Type(), 0) {
			out[name] = "is of a type made to be changed"
		}
	}
	note := func(e ast.Expr, how string) {
		if v := variable(k, e); v != nil {
			out[v.Name()] = how
		}
	}
	for _, f := range k.files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if fn.Name.Name == "init" && fn.Recv == nil {
				out["init"] = "an init function"
			}
			ast.Inspect(fn, func(n ast.Node) bool { writes(k, n, note); return true })
		}
	}
	return out
}

func writes(k *sourcePkg, n ast.Node, note func(ast.Expr, string)) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			for _, l := range n.Lhs {
				note(l, "is assigned to")
			}
		}
	case *ast.IncDecStmt:
		note(n.X, "is counted up or down")
	case *ast.UnaryExpr:
		if n.Op == token.AND {
			note(n.X, "has its address taken")
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 {
			if b, ok := k.info.Uses[id].(*types.Builtin); ok && slices.Contains([]string{"delete", "clear", "copy"}, b.Name()) {
				note(n.Args[0], "is given to "+b.Name())
			}
		}
	}
}

// variable is the package-level variable an expression is part of.
func variable(k *sourcePkg, e ast.Expr) *types.Var {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.Ident:
			if v, ok := k.info.Uses[x].(*types.Var); ok && v.Parent() == k.types.Scope() {
				return v
			}
			return nil
		default:
			return nil
		}
	}
}

// changes reports whether a type is, or directly holds, a lock, a channel or
// another thing that exists to be changed.
func changes(t types.Type, depth int) bool {
	if depth > 4 {
		return false
	}
	if n, ok := t.(*types.Named); ok && n.Obj().Pkg() != nil {
		switch n.Obj().Pkg().Path() {
		case "sync", "sync/atomic":
			return true
		case "strings", "regexp": // a Replacer has a Once inside, and is a constant all the same
			return false
		}
	}
	switch u := t.Underlying().(type) {
	case *types.Chan:
		return true
	case *types.Pointer:
		return changes(u.Elem(), depth+1)
	case *types.Struct:
		for i := range u.NumFields() {
			if changes(u.Field(i).Type(), depth+1) {
				return true
			}
		}
	}
	return false
}
