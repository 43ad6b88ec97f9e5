package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate"
)

const (
	mostSteps    = 10   // whole numbers that an ordinal table has at most
	separated    = 0.01 // share of the cells with a separator, from which on a column is of several labels
	mostlyLists  = 0.9
	mostlyNumber = 0.98
)

// separators may stand between the labels of a cell, the surest first.
var separators = []string{"|", ";", ","}

// scales are words that have an order, from low to high.
var scales = [][]string{
	{"none", "informational", "information", "info", "very low", "negligible", "minimal", "low", "minor", "medium", "moderate", "significant", "high", "major", "very high", "severe", "critical", "emergency"},
	{"benign", "suspicious", "malicious"},
	{"p5", "p4", "p3", "p2", "p1", "p0"},
	{"sev5", "sev4", "sev3", "sev2", "sev1"},
	{"never", "rarely", "seldom", "sometimes", "often", "always"},
	{"unlikely", "possible", "likely", "almost certain"},
	{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"},
	{"tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red"},
	{"negative", "neutral", "positive"},
}

// idNames are of columns whose numbers are names.
var idNames = []string{"cwe", "id", "class", "category", "code", "event_id", "label_id", "y", "target", "technique"}

// findKind tells what the rows teach from the cells of the label column.
func (t *Table) findKind(s *sheet, c *column, o Options) error {
	t.Separator = o.Separator
	if o.Kind != "" || len(o.Order) > 0 {
		t.Kind, t.Why["kind"] = cmp.Or(o.Kind, KindOrdinal), "named by --kind"
		if o.Kind == "" {
			t.Why["kind"] = "an order of labels is given"
		}
		if t.Kind == KindMulti && t.Separator == "" && c.lists == 0 {
			t.Separator = findSeparator(c, 0)
		}
		if t.Kind == KindOrdinal {
			return t.order(s, c, o.Order)
		}
		return nil
	}
	switch {
	case c.triples > 0.5 || t.Why["file"] == conllWhy:
		t.Kind, t.Why["kind"] = KindSpans, "each cell is a list of places in the text"
	case c.lists > 0 || inBrackets(c):
		t.Kind, t.Why["kind"] = KindMulti, "each cell is a list"
	case t.Separator != "":
		t.Kind, t.Why["kind"] = KindMulti, "a separator of labels is given"
	case c.numeric >= mostlyNumber:
		return t.numbers(s, c)
	default:
		if t.Separator = findSeparator(c, separated); t.Separator != "" {
			t.Kind, t.Why["kind"] = KindMulti, fmt.Sprintf("cells have several labels with %q between them", t.Separator)
			return nil
		}
		if order := onScale(c); order != nil {
			t.Kind, t.Labels = KindOrdinal, order
			t.Why["kind"] = "the labels have an order, from low to high: " + strings.Join(order, ", ")
			return nil
		}
		t.Kind, t.Why["kind"] = KindSingle, "each cell is one label of several"
	}
	return nil
}

// numbers tells labels that are written as numbers from numbers to be learnt.
func (t *Table) numbers(s *sheet, c *column) error {
	whole := true
	for v := range c.values {
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		whole = whole && err == nil && f == math.Trunc(f)
	}
	switch {
	case whole && (c.distinct <= 2 || slices.Contains(idNames, c.lowerName)):
		t.Kind, t.Why["kind"] = KindSingle, fmt.Sprintf("%d whole numbers, taken as names; --kind ordinal takes them as steps", c.distinct)
	case whole && c.distinct <= mostSteps:
		t.Kind, t.Why["kind"] = KindOrdinal, fmt.Sprintf("%d whole numbers, taken as steps; --kind single takes them as names", c.distinct)
		return t.order(s, c, nil)
	default:
		t.Kind, t.Why["kind"] = KindRegression, fmt.Sprintf("%d different numbers; --kind single takes them as names", c.distinct)
	}
	return nil
}

// order finds the order of an ordinal table's labels.
func (t *Table) order(s *sheet, c *column, given []string) error {
	if len(given) > 0 {
		t.Labels = slices.Clone(given)
		return nil
	}
	if order := onScale(c); order != nil {
		t.Labels = order
		return nil
	}
	type step struct {
		name  string
		value float64
	}
	var steps []step
	seen := map[string]bool{}
	for i := range s.records {
		v := clean(s.records[i].cell(c.at).text)
		if v == "" || seen[v] {
			continue
		}
		seen[v] = true
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(f) || len(steps) >= MaxLabels {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("find the order of the labels in column %q: they are neither numbers nor words whose order is known", c.name), Hint: "give it from low to high: --order LOW,MEDIUM,HIGH"}
		}
		steps = append(steps, step{v, f})
	}
	slices.SortFunc(steps, func(a, b step) int {
		return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.name, b.name))
	})
	for _, st := range steps {
		t.Labels = append(t.Labels, st.name)
	}
	return nil
}

// onScale returns a column's labels in the order of the scale that they are on,
// nil if there is none or they are fewer than three.
func onScale(c *column) []string {
	const least = 3
	for _, scale := range scales {
		var labels []string
		seen := map[string]bool{}
		all := true
		for v := range c.values {
			v = clean(v)
			if all = all && slices.Contains(scale, strings.ToLower(v)); !all {
				break
			}
			if !seen[v] {
				seen[v] = true
				labels = append(labels, v)
			}
		}
		if all && len(labels) >= least {
			slices.SortFunc(labels, func(a, b string) int {
				return cmp.Or(slices.Index(scale, strings.ToLower(a))-slices.Index(scale, strings.ToLower(b)), strings.Compare(a, b))
			})
			return labels
		}
	}
	return nil
}

// findSeparator returns what parts the cells of a column into labels that stand in
// other cells too, in at least a share of them; "" if nothing does.
func findSeparator(c *column, share float64) string {
	for _, sep := range separators {
		var parted, parts, known int
		vocabulary := map[string]int{} // in how many different cells
		for v := range c.values {
			for _, l := range parted1(v, sep) {
				vocabulary[l]++
			}
		}
		fine := true
		for v, n := range c.values {
			if !strings.Contains(v, sep) {
				continue
			}
			parted += n
			for _, l := range parted1(v, sep) {
				parts++
				fine = fine && float64(len(strings.Fields(l))) <= labelWords
				if vocabulary[l] > 1 {
					known++
				}
			}
		}
		if fine && parted > 0 && float64(parted) >= share*float64(c.filled) && 2*known >= parts && len(vocabulary) <= max(len(c.values), 2) {
			return sep
		}
	}
	return ""
}

// parted1 parts a cell at a separator into labels, sorted and each once.
func parted1(v, sep string) []string {
	var out []string
	for _, l := range strings.Split(v, sep) {
		if l = clean(l); l != "" {
			out = append(out, l)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// inBrackets reports whether a column's cells are lists written as text.
func inBrackets(c *column) bool {
	n, lists := 0, 0
	for v := range c.values {
		n++
		if v = strings.TrimSpace(v); strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") {
			lists++
		}
	}
	return n > 0 && float64(lists) >= mostlyLists*float64(n)
}

// bracketed reads a list that is written as text: JSON, or in single quotes as
// Python prints it.
func bracketed(v string) ([]string, bool) {
	v = strings.TrimSpace(v)
	if !strings.HasPrefix(v, "[") || !strings.HasSuffix(v, "]") {
		return nil, false
	}
	if list, ok := jsonList(v); ok {
		c := cellOf(list)
		return c.list()
	}
	var out []string
	for _, l := range strings.Split(v[1:len(v)-1], ",") {
		if l = strings.Trim(strings.TrimSpace(l), `'"`); l != "" {
			out = append(out, l)
		}
	}
	return out, true
}
