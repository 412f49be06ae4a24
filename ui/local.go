package ui

import "time"

// localTime is the value of an input of type datetime-local (HTML, section
// 2.3.5.6), without seconds.
const localTime = "2006-01-02T15:04"

// Local is a time as a field of type datetime-local has it, in Site.Zone.
func (p *Pages) Local(t time.Time) string { return t.In(p.site.Zone).Format(localTime) }

// ParseLocal reads what such a field posted.
func (p *Pages) ParseLocal(s string) (time.Time, bool) {
	t, err := time.ParseInLocation(localTime, s, p.site.Zone)
	return t, err == nil
}
