package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// Retrieve returns up to n passages of the knowledge base and the catalogue about
// ids and words, as evidence of kind knowledge with ids "K1", "K2" … First come
// the catalogue's facts about each id, then what the knowledge base says of it,
// then what a search for the words finds; nothing twice. Without a knowledge base
// there are the facts alone.
func (r *Run) Retrieve(ctx context.Context, ids []string, words string, n int) ([]casemate.Evidence, error) {
	g := gathering{most: n, seen: map[string]bool{}}
	for _, id := range ids {
		record, name, text := facts(r.opt.Catalogue, id)
		g.add(record, name, text, source(r.opt.Catalogue, record))
	}
	if r.opt.Library == nil {
		return g.out, nil
	}
	for _, id := range ids {
		if err := r.entry(ctx, &g, id); err != nil {
			return nil, err
		}
	}
	if strings.TrimSpace(words) == "" || len(g.out) >= n {
		return g.out, nil
	}
	hits, err := r.opt.Library.Search(ctx, words, library.SearchOptions{Limit: 2 * n})
	if err != nil {
		return nil, fmt.Errorf("search the knowledge base: %w", err)
	}
	for _, h := range hits {
		name := h.Name
		if h.To != "" {
			name = h.From + " " + h.Section + " " + h.To
		}
		g.add(h.EntryID, name, h.Text, "knowledge base")
	}
	return g.out, nil
}

// gathering collects passages.
type gathering struct {
	out  []casemate.Evidence
	most int
	seen map[string]bool
}

// add adds a passage that is not there yet.
func (g *gathering) add(record, name, text, source string) {
	text = strings.TrimSpace(text)
	if text == "" || len(g.out) >= g.most || g.seen[text] {
		return
	}
	g.seen[text] = true
	e := casemate.Evidence{ID: "K" + strconv.Itoa(len(g.out)+1), Kind: casemate.EvidenceKnowledge, Record: record, Name: name, Text: text, At: casemate.Location{File: source}}
	if isTechnique(record) {
		e.Techniques = []string{record}
	}
	g.out = append(g.out, e)
}

// isTechnique reports whether an id looks like that of an ATT&CK technique.
func isTechnique(id string) bool {
	return len(id) >= 5 && id[0] == 'T' && id[1] >= '0' && id[1] <= '9'
}

// entry adds what the knowledge base says of an id: its first section.
func (r *Run) entry(ctx context.Context, g *gathering, id string) error {
	e, _, err := r.opt.Library.Entry(ctx, id)
	switch {
	case errors.Is(err, library.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("look up %q in the knowledge base: %w", id, err)
	case len(e.Sections) > 0:
		g.add(e.ID, e.Name, e.Sections[0].Text, "knowledge base, "+e.Publication)
	}
	return nil
}

// source names the data set that an id is from.
func source(c *knowledge.Catalogue, id string) string {
	key := "attack-enterprise"
	switch {
	case strings.HasPrefix(id, "CWE-"):
		key = "cwe"
	case strings.HasPrefix(id, "CVE-"):
		key = "kev"
	case strings.HasPrefix(id, "D3-"):
		key = "d3fend"
	}
	for _, d := range c.Versions() {
		if d.Key == key {
			return strings.TrimSpace(d.Name + " " + firstOf(d.Version, d.Date))
		}
	}
	return "catalogue"
}

// facts says in plain sentences what the catalogue knows of an id.
func facts(c *knowledge.Catalogue, id string) (record, name, text string) {
	id = strings.ToUpper(strings.TrimSpace(id))
	switch {
	case strings.HasPrefix(id, "CVE-"):
		if k, ok := c.KEV(id); ok {
			return k.CVE, k.Product, exploited(k)
		}
	case strings.HasPrefix(id, "CWE-"):
		if w, ok := c.Weakness(id); ok {
			return w.ID, w.Name, w.ID + " is the weakness " + w.Name + ", a " + strings.ToLower(w.Abstraction) + "."
		}
	case strings.HasPrefix(id, "TA"):
		if t, ok := c.Tactic(id); ok {
			return t.ID, t.Name, t.ID + " is the ATT&CK tactic " + t.Name + "."
		}
	case strings.HasPrefix(id, "G"):
		if g, ok := c.Group(id); ok {
			return g.ID, g.Name, also(g.ID+" is the group "+g.Name, g.Aliases)
		}
	case strings.HasPrefix(id, "S"):
		if s, ok := c.Software(id); ok {
			kind := "malware"
			if s.Tool {
				kind = "tool"
			}
			return s.ID, s.Name, also(s.ID+" is the "+kind+" "+s.Name, s.Aliases)
		}
	case strings.HasPrefix(id, "D3-"):
		if d, ok := c.Defence(id); ok {
			return d.ID, d.Name, d.ID + " is the D3FEND countermeasure " + d.Name + " (" + d.Tactic + ")."
		}
	case isTechnique(id):
		if t, note, ok := c.Resolve(id); ok {
			return t.ID, t.Name, technique(c, t, note)
		}
	}
	return "", "", ""
}

func also(said string, names []string) string {
	if len(names) == 0 {
		return said + "."
	}
	return said + ", also known as " + strings.Join(names, ", ") + "."
}

func exploited(k knowledge.Exploited) string {
	s := k.CVE + " in " + k.Vendor + " " + k.Product + " is known to be exploited: CISA listed it on " + k.Added.Format("2006-01-02")
	if !k.Due.IsZero() {
		s += ", to be fixed by " + k.Due.Format("2006-01-02")
	}
	if k.Ransomware {
		s += "; ransomware campaigns are known to use it"
	}
	return s + "."
}

// Bounds of what the facts of a technique name; what is left out is counted.
const (
	maxMitigations = 6
	maxComponents  = 6
)

func technique(c *knowledge.Catalogue, t knowledge.Technique, note string) string {
	var b strings.Builder
	b.WriteString(t.ID + " is the ATT&CK technique " + t.Name)
	if p, ok := c.Technique(t.Parent); ok && t.Parent != "" {
		b.WriteString(", a sub-technique of " + p.ID + " " + p.Name)
	}
	b.WriteString(".")
	var tactics []string
	for _, short := range t.Tactics {
		if tactic, ok := c.Tactic(short); ok && !slices.Contains(tactics, tactic.Name) {
			tactics = append(tactics, tactic.Name)
		}
	}
	list(&b, "Tactics", tactics, len(tactics))
	var names []string
	for _, d := range c.DataComponents(t.ID) {
		names = append(names, d.Name)
	}
	list(&b, "Telemetry that shows it", names, maxComponents)
	names = nil
	for _, m := range c.Mitigations(t.ID) {
		names = append(names, m.ID+" "+m.Name)
	}
	list(&b, "Mitigations", names, maxMitigations)
	if note = strings.TrimSpace(note); note != "" {
		b.WriteString(" " + strings.ToUpper(note[:1]) + note[1:])
		if !strings.HasSuffix(note, ".") {
			b.WriteString(".")
		}
	}
	return b.String()
}

// list writes names behind what they are.
func list(b *strings.Builder, what string, names []string, most int) {
	if len(names) == 0 {
		return
	}
	shown := names[:min(most, len(names))]
	b.WriteString(" " + what + ": " + strings.Join(shown, ", "))
	if n := len(names) - len(shown); n > 0 {
		b.WriteString(", and " + strconv.Itoa(n) + " more")
	}
	b.WriteString(".")
}
