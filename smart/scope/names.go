package scope

// theme is a group of resource types on the consent page.
type theme uint8

const (
	aboutYou theme = iota
	conditions
	medications
	allergies
	results
	visits
	documents
	plans
	money
	directory
	everythingElse
)

// named is a resource type in plain words.
type named struct {
	typ, noun string
	theme     theme
	shared    bool // not part of anybody's record: no "your" before it
}

// names are all resource types of R4 (http://hl7.org/fhir/R4/resourcelist.html)
// in the order of the page. Each noun reads on from "See your", or from "See" if
// it is shared.
var names = [...]named{
	{"Patient", "name, birth date, address and other personal details", aboutYou, false},
	{"RelatedPerson", "family members, helpers and other contacts", aboutYou, false},
	{"Person", "links to other records of the same person", aboutYou, false},
	{"FamilyMemberHistory", "family's health history", aboutYou, false},
	{"BodyStructure", "body sites of findings", aboutYou, false},
	{"Consent", "consents and privacy choices", aboutYou, false},
	{"Flag", "warnings and alerts", aboutYou, false},

	{"Condition", "health conditions and diagnoses", conditions, false},
	{"Procedure", "operations and other procedures", conditions, false},
	{"Immunization", "vaccinations", conditions, false},
	{"ImmunizationRecommendation", "recommended vaccinations", conditions, false},
	{"ImmunizationEvaluation", "checks whether vaccinations count", conditions, false},
	{"ClinicalImpression", "clinicians' assessments", conditions, false},
	{"RiskAssessment", "health risks", conditions, false},
	{"AdverseEvent", "harmful events during care", conditions, false},
	{"DetectedIssue", "warnings about care, such as of drugs that don't go together", conditions, false},

	{"MedicationRequest", "prescriptions", medications, false},
	{"MedicationDispense", "medicines handed out by a pharmacy", medications, false},
	{"MedicationStatement", "reported medicines", medications, false},
	{"MedicationAdministration", "medicines given by staff", medications, false},
	{"VisionPrescription", "prescriptions for glasses and lenses", medications, false},
	{"Medication", "what medicines are made of", medications, true},
	{"MedicationKnowledge", "facts about medicines", medications, true},

	{"AllergyIntolerance", "allergies and intolerances", allergies, false},

	{"Observation", "test results, measurements and observations", results, false},
	{"DiagnosticReport", "reports of laboratory tests, imaging and other examinations", results, false},
	{"ImagingStudy", "X-rays, scans and other imaging", results, false},
	{"Media", "photographs, videos and sound recordings", results, false},
	{"Specimen", "samples taken for tests", results, false},
	{"MolecularSequence", "genetic sequences", results, false},
	{"Device", "implants and other devices", results, false},
	{"DeviceMetric", "settings of measuring devices", results, false},
	{"DeviceUseStatement", "use of devices", results, false},

	{"Encounter", "visits and hospital stays", visits, false},
	{"Appointment", "appointments", visits, false},
	{"AppointmentResponse", "answers to appointments", visits, false},
	{"EpisodeOfCare", "periods of care", visits, false},
	{"Schedule", "calendars of times for appointments", visits, true},
	{"Slot", "free and taken times for appointments", visits, true},

	{"DocumentReference", "clinical notes and other documents", documents, false},
	{"DocumentManifest", "bundles of documents", documents, false},
	{"Composition", "structured documents", documents, false},
	{"Binary", "files, such as scanned letters and pictures", documents, false},
	{"Bundle", "stored collections of records", documents, false},
	{"List", "lists, such as of problems or medicines", documents, false},
	{"QuestionnaireResponse", "answers to questionnaires", documents, false},
	{"Questionnaire", "questionnaires", documents, true},
	{"Communication", "messages about care", documents, false},
	{"CommunicationRequest", "requests to send a message", documents, false},

	{"CarePlan", "care plans", plans, false},
	{"CareTeam", "care teams", plans, false},
	{"Goal", "health goals", plans, false},
	{"ServiceRequest", "orders and referrals", plans, false},
	{"NutritionOrder", "diet and nutrition orders", plans, false},
	{"DeviceRequest", "orders of devices", plans, false},
	{"SupplyRequest", "orders of supplies", plans, false},
	{"SupplyDelivery", "deliveries of supplies", plans, false},
	{"RequestGroup", "groups of orders", plans, false},
	{"Task", "tasks in care", plans, false},
	{"GuidanceResponse", "advice by decision support", plans, false},

	{"Coverage", "insurance details", money, false},
	{"CoverageEligibilityRequest", "questions what insurance covers", money, false},
	{"CoverageEligibilityResponse", "answers what insurance covers", money, false},
	{"EnrollmentRequest", "applications for insurance", money, false},
	{"EnrollmentResponse", "answers to applications for insurance", money, false},
	{"Claim", "insurance claims", money, false},
	{"ClaimResponse", "insurers' answers to claims", money, false},
	{"ExplanationOfBenefit", "statements of what insurance paid", money, false},
	{"Account", "billing accounts", money, false},
	{"ChargeItem", "charges for care", money, false},
	{"Invoice", "bills", money, false},
	{"Contract", "contracts", money, false},
	{"PaymentNotice", "notices of payment", money, false},
	{"PaymentReconciliation", "payments set against bills", money, false},
	{"ChargeItemDefinition", "price lists", money, true},
	{"InsurancePlan", "insurance plans on offer", money, true},

	{"Practitioner", "doctors, nurses and other staff", directory, true},
	{"PractitionerRole", "where staff work and what they do there", directory, true},
	{"Organization", "hospitals, practices and other organisations", directory, true},
	{"OrganizationAffiliation", "how organisations belong together", directory, true},
	{"Location", "places of care", directory, true},
	{"HealthcareService", "services on offer", directory, true},
	{"Endpoint", "technical addresses of organisations", directory, true},

	{"Provenance", "history of changes (who recorded what, and when)", everythingElse, false},
	{"AuditEvent", "access log (who used the record, and when)", everythingElse, false},
	{"MeasureReport", "results of quality measures", everythingElse, false},
	{"ResearchSubject", "part in research", everythingElse, false},
	{"Basic", "records of other kinds", everythingElse, false},
	{"BiologicallyDerivedProduct", "blood, tissue and organs for treatment", everythingElse, false},
	{"Linkage", "notes that records are about the same thing", everythingElse, true},
	{"Group", "groups of people or things", everythingElse, true},
	{"ResearchStudy", "research studies", everythingElse, true},
	{"VerificationResult", "checks that entries of the directory are right", everythingElse, true},
	{"Subscription", "requests to be told of changes", everythingElse, true},
	{"MessageHeader", "messages between systems", everythingElse, true},
	{"Parameters", "parameters of operations", everythingElse, true},
	{"OperationOutcome", "answers of the server about errors", everythingElse, true},
	{"DeviceDefinition", "models of devices", everythingElse, true},
	{"SpecimenDefinition", "kinds of samples", everythingElse, true},
	{"ObservationDefinition", "kinds of tests and measurements", everythingElse, true},
	{"CatalogEntry", "entries of catalogues", everythingElse, true},
	{"Substance", "substances", everythingElse, true},
	{"SubstanceSpecification", "details of substances", everythingElse, true},
	{"SubstanceNucleicAcid", "nucleic acids as substances", everythingElse, true},
	{"SubstancePolymer", "polymers as substances", everythingElse, true},
	{"SubstanceProtein", "proteins as substances", everythingElse, true},
	{"SubstanceReferenceInformation", "references about substances", everythingElse, true},
	{"SubstanceSourceMaterial", "where substances come from", everythingElse, true},
	{"MedicinalProduct", "medicinal products", everythingElse, true},
	{"MedicinalProductAuthorization", "authorisations of medicinal products", everythingElse, true},
	{"MedicinalProductContraindication", "when medicinal products must not be used", everythingElse, true},
	{"MedicinalProductIndication", "what medicinal products are for", everythingElse, true},
	{"MedicinalProductIngredient", "ingredients of medicinal products", everythingElse, true},
	{"MedicinalProductInteraction", "interactions of medicinal products", everythingElse, true},
	{"MedicinalProductManufactured", "manufactured forms of medicinal products", everythingElse, true},
	{"MedicinalProductPackaged", "packages of medicinal products", everythingElse, true},
	{"MedicinalProductPharmaceutical", "medicinal products as they are given", everythingElse, true},
	{"MedicinalProductUndesirableEffect", "side effects of medicinal products", everythingElse, true},
	{"ActivityDefinition", "templates of orders", everythingElse, true},
	{"PlanDefinition", "templates of care plans", everythingElse, true},
	{"EventDefinition", "definitions of events", everythingElse, true},
	{"Measure", "definitions of quality measures", everythingElse, true},
	{"Library", "libraries of medical knowledge", everythingElse, true},
	{"Evidence", "medical evidence", everythingElse, true},
	{"EvidenceVariable", "variables of medical evidence", everythingElse, true},
	{"EffectEvidenceSynthesis", "summaries of evidence on effects", everythingElse, true},
	{"RiskEvidenceSynthesis", "summaries of evidence on risks", everythingElse, true},
	{"ResearchDefinition", "questions of research", everythingElse, true},
	{"ResearchElementDefinition", "parts of questions of research", everythingElse, true},
	{"ValueSet", "sets of codes", everythingElse, true},
	{"CodeSystem", "code systems", everythingElse, true},
	{"ConceptMap", "translations between codes", everythingElse, true},
	{"NamingSystem", "systems of identifiers", everythingElse, true},
	{"TerminologyCapabilities", "what a terminology server can do", everythingElse, true},
	{"CapabilityStatement", "what a server can do", everythingElse, true},
	{"StructureDefinition", "definitions of data formats", everythingElse, true},
	{"StructureMap", "translations between data formats", everythingElse, true},
	{"SearchParameter", "definitions of searches", everythingElse, true},
	{"OperationDefinition", "definitions of operations", everythingElse, true},
	{"CompartmentDefinition", "definitions of compartments", everythingElse, true},
	{"MessageDefinition", "definitions of messages", everythingElse, true},
	{"GraphDefinition", "definitions of graphs", everythingElse, true},
	{"ImplementationGuide", "implementation guides", everythingElse, true},
	{"ExampleScenario", "example scenarios", everythingElse, true},
	{"TestScript", "test scripts", everythingElse, true},
	{"TestReport", "reports of tests of systems", everythingElse, true},
}

// place is where a type stands in names; types without a name stand last.
func place(typ string) int {
	for i := range names {
		if names[i].typ == typ {
			return i
		}
	}
	return len(names)
}

func nameOf(typ string) named {
	if i := place(typ); i < len(names) {
		return names[i]
	}
	return named{typ: typ, noun: typ, theme: everythingElse, shared: true}
}

// usCore are the types whose scopes US Core has servers support (US Core 9.0.0,
// scopes.html): what a whole record is offered in, for a person to grant less.
func usCore(typ string) bool {
	switch typ {
	case "AllergyIntolerance", "CarePlan", "CareTeam", "Condition", "Coverage", "Device", "DiagnosticReport",
		"DocumentReference", "Encounter", "FamilyMemberHistory", "Goal", "Immunization", "Location", "Medication",
		"MedicationDispense", "MedicationRequest", "Observation", "Organization", "Patient", "Practitioner",
		"PractitionerRole", "Procedure", "Provenance", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Specimen":
		return true
	}
	return false
}

// kind is a part of a type by its category, in plain words.
type kind struct {
	typ, system, code, noun string
	offered                 bool // as a part of the whole type
}

const (
	conditionCategory   = "http://terminology.hl7.org/CodeSystem/condition-category"
	observationCategory = "http://terminology.hl7.org/CodeSystem/observation-category"
	usCoreCondition     = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"
	usCoreCategory      = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
	usCoreDocument      = "http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category"
)

// kinds are US Core's granular scopes (scopes.html), and the other categories of
// HL7's own systems. Offered are those that 45 CFR 170.315(g)(10) names for
// Condition and Observation, and the rest of HL7's categories of observations, so
// that a person can say yes to all but one of them.
var kinds = [...]kind{
	{"Condition", conditionCategory, "problem-list-item", "problem list", true},
	{"Condition", conditionCategory, "encounter-diagnosis", "diagnoses made at visits", true},
	{"Condition", usCoreCondition, "health-concern", "health concerns", true},
	{"Observation", observationCategory, "laboratory", "laboratory results", true},
	{"Observation", observationCategory, "vital-signs", "vital signs, such as blood pressure and weight", true},
	{"Observation", observationCategory, "social-history", "social history, such as smoking and work", true},
	{"Observation", observationCategory, "survey", "answers to health surveys and assessments", true},
	{"Observation", usCoreCategory, "sdoh", "social needs, such as housing, food and money", true},
	{"Observation", observationCategory, "procedure", "results of clinical tests, such as a heart tracing", true},
	{"Observation", observationCategory, "imaging", "findings of imaging, such as X-rays", true},
	{"Observation", observationCategory, "exam", "findings of physical examinations", true},
	{"Observation", observationCategory, "therapy", "observations made during treatment", true},
	{"Observation", observationCategory, "activity", "exercise and physical activity", true},
	{"Observation", usCoreCategory, "functional-status", "abilities in daily life", false},
	{"Observation", usCoreCategory, "disability-status", "disabilities", false},
	{"Observation", usCoreCategory, "cognitive-status", "memory and thinking", false},
	{"DocumentReference", usCoreDocument, "clinical-note", "clinical notes", false},
}

// OfUSCore are the scopes that US Core has servers support and list (US Core
// 9.0.0, scopes.html): its types, and the categories that have a name here, in
// each context.
func OfUSCore() []string {
	var out []string
	for _, context := range []string{"patient", "user", "system"} {
		for _, n := range names {
			if !usCore(n.typ) {
				continue
			}
			see := context + "/" + n.typ + ".rs"
			out = append(out, see)
			for _, k := range kinds {
				if k.typ == n.typ {
					out = append(out, see+"?category="+k.system+"|"+k.code)
				}
			}
		}
	}
	return out
}

// kindOf finds a kind by the value of a category argument, system|code or code.
func kindOf(typ, value string) (kind, bool) {
	for _, k := range kinds {
		if k.typ == typ && (value == k.code || value == k.system+"|"+k.code) {
			return k, true
		}
	}
	return kind{}, false
}
