package gate_test

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
	"regexp"
	"strings"
	"testing"
)

// exportsOf finds the compiled form of the packages and of all they import.
func exportsOf(t *testing.T, packages ...string) types.Importer {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Export"}, packages...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	export := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		export[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })
}

// typeErrors type-checks one file as a package of its own.
func typeErrors(t *testing.T, imp types.Importer, path string) (comment string, found []string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("a forgery must be well-formed Go: %v", err)
	}
	for _, c := range file.Comments {
		if c.End() < file.Package {
			comment += c.Text()
		}
	}
	conf := types.Config{Importer: imp, Error: func(err error) { found = append(found, err.Error()) }}
	_, _ = conf.Check("forge", fset, []*ast.File{file}, nil)
	return comment, found
}

// TestForgeriesDoNotCompile type-checks each file of testdata/forge by itself.
// Every error that it has must be of the kind that it names: a forgery that
// failed for a spelling mistake would prove nothing.
func TestForgeriesDoNotCompile(t *testing.T) {
	imp := exportsOf(t, "firebreak", "firebreak/transport", "firebreak/gate", "firebreak/fhir", "net/http", "context")
	files, err := filepath.Glob("testdata/forge/*.go")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d forgeries: %v", len(files), err)
	}
	controls := 0
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".go"), func(t *testing.T) {
			comment, found := typeErrors(t, imp, path)
			_, want, ok := strings.Cut(comment, "want: ")
			if want = strings.TrimSpace(want); !ok || want == "" {
				t.Fatal("no comment says which error is wanted")
			}
			if want == "compiles" {
				controls++
				if len(found) > 0 {
					t.Errorf("the control must compile: %s", found)
				}
				return
			}
			if len(found) == 0 {
				t.Fatal("the forgery compiles")
			}
			for _, e := range found {
				if !regexp.MustCompile(want).MatchString(e) {
					t.Errorf("error %q, want %q", e, want)
				}
			}
		})
	}
	if controls != 1 {
		t.Errorf("%d controls that compile, want 1", controls)
	}
}
