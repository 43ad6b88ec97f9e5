package dataset

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
)

// What columns are told apart by.
const (
	sampledRows  = 20_000 // that are looked at, evenly over the file
	sampledCells = 2 << 20
	textWords    = 3.0 // a cell, from which on a column has sentences
	longer       = 3.0 // times the words of the next column: by far the longest
	distinctText = 0.3 // share of the cells that differ, from which on they are texts
	distinctMost = 0.5 // share of the cells that differ, up to which they are labels
	labelWords   = 5.0 // a cell, up to which they are labels
	fewDistinct  = 20  // different values that a label may have in a file of any size
)

// Names that say what a column is, the surest first. They decide only between
// columns whose content would do.
var (
	textNames  = []string{"text", "sentence", "message", "description", "body", "content", "log", "line", "log_line", "command", "commandline", "cmdline", "command_line", "raw", "event", "alert", "summary", "title", "subject", "query", "question", "prompt", "input", "url", "domain"}
	labelNames = []string{"label", "labels", "class", "classes", "target", "category", "categories", "tags", "tag", "technique", "techniques", "tactic", "tactics", "attack_technique", "verdict", "disposition", "classification", "severity", "priority", "type", "kind", "intent", "sentiment", "score", "rating", "risk", "y", "truth", "gold", "annotation", "is_malicious", "malicious", "spam", "phishing", "cwe"}
	partNames  = []string{"split", "part", "partition", "subset", "set", "fold", "data_split"}
	// otherNames are of columns that say where a row is from.
	otherNames = []string{"id", "uid", "uuid", "guid", "index", "row", "number", "cve", "cve_id", "report", "report_id", "report_title", "doc", "doc_id", "doc_title", "document", "document_id", "source", "file", "filename", "path", "host", "hostname", "computer", "user", "username", "ip", "src_ip", "dst_ip", "incident", "incident_id", "case", "case_id", "ticket", "date", "time", "timestamp", "created", "updated", "author", "annotator"}
)

// column is what is known of a sheet's column.
type column struct {
	name      string
	at        int
	filled    int // of the sampled cells
	sampled   int
	distinct  int
	words     float64 // a filled cell
	numeric   float64 // share of the filled cells
	lists     float64
	triples   float64 // of the lists that are not empty, those of spans
	turns     float64 // and those of messages
	values    map[string]int
	lowerName string
}

// study looks at the columns.
func study(s *sheet) []column {
	stride := len(s.records)/max(min(sampledRows, sampledCells/max(len(s.columns), 1)), 1) + 1
	out := make([]column, len(s.columns))
	for i, name := range s.columns {
		c := column{name: name, at: i, values: map[string]int{}, lowerName: plainName(name)}
		words, numeric, lists, full, spans, turns := 0, 0, 0, 0, 0, 0
		for r := 0; r < len(s.records); r += stride {
			c.sampled++
			v := s.records[r].cell(i)
			if v.empty() {
				continue
			}
			c.filled++
			c.values[v.text]++
			words += len(strings.Fields(v.text))
			if _, err := strconv.ParseFloat(strings.TrimSpace(v.text), 64); err == nil {
				numeric++
			}
			if list, ok := v.any.([]any); ok {
				lists++
				if len(list) > 0 {
					full++
				}
				if isSpans(list) {
					spans++
				}
				if isTurns(list) {
					turns++
				}
			}
		}
		c.distinct = len(c.values)
		if c.filled > 0 {
			n := float64(c.filled)
			c.words, c.numeric, c.lists = float64(words)/n, float64(numeric)/n, float64(lists)/n
			c.triples, c.turns = float64(spans)/float64(max(full, 1)), float64(turns)/float64(max(full, 1))
		}
		out[i] = c
	}
	return out
}

// plainName is a name in lower case with underscores, its nesting cut off.
func plainName(name string) string {
	if i := strings.LastIndexByte(name, '.'); i >= 0 && i+1 < len(name) {
		name = name[i+1:]
	}
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
}

// named returns the column that a flag names.
func named(columns []column, flag, name string) (*column, error) {
	for i := range columns {
		if columns[i].name == name {
			return &columns[i], nil
		}
	}
	for i := range columns {
		if strings.EqualFold(columns[i].name, name) {
			return &columns[i], nil
		}
	}
	return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("find column %q (%s): the columns are %s", name, flag, listed(columns)), Hint: "column names are matched whole, in any case of letters"}
}

// listed names columns for an error.
func listed(columns []column) string {
	const most = 20
	var names []string
	for _, c := range columns {
		if len(names) == most {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(columns)-most)
		}
		names = append(names, strconv.Quote(c.name))
	}
	return strings.Join(names, ", ")
}

// ambiguous says which columns could be meant, and how to say it.
func ambiguous(what, flag string, columns []column) error {
	if len(columns) == 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("find the %s: no column looks like one", what), Hint: "say which column has it: " + flag + " COLUMN"}
	}
	var flags []string
	for _, c := range columns {
		if len(flags) < 5 {
			flags = append(flags, flag+" "+strconv.Quote(c.name))
		}
	}
	return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("find the %s: %d columns could be it: %s", what, len(columns), listed(columns)), Hint: "say which: " + strings.Join(flags, " or ")}
}

// rank returns where a column's name stands in names, or -1.
func (c *column) rank(names []string) int { return slices.Index(names, c.lowerName) }

// ratio is the share of the filled cells that differ.
func (c *column) ratio() float64 { return float64(c.distinct) / float64(max(c.filled, 1)) }

// pickText finds the column of texts, and says why it is that.
func pickText(columns []column, label string) (*column, string, error) {
	var sentences, short []column
	for _, c := range columns {
		switch {
		case c.filled == 0 || c.lists > 0 || c.numeric > 0.5 || c.name == label:
		case c.words >= textWords && c.ratio() >= distinctText || c.words >= textWords && c.rank(textNames) >= 0:
			sentences = append(sentences, c)
		case c.rank(textNames) >= 0 || c.ratio() >= distinctMost && c.rank(otherNames) < 0 && c.rank(labelNames) < 0 && !isDate(&c):
			short = append(short, c)
		}
	}
	if len(sentences) == 1 {
		c := sentences[0]
		return &c, fmt.Sprintf("the only column of sentences, %.0f words a cell", c.words), nil
	}
	if len(sentences) > 1 {
		if c := best(sentences, textNames, 1); c != nil {
			return c, fmt.Sprintf("of %d columns of sentences the one that is named so", len(sentences)), nil
		}
		slices.SortStableFunc(sentences, func(a, b column) int { return int(b.words*100) - int(a.words*100) })
		if sentences[0].words >= longer*sentences[1].words {
			return &sentences[0], fmt.Sprintf("by far the longest texts, %.0f words a cell", sentences[0].words), nil
		}
		if c := best(sentences, textNames, len(textNames)); c != nil {
			return c, fmt.Sprintf("of %d columns of sentences the one whose name says so", len(sentences)), nil
		}
		return nil, "", ambiguous("column of texts", "--text", sentences)
	}
	if c := best(short, textNames, len(textNames)); c != nil {
		return c, "short texts, in a column that is named so", nil
	}
	if len(short) == 1 {
		return &short[0], "the only column whose cells nearly all differ", nil
	}
	if len(short) == 0 {
		short = columns
	}
	return nil, "", ambiguous("column of texts", "--text", short)
}

// best returns the one column whose name stands first among the first n of names,
// nil if none does.
func best(columns []column, names []string, n int) *column {
	var found *column
	for i := range columns {
		r := columns[i].rank(names[:n])
		if r >= 0 && (found == nil || r < found.rank(names)) {
			found = &columns[i]
		}
	}
	return found
}

// isDate reports whether a column's values look like times: they begin with a
// four-digit year or have two colons or slashes between digits.
func isDate(c *column) bool {
	n, dates := 0, 0
	for v := range c.values {
		n++
		v = strings.TrimSpace(v)
		if len(v) >= 8 && len(v) <= 40 && v[0] >= '0' && v[0] <= '9' && (strings.Count(v, "-") >= 2 || strings.Count(v, ":") >= 2 || strings.Count(v, "/") == 2) {
			dates++
		}
	}
	return n > 0 && dates*2 > n
}

// pickLabel finds the column of labels, and says why it is that.
func pickLabel(columns []column, text, part string) (*column, string, error) {
	var fit, namedSo []column
	for _, c := range columns {
		if c.filled == 0 || c.name == text || c.name == part || c.triples > 0 || c.turns > 0 {
			continue
		}
		if c.rank(labelNames) >= 0 {
			namedSo = append(namedSo, c)
		}
		few := c.distinct <= fewDistinct && c.distinct < c.filled || c.ratio() <= distinctMost
		if few && c.distinct > 1 && c.words <= labelWords && c.rank(otherNames) < 0 && !isDate(&c) {
			fit = append(fit, c)
		}
	}
	const sure = 5 // the first of labelNames leave no doubt
	switch {
	case len(namedSo) == 1:
		return &namedSo[0], "the column that is named so", nil
	case len(namedSo) > 1:
		if c := best(namedSo, labelNames, sure); c != nil {
			return c, "the column that is named so", nil
		}
		return nil, "", ambiguous("column of labels", "--label", namedSo)
	case len(fit) == 1:
		return &fit[0], fmt.Sprintf("the only column of few values, %d", fit[0].distinct), nil
	}
	return nil, "", ambiguous("column of labels", "--label", fit)
}

// pickPart finds a column that gives rows to parts.
func pickPart(columns []column) *column {
	for i, c := range columns {
		if c.rank(partNames) < 0 || c.filled == 0 || len(c.values) > 2*len(partWords) {
			continue
		}
		all, parts := true, map[string]bool{}
		for v := range c.values {
			part := partWords[strings.ToLower(strings.TrimSpace(v))]
			all = all && part != ""
			parts[part] = true
		}
		if all && len(parts) > 1 {
			return &columns[i]
		}
	}
	return nil
}
