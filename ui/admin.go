package ui

// AdminApps lists the registered applications.
type AdminApps struct {
	Common
	Apps []AppLine
}

// AppLine is one registered application in the list.
type AppLine struct {
	ID        string // the client id
	Name      string
	Publisher string
	Kind      string // "Public", "Confidential, by key", "Backend service"
	Status    string // "Active", "Disabled", "Waiting for approval"
	Mark      StatusKind
	Since     Moment
}

func (*AdminApps) about() about {
	return about{file: "adminapps", title: "Applications", wide: true, menu: "apps"}
}

// AdminAppForm registers an application, or changes one: then ID says which, and
// it has no kind to choose. Its fields: name, publisher, uri, kind,
// redirects (one a line), launch, signout, scopes (separated by spaces), jwks_uri,
// jwks, certificate, organization and roles of a backend service, reason.
type AdminAppForm struct {
	Common
	ID                         string // of the application to be changed: the field app
	Name, Publisher, URI       string
	Kinds                      []Choice // the field kind
	Redirects, Launch, SignOut string
	Scopes                     string
	JWKSURI, JWKS, Certificate string
	Organization, Roles        string // of a backend service
	Reason                     string
	TwoPersons                 bool // another administrator must approve
}

func (v *AdminAppForm) about() about {
	if v.ID != "" {
		return about{file: "adminappform", title: "Change an application", wide: true, menu: "apps"}
	}
	return about{file: "adminappform", title: "Register an application", wide: true, menu: "apps"}
}

// AdminApp shows an application. Secret is shown once, just after it was made.
type AdminApp struct {
	Common
	App        AppLine
	Facts      []Fact
	Secret     string
	HasSecret  bool // it proves itself by a secret, so a new one can be made
	Disabled   bool
	Reason     string // as typed
	TwoPersons bool
}

// Fact is a label and its values.
type Fact struct {
	Label  string
	Values []string
}

func (*AdminApp) about() about {
	return about{file: "adminapp", title: "Application", wide: true, menu: "apps"}
}

// AdminPeople lists accounts. Names are searched by POST, so that no URL holds them.
type AdminPeople struct {
	Common
	Find           string
	People         []PersonLine
	Next, Previous string // the values of page; empty when there is none
}

// PersonLine is one account in the list.
type PersonLine struct {
	ID       string
	Name     string
	Username string
	FHIRUser string // "Practitioner/…"; empty for none
	Roles    []string
	Status   string // "Active", "Locked", "Invited"
	Mark     StatusKind
	LastSeen Moment
}

func (*AdminPeople) about() about {
	return about{file: "adminpeople", title: "People", wide: true, menu: "people"}
}

// AdminInvite invites a person. Its fields: name, email, username, fhiruser,
// organization, role (several), reason.
type AdminInvite struct {
	Common
	Name, Email, Username  string
	FHIRUser, Organization string
	Roles                  []Choice
	Reason                 string
	TwoPersons             bool
}

func (*AdminInvite) about() about {
	return about{file: "admininvite", title: "Invite a person", wide: true, menu: "people"}
}

// AdminPerson shows an account: roles with their ends, lock and unlock.
type AdminPerson struct {
	Common
	Person     PersonLine
	Facts      []Fact
	Locked     bool
	Roles      []HeldRole
	Offer      []Choice // roles that can be given: the field role
	Until      string   // as typed: a date
	CanMail    bool     // another e-mail address can be asked for, which takes two
	Email      string   // as typed
	Reason     string
	TwoPersons bool
}

// HeldRole is a role of a person.
type HeldRole struct {
	Role   string
	Since  Moment
	Until  Moment // zero: no end
	Reason string
	By     string
}

func (*AdminPerson) about() about {
	return about{file: "adminperson", title: "Person", wide: true, menu: "people"}
}

// Approvals lists changes that need a second person.
type Approvals struct {
	Common
	Waiting    []Change
	Decided    []Change
	Reason     string // for new keys, as typed
	TwoPersons bool   // new keys take another person
}

// Change is something that somebody wants to change.
type Change struct {
	ID      string // the field change
	Title   string // "Register the application Growth Chart"
	By      string
	Asked   Moment
	Expires Moment
	Reason  string
	Facts   []Fact // what is changed, before and after
	Mine    bool   // asked for by the person who looks, who may not approve it
	Status  string // of a decided one: "Approved by …"
	Mark    StatusKind
}

func (*Approvals) about() about {
	return about{file: "approvals", title: "Approvals", wide: true, menu: "approvals"}
}
