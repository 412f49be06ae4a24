package search

// For the tests in package search_test.
var (
	SplitUnescaped = splitUnescaped
	SplitUnion     = splitUnion
	Unescape       = unescape
	SafeName       = safeName
	ExtractParam   = (*Extractor).extractParam // evaluates although the resource lacks the elements
)
