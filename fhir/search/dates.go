package search

import (
	"math"
	"time"
)

// The bounds of an interval that is open at one end: a Period without start or
// end (http://hl7.org/fhir/R4/search.html#date).
const (
	MinDate int64 = math.MinInt64
	MaxDate int64 = math.MaxInt64
)

// DateInterval is the half-open interval of instants that a FHIR date, dateTime
// or instant denotes, in microseconds since 1970 UTC: "2013" is the whole year.
// Minutes without seconds are accepted, as search allows; a time without zone
// is UTC, the server's zone. A blank before the zone's digits is read as the
// "+" that a client forgot to escape. A fraction counts to the microsecond. It
// reports false for what is no date, 2013-02-30 included.
func DateInterval(s string) (low, high int64, ok bool) {
	d := dateScanner{s: s}
	year, month, day := d.number(4), 1, 1
	if d.bad || year == 0 {
		return 0, 0, false
	}
	if !d.next('-') {
		return d.span(year, month, day, 1, 0, 0)
	}
	if month = d.number(2); !d.next('-') {
		return d.span(year, month, day, 0, 1, 0)
	}
	if day = d.number(2); !d.next('T') {
		return d.span(year, month, day, 0, 0, 1)
	}
	return d.instant(year, month, day)
}

type dateScanner struct {
	s   string
	bad bool
}

// number reads exactly n digits.
func (d *dateScanner) number(n int) int {
	if len(d.s) < n {
		d.bad = true
		return 0
	}
	v := 0
	for i := range n {
		c := d.s[i]
		if c < '0' || c > '9' {
			d.bad = true
			return 0
		}
		v = v*10 + int(c-'0')
	}
	d.s = d.s[n:]
	return v
}

func (d *dateScanner) next(c byte) bool {
	if d.bad || d.s == "" || d.s[0] != c {
		return false
	}
	d.s = d.s[1:]
	return true
}

// span is an interval of whole days; nothing may be left of the text.
func (d *dateScanner) span(y, m, day, addYears, addMonths, addDays int) (low, high int64, ok bool) {
	from := time.Date(y, time.Month(m), day, 0, 0, 0, 0, time.UTC)
	if d.bad || d.s != "" || int(from.Month()) != m || from.Day() != day {
		return 0, 0, false
	}
	return from.UnixMicro(), from.AddDate(addYears, addMonths, addDays).UnixMicro(), true
}

// instant reads hh:mm[:ss[.f+]][zone].
func (d *dateScanner) instant(y, m, day int) (low, high int64, ok bool) {
	midnight := time.Date(y, time.Month(m), day, 0, 0, 0, 0, time.UTC)
	if d.bad || int(midnight.Month()) != m || midnight.Day() != day {
		return 0, 0, false
	}
	hour := d.number(2)
	if !d.next(':') {
		return 0, 0, false
	}
	minute, second := d.number(2), 0
	fraction, precision := int64(0), time.Minute.Microseconds()
	if d.next(':') {
		second, precision = d.number(2), time.Second.Microseconds()
		if d.next('.') {
			fraction, precision = d.fraction()
		}
	}
	offset := d.zone()
	// 60 is a leap second, which R4's dateTime allows: it is the next minute's first.
	if d.bad || d.s != "" || hour > 23 || minute > 59 || second > 60 {
		return 0, 0, false
	}
	sinceMidnight := int64(hour*3600+minute*60+second-offset*60) * time.Second.Microseconds()
	low = midnight.UnixMicro() + sinceMidnight + fraction
	return low, low + precision, true
}

// fraction reads the digits of a second: their value and that of the last one.
func (d *dateScanner) fraction() (value, precision int64) {
	precision = time.Second.Microseconds()
	n := 0
	for ; n < len(d.s) && d.s[n] >= '0' && d.s[n] <= '9'; n++ {
		if precision > 1 {
			precision /= 10
			value += int64(d.s[n]-'0') * precision
		}
	}
	d.bad = d.bad || n == 0 || n > 32
	d.s = d.s[n:]
	return value, precision
}

// zone reads Z, ±hh:mm or nothing: minutes east of Greenwich.
func (d *dateScanner) zone() int {
	if d.s == "" || d.next('Z') {
		return 0
	}
	sign := 1
	switch {
	case d.next('-'):
		sign = -1
	case d.next('+'), d.next(' '):
	default:
		d.bad = true
	}
	h := d.number(2)
	if !d.next(':') {
		d.bad = true
	}
	m := d.number(2)
	if h > 14 || m > 59 || h == 14 && m > 0 {
		d.bad = true
	}
	return sign * (h*60 + m)
}

// approximately widens an interval for the prefix ap: by a tenth of its
// distance from now, at both ends ("the recommended value is 10% of the
// gap between now and the date"). Without a now it widens by one day.
func approximately(low, high int64, now time.Time) (int64, int64) {
	margin := (24 * time.Hour).Microseconds()
	if !now.IsZero() {
		n := now.UnixMicro()
		margin = max(low-n, n-high, 0) / 10
	}
	return low - margin, high + margin
}
