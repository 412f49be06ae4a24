package demo

import "time"

// The codes here are facts of SNOMED CT (snomed.org) and RxNorm (nlm.nih.gov).

const systemRxNorm = "http://www.nlm.nih.gov/research/umls/rxnorm"

// A disorder is a lasting one: it brings visits, drugs and laboratory tests.
type disorder struct {
	code        concept
	sex         byte    // 'f', 'm', or 0 for everybody
	from, to    int     // age in years at onset
	share       float64 // how many of those of that age and over get it
	drug        string  // RxNorm code
	panel       string  // what is measured at each visit for it
	shift       float64 // by how many sd its main analyte is off
	sensitivity sensitivity
	plan        concept // of the care plan, if it has one
}

// A problem is a disorder that a patient has.
type problem struct {
	disorder
	onset    time.Time
	recorded map[*house]ref // the Condition in each hospital's chart
}

func disorders() []disorder {
	return []disorder{
		{snomed("59621000", "Essential hypertension"), 0, 30, 75, 0.34, "314076", "metabolic", 0.3, normal, snomed("443402002", "Lifestyle education regarding hypertension")},
		{snomed("44054006", "Diabetes mellitus type 2"), 0, 35, 75, 0.15, "861007", "A1c", 9, normal, snomed("698360004", "Diabetes self management plan")},
		{snomed("46635009", "Diabetes mellitus type 1"), 0, 4, 25, 0.015, "", "A1c", 11, normal, snomed("698360004", "Diabetes self management plan")},
		{snomed("55822004", "Hyperlipidemia"), 0, 35, 70, 0.26, "617310", "lipids", 1.8, normal, concept{}},
		{snomed("195967001", "Asthma"), 0, 3, 40, 0.08, "745679", "", 0, normal, snomed("699728000", "Asthma self management")},
		{snomed("13645005", "Chronic obstructive lung disease"), 0, 50, 75, 0.08, "896209", "", 0, normal, snomed("412776001", "Chronic obstructive pulmonary disease clinical management plan")},
		{snomed("40930008", "Hypothyroidism"), 0, 25, 70, 0.06, "892246", "thyroid", 1.5, normal, concept{}},
		{snomed("53741008", "Coronary arteriosclerosis"), 0, 50, 80, 0.09, "243670", "lipids", 1, normal, concept{}},
		{snomed("49436004", "Atrial fibrillation"), 0, 60, 88, 0.07, "855332", "clotting", 14, normal, concept{}},
		{snomed("84114007", "Heart failure"), 0, 62, 90, 0.07, "313988", "peptide", 30, normal, concept{}},
		{snomed("433144002", "Chronic kidney disease stage 3"), 0, 55, 85, 0.06, "", "kidney", 4, normal, concept{}},
		{snomed("239873007", "Osteoarthritis of knee"), 0, 50, 80, 0.13, "310965", "", 0, normal, concept{}},
		{snomed("64859006", "Osteoporosis"), 'f', 55, 85, 0.13, "904419", "", 0, normal, concept{}},
		{snomed("90560007", "Gout"), 'm', 40, 75, 0.04, "197319", "uric acid", 3, normal, concept{}},
		{snomed("37796009", "Migraine"), 0, 14, 45, 0.06, "198014", "", 0, normal, concept{}},
		{snomed("84757009", "Epilepsy"), 0, 2, 60, 0.015, "", "", 0, normal, concept{}},
		{snomed("235595009", "Gastroesophageal reflux disease"), 0, 25, 70, 0.1, "198051", "", 0, normal, concept{}},
		{snomed("266569009", "Benign prostatic hyperplasia"), 'm', 55, 82, 0.18, "863669", "PSA", 1.5, normal, concept{}},
		{snomed("129103003", "Endometriosis"), 'f', 20, 42, 0.04, "", "", 0, normal, concept{}},
		{snomed("254837009", "Malignant neoplasm of breast"), 'f', 45, 80, 0.04, "", "blood count", -1.2, normal, snomed("395082007", "Cancer care plan")},
		{snomed("399068003", "Malignant neoplasm of prostate"), 'm', 58, 85, 0.05, "", "PSA", 12, normal, snomed("395082007", "Cancer care plan")},
		{snomed("26929004", "Alzheimer's disease"), 0, 70, 95, 0.06, "997223", "", 0, normal, concept{}},
		{snomed("370143000", "Major depressive disorder"), 0, 16, 70, 0.075, "312941", "mood", 11, psychiatry, concept{}},
		{snomed("13746004", "Bipolar disorder"), 0, 18, 45, 0.01, "", "mood", 8, psychiatry, concept{}},
		{snomed("7200002", "Alcoholism"), 0, 24, 60, 0.025, "1483744", "liver enzyme", 4, alcohol, concept{}},
		{snomed("75544000", "Opioid dependence"), 0, 20, 55, 0.02, "351267", "", 0, opioid, concept{}},
		{snomed("86406008", "Human immunodeficiency virus infection"), 0, 20, 60, 0.02, "1999667", "viral load", 0, hiv, concept{}},
	}
}

// disorderOf finds one that is known to be in the table.
func disorderOf(code string) disorder {
	for _, d := range disorders() {
		if d.code.code == code {
			return d
		}
	}
	panic("demo: no such disorder")
}

// A drug is an RxNorm clinical drug and how it is taken.
type drug struct {
	code, display string
	times, days   int // times a day; days of supply
	dose          int
	unit          string
	form          concept // when there is a Medication resource of it
	sig           string
}

func drugTable() []drug {
	tablet, capsule := snomed("385055001", "Tablet"), snomed("385049006", "Capsule")
	none := concept{}
	return []drug{
		{"314076", "lisinopril 10 MG Oral Tablet", 1, 90, 1, "tablet", tablet, "Take one tablet by mouth every morning"},
		{"861007", "metformin hydrochloride 500 MG Oral Tablet", 2, 90, 1, "tablet", tablet, "Take one tablet by mouth twice a day with meals"},
		{"617310", "atorvastatin 20 MG Oral Tablet", 1, 90, 1, "tablet", tablet, "Take one tablet by mouth at bedtime"},
		{"745679", "200 ACTUAT albuterol 0.09 MG/ACTUAT Metered Dose Inhaler", 4, 30, 2, "puff", none, "Inhale two puffs up to four times a day as needed"},
		{"896209", "60 ACTUAT fluticasone propionate 0.25 MG/ACTUAT / salmeterol 0.05 MG/ACTUAT Dry Powder Inhaler", 2, 30, 1, "puff", none, "Inhale one puff twice a day; rinse the mouth"},
		{"892246", "levothyroxine sodium 0.1 MG Oral Tablet", 1, 90, 1, "tablet", tablet, "Take one tablet by mouth before breakfast"},
		{"243670", "aspirin 81 MG Oral Tablet", 1, 90, 1, "tablet", none, "Take one tablet by mouth once a day"},
		{"855332", "warfarin sodium 5 MG Oral Tablet", 1, 30, 1, "tablet", tablet, "Take one tablet by mouth every evening; dose by INR"},
		{"313988", "furosemide 40 MG Oral Tablet", 1, 90, 1, "tablet", none, "Take one tablet by mouth every morning"},
		{"310965", "ibuprofen 200 MG Oral Tablet", 3, 10, 2, "tablet", none, "Take two tablets by mouth with food for pain"},
		{"904419", "alendronic acid 10 MG Oral Tablet", 1, 90, 1, "tablet", none, "Take one tablet by mouth with a full glass of water"},
		{"197319", "allopurinol 100 MG Oral Tablet", 1, 90, 1, "tablet", none, "Take one tablet by mouth once a day"},
		{"198014", "naproxen 500 MG Oral Tablet", 2, 10, 1, "tablet", none, "Take one tablet by mouth at the onset of headache"},
		{"198051", "omeprazole 20 MG Delayed Release Oral Capsule", 1, 30, 1, "capsule", capsule, "Take one capsule by mouth before breakfast"},
		{"863669", "tamsulosin hydrochloride 0.4 MG Oral Capsule", 1, 90, 1, "capsule", capsule, "Take one capsule by mouth after the same meal each day"},
		{"997223", "donepezil hydrochloride 10 MG Oral Tablet", 1, 90, 1, "tablet", none, "Take one tablet by mouth at bedtime"},
		{"312941", "sertraline 50 MG Oral Tablet", 1, 30, 1, "tablet", none, "Take one tablet by mouth every morning"},
		{"1483744", "naltrexone hydrochloride 50 MG Oral Tablet", 1, 30, 1, "tablet", none, "Take one tablet by mouth once a day"},
		{"351267", "buprenorphine 8 MG / naloxone 2 MG Sublingual Tablet", 1, 14, 1, "tablet", none, "Dissolve one tablet under the tongue once a day"},
		{"1999667", "bictegravir 50 MG / emtricitabine 200 MG / tenofovir alafenamide 25 MG Oral Tablet", 1, 30, 1, "tablet", none, "Take one tablet by mouth once a day"},
		{"308182", "amoxicillin 250 MG Oral Capsule", 3, 7, 1, "capsule", capsule, "Take one capsule by mouth three times a day until finished"},
		{"834061", "penicillin V potassium 250 MG Oral Tablet", 4, 10, 1, "tablet", none, "Take one tablet by mouth four times a day until finished"},
		{"313782", "acetaminophen 325 MG Oral Tablet", 3, 5, 2, "tablet", tablet, "Take two tablets by mouth every eight hours as needed"},
		{"1652673", "doxycycline monohydrate 50 MG Oral Tablet", 2, 7, 2, "tablet", none, "Take two tablets by mouth twice a day until finished"},
	}
}

// An ailment passes. It is the reason of one visit.
type ailment struct {
	code        concept
	sex         byte
	from, to    int    // age in years
	weight      int    // relative frequency
	class       string // of the encounter: AMB, EMER, IMP, VR
	days        int    // until it has passed
	drug        string
	panel       string
	procedure   concept
	sensitivity sensitivity
}

func ailments() []ailment {
	none := concept{}
	return []ailment{
		{snomed("444814009", "Viral sinusitis"), 0, 3, 99, 14, "AMB", 14, "", "", none, normal},
		{snomed("54150009", "Upper respiratory infection"), 0, 0, 99, 16, "VR", 10, "", "", none, normal},
		{snomed("10509002", "Acute bronchitis"), 0, 2, 99, 10, "AMB", 14, "313782", "", none, normal},
		{snomed("65363002", "Otitis media"), 0, 0, 9, 40, "AMB", 12, "", "", none, normal},
		{snomed("43878008", "Streptococcal sore throat"), 0, 4, 30, 8, "AMB", 10, "834061", "", snomed("117015009", "Throat culture"), normal},
		{snomed("25374005", "Gastroenteritis"), 0, 0, 99, 7, "EMER", 6, "", "metabolic", none, normal},
		{snomed("68566005", "Urinary tract infection"), 'f', 16, 99, 8, "AMB", 8, "308182", "", none, normal},
		{snomed("44465007", "Sprain of ankle"), 0, 6, 70, 6, "EMER", 30, "310965", "", snomed("19490002", "Plain X-ray of ankle region"), normal},
		{snomed("65966004", "Fracture of forearm"), 0, 5, 99, 3, "EMER", 60, "313782", "", snomed("274474001", "Bone immobilization"), normal},
		{snomed("284549007", "Laceration of hand"), 0, 3, 99, 4, "EMER", 20, "", "", snomed("288086009", "Suture of open wound"), normal},
		{snomed("62106007", "Concussion with no loss of consciousness"), 0, 5, 80, 2, "EMER", 30, "", "", none, normal},
		{snomed("74400008", "Appendicitis"), 0, 6, 60, 2, "IMP", 21, "", "blood count", snomed("80146002", "Appendectomy"), normal},
		{snomed("233604007", "Pneumonia"), 0, 40, 99, 4, "IMP", 30, "", "blood count", snomed("399208008", "Plain X-ray of chest"), normal},
		{snomed("29857009", "Chest pain"), 0, 40, 95, 4, "EMER", 3, "", "metabolic", snomed("29303009", "Electrocardiographic procedure"), normal},
		{snomed("240589008", "Chlamydia trachomatis infection"), 0, 17, 35, 2, "AMB", 14, "1652673", "", none, std},
	}
}

// abuse is seen in the emergency department.
func abuse() ailment {
	return ailment{code: snomed("706893006", "Victim of intimate partner abuse"), sex: 'f', class: "EMER", sensitivity: violence}
}
