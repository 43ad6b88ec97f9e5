package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// sharedData returns the folder of the published data sets, or skips the test.
func sharedData(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	folder := filepath.Join(shared, "data")
	if _, err := os.Stat(filepath.Join(folder, "attack")); err != nil {
		t.Skipf("no data sets: set CASEMATE_SHARED to the folder that has them (%v)", err)
	}
	return folder
}

// TestFactsAreUpToDate generates the catalogue again and compares the facts with
// those that are committed.
func TestFactsAreUpToDate(t *testing.T) {
	data, err := generate(sharedData(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := knowledge.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := knowledge.Embedded().Digest(), c.Digest(); got != want {
		t.Errorf("facts.bin has digest %s, the data sets give %s: run go generate ./internal/security/knowledge", got, want)
	}
}

// miniature is a set of data sets with a few entries, by path. Its facts are
// worked out by hand in TestMiniature.
func miniature() map[string][]byte {
	return map[string][]byte{
		"attack/enterprise-attack-18.1.json.gz": []byte(bundleText),
		"attack/mobile-attack-18.1.json.gz":     []byte(strings.NewReplacer("T1059", "T1659", "T1086", "T1686").Replace(bundleText)),
		"attack/ics-attack-18.1.json.gz":        []byte(strings.NewReplacer("T1059", "T0859", "T1086", "T0886").Replace(bundleText)),
		"knowledge/cwe-4.19.jsonl.gz":           []byte(cweText),
		"knowledge/d3fend.zip":                  []byte(ontologyText),
		"cve/known_exploited_vulnerabilities.json": []byte(`{"catalogVersion": "2024.01.02", "dateReleased": "2024-01-02T03:04:05Z", "count": 1,
			"vulnerabilities": [{"cveID": "CVE-2021-44228", "vendorProject": "Apache ", "product": "Log4j2",
			"dateAdded": "2021-12-10", "dueDate": "2021-12-24", "knownRansomwareCampaignUse": "Known", "shortDescription": "prose"}]}`),
	}
}

const bundleText = `{"type": "bundle", "objects": [
 {"type": "x-mitre-tactic", "id": "x-mitre-tactic--1", "name": "Execution", "x_mitre_shortname": "execution",
  "external_references": [{"source_name": "mitre-attack", "external_id": "TA0002"}]},
 {"type": "attack-pattern", "id": "attack-pattern--1", "name": "Interpreter", "description": "prose", "modified": "2025-11-12T00:00:00Z",
  "kill_chain_phases": [{"kill_chain_name": "mitre-attack", "phase_name": "execution"}], "x_mitre_platforms": ["Windows", "Linux"],
  "external_references": [{"source_name": "mitre-attack", "external_id": "T1059"}]},
 {"type": "attack-pattern", "id": "attack-pattern--2", "name": "Old Shell", "revoked": true,
  "external_references": [{"source_name": "mitre-attack", "external_id": "T1086"}]},
 {"type": "relationship", "id": "relationship--1", "relationship_type": "revoked-by", "source_ref": "attack-pattern--2", "target_ref": "attack-pattern--1"},
 {"type": "course-of-action", "id": "course-of-action--1", "name": "Execution Prevention",
  "external_references": [{"source_name": "mitre-attack", "external_id": "M1038"}]},
 {"type": "relationship", "id": "relationship--2", "relationship_type": "mitigates", "source_ref": "course-of-action--1", "target_ref": "attack-pattern--1"},
 {"type": "malware", "id": "malware--1", "name": "Secret Worm", "x_mitre_aliases": ["Secret Worm", "Worm"],
  "external_references": [{"source_name": "mitre-attack", "external_id": "S9001"}]},
 {"type": "intrusion-set", "id": "intrusion-set--1", "name": "Bear", "aliases": ["Bear", "Cosy"],
  "external_references": [{"source_name": "mitre-attack", "external_id": "G0016"}]},
 {"type": "relationship", "id": "relationship--3", "relationship_type": "uses", "source_ref": "malware--1", "target_ref": "attack-pattern--1"},
 {"type": "relationship", "id": "relationship--4", "relationship_type": "uses", "source_ref": "intrusion-set--1", "target_ref": "malware--1"},
 {"type": "relationship", "id": "relationship--5", "relationship_type": "uses", "source_ref": "intrusion-set--1", "target_ref": "attack-pattern--1"},
 {"type": "x-mitre-data-component", "id": "x-mitre-data-component--1", "name": "Process Creation",
  "external_references": [{"source_name": "mitre-attack", "external_id": "DC0032"}]},
 {"type": "x-mitre-analytic", "id": "x-mitre-analytic--1", "x_mitre_platforms": ["Windows"], "x_mitre_log_source_references": [
  {"x_mitre_data_component_ref": "x-mitre-data-component--1", "name": "WinEventLog:Sysmon", "channel": "EventCode=1"},
  {"x_mitre_data_component_ref": "x-mitre-data-component--1", "name": "WinEventLog:Sysmon", "channel": "Some prose about it"}]},
 {"type": "x-mitre-detection-strategy", "id": "x-mitre-detection-strategy--1", "x_mitre_analytic_refs": ["x-mitre-analytic--1"]},
 {"type": "relationship", "id": "relationship--6", "relationship_type": "detects", "source_ref": "x-mitre-detection-strategy--1", "target_ref": "attack-pattern--1"}
]}`

const cweText = `{"ID": "79", "Name": "XSS", "Abstraction": "Base", "Status": "Stable", "Description": "prose", "MappingNotes": {"Usage": "Allowed"},
 "RelatedWeaknesses": [{"Nature": "ChildOf", "CweID": "20", "ViewID": "1000"}, {"Nature": "ChildOf", "CweID": "74", "ViewID": "1000", "Ordinal": "Primary"},
 {"Nature": "ChildOf", "CweID": "1", "ViewID": "1003", "Ordinal": "Primary"}, {"Nature": "PeerOf", "CweID": "2", "ViewID": "1000"}],
 "ContentHistory": [{"ModificationDate": "2026-01-21"}]}`

const ontologyText = `@prefix : <http://d3fend.example/#> .
:DigitalArtifact a owl:Class .
:Process a owl:Class ; rdfs:label "Process" ; rdfs:subClassOf :DigitalArtifact .
:DefensiveTechnique a owl:Class .
:ProcessAnalysis rdfs:subClassOf :DefensiveTechnique, [ a owl:Restriction ; owl:onProperty :enables ; owl:someValuesFrom :Detect ] ;
  rdfs:label "Process Analysis" ; :d3fend-id "D3-PA" .
:ProcessSpawnAnalysis rdfs:label "Process Spawn Analysis" ; :d3fend-id "D3-PSA" ;
  rdfs:subClassOf :ProcessAnalysis, [ a owl:Restriction ; owl:onProperty :analyzes ; owl:someValuesFrom :Process ] .
:T1059 rdfs:label "Interpreter" ; :attack-id "T1059" ; rdfs:subClassOf [ a owl:Restriction ; owl:onProperty :executes ; owl:someValuesFrom :Process ] .
:M1038 rdfs:label "Execution Prevention" ; :related :ProcessAnalysis .
`

// lay writes data sets, packed as their publishers pack them.
func lay(t *testing.T, sets map[string][]byte) string {
	t.Helper()
	folder := t.TempDir()
	for path, data := range sets {
		var b bytes.Buffer
		switch filepath.Ext(path) {
		case ".gz":
			z := gzip.NewWriter(&b)
			data = bytes.ReplaceAll(data, []byte("\n "), []byte(" ")) // JSON lines have one object a line
			check(t, write(z, data))
		case ".zip":
			z := zip.NewWriter(&b)
			f, err := z.Create(ontologyFile)
			check(t, err)
			_, err = f.Write(data)
			check(t, err)
			check(t, z.Close())
		default:
			b.Write(data)
		}
		path = filepath.Join(folder, filepath.FromSlash(path))
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, b.Bytes(), 0o644))
	}
	return folder
}

func write(w io.WriteCloser, data []byte) error {
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Close()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMiniature(t *testing.T) {
	folder := lay(t, miniature())
	data, err := generate(folder)
	check(t, err)
	again, err := generate(folder)
	check(t, err)
	if !bytes.Equal(data, again) {
		t.Error("generate writes different bytes for the same data sets")
	}
	c, err := knowledge.Open(data)
	check(t, err)
	if x, note, ok := c.Resolve("T1086"); !ok || x.ID != "T1059" || note == "" || !slices.Equal(x.Platforms, []string{"Linux", "Windows"}) {
		t.Errorf("Resolve(T1086) = %+v, %q, %v, want T1059", x, note, ok)
	}
	if d := c.DataComponents("T1059"); len(d) != 1 || d[0].ID != "DC0032" || len(d[0].Sources) != 1 || d[0].Sources[0].Channel != "EventCode=1" {
		t.Errorf("DataComponents(T1059) = %+v, want DC0032 with event code 1 and without prose", d)
	}
	m := c.Countermeasures("T1059", 5)
	if len(m) != 2 || m[0].ID != "D3-PSA" || m[0].Relation != "analyzes" || m[1].ID != "D3-PA" || m[1].Mitigation != "M1038" {
		t.Errorf("Countermeasures(T1059) = %+v, want D3-PSA by the artifact, then D3-PA by the mitigation", m)
	}
	if w, _ := c.Weakness("79"); !slices.Equal(w.Parents, []string{"CWE-74", "CWE-20"}) {
		t.Errorf("Weakness(79).Parents = %v, want CWE-74, the primary, and CWE-20", w.Parents)
	}
	if k, _ := c.KEV("CVE-2021-44228"); k.Vendor != "Apache" || !k.Ransomware {
		t.Errorf("KEV(CVE-2021-44228) = %+v", k)
	}
	if g, _ := c.Group("cosy"); g.ID != "G0016" || !slices.Equal(g.Techniques, []string{"T0859", "T1059", "T1659"}) {
		t.Errorf("Group(cosy) = %+v, want G0016 with the technique of each bundle", g)
	}
	if s, _ := c.Software("worm"); s.ID != "S9001" {
		t.Errorf("Software(worm) = %+v, want S9001", s)
	}
}

// TestNoRelationsOfSoftware looks at the text of all sections: the id of
// software must stand in its own row alone.
func TestNoRelationsOfSoftware(t *testing.T) {
	with, err := generate(lay(t, miniature()))
	check(t, err)
	sets := miniature()
	for path, data := range sets {
		if strings.HasPrefix(path, "attack/") {
			sets[path] = []byte(strings.ReplaceAll(string(data), `"source_ref": "malware--1"`, `"source_ref": "malware--2"`))
		}
	}
	without, err := generate(lay(t, sets))
	check(t, err)
	a, err := knowledge.Open(with)
	check(t, err)
	b, err := knowledge.Open(without)
	check(t, err)
	if !slices.Equal(a.Techniques()[0].Tactics, b.Techniques()[0].Tactics) {
		t.Fatal("the two catalogues differ in more than relations")
	}
	// The versions section has the digest of the source, which differs; every
	// section behind it must be the same.
	if !bytes.Equal(bodies(with), bodies(without)) {
		t.Error("a relation of software changes the catalogue")
	}
}

// bodies returns a catalogue's table of contents behind its first entry.
func bodies(data []byte) []byte {
	const magic, entry, sections = 8, 8 + 4 + 4 + 32, 7
	return data[magic+entry : magic+sections*entry]
}

func TestDamagedInput(t *testing.T) {
	for _, path := range slices.Sorted(maps.Keys(miniature())) {
		// Cut as a broken download is.
		folder := lay(t, miniature())
		file := filepath.Join(folder, filepath.FromSlash(path))
		data, err := os.ReadFile(file)
		check(t, err)
		for _, n := range []int{0, 1, len(data) / 2, len(data) - 5} {
			check(t, os.WriteFile(file, data[:n], 0o644))
			refuses(t, folder, path)
		}
		check(t, os.Remove(file))
		refuses(t, folder, path)
	}
	for _, path := range slices.Sorted(maps.Keys(miniature())) {
		// Cut before it was packed, so that only the parser can see it.
		sets := miniature()
		sets[path] = bytes.TrimSpace(sets[path])
		sets[path] = sets[path][:len(sets[path])*2/3]
		refuses(t, lay(t, sets), path)
	}
}

// refuses wants an error that names the file.
func refuses(t *testing.T, folder, path string) {
	t.Helper()
	_, err := generate(folder)
	name, _, _ := strings.Cut(filepath.Base(path), "-")
	if err == nil || !strings.Contains(err.Error(), strings.TrimSuffix(name, ".zip")) {
		t.Errorf("generate with a damaged %s gives %v, want an error that names it", path, err)
	}
}

func TestWrongFacts(t *testing.T) {
	tests := []struct{ name, path, old, new string }{
		{"unknown tactic", "attack/enterprise-attack-18.1.json.gz", `"phase_name": "execution"`, `"phase_name": "lunch"`},
		{"wrong id", "attack/enterprise-attack-18.1.json.gz", `"T1059"`, `"T10"`},
		{"two names", "attack/mobile-attack-18.1.json.gz", "Execution Prevention", "Another Name"},
		{"a separator in a name", "attack/enterprise-attack-18.1.json.gz", `"Cosy"`, `"Co|sy"`},
		{"an analytic that is not there", "attack/enterprise-attack-18.1.json.gz", `["x-mitre-analytic--1"]`, `["x-mitre-analytic--9"]`},
		{"a stated count", "cve/known_exploited_vulnerabilities.json", `"count": 1`, `"count": 2`},
		{"a wrong CVE id", "cve/known_exploited_vulnerabilities.json", "CVE-2021-44228", "2021-44228"},
		{"a weakness without a name", "knowledge/cwe-4.19.jsonl.gz", `"XSS"`, `""`},
		{"another ontology", "knowledge/d3fend.zip", ":DigitalArtifact", ":Artifact"},
		{"a defence without a tactic", "knowledge/d3fend.zip", ":enables", ":likes"},
	}
	for _, tt := range tests {
		sets := miniature()
		changed := strings.ReplaceAll(string(sets[tt.path]), tt.old, tt.new)
		if changed == string(sets[tt.path]) {
			t.Fatalf("%s: %q is not in the data set", tt.name, tt.old)
		}
		sets[tt.path] = []byte(changed)
		if _, err := generate(lay(t, sets)); err == nil {
			t.Errorf("%s: generate gives no error", tt.name)
		}
	}
}

func TestRun(t *testing.T) {
	folder := lay(t, miniature())
	target := filepath.Join(t.TempDir(), "facts.bin")
	tests := []struct {
		args []string
		want int
	}{
		{[]string{"--from", folder, "--out", target}, 0},
		{[]string{"--help"}, 0},
		{nil, 2},
		{[]string{"--nonsense"}, 2},
		{[]string{"--from", folder, "--out", target, "more"}, 2},
		{[]string{"--from", t.TempDir(), "--out", target}, 3},
		{[]string{"--from", folder, "--out", filepath.Join(folder, "no", "such", "folder")}, 3},
	}
	for _, tt := range tests {
		var stdout, stderr bytes.Buffer
		if got := run(tt.args, &stdout, &stderr); got != tt.want {
			t.Errorf("run(%v) = %d, want %d\n%s", tt.args, got, tt.want, stderr.String())
		}
	}
	data, err := os.ReadFile(target)
	check(t, err)
	if _, err := knowledge.Open(data); err != nil {
		t.Errorf("what run wrote cannot be opened: %v", err)
	}
}
