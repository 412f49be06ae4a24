package clock_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// readers are what asks the machine for the time: Since and Until do so inside.
var readers = []string{"Now", "Since", "Until"}

// allowed names files that may read the machine's clock, with the reason.
var allowed = map[string]string{
	"internal/service/directory.go": "compares with a file's time, which is the machine's; for tests only",
}

func TestTimeNowOnlyHere(t *testing.T) {
	root := moduleRoot(t)
	used := map[string]bool{}
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		if d.IsDir() {
			hidden := path != root && strings.HasPrefix(d.Name(), ".")
			if rel == "clock" || d.Name() == "testdata" || d.Name() == "vendor" || hidden {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		for _, use := range clockReads(t, rel, src) {
			if allowed[rel] == "" {
				t.Errorf("%s: reads the machine's clock; take a clock.Clock instead", use)
			}
			used[rel] = true
		}
		return nil
	})
	if err != nil {
		t.Fatalf("walk the module: %v", err)
	}
	if seen == 0 {
		t.Fatal("no source files found: the test looked in the wrong place")
	}
	for file := range allowed {
		if !used[file] {
			t.Errorf("%s is allowed to read the clock but does not: remove it from the list", file)
		}
	}
}

// clockReads lists the places in one file that use a reader of package time,
// as a call or as a value, under whatever name the package is imported.
func clockReads(t *testing.T, name string, src []byte) []string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		t.Errorf("parse %s: %v", name, err)
		return nil
	}
	local := map[string]bool{}
	var out []string
	for _, imp := range file.Imports {
		if path, err := strconv.Unquote(imp.Path.Value); err != nil || path != "time" {
			continue
		}
		switch {
		case imp.Name == nil:
			local["time"] = true
		case imp.Name.Name == ".": // would hide every use from this test
			out = append(out, fset.Position(imp.Pos()).String())
		default:
			local[imp.Name.Name] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || !slices.Contains(readers, sel.Sel.Name) {
			return true
		}
		if pkg, ok := sel.X.(*ast.Ident); ok && local[pkg.Name] {
			out = append(out, fset.Position(sel.Pos()).String())
		}
		return true
	})
	return out
}

func TestClockReadsAreFound(t *testing.T) {
	cases := []struct {
		name, src string
		want      int
	}{
		{"call", "package p\nimport \"time\"\nvar a = time.Now()", 1},
		{"value", "package p\nimport \"time\"\nvar now = time.Now", 1},
		{"since and until", "package p\nimport \"time\"\nvar a, b = time.Since(x), time.Until(x)", 2},
		{"renamed", "package p\nimport clk \"time\"\nvar a = clk.Now()", 1},
		{"dot import", "package p\nimport . \"time\"\nvar a = Now()", 1},
		{"other package's Now", "package p\nimport \"firebreak/clock\"\nvar a = clock.System{}.Now()", 0},
		{"other uses of time", "package p\nimport \"time\"\nvar a = time.Unix(0, 0)", 0},
	}
	for _, c := range cases {
		if got := len(clockReads(t, c.name+".go", []byte(c.src))); got != c.want {
			t.Errorf("%s: found %d reads, want %d", c.name, got, c.want)
		}
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("go.mod not found")
		}
		dir = up
	}
}
