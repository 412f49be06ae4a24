package authz

import (
	"slices"
	"strings"

	"firebreak/fhir"
	"firebreak/gate"
)

// attr is one thing that a policy may ask.
type attr uint8

const (
	principalItself attr = iota + 1
	principalSubject
	principalIssuer
	principalClient
	principalFHIRUser
	principalUserType
	principalOrganization
	principalRoles
	principalPurpose
	principalACR
	contextPurpose
	contextACR
	actionItself
	resourceType
	resourceDirectory
	resourceOrganization
	resourceCustodian
	resourceConfidentiality
	resourceSensitivities
	resourceCaveats
	resourceAsserted
	resourceLinked
	resourceIsSubject
	resourceInCareTeam
	resourceIsAuthor
)

// stage is when the answer is known.
type stage uint8

const (
	ofRequest stage = iota // before any row is looked at
	ofClass                // from the row's class
	ofKeys                 // from the row's keys
)

// attribute describes an attr. Its elements, for a set, are texts.
type attribute struct {
	name  string
	kind  kind
	stage stage
}

var attributes = [...]attribute{
	principalItself:         {"principal", kindEntity, ofRequest},
	principalSubject:        {"principal.subject", kindString, ofRequest},
	principalIssuer:         {"principal.issuer", kindString, ofRequest},
	principalClient:         {"principal.clientId", kindString, ofRequest},
	principalFHIRUser:       {"principal.fhirUser", kindString, ofRequest},
	principalUserType:       {"principal.userType", kindString, ofRequest},
	principalOrganization:   {"principal.organization", kindString, ofRequest},
	principalRoles:          {"principal.roles", kindSet, ofRequest},
	principalPurpose:        {"principal.purpose", kindString, ofRequest},
	principalACR:            {"principal.acr", kindString, ofRequest},
	contextPurpose:          {"context.purpose", kindString, ofRequest},
	contextACR:              {"context.acr", kindString, ofRequest},
	actionItself:            {"action", kindEntity, ofRequest},
	resourceType:            {"resource.type", kindString, ofRequest},
	resourceDirectory:       {"resource.directory", kindBool, ofRequest},
	resourceOrganization:    {"resource.organization", kindString, ofClass},
	resourceCustodian:       {"resource.custodian", kindString, ofClass},
	resourceConfidentiality: {"resource.confidentiality", kindLong, ofClass},
	resourceSensitivities:   {"resource.sensitivities", kindSet, ofClass},
	resourceCaveats:         {"resource.caveats", kindSet, ofClass},
	resourceAsserted:        {"resource.asserted", kindBool, ofClass},
	resourceLinked:          {"resource.linked", kindBool, ofClass},
	resourceIsSubject:       {"resource.isSubject", kindBool, ofKeys},
	resourceInCareTeam:      {"resource.inCareTeam", kindBool, ofKeys},
	resourceIsAuthor:        {"resource.isAuthor", kindBool, ofKeys},
}

// attributeNamed finds "resource.organization".
func attributeNamed(name string) (attr, bool) {
	i := slices.IndexFunc(attributes[:], func(a attribute) bool { return a.name == name && name != "" })
	return attr(i), i > 0
}

// caller is what a policy may ask of a principal.
type caller struct {
	gate.Identity
	userType string // type of FHIRUser
	patient  string // id of the Patient who is asking, or ""
}

func callerOf(id gate.Identity) caller {
	c := caller{Identity: id}
	typ, local, _ := strings.Cut(id.FHIRUser, "/")
	c.userType = typ
	if typ == "Patient" {
		c.patient = local
	}
	return c
}

// uid is the principal's entity: people and systems are told apart by whether
// the credential names a FHIR record.
func (c *caller) uid() (typ, id string) {
	if c.FHIRUser != "" {
		return "User", c.Issuer + "|" + c.Subject
	}
	return "Client", c.Issuer + "|" + c.ClientID
}

// request is what is known before a row is looked at. A nil who is a principal
// not yet known; policies are sorted by what the rest says.
type request struct {
	who    *caller
	action fhir.Action
	typ    string
}

// answer is the value of an attribute that the request decides.
func (r *request) answer(a attr) (value, bool) {
	switch a {
	case actionItself:
		return entity("Action", string(r.action)), true
	case resourceType:
		return text(r.typ), true
	case resourceDirectory:
		return boolean(Directory(r.typ)), true
	}
	if r.who == nil {
		return value{}, false
	}
	switch a {
	case principalItself:
		return entity(r.who.uid()), true
	case principalSubject:
		return text(r.who.Subject), true
	case principalIssuer:
		return text(r.who.Issuer), true
	case principalClient:
		return text(r.who.ClientID), true
	case principalFHIRUser:
		return text(r.who.FHIRUser), true
	case principalUserType:
		return text(r.who.userType), true
	case principalOrganization:
		return text(r.who.Organization), true
	case principalRoles:
		return texts(r.who.Roles), true
	case principalPurpose, contextPurpose:
		return text(r.who.Purpose), true
	case principalACR, contextACR:
		return text(r.who.ACR), true
	case resourceIsSubject: // nobody's record is the record of a caller who is no patient
		return boolean(false), r.who.patient == ""
	case resourceInCareTeam, resourceIsAuthor:
		return boolean(false), r.who.FHIRUser == ""
	}
	return value{}, false
}

// ask is the value of an attribute that a class decides.
func ask(c gate.Class, a attr) value {
	switch a {
	case resourceOrganization:
		return text(c.Organization)
	case resourceCustodian:
		return text(c.Custodian)
	case resourceConfidentiality:
		return value{kind: kindLong, long: int64(level(c.Confidentiality))}
	case resourceSensitivities:
		return texts(c.Sensitivities)
	case resourceCaveats:
		return texts(c.Caveats)
	case resourceAsserted:
		return boolean(c.Asserted)
	case resourceLinked:
		return boolean(c.Linked)
	}
	return value{}
}

// level is a confidentiality as a policy sees it; a level that is none counts
// as the highest.
func level(c gate.Confidentiality) gate.Confidentiality {
	if c < gate.Unrestricted || c > gate.VeryRestricted {
		return gate.VeryRestricted
	}
	return c
}
