package search

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

// Extractor writes the index rows of resources. It compiles the parameters of a
// resource type when it first meets the type, and is safe for concurrent use.
type Extractor struct {
	bases []string // base URLs that are this server's own, no slash at the end
	plans []plan   // by r4.TypeID
}

// NewExtractor is an Extractor for a server that is known by these base URLs:
// absolute references to them are relative ones.
func NewExtractor(bases ...string) *Extractor {
	x := &Extractor{plans: make([]plan, len(r4.Resources())+1)}
	for _, b := range bases {
		if b = strings.TrimSuffix(b, "/"); b != "" {
			x.bases = append(x.bases, b)
		}
	}
	return x
}

// plan is what is computed once for a resource type.
type plan struct {
	once   sync.Once
	err    error
	params []*indexed
	byCode map[string]*indexed
	// bits numbers the JSON properties of the type's elements, so that the
	// parameters whose elements a resource lacks need not be evaluated.
	bits map[string]uint64
}

// indexed is one parameter, compiled.
type indexed struct {
	param      *r4.SearchParam
	expr       alternatives
	components []alternatives
	need       []uint64 // evaluate only if of each set one element is there
	path       string   // for values that are computed: what they are computed from
}

var errNoResource = errors.New("search: not a resource of a type that R4 defines")

func (x *Extractor) plan(resource fhirjson.Node) (*plan, error) {
	typ := resource.Field("resourceType").Text()
	id, ok := r4.TypeID(typ)
	if !ok || int(id) >= len(x.plans) {
		return nil, errNoResource
	}
	p := &x.plans[id]
	p.once.Do(func() { p.err = p.compile(typ) })
	return p, p.err
}

// Indexed reports whether Extract writes rows for the parameter. A store keeps
// _id and _lastUpdated in columns; what R4 publishes without an expression
// (_text, _content, _filter, _query, Patient's age and birthOrderBoolean) is not
// supported. Of the special parameters one is left, near of Location.
func Indexed(p *r4.SearchParam) bool {
	return p.Expression != "" && p.Code != "_id" && p.Code != "_lastUpdated"
}

func (p *plan) compile(typ string) error {
	p.byCode = map[string]*indexed{}
	elements := p.number(typ)
	for _, param := range r4.SearchParams(typ) {
		if !Indexed(param) {
			continue
		}
		in := &indexed{param: param, path: sourcePath(param, typ)}
		in.require(neededElements(param.Expression, typ, elements))
		var err error
		if in.expr, err = compile(param.Expression); err != nil {
			return fmt.Errorf("search parameter %s of %s: %w", param.Code, typ, err)
		}
		for _, c := range param.Components {
			e, err := compile(c.Expression)
			if err != nil {
				return fmt.Errorf("component %s of %s of %s: %w", c.Param.Code, param.Code, typ, err)
			}
			in.components = append(in.components, e)
			if param.Expression == typ { // the components are the resource's own elements
				in.require(neededElements(typ+"."+strings.ReplaceAll(c.Expression, "| ", "| "+typ+"."), typ, elements))
			}
		}
		p.params = append(p.params, in)
		p.byCode[param.Code] = in
	}
	return nil
}

// alternatives are the operands of an expression's outermost unions. They are
// evaluated one by one: FHIRPath's union compares every item with every other,
// which takes a second for a thousand components, and it drops an item that is
// equal to another although it stands in another place of the resource.
type alternatives []*fhirpath.Expr

func compile(expression string) (alternatives, error) {
	var out alternatives
	for _, operand := range splitUnion(expression) {
		e, err := fhirpath.Compile(operand, r4.Model{})
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// splitUnion cuts an expression at each | outside of parentheses and strings.
func splitUnion(s string) []string {
	var out []string
	depth, start, quoted := 0, 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\'' || c == '`':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth == 0:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

func (a alternatives) appendEval(dst []fhirpath.Item, env fhirpath.Env, focus fhirpath.Item) ([]fhirpath.Item, error) {
	var err error
	for _, e := range a {
		if dst, err = e.AppendEval(dst, env, focus); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (in *indexed) require(set uint64) {
	if set != 0 {
		in.need = append(in.need, set)
	}
}

// idle reports whether the resource lacks what the parameter needs.
func (in *indexed) idle(present uint64) bool {
	for _, set := range in.need {
		if set&present == 0 {
			return true
		}
	}
	return false
}

// number gives each element of the type a bit and its JSON properties the same
// one. Past 63 elements, the others share the last bit.
func (p *plan) number(typ string) map[string]uint64 {
	p.bits = map[string]uint64{}
	elements := map[string]uint64{}
	t, ok := r4.LookupType(typ)
	if !ok {
		return elements
	}
	for i, el := range t.Elements {
		bit := uint64(1) << min(i, 63)
		elements[el.Name] = bit
		if !el.Choice {
			p.bits[el.Name], p.bits["_"+el.Name] = bit, bit
			continue
		}
		for _, ty := range el.Types {
			json := el.Name + strings.ToUpper(ty[:1]) + ty[1:]
			p.bits[json], p.bits["_"+json] = bit, bit
		}
	}
	return elements
}

// present are the bits of the elements that the resource has.
func (p *plan) present(resource fhirjson.Node) uint64 {
	var bits uint64
	for c := resource.FirstChild(); c.Exists(); c = c.NextSibling() {
		bits |= p.bits[string(c.NameBytes())]
	}
	return bits
}

// neededElements are the elements of which an expression needs one to have a
// result: those it names after the type. It is 0, "evaluate always", for an
// expression that might have a result from nothing (Patient.deceased.exists()),
// or that starts from anything but the type.
func neededElements(expression, typ string, elements map[string]uint64) uint64 {
	for _, word := range []string{"exists", "empty", "count", "all", "iif", "hasValue", "istinct", "contains", " in ", " and ", " or ", "implies", "&", "~", "%"} {
		if strings.Contains(expression, word) {
			return 0
		}
	}
	var need uint64
	for _, branch := range strings.Split(expression, "|") {
		root, rest, ok := strings.Cut(strings.TrimLeft(branch, " ("), ".")
		bit, known := elements[leadingName(rest)]
		if !ok || !known || root != typ && root != "Resource" && root != "DomainResource" {
			return 0
		}
		need |= bit
	}
	return need
}

// leadingName is the identifier that s starts with.
func leadingName(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') {
			return s[:i]
		}
	}
	return s
}

// sourcePath is the first path in an expression, up to a function or operator.
func sourcePath(p *r4.SearchParam, typ string) string {
	path := typ
	_, rest, ok := strings.Cut(strings.TrimLeft(p.Expression, " ("), ".")
	for ok {
		name := leadingName(rest)
		if name == "" || strings.HasPrefix(rest[len(name):], "(") {
			break
		}
		path += "." + name
		if !strings.HasPrefix(rest[len(name):], ".") {
			break
		}
		rest = rest[len(name)+1:]
	}
	return path
}

// Extract is the rows of a resource: for every parameter of its type that
// Indexed holds for, what each of its values answers to
// (http://hl7.org/fhir/R4/search.html#ptypes). A value that the parameter's
// type cannot represent gives no row. Contained resources are not looked into.
// Errors are those of FHIRPath, or say that this is no resource; they never
// quote content.
func (x *Extractor) Extract(resource fhirjson.Node) ([]Row, error) {
	p, err := x.plan(resource)
	if err != nil {
		return nil, err
	}
	e := extraction{x: x, resource: fhirpath.Resource(resource), rows: make([]Row, 0, 2*len(p.params))}
	present := p.present(resource)
	for _, in := range p.params {
		if in.idle(present) {
			continue
		}
		if err := e.param(in); err != nil {
			return nil, err
		}
	}
	return e.rows, nil
}

// extractParam is the part of Extract that is for one parameter.
func (x *Extractor) extractParam(param *r4.SearchParam, resource fhirjson.Node) ([]Row, error) {
	p, err := x.plan(resource)
	if err != nil {
		return nil, err
	}
	in, ok := p.byCode[param.Code]
	if !ok || in.param != param {
		return nil, errors.New("search: the parameter is not one that resources are indexed by")
	}
	e := extraction{x: x, resource: fhirpath.Resource(resource)}
	err = e.param(in)
	return e.rows, err
}
