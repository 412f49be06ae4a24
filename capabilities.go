package firebreak

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"firebreak/fhir"
	"firebreak/fhir/r4"
	"firebreak/fhir/search"
	"firebreak/gate"
)

// Version is the software's version, ReleaseDate the date of this statement.
const (
	Version     = "0.1.0"
	ReleaseDate = "2026-11-22"
)

// capabilities answers GET /metadata (http.html#capabilities): public, and the
// same for everybody. capabilities_test exercises each claim it makes.
func (s *Server) capabilities(v *visit, i *fhir.Interaction) (gate.Cleared, error) {
	statement, err := s.statement()
	if err != nil {
		return gate.Cleared{}, err
	}
	sum := sha256.Sum256(statement)
	version := hex.EncodeToString(sum[:8])
	status := http.StatusOK
	body := statement
	if i.IfNoneMatch != "" && among(i.IfNoneMatch, version) {
		status, body = http.StatusNotModified, nil
	}
	return s.gate.ReleaseOwn(body, [][2]string{{"ETag", `W/"` + version + `"`}}, status, v.pretty), nil
}

type (
	object = map[string]any
	array  = []any
)

// capabilityStatement is made from what is routed: the kinds of route.go, the
// parameters that are indexed, the limits of the parser. cors is whether any
// web application may call from a browser.
func capabilityStatement(base string, cors bool, oauth OAuth) object {
	var resources array
	for _, typ := range r4.Resources() {
		resources = append(resources, capability(typ))
	}
	compartments := array{}
	for _, c := range []string{"Patient", "Encounter", "RelatedPerson", "Practitioner", "Device"} {
		compartments = append(compartments, "http://hl7.org/fhir/CompartmentDefinition/"+lower(c))
	}
	return object{
		"resourceType": "CapabilityStatement", "status": "active", "date": ReleaseDate, "kind": "instance",
		"software":       object{"name": "Firebreak", "version": Version},
		"implementation": object{"description": "Firebreak FHIR R4 server", "url": base},
		"fhirVersion":    "4.0.1", "format": array{"application/fhir+json", "json"}, "patchFormat": array{"application/json-patch+json"},
		"rest": array{object{
			"mode":     "server",
			"security": security(cors, oauth),
			"resource": resources,
			"interaction": array{object{"code": "transaction"}, object{"code": "batch"},
				object{"code": "search-system"}, object{"code": "history-system"}},
			"searchParam": parameters("Resource"),
			"compartment": compartments,
		}},
	}
}

// OAuth are the places of the authorization server that tokens come from; the
// zero OAuth when that is not ours to say.
type OAuth struct{ Authorize, Token, Introspect, Revoke, Manage string }

// security is the statement's, with the extension by which applications from
// before SMART's discovery document find the authorization server (SMART App
// Launch 1.0, "conformance").
func security(cors bool, o OAuth) object {
	const service = "http://terminology.hl7.org/CodeSystem/restful-security-service"
	out := object{"cors": cors, "description": "OAuth 2.0 access tokens with SMART scopes; every answer is limited to what the caller may see.",
		"service": array{object{"coding": array{object{"system": service, "code": "OAuth"}}}}}
	if o == (OAuth{}) {
		return out
	}
	out["service"] = array{object{"coding": array{object{"system": service, "code": "SMART-on-FHIR"}}}, object{"coding": array{object{"system": service, "code": "OAuth"}}}}
	var uris array
	for _, at := range [...][2]string{{"authorize", o.Authorize}, {"token", o.Token}, {"introspect", o.Introspect}, {"revoke", o.Revoke}, {"manage", o.Manage}} {
		uris = append(uris, object{"url": at[0], "valueUri": at[1]})
	}
	out["extension"] = array{object{"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": uris}}
	return out
}

func lower(s string) string {
	return string(s[0]|0x20) + s[1:]
}

func capability(typ string) object {
	interactions := array{}
	for _, code := range []string{"read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"} {
		interactions = append(interactions, object{"code": code})
	}
	includes, reverse := array{"*"}, array{"*"}
	for _, p := range r4.SearchParams(typ) {
		if p.Type == r4.ParamReference {
			includes = append(includes, typ+":"+p.Code)
		}
	}
	for _, other := range r4.Resources() {
		for _, p := range r4.SearchParams(other) {
			if p.Type != r4.ParamReference {
				continue
			}
			for _, t := range search.Targets(p) {
				if t == typ {
					reverse = append(reverse, other+":"+p.Code)
				}
			}
		}
	}
	operations := array{object{"name": "validate", "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate"}}
	if typ == "Patient" {
		operations = append(operations, object{"name": "everything", "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything"})
	}
	return object{
		"type": typ, "profile": "http://hl7.org/fhir/StructureDefinition/" + typ, "interaction": interactions,
		"versioning": "versioned", "readHistory": true, "updateCreate": false, "conditionalCreate": true,
		"conditionalRead": "full-support", "conditionalUpdate": true, "conditionalDelete": "single",
		"referencePolicy": array{"literal", "logical"}, "searchInclude": includes, "searchRevInclude": reverse,
		"searchParam": parameters(typ), "operation": operations,
	}
}

// parameters are the search parameters that are indexed for a type.
func parameters(typ string) array {
	out := array{}
	for _, p := range r4.SearchParams(typ) {
		if p.Code != "_id" && p.Code != "_lastUpdated" && !search.Indexed(p) {
			continue
		}
		out = append(out, object{"name": p.Code, "definition": p.URL, "type": p.Type.String()})
	}
	return out
}
