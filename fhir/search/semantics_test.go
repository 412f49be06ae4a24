package search_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"firebreak/fhir/r4"
	"firebreak/fhir/search"
)

// TestDatePrefixesAreWhatTheirWordsSay compares the arithmetic with the
// definitions of search.html#prefix, on sets of instants.
func TestDatePrefixesAreWhatTheirWordsSay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		point := rapid.Int64Range(0, 12)
		l, low := point.Draw(t, "l"), point.Draw(t, "low")
		h, high := l+rapid.Int64Range(1, 6).Draw(t, "width"), low+rapid.Int64Range(1, 6).Draw(t, "row width")
		var above, below, inside, startsAfter, endsBefore, overlap = false, false, true, true, true, false
		for i := low; i < high; i++ {
			in := l <= i && i < h
			above, below = above || i >= h, below || i < l
			inside, overlap = inside && in, overlap || in
			startsAfter, endsBefore = startsAfter && i >= h, endsBefore && i < l
		}
		for prefix, want := range map[search.Prefix]bool{search.Eq: inside, search.Ne: !inside, search.Gt: above, search.Lt: below,
			search.Ge: above || inside, search.Le: below || inside, search.Sa: startsAfter, search.Eb: endsBefore, search.Ap: overlap} {
			v := search.Value{Prefix: prefix, DateLow: l, DateHigh: h}
			if got := search.DateMatches(v, low, high); got != want {
				t.Errorf("%v[%d,%d) on [%d,%d) = %t, want %t", prefix, l, h, low, high, got, want)
			}
		}
	})
}

func TestNumberPrefixesIgnorePrecisionButEqNeAndAp(t *testing.T) {
	read := func(s string) search.Value {
		n, low, high, ok := search.NumberInterval(s)
		if !ok {
			t.Fatalf("NumberInterval(%q)", s)
		}
		return search.Value{Number: n, NumLow: low, NumHigh: high}
	}
	for _, c := range []struct {
		value     string
		low, high float64
		holds     string // the prefixes that hold
	}{
		{"100", 100, 100, "eq ge le ap"},
		{"100", 100.4, 100.4, "eq gt ge sa ap"},
		{"100", 99.5, 99.5, "eq lt le eb ap"},
		{"100", 100.5, 100.5, "ne gt ge sa ap"}, // ap counts both bounds in
		{"100", 90, 110, "ne gt lt ge le ap"},
		{"100", 200, 300, "ne gt ge sa"},
	} {
		holds := ""
		for p := search.Eq; p <= search.Ap; p++ {
			v := read(c.value)
			v.Prefix = p
			if search.NumberMatches(v, c.low, c.high) {
				holds += " " + p.String()
			}
		}
		if holds[1:] != c.holds {
			t.Errorf("%s on [%v,%v]: %s hold, want %s", c.value, c.low, c.high, holds[1:], c.holds)
		}
	}
}

func TestNumberIntervalFollowsTheDigits(t *testing.T) {
	for _, c := range []struct {
		in           string
		n, low, high float64
		ok           bool
	}{
		{"100", 100, 99.5, 100.5, true},
		{"100.00", 100, 99.995, 100.005, true},
		{"1e2", 100, 95, 105, true},
		{"1.0e2", 100, 95, 105, true},
		{"1E+2", 100, 95, 105, true},
		{"5.40", 5.4, 5.395, 5.405, true},
		{"-5.4", -5.4, -5.45, -5.35, true},
		{"0", 0, -0.5, 0.5, true},
		{"1e-3", 0.001, 0.00095, 0.00105, true},
		{"", 0, 0, 0, false}, {"-", 0, 0, 0, false}, {".5", 0, 0, 0, false}, {"5.", 0, 0, 0, false}, {"+5", 0, 0, 0, false},
		{"1e", 0, 0, 0, false}, {"1e++2", 0, 0, 0, false}, {"1e400", 0, 0, 0, false}, {"1_0", 0, 0, 0, false}, {"Inf", 0, 0, 0, false}, {"--5", 0, 0, 0, false},
	} {
		n, low, high, ok := search.NumberInterval(c.in)
		if n != c.n || low != c.low || high != c.high || ok != c.ok {
			t.Errorf("NumberInterval(%q) = %v [%v,%v) %t, want %v [%v,%v) %t", c.in, n, low, high, ok, c.n, c.low, c.high, c.ok)
		}
	}
}

func TestDateIntervalFollowsThePrecision(t *testing.T) {
	for _, c := range []struct{ in, low, high string }{
		{"2012", "2012-01-01T00:00:00Z", "2013-01-01T00:00:00Z"},
		{"2012-12", "2012-12-01T00:00:00Z", "2013-01-01T00:00:00Z"},
		{"2012-02-28", "2012-02-28T00:00:00Z", "2012-02-29T00:00:00Z"},
		{"2012-02-28T23:59", "2012-02-28T23:59:00Z", "2012-02-29T00:00:00Z"},
		{"2012-02-28T23:59Z", "2012-02-28T23:59:00Z", "2012-02-29T00:00:00Z"},
		{"2012-02-28T23:59:59-05:30", "2012-02-29T05:29:59Z", "2012-02-29T05:30:00Z"},
		{"2012-02-28T00:00:00.123456789Z", "2012-02-28T00:00:00.123456Z", "2012-02-28T00:00:00.123457Z"},
		{"0001", "0001-01-01T00:00:00Z", "0002-01-01T00:00:00Z"},
		{"9999", "9999-01-01T00:00:00Z", "10000-01-01T00:00:00Z"},
	} {
		low, high, ok := search.DateInterval(c.in)
		l, h := time.UnixMicro(low).UTC().Format(time.RFC3339Nano), time.UnixMicro(high).UTC().Format(time.RFC3339Nano)
		if !ok || l != c.low || h != c.high {
			t.Errorf("DateInterval(%q) = [%s, %s) %t, want [%s, %s)", c.in, l, h, ok, c.low, c.high)
		}
	}
	for _, in := range []string{"", "0000", "201", "20122", "2012-", "2012-1", "2012-00", "2012-13", "2013-02-29", "2012-01-00", "2012-01-32", "2012-01-01T", "2012-01-01T10", "2012-01-01T10:60",
		"2012-01-01T24:00", "2012-01-01T10:00:61", "2012-01-01T10:00:00.", "2012-01-01T10:00:00+14:01", "2012-01-01T10:00:00+1:00", "2012-01-01T10:00:00ZZ", "2012-01-01Z", "2012-01-01 10:00", "２０１２"} {
		if _, _, ok := search.DateInterval(in); ok {
			t.Errorf("DateInterval(%q) was taken", in)
		}
	}
}

func TestURLsAndLogicalReferencesAreApart(t *testing.T) {
	for _, c := range []struct {
		v          search.Value
		value, typ string
		want       bool
	}{
		{search.Value{RefID: "1"}, "1", "Patient", true},
		{search.Value{RefID: "1", RefType: "Group"}, "1", "Patient", false},
		{search.Value{RefID: "1"}, "1", "", false},
		{search.Value{RefURL: "urn:a"}, "urn:a", "", true},
		{search.Value{RefURL: "urn:a"}, "urn:a", "Patient", false},
	} {
		if got := search.ReferenceMatches(c.v, c.value, c.typ); got != c.want {
			t.Errorf("ReferenceMatches(%+v, %q, %q) = %t, want %t", c.v, c.value, c.typ, got, c.want)
		}
	}
}

func TestAboveListsTheURLsAbove(t *testing.T) {
	got := search.URIAncestors("http://acme.org/fhir/ValueSet/1")
	want := []string{"http://acme.org/fhir/ValueSet/1", "http://acme.org/fhir/ValueSet/", "http://acme.org/fhir/ValueSet",
		"http://acme.org/fhir/", "http://acme.org/fhir", "http://acme.org/", "http://acme.org"}
	if !slices.Equal(got, want) {
		t.Errorf("URIAncestors = %q, want %q", got, want)
	}
}

func TestRowKindsTellWhichFieldsCount(t *testing.T) {
	for _, c := range []struct {
		typ  r4.ParamType
		part search.Part
		want search.Kind
	}{
		{r4.ParamToken, search.Whole, search.KindText}, {r4.ParamToken, search.TypedID, search.KindText},
		{r4.ParamDate, search.Whole, search.KindDate}, {r4.ParamDate, search.Component + 1, search.KindDate},
		{r4.ParamQuantity, search.Component, search.KindNumber}, {r4.ParamNumber, search.Whole, search.KindNumber},
		{r4.ParamReference, search.Identifier, search.KindText}, {r4.ParamURI, search.Whole, search.KindText},
	} {
		if got := search.RowKind(c.typ, c.part); got != c.want {
			t.Errorf("RowKind(%v, %d) = %d, want %d", c.typ, c.part, got, c.want)
		}
	}
}
