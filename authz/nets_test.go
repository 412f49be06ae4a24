package authz

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// TestTheNetsShareNoCode: net 2 may not use what net 1 is made of, or one fault
// would be in both. What they share is listed: data, and the meaning of a
// search argument.
func TestTheNetsShareNoCode(t *testing.T) {
	net1 := []string{"value.go", "attribute.go", "expr.go", "compile.go", "check.go", "partial.go", "index.go", "scope.go"}
	net2 := []string{"judge.go", "entities.go", "scopejudge.go"}
	shared := map[string]bool{"arguments": true, "maxScope": true}
	declared := declarations(t, net1)
	if len(declared) < 50 {
		t.Fatalf("only %d names found in net 1", len(declared))
	}
	for _, file := range net2 {
		locals := map[string]bool{}
		ast.Inspect(parse(t, file), func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				ast.Inspect(n.X, func(x ast.Node) bool {
					if id, ok := x.(*ast.Ident); ok {
						use(t, file, id, declared, shared, locals)
					}
					return true
				})
				return false
			case *ast.Field:
				for _, name := range n.Names {
					locals[name.Name] = true
				}
			case *ast.AssignStmt:
				if n.Tok == token.DEFINE {
					for _, l := range n.Lhs {
						if id, ok := l.(*ast.Ident); ok {
							locals[id.Name] = true
						}
					}
				}
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok {
					locals[id.Name] = true
				}
			case *ast.Ident:
				use(t, file, n, declared, shared, locals)
			}
			return true
		})
	}
}

// declarations are the package-level names of files, and where they are from.
func declarations(t *testing.T, files []string) map[string]string {
	declared := map[string]string{}
	for _, file := range files {
		for _, d := range parse(t, file).Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					declared[d.Name.Name] = file
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						declared[s.Name.Name] = file
					case *ast.ValueSpec:
						for _, n := range s.Names {
							declared[n.Name] = file
						}
					}
				}
			}
		}
	}
	return declared
}

func use(t *testing.T, file string, id *ast.Ident, declared map[string]string, shared, locals map[string]bool) {
	if from, ok := declared[id.Name]; ok && !shared[id.Name] && !locals[id.Name] {
		t.Errorf("%s uses %s of %s", file, id.Name, from)
	}
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
