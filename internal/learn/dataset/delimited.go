package dataset

import (
	"fmt"
	"strconv"
	"strings"
)

// delimiters are those that CSV files have, the likeliest first.
var delimiters = []byte{',', '\t', ';', '|'}

// delimiter finds what stands between the cells: what parts the first records into
// the same number of cells, most often and most.
func delimiter(text string) byte {
	const looked = 50
	head := text[:min(len(text), sniffBytes)]
	best, bestScore := byte(','), 0.0
	for _, d := range delimiters {
		sc := scanner{text: head, delimiter: d}
		counts := map[int]int{}
		n := 0
		for n < looked && !sc.done() {
			cells, _, problem := sc.record()
			if sc.done() && len(head) < len(text) {
				break // cut in the middle
			}
			if problem == "" && !blank(cells) {
				counts[len(cells)]++
				n++
			}
		}
		common, times := 0, 0
		for cells, c := range counts {
			if c > times || c == times && cells > common {
				common, times = cells, c
			}
		}
		if common < 2 {
			continue
		}
		// Agreement first: a comma of prose parts each line differently.
		score := float64(times) / float64(n) * (1 + 0.01*float64(min(common, 20)))
		if score > bestScore {
			best, bestScore = d, score
		}
	}
	return best
}

// scanner parts a text into records of cells by RFC 4180, and goes on after what
// does not hold to it.
type scanner struct {
	text      string
	delimiter byte
	at        int
	line      int // lines before at
}

func (s *scanner) done() bool { return s.at >= len(s.text) }

// record returns the next record's cells, the line that it begins on, from 1, and
// what is wrong with it. Where a quote is never closed, the next record begins on
// the next line.
func (s *scanner) record() (cells []string, line int, problem string) {
	line = s.line + 1
	begin := s.at
	for {
		var value string
		var last bool
		value, last, problem = s.cell()
		if problem != "" {
			s.at, s.line = begin, line-1
			s.skipLine()
			return nil, line, problem
		}
		if len(cells) < MaxColumns {
			cells = append(cells, value)
		} else {
			problem = fmt.Sprintf("more than %d cells", MaxColumns)
		}
		if last {
			return cells, line, problem
		}
	}
}

// cell returns the next cell and whether it ends its record.
func (s *scanner) cell() (value string, last bool, problem string) {
	if s.at < len(s.text) && s.text[s.at] == '"' {
		return s.quoted()
	}
	rest := s.text[s.at:]
	end := strings.IndexAny(rest, string([]byte{s.delimiter, '\n', '\r'}))
	if end < 0 {
		s.at = len(s.text)
		return rest, true, ""
	}
	s.at += end
	return rest[:end], s.endOfCell(), ""
}

// quoted reads a cell in quotes. Text between the closing quote and the delimiter
// is kept as it stands, as spreadsheets do.
func (s *scanner) quoted() (value string, last bool, problem string) {
	var b strings.Builder
	i := s.at + 1
	for {
		end := strings.IndexByte(s.text[i:], '"')
		if end < 0 || end > MaxCell || b.Len() > MaxCell {
			return "", true, fmt.Sprintf("a quote that opens is not closed, or the cell is over %d KiB", MaxCell>>10)
		}
		b.WriteString(s.text[i : i+end])
		s.line += strings.Count(s.text[i:i+end], "\n")
		i += end + 1
		if i < len(s.text) && s.text[i] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		break
	}
	rest := s.text[i:]
	end := strings.IndexAny(rest, string([]byte{s.delimiter, '\n', '\r'}))
	if end < 0 {
		end = len(rest)
	}
	b.WriteString(rest[:end])
	s.at = i + end
	if s.at >= len(s.text) {
		return b.String(), true, ""
	}
	return b.String(), s.endOfCell(), ""
}

// endOfCell steps over a delimiter or the end of a line.
func (s *scanner) endOfCell() (last bool) {
	c := s.text[s.at]
	s.at++
	if c == s.delimiter {
		return false
	}
	if c == '\r' && s.at < len(s.text) && s.text[s.at] == '\n' {
		s.at++
	}
	s.line++
	return true
}

func (s *scanner) skipLine() {
	if end := strings.IndexByte(s.text[s.at:], '\n'); end >= 0 {
		s.at += end + 1
	} else {
		s.at = len(s.text)
	}
	s.line++
}

func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// delimited reads CSV and TSV.
func (p *parser) delimited(text string) error {
	d := delimiter(text)
	if p.sheet.files[p.file].Format == formatTSV {
		d = '\t'
	}
	names := map[byte]string{',': "commas", '\t': "tabs", ';': "semicolons", '|': "bars"}
	head := (&scanner{text: text, delimiter: d}).headed()
	sc := &scanner{text: text, delimiter: d}
	p.sheet.why["file"] = fmt.Sprintf("cells between %s, %s", names[d], p.sheet.files[p.file].Encoding)
	var columns []int
	width := 0
	for !sc.done() {
		cells, line, problem := sc.record()
		if problem == "" && blank(cells) {
			continue
		}
		if columns == nil && problem == "" {
			width = len(cells)
			columns = p.heading(cells, head)
			if !head {
				p.sheet.why["file"] += "; there is no heading, so the columns are numbered"
			} else {
				continue
			}
		}
		number, err := p.next()
		if err != nil {
			return err
		}
		switch {
		case problem != "":
			p.skip(number, line, problem)
		case len(cells) != width:
			p.skip(number, line, fmt.Sprintf("%d cells where there are %d columns", len(cells), width))
		default:
			p.cells(number, line, cells, columns)
		}
	}
	return nil
}

// cells adds a row of delimited cells.
func (p *parser) cells(number, line int, cells []string, columns []int) {
	row := make([]cell, len(p.sheet.columns))
	for i, c := range cells {
		if len(c) > MaxCell {
			p.skip(number, line, fmt.Sprintf("a cell of more than %d KiB", MaxCell>>10))
			return
		}
		if columns[i] >= 0 {
			row[columns[i]].text = strings.Clone(c)
		}
	}
	p.add(number, line, row)
}

// heading returns the columns of the cells of the first record.
func (p *parser) heading(cells []string, head bool) []int {
	columns := make([]int, len(cells))
	seen := map[string]bool{}
	for i, c := range cells {
		name := strings.TrimSpace(c)
		if !head || name == "" || len(name) > MaxName {
			name = "column" + strconv.Itoa(i+1)
		}
		for seen[name] {
			name += "_"
		}
		seen[name] = true
		columns[i] = p.sheet.column(name)
	}
	return columns
}

// MaxName bounds a column's name, in bytes.
const MaxName = 200

// headed reports whether the first record is a heading: short cells that differ,
// none a number, none that the column has again below.
func (s *scanner) headed() bool {
	const looked, words = 200, 6
	var first []string
	for !s.done() && first == nil {
		if cells, _, problem := s.record(); problem == "" && !blank(cells) {
			first = cells
		}
	}
	seen := map[string]bool{}
	for _, c := range first {
		c = strings.TrimSpace(c)
		if _, err := strconv.ParseFloat(c, 64); err == nil || len(strings.Fields(c)) > words || len(c) > MaxName || c != "" && seen[c] {
			return false
		}
		seen[c] = true
	}
	for i := 0; i < looked && !s.done(); i++ {
		cells, _, problem := s.record()
		if problem != "" || len(cells) != len(first) {
			continue
		}
		for j, c := range cells {
			if c = strings.TrimSpace(c); c != "" && c == strings.TrimSpace(first[j]) {
				return false
			}
		}
	}
	return true
}
