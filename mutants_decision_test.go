package firebreak_test

var changeMutants = []mutant{
	{"condition of a change", "conditional update: over V", []edit{{"store/search.go", `		if !v.never() && (one.found == nil`, `		if mutant("condition of a change") && known && action != fhir.ActRead || mutant("condition of a create or reference") && known && action == fhir.ActRead {
			v, one.vis, one.found = everything, everything, nil
		}
		if mutant("condition on what may not be searched") {
			one.found = nil
		}
		if !v.never() && (one.found == nil`}}, physician},
	{"condition on what may not be searched", "conditional anything: match the condition's parameters", nil, "adams user/*.cud user/Observation.rs?category=laboratory user/Condition.rs?category=problem-list-item user/Encounter.rs user/Patient.rs"},
	{"condition of a create or reference", "If-None-Exist and conditional references: over V", nil, physician},
	{"target, both nets", "a change of what is hidden is a change of what is absent", []edit{{"gate/gate.go", `	if may.Effect == Permits {
		if err := m.stands()`, `	if may.Effect == Permits || mutant("target, both nets") {
		if err := m.stands()`}}, physician},
	{"target refused openly", "403 is never for what exists and is hidden", []edit{{"gate/gate.go", `	if see.Effect == Permits {
		return Judged{}, refusal(layerOf(may))`, `	if see.Effect == Permits || mutant("target refused openly") {
		return Judged{}, refusal(layerOf(may))`}}, physician},
	{"PUT to a hidden id", "PUT to an unknown or hidden id: the same 405", []edit{{"store/read.go", `	return t.shown(action, known, typ, &w, found)
`, `	s, ok, err := t.shown(action, known, typ, &w, found)
	if known && found && !ok && err == nil {
		switch {
		case mutant("PUT to a hidden id") && action == fhir.ActUpdate:
			err = fhir.NewProblem(fhir.Conflict, "the id is in use")
		case mutant("DELETE of a hidden id") && action == fhir.ActDelete:
			err = fhir.NewProblem(fhir.Forbidden, "not yours")
		case mutant("If-Match before visibility") && t.m.MayImport("Patient") == false && w.version != "":
			err = fhir.NewProblem(fhir.Stale, "the resource is not at the version that the request names")
		}
	}
	return s, ok, err
`}}, physician},
	{"DELETE of a hidden id", looksAlike, nil, physician},
	{"If-Match before visibility", "If-Match is compared only after visibility", nil, physician},
	{"a tombstone without its labels", "a tombstone has its last version's class", []edit{{"gate/gate.go", `	h.Type, h.ID, h.Class, h.Keys, h.Facts, h.Deleted = was.Type, was.ID, was.Class, was.Keys, was.Facts, true
`, `	h.Type, h.ID, h.Class, h.Keys, h.Facts, h.Deleted = was.Type, was.ID, was.Class, was.Keys, was.Facts, true
	if mutant("a tombstone without its labels") {
		h.Class.Confidentiality, h.Class.Sensitivities = Normal, nil
	}
`}}, physician},
	{"a change shows what may not be read", "a change answers with its representation only when the caller may read it", []edit{{"gate/release.go", `		show = see.Effect == Permits
`, `		show = see.Effect == Permits || mutant("a change shows what may not be read")
`}}, "adams user/*.cud"},
	{"a change is not judged by what it makes", "before and after are judged", []edit{{"gate/gate.go", `	if d.Effect != Permits {
		return Judged{}, refusal(layerOf(d))`, `	if d.Effect != Permits && !mutant("a change is not judged by what it makes") {
		return Judged{}, refusal(layerOf(d))`}}, physician},
}

var decisionMutants = []mutant{
	{"ties without end", "care relations are rows joined in the search's own snapshot", []edit{
		{"store/visibility.go", `tie.since<=? AND tie.until>?)`, "`+map[bool]string{false: \"(tie.since<=? AND tie.until>?))\", true: \"(tie.since<=? OR tie.until>?))\"}[mutant(\"ties without end\")]+`"},
		{"store/rows.go", `			if since <= now && now < until {`, `			if since <= now && now < until || mutant("ties without end") {`}}, physician},
	{"ties without end, net 1 alone", "care relations are rows joined in the search's own snapshot", []edit{
		{"store/visibility.go", `mutant("ties without end")`, `mutant("ties without end") || mutant("ties without end, net 1 alone")`}}, physician},
	{"anyone asserts", "authority is not data: a care team counts only when its writer may assert it", []edit{{"gate/gate.go", `g.labeler.Classify(m.at().p, c, m.MayAssert(after.Header.Type))`, `g.labeler.Classify(m.at().p, c, m.MayAssert(after.Header.Type) || mutant("anyone asserts"))`}}, physician},
	{"classes off by one", "every stored version and every index row carries its class", []edit{{"store/visibility.go", `			v.whole = append(v.whole, int64(id))`, `			if mutant("classes off by one") {
				id++
			}
			v.whole = append(v.whole, int64(id))`}}, physician},
	{"classes between", "a set of class ids, equal to the reference evaluation", []edit{{"store/visibility.go", `hi-lo+1 == int64(len(ids))`, `hi-lo+1 == int64(len(ids)) || mutant("classes between")`}}, physician},
	{"a new class fails open", "a cached hidden set fails open when a class is interned after it", []edit{{"store/visibility.go", `	if len(ids) == 1 {
`, `	if mutant("a new class fails open") && len(ids) > 1 {
		for len(ids) > 0 && t.s.highest == 0 {
			t.s.highest = int64(len(t.ts.classes)) - 1
		}
		fmt.Fprintf(&q.text, "(%s>%d OR %s IN (0", a.class, t.s.highest, a.class)
		for _, id := range ids {
			fmt.Fprintf(&q.text, ",%d", id)
		}
		q.text.WriteString("))")
		return
	}
	if len(ids) == 1 {
`}, {"store/store.go", `type Store struct {
`, `type Store struct {
	highest int64
`}}, physician},
	{"groups of rules mixed up", "class predicate AND key predicate AND residual", []edit{{"store/visibility.go", `		return fmt.Sprintf("k%q%q", r.Relation, r.Holder)`, `		if mutant("groups of rules mixed up") {
			return "k"
		}
		return fmt.Sprintf("k%q%q", r.Relation, r.Holder)`}}, physician},
	{"residual dropped", "SMART scopes with search arguments are a residual", []edit{{"store/visibility.go", `		return t.expr(q, r.Where, a)
	default:`, `		if mutant("residual dropped") {
			q.add("1=1")
			return nil
		}
		return t.expr(q, r.Where, a)
	default:`}}, someArguments},
	{"residual dropped on bodies", "a residual is asked of the version's own content", []edit{{"store/rows.go", `		if r.Type != h.Type {
			return false, nil
		}
		root`, `		if mutant("residual dropped on bodies") {
			return true, nil
		}
		if r.Type != h.Type {
			return false, nil
		}
		root`}}, someArguments},
	{"forbids left out of net 1", "layers join by conjunction; a forbid is never half-applied", []edit{{"authz/policies.go", `			forbids = append(forbids, gate.Except(rule))`, `			if !mutant("forbids left out of net 1") {
				forbids = append(forbids, gate.Except(rule))
			}`}}, physician},
	{"patient scopes are about anyone", "scopes say whose records", []edit{{"authz/scopes.go", `	own := gate.KeyTest{Relation: gate.SubjectIs, Holder: id.Patient}
`, `	if mutant("patient scopes are about anyone") {
		return gate.Always{}
	}
	own := gate.KeyTest{Relation: gate.SubjectIs, Holder: id.Patient}
`}}, "launched patient/*.rs"},
	{"the scope layer is left out of net 1", "all layers must permit", []edit{{"gate/gate.go", `		r, err := l.Rule(p, action, typ)
`, `		r, err := l.Rule(p, action, typ)
		if _, never := r.(Never); mutant("the scope layer is left out of net 1") && l.Layer() == "scope" && !never {
			r = Always{}
		}
`}}, physician},
	{"labels within", "a Bundle is as sensitive as what is in it", []edit{{"label/label.go", `	if c.Type != "Bundle" && c.Type != "Parameters" {`, `	if c.Type != "Bundle" && c.Type != "Parameters" || mutant("labels within") {`}}, physician},
	{"the lower of two labels", "the strictest label counts", []edit{{"label/label.go", `c.Confidentiality = max(c.Confidentiality, level)`, `c.Confidentiality = map[bool]gate.Confidentiality{false: max(c.Confidentiality, level), true: level}[mutant("the lower of two labels")]`}}, physician},
	{"unlabelled is unrestricted", "unlabelled means N", []edit{{"label/label.go", `		c.Confidentiality = gate.Normal
`, `		c.Confidentiality = gate.Normal
		if mutant("unlabelled is unrestricted") {
			c.Confidentiality = gate.Unrestricted
		}
`}}, physician},
	{"the directory is never linked", "directory types are readable unless linked to a patient", []edit{{"label/label.go", `		c.Linked = len(k.Subjects)+len(k.Mentions) > 0 || tellsOfPatient(root)`, `		c.Linked = (len(k.Subjects)+len(k.Mentions) > 0 || tellsOfPatient(root)) && !mutant("the directory is never linked")`}}, physician},
	{"mentions are subjects", "subjects are told apart from mentions", []edit{{"label/label.go", `	k.Mentions = l.mentions(root, k.Subjects)
`, `	k.Mentions = l.mentions(root, k.Subjects)
	if mutant("mentions are subjects") {
		k.Subjects = slices.Sorted(slices.Values(append(k.Subjects, k.Mentions...)))
	}
`}}, physician},
}
