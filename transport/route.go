package transport

import (
	"strings"

	"firebreak/fhir/r4"
)

// route is the path as the log may have it: FHIR's words stand, everything a
// client chose does not.
func route(path string) string {
	switch path {
	case "":
		return "/"
	case "metadata", "_search", "_history", ".well-known/smart-configuration":
		return path
	}
	first, rest, more := strings.Cut(path, "/")
	if strings.HasPrefix(first, "$") && !more {
		return "$operation"
	}
	if _, ok := r4.TypeID(first); !ok {
		return "other"
	}
	if !more {
		return first
	}
	second, rest, more := strings.Cut(rest, "/")
	switch {
	case more:
		return first + "/{id}" + instance(rest)
	case second == "_search", second == "_history":
		return first + "/" + second
	case strings.HasPrefix(second, "$"):
		return first + "/$operation"
	}
	return first + "/{id}"
}

// instance is the route below one instance: history, an operation, or a
// compartment's search.
func instance(rest string) string {
	first, rest, more := strings.Cut(rest, "/")
	switch {
	case first == "_history" && !more, first == "*" && !more:
		return "/" + first
	case first == "_history" && !strings.Contains(rest, "/"):
		return "/_history/{version}"
	case strings.HasPrefix(first, "$") && !more:
		return "/$operation"
	}
	if _, ok := r4.TypeID(first); ok && (!more || rest == "_search") {
		if more {
			return "/" + first + "/_search"
		}
		return "/" + first
	}
	return "/other"
}
