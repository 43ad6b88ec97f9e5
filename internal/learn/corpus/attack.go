package corpus

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The kinds of labelled sentence.
const (
	KindProcedure   = "procedure"   // what a group, campaign or software does, in ATT&CK's words
	KindDescription = "description" // a sentence of a technique's description
	KindName        = "name"        // of a technique
	KindDetection   = "detection"   // how to see a technique
	KindMitigation  = "mitigation"  // what helps against it
	KindPattern     = "pattern"     // of CAPEC, which names the technique
	KindReport      = "report"      // of a report, labelled by an analyst (TRAM)
)

// Placeholder stands where a procedure names a group, a campaign or malware.
const Placeholder = "ENTITY"

// Technical is a sentence with the technique that it shows.
type Technical struct {
	Text      string
	Technique string // id in today's ATT&CK
	Domain    string // enterprise, mobile or ics
	Kind      string
	Entity    string   // of a procedure, the id of its subject; of a report, its title
	Citations []string // of a procedure: the reports it cites
}

// Actor is a group, a campaign or a software.
type Actor struct {
	ID, Name    string
	Domain      string
	Names       []string // all, with Name
	Description string
}

// Attack is what may be learnt of techniques. Software that is to be left out of
// training is in none of it.
type Attack struct {
	Sentences []Technical
	Actors    map[string]Actor
	Prose     []string          // running text about attacks and weaknesses, without labels
	Names     map[string]string // of each technique that stands
}

// AttackFiles are the files below the data folder that ReadAttack reads.
var AttackFiles = []string{
	"attack/enterprise-attack-18.1.json.gz", "attack/mobile-attack-18.1.json.gz", "attack/ics-attack-18.1.json.gz",
	excludedFile, tramFile, capecFile, weaknessFile,
}

const (
	excludedFile = "attack/exclude-from-training.txt"
	tramFile     = "attack/tram-train.json.gz"
	capecFile    = "knowledge/capec.jsonl.gz"
	weaknessFile = "knowledge/cwe-4.19.1.jsonl.gz"

	maxBundle = 512 << 20
)

// attackReader collects.
type attackReader struct {
	out      *Attack
	folder   string
	excluded map[string]bool
	domains  map[string]string // of each technique that stands
	today    map[string]string // id of a technique to the one that stands for it
}

// ReadAttack reads the catalogues and reports below a data folder.
func ReadAttack(folder string) (*Attack, error) {
	r := &attackReader{out: &Attack{Actors: map[string]Actor{}, Names: map[string]string{}}, folder: folder, domains: map[string]string{}, today: map[string]string{}}
	var err error
	if r.excluded, err = Excluded(folder); err != nil {
		return nil, err
	}
	for i, domain := range []string{"enterprise", "mobile", "ics"} {
		if err := r.bundle(AttackFiles[i], domain); err != nil {
			return nil, err
		}
	}
	for _, read := range []func() error{r.patterns, r.weaknesses, r.reports} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

// Excluded returns the ids of the software whose relations must not be learnt
// from, nor be looked up where techniques are extracted for a measurement.
func Excluded(folder string) (map[string]bool, error) {
	data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(excludedFile)))
	if err != nil {
		return nil, fmt.Errorf("read what to leave out of training: %w", err)
	}
	out := map[string]bool{}
	for id := range strings.FieldsSeq(string(data)) {
		out[id] = true
	}
	return out, nil
}

// open returns the text of a gzipped file; close it.
func (r *attackReader) open(name string) (io.Reader, func() error, error) {
	f, err := os.Open(filepath.Join(r.folder, filepath.FromSlash(name)))
	if err != nil {
		return nil, nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("read %q: %w", name, err)
	}
	return io.LimitReader(z, maxBundle), f.Close, nil
}

func (r *attackReader) json(name string, into any) error {
	in, closeFile, err := r.open(name)
	if err != nil {
		return err
	}
	err = json.NewDecoder(in).Decode(into)
	if e := closeFile(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("read %q: %w", name, err)
	}
	return nil
}

// object is what matters of a STIX object.
type object struct {
	Type        string   `json:"type"`
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Revoked     bool     `json:"revoked"`
	Deprecated  bool     `json:"x_mitre_deprecated"`
	Kind        string   `json:"relationship_type"`
	Source      string   `json:"source_ref"`
	Target      string   `json:"target_ref"`
	Aliases     []string `json:"aliases"`
	Others      []string `json:"x_mitre_aliases"`
	Analytics   []string `json:"x_mitre_analytic_refs"`
	References  []struct {
		Source string `json:"source_name"`
		ID     string `json:"external_id"`
	} `json:"external_references"`
}

// id returns the published id.
func (o *object) id() string {
	for _, ref := range o.References {
		if strings.HasPrefix(ref.Source, "mitre") && ref.ID != "" {
			return ref.ID
		}
	}
	return ""
}

// bundle reads one matrix.
func (r *attackReader) bundle(name, domain string) error {
	var b struct {
		Objects []object `json:"objects"`
	}
	if err := r.json(name, &b); err != nil {
		return err
	}
	m := &matrixReader{attackReader: r, domain: domain, objects: map[string]*object{}, heir: map[string]string{}}
	for i := range b.Objects {
		o := &b.Objects[i]
		m.objects[o.ID] = o
		if o.Kind == "revoked-by" {
			m.heir[o.Source] = o.Target
		}
	}
	for i := range b.Objects {
		m.object(&b.Objects[i])
	}
	for i := range b.Objects {
		if o := &b.Objects[i]; o.Type == "relationship" && !o.Revoked && !o.Deprecated {
			m.relation(o)
		}
	}
	return nil
}

// matrixReader reads the objects of one matrix.
type matrixReader struct {
	*attackReader
	domain  string
	objects map[string]*object
	heir    map[string]string // of revoked objects
}

// standing returns the object that stands for a technique today, or nil.
func (m *matrixReader) standing(ref string) *object {
	const most = 8 // of successors; ATT&CK 18.1 needs two
	for range most {
		next, revoked := m.heir[ref]
		if !revoked {
			break
		}
		ref = next
	}
	if o := m.objects[ref]; o != nil && o.Type == "attack-pattern" && !o.Revoked && !o.Deprecated {
		return o
	}
	return nil
}

// object reads a technique or an actor.
func (m *matrixReader) object(o *object) {
	switch o.Type {
	case "attack-pattern":
		s := m.standing(o.ID)
		if s == nil {
			return
		}
		m.today[o.id()] = s.id()
		if s != o {
			return
		}
		m.domains[o.id()], m.out.Names[o.id()] = m.domain, o.Name
		m.add(o.Name, o.id(), KindName)
		for _, t := range cutSentences(plain(o.Description)) {
			m.add(t, o.id(), KindDescription)
		}
	case "malware", "tool", "intrusion-set", "campaign":
		if o.Revoked || m.excluded[o.id()] || o.Description == "" {
			return
		}
		a := Actor{ID: o.id(), Name: o.Name, Domain: m.domain, Names: append([]string{o.Name}, o.Aliases...), Description: plain(o.Description)}
		a.Names = append(a.Names, o.Others...)
		slices.Sort(a.Names)
		a.Names = slices.Compact(a.Names)
		if _, known := m.out.Actors[a.ID]; !known {
			m.out.Actors[a.ID] = a
			m.out.Prose = append(m.out.Prose, a.Description)
		}
	}
}

func (m *matrixReader) add(text, technique, kind string) {
	m.out.Sentences = append(m.out.Sentences, Technical{Text: text, Technique: technique, Domain: m.domain, Kind: kind})
}

// relation reads what says something of a technique.
func (m *matrixReader) relation(o *object) {
	target := m.standing(o.Target)
	source := m.objects[o.Source]
	if target == nil || source == nil {
		return
	}
	switch o.Kind {
	case "uses":
		if o.Description == "" || m.excluded[source.id()] {
			return
		}
		t := Technical{Text: anonymous(o.Description), Technique: target.id(), Domain: m.domain, Kind: KindProcedure, Entity: source.id()}
		for _, c := range citation.FindAllStringSubmatch(o.Description, -1) {
			t.Citations = append(t.Citations, c[1])
		}
		m.out.Sentences = append(m.out.Sentences, t)
	case "mitigates":
		m.add(plain(o.Description), target.id(), KindMitigation)
	case "detects":
		for _, ref := range source.Analytics {
			if a := m.objects[ref]; a != nil && a.Description != "" {
				m.add(plain(a.Description), target.id(), KindDetection)
			}
		}
	}
}

var (
	citation = regexp.MustCompile(`\(Citation: ([^)]*)\)`)
	link     = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)
	actor    = regexp.MustCompile(`/(?:software|groups|campaigns)/`)
	markup   = regexp.MustCompile(`<[^>]{1,40}>`)
	boundary = regexp.MustCompile(`[.!?]\s+[A-Z]|\n+`)
)

// plain takes citations, links and markup out of a text.
func plain(text string) string {
	return spaced(markup.ReplaceAllString(link.ReplaceAllString(citation.ReplaceAllString(text, ""), "$1"), " "))
}

// anonymous is plain with a placeholder for every group, campaign and software.
func anonymous(text string) string {
	text = link.ReplaceAllStringFunc(citation.ReplaceAllString(text, ""), func(s string) string {
		part := link.FindStringSubmatch(s)
		if actor.MatchString(part[2]) {
			return Placeholder
		}
		return part[1]
	})
	return spaced(markup.ReplaceAllString(text, " "))
}

// spaced joins a text's lines, keeping paragraphs apart.
func spaced(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\n")
}

// cutSentences cuts running text into sentences of some length.
func cutSentences(text string) []string {
	const least = 16
	var out []string
	add := func(s string) {
		if s = strings.TrimSpace(s); len(s) >= least {
			out = append(out, s)
		}
	}
	from := 0
	for _, at := range boundary.FindAllStringIndex(text, -1) {
		end := at[0] + 1
		if end > from {
			add(text[from:end])
			from = end
		}
	}
	add(text[from:])
	return out
}

// eachLine calls do with each line of a gzipped file of JSON lines.
func (r *attackReader) eachLine(name string, do func(line []byte) error) error {
	in, closeFile, err := r.open(name)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() && err == nil {
		err = do(lines.Bytes())
	}
	if err = errors.Join(err, lines.Err(), closeFile()); err != nil {
		return fmt.Errorf("read %q: %w", name, err)
	}
	return nil
}

// patterns reads the sentences of CAPEC: those of patterns that name a technique
// are labelled.
func (r *attackReader) patterns() error {
	return r.eachLine(capecFile, func(line []byte) error {
		var o object
		if err := json.Unmarshal(line, &o); err != nil {
			return err
		}
		if err := r.strings(line); err != nil {
			return err
		}
		if o.Type != "attack-pattern" {
			return nil
		}
		for _, ref := range o.References {
			id := "T" + strings.TrimPrefix(ref.ID, "T")
			today := r.today[id]
			if ref.Source != "ATTACK" || today == "" {
				continue
			}
			for _, t := range append([]string{o.Name}, cutSentences(plain(o.Description))...) {
				r.out.Sentences = append(r.out.Sentences, Technical{Text: t, Technique: today, Domain: r.domains[today], Kind: KindPattern})
			}
		}
		return nil
	})
}

func (r *attackReader) weaknesses() error { return r.eachLine(weaknessFile, r.strings) }

// strings keeps the longer texts of a JSON value as prose, in the order of keys.
func (r *attackReader) strings(line []byte) error {
	var v any
	if err := json.Unmarshal(line, &v); err != nil {
		return err
	}
	const least = 40
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case string:
			if len(x) >= least && strings.Contains(x, " ") {
				r.out.Prose = append(r.out.Prose, plain(x))
			}
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			keys := make([]string, 0, len(x))
			for k := range x {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				walk(x[k])
			}
		}
	}
	walk(v)
	return nil
}

// reports reads TRAM's sentences, outdated ids mapped to those of today.
func (r *attackReader) reports() error {
	var rows []struct {
		Text  string `json:"text"`
		Label string `json:"label"`
		Title string `json:"doc_title"`
	}
	if err := r.json(tramFile, &rows); err != nil {
		return err
	}
	for _, row := range rows {
		if today := r.today[row.Label]; today != "" {
			r.out.Sentences = append(r.out.Sentences, Technical{
				Text: strings.Join(strings.Fields(row.Text), " "), Technique: today, Domain: r.domains[today], Kind: KindReport, Entity: row.Title,
			})
		}
	}
	return nil
}

// Parent returns the technique of a sub-technique, and a technique itself.
func Parent(id string) string {
	id, _, _ = strings.Cut(id, ".")
	return id
}
