package person

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

// Cost is what one argon2id computation takes (RFC 9106 §3.1).
type Cost struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8  // lanes
}

// Recommended is RFC 9106 §4's second recommended option: 64 MiB, 3 passes, 4
// lanes. OWASP asks for less.
var Recommended = Cost{Memory: 64 << 10, Time: 3, Threads: 4}

const (
	saltSize = 16
	hashSize = 32
)

// weaker reports whether c takes less than d in any respect that costs a guesser.
func (c Cost) weaker(d Cost) bool { return c.Memory < d.Memory || c.Time < d.Time }

func (c Cost) check() error {
	if c.Time < 1 || c.Time > 100 || c.Threads < 1 || c.Memory < 8*uint32(c.Threads) || c.Memory > 1<<20 {
		return errors.New("the cost of a hash must be 1 to 100 passes, 1 or more lanes, 8 KiB a lane to 1 GiB")
	}
	return nil
}

// ErrBusy says that too many passwords are being checked; it says so before
// anything was looked at.
var ErrBusy = errors.New("too many sign-ins at once")

// hasher computes password hashes, a few at a time: each takes its memory.
type hasher struct {
	cost  Cost
	slots chan struct{}
	wait  time.Duration
	dummy string // the hash of nothing anybody can type

	computed, running, peak atomic.Int64
}

func newHasher(c Cost, atOnce int, wait time.Duration) (*hasher, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if atOnce < 1 {
		return nil, errors.New("at least one password must be checked at once")
	}
	h := &hasher{cost: c, slots: make(chan struct{}, atOnce), wait: wait}
	// It need not be a real hash: it costs as much to compare with, and 32
	// random bytes are nobody's.
	h.dummy = encode(c, random(saltSize), random(hashSize))
	return h, nil
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// slot waits for the right to compute hashes, one after another, until release.
func (h *hasher) slot(ctx context.Context) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, h.wait)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

// make is the PHC string of a password. The caller has a slot.
func (h *hasher) make(password string) string {
	salt := random(saltSize)
	return encode(h.cost, salt, h.compute(password, salt, h.cost, hashSize))
}

// is reports whether a password has a hash. The caller has a slot.
func (h *hasher) is(password, encoded string) (same bool, cost Cost, err error) {
	cost, salt, sum, err := decode(encoded)
	if err != nil {
		return false, cost, err
	}
	got := h.compute(password, salt, cost, uint32(len(sum)))
	// Constant time: the sum is secret.
	return subtle.ConstantTimeCompare(got, sum) == 1, cost, nil
}

func (h *hasher) compute(password string, salt []byte, c Cost, size uint32) []byte {
	n := h.running.Add(1)
	for p := h.peak.Load(); n > p && !h.peak.CompareAndSwap(p, n); p = h.peak.Load() {
	}
	defer h.running.Add(-1)
	defer h.computed.Add(1)
	sum := argon2.IDKey([]byte(password), salt, c.Time, c.Memory, c.Threads, size)
	if c.Memory >= muchMemory {
		runtime.GC()
	}
	return sum
}

// muchMemory, in KiB, is so much that the next hash must find it free again. Left
// to itself the collector waits until the heap is a multiple of what is in use,
// hashes included: that would be hundreds of megabytes for a few sign-ins. To
// collect takes a fraction of the hash's own time.
const muchMemory = 16 << 10

// encode is the PHC string format, whose parameters travel with the hash so that
// they can be raised later.
func encode(c Cost, salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Time, c.Threads, b64.EncodeToString(salt), b64.EncodeToString(sum))
}

var errHash = errors.New("a password hash is not in PHC's form for argon2id")

func decode(s string) (c Cost, salt, sum []byte, err error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Time, &c.Threads); err != nil {
		return c, nil, nil, errHash
	}
	b64 := base64.RawStdEncoding.Strict()
	salt, err1 := b64.DecodeString(parts[4])
	sum, err2 := b64.DecodeString(parts[5])
	if errors.Join(err1, err2, c.check()) != nil || len(salt) < 8 || len(sum) < 16 || encode(c, salt, sum) != s {
		return c, nil, nil, errHash
	}
	return c, salt, sum, nil
}

// Work is what password hashes took since the start.
type Work struct {
	Computed int64 // hashes
	Peak     int64 // at once, the most there were
}

// Work is how much hashing was done.
func (d *Directory) Work() Work {
	return Work{Computed: d.hash.computed.Load(), Peak: d.hash.peak.Load()}
}
