package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxLabel bounds a label, in bytes.
const MaxLabel = 256

// fillLabels makes rows with labels or a number.
func fillLabels(t *Table, s *sheet, o Options) {
	text, label := s.at(t.Text), s.at(t.Label)
	known := map[string]bool{}
	for _, l := range t.Labels {
		known[l] = true
	}
	bare := 0
	for i := range s.records {
		r := &s.records[i]
		row := Row{Number: r.number, Line: r.line, File: r.file, Text: clean(r.cell(text).text)}
		problem := ""
		if label >= 0 {
			problem = t.label(&row, r.cell(label), known)
		}
		if row.Text == "" {
			problem = "no text"
		}
		if problem != "" {
			s.skip(r.number, r.line, r.file, problem)
			continue
		}
		if t.Kind == KindMulti && len(row.Labels) == 0 {
			bare++
		}
		row.Fields = fields(s, r, []string{t.Text, t.Label})
		t.Rows = append(t.Rows, row)
	}
	if bare > 0 {
		t.Why["label"] += fmt.Sprintf("; %d rows have none, which is taken as none of the labels", bare)
	}
}

// label reads the label of a row, and says what is wrong with it.
func (t *Table) label(row *Row, c cell, known map[string]bool) string {
	if t.Kind == KindMulti {
		row.Labels = t.several(c)
		for _, l := range row.Labels {
			if len(l) > MaxLabel {
				return fmt.Sprintf("a label of more than %d bytes", MaxLabel)
			}
		}
		return ""
	}
	if list, ok := c.list(); ok && len(list) == 1 {
		c.text = list[0]
	} else if c.any != nil {
		return "a list where one label is wanted"
	}
	v := clean(c.text)
	switch {
	case v == "":
		return "no label"
	case t.Kind == KindRegression:
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return "a label that is no number"
		}
		row.Value = f
		return ""
	case t.Kind == KindOrdinal && !known[v]:
		return "a label that is not in the order of labels"
	case len(v) > MaxLabel:
		return fmt.Sprintf("a label of more than %d bytes", MaxLabel)
	}
	row.Labels = []string{v}
	return ""
}

// several reads a cell of any number of labels.
func (t *Table) several(c cell) []string {
	var out []string
	list, ok := c.list()
	if !ok {
		list, ok = bracketed(c.text)
	}
	if ok {
		for _, l := range list {
			if l = clean(l); l != "" {
				out = append(out, l)
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	if t.Separator == "" {
		if v := clean(c.text); v != "" {
			return []string{v}
		}
		return nil
	}
	return parted1(c.text, t.Separator)
}

// fillSpans makes rows with spans. The unit that their places are counted in is the
// one in which most spans fit: within the text, over what they say they cover, and
// at the edges of words.
func fillSpans(t *Table, s *sheet) {
	text, label := s.at(t.Text), s.at(t.Label)
	type read struct {
		row   Row
		spans []rawSpan
	}
	var rows []read
	var fit [3]int
	different := false
	for i := range s.records {
		r := &s.records[i]
		// The places are counted in the text as it stands, space around it and all.
		row := Row{Number: r.number, Line: r.line, File: r.file, Text: strings.ToValidUTF8(r.cell(text).text, "\uFFFD")}
		spans, problem := spansOf(r.cell(label))
		if strings.TrimSpace(row.Text) == "" {
			problem = "no text"
		}
		if problem != "" {
			s.skip(r.number, r.line, r.file, problem)
			continue
		}
		row.Fields = fields(s, r, []string{t.Text, t.Label})
		rows = append(rows, read{row, spans})
		for u := range unitNames {
			offsets := unit(u).offsets(row.Text)
			different = different || len(offsets) != len(row.Text)+1
			for _, sp := range spans {
				if placed, ok := unit(u).place(offsets, row.Text, sp); ok {
					fit[u]++
					if atEdges(row.Text, placed) {
						fit[u]++
					}
				}
			}
		}
	}
	best := inCharacters
	for u := range fit {
		if fit[u] > fit[best] {
			best = unit(u)
		}
	}
	if different {
		t.Why["spans"] = "places are counted in " + unitNames[best] + ", in which most spans fit"
	}
	for _, r := range rows {
		if !placeSpans(&r.row, r.spans, best) {
			s.skip(r.row.Number, r.row.Line, r.row.File, "a span that does not lie within the text, does not cover what it says, or has no label")
			continue
		}
		t.Rows = append(t.Rows, r.row)
	}
}

// placeSpans gives a row its spans, and says whether all of them fit.
func placeSpans(row *Row, spans []rawSpan, u unit) bool {
	offsets := u.offsets(row.Text)
	for _, sp := range spans {
		placed, ok := u.place(offsets, row.Text, sp)
		if !ok || sp.Label == "" || len(sp.Label) > MaxLabel {
			return false
		}
		row.Spans = append(row.Spans, placed)
		row.Labels = append(row.Labels, sp.Label)
	}
	slices.SortFunc(row.Spans, func(a, b Span) int {
		return cmp.Or(a.Start-b.Start, a.End-b.End, strings.Compare(a.Label, b.Label))
	})
	row.Spans = slices.Compact(row.Spans)
	slices.Sort(row.Labels)
	row.Labels = slices.Compact(row.Labels)
	return true
}

// spansOf reads a cell of spans, which may be JSON in a text.
func spansOf(c cell) ([]rawSpan, string) {
	list, ok := c.any.([]any)
	if !ok && strings.TrimSpace(c.text) != "" {
		if list, ok = jsonList(c.text); !ok {
			return nil, "no list of spans"
		}
	}
	if len(list) > MaxSpans {
		return nil, fmt.Sprintf("more than %d spans", MaxSpans)
	}
	out := make([]rawSpan, 0, len(list))
	for _, v := range list {
		sp, ok := rawSpanOf(v)
		if !ok {
			return nil, "a span without start, end and label"
		}
		out = append(out, sp)
	}
	return out, ""
}

// atEdges reports whether a span neither begins nor ends within a word.
func atEdges(text string, s Span) bool {
	word := func(b byte) bool {
		return b >= 0x80 || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
	}
	return (s.Start == 0 || !word(text[s.Start-1]) || !word(text[s.Start])) && (s.End == len(text) || !word(text[s.End-1]) || !word(text[s.End]))
}
