package service

import (
	"crypto/sha256"
	"fmt"

	"github.com/go-json-experiment/json"
)

// Clients of the realm that are always there.
const (
	// Audience is the aud of the realm's access tokens.
	Audience = "https://firebreak.example/fhir"
	// ResourceServerID and ResourceServerSecret may introspect tokens: Keycloak
	// tells only a client that is in their aud about them.
	ResourceServerID, ResourceServerSecret = Audience, "resource-server-secret"

	// ReadScope is granted to every token of Token, and these claims are in it.
	ReadScope                     = "user/*.rs"
	RolesClaim, OrganizationClaim = "fhirRoles", "fhirOrganization"

	passwordClient = "password-client" // exchanges a password for a token, for Token
)

type object = map[string]any

// userID is chosen by us, of the form that Keycloak wants. It is the person's sub.
func userID(login string) string {
	sum := sha256.Sum256([]byte(login))
	return fmt.Sprintf("00000000-0000-4000-8000-%012x", sum[:6])
}

// Subject is the sub of a person in the realm.
func (k *Keycloak) Subject(login string) string { return userID(login) }

func realm() object {
	var users []object
	roles := []object{}
	seen := map[string]bool{}
	for _, a := range People() {
		users = append(users, keycloakUser(a))
		for _, r := range a.Roles {
			if !seen[r] {
				seen[r] = true
				roles = append(roles, object{"name": r})
			}
		}
	}
	profile, _ := json.Marshal(userProfile())
	return object{
		"realm": "hospital", "enabled": true, "sslRequired": "none", "registrationAllowed": false,
		"passwordPolicy": "hashAlgorithm(pbkdf2-sha256) and hashIterations(1000)", // quick: these passwords are no secret
		"roles":          object{"realm": roles}, "users": users, "clients": realmClients(),
		"clientScopes": append(builtInScopes(), fhirScope(), smartScope(), object{"name": ReadScope, "protocol": "openid-connect",
			"attributes": object{"include.in.token.scope": "true"}}),
		"components": object{"org.keycloak.userprofile.UserProfileProvider": []object{{
			"providerId": "declarative-user-profile", "config": object{"kc.user.profile.config": []string{string(profile)}},
		}}},
	}
}

func keycloakUser(a Account) object {
	credentials := []object{{"type": "password", "value": a.Password}}
	if a.TOTP != "" {
		secret, _ := json.Marshal(object{"value": a.TOTP})
		data, _ := json.Marshal(object{"subType": "totp", "digits": 6, "period": 30, "algorithm": "HmacSHA1"})
		credentials = append(credentials, object{"type": "otp", "secretData": string(secret), "credentialData": string(data)})
	}
	attributes := object{RolesClaim: fhirRoles(a.Roles)}
	if a.Organization != "" {
		attributes[OrganizationClaim] = []string{"Organization/" + a.Organization}
	}
	for name, value := range map[string]string{"fhirUser": a.FHIRUser, "organization": a.Organization} {
		if value != "" {
			attributes[name] = []string{value}
		}
	}
	return object{
		"id": userID(a.Login), "username": a.Login, "enabled": true, "email": a.Email, "emailVerified": true,
		"firstName": a.Given, "lastName": a.Family, "realmRoles": a.Roles, "credentials": credentials, "attributes": attributes,
	}
}

func realmClients() []object {
	return []object{
		{"clientId": ResourceServerID, "secret": ResourceServerSecret, "publicClient": false, "standardFlowEnabled": false,
			"directAccessGrantsEnabled": false, "serviceAccountsEnabled": true},
		{"clientId": passwordClient, "publicClient": true, "standardFlowEnabled": false, "directAccessGrantsEnabled": true,
			"defaultClientScopes": []string{"basic", "acr", "profile", "email", "fhir", "smart", ReadScope}},
	}
}

// smartScope puts into access tokens what a FHIR server that reads nothing else
// goes by: roles and organisation in FHIR's words, beside the hospital's own.
func smartScope() object {
	mapper := func(name, many string) object {
		return object{"name": name, "protocol": "openid-connect", "protocolMapper": "oidc-usermodel-attribute-mapper", "config": object{
			"user.attribute": name, "claim.name": name, "multivalued": many, "jsonType.label": "String",
			"access.token.claim": "true", "introspection.token.claim": "true", "id.token.claim": "false"}}
	}
	return object{"name": "smart", "protocol": "openid-connect", "protocolMappers": []object{mapper(RolesClaim, "true"), mapper(OrganizationClaim, "false")}}
}

// fhirRoles are a hospital's roles as FHIR servers call them.
func fhirRoles(own []string) []string {
	var out []string
	for _, r := range own {
		if r == "doctor" {
			r = "physician"
		}
		out = append(out, r)
	}
	return out
}

// fhirScope puts what FHIR needs into all tokens.
func fhirScope() object {
	all := func(more object) object {
		for _, where := range []string{"id.token.claim", "access.token.claim", "userinfo.token.claim", "introspection.token.claim"} {
			more[where] = "true"
		}
		return more
	}
	mapper := func(name, kind string, config object) object {
		return object{"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": all(config)}
	}
	return object{
		"name": "fhir", "protocol": "openid-connect", "attributes": object{"include.in.token.scope": "true"},
		"protocolMappers": []object{
			mapper("fhirUser", "oidc-usermodel-attribute-mapper", object{"user.attribute": "fhirUser", "claim.name": "fhirUser", "jsonType.label": "String"}),
			mapper("organization", "oidc-usermodel-attribute-mapper", object{"user.attribute": "organization", "claim.name": "organization", "jsonType.label": "String"}),
			mapper("roles", "oidc-usermodel-realm-role-mapper", object{"claim.name": "roles", "multivalued": "true", "jsonType.label": "String"}),
			{"name": "audience", "protocol": "openid-connect", "protocolMapper": "oidc-audience-mapper",
				"config": object{"included.custom.audience": Audience, "access.token.claim": "true", "id.token.claim": "false"}},
		},
	}
}

// builtInScopes are those of Keycloak's that are used: a realm that names any
// scope gets only those it names.
func builtInScopes() []object {
	scope := func(name string, mappers ...object) object {
		return object{"name": name, "protocol": "openid-connect", "attributes": object{"include.in.token.scope": "true"}, "protocolMappers": mappers}
	}
	mapper := func(name, kind, property, claim, label string) object {
		return object{"name": name, "protocol": "openid-connect", "protocolMapper": kind, "config": object{
			"user.attribute": property, "claim.name": claim, "jsonType.label": label, "user.session.note": "AUTH_TIME",
			"id.token.claim": "true", "access.token.claim": "true", "userinfo.token.claim": "true", "introspection.token.claim": "true",
		}}
	}
	const property = "oidc-usermodel-property-mapper"
	return []object{
		scope("basic", mapper("sub", "oidc-sub-mapper", "", "", ""), object{
			"name": "auth_time", "protocol": "openid-connect", "protocolMapper": "oidc-usersessionmodel-note-mapper",
			"config": object{"user.session.note": "AUTH_TIME", "claim.name": "auth_time", "jsonType.label": "long",
				"id.token.claim": "true", "access.token.claim": "true", "introspection.token.claim": "true"}}),
		scope("acr", mapper("acr", "oidc-acr-mapper", "", "", "")),
		scope("profile", mapper("name", "oidc-full-name-mapper", "", "", ""), mapper("login", property, "username", "preferred_username", "String")),
		scope("email", mapper("email", property, "email", "email", "String"), mapper("verified", property, "emailVerified", "email_verified", "boolean")),
	}
}

// userProfile lets accounts have attributes of our own, which only administrators may edit.
func userProfile() object {
	attribute := func(name string) object {
		return object{"name": name, "permissions": object{"view": []string{"admin", "user"}, "edit": []string{"admin"}}}
	}
	return object{
		"unmanagedAttributePolicy": "ADMIN_EDIT",
		"attributes":               []object{attribute("username"), attribute("email"), attribute("firstName"), attribute("lastName")},
	}
}
