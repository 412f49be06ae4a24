// Command generate writes the tables of package r4 from HL7's published
// definitions of FHIR R4 (hl7.fhir.r4.core 4.0.1, CC0). It uses encoding/json:
// its input is pinned and not a client's.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	defs := flag.String("definitions", "", "hl7.fhir.r4.core-4.0.1.ndjson.tar.xz (default: in $FIREBREAK_TESTDATA, else ../shared/data beside the repository)")
	out := flag.String("out", ".", "folder for the generated files")
	flag.Parse()
	path := *defs
	if path == "" {
		path = definitionsPath()
	}
	if err := run(path, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

const archiveName = "hl7.fhir.r4.core-4.0.1.ndjson.tar.xz"

// definitionsPath is where the definitions lie when no flag says so.
func definitionsPath() string {
	if dir := os.Getenv("FIREBREAK_TESTDATA"); dir != "" {
		return filepath.Join(dir, archiveName)
	}
	dir, err := os.Getwd()
	for err == nil {
		if _, statErr := os.Stat(filepath.Join(dir, "go.mod")); statErr == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	return filepath.Join(dir, "..", "shared", "data", archiveName)
}

// run reads the definitions and writes types_gen.go, search_gen.go and
// compartments_gen.go into folder out.
func run(definitions, out string) error {
	d, err := readDefinitions(definitions)
	if err != nil {
		return err
	}
	types, err := buildTypes(d)
	if err != nil {
		return fmt.Errorf("types: %w", err)
	}
	params, err := buildParams(d, types)
	if err != nil {
		return fmt.Errorf("search parameters: %w", err)
	}
	for name, emit := range map[string]func(*source){
		"types_gen.go":        func(s *source) { emitTypes(s, types) },
		"search_gen.go":       func(s *source) { emitParams(s, params) },
		"compartments_gen.go": func(s *source) { emitCompartments(s, buildCompartments(d)) },
	} {
		if err := write(filepath.Join(out, name), emit); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
