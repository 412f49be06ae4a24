package fhirpath

import "strings"

// knownType reports whether the model defines the type.
func knownType(m Model, name string) bool {
	if name == "Resource" || name == "Element" || m.Supertype(name) != "" || m.IsPrimitive(name) {
		return true
	}
	_, _, ok := m.Element(name, "id")
	return ok
}

func systemType(name string) kind {
	for k := kindBoolean; k <= kindQuantity; k++ {
		if k.String() == name {
			return k
		}
	}
	return kindNone
}

// resolveType finds what a type specifier means. Without namespace it is FHIR's
// type or else System's; Quantity is both.
func resolveType(m Model, space, name string) (spec typeSpec, ok bool) {
	if space == "System" {
		spec.system = systemType(name)
		return spec, true // System.Patient is no type, but not malformed either
	}
	if space != "" && space != "FHIR" {
		return spec, false
	}
	if knownType(m, name) {
		spec.fhir = name
	}
	if space == "" {
		spec.system = systemType(name)
	}
	return spec, spec.fhir != "" || spec.system != kindNone
}

// isA reports whether typ is want or specializes it.
func isA(m Model, typ, want string) bool {
	for range 8 { // FHIR's hierarchy is five high
		if typ == want {
			return true
		}
		if typ == "" {
			return false
		}
		typ = m.Supertype(typ)
	}
	return false
}

// is answers the is operator: the type or a subtype of it.
func (ev *evaluator) is(it *Item, spec typeSpec) bool {
	if it.kind != kindElement && it.kind != kindTypeOnly {
		return it.kind == spec.system
	}
	return spec.fhir != "" && isA(ev.x.model, it.text, spec.fhir)
}

// fits answers as and ofType: like is, but a FHIR primitive must be of the type
// itself (a choice of uri or canonical is told apart by ofType(uri), though
// canonical specializes uri), and System.DateTime takes a FHIR dateTime.
func (ev *evaluator) fits(it *Item, spec typeSpec) bool {
	if it.kind == kindElement && spec.fhir != it.text && ev.x.model.IsPrimitive(it.text) {
		return spec.fhir == "" && spec.system != kindNone && systemKind(it.text) == spec.system
	}
	return ev.is(it, spec)
}

// systemKind is the System type that a FHIR primitive converts to implicitly.
// http://hl7.org/fhir/R4/fhirpath.html#types
func systemKind(fhir string) kind {
	switch fhir {
	case "boolean":
		return kindBoolean
	case "integer", "unsignedInt", "positiveInt":
		return kindInteger
	case "decimal":
		return kindDecimal
	case "date":
		return kindDate
	case "dateTime", "instant":
		return kindDateTime
	case "time":
		return kindTime
	default:
		return kindString
	}
}

func typeFunction(name string) func(ev *evaluator, in []Item, n *node, sc *scope) error {
	switch name {
	case "is":
		return func(ev *evaluator, in []Item, n *node, _ *scope) error { return ev.typeTest(in, n) }
	default: // as, ofType
		return func(ev *evaluator, in []Item, n *node, _ *scope) error { return ev.typeFilter(in, n) }
	}
}

func (ev *evaluator) typeTest(in []Item, n *node) error {
	if len(in) == 0 {
		return nil
	}
	if len(in) > 1 {
		return ev.fail(n, "is needs a single item")
	}
	return ev.push(Boolean(ev.is(&in[0], n.spec)))
}

func (ev *evaluator) typeFilter(in []Item, n *node) error {
	for i := range in {
		if ev.fits(&in[i], n.spec) {
			if err := ev.push(in[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// fnType is type(): the namespace and name of each item's type.
func fnType(ev *evaluator, in []Item, n *node, _ *scope) error {
	for i := range in {
		name := "System." + in[i].Type()
		if !in[i].IsSystem() {
			name = "FHIR." + in[i].Type()
		}
		if err := ev.push(Item{kind: kindTypeInfo, text: name}); err != nil {
			return err
		}
	}
	return nil
}

// typeInfoMember is namespace or name of a TypeInfo.
func typeInfoMember(it *Item, name string) (Item, bool) {
	space, typ, _ := strings.Cut(it.text, ".")
	switch name {
	case "namespace":
		return String(space), true
	case "name":
		return String(typ), true
	}
	return Item{}, false
}
