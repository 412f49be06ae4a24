package validate

import "bytes"

// The matchers say what the regular expressions of package r4 say, faster: a
// property test holds them equal. They see valid UTF-8 only; what they forbid
// is ASCII, so they look at bytes.

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func digits(s []byte) bool {
	for _, c := range s {
		if !isDigit(c) {
			return false
		}
	}
	return len(s) > 0
}

// matchText: string, markdown.
func matchText(s []byte) bool {
	for _, c := range s {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' {
			return false
		}
	}
	return len(s) > 0
}

// matchWord: uri, url, canonical.
func matchWord(s []byte) bool {
	for _, c := range s {
		if c <= 0x20 {
			return false
		}
	}
	return len(s) > 0
}

func matchCode(s []byte) bool {
	after := true // at the start, or after a space
	for _, c := range s {
		if c < 0x20 || (c == ' ' && after) {
			return false
		}
		after = c == ' '
	}
	return !after
}

func matchID(s []byte) bool {
	for _, c := range s {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '.' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

func matchPositiveInt(s []byte) bool { return digits(s) && s[0] != '0' }

func matchUnsignedInt(s []byte) bool { return digits(s) && (s[0] != '0' || len(s) == 1) }

func matchInteger(s []byte) bool { return matchUnsignedInt(bytes.TrimPrefix(s, []byte("-"))) }

func matchOID(s []byte) bool {
	rest, ok := bytes.CutPrefix(s, []byte("urn:oid:"))
	if !ok || len(rest) < 3 || rest[0] < '0' || rest[0] > '2' || rest[1] != '.' {
		return false
	}
	for rest = rest[2:]; ; {
		dot := bytes.IndexByte(rest, '.')
		if dot < 0 {
			return matchUnsignedInt(rest)
		}
		if !matchUnsignedInt(rest[:dot]) {
			return false
		}
		rest = rest[dot+1:]
	}
}

func matchUUID(s []byte) bool {
	rest, ok := bytes.CutPrefix(s, []byte("urn:uuid:"))
	if !ok || len(rest) != 36 {
		return false
	}
	for i, c := range rest {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isDigit(c) && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

// space is what \s means in RE2.
func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

func base64Char(c byte) bool { return isLetter(c) || isDigit(c) || c == '+' || c == '/' }

// matchBase64: groups of four, white space between them, padding in the last.
func matchBase64(s []byte) bool {
	for len(s) > 0 && space(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	for first := true; ; first = false {
		for len(s) > 0 && space(s[0]) {
			s = s[1:]
		}
		if len(s) < 4 {
			return len(s) == 0 && !first
		}
		g := s[:4]
		s = s[4:]
		if !base64Char(g[0]) || !base64Char(g[1]) {
			return false
		}
		if base64Char(g[2]) && base64Char(g[3]) {
			continue
		}
		padded := g[3] == '=' && (g[2] == '=' || base64Char(g[2]))
		return padded && len(s) == 0
	}
}

func two(s []byte, low, high int) bool {
	if len(s) < 2 || !isDigit(s[0]) || !isDigit(s[1]) {
		return false
	}
	n := int(s[0]-'0')*10 + int(s[1]-'0')
	return n >= low && n <= high
}

func matchDate(s []byte) bool {
	if len(s) < 4 || !digits(s[:4]) || string(s[:4]) == "0000" {
		return false
	}
	switch len(s) {
	case 4:
		return true
	case 7:
		return s[4] == '-' && two(s[5:], 1, 12)
	case 10:
		return s[4] == '-' && two(s[5:7], 1, 12) && s[7] == '-' && two(s[8:], 1, 31)
	default:
		return false
	}
}

func matchDateTime(s []byte) bool { return matchDate(s) || matchInstant(s) }

func matchInstant(s []byte) bool {
	if len(s) < 20 || !matchDate(s[:10]) || s[10] != 'T' {
		return false
	}
	zone := len(s) - 6
	if s[len(s)-1] == 'Z' {
		return matchTime(s[11 : len(s)-1])
	}
	if zone < 19 || (s[zone] != '+' && s[zone] != '-') || s[zone+3] != ':' {
		return false
	}
	offset := s[zone+1:]
	ok := two(offset, 0, 13) && two(offset[3:], 0, 59) || string(offset) == "14:00"
	return ok && matchTime(s[11:zone])
}

func matchTime(s []byte) bool {
	if len(s) < 8 || s[2] != ':' || s[5] != ':' {
		return false
	}
	if !two(s, 0, 23) || !two(s[3:], 0, 59) || !two(s[6:], 0, 60) { // 60: a leap second
		return false
	}
	return len(s) == 8 || (s[8] == '.' && digits(s[9:]))
}

// dayExists reports whether the date that s begins with, YYYY-MM-DD, is in the
// Gregorian calendar.
func dayExists(s []byte) bool {
	num := func(s []byte) (n int) {
		for _, c := range s {
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := num(s[:4]), num(s[5:7]), num(s[8:10])
	last := 31
	switch month {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			last = 29
		}
	}
	return day <= last
}
