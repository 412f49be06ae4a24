package search

import "unicode/utf8"

// An index row has room for MaxIndexed bytes of a text. Of a longer one it holds
// the first KeptIndexed, to a whole character, and a hash of all of it, so that
// equality (tokens, URIs, :exact) stays exact. What is asked for by its beginning
// is found when it is within KeptIndexed; a longer value is refused. What is
// asked for by :contains is found anywhere: the rest of a long string is in rows
// of part Rest, in pieces that overlap by more than the longest value of :contains.
const (
	MaxIndexed  = 500
	KeptIndexed = 440

	// MaxBeginning and MaxContained bound the value, folded, in bytes, of a search
	// for how a text begins (string, :text, :below) and of :contains.
	MaxBeginning = 400
	MaxContained = 100

	// restStep is from the start of a piece to that of the next. Both ends of a
	// piece may lie up to three bytes before their place, at a whole character.
	restStep = KeptIndexed - MaxContained - 2*(utf8.UTFMax-1)
)

const (
	textLongBeginning Literal = "too long: a text is searched by its beginning, by 400 bytes at most"
	textLongContained Literal = "too long: contains takes 100 bytes at most"
	textLongBelow     Literal = "too long: below takes 400 bytes at most"
)

// rest writes a long string's rows of part Rest. The row with the whole of it
// holds the first piece.
func (w writer) rest(folded, path string) {
	if len(folded) <= MaxIndexed || w.skips(Rest) {
		return
	}
	for start := restStep; start < len(folded); start += restStep {
		from, to := runeStart(folded, start), runeStart(folded, start+KeptIndexed)
		w.text(Rest, folded[from:to], "", path)
		if to == len(folded) {
			return
		}
	}
}

// runeStart is i, or the start of the character that i is within.
func runeStart(s string, i int) int {
	if i >= len(s) {
		return len(s)
	}
	for i > 0 && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}
