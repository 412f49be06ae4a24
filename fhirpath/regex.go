package fhirpath

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

// maxProgram bounds a compiled regular expression: RE2 takes time in proportion
// to it and to the text, and a short pattern can have a large program.
const maxProgram = 20000

// regex is a regular expression and the size of its program.
type regex struct {
	re   *regexp.Regexp
	size int
}

// compilePattern compiles a constant regular expression once.
func (n *node) compilePattern() error {
	if n.name != "matches" && n.name != "replaceMatches" && n.name != "matchesFull" {
		return nil
	}
	arg := n.kids[1]
	if arg.op != opLiteral || arg.lit[0].kind != kindString {
		return nil
	}
	re, msg := pattern(n.name, arg.lit[0].text)
	if msg != "" {
		return &SyntaxError{arg.pos, msg}
	}
	n.re = re
	return nil
}

// pattern compiles a regular expression in single-line mode, as FHIRPath has it.
func pattern(fn, text string) (*regex, string) {
	if len(text) > MaxPattern {
		return nil, "the regular expression is too long"
	}
	if fn == "matchesFull" {
		text = `\A(?:` + text + `)\z`
	}
	text = "(?s)" + text
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, "not a regular expression of RE2"
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil || len(prog.Inst) > maxProgram {
		return nil, "the regular expression is too complex"
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, "not a regular expression of RE2"
	}
	return &regex{re, len(prog.Inst)}, ""
}

// regex is the pattern of a call, and accounts for running it on a text.
func (ev *evaluator) regex(n *node, source, on string) (*regexp.Regexp, error) {
	re := n.re
	if re == nil {
		if err := ev.spend(100 + len(source)); err != nil {
			return nil, err
		}
		var msg string
		if re, msg = pattern(n.name, source); msg != "" {
			return nil, ev.fail(n, msg)
		}
	}
	return re.re, ev.spend(re.size * len(on) / 32)
}

// fnMatches is matches() and matchesFull().
func fnMatches(ev *evaluator, in []Item, n *node, sc *scope) error {
	s, ok, err := ev.text(n, in)
	if err != nil || !ok {
		return err
	}
	source, ok, err := ev.textArg(n, 0, sc)
	if err != nil || !ok {
		return err
	}
	re, err := ev.regex(n, source, s)
	if err != nil {
		return err
	}
	return ev.push(Boolean(re.MatchString(s)))
}

func fnReplaceMatches(ev *evaluator, in []Item, n *node, sc *scope) error {
	s, ok, err := ev.text(n, in)
	if err != nil || !ok {
		return err
	}
	source, ok1, err := ev.textArg(n, 0, sc)
	if err != nil {
		return err
	}
	with, ok2, err := ev.textArg(n, 1, sc)
	if err != nil || !ok1 || !ok2 {
		return err
	}
	if source == "" {
		return ev.pushText(s)
	}
	re, err := ev.regex(n, source, s)
	if err != nil {
		return err
	}
	// A group can repeat all it matched, so its size is bounded before.
	if len(with)*len(re.FindAllStringIndex(s, -1))+strings.Count(with, "$")*len(s) > MaxString {
		return ErrTooCostly
	}
	return ev.pushText(re.ReplaceAllString(s, groupNames(with)))
}

// groupNames writes $1 as ${1}: Go would read $1x as the group "1x".
func groupNames(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if s[i] != '$' || i+1 == len(s) || !isDigit(s[i+1]) {
			continue
		}
		b.WriteByte('{')
		for i+1 < len(s) && isDigit(s[i+1]) {
			i++
			b.WriteByte(s[i])
		}
		b.WriteByte('}')
	}
	return b.String()
}
