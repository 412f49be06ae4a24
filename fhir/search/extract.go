package search

import (
	"fmt"
	"strconv"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
	"firebreak/fhirpath"
)

// extraction is one run over one resource.
type extraction struct {
	x        *Extractor
	resource fhirpath.Item
	rows     []Row
	items    []fhirpath.Item // reused
	parts    []fhirpath.Item // reused, for components
	ends     []int           // reused: where each component's parts end
	paths    []nodePath      // of elements met so far
	latest   []position      // at each depth, the array item met last
	path     []byte          // scratch
}

type nodePath struct {
	node fhirjson.Node
	path string
}

// position is the index of an array's item.
type position struct {
	node  fhirjson.Node
	index int
}

// maxQuadratic is how many rows are compared pair by pair for duplicates.
const maxQuadratic = 24

// param appends the rows of one parameter.
func (e *extraction) param(in *indexed) error {
	var err error
	e.items, err = in.expr.appendEval(e.items[:0], fhirpath.Env{}, e.resource)
	if err != nil {
		return fmt.Errorf("search parameter %s of %s: %w", in.param.Code, in.param.Resource, err)
	}
	start := len(e.rows)
	if in.param.Type == r4.ParamComposite {
		return e.composite(in)
	}
	for _, item := range e.items {
		w := writer{e: e, row: Row{Param: in.param}, typ: in.param.Type}
		w.value(item, e.itemPath(item, in.path))
	}
	e.deduplicate(start)
	return nil
}

// composite appends one group for each item that has a value for every
// component (http://hl7.org/fhir/R4/search.html#composite).
func (e *extraction) composite(in *indexed) error {
	group := int32(0)
	for _, item := range e.items {
		if whole, err := e.components(in, item); err != nil {
			return fmt.Errorf("search parameter %s of %s: %w", in.param.Code, in.param.Resource, err)
		} else if !whole {
			continue
		}
		start, from := len(e.rows), 0
		for n, to := range e.ends {
			before := len(e.rows)
			w := writer{e: e, row: Row{Param: in.param, Part: Component + Part(n), Group: group + 1}, typ: in.param.Components[n].Param.Type}
			for _, part := range e.parts[from:to] {
				w.value(part, e.itemPath(part, in.path))
			}
			from = to
			if e.deduplicate(before); len(e.rows) == before {
				e.rows = e.rows[:start] // not a whole tuple: nothing can match it
				break
			}
		}
		if len(e.rows) > start {
			group++
		}
	}
	return nil
}

// components evaluates the components on one item: their values one after the
// other in parts, ends says where each one's end. It reports false when one has
// none.
func (e *extraction) components(in *indexed, item fhirpath.Item) (whole bool, err error) {
	e.parts, e.ends = e.parts[:0], e.ends[:0]
	for _, expr := range in.components {
		before := len(e.parts)
		if e.parts, err = expr.appendEval(e.parts, fhirpath.Env{Resource: e.resource}, item); err != nil {
			return false, err
		}
		if len(e.parts) == before {
			return false, nil
		}
		e.ends = append(e.ends, len(e.parts))
	}
	return true, nil
}

// deduplicate drops equal rows from start on.
func (e *extraction) deduplicate(start int) {
	added := e.rows[start:]
	if len(added) < 2 {
		return
	}
	kept := added[:1]
	var seen map[Row]bool
	if len(added) > maxQuadratic {
		seen = map[Row]bool{added[0]: true}
	}
	for _, row := range added[1:] {
		if seen != nil {
			if !seen[row] {
				seen[row] = true
				kept = append(kept, row)
			}
			continue
		}
		same := false
		for i := range kept {
			same = same || kept[i] == row
		}
		if !same {
			kept = append(kept, row)
		}
	}
	e.rows = e.rows[:start+len(kept)]
}

// itemPath is the item's place in the document, or the parameter's source for
// a value that FHIRPath computed.
func (e *extraction) itemPath(item fhirpath.Item, source string) string {
	n := item.Node()
	if !n.Exists() {
		return source
	}
	return e.nodePath(n)
}

// nodePath is Node.Path, which several parameters ask for of the same element.
func (e *extraction) nodePath(n fhirjson.Node) string {
	for i := range e.paths {
		if e.paths[i].node == n {
			return e.paths[i].path
		}
	}
	e.path = append(e.path[:0], e.resource.Type()...)
	e.appendPath(n, 0)
	path := string(e.path)
	if len(e.paths) < 64 {
		e.paths = append(e.paths, nodePath{n, path})
	}
	return path
}

func (e *extraction) appendPath(n fhirjson.Node, up int) {
	parent := n.Parent()
	if !parent.Exists() {
		return
	}
	e.appendPath(parent, up+1)
	if parent.Kind() == fhirjson.Object {
		e.path = append(append(e.path, '.'), n.NameBytes()...)
		return
	}
	e.path = append(strconv.AppendInt(append(e.path, '['), int64(e.index(parent, n, up)), 10), ']')
}

// index is n's place in the array. Items mostly come in order, so the search
// starts at the item found last at this height: a long array is walked once.
func (e *extraction) index(array, n fhirjson.Node, up int) int {
	for len(e.latest) <= up {
		e.latest = append(e.latest, position{})
	}
	at := position{array.FirstChild(), 0}
	if last := e.latest[up]; last.node.Parent() == array && last.node.Exists() && !before(n, last.node) {
		at = last
	}
	for at.node.Exists() && at.node != n {
		at = position{at.node.NextSibling(), at.index + 1}
	}
	e.latest[up] = at
	return at.index
}

// before reports whether a stands before b in the document.
func before(a, b fhirjson.Node) bool {
	i, _ := a.Span()
	j, _ := b.Span()
	return i < j
}
