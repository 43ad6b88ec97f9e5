package recipe

import (
	"cmp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

// FoundSign is a sign that was found, once, with the evidence that shows it.
type FoundSign struct {
	Name      string              `json:"name"`
	Points    int                 `json:"points"`
	Count     int                 `json:"count"`
	Statement *casemate.Statement `json:"statement"`
}

// Weighed is a level and the points that led to it.
type Weighed struct {
	Level  string      `json:"level"`
	Points int         `json:"points"`
	Signs  []FoundSign `json:"signs"` // those that gave points, the most first
}

// signsOf looks for each sign in the evidence.
func signsOf(m *material, signs []Sign, most int) Listed[FoundSign] {
	var out []FoundSign
	for i := range signs {
		s := &signs[i]
		f := FoundSign{Name: s.Name, Points: s.Points}
		var cited []string
		first := ""
		for j := range m.evidence {
			e := &m.evidence[j]
			found := s.find(e)
			if found == "" {
				continue
			}
			if f.Count++; first == "" {
				first = found
			}
			if len(cited) < maxCited {
				cited = append(cited, e.ID)
			}
		}
		if f.Count == 0 {
			continue
		}
		says := strings.ReplaceAll(s.Says, "{match}", phrase.Quote(oneLine(first)))
		f.Statement = &casemate.Statement{Text: says, Evidence: cited, By: casemate.DecidedByRule}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b FoundSign) int { return cmp.Compare(b.Points, a.Points) })
	return listed(out, most)
}

// find returns what of a piece of evidence shows the sign, or nothing.
func (s *Sign) find(e *casemate.Evidence) string {
	text := e.Text
	switch s.Field {
	case "name":
		text = e.Name
	case "author":
		text = e.Author
	case "host":
		text = e.Host
	case "user":
		text = e.User
	}
	m := s.match.FindStringSubmatch(text)
	switch {
	case m == nil:
		return ""
	case len(m) > 1 && m[1] != "":
		return m[1]
	}
	return m[0]
}

// weigh adds up the points of other rules.
func (r *Rule) weigh(done map[string]any) Weighed {
	w := Weighed{Level: r.Levels[0].Name, Signs: []FoundSign{}}
	for _, name := range r.From {
		l, _ := done[name].(Listed[FoundSign])
		for _, s := range l.Items {
			w.Points += s.Points
			if s.Points != 0 {
				w.Signs = append(w.Signs, s)
			}
		}
	}
	slices.SortStableFunc(w.Signs, func(a, b FoundSign) int { return cmp.Compare(b.Points, a.Points) })
	for _, l := range r.Levels {
		if w.Points >= l.From {
			w.Level = l.Name
		}
	}
	return w
}

// levelNames returns the names of a rule's levels, the least grave first.
func (r *Rule) levelNames() []string {
	var out []string
	for _, l := range r.Levels {
		out = append(out, l.Name)
	}
	return out
}

// mailSigns are the signs that no search for words finds: they compare parts of
// a mail with one another.
func mailSigns(m *material, most int) Listed[FoundSign] {
	var out []FoundSign
	add := func(name string, points int, text string, evidence ...string) {
		for i := range out {
			if f := &out[i]; f.Name == name && f.Statement.Text == text {
				f.Count++
				return
			}
		}
		out = append(out, FoundSign{Name: name, Points: points, Count: 1, Statement: &casemate.Statement{Text: text, Evidence: evidence, By: casemate.DecidedByRule}})
	}
	for _, l := range m.mails {
		l.Signs(add)
	}
	slices.SortStableFunc(out, func(a, b FoundSign) int { return cmp.Compare(b.Points, a.Points) })
	return listed(out, most)
}

// Levels returns the levels that a result can have, the least grave first, but
// for the lowest, which is nothing to fail on.
func (r *Recipe) Levels() []string {
	for i := range r.Rules {
		if x := &r.Rules[i]; x.Name == r.Output.Level && x.Do == "level" {
			return x.levelNames()[1:]
		}
	}
	return nil
}
