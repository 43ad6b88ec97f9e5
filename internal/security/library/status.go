package library

import (
	"context"
	"database/sql"
	"os"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/feed"
)

// Held is one publication in the library.
type Held struct {
	feed.Publication
	Files     int `json:"files"` // that it came from
	Entries   int `json:"entries"`
	Relations int `json:"relations"`
	Dangling  int `json:"dangling"` // relations with an end that is nowhere in the library
}

// Held returns what has been imported, in the order in which publications are
// merged. Of several files the path of one is given.
func (l *Library) Held(ctx context.Context) ([]Held, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Held, 0, len(l.shown.parts))
	for _, p := range l.shown.parts {
		h := Held{Publication: feed.Publication{Key: p.key, Name: p.name, Version: p.version, Date: p.date}, Entries: p.entries, Relations: p.relations, Dangling: p.dangling}
		err := l.query(ctx, "SELECT source, path FROM files WHERE part = ? ORDER BY path, source", func(rows *sql.Rows) error {
			h.Files++
			return rows.Scan(&h.Source, &h.Path)
		}, p.part)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// Count is how many entries of a kind there are.
type Count struct {
	Kind     string `json:"kind"`
	Entries  int    `json:"entries"`  // different ids
	Standing int    `json:"standing"` // of them, neither revoked nor deprecated
}

// Counts returns how many entries of each kind there are, in the order of kinds.
func (l *Library) Counts(ctx context.Context) ([]Count, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Count
	err := l.query(ctx, `SELECT kind, count(*), sum(stands) FROM (SELECT kind, id, max(status = '') AS stands FROM entries GROUP BY kind, id) GROUP BY kind ORDER BY kind`, func(rows *sql.Rows) error {
		var kind int
		var c Count
		if err := rows.Scan(&kind, &c.Entries, &c.Standing); err != nil {
			return err
		}
		if kind < 0 || kind >= len(kinds) {
			return errBody
		}
		c.Kind = kinds[kind]
		out = append(out, c)
		return nil
	})
	return out, err
}

// Remapped returns how many ids another id replaces.
func (l *Library) Remapped(ctx context.Context) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.loadGone(ctx)
	n := 0
	for _, list := range l.shown.heirs {
		n += len(list)
	}
	return n, err
}

// Size returns the bytes of the library's file and of its log.
func (l *Library) Size() (int64, error) {
	info, err := os.Stat(l.path)
	if err != nil {
		return 0, l.fault("measure the knowledge base", err)
	}
	size := info.Size()
	if log, err := os.Stat(l.path + "-wal"); err == nil {
		size += log.Size()
	}
	return size, nil
}

// Path returns the library's file.
func (l *Library) Path() string { return l.path }

// Check reads the whole file and returns an error that says where it is damaged.
func (l *Library) Check(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first string
	err := l.query(ctx, "PRAGMA quick_check(1)", func(rows *sql.Rows) error { return rows.Scan(&first) })
	if err == nil && first != "ok" {
		err = &casemate.Error{Code: casemate.CodeInput, Message: "check " + l.path + ": it is damaged: " + first,
			Hint: "move the file away and import again; casemate kb status tells what to import"}
	}
	return err
}

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
