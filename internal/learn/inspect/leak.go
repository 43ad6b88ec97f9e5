package inspect

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// leakage looks for what would let a head be tested on what it has learnt, and for
// labels that can be read off.
func (i *inspector) leakage() error {
	i.parts()
	i.labelColumns()
	if !i.labelInText() {
		i.markers()
	}
	return nil
}

// parts looks at the parts that the data give: whether rows to test on are in what is
// learnt from, which what is chosen by is too, or rows to choose by are in the part
// to learn from.
func (i *inspector) parts() {
	t := i.t
	if i.o.Anew {
		return
	}
	keys := func(n int) [3]int { return [3]int{i.g.Near.Same[n], i.g.Near.Near[n], i.g.Of[n]} } // same text, nearly the same, group
	type known [3]map[int]bool
	chosen, learnt := known{{}, {}, {}}, known{{}, {}, {}} // learnt are those of the part to learn from alone
	tested := 0
	for n := range t.Rows {
		switch t.Rows[n].Part {
		case dataset.PartTest:
			tested++
			continue
		case dataset.PartValidation:
			tested++
		default:
			for k, key := range keys(n) {
				learnt[k][key] = true
			}
		}
		for k, key := range keys(n) {
			chosen[k][key] = true
		}
	}
	if tested == 0 {
		return
	}
	var rows []int
	var counts [3]int
	for n := range t.Rows {
		from := chosen
		switch t.Rows[n].Part {
		case dataset.PartTest:
		case dataset.PartValidation:
			from = learnt
		default:
			continue
		}
		for k, key := range keys(n) {
			if from[k][key] {
				counts[k]++
				rows = append(rows, n)
				break // the narrowest reason alone
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	share := float64(len(rows)) / float64(tested)
	level := LevelWarn
	if share > refuseLeakage {
		level = LevelRefuse
	}
	var why []string
	for k, what := range []string{"the same text", "nearly the same text", "the same group"} {
		if counts[k] > 0 {
			why = append(why, fmt.Sprintf("%s %s", number(counts[k]), what))
		}
	}
	i.find(Finding{Code: CodeLeakage, Level: level, Shown: i.some(rows),
		Message: fmt.Sprintf("%s to test or choose by (%s) are in a part to learn from, too: %s", count(len(rows), "row"), percent(share), strings.Join(why, ", ")),
		Advice:  "divide the rows anew (casemate tune train --anew): figures on such a test part are too good"}, rows)
}

// labelColumns looks for other columns that say the label in other words.
func (i *inspector) labelColumns() {
	t := i.t
	if !i.labelled() || t.Kind == dataset.KindMulti {
		return
	}
	const filled = 0.9
	for _, c := range t.Columns {
		if c == t.Text || c == t.Label || c == t.Part {
			continue
		}
		to, from := map[string]string{}, map[string]string{}
		n, one := 0, true
		for r := range t.Rows {
			v := t.Rows[r].Fields[c]
			if v == "" {
				continue
			}
			n++
			l := t.Rows[r].Labels[0]
			if known, ok := to[v]; ok && known != l {
				one = false
				break
			}
			if known, ok := from[l]; ok && known != v {
				one = false
				break
			}
			to[v], from[l] = l, v
		}
		if one && len(to) > 1 && float64(n) >= filled*float64(len(t.Rows)) {
			i.find(Finding{Code: CodeLabelColumn, Level: LevelNote, Count: 1,
				Message: fmt.Sprintf("column %q is the label in other words", printable(c, 60)),
				Advice:  "only the text is read, so it does no harm; do not put it into the text"}, nil)
		}
	}
}

// labelInText looks for texts that have their label as words, and says whether many
// have.
func (i *inspector) labelInText() (many bool) {
	if !i.labelled() {
		return false
	}
	var rows []int
	for n := range i.t.Rows {
		text := strings.ToLower(i.t.Rows[n].Text)
		for _, l := range i.t.Rows[n].Labels {
			if hasPhrase(text, strings.ToLower(l)) {
				rows = append(rows, n)
				break
			}
		}
	}
	share := float64(len(rows)) / float64(len(i.t.Rows))
	level := LevelNote
	switch {
	case share >= refuseInText:
		level = LevelRefuse
	case share >= warnInText:
		level = LevelWarn
	case share < 0.01:
		return false
	}
	i.find(Finding{Code: CodeLabelInText, Level: level, Shown: i.some(rows),
		Message: fmt.Sprintf("the text of %s (%s) says its label", count(len(rows), "row"), percent(share)),
		Advice:  "if it will not say so where the head is used, take it out of the text: the head would read it off"}, rows)
	return share >= warnInText
}

// hasPhrase reports whether phrase stands in text, not as a part of a word.
func hasPhrase(text, phrase string) bool {
	if len(phrase) < 3 {
		return false // "a", "1": it would be chance
	}
	for at := 0; ; {
		next := strings.Index(text[at:], phrase)
		if next < 0 {
			return false
		}
		start := at + next
		end := start + len(phrase)
		before, _ := utf8.DecodeLastRuneInString(text[:start])
		after, _ := utf8.DecodeRuneInString(text[end:])
		if (start == 0 || !letter(before)) && (end == len(text) || !letter(after)) {
			return true
		}
		at = end
	}
}

func letter(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// texts looks at how long texts are.
func (i *inspector) texts() error {
	words := make([]int, len(i.t.Rows))
	var short, over []int
	tokens := []int(nil)
	for n := range i.t.Rows {
		text := i.t.Rows[n].Text
		words[n] = len(strings.Fields(text))
		if words[n] < 2 {
			short = append(short, n)
		}
		if i.o.Tokens != nil {
			tokens = append(tokens, i.o.Tokens(text))
			if i.o.Context > 0 && tokens[n] > i.o.Context {
				over = append(over, n)
			}
		} else if words[n] > maxReadWords || len(text) > maxReadBytes {
			over = append(over, n)
		}
	}
	i.report.Words = spread(words)
	if tokens != nil {
		s := spread(tokens)
		i.report.Tokens = &s
	}
	if share := float64(len(short)) / float64(len(words)); share > warnShort {
		i.find(Finding{Code: CodeShort, Level: LevelWarn, Shown: i.some(short),
			Message: fmt.Sprintf("%s (%s) are of one word", count(len(short), "text"), percent(share)),
			Advice:  "name the column of whole texts with --text if this is another; words alone are learnt by heart"}, short)
	}
	if len(over) > 0 {
		limit := fmt.Sprintf("%s words or %d KiB, of which the lexical encoder reads no more", number(maxReadWords), maxReadBytes>>10)
		if i.o.Tokens != nil {
			limit = fmt.Sprintf("the model's context of %s tokens", number(i.o.Context))
		}
		i.find(Finding{Code: CodeContext, Level: LevelWarn, Shown: i.some(over),
			Message: fmt.Sprintf("%s longer than %s", plural(len(over), "text is", "texts are"), limit),
			Advice:  "cut them where the label is decided, or part them into rows: what is beyond is not learnt from"}, over)
	}
	return nil
}

// spread sorts values and measures them.
func spread(values []int) Spread {
	v := slices.Clone(values)
	slices.Sort(v)
	if len(v) == 0 {
		return Spread{}
	}
	return Spread{v[len(v)/2], v[(len(v)-1)*95/100], v[len(v)-1]}
}
