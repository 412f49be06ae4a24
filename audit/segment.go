package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The format, version 1, all integers big-endian. A segment is a file of fixed
// size, made of a header, records without gaps, and zero bytes up to its end:
//
//	header    0 magic FF 'F' 'S' 01      record    0 magic FF 'F' 'R' 01
//	          4 zero (4)                           4 length n of the payload (4)
//	          8 number, from 1 (8)                 8 seq, from 0 (8)
//	         16 size of the file (8)              16 Unix time in microseconds (8)
//	         24 seq of the first record (8)       24 place in its batch, from 0 (4)
//	         32 Unix time, microseconds (8)       28 zero (4)
//	         40 where its forerunner ended (8)    32 key id, zero: in the clear (16)
//	         48 bytes set aside there (8)         48 hash of the link before (32)
//	         56 their SHA-256 (32)                80 payload (n)
//	         88 hash of the link before (32)    80+n SHA-256 of all before
//	        120 SHA-256 of all before
//
// Headers and records are links of one chain: the hash of each stands in the
// next. The records of a batch were written at once, and a batch is written only
// after the one before it was durable; that is how a write torn by a crash is
// told from a change made later (see cursor.torn). FF never occurs in UTF-8, so no
// payload in the clear can look like a record.
const (
	headerSize = 152
	recordHead = 80
	overhead   = recordHead + sha256.Size

	// maxBatch bounds what one write holds, and so what a crash can tear.
	maxBatch = 1 << 20

	// MaxPayload is the largest payload, in bytes.
	MaxPayload = maxBatch - overhead

	// MinSegment and DefaultSegment are segment sizes in bytes.
	MinSegment     = 4 << 10
	DefaultSegment = 64 << 20
)

var (
	headerMagic = [4]byte{0xFF, 'F', 'S', 1}
	recordMagic = [4]byte{0xFF, 'F', 'R', 1}
)

// Hash is a SHA-256 hash: of a record as stored, payload encrypted or not.
type Hash [sha256.Size]byte

func (h Hash) String() string { return fmt.Sprintf("%x", h[:]) }

// KeyID names the key a payload is encrypted under; zero is in the clear.
type KeyID [16]byte

// Entry is one record as the journal keeps it.
type Entry struct {
	Seq     uint64    // from 0, without gaps
	Time    time.Time // UTC, whole microseconds: when it was handed to the journal
	Key     KeyID
	Hash    Hash
	Payload []byte // valid until the callback that received it returns
}

// segmentHeader is the first link in a segment.
type segmentHeader struct {
	number   uint64
	size     int64
	first    uint64
	created  int64 // Unix microseconds: the time of its first record
	prevEnd  int64 // where the records of the segment before end
	torn     int64 // bytes from there on that a crash left and Open set aside
	tornHash Hash
	prev     Hash
}

func (h segmentHeader) encode() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, headerMagic[:]...)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = binary.BigEndian.AppendUint64(b, uint64(h.size))
	b = binary.BigEndian.AppendUint64(b, h.first)
	b = binary.BigEndian.AppendUint64(b, uint64(h.created))
	b = binary.BigEndian.AppendUint64(b, uint64(h.prevEnd))
	b = binary.BigEndian.AppendUint64(b, uint64(h.torn))
	b = append(b, h.tornHash[:]...)
	b = append(b, h.prev[:]...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// hash is the header's own link, once encoded.
func headerHash(encoded []byte) Hash { return Hash(encoded[headerSize-sha256.Size:]) }

// parseHeader reads a header of headerSize bytes; ok is false unless every byte
// of it is as encode would write it.
func parseHeader(b []byte) (h segmentHeader, ok bool) {
	body := b[:headerSize-sha256.Size]
	if [4]byte(b) != headerMagic || [4]byte(b[4:]) != [4]byte{} || sha256.Sum256(body) != headerHash(b) {
		return segmentHeader{}, false
	}
	return segmentHeader{
		number:   binary.BigEndian.Uint64(b[8:]),
		size:     int64(binary.BigEndian.Uint64(b[16:])),
		first:    binary.BigEndian.Uint64(b[24:]),
		created:  int64(binary.BigEndian.Uint64(b[32:])),
		prevEnd:  int64(binary.BigEndian.Uint64(b[40:])),
		torn:     int64(binary.BigEndian.Uint64(b[48:])),
		tornHash: Hash(b[56:]),
		prev:     Hash(b[88:]),
	}, true
}

// recordFields is the fixed part of a record.
type recordFields struct {
	length uint32
	seq    uint64
	time   int64 // Unix microseconds
	place  uint32
	key    KeyID
	prev   Hash
}

// parseRecordHead reads the fixed part, recordHead bytes. What it returns is
// believed only once the record's hash has been checked.
func parseRecordHead(b []byte) (f recordFields, ok bool) {
	f = recordFields{
		length: binary.BigEndian.Uint32(b[4:]),
		seq:    binary.BigEndian.Uint64(b[8:]),
		time:   int64(binary.BigEndian.Uint64(b[16:])),
		place:  binary.BigEndian.Uint32(b[24:]),
		key:    KeyID(b[32:]),
		prev:   Hash(b[48:]),
	}
	return f, [4]byte(b) == recordMagic && [4]byte(b[28:]) == [4]byte{} && f.length <= MaxPayload
}

// appendRecord appends a record whose place in the chain is filled in by seal.
func appendRecord(b []byte, unixMicro int64, key KeyID, payload []byte) []byte {
	b = append(b, recordMagic[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, make([]byte, 8)...)
	b = binary.BigEndian.AppendUint64(b, uint64(unixMicro))
	b = append(b, make([]byte, 8)...)
	b = append(b, key[:]...)
	b = append(b, make([]byte, sha256.Size)...)
	b = append(b, payload...)
	return append(b, make([]byte, sha256.Size)...)
}

// recordSize is the length of the record that begins at b[0].
func recordSize(b []byte) int { return overhead + int(binary.BigEndian.Uint32(b[4:])) }

// recordTime is the time of the record that begins at b[0], in Unix microseconds.
func recordTime(b []byte) int64 { return int64(binary.BigEndian.Uint64(b[16:])) }

// seal gives the record that fills b its place in the chain, and its hash.
func seal(b []byte, seq uint64, place uint32, prev Hash) Hash {
	binary.BigEndian.PutUint64(b[8:], seq)
	binary.BigEndian.PutUint32(b[24:], place)
	copy(b[48:], prev[:])
	body := b[:len(b)-sha256.Size]
	sum := Hash(sha256.Sum256(body))
	copy(b[len(body):], sum[:])
	return sum
}

const suffix = ".journal"

// segmentName is the file name of a segment; names sort as numbers do.
func segmentName(number uint64) string { return fmt.Sprintf("%016d%s", number, suffix) }

// segmentNumber is the inverse of segmentName; ok is false for any other name.
func segmentNumber(name string) (number uint64, ok bool) {
	number, err := strconv.ParseUint(strings.TrimSuffix(name, suffix), 10, 64)
	return number, err == nil && number > 0 && segmentName(number) == name
}
