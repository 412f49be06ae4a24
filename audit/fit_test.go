package audit

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// longest is a record each of whose fields was filled by somebody who wants it
// not to fit.
func longest(filler string) Record {
	var r Record
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case string, Kind:
			f.SetString(filler)
		case []string:
			if v.Type().Field(i).Name == "Patients" {
				continue
			}
			for range 40 {
				f.Set(reflect.Append(f, reflect.ValueOf(filler)))
			}
		}
	}
	r.Query = RequestText(filler, "/"+filler+"?name="+filler, nil, []byte("name="+filler))
	for n := range 1500 {
		r.Targets = append(r.Targets, Target{Type: "MedicinalProductUndesirableEffect", ID: fmt.Sprintf("%064d", n), Version: strings.Repeat("v", 64)})
		r.Patients = append(r.Patients, fmt.Sprintf("Patient/%064d", n))
	}
	r.Targets = append(r.Targets, Target{filler, filler, filler, []string{filler, filler, filler, filler}})
	r.Patients = append(r.Patients, filler)
	return r
}

func TestEveryRecordFitsTheSmallestSegment(t *testing.T) {
	l := mustOpen(t, t.TempDir(), Options{Clock: ticking(), SegmentSize: SmallestSegment})
	defer mustClose(t, l)
	for name, filler := range map[string]string{
		"plain": strings.Repeat("a", 2<<20), "controls": strings.Repeat("\x01", 64<<10), "not UTF-8": strings.Repeat("\xff", 64<<10),
		"quotes": strings.Repeat(`"`, 64<<10), "wide": strings.Repeat("\u2028", 64<<10), "just under": strings.Repeat("a", maxText-2),
	} {
		r := longest(filler)
		parts := r.Fit()
		var targets []Target
		var patients []string
		for n, part := range parts {
			b := part.Append(nil)
			if _, err := l.Append(context.Background(), b); err != nil {
				t.Fatalf("%s: part %d of %d, %d bytes: %v", name, n+1, len(parts), len(b), err)
			}
			if _, err := ParseRecord(b); err != nil || part.Part != n+1 || part.Parts != len(parts) || part.Subject != parts[0].Subject {
				t.Errorf("%s: part %d is %d of %d: %v", name, n+1, part.Part, part.Parts, err)
			}
			targets, patients = append(targets, part.Targets...), append(patients, part.Patients...)
		}
		if len(targets) != len(r.Targets) || len(patients) != len(r.Patients) || !reflect.DeepEqual(targets[:1500], r.Targets[:1500]) || patients[1499] != r.Patients[1499] {
			t.Errorf("%s: %d targets and %d patients are on record, want %d and %d", name, len(targets), len(patients), len(r.Targets), len(r.Patients))
		}
	}
}

func TestOversizeTextIsKeptAsBeginningLengthAndHash(t *testing.T) {
	long := "name=" + strings.Repeat("a", 1<<20)
	for _, text := range []string{
		string(RequestText("GET", "/Patient?"+long, nil, nil)), string(RequestText("POST", "/Patient/_search", nil, []byte(long))),
		Record{RequestID: long}.Fit()[0].RequestID,
	} {
		if !strings.Contains(text, "name=aaaa") || !strings.Contains(text, " bytes, SHA-256 ") || len(text) > 2*maxPlain {
			t.Errorf("kept %d bytes: %.100q", len(text), text)
		}
	}
	if got := cut("abcdef", 3, raw); got != "abc… (6 bytes, SHA-256 bef57ec7f53a6d40beb640a780a639c83bc29ac8a9816f1fc6c5c6dcd93c4721)" {
		t.Errorf("cut = %q", got)
	}
}

func TestRecordThatFitsIsLeftAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecord(t)
		r.Part, r.Parts = 0, 0
		if parts := r.Fit(); len(parts) != 1 || !bytes.Equal(parts[0].Append(nil), r.Append(nil)) {
			t.Errorf("%d parts, first %s, want %s", len(parts), parts[0].Append(nil), r.Append(nil))
		}
	})
}
