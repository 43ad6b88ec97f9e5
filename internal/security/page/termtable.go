package page

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

const (
	barCells    = 10
	cellLines   = 5  // of one cell; a table with longer ones is written row by row
	leastColumn = 8  // columns that a column keeps when a table is narrowed
	leastProse  = 16 // columns below which sentences are not set in a column
	tableWidth  = 150
	shortCell   = 24 // columns of a cell that shares a line with others
)

// grid is a table made ready for a terminal or a page: every row has as many
// cells as the head, the last of which are citations where there are any.
type grid struct {
	head  []string
	rows  [][]string
	right []bool
	short []bool  // no cell is longer than a few words
	bar   int     // index of the column drawn as a bar, or -1
	full  float64 // number of a full bar
	more  int     // rows left out
	cited bool
}

// newGrid cleans a table, at most rows of it and most characters of each cell.
func newGrid(t Table, rows, most int) grid {
	wide := len(t.Head)
	for _, r := range t.Rows {
		wide = max(wide, len(r))
	}
	g := grid{bar: -1, full: float64(cmp.Or(t.Full, 1)), more: max(len(t.Rows)-rows, 0)}
	if t.Bar > 0 && t.Bar <= wide {
		g.bar = t.Bar - 1
	}
	for i := range wide {
		name := ""
		if i < len(t.Head) {
			name = shorten(t.Head[i], 80)
		}
		g.head = append(g.head, name)
		g.right = append(g.right, i != g.bar && isNumberColumn(t.Rows, i))
		short := columns.Of(name) <= shortCell
		for _, r := range t.Rows[:min(rows, len(t.Rows))] {
			short = short && (i >= len(r) || columns.Of(shorten(r[i], most)) <= shortCell)
		}
		g.short = append(g.short, short)
	}
	for _, r := range t.Rows[:min(rows, len(t.Rows))] {
		cells := make([]string, wide)
		for i, c := range r {
			cells[i] = shorten(c, most)
		}
		g.rows = append(g.rows, cells)
	}
	return g
}

// isCited reports whether any row of a table cites anything.
func isCited(evidence [][]string) bool {
	return slices.ContainsFunc(evidence, func(ids []string) bool { return len(ids) > 0 })
}

// subject is the column that says what a row is about: the first whose cells
// are all different and no numbers.
func (g *grid) subject() int {
	for i := range g.short {
		seen := map[string]bool{}
		for _, r := range g.rows {
			seen[r[i]] = true
		}
		if len(seen) == len(g.rows) && !g.right[i] && i != g.bar && !(g.short[i] && g.head[i] == "") {
			return i
		}
	}
	return 0
}

// isNumberColumn reports whether all cells of a column that say something are numbers.
func isNumberColumn(rows [][]string, i int) bool {
	seen := false
	for _, r := range rows {
		if i >= len(r) || r[i] == "" {
			continue
		}
		if !isNumber(r[i]) {
			return false
		}
		seen = true
	}
	return seen
}

func (s *screen) table(d *document, t Table) {
	g := newGrid(t, termRows, termText)
	g.cited = isCited(t.Evidence)
	wide := 0 // of the numbers behind bars
	for i := range g.rows {
		if g.bar >= 0 {
			wide = max(wide, columns.Of(g.rows[i][g.bar]))
		}
	}
	for i := range g.rows {
		if g.cited {
			c := ""
			if i < len(t.Evidence) {
				c = d.citation(t.Evidence[i], 3)
			}
			g.rows[i] = append(g.rows[i], c)
		}
		if g.bar >= 0 {
			if v, ok := part(g.rows[i][g.bar], g.full); ok {
				g.rows[i][g.bar] = bar(v, barCells) + " " + columns.PadLeft(g.rows[i][g.bar], wide)
			}
		}
	}
	if g.cited {
		g.head, g.right = append(g.head, "Evidence"), append(g.right, false)
	}
	if len(g.head) == 0 {
		return
	}
	if widths, ok := g.fit(min(s.width, tableWidth) - indent); ok && !s.crowded(&g, widths) {
		s.grid(g, widths)
	} else {
		s.records(g)
	}
	if g.more > 0 {
		s.leave("and " + phrase.Number(g.more) + " more rows")
	}
}

// crowded reports whether sentences would stand in columns too narrow for them.
func (s *screen) crowded(g *grid, widths []int) bool {
	for i, w := range widths {
		for _, r := range g.rows {
			if i == g.bar || g.cited && i == len(widths)-1 || columns.Of(r[i]) <= w {
				continue
			}
			if w < leastProse || len(s.wrap(w, span{plain, r[i]})) > cellLines {
				return true
			}
		}
	}
	return false
}

// fit returns the width of each column so that the table is at most width
// columns wide: the widest is narrowed first, and of equals the right one. It
// reports false where there are too many columns for that.
func (g *grid) fit(width int) ([]int, bool) {
	widths := make([]int, len(g.head))
	least := make([]int, len(g.head))
	total := 2 * (len(widths) - 1)
	for i := range widths {
		widths[i] = columns.Of(g.head[i])
		for _, r := range g.rows {
			widths[i] = max(widths[i], columns.Of(r[i]))
		}
		least[i] = min(widths[i], leastColumn)
		if i == g.bar || g.right[i] {
			least[i] = widths[i] // a bar or number cannot be broken
		}
		total += widths[i]
	}
	// Citations can be broken anywhere: they give way first.
	if last, room := len(widths)-1, max(leastProse, width/6); g.cited && total > width && widths[last] > room {
		total -= widths[last] - room
		widths[last] = room
	}
	for total > width {
		pick := -1
		for i := range widths {
			if widths[i] > least[i] && (pick < 0 || widths[i] >= widths[pick]) {
				pick = i
			}
		}
		if pick < 0 {
			return nil, false
		}
		step := max(1, min(total-width, widths[pick]-maxOther(widths, pick)))
		step = min(step, widths[pick]-least[pick])
		widths[pick] -= step
		total -= step
	}
	return widths, true
}

// maxOther is the widest of the other columns.
func maxOther(widths []int, but int) int {
	most := 0
	for i, w := range widths {
		if i != but {
			most = max(most, w)
		}
	}
	return most
}

// grid writes a table whose columns fit.
func (s *screen) grid(g grid, widths []int) {
	head := make([][]string, len(g.head))
	for i, h := range g.head {
		head[i] = s.wrap(widths[i], span{dim, h})
	}
	s.cells(indent, head, widths, g.right)
	rules := make([][]string, len(g.head))
	for i := range rules {
		rules[i] = []string{s.paint(dim, strings.Repeat("─", widths[i]))}
	}
	s.cells(indent, rules, widths, g.right)
	for _, r := range g.rows {
		row := make([][]string, len(r))
		for i, c := range r {
			st := plain
			if g.cited && i == len(r)-1 {
				st = dim
			}
			row[i] = s.wrap(widths[i], span{st, c})
			if i == g.bar {
				row[i] = []string{c}
			}
		}
		s.cells(indent, row, widths, g.right)
	}
}

// records writes a table row by row: what it is about as a heading, short cells
// together on a line, long ones each on lines of its own.
func (s *screen) records(g grid) {
	subject := g.subject()
	for i, r := range g.rows {
		if i > 0 {
			s.line()
		}
		head := []span{{bold, r[subject]}}
		var short []span
		var long [][2]string
		for j, c := range r {
			name := g.head[j]
			switch {
			case strings.TrimSpace(c) == "" || j == subject:
			case g.cited && j == len(r)-1:
				head = append(head, span{dim, c})
			case name == "" && j < subject: // a mark before what it is about, such as "for"
				head = slices.Insert(head, len(head)-1, span{dim, c + ":"})
			case columns.Of(c) <= shortCell:
				if len(short) > 0 {
					short[len(short)-1].text += " ·"
				}
				if name != "" {
					name += ":"
				}
				short = append(short, span{dim, name}, span{plain, c})
			default:
				long = append(long, [2]string{name, c})
			}
		}
		s.wrapped("  ", indent+2, s.prose(), head...)
		if len(short) > 0 {
			s.wrapped("    ", indent+2, s.prose(), short...)
		}
		for _, l := range long {
			s.wrapped("    ", indent+4, s.prose(), span{dim, strings.TrimPrefix(l[0]+":", ":")}, span{plain, l[1]})
		}
	}
}

// happeningSpans are what a line of a timeline says after its time and host.
func (d *document) happeningSpans(h *Happening) []span {
	out := []span{{plain, shorten(h.Text, termText)}}
	if h.User != "" {
		out = append(out, span{dim, "(" + shorten(h.User, 60) + ")"})
	}
	if note := lasted(h); note != "" {
		out = append(out, span{dim, note})
	}
	if c := d.citation(h.Evidence, termCitations); c != "" {
		out = append(out, span{dim, c})
	}
	return out
}

// lasted says how often something happened and until when.
func lasted(h *Happening) string {
	var out []string
	if h.Count > 1 {
		out = append(out, phrase.Number(h.Count)+" times")
	}
	if h.Until.After(h.Time) && !h.Time.IsZero() && stamp(h.Until) != stamp(h.Time) {
		until := h.Until.UTC().Format(clockLayout)
		if day(h.Until) != day(h.Time) {
			until = stamp(h.Until)
		}
		out = append(out, "until "+until)
	}
	return strings.Join(out, ", ")
}

func (s *screen) timeline(d *document, t Timeline) {
	const mostHost = 18
	list := t.gravest(termMoments)
	wide := 0
	for i := range list {
		wide = max(wide, min(columns.Of(shorten(list[i].Host, 80)), mostHost))
	}
	graded := t.graded()
	at := indent + len(clockLayout) + 2
	if graded {
		at += 4 + 2
	}
	if wide > 0 {
		at += wide + 2
	}
	last := ""
	for i := range list {
		h := &list[i]
		if today := dayOf(h.Time); today != last {
			s.line("  ", s.paint(bold, today))
			last = today
		}
		clock := ""
		if !h.Time.IsZero() {
			clock = h.Time.UTC().Format(clockLayout)
		}
		lead := "  " + columns.Pad(clock, len(clockLayout)) + "  "
		if graded {
			lead += s.paint(severityStyle(h.Severity), columns.Pad(shortSeverity(h.Severity), 4)) + "  "
		}
		if wide > 0 {
			lead += columns.Pad(columns.Fit(shorten(h.Host, 80), wide), wide) + "  "
		}
		s.wrapped(lead, at, max(s.prose(), min(s.width, 140)), d.happeningSpans(h)...)
	}
	if rest := phrase.More(len(list), len(t)); rest != "" {
		s.leave(rest + " less grave")
	}
}

// graded reports whether anything is said of how grave the happenings are.
func (t Timeline) graded() bool {
	return slices.ContainsFunc(t, func(h Happening) bool { return h.Severity > casemate.SeverityUnknown })
}

// gravest picks at most n happenings, the gravest and among equals the
// earliest, in their order.
func (t Timeline) gravest(n int) Timeline {
	if len(t) <= n {
		return t
	}
	order := make([]int, len(t))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t[b].Severity, t[a].Severity) })
	order = order[:n]
	slices.Sort(order)
	out := make(Timeline, n)
	for i, k := range order {
		out[i] = t[k]
	}
	return out
}

// gravest returns the graph with at most n edges, the gravest and then the most
// counted.
func (g Graph) gravest(n int) Graph {
	if len(g.Edges) <= n {
		return g
	}
	order := make([]int, len(g.Edges))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &g.Edges[a], &g.Edges[b]
		return cmp.Or(cmp.Compare(y.Level, x.Level), cmp.Compare(y.Count, x.Count))
	})
	order = order[:n]
	slices.Sort(order)
	out := Graph{Nodes: g.Nodes}
	for _, k := range order {
		out.Edges = append(out.Edges, g.Edges[k])
	}
	return out
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return "Without a time"
	}
	return day(t)
}

// group is a node with the edges that leave it.
type group struct {
	node  Node
	edges []Edge
}

// groups sorts the edges of a graph under the nodes that they leave, in the
// order of the nodes, and returns the nodes that no edge touches.
func (g Graph) groups() (out []group, alone []Node) {
	g.Nodes = slices.Clip(g.Nodes)
	at := map[string]int{}
	touched := map[string]bool{}
	known := map[string]Node{}
	for _, n := range g.Nodes {
		known[n.ID] = n
	}
	for _, e := range g.Edges {
		touched[e.From], touched[e.To] = true, true
		if _, ok := known[e.From]; !ok {
			known[e.From] = Node{ID: e.From, Label: e.From}
			g.Nodes = append(g.Nodes, known[e.From])
		}
	}
	for _, n := range g.Nodes {
		if _, twice := at[n.ID]; twice {
			continue
		}
		at[n.ID] = len(out)
		out = append(out, group{node: n})
		if !touched[n.ID] {
			alone = append(alone, n)
		}
	}
	for _, e := range g.Edges {
		i := at[e.From]
		out[i].edges = append(out[i].edges, e)
	}
	return out, alone
}

// label is the name of a node by its id.
func (g Graph) label(id string) string {
	for _, n := range g.Nodes {
		if n.ID == id {
			return n.name()
		}
	}
	return id
}

func (n Node) name() string {
	if n.Label != "" {
		return n.Label
	}
	return n.ID
}

func (s *screen) graph(d *document, g Graph) {
	_, alone := g.groups()
	whole := len(g.Edges)
	g = g.gravest(termEdges)
	groups, _ := g.groups()
	for _, gr := range groups {
		if len(gr.edges) == 0 {
			continue
		}
		kind := shorten(string(gr.node.Type), 24)
		if gr.node.Level >= casemate.SeverityMedium {
			kind += ", " + gr.node.Level.String()
		}
		st := bold
		if gr.node.Level >= casemate.SeverityHigh {
			st = severityStyle(gr.node.Level)
		}
		s.wrapped("  ", indent+2, s.width, span{st, shorten(gr.node.name(), 200)}, span{dim, "(" + strings.TrimPrefix(kind, ", ") + ")"})
		for _, e := range gr.edges {
			verb := shorten(e.Label, 80)
			spans := []span{{dim, verb}, {plain, shorten(g.label(e.To), 200)}}
			if e.Count > 1 {
				spans = append(spans, span{dim, phrase.Number(e.Count) + " times"})
			}
			if c := d.citation(e.Evidence, termCitations); c != "" {
				spans = append(spans, span{dim, c})
			}
			s.wrapped("    "+s.paint(severityStyle(e.Level), "→")+" ", indent+4, s.width, spans...)
		}
	}
	if rest := phrase.More(len(g.Edges), whole); rest != "" {
		s.leave(rest + " ties, less grave")
	}
	if len(alone) > 0 {
		var names []string
		for _, n := range alone[:min(20, len(alone))] {
			names = append(names, shorten(n.name(), 80))
		}
		if rest := phrase.More(20, len(alone)); rest != "" {
			names = append(names, rest)
		}
		s.wrapped("  ", indent, s.prose(), span{dim, "Tied to nothing: " + strings.Join(names, ", ")})
	}
}
