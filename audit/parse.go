package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"firebreak/fhirjson"
)

// ErrNotARecord is ParseRecord's error for anything Record.Append does not write.
var ErrNotARecord = errors.New("payload is not an audit record in its one encoding")

// ParseRecord reads what Record.Append wrote, and nothing else: a member unknown
// to it, out of order or written otherwise is refused, so that what is shown is
// all that was recorded.
func ParseRecord(payload []byte) (Record, error) {
	doc, err := fhirjson.Parse(payload)
	if err != nil {
		return Record{}, ErrNotARecord
	}
	var r Record
	root := doc.Root()
	text := func(name string) string { return root.Field(name).Text() }
	r.Kind = Kind(text("kind"))
	r.Visit = text("visit")
	if s := text("time"); s != "" {
		if r.Time, err = time.Parse(timeLayout, s); err != nil {
			return Record{}, ErrNotARecord
		}
	}
	r.Tenant, r.Subject, r.Issuer, r.Name = text("tenant"), text("subject"), text("issuer"), text("name")
	r.FHIRUser, r.Organization, r.Roles = text("fhirUser"), text("organization"), texts(root.Field("roles"))
	r.ClientID, r.ClientName, r.JTI = text("clientId"), text("clientName"), text("jti")
	r.Purposes, r.Peer, r.Server = texts(root.Field("purposes")), text("peer"), text("server")
	r.Interaction, r.Operation, r.ResourceType = text("interaction"), text("operation"), text("resourceType")
	r.Category = text("category")
	for t := range root.Field("targets").Children() {
		r.Targets = append(r.Targets, Target{
			Type: t.Field("type").Text(), ID: t.Field("id").Text(),
			Version: t.Field("version").Text(), Labels: texts(t.Field("labels")),
		})
	}
	r.Patients, r.Consents = texts(root.Field("patients")), texts(root.Field("consents"))
	r.Status = int(number(root.Field("status")))
	r.Detail, r.RequestID, r.Epoch = text("detail"), text("requestId"), text("epoch")
	if s := text("query"); s != "" {
		if r.Query, err = base64.StdEncoding.DecodeString(s); err != nil {
			return Record{}, ErrNotARecord
		}
	}
	r.Part, r.Parts = int(number(root.Field("part"))), int(number(root.Field("parts")))
	if n := root.Field("repair"); n.Exists() {
		r.Repair = parseRepair(n)
	}
	if !bytes.Equal(r.Append(nil), payload) {
		return Record{}, ErrNotARecord
	}
	return r, nil
}

func parseRepair(n fhirjson.Node) *Repair {
	r := &Repair{
		Segment: n.Field("segment").Text(),
		Offset:  number(n.Field("offset")), Length: number(n.Field("length")),
	}
	sum, _ := hex.DecodeString(n.Field("sha256").Text()) // what does not decode, the comparison refuses
	copy(r.SHA256[:], sum)
	return r
}

func texts(n fhirjson.Node) []string {
	var list []string
	for c := range n.Children() {
		list = append(list, c.Text())
	}
	return list
}

func number(n fhirjson.Node) int64 {
	v, _ := strconv.ParseInt(n.Text(), 10, 64) // what does not parse, the comparison refuses
	return v
}
