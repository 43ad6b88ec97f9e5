package narrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/explain"
)

// What the evidence of one explanation holds at most. What is left out is said.
const (
	maxEvidence = 48
	maxText     = 2400 // bytes of the input or of a decoded layer
	maxLayers   = 6
)

// gathered is an explanation as a body of evidence.
type gathered struct {
	kind    string
	all     []casemate.Evidence
	summary string // id of the rules' summary
	summed  string
	left    int      // items for which there was no room
	cut     []string // texts that were cut
	bytes   int      // of the input
}

// gather makes evidence of an explanation: the input, what the rules make of it,
// what was decoded, what was found, and what the tables know. What holds words of
// the input is never a finding or knowledge: those are ours alone.
func gather(text string, e *explain.Explanation) *gathered {
	g := &gathered{kind: e.Kind, bytes: len(text), summed: e.Summary}
	// Of an id all that is said comes from the catalogue; of a record the facts
	// are its own fields.
	said, lookup := casemate.EvidenceEvent, e.Risk.Level == explain.RiskLookup || strings.HasPrefix(e.Kind, "vulnerability")
	if lookup {
		said = casemate.EvidenceKnowledge
	}
	own, summary := casemate.EvidenceLog, casemate.EvidenceFinding
	if len(e.Facts) > 0 && !lookup {
		own, summary = casemate.EvidenceEvent, casemate.EvidenceEvent
	}
	g.text(own, "input", "the input", strings.TrimSpace(text))
	g.summary = g.add(casemate.Evidence{Kind: summary, Name: "summary", Text: e.Summary, Techniques: ids(e.Techniques), Entities: programs(e, explain.Span{})})
	g.layers(e)
	for _, f := range e.Findings {
		kind := casemate.EvidenceFinding
		if f.Source == "sensor" {
			kind = casemate.EvidenceAlert
		}
		g.add(casemate.Evidence{Kind: kind, Severity: f.Level, Name: f.Source, Text: f.Text, Techniques: f.Techniques, Entities: programs(e, f.Span)})
	}
	for _, f := range e.Facts {
		t := f.Name + ": " + f.Value
		if f.Note != "" {
			t += " (" + f.Note + ")"
		}
		g.add(casemate.Evidence{Kind: said, Name: "fact", Text: t})
	}
	g.known(e)
	for i := range e.Parts {
		p := &e.Parts[i]
		g.add(casemate.Evidence{Kind: casemate.EvidenceLog, Name: "line " + strconv.Itoa(i+1), Techniques: ids(p.Techniques),
			Text: fmt.Sprintf("line %d: %s Risk: %s. %s", i+1, p.Summary, p.Risk.Level, p.Input)})
	}
	return g
}

// layers adds what was decoded.
func (g *gathered) layers(e *explain.Explanation) {
	for i := range e.Layers {
		l := &e.Layers[i]
		switch {
		case i >= maxLayers:
			g.left++
		case l.Binary != nil:
			g.add(casemate.Evidence{Kind: casemate.EvidenceFinding, Name: "decoded", Text: fmt.Sprintf("%s holds %s, %d bytes, SHA-256 %s", l.Op, l.Binary.Kind, l.Binary.Size, l.Binary.SHA256)})
		default:
			g.text(casemate.EvidenceLog, "decoded from "+l.Op, "layer "+strconv.Itoa(i+1), l.Text)
		}
	}
}

// known adds what the tables and the catalogue say.
func (g *gathered) known(e *explain.Explanation) {
	for i := range e.Programs {
		p := &e.Programs[i]
		t := p.Name + ": " + p.What
		if p.Use != "" {
			t += "; attackers use it for " + p.Use
		}
		g.add(casemate.Evidence{Kind: casemate.EvidenceKnowledge, Name: "program", Text: t, Entities: []casemate.Entity{process(p.Name)}})
		var used []string
		for _, f := range p.Flags {
			used = append(used, f.Text+" "+f.Means)
		}
		if len(used) > 0 {
			g.add(casemate.Evidence{Kind: casemate.EvidenceLog, Name: "options of " + p.Name, Text: strings.Join(used, "; "), Entities: []casemate.Entity{process(p.Name)}})
		}
	}
	for _, t := range e.Techniques {
		g.add(casemate.Evidence{Kind: casemate.EvidenceKnowledge, Record: t.ID, Name: "technique", Techniques: []string{t.ID},
			Text: t.ID + " " + t.Name + ": " + strings.Join(t.Tactics, ", ")})
	}
	for _, n := range e.Indicators {
		t := string(n.Type) + " " + n.Value
		if n.Scope != "" {
			t += ", scope " + string(n.Scope)
		}
		if n.Note != "" {
			t += ": " + n.Note
		}
		g.add(casemate.Evidence{Kind: casemate.EvidenceLog, Name: "indicator", Text: t})
	}
}

func ids(list []casemate.Technique) []string {
	var out []string
	for _, t := range list {
		out = append(out, t.ID)
	}
	return out
}

// add gives evidence an id, if there is room for it.
func (g *gathered) add(e casemate.Evidence) string {
	if len(g.all) >= maxEvidence {
		g.left++
		return ""
	}
	e.ID = "E" + strconv.Itoa(len(g.all)+1)
	g.all = append(g.all, e)
	return e.ID
}

// text adds a text of others, cut at its limit.
func (g *gathered) text(kind casemate.EvidenceKind, name, what, text string) {
	if n := maxText; len(text) > n {
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		g.cut = append(g.cut, fmt.Sprintf("the first %d of %d bytes of %s", n, len(text), what))
		text = text[:n]
	}
	g.add(casemate.Evidence{Kind: kind, Name: name, Text: text})
}

// given is the evidence that the model is given.
func (g *gathered) given() []casemate.Evidence { return g.all }

// lede is the rules' summary as a statement.
func (g *gathered) lede() casemate.Statement {
	return casemate.Statement{Text: g.summed, Evidence: []string{g.summary}, By: casemate.DecidedByRule}
}

// finish keeps the evidence that is cited, and says what was read by whom.
func (g *gathered) finish(out *Output, model bool) {
	cited := map[string]bool{}
	note := func(s *casemate.Statement) {
		for _, id := range s.Evidence {
			cited[id] = true
		}
	}
	note(&out.Lede)
	for i := range out.Narrative {
		note(&out.Narrative[i])
	}
	if out.Opinion != nil {
		note(&out.Opinion.Statement)
	}
	for _, e := range g.all {
		if cited[e.ID] {
			out.Evidence = append(out.Evidence, e)
		}
	}
	part := casemate.CoveredPart{Name: "input", Records: 1, Bytes: int64(g.bytes), Cited: len(out.Evidence), Read: "rules"}
	if model && (len(out.Narrative) > 0 || out.Opinion != nil) {
		part.Read = "rules and model"
		part.Why = strings.Join(g.cut, ", ")
		if part.Why != "" {
			part.Why = "the model was given " + part.Why
		}
		if g.left > 0 {
			part.Why = strings.TrimPrefix(part.Why+fmt.Sprintf("; %d further findings and facts were not given to the model", g.left), "; ")
		}
	}
	out.Coverage = casemate.Coverage{Parts: []casemate.CoveredPart{part}, Records: 1}
}

// programs are those that a place of the input belongs to: of the commands around
// it, or of all where none is.
func programs(e *explain.Explanation, at explain.Span) []casemate.Entity {
	var around, all []casemate.Entity
	for _, c := range e.Commands {
		p := process(c.Name)
		if c.Name == "" || slices.Contains(all, p) {
			continue
		}
		all = append(all, p)
		if at.End > 0 && c.Span.Layer == at.Layer && c.Span.Field == at.Field && c.Span.Start <= at.Start && at.End <= c.Span.End {
			around = append(around, p)
		}
	}
	if len(around) > 0 {
		return around
	}
	return all
}

func process(name string) casemate.Entity {
	return casemate.Entity{Type: casemate.EntityProcess, Value: name}
}
