package ui

// ChoosePatient asks whose record an application is to be shown
// (launch/patient of SMART App Launch).
type ChoosePatient struct {
	Common
	App    string
	Search PatientSearch
	// Few is set when the list is all there is, such as a person's own record
	// and those of their children: no search form then.
	Few bool
}

func (*ChoosePatient) about() about { return about{file: "patient", title: "Choose a patient"} }

// Launch lets a signed-in clinician start an application for a patient (EHR
// launch). First the patient is found and chosen; then Patient is set and the
// page offers the applications.
type Launch struct {
	Common
	Search     PatientSearch
	Patient    *Patient
	Encounters []Choice // of the patient; the field encounter
	Apps       []LaunchApp
}

// LaunchApp is an application that can be launched.
type LaunchApp struct {
	ID        string // the client id: the field app
	Name      string
	Publisher string
	Text      string // what it does; may be empty
}

func (*Launch) about() about {
	return about{file: "launch", title: "Open an application", wide: true, menu: "launch"}
}
