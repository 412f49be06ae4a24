package ui

import "time"

// Common is in every view.
type Common struct {
	// CSRF is the token that each form of the page carries in its field "csrf".
	CSRF string
	// Flow names what the person is in the middle of, such as an authorization
	// request; each form carries it in its field "flow". May be empty.
	Flow string
	// Person is the display name of who is signed in; empty for nobody.
	Person string
	// Menu is which places the person may go to, on pages that have the menu.
	Menu Menu
	// Notice is said on top: "Your password was changed."
	Notice string
	// Errors are what to put right before the form is accepted. The texts are
	// literals that tell nothing about accounts.
	Errors []FieldError
}

// FieldError is what is wrong with a field of a form.
type FieldError struct {
	Field string // the field's name in the form; empty for the form as a whole
	Text  string // "Enter a date in the future"
}

// Menu is which places are shown in the menu of a signed-in person. Hiding a
// place protects nothing: its handler does.
type Menu struct {
	Launch  bool // start an application for a patient
	Roles   bool // ask for a role for a while
	Admin   bool // applications, people, approvals
	Waiting int  // changes waiting for this person's approval
}

func (c *Common) common() *Common { return c }

// Passkey is what the browser is asked with: the JSON of WebAuthn's
// CredentialCreationOptions or CredentialRequestOptions, {"publicKey": {…}} with
// bytes in base64url (WebAuthn 3, section 5.1.8 and 5.1.9). The answer comes in
// the form's field "credential" as PublicKeyCredential.toJSON shapes it.
type Passkey struct {
	Options string
	// Ceremony names what the options belong to; the form carries it in its field
	// "ceremony".
	Ceremony string
}

// Patient is one line of a list to choose from.
type Patient struct {
	ID         string // the resource's id
	Name       string
	BirthDate  string // "1987-02-20", or less of it; empty when unknown
	Gender     string // FHIR's administrative gender; empty when unknown
	Identifier string // what the organisation calls the number: "MRN 12345"
}

// PatientSearch is a form to find patients by and what it found. The form posts
// name, birthdate, identifier; the buttons for pages add page.
type PatientSearch struct {
	Name, BirthDate, Identifier string // as typed
	Done                        bool   // a search was made, so that nothing found is said
	Found                       []Patient
	Next, Previous              string // the values of page; empty when there is none
}

// Choice is an option of a list.
type Choice struct {
	Value, Text string
	Selected    bool
}

// Moment is when something happened; the zero time is shown as "never" or left out.
type Moment = time.Time
