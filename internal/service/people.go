package service

// Account is a person that both Keycloak and the other provider know. Their
// claims say who that is in FHIR: fhirUser, roles (names of the provider's own,
// as a hospital has them), organization.
type Account struct {
	Login, Password        string
	Given, Family, Email   string
	FHIRUser, Organization string
	Roles                  []string
	// TOTP is a secret, as bytes, of a second factor that Keycloak asks for;
	// the other provider has none.
	TOTP string
}

// People are the accounts of both providers.
func People() []Account {
	return []Account{
		{Login: "dr-adams", Password: "adams-horse-battery", Given: "Ann", Family: "Adams", Email: "adams@hospital.example",
			FHIRUser: "Practitioner/dr-adams", Organization: "north", Roles: []string{"doctor"}},
		{Login: "nurse-bell", Password: "bell-horse-battery", Given: "Ben", Family: "Bell", Email: "bell@hospital.example",
			FHIRUser: "Practitioner/nurse-bell", Organization: "north", Roles: []string{"nurse"}},
		{Login: "amy", Password: "amy-horse-battery", Given: "Amy", Family: "Ames", Email: "amy@mail.example",
			FHIRUser: "Patient/amy", Roles: []string{"patient"}},
		{Login: "admin-cole", Password: "cole-horse-battery", Given: "Cleo", Family: "Cole", Email: "cole@hospital.example",
			Organization: "north", Roles: []string{"admin"}},
		{Login: "dr-otto", Password: "otto-horse-battery", Given: "Otto", Family: "Olsen", Email: "otto@hospital.example",
			FHIRUser: "Practitioner/dr-otto", Organization: "south", Roles: []string{"doctor"}, TOTP: "twenty-bytes-of-otto"},
	}
}

// Client is an application that a test registers with a provider.
type Client struct {
	ID string
	// Secret may be empty: the client then signs with a key of JWKS (as JSON).
	Secret, JWKS           string
	RedirectURIs           []string
	PostLogoutRedirectURIs []string
	BackchannelLogoutURI   string
}
