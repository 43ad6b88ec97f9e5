package dataset

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/casemate-ai/casemate"
)

// fill makes a table of a sheet: it finds the columns and the kind, and then reads
// each row by them.
func fill(ctx context.Context, t *Table, s *sheet, o Options) error {
	if len(s.records) == 0 {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: no row can be used of %d", t.Path, s.lost), Hint: hintOf(s)}
	}
	if err := checkOptions(o); err != nil {
		return err
	}
	s.undivided = o.Part == "none"
	columns := study(s)
	if err := t.findPart(columns, o); err != nil {
		return err
	}
	if o.Group != "" && o.Group != "none" {
		c, err := named(columns, "--group", o.Group)
		if err != nil {
			return err
		}
		t.Group, t.Why["group"] = c.name, "named by --group"
	}
	structured := o.Kind == KindChat || o.Kind == KindPreference
	if structured || o.Kind == "" && o.Text == "" && o.Label == "" && !o.Unlabelled {
		if sh, ok := findShape(columns, o.Kind); ok {
			fillShape(t, s, sh)
			return t.finish(ctx, s)
		}
	}
	if structured {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("find %s rows in %q: the columns are %s", o.Kind, t.Path, listed(columns)), Hint: `chat has "messages", or "prompt" and "completion", or "instruction" and "output"; preference has "prompt", "chosen" and "rejected"`}
	}
	if err := t.findColumns(columns, o); err != nil {
		return err
	}
	label := s.at(t.Label)
	if t.Label == "" {
		t.Kind = KindNone
	} else if err := t.findKind(s, &columns[label], o); err != nil {
		return err
	}
	if t.Kind == KindSpans {
		fillSpans(t, s)
	} else {
		fillLabels(t, s, o)
	}
	return t.finish(ctx, s)
}

// hintOf says what the first row that cannot be used suffers from.
func hintOf(s *sheet) string {
	if len(s.skipped) == 0 && len(s.index) > 0 {
		return "there is no row under the heading"
	} else if len(s.skipped) == 0 {
		return "the file is empty"
	}
	return fmt.Sprintf("the first, on line %d, has %s", s.skipped[0].Line, s.skipped[0].Reason)
}

func checkOptions(o Options) error {
	if o.Kind != "" && !slices.Contains(Kinds, o.Kind) {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("no kind is called %q", o.Kind), Hint: "kinds are single, multi, ordinal, regression, spans, chat and preference"}
	}
	seen := map[string]bool{}
	for _, l := range o.Order {
		if seen[l] {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("the order of labels has %q twice", l)}
		}
		seen[l] = true
	}
	if len(o.Order) > 0 && o.Kind != "" && o.Kind != KindOrdinal {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("an order of labels is for ordinal rows, not for %s", o.Kind)}
	}
	return nil
}

// at returns the index of a column, -1 if there is none.
func (s *sheet) at(name string) int {
	if i, ok := s.index[name]; ok && name != "" {
		return i
	}
	return -1
}

// findPart finds the column that gives rows to parts, or takes the files' names.
func (t *Table) findPart(columns []column, o Options) error {
	switch {
	case o.Part == "none":
		return nil
	case o.Part != "":
		c, err := named(columns, "--part", o.Part)
		if err != nil {
			return err
		}
		t.Part, t.Why["part"] = c.name, "named by --part"
	default:
		if c := pickPart(columns); c != nil {
			t.Part, t.Why["part"] = c.name, "its cells are names of parts"
		}
	}
	return nil
}

// findColumns finds the columns of texts and labels.
func (t *Table) findColumns(columns []column, o Options) error {
	var text, label *column
	var err error
	if o.Text != "" {
		if text, err = named(columns, "--text", o.Text); err != nil {
			return err
		}
		t.Why["text"] = "named by --text"
	}
	if o.Label != "" {
		if label, err = named(columns, "--label", o.Label); err != nil {
			return err
		}
		t.Why["label"] = "named by --label"
	}
	if label == nil && !o.Unlabelled {
		for i := range columns {
			if columns[i].triples > 0.5 || t.Why["file"] == conllWhy && columns[i].name == conllSpans || len(columns[i].values) > 0 && o.Kind == KindSpans && columns[i].lists > 0.5 {
				label, t.Why["label"] = &columns[i], "the column of spans"
				break
			}
		}
	}
	if text == nil {
		var why string
		name := ""
		if label != nil {
			name = label.name
		}
		if text, why, err = pickText(columns, name); err != nil {
			return err
		}
		t.Why["text"] = why
	}
	if label == nil && !o.Unlabelled {
		var why string
		if label, why, err = pickLabel(columns, text.name, t.Part); err != nil {
			return err
		}
		t.Why["label"] = why
	}
	t.Text = text.name
	if label != nil {
		t.Label = label.name
		if label.name == text.name {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("column %q cannot be both the text and the label", text.name), Hint: "name both: --text COLUMN --label COLUMN"}
		}
	}
	return nil
}

// fields are a row's cells that are not empty, without those of the named columns.
func fields(s *sheet, r *record, without []string) map[string]string {
	out := map[string]string{}
	for i := range r.cells {
		if name := s.columns[i]; !r.cells[i].empty() && !slices.Contains(without, name) {
			out[name] = r.cells[i].text
		}
	}
	return out
}

// finish gives rows to their parts and gathers the labels.
func (t *Table) finish(ctx context.Context, s *sheet) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(t.Rows) == 0 {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: no row can be used of %d", t.Path, s.lost), Hint: hintOf(s)}
	}
	byFile := make([]string, len(t.Files))
	named := 0
	for i, f := range t.Files {
		if byFile[i] = partOf(f.Path); byFile[i] != "" {
			named++
		}
	}
	// One file called test.csv is no test part; several are, if all are named.
	if t.Part == "" && !s.undivided && named == len(t.Files) && named > 1 {
		t.Why["part"] = "the files' names say so"
	} else {
		clear(byFile)
	}
	for i := range t.Rows {
		r := &t.Rows[i]
		if t.Part != "" {
			r.Part = partWords[strings.ToLower(strings.TrimSpace(r.Fields[t.Part]))]
		} else {
			r.Part = byFile[r.File]
		}
	}
	return t.gather()
}

// gather lists the labels, and gives ordinal rows their value.
func (t *Table) gather() error {
	if t.Kind == KindRegression || t.Kind == KindNone {
		return nil
	}
	seen := map[string]bool{}
	for _, r := range t.Rows {
		for _, l := range r.Labels {
			seen[l] = true
		}
	}
	if len(seen) > MaxLabels {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("column %q has %d different labels, more than %d", t.Label, len(seen), MaxLabels), Hint: "name the column of labels: --label COLUMN; numbers are learnt with --kind regression"}
	}
	if t.Kind != KindOrdinal {
		t.Labels = slices.Sorted(maps.Keys(seen))
		return nil
	}
	index := make(map[string]int, len(t.Labels))
	for i, l := range t.Labels {
		index[l] = i
	}
	for i := range t.Rows {
		t.Rows[i].Value = float64(index[t.Rows[i].Labels[0]])
	}
	return nil
}

// clean returns a cell's text as valid UTF-8 without space around it.
func clean(s string) string {
	s = strings.TrimSpace(s)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}
