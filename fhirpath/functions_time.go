package fhirpath

// timeFunction: http://hl7.org/fhirpath/N1/#current-date-and-time-functions. All
// calls in one evaluation see the same moment.
func timeFunction(name string) (function, bool) {
	kinds := map[string]kind{"now": kindDateTime, "today": kindDate, "timeOfDay": kindTime}
	k, ok := kinds[name]
	if !ok {
		return function{}, false
	}
	return function{0, 0, func(ev *evaluator, _ []Item, n *node, _ *scope) error {
		if ev.env.Now.IsZero() {
			return ev.fail(n, n.name+" needs a time in the environment")
		}
		return ev.push(temporalItem(fromTime(ev.env.Now, k)))
	}}, true
}
