package firebreak_test

import (
	"fmt"
	"testing"

	"firebreak/store"
)

// onStores runs a test of the whole pipeline on each database.
func onStores(t *testing.T, test func(t *testing.T, r *rig)) {
	for _, o := range openers() {
		t.Run(o.name, func(t *testing.T) {
			r := newRigWith(t, standard(), func(t testing.TB, opt store.Options) *store.Store {
				s, _ := o.open(t, opt)
				return s
			})
			test(t, r)
		})
	}
}

func TestAbsoluteReferencesToThisServerAreLocal(t *testing.T) {
	onStores(t, func(t *testing.T, r *rig) {
		seedTwoHospitals(r)
		r.put("importer", `{"resourceType":"Observation","id":"abs","status":"final","code":{"text":"x"},"subject":{"reference":"`+base+`/Patient/amy"}}`)
		for _, url := range []string{
			"Observation?subject=Patient/amy&_id=abs", "Observation?subject:Patient.name=amyson&_id=abs", "Patient/amy/Observation?_id=abs",
		} {
			if got := r.do("adams", "GET", url, "").json(t)["total"]; got != 1.0 {
				t.Errorf("%s: total = %v, want 1", url, got)
			}
		}
		if a := r.do("amy", "GET", "Observation/abs", ""); a.status != 200 {
			t.Errorf("the patient whose record it is: %v", a)
		}
	})
}

// One code of _sort can be a date for one type, a reference or nothing for
// another; the pages must still come in one order, each resource once.
func TestSystemSearchSortsByWhatTypesCallAlike(t *testing.T) {
	onStores(t, func(t *testing.T, r *rig) {
		seedTwoHospitals(r)
		for _, sort := range []string{"date", "-date", "patient,-_lastUpdated", "code,_id", "name,-birthdate,value-quantity", "-_id"} {
			seen := map[string]bool{}
			url := base + "?_type=Patient,Observation,Practitioner,Organization&_count=2&_sort=" + sort
			for n := 0; url != ""; n++ {
				a := r.do("warehouse", "GET", url, "")
				if a.status != 200 || n > 20 {
					t.Fatalf("_sort=%s, page %d: %v", sort, n, a)
				}
				body := a.json(t)
				entries, _ := body["entry"].([]any)
				for _, e := range entries {
					if dig(e, "search", "mode") == "outcome" {
						continue // says which keys not all of the types have
					}
					name := fmt.Sprint(dig(e, "fullUrl"))
					if seen[name] {
						t.Errorf("_sort=%s: %s twice", sort, name)
					}
					seen[name] = true
				}
				url = a.link(t, "next")
			}
			if len(seen) != 8 {
				t.Errorf("_sort=%s: %d resources, want 8", sort, len(seen))
			}
		}
	})
}
