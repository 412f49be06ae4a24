package gate

// UnknownCaveat is the caveat that a label of v3-ActCode counts as when it is in
// neither of the lists below.
const UnknownCaveat = "unknown"

// IsSensitivity reports whether a Class's Sensitivities may hold the code.
func IsSensitivity(code string) bool { return sensitivity[code] }

// IsCaveat reports whether a Class's Caveats may hold the code, UnknownCaveat
// among them.
func IsCaveat(code string) bool { return caveat[code] || code == UnknownCaveat }

// sensitivity are the codes of v3-ActCode's _InformationSensitivityPolicy
// (HL7 Terminology, CC0).
var sensitivity = map[string]bool{
	"ADOL": true, "B": true, "BH": true, "CEL": true, "COGN": true, "DEMO": true, "DIA": true, "DOB": true,
	"DRGIS": true, "DVD": true, "EMOTDIS": true, "EMP": true, "EMPL": true, "ETH": true, "ETHUD": true,
	"GDIS": true, "GENDER": true, "HIV": true, "IDS": true, "LIVARG": true, "LOCIS": true, "MARST": true,
	"MH": true, "MST": true, "OPIOIDUD": true, "PATLOC": true, "PDS": true, "PHY": true, "PREGNANT": true,
	"PRS": true, "PSY": true, "PSYTHPN": true, "RACE": true, "REL": true, "SCA": true, "SDV": true, "SEX": true,
	"SICKLE": true, "SPI": true, "SSP": true, "STD": true, "SUD": true, "TBOO": true, "VIO": true, "VIP": true,
}

// caveat are its handling codes: obligations, refrains, marks, compartments and
// privacy laws.
var caveat = map[string]bool{
	"42CFRPart2": true, "ACOCOMPT": true, "ANONY": true, "AOD": true, "AUDIT": true, "AUDTR": true,
	"CDSSCOMPT": true, "COMPT": true, "COPYMark": true, "CPLYCC": true, "CPLYCD": true, "CPLYCUI": true,
	"CPLYJPP": true, "CPLYJSP": true, "CPLYOPP": true, "CPLYOSP": true, "CPLYPOL": true, "CTCOMPT": true,
	"CUIMark": true, "CommonRule": true, "ConfidentialMark": true, "DECLASSIFYLABEL": true, "DEID": true,
	"DELAU": true, "DOWNGRDLABEL": true, "DRAFTMark": true, "DRIVLABEL": true,
	"DeliverToAddresseeOnlyMark": true, "ENCRYPT": true, "ENCRYPTR": true, "ENCRYPTT": true, "ENCRYPTU": true,
	"FMCOMPT": true, "HIPAAAuth": true, "HIPAAConsent": true, "HIPAANOPP": true, "HIPAAPsyNotes": true,
	"HIPAAROA": true, "HIPAASelfPay": true, "HRCOMPT": true, "HUAPRV": true, "LABEL": true, "LRCOMPT": true,
	"MASK": true, "MINEC": true, "NOAUTH": true, "NOCOLLECT": true, "NODSCLCD": true, "NODSCLCDS": true,
	"NOINTEGRATE": true, "NOLIST": true, "NOMOU": true, "NOORGPOL": true, "NOPAT": true, "NOPERSISTP": true,
	"NORDSCLCD": true, "NORDSCLCDS": true, "NORDSCLW": true, "NORDSLCD": true, "NORELINK": true,
	"NOREUSE": true, "NOVIP": true, "ORCON": true, "PACOMPT": true, "PERSISTLABEL": true, "PRIVMARK": true,
	"PROCESSINLINELABEL": true, "PSEUD": true, "REDACT": true, "RESCOMPT": true, "RMGTCOMPT": true,
	"RedisclosureProhibitionMark": true, "RestrictedConfidentialityMark": true, "Title38Section7332": true,
	"UPGRDLABEL": true,
}
