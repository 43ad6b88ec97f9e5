package openbook

import (
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// unsaid are facts that answer no question and would only make noise.
var unsaid = map[string]bool{"url": true, "created": true, "version": true, "shortname": true, "log-source": true, "taxonomy": true, "mapping-usage": true, "parent": true}

// facts writes what the fields of an entry say, as sentences.
func (c *compiler) facts(e *feed.Entry, me int32, title string) {
	var keys []string
	values := map[string][]string{}
	for _, f := range e.Fields {
		if unsaid[f.Key] {
			continue
		}
		if values[f.Key] == nil {
			keys = append(keys, f.Key)
		}
		values[f.Key] = append(values[f.Key], plainValue(f))
	}
	var b strings.Builder
	kind := "entry " + strings.ReplaceAll(e.Kind, "-", " ")
	if e.Kind != "" {
		kind = strings.ReplaceAll(e.Kind, "-", " ")
	}
	if e.Domain != "" {
		kind = e.Domain + " " + kind
	}
	article := " is a "
	if strings.ContainsRune("aeiou", rune(kind[0])) {
		article = " is an "
	}
	b.WriteString(e.Name + article + kind)
	if e.Parent != "" {
		if p, _ := c.standing(e.Parent); p != nil {
			b.WriteString(", below " + p.Name + " (" + p.ID + ")")
		}
	}
	b.WriteString(".\n")
	for _, k := range keys {
		c.section(me, -1, title, strings.ReplaceAll(k, "-", " "), factName(k)+" of "+e.Name+": "+strings.Join(values[k][:min(len(values[k]), maxListed)], ", ")+".")
	}
	if phases := phasesOf(e); len(phases) > 0 {
		c.section(me, -1, title, "mode of introduction", "Phases of introduction of "+e.Name+": "+strings.Join(phases, ", ")+".")
	}
	if len(e.Aliases) > 0 {
		b.WriteString(e.Name + " is also called " + strings.Join(e.Aliases[:min(len(e.Aliases), maxListed)], ", ") + ".\n")
	}
	c.section(me, -1, title, "facts", b.String())
}

// phasesOf returns when a weakness comes in.
func phasesOf(e *feed.Entry) []string {
	var out []string
	for _, s := range e.Sections {
		if s.Name != "mode-of-introduction" {
			continue
		}
		phase, _, _ := strings.Cut(s.Text, ":")
		if phase = strings.TrimSpace(phase); len(phase) < 60 && !slices.Contains(out, phase) {
			out = append(out, phase)
		}
	}
	return out
}

// factName is how a fact is called in a sentence.
func factName(key string) string {
	switch key {
	case "likelihood":
		return "Likelihood"
	case "severity":
		return "Typical severity"
	case "abstraction":
		return "Abstraction level"
	}
	return strings.ToUpper(key[:1]) + strings.ReplaceAll(key[1:], "-", " ")
}

// plainValue returns a fact as a person reads it.
func plainValue(f feed.Field) string {
	if f.Key == "tactic" {
		return strings.ReplaceAll(f.Value, "-", " ")
	}
	return f.Value
}

// relationLabel names the section of a relation, from the end that is told of.
// A pair's second is the name from the other end. Types that are not here are
// called by their own name.
var relationLabel = map[string][2]string{
	"mitigates":       {"techniques addressed", "mitigation"},
	"uses":            {"uses", "procedure example used by"},
	"detects":         {"detects", "detection"},
	"subtechnique-of": {"parent technique", "sub techniques"},
	"attributed-to":   {"attributed to", "attributed"},
	"targets":         {"targeted asset", "targeted by"},
	"child-of":        {"parent", "children"},
	"can-precede":     {"can precede", "can follow"},
	"maps-to":         {"related weaknesses maps to", "related attack patterns maps to"},
	"has-tactic":      {"tactic", "techniques of the tactic"},
	"uses-data":       {"data source component", "analytic"},
	"has-analytic":    {"analytic", "detection"},
	"part-of":         {"part of data source", "data components"},
	"has-member":      {"members", "member of"},
}

// relations writes the sections of what others do to an entry and of what it
// does, with text where the relation has some, and a list of the names.
func (c *compiler) relations(e *feed.Entry, me int32, title string) {
	rels := c.related[e.ID]
	for _, old := range c.heirs[e.ID] {
		rels = append(slices.Clone(rels), c.related[old.ID]...)
	}
	var order []string
	lists := map[string][]string{}
	for _, r := range rels {
		forward := r.From == e.ID
		far := r.From
		if forward {
			far = r.To
			c.pending = append(c.pending, pendingEdge{r.From, r.Type, r.To})
		}
		if d := c.entries[far]; silent(d.Kind) {
			if e.Kind == feed.KindTechnique && d.Kind == feed.KindDetection {
				c.detections(d, me, title)
			}
			continue
		}
		o, at := c.standing(far)
		if o == nil || at == me {
			continue
		}
		label := labelOf(r.Type, forward)
		if r.Text != "" && !forward && r.Type != "child-of" {
			c.section(me, at, title+" "+o.ID+" "+o.Name, label, r.Text)
		}
		if lists[label] == nil {
			order = append(order, label)
		}
		if name := o.Name + " (" + o.ID + ")"; !slices.Contains(lists[label], name) && len(lists[label]) < maxListed {
			lists[label] = append(lists[label], name)
		}
	}
	for _, label := range order {
		c.section(me, -1, title, label, listOf(e, label, lists[label]))
	}
	if e.Kind == feed.KindDataComponent || e.Kind == feed.KindDataSource {
		c.component(e, me, title)
	}
}

// silent reports whether entries of a kind have no passages of their own: what
// they say stands below the technique that they detect.
func silent(kind string) bool { return kind == feed.KindDetection || kind == feed.KindAnalytic }

// labelOf names the section of a relation.
func labelOf(kind string, forward bool) string {
	pair, ok := relationLabel[kind]
	switch {
	case !ok:
		return strings.ReplaceAll(kind, "-", " ")
	case forward:
		return pair[0]
	}
	return pair[1]
}

// listOf says the names of a relation as a sentence.
func listOf(e *feed.Entry, label string, names []string) string {
	return strings.ToUpper(label[:1]) + label[1:] + " of " + e.Name + ": " + strings.Join(names, ", ") + "."
}

// detections writes, below a technique, what its analytics look for and which
// data they need: the analytics' own ids are nothing that a question names.
func (c *compiler) detections(d *feed.Entry, me int32, title string) {
	var parts []string
	analytics := []*feed.Entry{d}
	for _, r := range c.related[d.ID] {
		if a := c.entries[r.To]; r.From == d.ID && a != nil && a.Kind == feed.KindAnalytic {
			analytics = append(analytics, a)
		}
	}
	for _, a := range analytics {
		for _, s := range a.Sections {
			if s.Name == "description" {
				c.section(me, -1, title, "detection", s.Text)
			}
		}
		for _, r := range c.related[a.ID] {
			if o := c.entries[r.To]; r.From == a.ID && o != nil && o.Kind == feed.KindDataComponent {
				name := sourceOf(o.Name) + ": " + o.Name
				if id := c.sourceID[sourceOf(o.Name)]; id != "" {
					name = id + " " + name
					c.pending = append(c.pending, pendingEdge{c.book.entities[me].id, "detected-by", id})
				}
				if !slices.Contains(parts, name) {
					parts = append(parts, name)
				}
				c.pending = append(c.pending, pendingEdge{c.book.entities[me].id, "detected-by", o.ID})
			}
		}
	}
	if len(parts) > 0 {
		slices.Sort(parts)
		var watch strings.Builder
		for _, p := range parts {
			_, name, _ := strings.Cut(p, ": ")
			if w := watched(name); w != "" {
				watch.WriteString(name + ": " + w + ".\n")
			}
		}
		c.section(me, -1, title, "detection data sources", watch.String())
		c.section(me, -1, title, "detection data sources", "Data sources and components that detect "+c.book.entities[me].name+": "+strings.Join(parts, "; ")+".")
	}
}

// component writes what is watched with a data component, in the words of the
// pages before version 18, which named a source with each.
func (c *compiler) component(e *feed.Entry, me int32, title string) {
	text := "The data component " + e.Name + " belongs to the data source " + sourceOf(e.Name) + "."
	if e.Kind == feed.KindDataSource {
		var parts []string
		for name := range strings.FieldsFuncSeq(componentNames, func(r rune) bool { return r == '\n' }) {
			if n, _, _ := strings.Cut(name, "|"); sourceOf(n) == e.Name {
				parts = append(parts, n)
			}
		}
		if len(parts) == 0 {
			return
		}
		text = "The data source " + e.Name + " has the data components " + strings.Join(parts, ", ") + "."
	}
	c.section(me, -1, title+" "+sourceOf(e.Name), "data source", text)
	if w := watched(e.Name); w != "" {
		c.section(me, -1, title+" "+sourceOf(e.Name), "data source", w+".")
	}
}

// watched says what one monitors with a data component, or nothing.
func watched(component string) string {
	for line := range strings.SplitSeq(componentNames, "\n") {
		name, what, _ := strings.Cut(line, "|")
		if name != component {
			continue
		}
		switch {
		case strings.HasSuffix(name, " Creation"):
			what += "; newly constructed " + strings.TrimSuffix(name, " Creation")
		case strings.HasSuffix(name, " Modification"):
			what += "; changes made to " + strings.TrimSuffix(name, " Modification")
		case strings.HasSuffix(name, " Metadata"):
			what += "; contextual data about " + strings.TrimSuffix(name, " Metadata")
		}
		return "Monitor for " + what
	}
	return ""
}
