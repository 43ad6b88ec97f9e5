package document

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// pageWalk turns the elements of a page into blocks.
type pageWalk struct {
	b       *builder
	text    bytes.Buffer // of the block at hand; a line break is one in the page
	kind    string
	inRow   int // within a row, blocks are cells
	inPre   int
	keepAll bool
	dropped int
	deep    bool
}

// flush ends the block at hand.
func (w *pageWalk) flush() {
	text := w.text.String()
	w.text.Reset()
	if strings.TrimSpace(text) == "" {
		return
	}
	if w.kind == KindProse && strings.Contains(text, "\n") {
		lines := splitLines(text)
		for i := range lines {
			lines[i].line = 0
			lines[i].text = strings.Join(strings.Fields(lines[i].text), " ")
		}
		w.b.flow(lines)
		return
	}
	w.b.add(w.kind, text, 0, 0)
}

// walk reads an element and what it holds.
func (w *pageWalk) walk(n *html.Node, depth int) {
	if depth > maxElement {
		w.deep = true
		return
	}
	switch {
	case n.Type == html.TextNode:
		w.write(n.Data)
		return
	case n.Type != html.ElementNode:
		w.children(n, depth)
		return
	case invisible(n):
		return
	case depth > 0 && !w.keepAll && leftOut(n):
		w.dropped++
		return
	}
	if w.inPre > 0 {
		w.preformatted(n, depth)
		return
	}
	switch n.DataAtom {
	case atom.Br:
		w.text.WriteByte('\n')
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		w.block(n, depth, KindHeading)
	case atom.Li, atom.Dd, atom.Dt:
		w.block(n, depth, KindItem)
	case atom.Tr:
		w.row(n, depth)
	case atom.Pre, atom.Listing, atom.Xmp:
		w.flush()
		w.inPre++
		w.children(n, depth)
		w.inPre--
		w.code()
	case atom.A, atom.Abbr, atom.B, atom.Bdi, atom.Big, atom.Cite, atom.Code, atom.Del, atom.Dfn, atom.Em, atom.Font, atom.I, atom.Ins, atom.Kbd, atom.Label,
		atom.Mark, atom.Q, atom.S, atom.Samp, atom.Small, atom.Span, atom.Strike, atom.Strong, atom.Sub, atom.Time, atom.Tt, atom.U, atom.Var, atom.Wbr, atom.Nobr, atom.Img:
		w.children(n, depth)
	case atom.Sup: // a footnote's number would join the word before it
		if t := allText(n); len(t) > 4 || strings.Trim(t, "0123456789[]*, ") != "" {
			w.children(n, depth)
		}
	default:
		w.block(n, depth, w.kind)
	}
}

func (w *pageWalk) children(n *html.Node, depth int) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		w.walk(c, depth+1)
	}
}

// block reads an element that stands on lines of its own.
func (w *pageWalk) block(n *html.Node, depth int, kind string) {
	if w.inRow > 0 {
		w.text.WriteByte(' ')
		w.children(n, depth)
		w.text.WriteByte(' ')
		return
	}
	outer := w.kind
	w.flush()
	w.kind = kind
	w.children(n, depth)
	w.flush()
	w.kind = outer
}

// row reads the cells of a row as one block, or each by itself if they hold
// more than a table's cells do.
func (w *pageWalk) row(n *html.Node, depth int) {
	if w.inRow > 0 || isLayout(n) {
		w.block(n, depth, w.kind)
		return
	}
	w.flush()
	outer := w.kind
	w.kind = KindRow
	w.inRow++
	first := true
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		if c.Type != html.ElementNode {
			continue
		}
		before := w.text.Len()
		if !first {
			w.text.WriteString(" | ")
		}
		lead := w.text.Len()
		w.walk(c, depth+1)
		if len(bytes.TrimSpace(w.text.Bytes()[lead:])) == 0 {
			w.text.Truncate(before)
			continue
		}
		first = false
	}
	w.inRow--
	w.flush()
	w.kind = outer
}

// isLayout says whether a row only arranges a page.
func isLayout(row *html.Node) bool {
	paragraphs, size, nodes := 0, 0, 0
	for n := range row.Descendants() {
		if n.Type == html.TextNode {
			size += len(n.Data)
		}
		switch n.DataAtom {
		case atom.Table, atom.Pre, atom.H1, atom.H2:
			return true
		case atom.P:
			paragraphs++
		}
		if nodes++; nodes > maxLooked || paragraphs > 6 || size > 4*maxSentence {
			return true
		}
	}
	return false
}

// preformatted reads an element within code, where line breaks count.
func (w *pageWalk) preformatted(n *html.Node, depth int) {
	switch n.DataAtom {
	case atom.Br:
		w.text.WriteByte('\n')
	case atom.Div, atom.P, atom.Li, atom.Tr:
		w.children(n, depth)
		w.text.WriteByte('\n')
	default:
		w.children(n, depth)
	}
}

// code adds the lines of code at hand.
func (w *pageWalk) code() {
	text := w.text.String()
	w.text.Reset()
	for l := range strings.SplitSeq(text, "\n") {
		if strings.TrimSpace(l) != "" {
			w.b.add(KindCode, l, 0, 0)
		}
	}
}

// write adds text to the block at hand; outside of code a line break is a space.
func (w *pageWalk) write(text string) {
	if w.inPre == 0 && strings.ContainsAny(text, "\n\r") {
		text = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(text)
	}
	w.text.WriteString(text)
}
