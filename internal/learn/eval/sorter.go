package eval

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// SorterFigures is how well texts about security are told from others.
type SorterFigures struct {
	Right   metric.Estimate `json:"right"`
	Yes     metric.Estimate `json:"yes"` // of the texts that the head looks for, those called so
	No      metric.Estimate `json:"no"`  // of the others
	ECE     float64         `json:"ece"`
	Sources []SorterSource  `json:"sources"`
}

// SorterSource is where texts are from.
type SorterSource struct {
	Source string          `json:"source"`
	Label  string          `json:"label"` // the true one
	Right  metric.Estimate `json:"right"`
}

// MeasureSorter trains a head of two labels without some texts and asks it about
// them.
func MeasureSorter(r technique.Sorter, folder string) (SorterFigures, error) {
	texts, err := r.Read(folder)
	if err != nil {
		return SorterFigures{}, err
	}
	m, err := r.Train(texts, r.Held, nil)
	if err != nil {
		return SorterFigures{}, err
	}
	h, err := head.New(r.Name, m)
	if err != nil {
		return SorterFigures{}, err
	}
	type tally struct{ right, n int }
	by := map[SorterSource]*tally{}
	side := map[bool]*tally{true: {}, false: {}}
	var p []float64
	var right []bool
	for i := range texts {
		s := &texts[i]
		if !r.Held(s) {
			continue
		}
		d := h.Classify(s.Text, head.Options{Because: -1})
		ok := (d.Label == r.Yes) == s.Yes
		label := r.No
		if s.Yes {
			label = r.Yes
		}
		name := s.Source
		if s.Source == "everyday" {
			name += ": " + s.Group
		}
		key := SorterSource{Source: name, Label: label}
		if by[key] == nil {
			by[key] = &tally{}
		}
		for _, t := range []*tally{by[key], side[s.Yes]} {
			t.n++
			if ok {
				t.right++
			}
		}
		p, right = append(p, d.P), append(right, ok)
	}
	f := SorterFigures{ECE: metric.ECE(p, right)}
	f.Yes, f.No = metric.Proportion(side[true].right, side[true].n), metric.Proportion(side[false].right, side[false].n)
	f.Right = metric.Proportion(side[true].right+side[false].right, side[true].n+side[false].n)
	for key, t := range by {
		key.Right = metric.Proportion(t.right, t.n)
		f.Sources = append(f.Sources, key)
	}
	slices.SortFunc(f.Sources, func(a, b SorterSource) int {
		if a.Label != b.Label {
			return cmp.Compare(b2i(b.Label == r.Yes), b2i(a.Label == r.Yes))
		}
		return strings.Compare(a.Source, b.Source)
	})
	return f, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// WriteSorterFigures writes the table that people read.
func WriteSorterFigures(w io.Writer, r technique.Sorter, f SorterFigures) error {
	var b strings.Builder
	row := func(name string, value any) { fmt.Fprintf(&b, "%-40s %v\n", name, value) }
	b.WriteString("texts that training held out: whole themes and patterns of made-up sentences, whole products, reports\nand actors; only the calibration was fitted on them\n\n")
	row("right", f.Right)
	row(fmt.Sprintf("%q called so", r.Yes), f.Yes)
	row(fmt.Sprintf("%q called so", r.No), f.No)
	row("expected calibration error", fmt.Sprintf("%.3f", f.ECE))
	for _, s := range f.Sources {
		row(fmt.Sprintf("  %s, %s", s.Label, s.Source), s.Right)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
