package corpus

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Sorted is a text that is what a head looks for, or not: about security for
// ReadRelevant, on what an attacker does for ReadBehaviour.
type Sorted struct {
	Text   string
	Yes    bool
	Source string // where it is from: vulnerability, attack, pattern, report, product, control, everyday, …
	Group  string // what must stay on one side of a split
}

const (
	controlsFile = "knowledge/oscal-800-53-r5.zip"
	vulnerables  = "cve/cve.tsv.gz"
	eachTheme    = 600
	eachKind     = 6000
)

// RelevantFiles are the files below the data folder that ReadRelevant reads.
var RelevantFiles = append([]string{vulnerables, controlsFile}, AttackFiles...)

// ReadRelevant reads texts that are about security from catalogues and reports,
// and texts that are not: what products are, how buildings and staff are run,
// and made-up sentences of everyday themes.
func ReadRelevant(folder string) ([]Sorted, error) {
	a, err := ReadAttack(folder)
	if err != nil {
		return nil, err
	}
	rows, err := Vulnerabilities(filepath.Join(folder, filepath.FromSlash(vulnerables)))
	if err != nil {
		return nil, err
	}
	out := append(technicalTexts(a), vulnerabilityTexts(rows)...)
	controls, err := controlTexts(filepath.Join(folder, filepath.FromSlash(controlsFile)))
	if err != nil {
		return nil, err
	}
	out = append(out, controls...)
	for _, theme := range Themes() {
		for _, s := range Everyday(theme, eachTheme) {
			out = append(out, Sorted{Text: s, Source: "everyday", Group: theme})
		}
	}
	return out, nil
}

// technicalTexts are sentences about techniques, up to eachKind of a source.
func technicalTexts(a *Attack) []Sorted {
	var out []Sorted
	count := map[string]int{}
	for _, i := range scattered(len(a.Sentences)) {
		s := &a.Sentences[i]
		source := map[string]string{KindProcedure: "attack", KindDescription: "attack", KindDetection: "attack", KindMitigation: "attack", KindPattern: "pattern", KindReport: "report"}[s.Kind]
		if source == "" || count[source] >= eachKind {
			continue
		}
		count[source]++
		group := s.Entity
		if group == "" {
			group = s.Technique
		}
		out = append(out, Sorted{Text: strings.ReplaceAll(s.Text, Placeholder, "the malware"), Yes: true, Source: source, Group: group})
	}
	return out
}

var (
	isProduct = regexp.MustCompile(`^[A-Z][\w.+/ -]{1,60} is (?:an?|the) [^.]{10,160}\.`)
	isThreat  = regexp.MustCompile(`(?i)vulnerab|attack|exploit|inject|overflow|bypass|malicious|disclos|denial|privilege|security|authenticat|encrypt|password|threat|forensic|firewall|identity|vpn|secret`)
)

// vulnerabilityTexts are descriptions of vulnerabilities, and apart from them the
// sentence in which some say what the product is.
func vulnerabilityTexts(rows []Vulnerability) []Sorted {
	var out []Sorted
	wanted, products := eachKind, eachKind
	for _, i := range scattered(len(rows)) {
		text := rows[i].Text
		if wanted > 0 {
			wanted--
			out = append(out, Sorted{Text: text, Yes: true, Source: "vulnerability", Group: rows[i].ID})
			continue
		}
		if s := isProduct.FindString(text); s != "" && s != text && !isThreat.MatchString(s) && products > 0 {
			products--
			name, _, _ := strings.Cut(s, " is ")
			out = append(out, Sorted{Text: s, Source: "product", Group: name})
		}
	}
	return out
}

// scattered returns 0 to n-1 in an order that looks random and is always the same.
func scattered(n int) []int {
	out := make([]int, n)
	key := make([]uint64, n)
	for i := range out {
		out[i] = i
		key[i] = uint64(i+1) * 0x9e3779b97f4a7c15
		key[i] = (key[i] ^ key[i]>>29) * 0xbf58476d1ce4e5b9
	}
	slices.SortFunc(out, func(a, b int) int {
		switch {
		case key[a] < key[b]:
			return -1
		case key[a] > key[b]:
			return 1
		}
		return 0
	})
	return out
}

// controlTexts are the statements of the controls about buildings and staff.
func controlTexts(file string) ([]Sorted, error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return nil, err
	}
	defer z.Close() // only read: nothing can be lost
	seen := map[string]bool{}
	var out []Sorted
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		if err := eachProse(f, func(family, prose string) {
			if (family == "pe" || family == "ps" || family == "pm") && !seen[prose] && !isThreat.MatchString(prose) && len(prose) > 30 {
				seen[prose] = true
				out = append(out, Sorted{Text: prose, Source: "control", Group: family})
			}
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// eachProse calls do with the prose of a catalogue in OSCAL and its family.
func eachProse(f *zip.File, do func(family, prose string)) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	var doc any
	if err := json.NewDecoder(io.LimitReader(in, maxBundle)).Decode(&doc); err != nil {
		return fmt.Errorf("read %q: %w", f.Name, err)
	}
	var walk func(v any, family string)
	walk = func(v any, family string) {
		switch x := v.(type) {
		case []any:
			for _, e := range x {
				walk(e, family)
			}
		case map[string]any:
			if id, _ := x["id"].(string); len(id) >= 2 {
				family = id[:2]
			}
			if prose, _ := x["prose"].(string); prose != "" && !strings.Contains(prose, "{{") {
				do(family, prose)
			}
			keys := make([]string, 0, len(x))
			for k := range x {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				walk(x[k], family)
			}
		}
	}
	walk(doc, "")
	return nil
}

// Part returns which of n parts a group belongs to.
func Part(group string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(group)) // a hash never fails to write
	return int(h.Sum32() % uint32(n))
}
