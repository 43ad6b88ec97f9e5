package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

const (
	// A marker of a label is words that so many of its rows have, and of whose rows
	// so many are the label's; the first row that has them is not counted.
	markerShare  = 0.95
	warnMarked   = 0.5  // share of the rows that have the marker of their label
	refuseMarked = 0.95 // of all rows: then each label has one
	maxMarked    = 4000 // rows that are looked at, of more so many spread over the table
	maxMarkWords = 200  // of a text
)

// markers looks for labels that stand in the text in other words, such as a code: a
// word, or two in a row, that nearly all rows of a label have and nearly no others.
// That one label has such a word may well be; that each has is how a table was made.
func (i *inspector) markers() {
	if !i.labelled() || i.t.Kind == dataset.KindMulti {
		return
	}
	sizes, counts, rows := i.markerCounts()
	best, of := map[string]string{}, map[string]int{}
	for w, by := range counts {
		all := 0
		for _, n := range by {
			all += n
		}
		for label, n := range by {
			size := sizes[label]
			if size < MinClass || float64(n+1) < markerShare*float64(size) || float64(n) < markerShare*float64(all) {
				continue
			}
			if known, ok := best[label]; !ok || n > of[label] || n == of[label] && cmp.Or(cmp.Compare(len(w), len(known)), strings.Compare(w, known)) < 0 {
				best[label], of[label] = w, n
			}
		}
	}
	marked := 0
	for l, n := range of {
		marked += min(n+1, sizes[l])
	}
	share := float64(marked) / float64(max(rows, 1))
	if len(best) < 2 || share < warnMarked {
		return
	}
	f := Finding{Code: CodeLabelInText, Level: LevelWarn, Count: len(best),
		Message: fmt.Sprintf("%s words of their own, which nearly all of their rows have and nearly no others: %s of the rows say their label so", plural(len(best), "label has", "labels have"), percent(share)),
		Advice:  "if it is a code of the label that will not stand there where the head is used, take it out of the text: the head would read it off"}
	if share >= refuseMarked {
		f.Level = LevelRefuse
	}
	labels := make([]string, 0, len(best))
	for l := range best {
		labels = append(labels, l)
	}
	slices.SortFunc(labels, func(a, b string) int { return cmp.Or(cmp.Compare(of[b], of[a]), strings.Compare(a, b)) })
	for _, l := range labels[:min(len(labels), maxShown)] {
		f.Shown = append(f.Shown, fmt.Sprintf("%q in %d of %s of %q", printable(Redact(best[l]), 60), min(of[l]+1, sizes[l]), count(sizes[l], "row"), printable(l, 60)))
	}
	i.find(f, nil)
}

// markerCounts counts the rows of each label, of words the rows of each label that
// have them, and all rows that were looked at.
func (i *inspector) markerCounts() (sizes map[string]int, counts map[string]map[string]int, rows int) {
	t := i.t
	step := max(1, (len(t.Rows)+maxMarked-1)/maxMarked)
	sizes, counts = map[string]int{}, map[string]map[string]int{}
	once := map[uint32]bool{} // most words stand in one row, and need no counts
	for n := 0; n < len(t.Rows); n += step {
		label := t.Rows[n].Labels[0]
		sizes[label]++
		rows++
		for w := range markerWords(t.Rows[n].Text) {
			by := counts[w]
			if b := bucket(w); by == nil && !once[b] {
				once[b] = true
				continue
			}
			if by == nil {
				by = map[string]int{}
				counts[w] = by
			}
			by[label]++
		}
	}
	return sizes, counts, rows
}

// markerWords returns the words of a text, and each two that follow on one another.
func markerWords(text string) map[string]bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !letter(r) })
	words = words[:min(len(words), maxMarkWords)]
	out := make(map[string]bool, 2*len(words))
	for k, w := range words {
		out[w] = true
		if k > 0 {
			out[words[k-1]+" "+w] = true
		}
	}
	return out
}
