package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"firebreak/fhirjson"
)

// item is one entry of a transaction to be made, and where it came from.
type item struct {
	place string // "line 3", "entry 7"; "" for what is taken as it stands
	entry []byte
	// target is what a PUT replaces, "Patient/amy": items with one target are
	// brought in one after another. "" when nothing else in the file can meet it.
	target string
}

// transactionOf joins entries.
func transactionOf(items []item) []byte {
	var b bytes.Buffer
	b.WriteString(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	for n, i := range items {
		if n > 0 {
			b.WriteByte(',')
		}
		b.Write(i.entry)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// entryOf is an entry for a resource, which keeps its id or gets one when it has
// none.
func entryOf(typ, id, fullURL string, resource []byte) []byte {
	method, url := "PUT", typ+"/"+id
	if id == "" {
		method, url = "POST", typ
	}
	b := []byte(`{`)
	if fullURL != "" {
		b = append(fhirjson.AppendQuote(append(b, `"fullUrl":`...), fullURL), ',')
	}
	b = append(append(b, `"resource":`...), resource...)
	b = append(b, `,"request":{"method":"`+method+`","url":`...)
	return append(fhirjson.AppendQuote(b, url), `}}`...)
}

func itemOf(place, fullURL string, resource fhirjson.Node) (item, error) {
	typ := resource.Field("resourceType").Text()
	if typ == "" {
		return item{}, errors.New(place + ": it has no resourceType")
	}
	id, target := resource.Field("id").Text(), ""
	if id != "" {
		target = typ + "/" + id
	}
	return item{place, entryOf(typ, id, fullURL, resource.Raw()), target}, nil
}

// A source is one file, as it is to be imported.
type source struct {
	whole   []byte // a transaction to be taken as it stands, or nil
	entries int    // in whole
	items   []item
	// together: the items refer to each other, so all or none.
	together bool
}

// errSkipped is a Bundle of a kind that is not for importing.
type errSkipped struct{ kind string }

func (e errSkipped) Error() string { return "a Bundle of type " + e.kind + " is not for importing" }

// sourceOf reads a JSON file. A transaction is taken as it is; a collection
// becomes one that keeps the ids there are, and so does a resource by itself.
// The entries of a batch are independent of each other.
func sourceOf(src []byte) (source, error) {
	doc, err := fhirjson.Parse(src)
	if err != nil {
		return source{}, err
	}
	root := doc.Root()
	out := source{}
	if !root.Field("resourceType").Is("Bundle") {
		i, err := itemOf("the file", "", root)
		out.items = []item{i}
		return out, err
	}
	switch kind := root.Field("type").Text(); kind {
	case "transaction":
		return source{whole: src, entries: root.Field("entry").Len()}, nil
	case "batch":
		for e := range root.Field("entry").Each() {
			i := item{place: fmt.Sprintf("entry %d", len(out.items)), entry: e.Raw()}
			if request := e.Field("request"); !request.Field("method").Is("POST") {
				i.target = request.Field("url").Text()
			}
			out.items = append(out.items, i)
		}
		return out, nil
	case "collection":
		out.together = true
		for e := range root.Field("entry").Each() {
			i, err := itemOf(fmt.Sprintf("entry %d", len(out.items)), e.Field("fullUrl").Text(), e.Field("resource"))
			if err != nil {
				return source{}, err
			}
			out.items = append(out.items, i)
		}
		return out, nil
	default:
		return source{}, errSkipped{kind}
	}
}

// reasons are the texts of an OperationOutcome, in one line.
func reasons(outcome []byte) string {
	doc, err := fhirjson.Parse(outcome)
	if err != nil {
		return "no reason given"
	}
	var out []string
	more := 0
	for issue := range doc.Root().Field("issue").Each() {
		if len(out) == 3 {
			more++
			continue
		}
		text := issue.Field("code").Text()
		if d := issue.Field("diagnostics"); d.Exists() {
			text += ": " + d.Text()
		}
		for e := range issue.Field("expression").Each() {
			text += " (" + e.Text() + ")"
		}
		out = append(out, text)
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(out, "; ")
}
