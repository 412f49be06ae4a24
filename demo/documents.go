package demo

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"
)

// note writes a DocumentReference about some of the visits: always after a stay,
// often after an emergency, now and then else.
func (c *chart) note(v *visit) {
	kind, likely := loinc("11506-3", "Progress note"), 0.3
	switch {
	case v.class == "IMP":
		kind, likely = loinc("18842-5", "Discharge summary"), 1
	case v.class == "EMER":
		kind, likely = loinc("34111-5", "Emergency department Note"), 0.8
	case v.house != c.p.home:
		kind, likely = loinc("11488-4", "Consult note"), 1
	}
	if !c.chance(likely) {
		return
	}
	text := c.noteText(v, kind.display)
	made := v.end.Add(-5 * time.Minute)
	clinical := concept{"http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category", "clinical-note", "Clinical Note"}
	c.write(v, entry{typ: "DocumentReference", display: kind.display, body: obj("status", "current", "docStatus", "final",
		"type", kind.codeable(), "category", list{clinical.codeable()}, "subject", c.cite(c.p.ref), "date", stamp(made),
		"author", list{c.cite(v.clinician.ref)}, "custodian", v.house.org.plain(),
		"content", list{obj("attachment", obj("contentType", "text/plain; charset=utf-8", "language", "en",
			"data", base64.StdEncoding.EncodeToString([]byte(text)), "size", len(text),
			"title", kind.display, "creation", stamp(made)))},
		"context", obj("encounter", list{v.ref.plain()}, "period", period(v.start, v.end)))})
}

func (c *chart) noteText(v *visit, title string) string {
	var b strings.Builder
	who := "man"
	switch age := c.p.age(v.start); {
	case age < 1:
		who = "infant"
	case age < 18:
		who = "child"
	case c.p.female:
		who = "woman"
	}
	fmt.Fprintf(&b, "%s, %s\n%s\n\n", title, v.house.title, date(v.start))
	fmt.Fprintf(&b, "%s, %s, %d years.\n", c.p.full(), who, c.p.age(v.start))
	switch v.cause {
	case followUp:
		for _, k := range v.problems {
			fmt.Fprintf(&b, "%s: %s.\n", k.code.display, pick(c.generator, []string{"stable", "well controlled", "improving", "not yet at goal; plan discussed"}))
		}
	case acute:
		fmt.Fprintf(&b, "Presents with %s. %s.\n", v.ailment.code.display, pick(c.generator, []string{"Uncomplicated", "No red flags", "Symptoms began two days ago"}))
	case birth:
		b.WriteString("Born at term. Mother and child well.\n")
	case antenatal:
		b.WriteString("Pregnancy progressing normally.\n")
	case delivery:
		b.WriteString("Normal delivery. Mother and child well.\n")
	default:
		b.WriteString("No complaints. Examination unremarkable.\n")
	}
	fmt.Fprintf(&b, "\n%s\n", v.clinician.ref.display)
	return b.String()
}
