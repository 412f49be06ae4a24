package firebreak_test

import "slices"

// mutants are the enforcement points. One without edits has its place in an
// edit of another.
var mutants = slices.Concat(searchMutants, historyMutants, changeMutants, decisionMutants, launchMutants)

const (
	theQuery   = "the query itself must run over V"
	eachHop    = "every join, chain, count, sort and page runs over V"
	eachRow    = "each included row is judged"
	bothCount  = "a version is visible iff its own class and the current one are"
	looksAlike = "hidden and absent get the same answer"
)

// For whom a mutant shows.
const (
	anyone        = ""
	physician     = "adams user/*.cruds"
	someArguments = "adams user/Observation.cruds?category=laboratory user/Condition.cruds?category=problem-list-item user/Patient.rs user/Encounter.rs user/DiagnosticReport.rs user/CareTeam.rs"
)

var searchMutants = []mutant{
	{"no visibility at all", theQuery, []edit{{"store/visibility.go", `	q.add("(")
	sep := ""
	if len(v.whole)`, `	if mutant("no visibility at all") || v == everything {
		q.add("1=1")
		return nil
	}
	q.add("(")
	sep := ""
	if len(v.whole)`}}, physician},
	{"the row searched", theQuery, []edit{{"store/search.go", `	if err := t.where(q, b.vis, a); err != nil {`,
		`	if mutant("the row searched") || mutant("count") && more == nil || mutant("page") && more != nil || mutant("driver") && byIndex {
		q.add("1=1")
	} else if err := t.where(q, b.vis, a); err != nil {`}}, physician},
	{"count", "totals are exact", nil, physician},
	{"page", "no page comes back short", nil, physician},
	{"driver", theQuery, nil, physician},
	{"types of which nothing is seen", "hidden records move nothing: their type is not known either", []edit{{"store/search.go", `	if len(branches) == 0 {
		return 0, nil`, `	if len(branches) == 0 {
		if mutant("types of which nothing is seen") {
			return 1, nil
		}
		return 0, nil`}}, physician},
	{"position", "page cursors are keyed on visible row values", []edit{{"store/search.go", `		last := rows[len(rows)-1]
`, `		last := rows[len(rows)-1]
		if mutant("position") {
			last.id += "/" + string(rune('a'+last.class%26))
		}
`}}, physician},
	{"page for nobody", "page cursors are bound to subject and client", []edit{{"pagelink.go", `	sum := sha256.Sum256([]byte(p.Owner()))
`, `	sum := sha256.Sum256([]byte(p.Owner()))
	if mutant("page for nobody") {
		sum = [32]byte{}
	}
`}}, physician},
	{"numbers in order of creation", "a hidden record moves no sort order: not by how old it is when it is shown", []edit{{"store/commit.go", `		n.rid = t.s.rows.next(t.now)
`, `		n.rid = t.s.rows.next(t.now)
		if mutant("numbers in order of creation") {
			n.ord = n.rid
		}
`}}, physician},
	{"chain, inside out", eachHop, []edit{{"store/search.go", `		ref, to := t.newAlias(), t.newAlias()
`, `		if mutant("chain, inside out") {
			v = everything
		}
		ref, to := t.newAlias(), t.newAlias()
`}}, physician},
	{"_has, inside out", eachHop, []edit{{"store/search.go", `		self, ref := t.newAlias(), t.newAlias()
`, `		if mutant("_has, inside out") {
			v = everything
		}
		self, ref := t.newAlias(), t.newAlias()
`}}, physician},
	{"chain, tested", eachHop, []edit{{"store/hops.go", `	ref, to := t.newAlias(), t.newAlias()
`, `	if mutant("chain, tested") || mutant("second chain") && a.rid != "m.rid" {
		v = everything
	}
	ref, to := t.newAlias(), t.newAlias()
`}}, physician},
	{"second chain", eachHop, nil, physician},
	{"_has, tested", eachHop, []edit{{"store/hops.go", `	self, ref := t.newAlias(), t.newAlias()
`, `	if mutant("_has, tested") || mutant("second _has") && a.rid != "m.rid" {
		v = everything
	}
	self, ref := t.newAlias(), t.newAlias()
`}}, physician},
	{"second _has", eachHop, nil, physician},
	{"include", eachRow + ", through every :iterate", []edit{{"store/include.go", `	if err := t.where(q, v, alias{`,
		`	if mutant("include") || mutant("include, both nets") && !inc.Reverse || mutant("reverse include, both nets") && inc.Reverse {
		q.add("1=1")
	} else if err := t.where(q, v, alias{`}}, physician},
	{"include, both nets", eachRow, []edit{{"gate/gate.go", `		if read.Effect == Permits {
`, `		if read.Effect == Permits || mutant("include, both nets") || mutant("reverse include, both nets") {
`}}, physician},
	{"reverse include, both nets", eachRow, nil, physician},
}

var historyMutants = []mutant{
	{"history: the version", bothCount, []edit{{"store/history.go", `	if err := t.where(q, v, alias{rid: "v.rid"`, `	if mutant("history: the version") {
		q.add("1=1")
	} else if err := t.where(q, v, alias{rid: "v.rid"`}}, physician},
	{"history: the current version", bothCount, []edit{{"store/history.go", `	return t.where(q, v, alias{rid: "r.rid"`, `	if mutant("history: the current version") {
		v = everything
	}
	return t.where(q, v, alias{rid: "r.rid"`}}, physician},
	{"history: what replaced it", "a hidden version moves nothing: not _at either", []edit{{"store/history.go", `			if err := t.where(q, v, alias{rid: "l.rid"`, `			if mutant("history: what replaced it") {
				q.add("1=1")
			} else if err := t.where(q, v, alias{rid: "l.rid"`}}, physician},
	{"history: the author of the version", "every stored version carries class and keys", []edit{{"store/visibility.go", `		if a.author != "" {
`, `		if a.author != "" && !mutant("history: the author of the version") {
`}}, physician},
	{"history by content: what replaced it", "a hidden version moves nothing: not _at either", []edit{{"store/history.go", `			if ok && !replaced[rows[i].rid] {`,
		`			if mutant("history by content: what replaced it") && !ok && !h.At.IsZero() && rows[i].updated <= h.At.UnixMilli() {
				replaced[rows[i].rid] = true
			}
			if ok && !replaced[rows[i].rid] {`}}, someArguments},
	{"history by content", "a residual is asked of the version's own content", []edit{{"store/history.go", `			if ok && !replaced`, `			if (ok || mutant("history by content")) && !replaced`}}, someArguments},
	{"history: arguments of the index", "a residual is asked of the version's own content", []edit{{"store/history.go", `	if v.asksContent() {`, `	if v.asksContent() && !mutant("history: arguments of the index") {`}}, someArguments},
	{"vread: the current version, both nets", bothCount, []edit{
		{"store/read.go", `	current, ok, err := t.sealOne(action, false, cur)
`, `	if mutant("vread: the current version, both nets") {
		return t.sealOne(action, false, w)
	}
	current, ok, err := t.sealOne(action, false, cur)
`},
		{"store/read.go", `	current, ok, err := t.shown(fhir.ActRead, false, typ, &cur, found)
`, `	current, ok, err := t.shown(fhir.ActRead, false, typ, &cur, found)
	ok = ok || found && mutant("vread: the current version, both nets")
`}}, physician},
	{"read, both nets", "every resource is judged again on its way out", []edit{
		{"store/read.go", `	ok, err := t.holds(rule, &h, w.body)
`, `	ok, err := t.holds(rule, &h, w.body)
	ok = ok || mutant("read, both nets") && !known || mutant("target, both nets") && known || mutant("target refused openly") && known
`},
		{"store/read.go", `		if never || err != nil {
`, `		if mutant("hidden tombstone is gone") && found && w.deleted {
			return gate.Sealed{}, false, fhir.NewProblem(fhir.Gone, "the resource has been deleted")
		}
		if never || err != nil {
`},
		{"gate/gate.go", `		if d.Effect != Permits {
			if err := g.differ(m, d, s)`, `		if d.Effect != Permits && !(mutant("read, both nets") && action == fhir.ActRead) {
			if err := g.differ(m, d, s)`}}, physician},
	{"hidden tombstone is gone", "410 only if it may be seen", nil, physician},
}
