package mapping

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/report"
)

// What a layer says of itself. Version 4.5 of the format needs at least
// Navigator 4.9.0.
const (
	layerFormat      = "4.5"
	navigatorVersion = "5.1.0"
	maxComment       = 4000 // bytes of evidence under one technique
	maxQuote         = 400  // bytes of one sentence in it
)

// The colours of a layer, from unsure to sure.
const (
	colourLow, colourMiddle, colourHigh = "#ffffcc", "#fd8d3c", "#b10026"
)

// layer is a layer of the ATT&CK Navigator.
//
// Source: LAYERFORMATv4_5.md of the ATT&CK Navigator.
type layer struct {
	Name        string           `json:"name"`
	Versions    layerVersions    `json:"versions"`
	Domain      string           `json:"domain"`
	Description string           `json:"description"`
	Sorting     int              `json:"sorting"`
	Layout      layerLayout      `json:"layout"`
	HideOff     bool             `json:"hideDisabled"`
	Techniques  []layerTechnique `json:"techniques"`
	Gradient    layerGradient    `json:"gradient"`
	Legend      []layerLegend    `json:"legendItems"`
	Tactics     bool             `json:"showTacticRowBackground"`
	Everywhere  bool             `json:"selectTechniquesAcrossTactics"`
	WithParent  bool             `json:"selectSubtechniquesWithParent"`
	Visible     bool             `json:"selectVisibleTechniques"`
	Metadata    []layerFact      `json:"metadata"`
	Links       []layerLink      `json:"links"`
}

type layerVersions struct {
	Attack    string `json:"attack,omitempty"`
	Navigator string `json:"navigator"`
	Layer     string `json:"layer"`
}

type layerLayout struct {
	Layout      string `json:"layout"`
	ID          bool   `json:"showID"`
	Name        bool   `json:"showName"`
	Aggregate   bool   `json:"showAggregateScores"`
	Unscored    bool   `json:"countUnscored"`
	Function    string `json:"aggregateFunction"`
	Subordinate string `json:"expandedSubtechniques"`
}

type layerTechnique struct {
	ID       string      `json:"techniqueID"`
	Score    *int        `json:"score,omitempty"` // none for a parent that only opens its children
	Comment  string      `json:"comment,omitempty"`
	Enabled  bool        `json:"enabled"`
	Metadata []layerFact `json:"metadata"`
	Links    []layerLink `json:"links"`
	Children bool        `json:"showSubtechniques"`
}

type layerGradient struct {
	Colours []string `json:"colors"`
	Min     int      `json:"minValue"`
	Max     int      `json:"maxValue"`
}

type layerLegend struct {
	Label  string `json:"label"`
	Colour string `json:"color"`
}

type layerFact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type layerLink struct {
	Label string `json:"label"`
	URL   string `json:"url"`
}

// NavigatorOptions say what a layer is called and holds. The zero value is ready.
type NavigatorOptions struct {
	Name      string               // of the layer; "" makes one of the documents' titles
	All       bool                 // the unsure techniques, too
	Catalogue *knowledge.Catalogue // nil is the embedded one
}

// WriteNavigator writes what documents show as a layer of the ATT&CK Navigator,
// version 4.5. The score of a technique is its probability in hundredths, the
// comment quotes the sentences. Techniques of several domains make one layer
// each, in a list, which the Navigator opens as well. Without any technique it
// is an empty layer of the enterprise domain.
func WriteNavigator(w io.Writer, results []*Result, opt NavigatorOptions) error {
	if opt.Catalogue == nil {
		opt.Catalogue = knowledge.Embedded()
	}
	var layers []layer
	for _, domain := range []knowledge.Domain{knowledge.Enterprise, knowledge.Mobile, knowledge.ICS} {
		techniques := layerTechniques(results, domain, opt)
		if len(techniques) > 0 {
			layers = append(layers, newLayer(results, domain, techniques, opt))
		}
	}
	if len(layers) == 0 {
		layers = append(layers, newLayer(results, knowledge.Enterprise, []layerTechnique{}, opt))
	}
	var v any = layers
	if len(layers) == 1 {
		v = layers[0]
	}
	return encode(w, v, "write the Navigator layer")
}

// encode writes a value as indented JSON.
func encode(w io.Writer, v any, what string) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func newLayer(results []*Result, domain knowledge.Domain, techniques []layerTechnique, opt NavigatorOptions) layer {
	l := layer{
		Name: opt.Name, Domain: string(domain) + "-attack", Techniques: techniques, Sorting: 3,
		Versions:   layerVersions{attackVersion(opt.Catalogue, domain), navigatorVersion, layerFormat},
		Layout:     layerLayout{Layout: "side", ID: true, Name: true, Function: "max", Subordinate: "annotated"},
		Gradient:   layerGradient{[]string{colourLow, colourMiddle, colourHigh}, 0, 100},
		Legend:     []layerLegend{{"unsure", colourLow}, {"likely", colourMiddle}, {"sure", colourHigh}},
		Everywhere: true,
		Links:      []layerLink{},
	}
	if l.Name == "" {
		l.Name = "Casemate: " + cutText(titles(results), 80)
	}
	l.Name = report.Terminal(l.Name)
	l.Description = fmt.Sprintf("Techniques that %s; the score is the probability in hundredths that the text shows a technique, not its severity",
		plural(len(results), "document shows", "documents show"))
	l.Metadata = []layerFact{{"made by", "casemate map"}}
	for _, r := range results[:min(len(results), 20)] {
		l.Metadata = append(l.Metadata, layerFact{"document", report.Terminal(r.Path)})
	}
	if len(results) > 0 {
		l.Metadata = append(l.Metadata, layerFact{"catalogue", cmp.Or(results[0].Catalogue, "unknown")}, layerFact{"classifier", cmp.Or(results[0].Head, "none")})
	}
	return l
}

// attackVersion returns the major version of a domain's catalogue, by which the
// Navigator knows it.
func attackVersion(c *knowledge.Catalogue, domain knowledge.Domain) string {
	for _, d := range c.Versions() {
		if d.Key == "attack-"+string(domain) {
			major, _, _ := strings.Cut(d.Version, ".")
			return major
		}
	}
	return ""
}

// layerTechniques returns the techniques of a domain by id. A sub-technique's
// parent is there, too, so that the matrix opens at it.
func layerTechniques(results []*Result, domain knowledge.Domain, opt NavigatorOptions) []layerTechnique {
	byID := map[string]*layerTechnique{}
	for _, m := range mergeFound(results, opt.All) {
		t, ok := opt.Catalogue.Technique(m.ID)
		if !ok || t.Domain != domain {
			continue
		}
		score := int(math.Round(100 * min(max(m.P, 0), 1)))
		byID[m.ID] = &layerTechnique{
			ID: m.ID, Score: &score, Enabled: true, Comment: m.comment(len(results) > 1), Links: attackLink(m.ID),
			Metadata: []layerFact{{"probability", strconv.FormatFloat(m.P, 'f', 3, 64)}, {"found by", cmp.Or(strings.Join(m.By, ", "), "unknown")}, {"sentences", strconv.Itoa(len(m.evidence))}},
		}
		if m.unsure {
			byID[m.ID].Metadata = append(byID[m.ID].Metadata, layerFact{"unsure", "below the threshold: for a person to look at"})
		}
	}
	for _, id := range sortedKeys(byID) {
		parent, _, sub := strings.Cut(id, ".")
		if !sub {
			continue
		}
		if byID[parent] == nil {
			byID[parent] = &layerTechnique{ID: parent, Enabled: true, Metadata: []layerFact{}, Links: []layerLink{}}
		}
		byID[parent].Children = true
	}
	out := make([]layerTechnique, 0, len(byID))
	for _, id := range sortedKeys(byID) {
		out = append(out, *byID[id])
	}
	return out
}

// attackLink leads to a technique's page.
func attackLink(id string) []layerLink {
	return []layerLink{{"ATT&CK " + id, techniqueURL(id)}}
}

func techniqueURL(id string) string {
	return "https://attack.mitre.org/techniques/" + strings.Replace(id, ".", "/", 1)
}

// merged is a technique over all documents.
type merged struct {
	Found
	unsure   bool
	evidence []quote
}

// quote is a sentence that shows a technique.
type quote struct {
	path     string
	sentence *Sentence
	hit      *Hit
}

// mergeFound gathers the techniques of all documents by id: the highest
// probability counts, and the evidence stands in the documents' order.
func mergeFound(results []*Result, all bool) []merged {
	byID := map[string]*merged{}
	add := func(f Found, unsure bool) {
		m := byID[f.ID]
		if m == nil {
			m = &merged{Found: f, unsure: unsure}
			m.By, m.Tactics = slices.Clone(f.By), f.Tactics
			byID[f.ID] = m
			return
		}
		m.P, m.unsure = max(m.P, f.P), m.unsure && unsure
		for _, by := range f.By {
			if !slices.Contains(m.By, by) {
				m.By = append(m.By, by)
			}
		}
	}
	for _, r := range results {
		for _, f := range r.Techniques {
			add(f, false)
		}
		if all {
			for _, f := range r.Unsure {
				add(f, true)
			}
		}
	}
	for _, r := range results {
		for i := range r.Sentences {
			for j := range r.Sentences[i].Techniques {
				h := &r.Sentences[i].Techniques[j]
				if m := byID[h.ID]; m != nil {
					m.evidence = append(m.evidence, quote{r.Path, &r.Sentences[i], h})
				}
			}
		}
	}
	out := make([]merged, 0, len(byID))
	for _, id := range sortedKeys(byID) {
		out = append(out, *byID[id])
	}
	slices.SortStableFunc(out, func(a, b merged) int { return cmp.Compare(b.P, a.P) })
	return out
}

// comment quotes the sentences that show a technique, the surest first.
func (m *merged) comment(withPath bool) string {
	evidence := slices.Clone(m.evidence)
	slices.SortStableFunc(evidence, func(a, b quote) int { return cmp.Compare(b.hit.P, a.hit.P) })
	var s strings.Builder
	for i, q := range evidence {
		line := fmt.Sprintf("%.2f %s: %s", q.hit.P, q.sentence.place(), cutText(q.sentence.Text, maxQuote))
		if withPath {
			line = q.path + ", " + line
		}
		line = report.Terminal(line)
		if s.Len()+len(line) > maxComment {
			fmt.Fprintf(&s, "and %s more", plural(len(evidence)-i, "sentence", "sentences"))
			break
		}
		s.WriteString(line + "\n")
	}
	return strings.TrimRight(s.String(), "\n")
}

// place says where a sentence stands, for people.
func (s *Sentence) place() string {
	switch {
	case s.Page > 0:
		return "page " + strconv.Itoa(s.Page)
	case s.Line > 0:
		return "line " + strconv.Itoa(s.Line)
	}
	return "sentence " + strconv.Itoa(s.Number)
}

// titles names documents for a heading.
func titles(results []*Result) string {
	var names []string
	for _, r := range results[:min(len(results), 3)] {
		names = append(names, cmp.Or(r.Title, r.Path))
	}
	if more := len(results) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

// cutText shortens a text between words and marks where.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = strings.ToValidUTF8(s[:n], "")
	if sp := strings.LastIndexByte(s, ' '); sp > n/2 {
		s = s[:sp]
	}
	return strings.TrimRight(s, " ,;:") + " …"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
