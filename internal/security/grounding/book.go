package grounding

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

// book is what a catalogue knows, by name and by id.
type book struct {
	cat    *knowledge.Catalogue
	names  map[string][]string // a name in lower case, and the ids that have it
	starts map[string]bool     // the first words of names
	others map[string]string   // mitigations and data components: id to name
}

// bookOf makes a book of a catalogue, once for each: checkers come and go.
func bookOf(cat *knowledge.Catalogue) *book {
	if cat == knowledge.Embedded() {
		return embedded()
	}
	return newBook(cat)
}

var embedded = sync.OnceValue(func() *book { return newBook(knowledge.Embedded()) })

func newBook(cat *knowledge.Catalogue) *book {
	b := &book{cat: cat, names: map[string][]string{}, starts: map[string]bool{}, others: map[string]string{}}
	for _, t := range cat.Techniques() {
		b.name(t.Name, t.ID)
		if p, ok := cat.Technique(t.Parent); ok {
			b.name(p.Name+": "+t.Name, t.ID)
		}
		for _, m := range cat.Mitigations(t.ID) {
			b.others[m.ID] = m.Name
		}
		for _, d := range cat.DataComponents(t.ID) {
			b.others[d.ID] = d.Name
		}
	}
	for _, d := range []knowledge.Domain{knowledge.Enterprise, knowledge.Mobile, knowledge.ICS} {
		for _, t := range cat.Tactics(d) {
			b.name(t.Name, t.ID)
		}
	}
	// Where several have one name, all stay, the lowest id first: what a problem
	// names of them is the same in every run.
	for _, id := range slices.Sorted(maps.Keys(b.others)) {
		b.name(b.others[id], id)
	}
	for _, d := range cat.Defences() {
		b.name(d.Name, d.ID)
	}
	for _, w := range cat.Weaknesses() {
		b.name(w.Name, w.ID)
		if i := strings.Index(w.Name, "('"); i > 0 { // "… ('Cross-site Scripting')"
			b.name(strings.TrimSuffix(w.Name[i+2:], "')"), w.ID)
			b.name(strings.TrimSpace(w.Name[:i]), w.ID)
		}
	}
	return b
}

func (b *book) name(name, id string) {
	low := strings.ToLower(name)
	b.names[low] = append(b.names[low], id)
	first, _, _ := strings.Cut(low, " ")
	b.starts[strings.TrimRight(first, ":,")] = true
}

// line returns what a technique's id stands for, for the text of evidence that has
// it: ids and names of it, its parent and its successor, and its tactics.
func (b *book) line(id string) []string {
	out := []string{id}
	t, _, ok := b.cat.Resolve(id)
	if !ok {
		return out
	}
	if old, ok := b.cat.Technique(id); ok && old.ID != t.ID {
		out = append(out, old.Name)
	}
	out = append(out, t.ID, t.Name)
	if p, ok := b.cat.Technique(t.Parent); ok {
		out = append(out, p.ID, p.Name, p.Name+": "+t.Name)
	}
	for _, short := range t.Tactics {
		if tac, ok := b.cat.Tactic(short); ok {
			out = append(out, tac.ID, tac.Name, short)
		}
	}
	return out
}

// idPattern finds what has the form of an id of a public catalogue.
var idPattern = regexp.MustCompile(`(?i)\b(?:AML\.TA?\d{4}(?:\.\d{3})?|TA\d{4}|T\d{4}(?:\.\d{3})?|DC\d{4}|DS\d{4}|DET\d{4}|AN\d{4}|CWE-\d{1,6}|CVE-\d{4}-\d{3,7}|CAPEC-\d{1,5}|D3-[A-Z]{2,8}|GHSA(?:-[a-z0-9]{4}){3}|[GSM]\d{4})\b`)

// entry is what is known of an id.
type entry struct {
	id    string
	names []string // right names of it, in lower case
	kind  string   // technique, tactic, group, software, advice, weakness, cve, other
	known bool
	now   string // the id that replaced it, where there is one
}

// look finds an id in the catalogue, and then in what Options knows.
func (c *Checker) look(id string) entry {
	id = strings.ToUpper(id)
	e := entry{id: id, kind: "other"}
	cat := c.opt.Catalogue
	add := func(known bool, names ...string) {
		e.known = e.known || known
		for _, n := range names {
			if n != "" && known {
				e.names = append(e.names, strings.ToLower(n))
			}
		}
	}
	switch {
	case strings.HasPrefix(id, "CWE-"):
		w, ok := cat.Weakness(id)
		e.kind = "weakness"
		add(ok, w.Name)
		if i := strings.Index(w.Name, "('"); ok && i > 0 {
			add(true, strings.TrimSuffix(w.Name[i+2:], "')"), strings.TrimSpace(w.Name[:i]))
		}
	case strings.HasPrefix(id, "CVE-"):
		e.kind = "cve"
		v, ok := cat.KEV(id)
		add(ok, v.Product, v.Vendor+" "+v.Product)
	case strings.HasPrefix(id, "D3-"):
		d, ok := cat.Defence(id)
		e.kind = "advice"
		add(ok, d.Name)
	case strings.HasPrefix(id, "TA"):
		e.kind = "tactic"
		t, ok := cat.Tactic(id)
		add(ok && t.ID == id, t.Name, t.Short)
	case strings.HasPrefix(id, "T"):
		e.kind = "technique"
		c.technique(&e, add)
	case strings.HasPrefix(id, "G") && len(id) == 5:
		g, ok := cat.Group(id)
		e.kind = "group"
		add(ok && g.ID == id, append([]string{g.Name}, g.Aliases...)...)
	case strings.HasPrefix(id, "S"):
		s, ok := cat.Software(id)
		e.kind = "software"
		add(ok && s.ID == id, append([]string{s.Name}, s.Aliases...)...)
	default:
		if name, ok := c.book.others[id]; ok {
			e.kind = "advice"
			add(true, name)
		}
	}
	if !e.known && c.opt.Known != nil {
		name, ok := c.opt.Known(id)
		add(ok, name)
	}
	return e
}

func (c *Checker) technique(e *entry, add func(bool, ...string)) {
	t, ok := c.opt.Catalogue.Technique(e.id)
	if !ok {
		return
	}
	add(true, t.Name)
	if p, ok := c.opt.Catalogue.Technique(t.Parent); ok {
		add(true, p.Name, p.Name+": "+t.Name, p.Name+" - "+t.Name, p.Name+" – "+t.Name, p.Name+"/"+t.Name)
	}
	if s, _, ok := c.opt.Catalogue.Resolve(e.id); ok && s.ID != t.ID {
		e.now = s.ID
		add(true, s.Name)
	}
}
