package fhir

import (
	"time"

	"firebreak/fhir/search"
	"firebreak/fhirjson"
)

// Kind is an interaction in FHIR's words
// (http://hl7.org/fhir/R4/valueset-restful-interaction.html, and operation).
type Kind string

// The kinds of Interaction.
const (
	Read            Kind = "read"
	VRead           Kind = "vread"
	Update          Kind = "update"
	Patch           Kind = "patch"
	Delete          Kind = "delete"
	Create          Kind = "create"
	SearchType      Kind = "search-type"
	SearchSystem    Kind = "search-system"
	HistoryInstance Kind = "history-instance"
	HistoryType     Kind = "history-type"
	HistorySystem   Kind = "history-system"
	Capabilities    Kind = "capabilities"
	Batch           Kind = "batch"
	Transaction     Kind = "transaction"
	Operation       Kind = "operation"
)

// Changes reports whether the interaction can change what is stored.
func (k Kind) Changes() bool {
	switch k {
	case Update, Patch, Delete, Create, Batch, Transaction:
		return true
	}
	return false
}

// Return is the preference of http.html#2.21.0.5.2.
type Return string

// What a successful change returns. The zero Return is the server's default,
// the representation.
const (
	ReturnMinimal        Return = "minimal"
	ReturnRepresentation Return = "representation"
	ReturnOutcome        Return = "OperationOutcome"
)

// Interaction is one request, parsed and structurally valid.
type Interaction struct {
	Kind Kind
	Type string // resource type, "" for the whole system
	ID   string
	// Version is the version id of a vread.
	Version string

	// Query is what a search asks. For a conditional create, read, update,
	// patch or delete it is the condition.
	Query *search.Query

	// Resource is the content of a create or update; for batch and
	// transaction the Bundle; for an operation its input or nil.
	Resource *fhirjson.Doc
	// Index is what a search will find the content by, worked out ahead; or nil.
	Index []search.Row
	// JSONPatch is the operations of a patch (RFC 6902).
	JSONPatch *fhirjson.Doc

	// IfMatch is the version id of If-Match, "" when absent, "*" for any.
	IfMatch string
	// IfNoneMatch is the version id of If-None-Match; "*" for any.
	IfNoneMatch string
	// IfModifiedSince is the last moment that the client knows of, zero when absent.
	IfModifiedSince time.Time

	History   *History
	Operation string   // "$everything", "$validate"
	Types     []string // $everything: the types _type asks for, nil for all
	Mode      string   // $validate: create, update, delete, profile or ""
	Entries   []Entry

	Return Return
	Strict bool // Prefer: handling=strict
	Pretty bool
	// Summary and Elements shape a single resource's reply; a search has them
	// in its Query.
	Summary  search.Summary
	Elements []string
	Head     bool // HEAD: the reply has no body
}

// Conditional reports whether the target is given by a condition.
func (i *Interaction) Conditional() bool {
	return i.Query != nil && i.Kind != SearchType && i.Kind != SearchSystem && i.Kind != Operation
}

// History is what a history interaction asks.
type History struct {
	Count int
	Since time.Time // zero: from the beginning
	At    time.Time // zero: not asked; otherwise versions current at that time
	AtEnd time.Time // the end of the instant's precision interval
	Used  []search.Pair
}

// Entry is one entry of a batch or transaction.
type Entry struct {
	FullURL string
	// Method, Path and Query are the request the entry stands for.
	Method, Path, Query string
	Interaction         *Interaction
	// Problem is set instead when the entry could not be parsed: a batch
	// answers it in place.
	Problem *Problem
	// Place is the entry's location, "Bundle.entry[3]".
	Place string
	// Raw is the whole entry as it was sent.
	Raw []byte
}

// Action is what is done to one resource, in the five letters of SMART's scopes.
type Action string

// The actions.
const (
	ActCreate Action = "create"
	ActRead   Action = "read"
	ActUpdate Action = "update"
	ActDelete Action = "delete"
	ActSearch Action = "search"
)

// Actions are all of them, in SMART's order.
var Actions = [...]Action{ActCreate, ActRead, ActUpdate, ActDelete, ActSearch}
