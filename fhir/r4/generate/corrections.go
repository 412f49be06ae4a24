package main

// Where the published definitions are wrong, what they should say, and why.
// Whoever adds a line here names its source.

// patterns replaces regular expressions of primitive types. Those not listed
// are used as published.
var patterns = map[string]string{
	// "Strings SHALL NOT contain Unicode character points below 32, except for
	// u0009, u000D, u000A" (http://hl7.org/fhir/R4/datatypes.html#string). The
	// published [ \r\n\t\S]+ lets controls pass where \S is "not white space",
	// and refuses U+0085 or U+00A0 where \s is Unicode's.
	"string":   textPattern,
	"markdown": textPattern,

	// The published [^\s]+(\s[^\s]+)* allows a tab or a new line inside; the
	// text says "no whitespace other than single spaces in the contents", and
	// R5 corrects it to [^\s]+( [^\s]+)*. A code is a string: no controls.
	"code": `[\x{21}-\x{10FFFF}]+( [\x{21}-\x{10FFFF}]+)*`,

	// The published \S* matches the empty string, which JSON forbids
	// (http://hl7.org/fhir/R4/json.html#null), and controls.
	"uri":       wordPattern,
	"url":       wordPattern,
	"canonical": wordPattern,

	// The published (\s*([0-9a-zA-Z\+/=]){4}\s*)+ allows padding anywhere,
	// "====" included. RFC 4648 section 4 allows it at the end only; so does
	// R5. White space between groups of four stays allowed, as in R4.
	"base64Binary": `\s*([A-Za-z0-9+/]{4}\s*)*([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)\s*`,
}

const (
	textPattern = `[\t\n\r\x{20}-\x{10FFFF}]+`
	wordPattern = `[\x{21}-\x{10FFFF}]+`
)

// expressions replaces FHIRPath of search parameters, by URL.
var expressions = map[string]string{
	// The extension is defined as patient-mothersMaidenName
	// (http://hl7.org/fhir/R4/extension-patient-mothersmaidenname.html).
	"http://hl7.org/fhir/SearchParameter/patient-extensions-Patient-mothersMaidenName": "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName').value",

	// The extension is defined as observation-geneticsAminoAcidChange; there is
	// none whose URL ends in Name.
	"http://hl7.org/fhir/SearchParameter/observation-genetic-Observation-amino-acid-change":      "Observation.extension('http://hl7.org/fhir/StructureDefinition/observation-geneticsAminoAcidChange').value",
	"http://hl7.org/fhir/SearchParameter/observation-genetic-Observation-gene-amino-acid-change": "Observation.extension('http://hl7.org/fhir/StructureDefinition/observation-geneticsAminoAcidChange').value",
}

// componentExpressions replaces FHIRPath of composites' components, by text.
var componentExpressions = map[string]string{
	// FHIR's type is dateTime; DateTime is FHIRPath's System type. R5 has
	// value.ofType(dateTime) | value.ofType(Period).
	"value.as(DateTime) | value.as(Period)": "value.as(dateTime) | value.as(Period)",
}

// swappedExpressions replaces FHIRPath of one composite's components, by the
// composite's URL and the component's.
var swappedExpressions = map[[2]string]string{
	// Published the other way round, so that a reference was looked for in the
	// code and a code in the target.
	{"http://hl7.org/fhir/SearchParameter/DocumentReference-relationship", "http://hl7.org/fhir/SearchParameter/DocumentReference-relatesto"}: "target",
	{"http://hl7.org/fhir/SearchParameter/DocumentReference-relationship", "http://hl7.org/fhir/SearchParameter/DocumentReference-relation"}:  "code",
}

// examples are published to show what a SearchParameter looks like: they
// repeat codes that others define (_id, Condition's subject) or name an
// extension of example.org.
var examples = map[string]bool{
	"http://hl7.org/fhir/SearchParameter/example":           true,
	"http://hl7.org/fhir/SearchParameter/example-extension": true,
	"http://hl7.org/fhir/SearchParameter/example-reference": true,
}
