package fhir

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// FormatInstant writes an instant as this server does: UTC, milliseconds.
func FormatInstant(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// Indent is the JSON with one member or item a line; for people (_pretty).
func Indent(body []byte) []byte {
	v := jsontext.Value(bytes.Clone(body))
	if err := v.Indent(jsontext.WithIndent("  ")); err != nil {
		return body
	}
	return v
}
