package authz_test

import (
	"fmt"
	"io/fs"
	"testing/fstest"

	"firebreak/authz"
	"firebreak/fhir"
	"firebreak/fhir/search"
	"firebreak/gate"
	"firebreak/policies"
)

func nurse() gate.Principal {
	return gate.NewPrincipal(gate.Identity{Tenant: "t", Issuer: "https://id.example.org", Subject: "diaz", FHIRUser: "Practitioner/diaz",
		Organization: "Organization/north", Roles: []string{"nurse"}, Scope: "user/Observation.rs?category=laboratory"})
}

// What a nurse's search for Observations is held to.
func ExampleExplainRules() {
	defaults, err := authz.NewPolicies(func() (fs.FS, error) { return policies.Default(), nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	scopes := authz.NewScopes(search.NewExtractor(), "")
	fmt.Print(authz.ExplainRules(nurse(), fhir.ActSearch, "Observation", scopes, defaults))
	// Output:
	// scope:
	//     matches Observation?category=laboratory
	// policy:
	//     all of
	//         not: all of
	//             resource.confidentiality == 5
	//             not: an asserted care team of its patient names Practitioner/diaz
	//         not: all of
	//             resource.confidentiality >= 6
	//             not: any of
	//                 an asserted care team of its patient names Practitioner/diaz
	//                 it was written by Practitioner/diaz
	//         any of
	//             resource.organization == "Organization/north"
	//             an asserted care team of its patient names Practitioner/diaz
}

// A policy that asks what no store can hold rows to is refused when loaded.
func ExampleLoadPolicies() {
	_, err := authz.LoadPolicies(fstest.MapFS{"ward.cedar": {Data: []byte(`
// Only finished results.
@id("finished-results")
permit (principal, action == Action::"read", resource)
when { resource.status == "final" };
`)}})
	fmt.Println(err)
	// Output:
	// ward.cedar:3: finished-results: resource has no attribute status
}
