package report

import (
	"cmp"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const (
	maxCells     = 14 // techniques of one tactic
	maxCellLinks = 3  // incidents named in a cell
)

// column is a tactic of the matrix with the techniques seen for it.
type column struct {
	Name  string
	Cells []cell
	More  string
}

// cell is a technique that incidents show.
type cell struct {
	ID, Name string
	Class    string // heat-1 to heat-5, by the highest score
	Score    string
	Links    []link
	More     string
}

// link leads to an incident in the page.
type link struct {
	Rank   int
	Anchor string
}

// seen is what the incidents say of one technique under one tactic.
type seen struct {
	id, name string
	score    tenths
	links    []link
}

// newMatrix arranges the techniques of the incidents by tactic. The incidents
// are in rank order, so the first links of a cell lead to the gravest.
func newMatrix(tactics []Tactic, incidents []casemate.Incident, anchors []string) []column {
	cells := make([]map[string]*seen, len(tactics)+1) // the last is for no tactic
	for i := range cells {
		cells[i] = map[string]*seen{}
	}
	for i := range incidents {
		for _, tech := range incidents[i].Techniques {
			places := map[int]bool{}
			for _, short := range tech.Tactics {
				if j := tacticIndex(tactics, short); j >= 0 {
					places[j] = true
				}
			}
			if len(places) == 0 {
				places[len(tactics)] = true
			}
			for j := range places {
				record(cells[j], tech, &incidents[i], anchors[i])
			}
		}
	}
	out := make([]column, 0, len(cells))
	for i, found := range cells {
		if i == len(tactics) {
			if len(found) > 0 {
				out = append(out, newColumn("No known tactic", found))
			}
			continue
		}
		out = append(out, newColumn(tactics[i].Name, found))
	}
	return out
}

// record adds one incident to a technique, once.
func record(found map[string]*seen, tech casemate.Technique, inc *casemate.Incident, anchor string) {
	s := found[tech.ID]
	if s == nil {
		s = &seen{id: tech.ID, name: tech.Name}
		found[tech.ID] = s
	}
	if n := len(s.links); n > 0 && s.links[n-1].Anchor == anchor {
		return
	}
	s.score = max(s.score, inTenths(inc.Score))
	s.links = append(s.links, link{inc.Rank, anchor})
}

func newColumn(name string, found map[string]*seen) column {
	all := make([]*seen, 0, len(found))
	for _, s := range found {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *seen) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.id, b.id))
	})
	col := column{Name: shorten(name, 40), More: phrase.More(maxCells, len(all))}
	for _, s := range all[:min(maxCells, len(all))] {
		shown := min(maxCellLinks, len(s.links))
		col.Cells = append(col.Cells, cell{
			ID: shorten(s.id, 20), Name: shorten(s.name, 60), Class: heat(s.score), Score: s.score.String(),
			Links: s.links[:shown], More: phrase.More(shown, len(s.links)),
		})
	}
	return col
}

// heat classes a score for the shade of a cell.
func heat(score tenths) string {
	switch {
	case score >= 800:
		return "heat-5"
	case score >= 600:
		return "heat-4"
	case score >= 400:
		return "heat-3"
	case score >= 200:
		return "heat-2"
	}
	return "heat-1"
}
