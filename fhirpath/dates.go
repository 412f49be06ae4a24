package fhirpath

import (
	"strconv"
	"strings"
	"time"
)

// precision is how much of a date or time is given. A fraction of a second
// belongs to the second: 10:30:00 and 10:30:00.0 are equally precise.
type precision uint8

const (
	toYear precision = iota + 1
	toMonth
	toDay
	toHour
	toMinute
	toSecond
)

// temporal is a Date, DateTime or Time of any precision.
type temporal struct {
	kind                 kind
	prec                 precision
	year, month, day     int
	hour, minute, second int
	nano                 int
	frac                 int // digits of the fraction given
	zoned                bool
	offset               int // minutes east of UTC
}

// parseLiteral reads a literal of the expression, after the @.
func parseLiteral(s string) (temporal, bool) {
	if rest, ok := strings.CutPrefix(s, "T"); ok {
		return parseTime(rest)
	}
	if strings.Contains(s, "T") {
		return parseDateTime(s)
	}
	return parseDate(s)
}

func parseDate(s string) (temporal, bool) {
	t := temporal{kind: kindDate, month: 1, day: 1}
	ok := t.date(s)
	return t, ok
}

func parseTime(s string) (temporal, bool) {
	t := temporal{kind: kindTime}
	ok := t.clock(s)
	return t, ok
}

// parseDateTime reads 2015, 2015T, 2015-02-04T14:34:28.123+10:00 and between.
func parseDateTime(s string) (temporal, bool) {
	t := temporal{kind: kindDateTime, month: 1, day: 1}
	date, clock, timed := strings.Cut(s, "T")
	if !t.date(date) {
		return t, false
	}
	if !timed || clock == "" {
		return t, true
	}
	if t.prec != toDay {
		return t, false
	}
	if rest, ok := strings.CutSuffix(clock, "Z"); ok {
		clock, t.zoned = rest, true
	} else if i := strings.LastIndexAny(clock, "+-"); i >= 0 {
		if !t.zone(clock[i:]) {
			return t, false
		}
		clock = clock[:i]
	}
	return t, t.clock(clock)
}

func (t *temporal) zone(s string) bool {
	if len(s) != 6 || s[3] != ':' {
		return false
	}
	h, ok1 := fixed(s[1:3], 2, 0, 14)
	m, ok2 := fixed(s[4:], 2, 0, 59)
	t.zoned, t.offset = true, h*60+m
	if s[0] == '-' {
		t.offset = -t.offset
	}
	return ok1 && ok2
}

// fixed reads exactly n digits with a value in a range.
func fixed(s string, n, low, high int) (int, bool) {
	if len(s) != n || !allDigits(s) {
		return 0, false
	}
	v, err := strconv.Atoi(s)
	return v, err == nil && v >= low && v <= high
}

func (t *temporal) date(s string) bool {
	var ok bool
	if t.year, ok = fixed(s[:min(4, len(s))], 4, 1, 9999); !ok {
		return false
	}
	t.prec = toYear
	if len(s) == 4 {
		return true
	}
	if t.month, ok = fixed(s[5:min(7, len(s))], 2, 1, 12); !ok || s[4] != '-' {
		return false
	}
	t.prec = toMonth
	if len(s) == 7 {
		return true
	}
	t.prec = toDay
	t.day, ok = fixed(s[8:], 2, 1, daysIn(t.year, t.month))
	return ok && s[7] == '-'
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func (t *temporal) clock(s string) bool {
	parts := strings.SplitN(s, ":", 3)
	var ok bool
	if t.hour, ok = fixed(parts[0], 2, 0, 23); !ok {
		return false
	}
	t.prec = toHour
	if len(parts) > 1 {
		if t.minute, ok = fixed(parts[1], 2, 0, 59); !ok {
			return false
		}
		t.prec = toMinute
	}
	if len(parts) > 2 {
		sec, frac, point := strings.Cut(parts[2], ".")
		if t.second, ok = fixed(sec, 2, 0, 60); !ok || point && (frac == "" || !allDigits(frac)) {
			return false
		}
		t.prec, t.frac = toSecond, min(len(frac), 9)
		t.nano, _ = strconv.Atoi((frac + "000000000")[:9])
	}
	return true
}

func fromTime(now time.Time, k kind) temporal {
	_, off := now.Zone()
	t := temporal{kind: k, year: now.Year(), month: int(now.Month()), day: now.Day(), prec: toDay}
	if k != kindDate {
		t.hour, t.minute, t.second, t.prec = now.Hour(), now.Minute(), now.Second(), toSecond
		t.nano, t.frac = now.Nanosecond()/1e6*1e6, 3
	}
	if k == kindDateTime {
		t.zoned, t.offset = true, off/60
	}
	return t
}

// parts are the components by precision, the most significant first.
func (t temporal) parts() [6]int {
	return [6]int{t.year, t.month, t.day, t.hour, t.minute, t.second}
}

// instant is the first moment of t, as if it were UTC when it has no zone.
func (t temporal) instant() time.Time {
	return time.Date(t.year, time.Month(t.month), t.day, t.hour, t.minute-t.offset, t.second, t.nano, time.UTC)
}

// end is the first moment after t.
func (t temporal) end() time.Time {
	i := t.instant()
	switch t.prec {
	case toYear:
		return i.AddDate(1, 0, 0)
	case toMonth:
		return i.AddDate(0, 1, 0)
	case toDay:
		return i.AddDate(0, 0, 1)
	case toHour:
		return i.Add(time.Hour)
	case toMinute:
		return i.Add(time.Minute)
	default:
		return i.Add(time.Nanosecond)
	}
}

// utc moves a time with zone to UTC, keeping its precision.
func (t temporal) utc() temporal {
	if !t.zoned || t.offset == 0 {
		return t
	}
	i := t.instant()
	t.year, t.month, t.day = i.Year(), int(i.Month()), i.Day()
	t.hour, t.minute, t.offset = i.Hour(), i.Minute(), 0
	return t
}

// compare orders two of the same sort; not known when precision or a missing
// zone leave it open. http://hl7.org/fhirpath/N1/#comparison
func (t temporal) compare(o temporal) (c int, known bool) {
	if t.zoned != o.zoned && t.kind != kindTime {
		return compareUnzoned(t, o)
	}
	a, b := t.utc(), o.utc()
	ap, bp := a.parts(), b.parts()
	from := toYear
	if t.kind == kindTime {
		from = toHour
	}
	for p := from; p <= min(a.prec, b.prec); p++ {
		if x, y := ap[p-1], bp[p-1]; x != y {
			return cmpInt(x, y), true
		}
	}
	if a.prec == toSecond && b.prec == toSecond {
		return cmpInt(a.nano, b.nano), true
	}
	return 0, a.prec == b.prec
}

// compareUnzoned compares a time in a zone with one in an unknown zone, which
// may be 14 hours off to either side.
func compareUnzoned(t, o temporal) (int, bool) {
	const most = 14 * time.Hour
	aFrom, aTo, bFrom, bTo := t.instant(), t.end(), o.instant(), o.end()
	switch {
	case !aTo.Add(most).After(bFrom):
		return -1, true
	case !bTo.Add(most).After(aFrom):
		return 1, true
	}
	return 0, false
}

func cmpInt(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// String writes FHIR's form, without @; a DateTime without time has no T.
func (t temporal) String() string {
	var b []byte
	if t.kind != kindTime {
		b = appendPadded(b, t.year, 4)
		if t.prec >= toMonth {
			b = appendPadded(append(b, '-'), t.month, 2)
		}
		if t.prec >= toDay {
			b = appendPadded(append(b, '-'), t.day, 2)
		}
		if t.prec < toHour {
			return string(b)
		}
		b = append(b, 'T')
	}
	b = appendPadded(b, t.hour, 2)
	if t.prec >= toMinute {
		b = appendPadded(append(b, ':'), t.minute, 2)
	}
	if t.prec >= toSecond {
		b = appendPadded(append(b, ':'), t.second, 2)
	}
	if t.frac > 0 {
		b = append(append(b, '.'), string(appendPadded(nil, t.nano, 9)[:t.frac])...)
	}
	return string(t.appendZone(b))
}

func (t temporal) appendZone(b []byte) []byte {
	if !t.zoned {
		return b
	}
	if t.offset == 0 {
		return append(b, 'Z')
	}
	sign, off := byte('+'), t.offset
	if off < 0 {
		sign, off = '-', -off
	}
	b = appendPadded(append(b, sign), off/60, 2)
	return appendPadded(append(b, ':'), off%60, 2)
}

func appendPadded(b []byte, v, width int) []byte {
	s := strconv.Itoa(v)
	for i := len(s); i < width; i++ {
		b = append(b, '0')
	}
	return append(b, s...)
}
