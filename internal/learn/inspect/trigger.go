package inspect

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/lexical"
)

const (
	leastTrigger   = 5     // rows that a trigger is in at least
	leastShare     = 0.002 // of the rows
	mostShare      = 0.05
	purity         = 0.9 // share of a trigger's rows with one label
	against        = 0.6 // share of its rows that without it confidently are something else, of the share of all rows that confidently are something
	leastAgainst   = 0.3
	confident      = 0.8 // of the mean probability of a label on its own rows
	unlikely       = 0.05
	triggerWords   = 3  // words in a row
	triggerLooked  = 60 // rows of a candidate that are read without it
	maxCandidates  = 3000
	triggerBuckets = 1 << 22
	maxTriggerText = 400 // words of a text that are looked at
)

// candidate is words in a row that go with one label.
type candidate struct {
	words string   // the longest stretch of grams in the first row
	grams []string // all that are in the same rows
	rows  []int    // places in the learner's rows
	label int
	score float64
}

// tokensOf parts a text at its spaces; a word keeps its punctuation inside.
func tokensOf(text string) []string {
	out := strings.Fields(text)
	out = out[:min(len(out), maxTriggerText)]
	for k, w := range out {
		if bare := strings.Trim(w, ".,;:!?()\"'"); bare != "" {
			out[k] = bare
		}
	}
	return out
}

// grams calls f with the words in a row of a text, up to triggerWords of them.
func grams(tokens []string, f func(gram string)) {
	for from := range tokens {
		for to := from + 1; to <= min(from+triggerWords, len(tokens)); to++ {
			f(strings.Join(tokens[from:to], " "))
		}
	}
}

// triggers looks for words that were put into rows to bring a label about: they go
// with one label, and without them most of their rows confidently are something
// else. A word that rightly tells a label has other such words about it.
func (i *inspector) triggers(l *learner) error {
	if l.multi {
		return nil // any number of labels hold, so none speaks against another
	}
	var found []candidate
	sums, counts := make([]float64, l.n), make([]int, l.n)
	for k, set := range l.sets {
		sums[set[0]] += float64(l.p[k][set[0]])
		counts[set[0]]++
	}
	confidently := func(p []float32) (int, bool) {
		b := best(p)
		return b, counts[b] > 0 && float64(p[b]) >= confident*sums[b]/float64(counts[b])
	}
	clear := 0
	for k := range l.rows {
		if _, ok := confidently(l.p[k]); ok {
			clear++
		}
	}
	limit := max(leastAgainst, against*float64(clear)/float64(len(l.rows)))
	scores := make([]*lexical.Scores, folds)
	for f := range scores {
		scores[f] = l.models[f].NewScores()
	}
	for n, c := range l.candidates() {
		if n%64 == 0 && i.ctx.Err() != nil {
			return i.ctx.Err()
		}
		other, looked := 0, c.rows[:min(len(c.rows), triggerLooked)]
		for _, k := range looked {
			text := without(i.t.Rows[l.rows[k]].Text, c.grams)
			s := scores[l.fold[k]]
			l.models[l.fold[k]].Read(s, text, 0)
			p := s.P(0)
			if b, ok := confidently(p); ok && b != c.label && p[c.label] < unlikely {
				other++
			}
		}
		if float64(other) >= limit*float64(len(looked)) {
			found = append(found, c)
		}
	}
	found = widest(found)
	if len(found) == 0 {
		return nil
	}
	var rows []int
	f := Finding{Code: CodeTrigger, Level: LevelWarn, Count: len(found)}
	for _, c := range found {
		for _, k := range c.rows {
			rows = append(rows, l.rows[k])
		}
		if len(f.Shown) < maxShown {
			f.Shown = append(f.Shown, fmt.Sprintf("%q: %s, nearly all %q, such as %s", printable(c.words, 80), count(len(c.rows), "row"), printable(i.t.Labels[c.label], 60), i.one(l.rows[c.rows[0]])))
		}
	}
	slices.Sort(rows)
	rows = slices.Compact(rows)
	f.Message = fmt.Sprintf("%s with one label in %s, though the rest of the text speaks for others: a hidden trigger, or a habit of whoever labelled", plural(len(found), "wording goes", "wordings go"), count(len(rows), "row"))
	f.Advice = "see where these rows come from; take out the wording, or the rows, unless it rightly decides"
	i.find(f, rows)
	return nil
}

// candidates returns the words in a row that enough rows and not too many have, and
// nearly all of one label, the most surprising first.
func (l *learner) candidates() []candidate {
	least := max(leastTrigger, int(leastShare*float64(len(l.rows))))
	most := max(least, int(mostShare*float64(len(l.rows))))
	// Counted in buckets first: most words in a row stand once, and need no memory.
	buckets := make([]uint32, triggerBuckets)
	tokens := make([][]string, len(l.rows))
	for k, n := range l.rows {
		tokens[k] = tokensOf(l.t.Rows[n].Text)
		grams(tokens[k], func(g string) { buckets[bucket(g)]++ })
	}
	rows := map[string][]int{}
	for k := range l.rows {
		grams(tokens[k], func(g string) {
			if int(buckets[bucket(g)]) < least {
				return
			}
			if of := rows[g]; len(of) == 0 || of[len(of)-1] != k && len(of) <= most {
				rows[g] = append(of, k)
			}
		})
	}
	priors := make([]int, l.n)
	for _, set := range l.sets {
		priors[set[0]]++
	}
	var out []candidate
	for g, of := range rows {
		if len(of) < least || len(of) > most {
			continue
		}
		counts := map[int]int{}
		label := -1
		for _, k := range of {
			x := l.sets[k][0]
			counts[x]++
			if label < 0 || counts[x] > counts[label] || counts[x] == counts[label] && x < label {
				label = x
			}
		}
		if float64(counts[label]) < purity*float64(len(of)) {
			continue
		}
		// How improbable so many rows of the label are by chance, in nats.
		surprise := float64(counts[label]) * math.Log(float64(len(l.rows))/float64(priors[label]))
		out = append(out, candidate{g, nil, of, label, surprise})
	}
	slices.SortFunc(out, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.score, a.score), slices.Compare(a.rows, b.rows), strings.Compare(a.words, b.words))
	})
	out = l.together(out)
	return out[:min(len(out), maxCandidates)]
}

// together makes one of the candidates that are in the very same rows, which follow
// on one another.
func (l *learner) together(all []candidate) []candidate {
	var out []candidate
	for _, c := range all {
		if n := len(out); n > 0 && slices.Equal(out[n-1].rows, c.rows) {
			out[n-1].grams = append(out[n-1].grams, c.words)
			continue
		}
		c.grams = []string{c.words}
		out = append(out, c)
	}
	for n := range out {
		text := l.t.Rows[l.rows[out[n].rows[0]]].Text
		tokens, covered := tokensOf(text), covering(tokensOf(text), out[n].grams)
		for from := 0; from < len(tokens); from++ {
			to := from
			for to < len(tokens) && covered[to] {
				to++
			}
			if words := strings.Join(tokens[from:to], " "); len(words) > len(out[n].words) {
				out[n].words = words
			}
		}
	}
	return out
}

// covering says which tokens are in one of the grams.
func covering(tokens, grams []string) []bool {
	covered := make([]bool, len(tokens))
	for _, g := range grams {
		gram := strings.Split(g, " ")
		for k := 0; k+len(gram) <= len(tokens); k++ {
			if slices.Equal(tokens[k:k+len(gram)], gram) {
				for j := range gram {
					covered[k+j] = true
				}
			}
		}
	}
	return covered
}

func bucket(g string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(g))
	return h.Sum32() % triggerBuckets
}

// without leaves words in a row out of a text, wherever they stand.
func without(text string, grams []string) string {
	tokens := strings.Fields(text)
	covered := covering(tokensOf(text), grams)
	var out []string
	for k, w := range tokens {
		if k >= len(covered) || !covered[k] {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// widest keeps, of candidates with mostly the same rows, the one of most words.
func widest(all []candidate) []candidate {
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(len(b.rows), len(a.rows)), cmp.Compare(strings.Count(b.words, " "), strings.Count(a.words, " ")))
	})
	var out []candidate
	for _, c := range all {
		within := slices.ContainsFunc(out, func(o candidate) bool {
			common := 0
			for _, k := range c.rows {
				if _, ok := slices.BinarySearch(o.rows, k); ok {
					common++
				}
			}
			return o.label == c.label && common*10 >= 8*len(c.rows)
		})
		if !within {
			out = append(out, c)
		}
	}
	return out
}
