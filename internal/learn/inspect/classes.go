package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// sizes looks at how many rows there are.
func (i *inspector) sizes() error {
	rows := len(i.t.Rows)
	if lost := i.t.SkippedRows; lost > 0 {
		share := float64(lost) / float64(lost+rows)
		level := LevelWarn
		if share > refuseSkipped {
			level = LevelRefuse
		}
		f := Finding{Code: CodeSkipped, Level: level, Count: lost,
			Message: fmt.Sprintf("%s of %s cannot be used", count(lost, "row"), number(lost+rows)),
			Advice:  "mend them or take them out: what is learnt from the others may not hold for them"}
		for _, p := range i.t.Skipped {
			if len(f.Rows) < MaxRows {
				f.Rows = append(f.Rows, p.Number)
			}
			if len(f.Shown) < maxShown {
				f.Shown = append(f.Shown, fmt.Sprintf("row %d, line %d: %s", p.Number, p.Line, p.Reason))
			}
		}
		i.find(f, nil)
	}
	different := 0
	for n, first := range i.g.Near.Same {
		if n == first {
			different++
		}
	}
	switch {
	case rows >= MinRows && different < MinRows:
		i.find(Finding{Code: CodeFewRows, Level: LevelRefuse, Count: different,
			Message: fmt.Sprintf("the rows have %s; fewer than %d are learnt by heart", plural(different, "different text", "different texts"), MinRows),
			Advice:  "name the column of whole texts with --text if this is another, or label more texts that differ"}, nil)
	case rows < MinRows:
		i.find(Finding{Code: CodeFewRows, Level: LevelRefuse, Count: rows,
			Message: fmt.Sprintf("there are %s; with fewer than %d the figures of a test say nothing", count(rows, "row"), MinRows),
			Advice:  "label more rows before training"}, nil)
	case i.g.N < MinGroups:
		i.find(Finding{Code: CodeFewRows, Level: LevelRefuse, Count: i.g.N,
			Message: fmt.Sprintf("the rows are %s by %s; fewer than %d cannot be divided into what to learn from and what to test on", count(i.g.N, "group"), strings.Join(i.g.By, " or "), MinGroups),
			Advice:  "bring rows of more sources, or name another column with --group, or --group none"}, nil)
	}
	if len(i.g.Unused) > 0 {
		i.find(Finding{Code: CodeGroups, Level: LevelNote, Count: len(i.g.Unused),
			Message: "rows share more than they are kept together by: " + strings.Join(i.g.Unused, "; "),
			Advice:  "if rows of one such group should not be both learnt from and tested on, name it with --group COLUMN"}, nil)
	}
	return nil
}

// classes looks at the labels and how many rows each has.
func (i *inspector) classes() error {
	t := i.t
	if t.Kind == dataset.KindRegression {
		i.values()
		return nil
	}
	if len(t.Labels) == 0 {
		return nil
	}
	rows, groups := map[string][]int{}, map[string]map[int]bool{}
	for n := range t.Rows {
		for _, l := range t.Rows[n].Labels {
			rows[l] = append(rows[l], n)
			if groups[l] == nil {
				groups[l] = map[int]bool{}
			}
			groups[l][i.g.Of[n]] = true
		}
	}
	for _, l := range t.Labels {
		i.report.Classes = append(i.report.Classes, Class{Label: l, Rows: len(rows[l]), Groups: len(groups[l])})
	}
	i.oneClass(rows)
	i.smallClasses(rows)
	i.spelling()
	return nil
}

// values looks at the numbers of a regression.
func (i *inspector) values() {
	different := map[float64]bool{}
	for n := range i.t.Rows {
		different[i.t.Rows[n].Value] = true
	}
	if len(different) == 1 {
		i.find(Finding{Code: CodeOneClass, Level: LevelRefuse, Count: 1, Message: "all rows have the same number: there is nothing to learn", Advice: "bring rows that differ"}, nil)
	}
}

// oneClass looks for a label that all or nearly all rows have.
func (i *inspector) oneClass(rows map[string][]int) {
	t := i.t
	used := 0
	for _, l := range t.Labels {
		if len(rows[l]) > 0 {
			used++
		}
	}
	bare := slices.ContainsFunc(t.Rows, func(r dataset.Row) bool { return len(r.Labels) == 0 })
	if used < 2 && !(bare && used == 1) && t.Kind != dataset.KindSpans {
		i.find(Finding{Code: CodeOneClass, Level: LevelRefuse, Count: used, Message: fmt.Sprintf("all rows have the label %q: there is nothing to tell apart", printable(strings.Join(t.Labels, ", "), 100)), Advice: "bring rows that are something else"}, nil)
		return
	}
	for _, l := range t.Labels {
		if share := float64(len(rows[l])) / float64(len(t.Rows)); share > warnBalance && t.Kind != dataset.KindSpans {
			i.find(Finding{Code: CodeBalance, Level: LevelWarn, Count: len(rows[l]),
				Message: fmt.Sprintf("%s of the rows are %q: who always answers so is right as often", percent(share), printable(l, 100)),
				Advice:  "look at the figures of the other labels, not at the accuracy; bring more of their rows"}, nil)
		}
	}
}

// smallClasses looks for labels of too few rows.
func (i *inspector) smallClasses(rows map[string][]int) {
	var small []string
	var of []int
	for _, l := range i.t.Labels {
		if n := len(rows[l]); n < MinClass {
			small = append(small, fmt.Sprintf("%s (%d)", printable(l, 60), n))
			of = append(of, rows[l]...)
		}
	}
	if len(small) == 0 {
		return
	}
	slices.Sort(of)
	of = slices.Compact(of)
	level := LevelWarn
	if float64(len(of)) > refuseSmall*float64(len(i.t.Rows)) || len(small) >= len(i.t.Labels)-1 {
		level = LevelRefuse
	}
	i.find(Finding{Code: CodeSmallClasses, Level: level, Count: len(small), Shown: shorten(small),
		Message: fmt.Sprintf("of %d labels, %s fewer than %d rows, and cannot be both learnt and measured", len(i.t.Labels), plural(len(small), "has", "have"), MinClass),
		Advice:  fmt.Sprintf("label at least %d more rows each, join them to other labels, or take them out", MinClass)}, of)
}

// shorten bounds a list of names.
func shorten(names []string) []string {
	const most = 10
	if len(names) <= most {
		return names
	}
	return append(slices.Clone(names[:most]), fmt.Sprintf("and %d more", len(names)-most))
}

// spelling looks for labels that differ in case, space or punctuation alone.
func (i *inspector) spelling() {
	firsts := map[string]string{}
	var alike []string
	for _, l := range i.t.Labels {
		key := strings.ToLower(strings.Join(strings.FieldsFunc(l, func(r rune) bool { return strings.ContainsRune(" _-", r) }), " "))
		if first, ok := firsts[key]; ok {
			alike = append(alike, fmt.Sprintf("%q and %q", printable(first, 60), printable(l, 60)))
		} else {
			firsts[key] = l
		}
	}
	if len(alike) > 0 {
		i.find(Finding{Code: CodeSpelling, Level: LevelWarn, Count: len(alike), Shown: shorten(alike),
			Message: fmt.Sprintf("%s in case, spaces or dashes alone", plural(len(alike), "label differs", "labels differ")),
			Advice:  "write each label in one way: they count as different"}, nil)
	}
}

// plural writes a number and the form that goes with it.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}
