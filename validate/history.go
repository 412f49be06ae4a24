package validate

import (
	"strconv"
	"time"

	"firebreak/fhir"
	"firebreak/fhir/search"
)

// historyParameters reads _count, _since and _at, each at most once. _list is
// not supported and says so.
func historyParameters(pairs []search.Pair, strict bool, maxCount int) (*fhir.History, error) {
	h := &fhir.History{Count: min(50, maxCount)}
	seen := map[string]bool{}
	for _, p := range pairs {
		if seen[p.Name] {
			return nil, fhir.NewProblem(fhir.Invalid, "a history parameter may be given once").At(placeURL)
		}
		seen[p.Name] = true
		switch p.Name {
		case "_count":
			n, err := strconv.Atoi(p.Value)
			if err != nil || n < 0 {
				return nil, fhir.NewProblem(fhir.Value, "_count must be a non-negative integer").At("http._count")
			}
			h.Count = min(n, maxCount)
			p.Value = strconv.Itoa(h.Count) // what was applied, not what was asked
		case "_since":
			low, _, ok := search.DateInterval(p.Value)
			if !ok {
				return nil, fhir.NewProblem(fhir.Value, "_since must be an instant").At("http._since")
			}
			h.Since = time.UnixMicro(low).UTC()
		case "_at":
			low, high, ok := search.DateInterval(p.Value)
			if !ok {
				return nil, fhir.NewProblem(fhir.Value, "_at must be a dateTime").At("http._at")
			}
			h.At, h.AtEnd = time.UnixMicro(low).UTC(), time.UnixMicro(high).UTC()
		case "_format", "_pretty":
			continue
		case "_list":
			return nil, fhir.NewProblem(fhir.NotSupported, "_list is not supported yet").At("http._list")
		default:
			if strict {
				return nil, fhir.NewProblem(fhir.Invalid, "a history takes only _count, _since and _at").At(placeURL)
			}
			continue
		}
		h.Used = append(h.Used, p)
	}
	return h, nil
}
