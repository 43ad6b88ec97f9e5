package page

import "github.com/casemate-ai/casemate/internal/security/phrase"

type edgeView struct {
	From, Verb, To, Count, Class, Severity string
	Cites                                  citesView
}

type graphView struct {
	N       int
	Drawing *drawingView
	Edges   []edgeView
	EdgesN  string
	More    string
	Alone   string
}

// graph draws a graph and lists its edges, those of each node together.
func (h *hypertext) graph(g Graph, lim limits) graphView {
	h.drawing++
	v := graphView{N: h.drawing, Drawing: h.draw(g, lim.nodes), EdgesN: phrase.Count(len(g.Edges), "tie")}
	groups, alone := g.groups()
	for _, gr := range groups {
		for _, e := range gr.edges[:min(lim.rows-len(v.Edges), len(gr.edges))] {
			one := edgeView{
				From: shorten(gr.node.name(), lim.text), Verb: shorten(e.Label, 80), To: shorten(g.label(e.To), lim.text),
				Class: severityClass(e.Level), Severity: levelWord(e.Level), Cites: h.citations(e.Evidence),
			}
			if e.Count > 1 {
				one.Count = phrase.Number(e.Count)
			}
			v.Edges = append(v.Edges, one)
		}
	}
	v.More = phrase.More(len(v.Edges), len(g.Edges))
	var names []string
	for _, n := range alone {
		names = append(names, n.name())
	}
	v.Alone = joined(names, 40, 80)
	return v
}
