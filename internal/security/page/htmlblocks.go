package page

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

const (
	htmlCitations = 8   // links in a row before the rest is counted
	titleText     = 220 // characters of evidence in the title of a link to it
)

// citeView is a link to a piece of evidence, or an id that has none.
type citeView struct{ ID, Anchor, Title string }

type citesView struct {
	Cites     []citeView
	More      string
	MoreTitle string
}

// anchor is the id in the page of a piece of evidence: its own where that is
// plain, else its place.
func (h *hypertext) anchor(i int) string {
	if id := h.Page.Evidence[i].ID; isPlainID(id) && h.at[id] == i {
		return "e-" + id
	}
	return "e." + strconv.Itoa(i+1)
}

// citations makes links of ids.
func (h *hypertext) citations(ids []string) citesView {
	ids = phrase.Once(ids)
	var v citesView
	for _, id := range ids[:min(htmlCitations, len(ids))] {
		c := citeView{ID: shorten(id, 24), Title: "not among the evidence of this page"}
		if i, ok := h.at[id]; ok {
			c.Anchor, c.Title = h.anchor(i), h.title(&h.Page.Evidence[i])
			h.linked[i] = true
		}
		v.Cites = append(v.Cites, c)
	}
	if v.More = phrase.More(htmlCitations, len(ids)); v.More != "" {
		v.MoreTitle = runs(ids[htmlCitations:], 40)
	}
	return v
}

// title says in one line what a piece of evidence is.
func (h *hypertext) title(e *casemate.Evidence) string {
	facts := evidenceFacts(e)
	if e.Severity > casemate.SeverityUnknown {
		facts = append([]string{e.Severity.String() + " ·"}, facts...)
	}
	return strings.Join(facts, " ") + "\n" + named(e, titleText)
}

type statementView struct {
	Text, By, ByTitle string
	Unsupported       bool
	Why               string
	Cites             citesView
}

type statementsView struct {
	Items    []statementView
	Numbered bool
	More     string
	Struck   string
}

func (h *hypertext) statements(list []casemate.Statement, lim limits) statementsView {
	kept, struck := shown(list)
	v := statementsView{Struck: struckNote(struck), More: phrase.More(lim.items, len(kept))}
	for _, st := range kept[:min(lim.items, len(kept))] {
		one := statementView{Text: shorten(st.Text, lim.text), Cites: h.citations(st.Evidence)}
		if byMark(st.By) != "" {
			one.By, one.ByTitle = string(st.By), byTitle(st.By)
		}
		if st.Support == casemate.Unsupported {
			one.Unsupported, one.Why = true, whyText(st, 200)
		}
		v.Items = append(v.Items, one)
	}
	return v
}

// byTitle says who wrote a sentence.
func byTitle(by casemate.Decider) string {
	switch by {
	case casemate.DecidedByModel:
		return "written by a language model and held against its evidence"
	case casemate.DecidedByClassifier:
		return "said by an embedded classifier"
	case casemate.DecidedByAnalyst:
		return "said by a person"
	}
	return "written from rules, catalogues and counts"
}

type codeView struct{ Language, Text, More string }

func newCodeView(c Code, lim limits) codeView {
	lines := codeLines(c.Text)
	v := codeView{Language: languageWord(c.Language), More: phrase.More(lim.codeLines, len(lines))}
	for _, l := range lines[:min(lim.codeLines, len(lines))] {
		v.Text += shorten(l, 4*lim.text) + "\n"
	}
	v.Text = strings.TrimSuffix(v.Text, "\n")
	return v
}

type calloutView struct{ Class, Title, Text string }

type factView struct {
	Name, Value string
	Cites       citesView
}

type factsView struct {
	Facts []factView
	More  string
}

func (h *hypertext) facts(facts Facts, lim limits) factsView {
	v := factsView{More: phrase.More(lim.items, len(facts))}
	for _, f := range facts[:min(lim.items, len(facts))] {
		v.Facts = append(v.Facts, factView{shorten(f.Name, 80), shorten(f.Value, lim.text), h.citations(f.Evidence)})
	}
	return v
}

type cellView struct {
	Text, Class string
	Head        string // of its column, for pages too narrow for columns
	Bar         bool
	Width       string // of the bar, in percent
}

type rowView struct {
	Cells []cellView
	Cites citesView
}

type tableView struct {
	Head  []cellView
	Rows  []rowView
	Cited bool
	More  string
}

func (h *hypertext) table(t Table, lim limits) tableView {
	g := newGrid(t, lim.rows, lim.text)
	v := tableView{Cited: isCited(t.Evidence)}
	if g.more > 0 {
		v.More = "and " + phrase.Number(g.more) + " more rows"
	}
	for i, name := range g.head {
		v.Head = append(v.Head, cellView{Text: name, Class: g.class(i)})
	}
	for i, r := range g.rows {
		var row rowView
		for j, c := range r {
			cell := cellView{Text: c, Class: g.class(j), Head: g.head[j]}
			if p, ok := part(c, g.full); ok && j == g.bar {
				cell.Bar, cell.Width = true, strconv.FormatFloat(100*p, 'f', 1, 64)
			}
			row.Cells = append(row.Cells, cell)
		}
		if i < len(t.Evidence) {
			row.Cites = h.citations(t.Evidence[i])
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// class says how a column is set.
func (g *grid) class(i int) string {
	switch {
	case i == g.bar:
		return "barcell"
	case g.right[i]:
		return "num"
	case g.short[i]:
		return "short"
	}
	return ""
}

type evidenceView struct {
	ID, Anchor, Kind, Severity, Class, When, Host, User, Author, Count, Place, FullPlace, Record, Name, Text, Rest string
	Techniques                                                                                                     string
}

type evidenceHead struct{ Count, Unknown string }

// The texts of evidence in the page: the first characters in sight, more of
// them folded, and what goes beyond counted.
const (
	evInSight = 420
	evLines   = 10
	evFolded  = 6000
)

func (h *hypertext) evidence() error {
	if len(h.cited)+len(h.unknown) == 0 {
		return nil
	}
	head := evidenceHead{Count: phrase.Count(len(h.cited), "piece")}
	if len(h.unknown) > 0 {
		head.Unknown = runs(h.unknown, 40)
	}
	if err := h.add("evidence", head); err != nil {
		return err
	}
	var rest idsView
	for _, i := range h.cited {
		if h.page.Len() > evidenceBytes {
			if rest.Count++; h.linked[i] {
				rest.Pieces = append(rest.Pieces, citeView{ID: shorten(h.Page.Evidence[i].ID, 24), Anchor: h.anchor(i)})
			}
			continue
		}
		if err := h.add("piece", h.piece(i)); err != nil {
			return err
		}
	}
	if rest.Count > 0 {
		rest.Note = phrase.Count(rest.Count, "piece") + " of evidence beyond this are listed by their ids alone, to keep this page small."
		if more := rest.Count - len(rest.Pieces); more > 0 {
			rest.Note += " No sentence in sight cites " + phrase.Number(more) + " of them; these are left out."
		}
	}
	return h.add("pieces", rest)
}

// idsView is the evidence that the page has no room for.
type idsView struct {
	Count  int
	Note   string
	Pieces []citeView
}

// piece makes one piece of evidence ready.
func (h *hypertext) piece(i int) evidenceView {
	e := &h.Page.Evidence[i]
	v := evidenceView{
		ID: shorten(e.ID, 24), Anchor: h.anchor(i), Kind: shorten(string(e.Kind), 24), Severity: levelWord(e.Severity), Class: severityClass(e.Severity),
		Host: shorten(e.Host, 80), User: shorten(e.User, 80), Author: shorten(e.Author, 80),
		Place: placeText(e.At, 48), Record: recordText(e), Techniques: joined(e.Techniques, 6, 16),
	}
	if full := placeText(e.At, 400); full != v.Place {
		v.FullPlace = full
	}
	if !e.First.IsZero() || !e.Last.IsZero() {
		v.When = period(e.First, e.Last)
	}
	if e.Count > 1 {
		v.Count = phrase.Number(e.Count) + " times"
	}
	if e.Name != "" && !strings.HasPrefix(e.Text, e.Name) {
		v.Name = shorten(e.Name, 300)
	}
	v.Text = shortenLines(e.Text, evFolded)
	if head := inSight(v.Text); head != v.Text {
		v.Text, v.Rest = head+"…", v.Text
	}
	return v
}

// inSight is the beginning of clean text that is in sight: so many characters
// and lines.
func inSight(s string) string {
	lines := strings.SplitAfterN(s, "\n", evLines+1)
	if len(lines) > evLines {
		s = strings.TrimRight(strings.Join(lines[:evLines], ""), "\n ")
	}
	if utf8.RuneCountInString(s) <= evInSight+cutNote {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:evInSight]), "\n ")
}

// joined writes at most n short texts and counts the rest.
func joined(list []string, n, most int) string {
	var out []string
	for _, s := range list[:min(n, len(list))] {
		out = append(out, shorten(s, most))
	}
	if rest := phrase.More(n, len(list)); rest != "" {
		out = append(out, rest)
	}
	return strings.Join(out, ", ")
}

type footView struct {
	Coverage             string
	Faulty               bool
	Parts                []partView
	PartsN               string
	PartsOpen            bool
	MoreParts            string
	Faults               []string
	MoreFaults           string
	Pins, Decided, Facts [][2]string
	MorePins             string
	Notes                []string
	MoreNotes            string
}

type partView struct{ Name, Records, Size, Cited, Read, Why string }

// Lines of the foot.
const (
	footParts = 100
	footLines = 50
	openParts = 12
)

func (h *hypertext) foot() footView {
	var v footView
	if c := h.Coverage; c != nil {
		v.Coverage, v.Faulty = coverageLine(c), faultCount(c) > 0
		v.PartsN, v.PartsOpen = phrase.Number(len(c.Parts)), len(c.Parts) <= openParts
		for _, p := range c.Parts[:min(footParts, len(c.Parts))] {
			size := ""
			if p.Bytes > 0 {
				size = phrase.Bytes(p.Bytes)
			}
			v.Parts = append(v.Parts, partView{shorten(p.Name, 200), phrase.Number(p.Records), size, phrase.Number(p.Cited), shorten(p.Read, 60), shorten(p.Why, 300)})
		}
		v.MoreParts = phrase.More(footParts, len(c.Parts))
		for _, f := range c.Faults[:min(footLines, len(c.Faults))] {
			v.Faults = append(v.Faults, shorten(f.String(), 300))
		}
		v.MoreFaults = phrase.More(min(footLines, len(c.Faults)), faultCount(c))
	}
	p := &h.Provenance
	all := pins(p)
	for _, pin := range all[:min(footLines, len(all))] {
		v.Pins = append(v.Pins, [2]string{pin[0], shorten(pin[1], 400)})
	}
	v.MorePins = phrase.More(footLines, len(all))
	if p.Workflow != "" {
		v.Facts = append(v.Facts, [2]string{"workflow", shorten(p.Workflow, 80)})
	}
	if p.Calls > 0 || p.Model != nil {
		v.Facts = append(v.Facts, [2]string{"model answers", phrase.Number(p.Calls)}, [2]string{"seed", strconv.FormatUint(p.Seed, 10)})
	}
	fields := decided(p)
	for _, f := range fields[:min(footLines, len(fields))] {
		v.Decided = append(v.Decided, [2]string{shorten(f[0], 120), shorten(f[1], 24)})
	}
	for _, n := range p.Notes[:min(footLines, len(p.Notes))] {
		v.Notes = append(v.Notes, shorten(n, 600))
	}
	v.MoreNotes = phrase.More(footLines, len(p.Notes))
	return v
}
