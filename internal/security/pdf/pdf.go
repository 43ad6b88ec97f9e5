// Package pdf reads the text of PDF files: in the order of reading, line by
// line, without running headers and page numbers. It looks for objects instead
// of trusting a file's table of them, never follows a cycle, and bounds what is
// unpacked and drawn, so that no file can end the program or hold it up.
package pdf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Line is one line of text on a page. The cells of a table's row stand between
// tabs.
type Line struct {
	Page    int // from 1
	Text    string
	Gap     bool // more space than usual stands before it, or it is set in
	Heading bool // set larger than the running text, or bold and short
}

// Text is what a PDF says.
type Text struct {
	Title      string
	Pages      int
	Lines      []Line
	Notes      []string // what was left out
	Incomplete bool     // part of the file could not be read
}

// Errors that say why a file has no text.
var (
	ErrNoPages   = errors.New("no page was found: the file is damaged or cut off")
	ErrEncrypted = errEncrypted
)

// Read reads the text of a PDF. It returns ErrNoPages or ErrEncrypted where no
// page can be read, and the context's error once that is done.
func Read(ctx context.Context, data []byte) (*Text, error) {
	f := scan(data)
	trailer := f.trailer()
	if trailer["Encrypt"] != nil {
		c, err := newCrypt(f, trailer)
		if err != nil {
			return nil, err
		}
		f.crypt = c
		clear(f.cache)
	}
	f.openStreams()
	pages := f.pages(trailer)
	if len(pages) == 0 {
		return nil, ErrNoPages
	}
	out := &Text{Pages: len(pages), Title: f.title(trailer)}
	if len(pages) > maxPages {
		pages = pages[:maxPages]
		out.leave(fmt.Sprintf("only the first %d pages were read", maxPages))
	}
	p := &painter{f: f, fonts: map[int]*font{}}
	laid := make([][]row, len(pages))
	empty := 0
	for i, d := range pages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		laid[i] = arrange(p.page(d))
		if len(laid[i]) == 0 {
			empty++
		}
	}
	out.tell(f, p, empty, len(pages))
	if !bytes.Contains(data[max(0, len(data)-2048):], []byte("%%EOF")) {
		out.leave("the PDF does not end as it should: it may be cut off")
	}
	dropped := dropFurniture(laid)
	if dropped > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d running headers, footers and page numbers were left out", dropped))
	}
	out.lines(laid)
	return out, nil
}

// leave notes that something of the file is missing.
func (t *Text) leave(note string) {
	t.Notes = append(t.Notes, note)
	t.Incomplete = true
}

// tell notes what of the pages could not be read.
func (t *Text) tell(f *file, p *painter, empty, pages int) {
	if f.limited {
		t.leave("the PDF unpacks to far more than a report does: the rest was left out")
	}
	if empty > 0 {
		t.leave(fmt.Sprintf("%d of %d pages have no text: they are empty or pictures", empty, pages))
	}
	if p.unknown*20 > p.known+p.unknown {
		t.leave(fmt.Sprintf("%d characters are in fonts that do not say what they stand for", p.unknown))
	}
	if p.rotated > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d characters that do not run from left to right were left out", p.rotated))
	}
}

// title returns the title that the file's information gives.
func (f *file) title(trailer dict) string {
	t, _ := f.resolve(f.dict(trailer["Info"])["Title"]).(text)
	title := strings.Join(strings.Fields(plainString(t[:min(len(t), 1000)])), " ")
	lower := strings.ToLower(title)
	if strings.HasPrefix(lower, "microsoft word - ") || strings.HasPrefix(lower, "untitled") || lower == "(anonymous)" || strings.HasSuffix(lower, ".docx") || strings.HasSuffix(lower, ".indd") {
		return ""
	}
	return title
}

// lines turns the rows of all pages into lines, and says where paragraphs and
// headings begin.
func (t *Text) lines(laid [][]row) {
	body, leading := typical(laid)
	for page, rows := range laid {
		left := math.Inf(1)
		for i := range rows {
			left = min(left, rows[i].x0)
		}
		for i := range rows {
			r := &rows[i]
			l := Line{Page: page + 1, Text: r.text()}
			short := len(l.Text) < 100 && len(r.cells) == 1
			l.Heading = short && (r.size > 1.15*body || r.bold && r.size >= 0.95*body && !strings.HasSuffix(l.Text, "."))
			switch {
			case i == 0:
				l.Gap = !t.flowsOn(l.Text)
			default:
				above := &rows[i-1]
				drop := above.y - r.y
				l.Gap = drop < 0 || drop > 1.3*max(leading, r.size*1.05) || math.Abs(above.size-r.size) > 0.15*body ||
					r.x0-above.x0 > 0.8*r.size && above.x0-left < 0.5*r.size && r.x0-left < 4*r.size && !marked(above.text())
				if drop < 0 && t.flowsOn(l.Text) {
					l.Gap = false // a paragraph that goes on in the next column
				}
			}
			t.Lines = append(t.Lines, l)
		}
	}
}

// marked says whether a line begins with the mark or number of a list item,
// below which its other lines are set in.
func marked(line string) bool {
	word, _, _ := strings.Cut(line, " ")
	first, _, cell := strings.Cut(line, "\t")
	if cell && len(first) <= 5 {
		word = first
	}
	return len(word) <= 5 && (strings.TrimLeft(word, "0123456789.()abcivx") == "" || strings.ContainsAny(word, "•◦▪●○■–-*\uf0b7"))
}

// flowsOn says whether a paragraph goes on from the last line over the end of a
// page or column.
func (t *Text) flowsOn(next string) bool {
	if len(t.Lines) == 0 || next == "" {
		return false
	}
	last := t.Lines[len(t.Lines)-1]
	c := next[0]
	return !last.Heading && !strings.ContainsAny(last.Text[len(last.Text)-1:], ".:!?") && (c >= 'a' && c <= 'z' || c == '(')
}

// typical returns the size of the running text and the distance of its lines.
func typical(laid [][]row) (size, leading float64) {
	sizes := map[float64]int{}
	var drops []float64
	for _, rows := range laid {
		for i := range rows {
			sizes[math.Round(rows[i].size*2)/2] += len(rows[i].text())
			if i > 0 {
				if d := rows[i-1].y - rows[i].y; d > 0 && d < 4*rows[i].size {
					drops = append(drops, d)
				}
			}
		}
	}
	most := 0
	for s, n := range sizes {
		if n > most || n == most && s > size {
			size, most = s, n
		}
	}
	if len(drops) > 0 {
		slices.Sort(drops)
		leading = drops[len(drops)/2]
	}
	return size, leading
}
