package fhirpath

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEnd       tokenKind = iota
	tokIdent               // name, as and contains included
	tokDelimited           // `name`
	tokString
	tokNumber
	tokTemporal // @2015, @T14:30
	tokSymbol
	tokDollar  // $this
	tokPercent // %name, %`name`, %'name'
)

type token struct {
	kind tokenKind
	text string // unescaped, without marks
	pos  int
}

type lexer struct {
	src string
	pos int
	out []token
}

// lex splits an expression into tokens (http://hl7.org/fhirpath/N1/grammar.html).
func lex(src string) ([]token, error) {
	if !utf8.ValidString(src) {
		return nil, &SyntaxError{0, "the expression is not UTF-8"}
	}
	l := lexer{src: src, out: make([]token, 0, 1+len(src)/4)}
	for {
		if err := l.space(); err != nil {
			return nil, err
		}
		if l.pos >= len(src) {
			l.add(tokEnd, l.pos, "")
			return l.out, nil
		}
		if err := l.token(); err != nil {
			return nil, err
		}
	}
}

func (l *lexer) add(k tokenKind, pos int, text string) {
	l.out = append(l.out, token{k, text, pos})
}

// space skips white space and comments.
func (l *lexer) space() error {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "//"):
			i := strings.IndexAny(rest, "\r\n")
			if i < 0 {
				i = len(rest)
			}
			l.pos += i
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				return &SyntaxError{l.pos, "a comment does not end"}
			}
			l.pos += i + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) token() error {
	start, c := l.pos, l.src[l.pos]
	switch {
	case isLetter(c):
		l.add(tokIdent, start, l.word())
		return nil
	case isDigit(c):
		l.number()
		return nil
	case c == '\'' || c == '`':
		s, err := l.quoted(c)
		if err != nil {
			return err
		}
		k := tokString
		if c == '`' {
			k = tokDelimited
		}
		l.add(k, start, s)
		return nil
	case c == '@':
		return l.temporal()
	case c == '$' || c == '%':
		return l.variable(c)
	}
	for _, sym := range []string{"<=", ">=", "!=", "!~"} {
		if strings.HasPrefix(l.src[start:], sym) {
			l.pos += 2
			l.add(tokSymbol, start, sym)
			return nil
		}
	}
	if strings.IndexByte(".,()[]{}+-*/&|=~<>", c) < 0 {
		return &SyntaxError{start, "unexpected character"}
	}
	l.pos++
	l.add(tokSymbol, start, l.src[start:start+1])
	return nil
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (l *lexer) word() string {
	start := l.pos
	for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos])) {
		l.pos++
	}
	return l.src[start:l.pos]
}

func (l *lexer) digits() int {
	start := l.pos
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
	return l.pos - start
}

// number reads digits; a point belongs to it only before another digit, since
// 1.toString() calls a function.
func (l *lexer) number() {
	start := l.pos
	l.digits()
	if l.pos+1 < len(l.src) && l.src[l.pos] == '.' && isDigit(l.src[l.pos+1]) {
		l.pos++
		l.digits()
	}
	l.add(tokNumber, start, l.src[start:l.pos])
}

func (l *lexer) variable(mark byte) error {
	start := l.pos
	l.pos++
	if mark == '%' && l.pos < len(l.src) && (l.src[l.pos] == '`' || l.src[l.pos] == '\'') {
		s, err := l.quoted(l.src[l.pos])
		if err != nil {
			return err
		}
		l.add(tokPercent, start, s)
		return nil
	}
	name := l.word()
	if name == "" {
		return &SyntaxError{start, "a variable without name"}
	}
	if mark == '%' {
		l.add(tokPercent, start, name)
		return nil
	}
	if name != "this" && name != "index" && name != "total" {
		return &SyntaxError{start, "unknown variable"}
	}
	l.add(tokDollar, start, name)
	return nil
}

// quoted reads a string or delimited identifier and resolves its escapes.
func (l *lexer) quoted(mark byte) (string, error) {
	start := l.pos
	l.pos++
	if i := strings.IndexByte(l.src[l.pos:], mark); i >= 0 && strings.IndexByte(l.src[l.pos:l.pos+i], '\\') < 0 {
		l.pos += i + 1
		return l.src[start+1 : l.pos-1], nil
	}
	var b strings.Builder
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		l.pos++
		switch c {
		case mark:
			return b.String(), nil
		case '\\':
			if err := l.escape(&b); err != nil {
				return "", err
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", &SyntaxError{start, "a string does not end"}
}

func (l *lexer) escape(b *strings.Builder) error {
	if l.pos >= len(l.src) {
		return &SyntaxError{l.pos, "a string does not end"}
	}
	c := l.src[l.pos]
	l.pos++
	switch c {
	case '\'', '"', '`', '\\', '/':
		b.WriteByte(c)
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'u':
		return l.unicode(b)
	default:
		return &SyntaxError{l.pos - 1, "unknown escape in a string"}
	}
	return nil
}

// unicode reads the four digits after \u; a surrogate needs its other half.
func (l *lexer) unicode(b *strings.Builder) error {
	v, ok := l.hex()
	if ok && utf16.IsSurrogate(v) && strings.HasPrefix(l.src[l.pos:], `\u`) {
		l.pos += 2
		var low rune
		low, ok = l.hex()
		v = utf16.DecodeRune(v, low)
	}
	if !ok || v == utf8.RuneError || utf16.IsSurrogate(v) {
		return &SyntaxError{l.pos, "\\u needs the four digits of a character"}
	}
	b.WriteRune(v)
	return nil
}

func (l *lexer) hex() (rune, bool) {
	if l.pos+4 > len(l.src) {
		return 0, false
	}
	v, err := strconv.ParseUint(l.src[l.pos:l.pos+4], 16, 16)
	l.pos += 4
	return rune(v), err == nil
}

// temporal reads @ and what follows as far as it can belong to a date or time.
func (l *lexer) temporal() error {
	start := l.pos
	l.pos++
	seen := l.pos
	if l.digits() > 0 {
		for range 2 {
			if l.pos+1 < len(l.src) && l.src[l.pos] == '-' && isDigit(l.src[l.pos+1]) {
				l.pos++
				l.digits()
			}
		}
	}
	dated := l.pos > seen
	if l.pos < len(l.src) && l.src[l.pos] == 'T' {
		l.pos++
		l.clock()
		if dated {
			l.zone()
		}
	}
	text := l.src[seen:l.pos]
	if _, ok := parseLiteral(text); !ok {
		return &SyntaxError{start, "not a date or time"}
	}
	l.add(tokTemporal, start, text)
	return nil
}

func (l *lexer) clock() {
	if l.digits() == 0 {
		return
	}
	for l.pos+1 < len(l.src) && (l.src[l.pos] == ':' || l.src[l.pos] == '.') && isDigit(l.src[l.pos+1]) {
		l.pos++
		l.digits()
	}
}

func (l *lexer) zone() {
	rest := l.src[l.pos:]
	switch {
	case strings.HasPrefix(rest, "Z"):
		l.pos++
	case len(rest) >= 6 && (rest[0] == '+' || rest[0] == '-') && rest[3] == ':' && allDigits(rest[1:3]+rest[4:6]):
		l.pos += 6
	}
}
