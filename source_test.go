package firebreak_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// source is this module's own code, tests left out: parsed and type-checked,
// for the tests that hold the code to its design.
type source struct {
	fset *token.FileSet
	pkgs []*sourcePkg
}

type sourcePkg struct {
	path    string // "firebreak/gate"
	name    string
	imports []string
	files   []*ast.File
	types   *types.Package
	info    *types.Info
}

var loadSource = sync.OnceValues(readSource)

func theSource(t *testing.T) *source {
	t.Helper()
	s, err := loadSource()
	if err != nil {
		t.Fatal(err)
	}
	if len(s.pkgs) < 15 {
		t.Fatalf("%d packages found: the test looked in the wrong place", len(s.pkgs))
	}
	return s
}

type listed struct {
	ImportPath, Name, Dir, Export string
	GoFiles, Imports              []string
	Standard                      bool
}

func readSource() (*source, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Name,Dir,Export,GoFiles,Imports,Standard", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New("go list: " + err.Error() + "\n" + stderr.String())
	}
	export := map[string]string{}
	var own []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		export[p.ImportPath] = p.Export
		if p.ImportPath == "firebreak" || strings.HasPrefix(p.ImportPath, "firebreak/") {
			own = append(own, p)
		}
	}
	s := &source{fset: token.NewFileSet()}
	imp := importer.ForCompiler(s.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })
	for _, p := range own {
		if err := s.add(p, imp); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *source) add(p listed, imp types.Importer) error {
	k := &sourcePkg{path: p.ImportPath, name: p.Name, imports: p.Imports,
		info: &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}}}
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(s.fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		k.files = append(k.files, f)
	}
	var err error
	if k.types, err = (&types.Config{Importer: imp}).Check(p.ImportPath, s.fset, k.files, k.info); err != nil {
		return err
	}
	s.pkgs = append(s.pkgs, k)
	return nil
}

// file is a position's file relative to the module, "gate/gate.go".
func (s *source) file(pos token.Pos) string {
	wd, err := os.Getwd()
	if err != nil {
		return ""
	}
	rel, err := filepath.Rel(wd, s.fset.Position(pos).Filename)
	if err != nil {
		return ""
	}
	return filepath.ToSlash(rel)
}

// checked type-checks one made-up file of a made-up package as if it were part
// of the module, so that a test of the code can be shown to find something.
func checked(t *testing.T, src string, imports ...string) (*source, *sourcePkg) {
	t.Helper()
	s := &source{fset: token.NewFileSet()}
	byPath := map[string]*types.Package{}
	for _, p := range theSource(t).pkgs {
		byPath[p.path] = p.types
	}
	f, err := parser.ParseFile(s.fset, "made-up.go", src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	k := &sourcePkg{path: "firebreak/madeup", name: f.Name.Name, imports: imports, files: []*ast.File{f},
		info: &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{},
			Selections: map[*ast.SelectorExpr]*types.Selection{}}}
	conf := types.Config{Importer: known{byPath, importer.Default()}}
	if k.types, err = conf.Check(k.path, s.fset, k.files, k.info); err != nil {
		t.Fatal(err)
	}
	s.pkgs = append(s.pkgs, k)
	return s, k
}

// known imports the module's packages as they are, and others as compiled.
type known struct {
	byPath map[string]*types.Package
	other  types.Importer
}

func (k known) Import(path string) (*types.Package, error) {
	if p := k.byPath[path]; p != nil {
		return p, nil
	}
	return k.other.Import(path)
}
