package authz

import (
	"slices"

	"firebreak/fhir"
	"firebreak/fhir/r4"
)

// Directory reports whether a type holds what an organisation publishes to all
// who work in it: its people, places and products, and definitions. Records of
// such a type are not about a patient unless one says so (gate.Class.Linked).
//
// The list is of our choosing. Of the types outside the Patient compartment
// (http://hl7.org/fhir/R4/compartmentdefinition-patient.html) it leaves out
// those that tell of a person's care or of dealings between organisations:
// AuditEvent, Binary, BiologicallyDerivedProduct, Bundle, Contract, Device, Linkage, MessageHeader,
// OperationOutcome, Parameters, PaymentNotice, PaymentReconciliation,
// ResearchStudy, Subscription, Task, TestReport, VerificationResult and the like.
func Directory(typ string) bool {
	switch typ {
	case "Practitioner", "PractitionerRole", "Organization", "OrganizationAffiliation",
		"Location", "HealthcareService", "Endpoint", "InsurancePlan":
		return true
	case "Medication", "MedicationKnowledge", "Substance", "SubstanceSpecification",
		"SubstanceNucleicAcid", "SubstancePolymer", "SubstanceProtein", "SubstanceReferenceInformation",
		"SubstanceSourceMaterial", "CatalogEntry",
		"MedicinalProduct", "MedicinalProductAuthorization", "MedicinalProductContraindication",
		"MedicinalProductIndication", "MedicinalProductIngredient", "MedicinalProductInteraction",
		"MedicinalProductManufactured", "MedicinalProductPackaged", "MedicinalProductPharmaceutical",
		"MedicinalProductUndesirableEffect":
		return true
	case "ActivityDefinition", "CapabilityStatement", "ChargeItemDefinition", "CodeSystem",
		"CompartmentDefinition", "ConceptMap", "DeviceDefinition", "EffectEvidenceSynthesis",
		"EventDefinition", "Evidence", "EvidenceVariable", "ExampleScenario", "GraphDefinition",
		"ImplementationGuide", "Library", "Measure", "MessageDefinition", "NamingSystem",
		"ObservationDefinition", "OperationDefinition", "PlanDefinition", "Questionnaire",
		"ResearchDefinition", "ResearchElementDefinition", "RiskEvidenceSynthesis", "SearchParameter",
		"SpecimenDefinition", "StructureDefinition", "StructureMap", "TerminologyCapabilities",
		"TestScript", "ValueSet":
		return true
	}
	return false
}

// known reports whether the type is a resource type of FHIR R4. No layer
// permits anything about another.
func known(typ string) bool {
	_, ok := r4.TypeID(typ)
	return ok
}

// isAction reports whether the action is one of SMART's five.
func isAction(a fhir.Action) bool { return slices.Contains(fhir.Actions[:], a) }
