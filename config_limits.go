package firebreak

import "time"

// A bound is what one limit may be set to; 0 always means the default.
// docs/configuration.md has the same numbers, and a test compares them.
type bound struct {
	key                string
	value, least, most int64
	time               bool
}

// bounds are wide: they are for typing errors, and for values that would make
// of a limit none.
func (l LimitsConfig) bounds() []bound {
	number := func(key string, value, least, most int64) bound {
		return bound{key: key, value: value, least: least, most: most}
	}
	lasting := func(key string, value Duration, most time.Duration) bound {
		return bound{key, int64(value.Duration), int64(100 * time.Millisecond), int64(most), true}
	}
	return []bound{
		number("body", l.Body, 1, 1<<30),
		number("bodies", l.Bodies, 1, 64<<30),
		number("gzip_ratio", l.GzipRatio, 1, 100),
		number("header", int64(l.Header), 256, 32<<10),
		number("url", int64(l.URL), 64, 32<<10),
		lasting("header_timeout", l.HeaderTimeout, 5*time.Minute),
		lasting("body_timeout", l.BodyTimeout, time.Hour),
		number("body_rate", l.BodyRate, 1, 10<<20),
		lasting("write_timeout", l.WriteTimeout, time.Hour),
		lasting("idle_timeout", l.IdleTimeout, time.Hour),
		lasting("drain", l.Drain, time.Hour),
		number("connections", int64(l.Connections), 1, 1_000_000),
		number("per_peer", int64(l.PerPeer), 1, 1_000_000),
		number("requests", int64(l.Requests), 1, 100_000),
		number("streams", int64(l.Streams), 1, 10_000),
		number("entries", int64(l.Entries), 1, 100_000),
		number("count", int64(l.Count), 1, 10_000),
		number("chain", int64(l.Chain), 1, 10),
		number("iterate", int64(l.Iterate), 1, 20),
		lasting("page_life", l.PageLife, 168*time.Hour),
		lasting("time", l.Time, time.Hour),
		number("per_client", int64(l.PerClient), 1, 100_000),
		number("per_client_burst", int64(l.PerClientBurst), 1, 1_000_000),
		number("per_person", int64(l.PerPerson), 1, 100_000),
		number("per_person_burst", int64(l.PerPersonBurst), 1, 1_000_000),
	}
}

func (l LimitsConfig) check(fault faultFunc) {
	for _, b := range l.bounds() {
		switch {
		case b.value == 0 || b.least <= b.value && b.value <= b.most:
		case b.value < 0:
			fault("limits."+b.key, "must not be negative; 0 means the default")
		case b.time:
			fault("limits."+b.key, "must be %v to %v; 0 means the default", time.Duration(b.least), time.Duration(b.most))
		default:
			fault("limits."+b.key, "must be %d to %d; 0 means the default", b.least, b.most)
		}
	}
	if l.PerClientBurst > 0 && l.PerClient == 0 {
		fault("limits.per_client_burst", "needs limits.per_client")
	}
	if l.PerPersonBurst > 0 && l.PerPerson == 0 {
		fault("limits.per_person_burst", "needs limits.per_person")
	}
	body, bodies := l.Body, l.Bodies
	if body == 0 {
		body = defaultBody
	}
	if bodies == 0 {
		bodies = defaultBodies
	}
	if bodies < body {
		fault("limits.bodies", "must not be below limits.body (%d), which it holds several of", body)
	}
}

// The transport's defaults, of which one bounds the other.
const (
	defaultBody   = 10 << 20
	defaultBodies = 512 << 20
)
