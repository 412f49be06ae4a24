package authz

import (
	"strings"

	"github.com/cedar-policy/cedar-go"

	"firebreak/gate"
)

// principalEntity is who asks, as schema.cedarschema has it.
func principalEntity(id gate.Identity) cedar.Entity {
	userType, _, _ := strings.Cut(id.FHIRUser, "/")
	uid := cedar.NewEntityUID("Client", cedar.String(id.Issuer+"|"+id.ClientID))
	if id.FHIRUser != "" {
		uid = cedar.NewEntityUID("User", cedar.String(id.Issuer+"|"+id.Subject))
	}
	roles := make([]cedar.EntityUID, len(id.Roles))
	for i, r := range id.Roles {
		roles[i] = cedar.NewEntityUID("Role", cedar.String(r))
	}
	return cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(roles...), Attributes: cedar.NewRecord(cedar.RecordMap{
		"subject":      cedar.String(id.Subject),
		"issuer":       cedar.String(id.Issuer),
		"clientId":     cedar.String(id.ClientID),
		"fhirUser":     cedar.String(id.FHIRUser),
		"userType":     cedar.String(userType),
		"organization": cedar.String(id.Organization),
		"roles":        stringSet(id.Roles),
		"purpose":      cedar.String(id.Purpose),
		"acr":          cedar.String(id.ACR),
	})}
}

// ties are a caller's relations to one version.
type ties struct{ isSubject, inCareTeam, isAuthor bool }

// tiesOf reads them from a header. Care-team facts and authorship are of a
// caller with a record of their own only.
func tiesOf(id gate.Identity, h gate.Header) ties {
	if id.FHIRUser == "" {
		return ties{}
	}
	patient, isPatient := strings.CutPrefix(id.FHIRUser, "Patient/")
	return ties{
		isSubject:  isPatient && h.Keys.HasSubject(patient),
		inCareTeam: h.Facts.CareTeam,
		isAuthor:   h.Keys.Author == id.FHIRUser,
	}
}

// recordEntity is one version. Its id is the same for all, so that no policy
// could name one.
func recordEntity(c gate.Class, t ties) cedar.Entity {
	confidentiality := c.Confidentiality
	if confidentiality.String() == "?" {
		confidentiality = gate.VeryRestricted
	}
	return cedar.Entity{UID: cedar.NewEntityUID("Record", ""), Attributes: cedar.NewRecord(cedar.RecordMap{
		"type":            cedar.String(c.Type),
		"organization":    cedar.String(c.Organization),
		"custodian":       cedar.String(c.Custodian),
		"confidentiality": cedar.Long(confidentiality),
		"sensitivities":   stringSet(c.Sensitivities),
		"caveats":         stringSet(c.Caveats),
		"asserted":        cedar.Boolean(c.Asserted),
		"linked":          cedar.Boolean(c.Linked),
		"directory":       cedar.Boolean(Directory(c.Type)),
		"isSubject":       cedar.Boolean(t.isSubject),
		"inCareTeam":      cedar.Boolean(t.inCareTeam),
		"isAuthor":        cedar.Boolean(t.isAuthor),
	})}
}

func typeEntity(typ string) cedar.Entity {
	return cedar.Entity{UID: cedar.NewEntityUID("ResourceType", cedar.String(typ)), Attributes: cedar.NewRecord(cedar.RecordMap{
		"type":      cedar.String(typ),
		"directory": cedar.Boolean(Directory(typ)),
	})}
}

func serverEntity() cedar.Entity {
	return cedar.Entity{UID: cedar.NewEntityUID("Server", "")}
}

func stringSet(list []string) cedar.Set {
	out := make([]cedar.Value, len(list))
	for i, s := range list {
		out[i] = cedar.String(s)
	}
	return cedar.NewSet(out...)
}
