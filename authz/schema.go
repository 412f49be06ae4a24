package authz

import (
	_ "embed"
	"fmt"

	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// schemaText is what policies may ask, for people and for Cedar's own tools.
//
//go:embed schema.cedarschema
var schemaText []byte

// Schema is the Cedar schema that every policy is validated against.
func Schema() []byte { return append([]byte(nil), schemaText...) }

// validator is Cedar's strict validator for our schema. It is experimental in
// cedar-go (x/exp), so it is a second opinion: compile repeats what we rest on.
type validator struct{ v *validate.Validator }

func newValidator() (validator, error) {
	var s schema.Schema
	s.SetFilename("schema.cedarschema")
	if err := s.UnmarshalCedar(schemaText); err != nil {
		return validator{}, fmt.Errorf("read schema: %w", err)
	}
	resolved, err := s.Resolve()
	if err != nil {
		return validator{}, fmt.Errorf("resolve schema: %w", err)
	}
	return validator{validate.New(resolved, validate.WithStrict())}, nil
}

func (v validator) check(p *ast.Policy) error { return v.v.Policy("", p) }
