package fhirpath

import (
	"strings"
	"unicode/utf8"
)

// stringFunction: http://hl7.org/fhirpath/N1/#string-manipulation
func stringFunction(name string) (function, bool) {
	switch name {
	case "indexOf":
		return onText(func(ev *evaluator, s, arg string) error {
			i := strings.Index(s, arg)
			if i > 0 {
				i = utf8.RuneCountInString(s[:i])
			}
			return ev.push(Item{kind: kindInteger, num: int64(i)})
		}), true
	case "startsWith":
		return onText(func(ev *evaluator, s, arg string) error { return ev.push(Boolean(strings.HasPrefix(s, arg))) }), true
	case "endsWith":
		return onText(func(ev *evaluator, s, arg string) error { return ev.push(Boolean(strings.HasSuffix(s, arg))) }), true
	case "contains":
		return onText(func(ev *evaluator, s, arg string) error { return ev.push(Boolean(strings.Contains(s, arg))) }), true
	case "split":
		return onText(func(ev *evaluator, s, arg string) error { return ev.pushParts(strings.Split(s, arg)) }), true
	case "upper":
		return mapText(strings.ToUpper), true
	case "lower":
		return mapText(strings.ToLower), true
	case "trim":
		return mapText(strings.TrimSpace), true
	case "length":
		return function{0, 0, fnLength}, true
	case "toChars":
		return function{0, 0, fnToChars}, true
	case "substring":
		return function{1, 2, fnSubstring}, true
	case "replace":
		return function{2, 2, fnReplace}, true
	case "matches", "matchesFull":
		return function{1, 1, fnMatches}, true
	case "replaceMatches":
		return function{2, 2, fnReplaceMatches}, true
	case "join":
		return function{0, 1, fnJoin}, true
	}
	return function{}, false
}

// onText is a function of a string with a string argument.
func onText(f func(ev *evaluator, s, arg string) error) function {
	return function{1, 1, func(ev *evaluator, in []Item, n *node, sc *scope) error {
		s, ok, err := ev.text(n, in)
		if err != nil || !ok {
			return err
		}
		arg, ok, err := ev.textArg(n, 0, sc)
		if err != nil || !ok {
			return err
		}
		return f(ev, s, arg)
	}}
}

// mapText is a function from a string to a string.
func mapText(f func(string) string) function {
	return function{0, 0, func(ev *evaluator, in []Item, n *node, _ *scope) error {
		s, ok, err := ev.text(n, in)
		if err != nil || !ok {
			return err
		}
		return ev.pushText(f(s))
	}}
}

func (ev *evaluator) pushParts(parts []string) error {
	for _, p := range parts {
		if err := ev.pushText(p); err != nil {
			return err
		}
	}
	return nil
}

func fnLength(ev *evaluator, in []Item, n *node, _ *scope) error {
	s, ok, err := ev.text(n, in)
	if err != nil || !ok {
		return err
	}
	return ev.push(Item{kind: kindInteger, num: int64(utf8.RuneCountInString(s))})
}

func fnToChars(ev *evaluator, in []Item, n *node, _ *scope) error {
	s, ok, err := ev.text(n, in)
	if err != nil || !ok {
		return err
	}
	for _, r := range s {
		if err := ev.push(String(string(r))); err != nil {
			return err
		}
	}
	return nil
}

// fnSubstring counts characters, not bytes.
func fnSubstring(ev *evaluator, in []Item, n *node, sc *scope) error {
	s, ok, err := ev.text(n, in)
	if err != nil || !ok {
		return err
	}
	start, ok, err := ev.integerArg(n.kids[1], sc)
	if err != nil || !ok {
		return err
	}
	length := int64(len(s))
	if len(n.args()) == 2 {
		if l, ok, err := ev.integerArg(n.kids[2], sc); err != nil {
			return err
		} else if ok {
			length = l
		}
	}
	runes := []rune(s)
	if start < 0 || start >= int64(len(runes)) {
		return nil
	}
	end := min(start+max(length, 0), int64(len(runes)))
	return ev.pushText(string(runes[start:end]))
}

func fnReplace(ev *evaluator, in []Item, n *node, sc *scope) error {
	s, ok, err := ev.text(n, in)
	if err != nil || !ok {
		return err
	}
	old, ok1, err := ev.textArg(n, 0, sc)
	if err != nil {
		return err
	}
	with, ok2, err := ev.textArg(n, 1, sc)
	if err != nil || !ok1 || !ok2 {
		return err
	}
	if strings.Count(s, old)*len(with) > MaxString {
		return ErrTooCostly
	}
	return ev.pushText(strings.ReplaceAll(s, old, with))
}

func fnJoin(ev *evaluator, in []Item, n *node, sc *scope) error {
	sep := ""
	if len(n.args()) == 1 {
		var ok bool
		var err error
		if sep, ok, err = ev.textArg(n, 0, sc); err != nil || !ok {
			return err
		}
	}
	var b strings.Builder
	for i := range in {
		s, ok, err := ev.text(n, in[i:i+1])
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s)
		if b.Len() > MaxString {
			return ErrTooCostly
		}
	}
	return ev.pushText(b.String())
}
