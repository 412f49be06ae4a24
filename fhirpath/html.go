package fhirpath

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"firebreak/fhirjson"
)

// fnHTMLChecks is htmlChecks() of the invariants txt-1 and txt-2: XHTML of the
// elements a narrative may have (http://hl7.org/fhir/R4/narrative.html), with
// some content. It is the invariant's minimum; package narrative decides.
func fnHTMLChecks(ev *evaluator, in []Item, _ *node, _ *scope) error {
	if len(in) != 1 || in[0].Node().Kind() != fhirjson.String {
		return nil
	}
	s := in[0].Node().Text()
	if err := ev.spend(len(s) / 16); err != nil {
		return err
	}
	return ev.push(Boolean(plainXHTML(s)))
}

func plainXHTML(s string) bool {
	dec := xml.NewDecoder(strings.NewReader(s))
	dec.Entity = xml.HTMLEntity
	depth, content, rooted := 0, false, false
	for {
		tok, err := dec.Token()
		if err != nil {
			return errors.Is(err, io.EOF) && depth == 0 && rooted && content
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if depth == 0 && (rooted || t.Name.Local != "div") || !plainElement(t) {
				return false
			}
			rooted = true
			content = content || t.Name.Local == "img"
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			content = content || strings.TrimSpace(string(t)) != ""
		case xml.ProcInst, xml.Directive:
			return false
		}
	}
}

func plainElement(t xml.StartElement) bool {
	if t.Name.Space != "http://www.w3.org/1999/xhtml" {
		return false
	}
	const allowed = " a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em " +
		"h1 h2 h3 h4 h5 h6 hr i img li ol p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var "
	if !strings.Contains(allowed, " "+t.Name.Local+" ") {
		return false
	}
	for _, a := range t.Attr {
		v := strings.ToLower(strings.TrimSpace(a.Value))
		if strings.HasPrefix(a.Name.Local, "on") || strings.HasPrefix(v, "javascript:") || strings.HasPrefix(v, "data:text") {
			return false
		}
	}
	return true
}
