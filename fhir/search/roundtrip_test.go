package search_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// asked are queries that a row must answer to; composites are put together by
// composites.
func asked(r search.Row) []search.Pair {
	code := r.Param.Code
	switch r.Part {
	case search.TextPart:
		if strings.TrimSpace(r.Aux) == "" {
			return nil
		}
		return []search.Pair{{Name: code + ":text", Value: search.Escape(r.Aux)}}
	case search.Identifier:
		return []search.Pair{{Name: code + ":identifier", Value: search.Escape(r.Aux) + "|" + search.Escape(r.Value)}}
	case search.TypedID:
		typ, value, _ := strings.Cut(r.Value, "|")
		if r.Aux == "" {
			return nil
		}
		return []search.Pair{{Name: code + ":of-type", Value: search.Escape(r.Aux) + "|" + search.Escape(typ) + "|" + search.Escape(value)}}
	case search.Whole:
		var out []search.Pair
		for _, v := range values(r, r.Param.Type) {
			out = append(out, search.Pair{Name: code, Value: v})
		}
		if r.Param.Type == r4.ParamString {
			out = append(out, search.Pair{Name: code + ":exact", Value: search.Escape(r.Aux)}, search.Pair{Name: code + ":contains", Value: search.Escape(start(r.Aux, search.MaxContained))})
		}
		return append(out, search.Pair{Name: code + ":missing", Value: "false"})
	}
	return nil
}

// start is as much of a text as may be asked for.
func start(s string, most int) string {
	for len(search.Fold(s)) > most {
		runes := []rune(s)
		s = string(runes[:len(runes)-1])
	}
	return s
}

// token is system|code, with the system that the row leaves out; the code alone
// where no system may be given.
func token(r search.Row) string {
	p, system := r.Param, r.Aux
	if r.Part >= search.Component {
		p = p.Components[r.Part-search.Component].Param
	}
	if p.Bare {
		return search.Escape(r.Value)
	}
	if len(p.Systems) == 1 {
		system = p.Systems[0].URL
	}
	return search.Escape(system) + "|" + search.Escape(r.Value)
}

// values are query values of a type that must match the row.
func values(r search.Row, typ r4.ParamType) []string {
	const layout = "2006-01-02T15:04:05.000000Z"
	var out []string
	switch typ {
	case r4.ParamToken:
		out = append(out, token(r))
		if r.Value != "" {
			out = append(out, search.Escape(r.Value))
		}
	case r4.ParamString:
		out = append(out, search.Escape(start(r.Aux, search.MaxBeginning)))
	case r4.ParamURI:
		out = append(out, search.Escape(r.Value))
	case r4.ParamReference:
		if r.Aux == "" {
			return []string{search.Escape(r.Value)}
		}
		out = append(out, r.Aux+"/"+r.Value, r.Value)
	case r4.ParamDate:
		if r.Low != search.MinDate {
			out = append(out, "ge"+time.UnixMicro(r.Low).UTC().Format(layout))
		}
		if r.High != search.MaxDate {
			out = append(out, "lt"+time.UnixMicro(r.High).UTC().Format(layout))
		}
	case r4.ParamSpecial:
		f := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
		out = append(out, f(r.NumLow)+"|"+f(r.NumHigh), f(r.NumLow)+"|"+f(r.NumHigh)+"|0|m")
	case r4.ParamNumber, r4.ParamQuantity:
		unit := ""
		if typ == r4.ParamQuantity && r.Value != "" {
			unit = "|" + search.Escape(r.Aux) + "|" + search.Escape(r.Value)
		}
		if !math.IsInf(r.NumLow, 0) {
			n := strconv.FormatFloat(r.NumLow, 'f', -1, 64)
			out = append(out, "ge"+n+unit)
			if r.NumLow == r.NumHigh {
				out = append(out, n+unit)
			}
		}
	}
	return out
}

// composites are one query for each group of each composite parameter.
func composites(rows []search.Row) []search.Pair {
	type tuple struct {
		param *r4.SearchParam
		group int32
	}
	parts := map[tuple][]string{}
	for _, r := range rows {
		if r.Part < search.Component {
			continue
		}
		k := tuple{r.Param, r.Group}
		if parts[k] == nil {
			parts[k] = make([]string, len(r.Param.Components))
		}
		n := r.Part - search.Component
		if vs := values(r, r.Param.Components[n].Param.Type); len(vs) > 0 && parts[k][n] == "" {
			parts[k][n] = vs[0]
		}
	}
	var out []search.Pair
	for k, vs := range parts {
		out = append(out, search.Pair{Name: k.param.Code, Value: strings.Join(vs, "$")})
	}
	return out
}

// answersToItsRows asks a resource for everything that its rows say.
func answersToItsRows(tb interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, x *search.Extractor, doc fhirjson.Node) int {
	tb.Helper()
	rows, err := x.Extract(doc)
	if err != nil {
		tb.Fatalf("Extract: %v", err)
	}
	queries := composites(rows)
	for _, r := range rows {
		queries = append(queries, asked(r)...)
	}
	typ := doc.Field("resourceType").Text()
	for _, pair := range queries {
		if pair.Value == "" {
			continue
		}
		q, err := search.Parse([]string{typ}, []search.Pair{pair}, search.Options{Strict: true})
		if err != nil {
			tb.Errorf("%s?%s=%s: %v", typ, pair.Name, pair.Value, err)
			continue
		}
		if ok, err := x.Match(q.Branches[0].Where, doc, search.Meta{}); !ok || err != nil {
			tb.Errorf("%s?%s=%s does not match the resource it was taken from: %v", typ, pair.Name, pair.Value, err)
		}
	}
	return len(queries)
}

func TestAnyValueFindsItsResource(t *testing.T) {
	x := search.NewExtractor()
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[!-~ äÖßéıИ中ﬁ]{0,6}[A-Za-z0-9é|$,\\]`)
		system := rapid.StringMatching(`(http://[a-z|,$]{1,4}|)`)
		q := func(g *rapid.Generator[string], name string) string { return string(fhirjson.Quote(g.Draw(t, name))) }
		number := rapid.StringMatching(`-?[1-9][0-9]{0,6}(\.[0-9]{1,6})?`)
		date := rapid.StringMatching(`(19|20)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8])(T[01][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,8})?(Z|[+-]0[0-9]:00))?)?)?`)
		patient := fmt.Sprintf(`{"resourceType":"Patient","name":[{"family":%s,"given":[%s,%s]}],"identifier":[{"system":%s,"value":%s,"type":{"coding":[{"system":"http://t","code":"MR"}],"text":%s}}],"telecom":[{"system":"phone","value":%s}],"address":[{"city":%s}]}`,
			q(word, "family"), q(word, "given"), q(word, "given2"), q(system, "system"), q(word, "value"), q(word, "type"), q(word, "phone"), q(word, "city"))
		answersToItsRows(t, x, parse(t, patient))
		observation := fmt.Sprintf(`{"resourceType":"Observation","effectiveDateTime":%s,"code":{"coding":[{"system":%s,"code":%s}],"text":%s},"valueQuantity":{"value":%s,"unit":%s,"code":%s,"system":%s},"subject":{"reference":"Patient/a-1"}}`,
			q(date, "date"), q(system, "codesystem"), q(word, "code"), q(word, "text"), number.Draw(t, "number"), q(word, "unit"), q(word, "unitcode"), q(system, "unitsystem"))
		answersToItsRows(t, x, parse(t, observation))
	})
}

// skipsNothing asks for each parameter by itself, without looking first whether
// the resource has its elements.
func skipsNothing(t *testing.T, x *search.Extractor, doc fhirjson.Node, rows []search.Row) {
	t.Helper()
	for _, p := range r4.SearchParams(doc.Field("resourceType").Text()) {
		if !search.Indexed(p) {
			continue
		}
		alone, err := search.ExtractParam(x, p, doc)
		if err != nil {
			t.Fatal(err)
		}
		var of []search.Row
		for _, r := range rows {
			if r.Param == p {
				of = append(of, r)
			}
		}
		if !slices.Equal(alone, of) {
			t.Errorf("%s.%s alone has %d rows, in Extract %d", p.Resource, p.Code, len(alone), len(of))
		}
	}
}

func TestSyntheaIsExtractedAndFindsItself(t *testing.T) {
	x := search.NewExtractor()
	resources, rowCount, asking := 0, 0, 0
	counts := map[string]int{}
	types := map[string]int{}
	bundles := 120
	if testing.Short() {
		bundles = 10
	}
	synthea(t, bundles, func(doc fhirjson.Node) {
		rows, err := x.Extract(doc)
		if err != nil {
			t.Fatal(err)
		}
		typ := doc.Field("resourceType").Text()
		types[typ]++
		seen := map[string]bool{}
		for _, r := range rows {
			if r.Path == "" || !strings.HasPrefix(r.Path, typ) {
				t.Errorf("a row of %s.%s has the path %q", typ, r.Param.Code, r.Path)
			}
			if !seen[r.Param.Code] {
				seen[r.Param.Code] = true
				counts[typ+"."+r.Param.Code]++
			}
		}
		if resources++; resources%25 == 0 {
			asking += answersToItsRows(t, x, doc)
			skipsNothing(t, x, doc, rows)
		}
		rowCount += len(rows)
	})
	t.Logf("%d resources, %d rows (%.1f each), %d queries", resources, rowCount, float64(rowCount)/float64(resources), asking)
	// What every resource of a type has in this data, each must have a row for.
	for _, name := range []string{"Patient.name", "Patient.birthdate", "Patient.gender", "Patient.identifier", "Patient.deceased", "Patient.phone", "Patient.language",
		"Observation.code", "Observation.status", "Observation.category", "Observation.subject", "Observation.patient", "Observation.date", "Observation.encounter",
		"Encounter.date", "Encounter.class", "Encounter.participant", "Encounter.service-provider", "Condition.code", "Condition.onset-date", "Condition.clinical-status",
		"Procedure.code", "Procedure.date", "MedicationRequest.intent", "MedicationRequest.patient", "Claim.created", "ExplanationOfBenefit.claim", "DiagnosticReport.result", "Immunization.vaccine-code"} {
		typ, _, _ := strings.Cut(name, ".")
		if types[typ] == 0 {
			t.Errorf("no %s in the data", typ)
			continue
		}
		if share := float64(counts[name]) / float64(types[typ]); share < 0.95 {
			t.Errorf("%s has rows in %.0f %% of %d resources", name, 100*share, types[typ])
		}
	}
	for _, name := range []string{"Observation.value-quantity", "Observation.code-value-quantity", "Observation.component-code-value-quantity", "Observation.value-concept", "Observation.code-value-concept"} {
		if counts[name] == 0 {
			t.Errorf("%s has no rows at all", name)
		}
	}
}
