package transport

// chunking follows a chunked body (RFC 9112 section 7.1) to its end. Trailer
// fields are refused: nothing here has a use for them, and they are a second
// way in for header fields.
type chunking struct {
	at     chunkPlace
	size   int64
	digits int // hexadecimal digits of the size so far
	extra  int // bytes of chunk extensions, ignored up to a limit
}

type chunkPlace uint8

const (
	inSize chunkPlace = iota
	inExtension
	sizeLF
	inData
	dataCR
	dataLF
	lastCR
	lastLF
)

// scan goes on through b. It returns how many of its bytes belong to the body,
// whether they end it, and whether all is well.
func (c *chunking) scan(b []byte) (n int, done, ok bool) {
	for n < len(b) {
		if c.at == inData {
			take := min(c.size, int64(len(b)-n))
			n += int(take)
			if c.size -= take; c.size == 0 {
				c.at = dataCR
			}
			continue
		}
		if !c.step(b[n]) {
			return 0, false, false
		}
		n++
		if c.at == inSize && c.digits < 0 { // after the last LF
			return n, true, true
		}
	}
	return n, false, true
}

// step takes one byte of what is around the data.
func (c *chunking) step(b byte) bool {
	switch c.at {
	case inSize, inExtension:
		return c.stepSize(b)
	case sizeLF:
		c.at = inData
		if c.size == 0 {
			c.at = lastCR
		}
		return b == '\n'
	case dataCR:
		c.at = dataLF
		return b == '\r'
	case dataLF:
		*c = chunking{}
		return b == '\n'
	case lastCR:
		c.at = lastLF
		return b == '\r'
	}
	*c = chunking{digits: -1}
	return b == '\n'
}

func (c *chunking) stepSize(b byte) bool {
	if c.at == inSize {
		if d := hexDigit(b); d >= 0 {
			c.digits++
			c.size = c.size<<4 | int64(d)
			return c.digits <= 8
		}
	}
	switch {
	case c.digits == 0:
		return false
	case b == '\r':
		c.at = sizeLF
		return true
	case c.at == inSize && b != ';':
		return false
	}
	c.at = inExtension
	c.extra++
	return c.extra <= 256 && (b >= ' ' || b == '\t') && b != 0x7f
}
