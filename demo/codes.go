package demo

// The codes here are facts of their code systems: LOINC (loinc.org), UCUM
// (unitsofmeasure.org), CVX (cdc.gov). Ranges are those of common laboratories.

const (
	systemLOINC    = "http://loinc.org"
	systemCVX      = "http://hl7.org/fhir/sid/cvx"
	systemCategory = "http://terminology.hl7.org/CodeSystem/observation-category"
)

func loinc(code, display string) concept  { return concept{systemLOINC, code, display} }
func snomed(code, display string) concept { return concept{systemSNOMED, code, display} }

// An analyte is one laboratory test. Its mean and sd are those of the healthy.
type analyte struct {
	code, display string
	unit, ucum    string
	low, high     float64 // reference range; high 0: none
	mean, sd      float64
	digits        int
}

// A panel is what is ordered together. Without a code there is no report.
type panel struct {
	code    concept
	members []analyte
}

// The panels, by the name disorders use.
func panels() map[string]panel {
	return map[string]panel{
		"blood count": {loinc("58410-2", "CBC panel - Blood by Automated count"), []analyte{
			{"6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL", "10*3/uL", 4.5, 11, 7.2, 1.6, 1},
			{"718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", "g/dL", 12, 17.5, 14.2, 1.2, 1},
			{"4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%", "%", 36, 50, 42, 3.2, 1},
			{"777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL", "10*3/uL", 150, 400, 260, 55, 0},
			{"787-2", "MCV [Entitic volume] by Automated count", "fL", "fL", 80, 100, 89, 4.5, 1},
		}},
		"metabolic": {loinc("51990-0", "Basic metabolic panel - Blood"), []analyte{
			{"2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 70, 99, 90, 9, 0},
			{"3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 7, 20, 14, 3.5, 0},
			{"2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0.6, 1.2, 0.9, 0.14, 2},
			{"2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", 135, 145, 140, 2.2, 0},
			{"2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", 3.5, 5.1, 4.3, 0.35, 1},
			{"2075-0", "Chloride [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", 98, 107, 103, 2.2, 0},
		}},
		"lipids": {loinc("57698-3", "Lipid panel with direct LDL - Serum or Plasma"), []analyte{
			{"18262-6", "Cholesterol in LDL [Mass/volume] in Serum or Plasma by Direct assay", "mg/dL", "mg/dL", 0, 130, 104, 19, 0},
			{"2571-8", "Triglyceride [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0, 150, 118, 30, 0},
			{"2085-9", "Cholesterol in HDL [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 40, 90, 54, 9, 0},
			{"2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0, 200, 182, 22, 0},
		}},
		"A1c": {members: []analyte{
			{"4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", "%", 4, 5.6, 5.3, 0.2, 1}}},
		"thyroid": {members: []analyte{
			{"3016-3", "Thyrotropin [Units/volume] in Serum or Plasma", "m[IU]/L", "m[IU]/L", 0.4, 4.5, 2.1, 0.8, 2}}},
		"kidney": {loinc("24362-6", "Renal function 2000 panel - Serum or Plasma"), []analyte{
			{"2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0.6, 1.2, 1.0, 0.15, 2},
			{"98979-8", "Glomerular filtration rate [Volume Rate/Area] in Serum, Plasma or Blood by Creatinine-based formula (CKD-EPI 2021)/1.73 sq M", "mL/min/{1.73_m2}", "mL/min/{1.73_m2}", 60, 130, 88, 12, 0},
			{"2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", "mmol/L", 3.5, 5.1, 4.4, 0.35, 1},
		}},
		"clotting": {members: []analyte{
			{"6301-6", "INR in Platelet poor plasma by Coagulation assay", "{INR}", "{INR}", 0.8, 1.2, 1.0, 0.1, 1}}},
		"viral load": {members: []analyte{
			{"24467-3", "CD3+CD4+ (T4 helper) cells [#/volume] in Blood", "cells/uL", "{cells}/uL", 500, 1500, 640, 130, 0},
			{"20447-9", "HIV 1 RNA [#/volume] (viral load) in Serum or Plasma by NAA with probe detection", "copies/mL", "{copies}/mL", 0, 50, 22, 9, 0},
		}},
		"PSA": {members: []analyte{
			{"2857-1", "Prostate specific Ag [Mass/volume] in Serum or Plasma", "ng/mL", "ng/mL", 0, 4, 1.6, 0.7, 2}}},
		"uric acid": {members: []analyte{
			{"3084-1", "Urate [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 3.4, 7, 5.4, 0.8, 1}}},
		"pregnancy": {members: []analyte{
			{"21198-7", "Choriogonadotropin.beta subunit [Units/volume] in Serum or Plasma", "m[IU]/mL", "m[IU]/mL", 0, 5, 42000, 14000, 0}}},
		"bilirubin": {members: []analyte{
			{"1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL", "mg/dL", 0, 12, 6.5, 2.1, 1}}},
		"peptide": {members: []analyte{
			{"33762-6", "Natriuretic peptide.B prohormone N-Terminal [Mass/volume] in Serum or Plasma", "pg/mL", "pg/mL", 0, 125, 70, 22, 0}}},
		"liver enzyme": {members: []analyte{
			{"2324-2", "Gamma glutamyl transferase [Enzymatic activity/volume] in Serum or Plasma", "U/L", "U/L", 5, 55, 26, 9, 0}}},
		"mood": {members: []analyte{
			{"44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]", "{score}", "{score}", 0, 4, 2, 1, 0}}},
	}
}

// A vaccine is due at an age in months (children), or each year from an age on.
type vaccine struct {
	code, display string
	months        []int // the child's ages when a dose is due
	yearly        int   // from this age in years at each yearly visit, 0: not
	once          int   // from this age in years, once
}

func vaccines() []vaccine {
	return []vaccine{
		{"08", "Hep B, adolescent or pediatric", []int{0, 1, 6}, 0, 0},
		{"119", "rotavirus, monovalent", []int{2, 4}, 0, 0},
		{"20", "DTaP", []int{2, 4, 6, 15, 48}, 0, 0},
		{"10", "IPV", []int{2, 4, 6, 48}, 0, 0},
		{"133", "Pneumococcal conjugate PCV 13", []int{2, 4, 6, 12}, 0, 0},
		{"49", "Hib (PRP-OMP)", []int{2, 4, 12}, 0, 0},
		{"03", "MMR", []int{12, 48}, 0, 0},
		{"21", "varicella", []int{12, 48}, 0, 0},
		{"83", "Hep A, ped/adol, 2 dose", []int{12, 18}, 0, 0},
		{"115", "Tdap", []int{132}, 0, 0},
		{"114", "meningococcal MCV4P", []int{132, 192}, 0, 0},
		{"165", "HPV9", []int{132, 144}, 0, 0},
		{"140", "Influenza, seasonal, injectable, preservative free", nil, 3, 0},
		{"187", "zoster recombinant", nil, 0, 50},
		{"33", "pneumococcal polysaccharide PPV23", nil, 0, 65},
		{"208", "SARS-COV-2 (COVID-19) vaccine, mRNA, spike protein, LNP, preservative free, 30 mcg/0.3mL dose", nil, 0, 16},
		{"113", "Td (adult), 5 Lf tetanus toxoid, preservative free, adsorbed", nil, 0, 28},
	}
}

// Growth is the median child's at ages in months, after the WHO and CDC charts;
// between the points it is interpolated.
func growth() (months []int, height, weight, head []float64) {
	return []int{0, 2, 4, 6, 9, 12, 18, 24, 36, 48, 60, 84, 108, 132, 156, 180, 204, 216},
		[]float64{49.7, 57.8, 63, 66.7, 71, 75, 81.5, 86.8, 95.5, 102.5, 109, 121.5, 133, 144, 156, 165, 169, 170},
		[]float64{3.3, 5.4, 6.7, 7.6, 8.6, 9.3, 10.7, 12, 14.1, 16.2, 18.3, 23, 28.5, 36.5, 45.5, 56, 63, 66},
		[]float64{34.2, 38.7, 41.1, 42.8, 44.5, 45.7, 46.8, 47.8, 49, 49.8, 50.3, 0, 0, 0, 0, 0, 0, 0}
}

// An allergy and what it does.
type allergen struct {
	code      concept
	category  string // AllergyIntolerance.category
	reaction  concept
	frequency int
}

func allergens() []allergen {
	hives, wheeze := snomed("126485001", "Urticaria"), snomed("56018004", "Wheezing")
	shock, sneeze := snomed("39579001", "Anaphylaxis"), snomed("76067001", "Sneezing")
	return []allergen{
		{snomed("91936005", "Allergy to penicillin"), "medication", hives, 6},
		{snomed("294505008", "Allergy to amoxicillin"), "medication", hives, 2},
		{snomed("293586001", "Allergy to aspirin"), "medication", wheeze, 2},
		{snomed("91935009", "Allergy to peanut"), "food", shock, 3},
		{snomed("300913006", "Allergy to shellfish"), "food", hives, 3},
		{snomed("91930004", "Allergy to egg protein"), "food", hives, 2},
		{snomed("418689008", "Allergy to grass pollen"), "environment", sneeze, 5},
		{snomed("232350006", "Allergy to house dust mite"), "environment", sneeze, 4},
		{snomed("300916003", "Allergy to latex"), "environment", hives, 2},
		{snomed("424213003", "Allergy to bee venom"), "environment", shock, 1},
	}
}
