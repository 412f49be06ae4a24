package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
)

// The parts of the definitions that are used, as they are published.
type (
	structureDefinition struct {
		URL, Kind, Type, BaseDefinition, Derivation string
		Abstract                                    bool
		Snapshot                                    struct{ Element []elementDefinition }
	}
	elementDefinition struct {
		Path, Max, ContentReference string
		Min                         int
		IsSummary, IsModifier       bool
		Type                        []struct {
			Code          string
			TargetProfile []string
			Extension     []struct{ URL, ValueURL, ValueURI, ValueString string }
		}
		Binding struct{ Strength, ValueSet string }
	}
	searchParameter struct {
		ID, URL, Code, Type, Expression string
		Base, Target                    []string
		Component                       []struct{ Definition, Expression string }
	}
	compartmentDefinition struct {
		ID, Code string
		Resource []struct {
			Code  string
			Param []string
		}
	}
	codeSystem struct {
		URL, Content string
		Concept      []concept
	}
	concept struct {
		Code    string
		Concept []concept
	}
	valueSet struct {
		URL     string
		Compose struct{ Include, Exclude []valueSetPart }
	}
	valueSetPart struct {
		System   string
		Concept  []concept
		Filter   []struct{ Property, Op, Value string }
		ValueSet []string
	}
)

type definitions struct {
	structures   []structureDefinition
	params       []searchParameter
	compartments []compartmentDefinition
	systems      map[string]*codeSystem
	valueSets    map[string]*valueSet
}

// readDefinitions unpacks the archive with xz(1) and reads its ndjson files.
func readDefinitions(archive string) (*definitions, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	xz := exec.Command("xz", "-dc")
	xz.Stdin, xz.Stderr = f, os.Stderr
	plain, err := xz.Output()
	if err != nil {
		return nil, fmt.Errorf("xz: %w", err)
	}
	d := &definitions{systems: map[string]*codeSystem{}, valueSets: map[string]*valueSet{}}
	for r := tar.NewReader(bytes.NewReader(plain)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return d, nil
		}
		if err != nil {
			return nil, err
		}
		if err := d.readFile(path.Base(h.Name), json.NewDecoder(r)); err != nil {
			return nil, fmt.Errorf("%s: %w", h.Name, err)
		}
	}
}

func (d *definitions) readFile(name string, dec *json.Decoder) error {
	switch name {
	case "structure-definitions.ndjson":
		return each(dec, func(s *structureDefinition) {
			if s.Derivation != "constraint" { // profiles are not types
				d.structures = append(d.structures, *s)
			}
		})
	case "search-parameters.ndjson":
		return each(dec, func(p *searchParameter) { d.params = append(d.params, *p) })
	case "compartment-definitions.ndjson":
		return each(dec, func(c *compartmentDefinition) {
			if c.ID != "example" {
				d.compartments = append(d.compartments, *c)
			}
		})
	case "code-systems.ndjson":
		return each(dec, func(c *codeSystem) { d.systems[c.URL] = c })
	case "value-sets.ndjson":
		return each(dec, func(v *valueSet) { d.valueSets[v.URL] = v })
	}
	return nil
}

func each[T any](dec *json.Decoder, use func(*T)) error {
	for {
		v := new(T)
		err := dec.Decode(v)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		use(v)
	}
}
