package dataset

import (
	"fmt"
	"strings"
)

// The columns of a CoNLL file's sheet.
const (
	conllText  = "text"
	conllSpans = "spans"
	conllWhy   = "a token and its tag a line"
)

// looksCoNLL reports whether a text has a token and a BIO tag on each line.
func looksCoNLL(head string) bool {
	const least = 5
	tokens, tagged, other := 0, 0, 0
	lines := strings.Split(head, "\n")
	if len(lines) > 1 {
		lines = lines[:len(lines)-1] // the last may be cut
	}
	for _, l := range lines {
		fields := strings.Fields(l)
		switch {
		case len(fields) == 0 || strings.HasPrefix(l, "#") || fields[0] == "-DOCSTART-":
		case len(fields) >= 2 && isTag(fields[len(fields)-1]):
			tokens++
			if fields[len(fields)-1] != "O" {
				tagged++
			}
		default:
			other++
		}
	}
	return tokens >= least && tagged > 0 && other*20 <= tokens
}

// isTag reports whether s is O, or B-, I-, E-, S- or L-, U- and a name.
func isTag(s string) bool {
	return s == "O" || len(s) > 2 && s[1] == '-' && strings.IndexByte("BIESLU", s[0]) >= 0
}

// sentence is what is gathered of a CoNLL sentence.
type sentence struct {
	line  int
	text  strings.Builder
	spans []any
	open  bool // the last span may go on
	bad   string
}

// conll reads a token and its tag a line, an empty line between sentences.
func (p *parser) conll(text string) error {
	columns := []int{p.sheet.column(conllText), p.sheet.column(conllSpans)}
	p.sheet.why["file"] = conllWhy
	s := &sentence{}
	line := 0
	for rest := text; ; {
		l, after, more := strings.Cut(rest, "\n")
		rest = after
		line++
		fields := strings.Fields(l)
		if len(fields) == 0 || fields[0] == "-DOCSTART-" || !more && rest == "" && len(fields) == 0 {
			if err := p.sentence(s, columns); err != nil {
				return err
			}
			s = &sentence{}
		} else if !strings.HasPrefix(l, "# ") {
			s.token(line, fields)
		}
		if !more {
			return p.sentence(s, columns)
		}
	}
}

func (s *sentence) token(line int, fields []string) {
	if s.line == 0 {
		s.line = line
	}
	tag := fields[len(fields)-1]
	if len(fields) < 2 || !isTag(tag) {
		s.bad = "a line without a tag (O, B-name, I-name)"
		return
	}
	if s.text.Len() > 0 {
		s.text.WriteByte(' ')
	}
	start := s.text.Len()
	s.text.WriteString(fields[0])
	end := s.text.Len()
	if tag == "O" {
		s.open = false
		return
	}
	name := tag[2:]
	if goesOn := strings.IndexByte("IEL", tag[0]) >= 0; goesOn && s.open {
		if last := s.spans[len(s.spans)-1].(Span); last.Label == name {
			last.End = end
			s.spans[len(s.spans)-1] = last
			s.open = tag[0] == 'I'
			return
		}
	}
	s.spans = append(s.spans, Span{start, end, name})
	s.open = tag[0] == 'B' || tag[0] == 'I'
}

// sentence adds a row.
func (p *parser) sentence(s *sentence, columns []int) error {
	if s.line == 0 {
		return nil
	}
	number, err := p.next()
	if err != nil {
		return err
	}
	switch {
	case s.bad != "":
		p.skip(number, s.line, s.bad)
	case s.text.Len() > MaxCell:
		p.skip(number, s.line, fmt.Sprintf("a sentence of more than %d KiB", MaxCell>>10))
	default:
		row := make([]cell, len(p.sheet.columns))
		row[columns[0]].text = s.text.String()
		row[columns[1]] = cell{any: s.spans, text: "spans"}
		if s.spans == nil {
			row[columns[1]].any = []any{}
		}
		p.add(number, s.line, row)
	}
	return nil
}
