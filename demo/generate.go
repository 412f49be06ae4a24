// Package demo makes up two hospitals: their people, their patients and the
// patients' records, as FHIR R4 resources (http://hl7.org/fhir/R4/). The data
// shows what a gate is for: most charts belong to one hospital, a few patients
// are treated in both, some records carry security labels.
//
// It is a pure function of seed, reference date and number of patients: the same
// arguments give the same bytes. It does not store anything, and no person in it
// exists. Its surprise: who wrote a record is not in the record but beside it,
// since a writer is something a server knows and content can only claim.
package demo

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"time"
)

// A Record is one resource and who is to write it.
type Record struct {
	// Organization is whose member writes it, "north" or "south"; "" is the
	// tenant's directory, which belongs to no hospital.
	Organization string
	// Author is the Name of the User who writes it. "" is the operator's import:
	// the directory, and what a hospital's registration desk enters (patients,
	// coverage, care teams). Of visitors, patients whom the other hospital knows
	// nothing of, it is also the clinical import.
	Author string
	// Asserts tells that decisions rest on the record (care team, practitioner
	// role, a patient's general practitioner …), so that only a principal with the
	// right to assert such relations may write it. Encounters and appointments are
	// not among them: here their participants are reports, not grants.
	Asserts  bool
	Type, ID string
	JSON     []byte // one resource, with resourceType and id
}

// DefaultPatients is the number of patients of `firebreak demo`.
const DefaultPatients = 220

// MaxPatients is the most that Generate makes up, which bounds memory: a million charts are some 60 GB.
const MaxPatients = 1 << 20

// Generate makes the data set: the directory first, then patient after patient,
// each reference after its target. today counts as a date in UTC; nothing
// but appointments and the ends of coverage lies after it. Fewer than one patient
// counts as one, Amy, who is always there; more than 2²⁰ as 2²⁰.
func Generate(seed uint64, today time.Time, patients int) []Record {
	y, m, d := today.UTC().Date()
	patients = min(max(patients, 1), MaxPatients)
	g := &generator{seed: seed, today: time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
	g.rand = g.stream("directory", 0)
	g.directory()
	var twins []*patient // people with a chart in the north who get one in the south
	shared, visitors, twofold := min(4, patients/5), min(4, patients/10), min(8, patients/12)
	for i := range patients {
		g.rand = g.stream("patient", uint64(i))
		switch n := i - 1; {
		case i == 0:
			g.chart(g.amy())
		case n < shared:
			g.chart(g.person(i, g.north, g.south, bothTeams))
		case n < shared+visitors:
			g.chart(g.person(i, g.north, g.south, visitor))
		case n < shared+visitors+twofold:
			p := g.person(i, g.north, nil, single)
			g.chart(p)
			twins = append(twins, p)
		case i >= patients-twofold:
			g.chart(g.twin(i, twins[i-(patients-twofold)]))
		case n%5 < 3:
			g.chart(g.person(i, g.north, nil, single))
		default:
			g.chart(g.person(i, g.south, nil, single))
		}
	}
	g.rand = g.stream("groups", 0)
	g.groups()
	return g.records
}

type generator struct {
	seed         uint64
	today        time.Time // midnight, UTC
	rand         *rand.Rand
	serial       uint64 // ids drawn in the current stream
	stage        string // name of the current stream, for ids
	north, south *house
	payers       []ref
	drugs        map[string]ref // RxNorm code → Medication
	diabetics    []*patient
	records      []Record
}

// stream starts an independent sequence, so that a patient's data does not depend
// on how much was drawn for those before.
func (g *generator) stream(name string, n uint64) *rand.Rand {
	g.stage, g.serial = name, n<<32
	sum := g.hash("stream")
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}

func (g *generator) hash(kind string) [32]byte {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:8], g.seed)
	binary.BigEndian.PutUint64(key[8:], g.serial)
	return sha256.Sum256(append(key[:], kind+"/"+g.stage...))
}

// newID is 100 bits of a hash: an id must not tell how many came before it.
func (g *generator) newID(typ string) string {
	g.serial++
	sum := g.hash(typ)
	return strings.ToLower(base32.StdEncoding.EncodeToString(sum[:13]))[:20]
}

// An entry is a record before it is written out.
type entry struct {
	typ, id     string // id "": a new one
	house       *house // nil: the tenant's directory
	author      string
	asserts     bool
	sensitivity sensitivity
	narrative   string // inner XHTML of text.div, or ""
	display     string // what references to it may show
	body        object
}

func (g *generator) put(e entry) ref {
	if e.id == "" {
		e.id = g.newID(e.typ)
	}
	doc := obj("resourceType", e.typ, "id", e.id)
	if e.sensitivity != normal {
		doc = append(doc, member{"meta", obj("security", e.sensitivity.labels())})
	}
	if e.narrative != "" {
		doc = append(doc, member{"text", obj("status", "generated",
			"div", `<div xmlns="http://www.w3.org/1999/xhtml">`+e.narrative+`</div>`)})
	}
	doc = append(doc, e.body...)
	r := Record{Author: e.author, Asserts: e.asserts, Type: e.typ, ID: e.id, JSON: encode(make([]byte, 0, 1024), doc)}
	if e.house != nil {
		r.Organization = e.house.name
	}
	g.records = append(g.records, r)
	return ref{e.typ + "/" + e.id, e.display}
}

func (g *generator) chance(p float64) bool { return g.rand.Float64() < p }

// between draws a whole number from low to high, both included.
func (g *generator) between(low, high int) int { return low + g.rand.IntN(high-low+1) }

func pick[T any](g *generator, from []T) T { return from[g.rand.IntN(len(from))] }

// cite is a reference that shows a display now and then.
func (g *generator) cite(r ref) object {
	if r.target == "" {
		return nil
	}
	if r.display != "" && g.chance(0.3) {
		return r.named()
	}
	return r.plain()
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// para is a paragraph of narrative: a title and text, escaped.
func para(title, text string) string {
	return "<p><b>" + escaper.Replace(title) + "</b> " + escaper.Replace(text) + "</p>"
}
