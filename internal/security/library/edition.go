package library

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// keys are the publications in the order in which what they say of one entry is
// merged: the first that states a name, a status or a parent decides.
var keys = []string{
	"attack-enterprise", "attack-mobile", "attack-ics", "cwe", "capec", "nvd", "cve", "kev", "epss",
	"d3fend", "oscal", "attack-mappings", "sigma", "atomics", "yara",
}

// compareKeys orders publications as they are merged. Unknown ones come last.
func compareKeys(a, b string) int {
	place := func(key string) int {
		if i := slices.Index(keys, key); i >= 0 {
			return i
		}
		return len(keys)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
}

// byRecord are the publications whose files hold some records of a whole: each
// record replaces its older self, and the others stay.
func byRecord(key string) bool { return key == "nvd" || key == "cve" }

// collected are the publications that people put together themselves: several
// sets may stand side by side.
func collected(key string) bool {
	switch key {
	case "sigma", "yara", "atomics", "oscal", "attack-mappings":
		return true
	}
	return false
}

// part is a row of the table parts.
type part struct {
	part                         int64
	key, name, version, date     string
	digest                       string
	entries, relations, dangling int
}

// edition names the part's edition for a person.
func (p part) edition() string { return editionOf(p.version, p.date) }

func editionOf(version, date string) string {
	switch {
	case version != "":
		return version
	case date != "":
		return date
	}
	return "undated"
}

// compareEditions orders two editions of one publication: by version where both
// state one that consists of numbers, then by date. 0 means that neither is
// known to be older.
func compareEditions(versionA, dateA, versionB, dateB string) int {
	a, okA := numbers(versionA)
	b, okB := numbers(versionB)
	if okA && okB {
		if c := slices.Compare(a, b); c != 0 {
			return c
		}
	}
	if dateA == "" || dateB == "" {
		return 0
	}
	return strings.Compare(dateA, dateB)
}

// numbers reads a version such as v18.1 or 2025.07.24.
func numbers(version string) ([]uint64, bool) {
	version = strings.TrimPrefix(version, "v")
	if version == "" || len(version) > 40 {
		return nil, false
	}
	var out []uint64
	for s := range strings.SplitSeq(version, ".") {
		n := uint64(0)
		if s == "" || len(s) > 15 {
			return nil, false
		}
		for _, c := range []byte(s) {
			if c < '0' || c > '9' {
				return nil, false
			}
			n = n*10 + uint64(c-'0')
		}
		out = append(out, n)
	}
	for len(out) > 0 && out[len(out)-1] == 0 { // 4.0 is 4
		out = out[:len(out)-1]
	}
	return out, true
}

// readParts returns the parts in the order in which they are merged.
func readParts(ctx context.Context, conn *sql.Conn) ([]part, error) {
	rows, err := conn.QueryContext(ctx, "SELECT part, key, name, version, date, digest, entries, relations, dangling FROM parts")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []part
	for rows.Next() {
		var p part
		if err := rows.Scan(&p.part, &p.key, &p.name, &p.version, &p.date, &p.digest, &p.entries, &p.relations, &p.dangling); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b part) int {
		return cmp.Or(compareKeys(a.key, b.key), strings.Compare(a.digest, b.digest), cmp.Compare(a.part, b.part))
	})
	return out, rows.Err()
}

// digestPart returns the digest of a part's entries and relations, whatever the
// order in which they came.
func digestPart(ctx context.Context, conn *sql.Conn, id int64) (string, error) {
	h := sha256.New()
	for _, table := range [...]string{"entries", "relations"} {
		rows, err := conn.QueryContext(ctx, "SELECT hash FROM "+table+" WHERE part = ? ORDER BY hash", id)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, table)
		for rows.Next() {
			var hash sql.RawBytes
			if err := rows.Scan(&hash); err != nil {
				rows.Close()
				return "", err
			}
			h.Write(hash)
		}
		if err := rows.Err(); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// seal writes down the edition: a digest of every part's publication and content.
func seal(ctx context.Context, conn *sql.Conn) (string, error) {
	parts, err := readParts(ctx, conn)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, "casemate library 1")
	for _, p := range parts {
		fmt.Fprintf(h, "%q %q %q %q %s\n", p.key, p.name, p.version, p.date, p.digest)
	}
	edition := hex.EncodeToString(h.Sum(nil))
	_, err = conn.ExecContext(ctx, "INSERT INTO meta VALUES('edition', ?1) ON CONFLICT DO UPDATE SET value = ?1", edition)
	return edition, err
}
