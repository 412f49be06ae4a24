package demo

// A User is somebody who can sign in to the demo.
type User struct {
	Name         string   // the name to sign in with
	Display      string   // as people know them
	FHIRUser     string   // "Practitioner/…", "Patient/…", or "" for a system
	Organization string   // "Organization/…", or "" for the operator's own people
	OrgName      string   // "north", "south" or ""
	Roles        []string // "physician", "nurse", "patient", "security-officer", "admin", "system"
	Scope        string   // the SMART v2 scope asked for when nothing else is said
	Client       bool     // a program with credentials of its own, not a person
}

// The ids that Users needs to know whatever the seed is. All others come from
// the seed and tell nothing.
const (
	northOrg    = "north"
	southOrg    = "south"
	amyID       = "amy"
	adamsID     = "dr-adams"
	bakerID     = "dr-baker"
	diazID      = "nurse-diaz"
	chenID      = "dr-chen"
	officerID   = "officer"
	adminID     = "admin"
	clinicScope = "openid fhirUser user/*.cruds"
)

// Users are the people and programs of the demo, in the order in which its pages
// offer them. Their Practitioner, Patient and Organization are in every data set.
func Users() []User {
	const north, south = "Organization/" + northOrg, "Organization/" + southOrg
	return []User{
		{Name: "dr-adams", Display: "Dr. Adams", FHIRUser: "Practitioner/" + adamsID, Organization: north, OrgName: northOrg,
			Roles: []string{"physician"}, Scope: clinicScope},
		{Name: "dr-baker", Display: "Dr. Baker", FHIRUser: "Practitioner/" + bakerID, Organization: north, OrgName: northOrg,
			Roles: []string{"physician"}, Scope: clinicScope},
		{Name: "nurse-diaz", Display: "Nurse Diaz", FHIRUser: "Practitioner/" + diazID, Organization: north, OrgName: northOrg,
			Roles: []string{"nurse"}, Scope: clinicScope},
		{Name: "dr-chen", Display: "Dr. Chen", FHIRUser: "Practitioner/" + chenID, Organization: south, OrgName: southOrg,
			Roles: []string{"physician"}, Scope: clinicScope},
		{Name: "patient-amy", Display: "Amy", FHIRUser: "Patient/" + amyID, Organization: north, OrgName: northOrg,
			Roles: []string{"patient"}, Scope: "openid fhirUser launch/patient patient/*.rs"},
		{Name: "officer", Display: "Security officer", FHIRUser: "Practitioner/" + officerID, Roles: []string{"security-officer"},
			Scope: "openid fhirUser user/AuditEvent.rs"},
		{Name: "admin", Display: "Administrator", FHIRUser: "Practitioner/" + adminID, Roles: []string{"admin"}, Scope: clinicScope},
		{Name: "warehouse", Display: "Warehouse", Roles: []string{"system"}, Scope: "system/*.rs", Client: true},
	}
}
