package fhirpath

import "time"

// addQuantity adds a duration to a date or time, truncated to its precision.
// msg says what is wrong with the unit; ok is false when the result has no
// place in the calendar. http://hl7.org/fhirpath/N1/#datetime-arithmetic
func (t temporal) addQuantity(d Decimal, u unit) (out temporal, ok bool, msg string) {
	word, known := u.calendarWord()
	if !known {
		return t, false, "the unit is not one of time"
	}
	if t.kind == kindTime {
		return t.addClock(d, word)
	}
	n, whole := d.round(0, divTrunc).toInt()
	if !whole {
		return t, false, ""
	}
	switch word {
	case "year":
		return t.addMonths(n * 12)
	case "month":
		return t.addMonths(n)
	case "week":
		return t.addDays(n * 7)
	case "day":
		return t.addDays(n)
	}
	span, whole := nanoseconds(d, word)
	if !whole {
		return t, false, ""
	}
	if t.prec < toHour {
		return t.addDays(int64(span / (24 * time.Hour)))
	}
	return t.addSpan(span)
}

// nanoseconds is the duration; the fraction counts for seconds and milliseconds only.
func nanoseconds(d Decimal, word string) (time.Duration, bool) {
	unit := map[string]time.Duration{"hour": time.Hour, "minute": time.Minute,
		"second": time.Second, "millisecond": time.Millisecond}[word]
	if unit >= time.Minute {
		d = d.round(0, divTrunc)
	}
	n, ok := d.mul(decimalFromInt(int64(unit)))
	if !ok {
		return 0, false
	}
	i := n.round(0, divTrunc).int()
	return time.Duration(i.Int64()), i.IsInt64()
}

func (t temporal) addMonths(n int64) (temporal, bool, string) {
	if t.prec == toYear {
		n = n / 12 * 12
	}
	m := int64(t.year)*12 + int64(t.month) - 1 + n
	if m < 12 || m >= 12*10000 {
		return t, false, ""
	}
	t.year, t.month = int(m/12), int(m%12)+1
	t.day = min(t.day, daysIn(t.year, t.month))
	return t, true, ""
}

// addDays takes 30 days for a month and 365 for a year where t has no days.
func (t temporal) addDays(n int64) (temporal, bool, string) {
	switch t.prec {
	case toYear:
		return t.addMonths(n / 365 * 12)
	case toMonth:
		return t.addMonths(n / 30)
	}
	const most = 10000 * 366
	if n > most || n < -most {
		return t, false, ""
	}
	d := time.Date(t.year, time.Month(t.month), t.day+int(n), 0, 0, 0, 0, time.UTC)
	t.year, t.month, t.day = d.Year(), int(d.Month()), d.Day()
	return t, t.year >= 1 && t.year <= 9999, ""
}

func (t temporal) addSpan(span time.Duration) (temporal, bool, string) {
	switch t.prec {
	case toHour:
		span = span.Truncate(time.Hour)
	case toMinute:
		span = span.Truncate(time.Minute)
	}
	d := time.Date(t.year, time.Month(t.month), t.day, t.hour, t.minute, t.second, t.nano, time.UTC).Add(span)
	t.year, t.month, t.day = d.Year(), int(d.Month()), d.Day()
	t.hour, t.minute, t.second, t.nano = d.Hour(), d.Minute(), d.Second(), d.Nanosecond()
	t.showFraction()
	return t, t.year >= 1 && t.year <= 9999, ""
}

// showFraction makes room for a fraction that arithmetic has produced.
func (t *temporal) showFraction() {
	if t.nano == 0 || t.prec < toSecond {
		return
	}
	for _, f := range []struct{ digits, unit int }{{3, 1e6}, {6, 1e3}, {9, 1}} {
		if t.nano%f.unit == 0 {
			t.frac = max(t.frac, f.digits)
			return
		}
	}
}

// addClock adds to a Time, which wraps at midnight.
func (t temporal) addClock(d Decimal, word string) (temporal, bool, string) {
	switch word {
	case "year", "month", "week", "day":
		return t, false, "the unit is too long for a time of day"
	}
	span, ok := nanoseconds(d, word)
	if !ok {
		return t, false, ""
	}
	t.year, t.month, t.day = 2000, 1, 1
	out, _, _ := t.addSpan(span % (24 * time.Hour))
	return out, true, ""
}
