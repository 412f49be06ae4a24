package validate

import (
	"strings"

	"firebreak/fhir/r4"
	"firebreak/fhirjson"
)

// MaxIssues is how many issues Resource looks for before it stops.
const MaxIssues = 20

// An Issue is one thing wrong with a resource. It holds nothing of the
// resource's content.
type Issue struct {
	Code       string // of FHIR's IssueType: structure, required, value, invalid, invariant, code-invalid
	Expression string // where, as FHIRPath: "Patient.name[0].family"
	Text       string // one of this package's literals, perhaps with an element's name
}

// Resource checks the structure of a resource
// (http://hl7.org/fhir/R4/json.html): that its elements are those of its type,
// in the numbers and JSON forms the definitions allow, with primitives that are
// well-formed and codes that belong to required bindings. wantType is the
// resource type expected, or "" for any. The issues are in document order (what
// is missing counts where its parent ends), at most MaxIssues; none means that
// the structure is sound.
func Resource(doc fhirjson.Node, wantType string) []Issue {
	c := newChecker(doc, wantType)
	c.resource(doc, wantType, topLevel)
	return c.issues
}

func newChecker(doc fhirjson.Node, wantType string) checker {
	c := checker{src: doc.Raw(), path: make([]step, 0, 32)}
	c.base, _ = doc.Span()
	c.root = "Resource"
	if _, ok := r4.TypeID(wantType); ok {
		c.root = wantType
	}
	return c
}

// A step is one step of the path from the root to what is being checked.
type step struct {
	name  string // from the definitions
	index int32  // of an item, or -1
}

type checker struct {
	src     []byte // the root resource's bytes
	base    int    // where they start in the document
	root    string // the path's first word
	path    []step
	issues  []Issue
	bundles int // how many Bundles are around

	outline bool       // resources inside the resource are not looked at
	entries *[][]Issue // of a batch: by entry, what is wrong in each; or nil
}

func (c *checker) full() bool { return len(c.issues) >= MaxIssues }

func (c *checker) report(code, text string) {
	if c.full() {
		return
	}
	var b strings.Builder
	b.WriteString(c.root)
	for _, s := range c.path {
		b.WriteByte('.')
		b.WriteString(s.name)
		if s.index >= 0 {
			b.WriteByte('[')
			b.WriteString(itoa(int(s.index)))
			b.WriteByte(']')
		}
	}
	c.issues = append(c.issues, Issue{code, b.String(), text})
}

func (c *checker) push(name string) { c.path = append(c.path, step{name, -1}) }
func (c *checker) pop()             { c.path = c.path[:len(c.path)-1] }
func (c *checker) at(index int)     { c.path[len(c.path)-1].index = int32(index) }

// name is the bytes of a member's name without copying them; escaped names,
// which no definition has, are decoded.
func (c *checker) name(n fhirjson.Node) []byte {
	start, _ := n.MemberSpan()
	end, _ := n.Span()
	b := c.src[start-c.base+1 : end-c.base]
	for i, ch := range b {
		switch ch {
		case '"':
			return b[:i]
		case '\\':
			return []byte(n.Name())
		}
	}
	return nil
}

// place says where a resource stands.
type place uint8

const (
	topLevel  place = iota
	contained       // in DomainResource.contained
	embedded        // in Bundle.entry.resource, Parameters.parameter.resource
)

// resource checks a whole resource, its type first.
func (c *checker) resource(n fhirjson.Node, want string, where place) {
	if n.Kind() != fhirjson.Object {
		c.report("structure", notAnObject)
		return
	}
	rt := n.Field("resourceType")
	if rt.Kind() != fhirjson.String {
		c.report("required", noResourceType)
		return
	}
	name := rt.Text()
	t, ok := r4.LookupType(name)
	if !ok || t.Kind != r4.KindResource || t.Abstract {
		c.report("structure", unknownResourceType)
		return
	}
	if want != "" && want != name {
		c.report("invalid", otherResourceType)
		return
	}
	if where == topLevel {
		c.root = t.Name
	}
	if t.Name == "Bundle" {
		c.bundles++
		defer func() { c.bundles-- }()
	}
	if where == contained {
		// FHIR R4 references.html#contained; dom-2, dom-4, dom-5.
		if !n.Field("id").Exists() {
			c.report("required", containedWithoutID)
		}
		if n.Field("contained").Exists() {
			c.report("invariant", containedInContained)
		}
		meta := n.Field("meta")
		if meta.Field("versionId").Exists() || meta.Field("lastUpdated").Exists() {
			c.report("invariant", containedVersion)
		}
		// Whoever labels it means to protect it, and nothing would: what is seen
		// and what is hidden is the container.
		if meta.Field("security").Exists() {
			c.report("invariant", containedLabel)
		}
	}
	c.object(n, t)
}

// object checks an object's members against the elements of its type.
func (c *checker) object(n fhirjson.Node, t *r4.Type) {
	if n.Kind() != fhirjson.Object {
		c.report("structure", notAnObject)
		return
	}
	if n.Len() == 0 {
		c.report("structure", emptyObject)
		return
	}
	o := object{node: n, typ: t}
	for m := range n.Children() {
		if c.full() {
			return
		}
		c.member(&o, m)
	}
	c.missing(&o)
	c.rules(&o)
}

// An object is what is known of an object while its members go by.
type object struct {
	node     fhirjson.Node
	typ      *r4.Type
	next     int       // where to look first: members mostly stand in the definition's order
	seen     [2]uint64 // the elements present
	variants [8]variant
	chosen   int  // how many variants
	content  bool // has more than an id
}

// A variant is a choice's type that was met.
type variant struct {
	element int
	typ     string
}

// find is the element of that JSON name and its type, or -1.
func (o *object) find(name []byte) (int, string) {
	n := len(o.typ.Elements)
	for k, i := 0, o.next; k < n; k, i = k+1, i+1 {
		if i >= n {
			i -= n
		}
		e := &o.typ.Elements[i]
		if len(name) < len(e.Name) || name[0] != e.Name[0] {
			continue
		}
		if typ, ok := e.TypeOf(string(name)); ok {
			o.next = i
			return i, typ
		}
	}
	return -1, ""
}

func (c *checker) member(o *object, m fhirjson.Node) {
	name := c.name(m)
	companion := len(name) > 1 && name[0] == '_'
	if companion {
		name = name[1:]
	}
	if string(name) == "resourceType" && !companion && o.typ.Kind == r4.KindResource {
		return
	}
	i, typ := -1, ""
	if len(name) > 0 {
		i, typ = o.find(name)
	}
	if i < 0 {
		o.content = true // wrong, but there: one issue is enough
		c.unknown(name)
		return
	}
	e := &o.typ.Elements[i]
	o.content = o.content || e.Name != "id"
	c.push(e.Name)
	defer c.pop()
	if !o.note(i, typ, e.Choice) {
		c.report("structure", twoVariants)
		return
	}
	t, ok := r4.LookupType(typ)
	if !ok {
		c.report("structure", unknownElement)
		return
	}
	switch {
	case companion:
		c.companion(o, e, t, m, string(name))
	case e.Max == 1:
		c.value(o, e, t, m)
	default:
		c.list(o, e, t, m)
	}
}

// note records an element; it reports false when a choice has another type already.
func (o *object) note(i int, typ string, choice bool) bool {
	bit := uint64(1) << (i & 63)
	if choice {
		for _, v := range o.variants[:o.chosen] {
			if v.element == i && v.typ != typ {
				return false
			}
		}
		if o.seen[i>>6]&bit == 0 && o.chosen < len(o.variants) {
			o.variants[o.chosen] = variant{i, typ}
			o.chosen++
		}
	}
	o.seen[i>>6] |= bit
	return true
}

func (c *checker) unknown(name []byte) {
	if safeName(name) {
		c.report("structure", unknownElement+": '"+string(name)+"'")
		return
	}
	c.report("structure", unknownElement)
}

// list checks a repeating element. R4 bounds none of them: max is 1 or *.
func (c *checker) list(o *object, e *r4.Element, t *r4.Type, m fhirjson.Node) {
	if m.Kind() != fhirjson.Array {
		c.report("structure", notAnArray)
		return
	}
	if m.Len() == 0 {
		c.report("structure", emptyArray)
		return
	}
	if c.entries != nil && e.Name == "entry" {
		c.apart(o, e, t, m)
		return
	}
	i := 0
	for item := range m.Children() {
		if c.full() {
			return
		}
		c.at(i)
		switch {
		case item.Kind() != fhirjson.Null:
			c.value(o, e, t, item)
		case t.Kind != r4.KindPrimitive || o.node.Field("_"+m.Name()).Item(i).Kind() != fhirjson.Object:
			c.report("structure", loneNull)
		}
		i++
	}
}

// value checks one value of an element.
func (c *checker) value(o *object, e *r4.Element, t *r4.Type, v fhirjson.Node) {
	switch v.Kind() {
	case fhirjson.Array:
		c.report("structure", anArray)
		return
	case fhirjson.Null:
		c.report("structure", loneNull)
		return
	}
	switch t.Kind {
	case r4.KindPrimitive:
		c.primitive(e, t, v)
	case r4.KindResource:
		if c.outline {
			return
		}
		where := embedded
		if e.Name == "contained" {
			where = contained
		}
		c.resource(v, "", where)
	default:
		c.object(v, t)
		if t.Name == "Reference" {
			c.reference(e, v)
		}
	}
}

// missing reports elements that must be there.
func (c *checker) missing(o *object) {
	for i := range o.typ.Elements {
		e := &o.typ.Elements[i]
		if e.Min > 0 && o.seen[i>>6]&(1<<(i&63)) == 0 {
			c.report("required", missingElement+": '"+e.Name+"'")
		}
	}
}

// rules checks the invariants that belong to the structure itself.
func (c *checker) rules(o *object) {
	if !o.content && o.typ.Kind != r4.KindResource {
		// ele-1: "All FHIR elements must have a @value or children".
		c.report("invariant", onlyID)
		return
	}
	if o.typ.Name != "Extension" {
		return
	}
	// ext-1: "Must have either extensions or value[x], not both".
	nested := o.node.Field("extension").Exists()
	if nested == (o.chosen > 0) {
		c.report("invariant", extensionValue)
	}
}
