package gate

// Found is what a backend found for a query under a permit: net 1 applied to
// every hop, count, sort and page.
type Found struct {
	Matches  []Sealed
	Includes []Sealed
	Total    int       // exact; negative when it was not asked for
	Next     *Position // where the next page starts, or nil
}

// Position is a place in a result, given by values of the last row that the
// caller saw there: no counter, nothing of any other row.
type Position struct {
	Keys []PositionKey // one per sort key
	Type string
	ID   string
	// Version tells apart versions of one resource in a history.
	Version string
}

// PositionKey is one sort key's value; Kind says which field counts.
type PositionKey struct {
	Kind   byte // 0 missing, 't' text, 'i' integer, 'n' number
	Text   string
	Int    int64
	Number float64
}
