package tune

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// baselines answers the test part in ways that cost nothing, which a head must be
// better than to be worth having.
func (j *job) baselines() ([]Candidate, error) {
	out := []Candidate{j.majority(), j.nearest()}
	if j.task == tuned.TaskSpans {
		// The spans of another text are none of this one.
		out = []Candidate{j.nothing(), j.dictionary()}
	}
	if j.task == tuned.TaskSingle {
		c, err := j.embedded()
		if err != nil {
			return nil, err
		}
		if c != nil {
			out = append(out, *c)
		}
	}
	for i := range out {
		if ev := out[i].Evaluation; ev != nil {
			ev.Figures = figures(ev)
			if err := ev.Check(); err != nil {
				return nil, fmt.Errorf("evaluate the baseline %q: %w", out[i].Name, err)
			}
		}
	}
	return out, nil
}

func (j *job) evaluation(name string) *outcome.Evaluation {
	return newEvaluation(name, j.task, j.table, j.parts.Test, j.grouping.Of, j.labels)
}

// majority always gives the commonest answer: of numbers the median, of several
// labels the set that is best of all that are the same for every row.
func (j *job) majority() Candidate {
	c := Candidate{Name: "majority", About: "Always the commonest answer.", Baseline: true, Evaluation: j.evaluation("majority")}
	answer, share := []string{}, 0.0
	if j.task == tuned.TaskRegression {
		c.Name, c.About = "median", "Always the number in the middle."
		c.Evaluation.Candidate = c.Name
		values := make([]float64, len(j.learn))
		for n, i := range j.learn {
			values[n] = j.table.Rows[i].Value
		}
		slices.Sort(values)
		answer = []string{decimal(values[len(values)/2])}
	} else {
		counts := map[string]int{}
		top := -1
		for _, i := range j.learn {
			labels := j.table.Rows[i].Labels
			key := strings.Join(labels, "\x00")
			counts[key]++
			// Of equally common ones the first in order, whatever the order of rows.
			if n := counts[key]; n > top || n == top && slices.Compare(labels, answer) < 0 {
				top, answer = n, slices.Clone(labels)
			}
		}
		share = float64(top) / float64(len(j.learn))
	}
	if j.task == tuned.TaskMulti {
		c.About = "Always the same labels: those that are best for all rows to learn from."
		answer, share = j.bestSet(c.Evaluation, answer)
	}
	for n := range c.Evaluation.Rows {
		c.Evaluation.Rows[n].Answer, c.Evaluation.Rows[n].P = answer, share
	}
	return c
}

// bestSet returns the labels that score best if every row to learn from is given
// them, and their score: the commonest set, or the commonest labels up to some
// number. A head that knows nothing of the texts still finds these, by its
// thresholds; to be worth having it has to be better.
func (j *job) bestSet(ev *outcome.Evaluation, commonest []string) (best []string, score float64) {
	counts := make([]int, len(j.labels))
	order := make([]int, len(j.labels))
	for k := range order {
		order[k] = k
	}
	for _, i := range j.learn {
		for _, k := range j.sets[i] {
			counts[k]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	sets := [][]string{commonest}
	for n := range min(len(order), maxConstant) {
		set := make([]string, n+1)
		for at, k := range order[:n+1] {
			set[at] = j.labels[k]
		}
		slices.Sort(set)
		sets = append(sets, set)
	}
	score = -1
	for _, set := range sets {
		sum := 0.0
		for _, i := range j.learn {
			sum += ev.Score(&outcome.Row{Truth: j.table.Rows[i].Labels, Answer: set})
		}
		if mean := sum / float64(len(j.learn)); mean > score {
			best, score = set, mean
		}
	}
	return best, score
}

// maxConstant is how many labels the same answer to every row has at most.
const maxConstant = 30

// nothing never finds a span.
func (j *job) nothing() Candidate {
	return Candidate{Name: "nothing", About: "Never a span.", Baseline: true, Evaluation: j.evaluation("nothing")}
}

// nearest gives the answer of the row whose words are most alike.
func (j *job) nearest() Candidate {
	c := Candidate{Name: "nearest neighbour", About: "The answer of the row to learn from whose words are most alike (tf-idf, cosine).", Baseline: true, Evaluation: j.evaluation("nearest neighbour")}
	x := newNeighbours(j)
	for n, i := range j.parts.Test {
		row, alike := x.find(j.table.Rows[i].Text)
		r := &c.Evaluation.Rows[n]
		r.P = min(1, max(0, alike))
		if row >= 0 {
			r.Answer = truthOf(j.task, &j.table.Rows[row])
		} else if j.task == tuned.TaskRegression {
			r.Answer = []string{"0"}
		}
	}
	return c
}

// neighbours is an inverted index of the rows to learn from.
type neighbours struct {
	rows     []int
	postings map[string][]posting
	rarity   map[string]float64
	sums     []float64
}

type posting struct {
	row    int // index into rows
	weight float64
}

func newNeighbours(j *job) *neighbours {
	x := &neighbours{rows: j.learn, postings: map[string][]posting{}, rarity: map[string]float64{}, sums: make([]float64, len(j.learn))}
	counts := make([]map[string]int, len(j.learn))
	for n, i := range j.learn {
		counts[n] = wordCounts(j.table.Rows[i].Text)
		for w := range counts[n] {
			x.rarity[w]++
		}
	}
	for w, n := range x.rarity {
		x.rarity[w] = math.Log(1 + float64(len(j.learn))/n)
	}
	for n := range j.learn {
		for w, v := range x.vector(counts[n]) {
			x.postings[w] = append(x.postings[w], posting{n, v})
		}
	}
	return x
}

// vector returns the weights of words, of unit length.
func (x *neighbours) vector(counts map[string]int) map[string]float64 {
	out := make(map[string]float64, len(counts))
	var squares []float64 // summed in order of size, for maps have none
	for w, n := range counts {
		if r, ok := x.rarity[w]; ok {
			out[w] = (1 + math.Log(float64(n))) * r
			squares = append(squares, float64(out[w]*out[w]))
		}
	}
	slices.Sort(squares)
	sum := 0.0
	for _, s := range squares {
		sum += s
	}
	for w := range out {
		out[w] /= math.Sqrt(sum)
	}
	return out
}

// find returns the row most alike and how much; of equals the first, −1 if no word
// is shared.
func (x *neighbours) find(text string) (row int, alike float64) {
	clear(x.sums)
	v := x.vector(wordCounts(text))
	words := make([]string, 0, len(v))
	for w := range v {
		words = append(words, w)
	}
	slices.Sort(words) // so that sums have one order
	for _, w := range words {
		if len(x.postings[w]) > maxPostings {
			continue
		}
		for _, p := range x.postings[w] {
			x.sums[p.row] += float64(p.weight * v[w])
		}
	}
	best := -1
	for n, s := range x.sums {
		if s > 0 && (best < 0 || s > x.sums[best]) {
			best = n
		}
	}
	if best < 0 {
		return -1, 0
	}
	return x.rows[best], x.sums[best]
}

// maxPostings is in how many rows a word may be to be looked up: commoner ones say
// next to nothing and would take the longest.
const maxPostings = 4000

// maxNeighbourWords bounds what is read of a text.
const maxNeighbourWords = 4096

func wordCounts(text string) map[string]int {
	out := map[string]int{}
	words := 0
	for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' }) {
		if words++; words > maxNeighbourWords {
			break
		}
		out[w]++
	}
	return out
}

// Labels that embedded heads know.
var (
	techniqueLabel = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)
	weaknessLabel  = regexp.MustCompile(`^CWE-\d{1,5}$`)
)

// embeddedName returns which embedded head knows the labels, "" for none.
func embeddedName(labels []string) string {
	for name, pattern := range map[string]*regexp.Regexp{"attack": techniqueLabel, "cwe": weaknessLabel} {
		if !slices.ContainsFunc(labels, func(l string) bool { return !pattern.MatchString(l) }) {
			return name
		}
	}
	return ""
}

// embedded answers with the embedded head for the labels, if there is one.
func (j *job) embedded() (*Candidate, error) {
	name := embeddedName(j.labels)
	if name == "" {
		return nil, nil
	}
	h, err := head.Open(name)
	if err != nil {
		return nil, err
	}
	c := &Candidate{Name: "embedded " + name, About: fmt.Sprintf("The embedded classifier %q as it is.", name), Baseline: true}
	if why := j.sawBy(name, j.parts.Test); why != "" {
		c.Skipped = why
		return c, nil
	}
	c.Evaluation = j.evaluation(c.Name)
	for n, i := range j.parts.Test {
		opinion := tuned.Opinion(h, j.table.Rows[i].Text)
		best := slices.MaxFunc(j.labels, func(a, b string) int {
			return cmp.Or(cmp.Compare(opinion[a], opinion[b]), cmp.Compare(b, a))
		})
		r := &c.Evaluation.Rows[n]
		if r.P = opinion[best]; r.P > 0 {
			r.Answer = []string{best}
		}
	}
	return c, nil
}

// sawBy says why the answers of an embedded head to rows do not count, or nothing
// if they do.
func (j *job) sawBy(name string, rows []int) string {
	texts := make([]string, len(rows))
	for n, i := range rows {
		texts[n] = j.table.Rows[i].Text
	}
	share, saw, known := head.Saw(name, texts)
	switch {
	case saw:
		return fmt.Sprintf("it was trained on public texts, and of these rows about %.0f %% are among them: what it says of them is worth nothing", 100*share)
	case !known:
		return "it was trained on public texts, and the rows are too few or too short to tell whether they are among them"
	}
	return ""
}
