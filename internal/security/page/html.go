package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
)

//go:embed page.html.tmpl page.css
var files embed.FS

// The page stays under three megabytes whatever it is given: a block that does
// not fit is written with less of it, then not at all, and evidence beyond the
// limit by its id only. Each says so.
const (
	blocksBytes   = 1200 << 10 // of all blocks
	leastBlock    = 2 << 10    // room below which no block is tried
	evidenceBytes = 1700 << 10 // of the page, from which evidence is listed by its id
	maxBlocks     = 400
	maxNav        = 9
	maxLede       = 12 // sentences
)

// limits says how much of a block the page shows.
type limits struct{ rows, items, nodes, text, codeLines int }

// levels are tried in turn until a block fits.
var levels = []limits{
	{rows: 500, items: 500, nodes: 60, text: 4000, codeLines: 1000},
	{rows: 200, items: 200, nodes: 40, text: 400, codeLines: 200},
	{rows: 40, items: 40, nodes: 20, text: 120, codeLines: 20},
}

// assets is the parsed template and the digest of its style.
type assets struct {
	tmpl   *template.Template
	policy string
}

// pages parses the template once, when the first page is written.
var pages = sync.OnceValues(func() (assets, error) {
	css, err := files.ReadFile("page.css")
	if err != nil {
		return assets{}, fmt.Errorf("read style of page: %w", err)
	}
	// The style is a file of this package, never input; the policy allows this
	// one and no other.
	sum := sha256.Sum256(css)
	t := template.New("page").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(css) }})
	t, err = t.ParseFS(files, "page.html.tmpl")
	return assets{t, "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"}, err
})

// hypertext builds the page.
type hypertext struct {
	*document
	assets
	page    bytes.Buffer
	linked  map[int]bool // evidence that links lead to
	section int
	lane    int // timelines so far, for the ids of their lines
	drawing int // graphs so far
	// The block that explains how lanes are read, from 1, and the one at hand.
	explained, block int
}

// WriteHTML writes the page as one file that needs nothing else: no script, no
// request, no font. It says so to the browser in its content security policy.
func WriteHTML(w io.Writer, p Page) error {
	a, err := pages()
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	h := &hypertext{document: newDocument(&p), assets: a, linked: map[int]bool{}}
	if err := h.write(); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	if _, err := w.Write(h.page.Bytes()); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

func (h *hypertext) write() error {
	if err := h.add("head", h.head()); err != nil {
		return err
	}
	if len(h.Blocks) > 0 {
		if _, ok := h.Blocks[0].(Section); !ok {
			if err := h.add("open", nil); err != nil {
				return err
			}
		}
	}
	for i, b := range h.Blocks[:min(maxBlocks, len(h.Blocks))] {
		if err := h.part(i, b); err != nil {
			return err
		}
	}
	if rest := len(h.Blocks) - maxBlocks; rest > 0 {
		if err := h.add("left", "This page stops here, to stay small: "+phrase.Count(rest, "further part")+" of it are not shown."); err != nil {
			return err
		}
	}
	if len(h.Blocks) > 0 {
		if err := h.add("close", nil); err != nil {
			return err
		}
	}
	if err := h.evidence(); err != nil {
		return err
	}
	return h.add("foot", h.foot())
}

func (h *hypertext) add(name string, data any) error {
	return h.tmpl.ExecuteTemplate(&h.page, name, data)
}

// part writes one block, leaner where it does not fit.
func (h *hypertext) part(i int, b Block) error {
	if sec, ok := b.(Section); ok {
		h.section++
		return h.add("section", sectionView{Close: i > 0, ID: sectionID(h.section), Title: shorten(sec.Title, 300), Note: shorten(sec.Note, 2000)})
	}
	h.block = i + 1
	room := blocksBytes - h.page.Len()
	for _, lim := range levels {
		if room < leastBlock {
			break
		}
		var one bytes.Buffer
		name, data := h.view(b, lim)
		if err := h.tmpl.ExecuteTemplate(&one, name, data); err != nil {
			return fmt.Errorf("block %d: %w", i+1, err)
		}
		if one.Len() <= room {
			h.page.Write(one.Bytes())
			return nil
		}
	}
	return h.add("left", "A part is left out here, to keep this page small. It is in the other forms of this answer.")
}

// view makes a block ready for its template.
func (h *hypertext) view(b Block, lim limits) (string, any) {
	switch b := b.(type) {
	case Heading:
		return "heading", Heading{shorten(b.Title, 300), shorten(b.Note, 2000)}
	case Prose:
		return "prose", h.statements(b, lim)
	case List:
		v := h.statements(b.Items, lim)
		v.Numbered = b.Numbered
		return "list", v
	case Text:
		return "text", shorten(string(b), lim.text)
	case Code:
		return "code", newCodeView(b, lim)
	case Callout:
		return "callout", calloutView{severityClass(b.Level), shorten(b.Title, lim.text), shorten(b.Text, lim.text)}
	case Facts:
		return "facts", h.facts(b, lim)
	case Table:
		return "table", h.table(b, lim)
	case Timeline:
		return "timeline", h.timeline(b, lim)
	case Graph:
		return "graph", h.graph(b, lim)
	}
	return "left", "A part of a kind that is not known is left out here."
}

type sectionView struct {
	Close           bool
	ID, Title, Note string
}

func sectionID(n int) string { return fmt.Sprintf("s%d", n) }

type navView struct{ ID, Title string }

type headView struct {
	Policy, Kicker, Title string
	Badges                []badgeView
	Lede                  []statementsView
	MoreLede              string
	Nav                   []navView
	MoreNav               string
	Evidence              bool
	Skip                  string
	Legend                []legendView
}

type badgeView struct{ Class, Text string }

type legendView struct{ Kind, Mark, Text string }

func (h *hypertext) head() headView {
	v := headView{
		Policy: h.policy, Kicker: shorten(h.Kicker, 80), Title: shorten(h.Title, 300), Evidence: len(h.document.cited)+len(h.unknown) > 0, Skip: "basis",
	}
	if strings.TrimSpace(v.Title) == "" {
		v.Title = "Without a title"
	}
	v.MoreLede = moreSentences(maxLede, len(h.Lede))
	for _, part := range lede(h.Lede[:min(maxLede, len(h.Lede))]) {
		v.Lede = append(v.Lede, h.statements(part, levels[0]))
	}
	for _, b := range h.Badges[:min(12, len(h.Badges))] {
		v.Badges = append(v.Badges, badgeView{severityClass(b.Level), shorten(b.Text, 80)})
	}
	if rest := phrase.More(12, len(h.Badges)); rest != "" {
		v.Badges = append(v.Badges, badgeView{severityClass(0), rest})
	}
	v.Nav, v.MoreNav = h.nav()
	if len(v.Nav) > 0 {
		v.Skip = sectionID(1)
	}
	for _, by := range []casemate.Decider{casemate.DecidedByModel, casemate.DecidedByClassifier, casemate.DecidedByAnalyst} {
		if h.by[by] {
			v.Legend = append(v.Legend, legendView{"by", string(by), byTitle(by)})
		}
	}
	if h.unsupported > 0 {
		v.Legend = append(v.Legend, legendView{"un", "unsupported", "the evidence cited does not show this; the reason stands behind it"})
	}
	if h.struck > 0 {
		v.Legend = append(v.Legend, legendView{"", "", struckNote(h.struck)})
	}
	return v
}

// nav lists the sections; where there are too many, those of detail come last
// and the rest is counted.
func (h *hypertext) nav() ([]navView, string) {
	var first, detail []navView
	n := 0
	for _, b := range h.Blocks[:min(maxBlocks, len(h.Blocks))] {
		s, ok := b.(Section)
		if !ok {
			continue
		}
		n++
		one := navView{sectionID(n), shorten(s.Title, 40)}
		if s.Detail {
			detail = append(detail, one)
		} else {
			first = append(first, one)
		}
	}
	all := slices.Concat(first, detail)
	return all[:min(maxNav, n)], phrase.More(maxNav, n)
}

// severityClass is the class that gives a severity its colour.
func severityClass(s casemate.Severity) string {
	if s > casemate.SeverityCritical {
		s = casemate.SeverityUnknown
	}
	return fmt.Sprintf("s%d", s)
}

// levelWord is the word for a severity beside its colour.
func levelWord(s casemate.Severity) string {
	if s == casemate.SeverityUnknown || s > casemate.SeverityCritical {
		return ""
	}
	return s.String()
}
