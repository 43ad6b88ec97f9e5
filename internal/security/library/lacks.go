package library

// Lack is a publication that is not in a library, what answers lack without it,
// and the file to import.
type Lack struct {
	Key    string `json:"key"`
	Effect string `json:"effect"`
	File   string `json:"file"` // as its publisher names it
}

// wanted is every publication that answers draw from.
var wanted = []Lack{
	{"attack-enterprise", "no ATT&CK Enterprise: map and ask know only the names of the embedded catalogue, no procedures, groups or detections", "enterprise-attack-VERSION.json (MITRE, attack-stix-data)"},
	{"attack-mobile", "no ATT&CK Mobile: mobile techniques are not found", "mobile-attack-VERSION.json (MITRE, attack-stix-data)"},
	{"attack-ics", "no ATT&CK ICS: techniques against control systems are not found", "ics-attack-VERSION.json (MITRE, attack-stix-data)"},
	{"cwe", "no CWE: ask and explain have no text on weaknesses", "cwec_VERSION.xml.zip (MITRE)"},
	{"capec", "no CAPEC: no attack patterns between weaknesses and techniques", "capec.jsonl or stix-capec.json (MITRE)"},
	{"nvd", "no NVD: vulnerabilities have no NVD scores and no affected products", "nvdcve-2.0-YEAR.json.gz (NIST)"},
	{"cve", "no CVE records: vulnerabilities lack what their own vendors say", "cves.zip (cvelistV5)"},
	{"kev", "no KEV: nothing says which vulnerabilities are exploited", "known_exploited_vulnerabilities.json (CISA)"},
	{"epss", "no EPSS: prioritize and explain have no exploitation probability", "epss_scores-DATE.csv.gz (FIRST)"},
	{"d3fend", "no D3FEND: no countermeasures by artifact", "d3fend.json (MITRE)"},
	{"oscal", "no control catalogue: comply and map have no controls", "NIST_SP-800-53_rev5_catalog.json (NIST, oscal-content)"},
	{"attack-mappings", "no ATT&CK mappings: no controls for techniques", "mappings of CTID's Mappings Explorer, JSON"},
	{"sigma", "no Sigma rules: hunt and ask propose no detections but the starter pack's", "sigma_all_rules.zip (SigmaHQ)"},
	{"atomics", "no Atomic Red Team: simulate has no tests", "the folder atomics (Red Canary)"},
	{"yara", "no YARA rules: ask finds no file signatures", "a folder of .yar files"},
}

// Lacks returns what answers lack with these publications alone.
func Lacks(held []Held) []Lack {
	have := map[string]bool{}
	for _, h := range held {
		have[h.Key] = true
	}
	out := []Lack{}
	for _, w := range wanted {
		if !have[w.Key] {
			out = append(out, w)
		}
	}
	return out
}
