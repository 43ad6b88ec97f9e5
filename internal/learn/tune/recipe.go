package tune

import (
	"cmp"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/model/lexical"
	"github.com/casemate-ai/casemate/internal/model/linear"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// recipe is a way to train.
type recipe struct {
	name, about string
	// train learns from rows of the table. Told, if not nil, is called with the
	// loss now and then.
	train func(rows []int, told func(loss float64)) (trained, error)
}

// trained is a model that answers rows of the table.
type trained interface {
	// logits returns those of a row, uncalibrated, and the share of what the row
	// has that the model knows.
	logits(row int) (logits []float64, known float64)
	// finish puts the weights, and what the card must say of them, into place.
	finish(c *tuned.Card) (tuned.Weights, error)
}

// bins of a regression on words: it learns in which of them a number lies.
const regressionBins = 12

// quantiles puts numbers into bins of equally many, and returns the bin of each
// row and the mean of each bin.
func (j *job) quantiles(rows []int) (bin func(row int) int, means []float64) {
	values := make([]float64, len(rows))
	for n, i := range rows {
		values[n] = j.table.Rows[i].Value
	}
	most := max(2, min(regressionBins, len(rows)/8))
	edges := metric.Edges(values, most)
	place := func(v float64) int {
		at, found := slices.BinarySearch(edges, v)
		if found {
			at++
		}
		return at
	}
	sums, counts := make([]float64, len(edges)+1), make([]int, len(edges)+1)
	for _, v := range values {
		k := place(v)
		sums[k], counts[k] = sums[k]+v, counts[k]+1
	}
	// A bin without numbers is between two equal edges: it is left out.
	index := make([]int, len(sums))
	for k, n := range counts {
		index[k] = len(means)
		if n > 0 {
			means = append(means, sums[k]/float64(n))
		}
	}
	return func(row int) int { return min(index[place(j.table.Rows[row].Value)], len(means)-1) }, means
}

// wordRecipes are those on the embedded encoder, the plainest first.
func (j *job) wordRecipes() ([]recipe, error) {
	plain := lexical.Config{Features: lexical.Features{Pairs: true, Bits: 18, MinDocs: 2}, Dim: 64}
	rich := lexical.Config{Features: lexical.Features{Pairs: true, Affixes: true, Pieces: true, Bits: 18, MinDocs: 2}, Dim: 64, Epochs: 20}
	out := []recipe{
		j.lexicalRecipe("words", "A layer on words and pairs of words, as it is.", plain),
		j.lexicalRecipe("pieces", "A layer on words, pairs of words and pieces of words.", rich),
	}
	if j.task == tuned.TaskMulti {
		rare := rich
		rare.Epochs, rare.Features.MinDocs = 40, 1
		return append(out, j.lexicalRecipe("pieces, longer", "A layer on words, pairs of words and pieces of words, rare ones too, trained twice as long.", rare)), nil
	}
	h, err := head.Open("attack")
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		name         string
		share, prior float32
	}{{"vectors", 0.6, 0.01}, {"vectors, rare labels raised", 0.6, -0.4}, {"vectors, much", 1, -0.2}} {
		out = append(out, j.linearRecipe(c.name, "A layer on words, stems, pairs and pieces of words, and on the mean of word vectors that were learnt from published text without labels.",
			h.Vectors(), linear.Config{Epochs: 20, Share: c.share, Prior: c.prior}))
	}
	return out, nil
}

// outputs returns the labels of a model of words, the output of each row, and, for
// numbers, what outputs stand for.
func (j *job) outputs(rows []int) (labels []string, of func(row int) []int, values []float64) {
	if j.task == tuned.TaskRegression {
		bin, means := j.quantiles(rows)
		for k := range means {
			labels = append(labels, fmt.Sprint(k))
		}
		return labels, func(row int) []int { return []int{bin(row)} }, means
	}
	return j.labels, func(row int) []int { return j.sets[row] }, nil
}

func (j *job) lexicalRecipe(name, about string, c lexical.Config) recipe {
	return recipe{name, about, func(rows []int, told func(float64)) (trained, error) {
		labels, of, values := j.outputs(rows)
		c := c // folds train at the same time
		c.Name, c.Seed = j.o.Name, j.o.Seed
		c.Groups = []lexical.Group{{Name: "answer", Labels: labels, Multi: j.task == tuned.TaskMulti}}
		examples := make([]lexical.Example, len(rows))
		for n, i := range rows {
			examples[n].Text = j.table.Rows[i].Text
			for _, k := range of(i) {
				examples[n].Targets = append(examples[n].Targets, lexical.Target{Label: k})
			}
			if len(examples[n].Targets) == 0 {
				examples[n].Targets = []lexical.Target{{Label: -1}} // none holds
			}
		}
		m, err := lexical.Train(examples, c, func(_ int, loss float64) { tellLoss(told, loss) })
		if err != nil {
			return nil, err
		}
		return &lexicalModel{j, m, values}, nil
	}}
}

func tellLoss(told func(float64), loss float64) {
	if told != nil {
		told(loss)
	}
}

type lexicalModel struct {
	j      *job
	m      *lexical.Model
	values []float64
}

func (x *lexicalModel) logits(row int) ([]float64, float64) {
	s := x.m.Borrow()
	defer x.m.Return(s)
	x.m.Read(s, x.j.table.Rows[row].Text, 0)
	return x.j.wide(s.Logits(0), x.values), float64(s.Known) / float64(max(1, s.Total))
}

func (x *lexicalModel) finish(c *tuned.Card) (tuned.Weights, error) {
	c.Encoder, c.Values = tuned.EncoderLexical, x.values
	return tuned.Weights{Lexical: x.m}, nil
}

func (j *job) linearRecipe(name, about string, v *linear.Vectors, c linear.Config) recipe {
	return recipe{name, about, func(rows []int, told func(float64)) (trained, error) {
		labels, of, values := j.outputs(rows)
		c := c // folds train at the same time
		c.Name, c.Seed = j.o.Name, j.o.Seed
		c.Groups = []linear.Group{{Name: "answer", Labels: labels}}
		examples := make([]linear.Example, len(rows))
		for n, i := range rows {
			examples[n] = linear.Example{Text: j.table.Rows[i].Text, Labels: of(i)}
		}
		m, err := linear.Train(examples, v, c, func(_ int, loss float64) { tellLoss(told, loss) })
		if err != nil {
			return nil, err
		}
		return &linearModel{j, m, values}, nil
	}}
}

type linearModel struct {
	j      *job
	m      *linear.Model
	values []float64
}

func (x *linearModel) logits(row int) ([]float64, float64) {
	s := x.m.Borrow()
	defer x.m.Return(s)
	x.m.Read(s, x.j.table.Rows[row].Text, 0)
	return x.j.wide(s.Logits(), x.values), float64(s.Known) / float64(max(1, s.Words))
}

func (x *linearModel) finish(c *tuned.Card) (tuned.Weights, error) {
	c.Encoder, c.Values = tuned.EncoderLexical, x.values
	return tuned.Weights{Linear: x.m}, nil
}

// wide turns what a model of words says of a row into logits, or, for numbers,
// into the one number that its outputs mean.
func (j *job) wide(logits []float32, values []float64) []float64 {
	out := make([]float64, len(logits))
	for k, x := range logits {
		out[k] = float64(x)
	}
	if values == nil {
		return out
	}
	sum := 0.0
	for k, p := range tuned.Softmax(out) {
		sum += float64(p * values[k])
	}
	return []float64{sum}
}

// held is the answers to the rows to learn from, each by a model that saw nothing
// of the row's group.
type held struct {
	logits [][]float64 // of each of job.learn
	known  []float64
	scores []float64 // of each, as outcome.Evaluation.Score has it
}

// cross trains a recipe once a fold and answers the rows of the fold. Keep, if not
// nil, chooses the rows to learn from among those outside of the fold.
func (j *job) cross(r recipe, keep func(row int) bool, done func()) (*held, error) {
	h := &held{make([][]float64, len(j.learn)), make([]float64, len(j.learn)), make([]float64, len(j.learn))}
	err := parallel(folds, func(f int) error {
		if err := j.ctx.Err(); err != nil {
			return err
		}
		defer done()
		var rows []int
		for n, i := range j.learn {
			if j.fold[n] != f && (keep == nil || keep(i)) {
				rows = append(rows, i)
			}
		}
		if len(rows) == 0 {
			return fmt.Errorf("train %q: no rows outside of a fold", r.name)
		}
		var told func(float64)
		if f == 0 {
			told = j.tell.loss
		}
		m, err := r.train(rows, told)
		if err != nil {
			return err
		}
		for n, i := range j.learn {
			if j.fold[n] == f {
				h.logits[n], h.known[n] = m.logits(i)
				h.scores[n] = j.score(i, h.logits[n])
			}
		}
		return nil
	})
	return h, err
}

// score returns how good the answer of uncalibrated logits to a row is.
func (j *job) score(row int, logits []float64) float64 {
	switch j.task {
	case tuned.TaskRegression:
		return -math.Abs(logits[0] - j.table.Rows[row].Value)
	case tuned.TaskMulti:
		both, given := 0, 0
		for k, x := range logits {
			if x >= 0 {
				given++
				if slices.Contains(j.sets[row], k) {
					both++
				}
			}
		}
		if given+len(j.sets[row]) == 0 {
			return 1
		}
		return 2 * float64(both) / float64(given+len(j.sets[row]))
	}
	if j.answer(logits) == j.classes[row] {
		return 1
	}
	return 0
}

// answer returns the label of logits: the likeliest, or, of ordered labels, the
// one in the middle.
func (j *job) answer(logits []float64) int {
	if j.task != tuned.TaskOrdinal {
		return argmax(logits)
	}
	return tuned.Median(tuned.Softmax(logits))
}

func argmax(x []float64) int {
	best := 0
	for k := range x {
		if x[k] > x[best] {
			best = k
		}
	}
	return best
}

// mean returns the mean score with its interval over groups.
func (j *job) mean(h *held) metric.Estimate {
	return metric.Grouped(j.groupsOf(j.learn), average(h.scores))
}

// parallel calls do for 0 to n−1 on as many goroutines as there are processors.
// Each call has results of its own, so that their order does not matter; of
// several errors the first by number is returned.
func parallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	var running sync.WaitGroup
	for i := range n {
		turn <- struct{}{}
		running.Go(func() {
			errs[i] = do(i)
			<-turn
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// choose trains every recipe by cross-validation and returns the best by its mean
// score; of equals the plainest, which comes first. A later recipe must be better
// than the best so far by a tenth of a point, lest noise choose.
func (j *job) choose(recipes []recipe) (best int, all []*held, err error) {
	const least = 0.001
	all = make([]*held, len(recipes))
	means := make([]float64, len(recipes))
	done := 0
	for n, r := range recipes {
		all[n], err = j.cross(r, nil, func() {
			j.tell.lock.Lock()
			done++
			now := done
			j.tell.lock.Unlock()
			j.tell.within(shareChoose, "trying "+r.name, now, folds*len(recipes))
		})
		if err != nil {
			return 0, nil, err
		}
		for _, s := range all[n].scores {
			means[n] += s / float64(len(j.learn))
		}
		if n > 0 && cmp.Compare(means[n], means[best]+least*math.Abs(means[best])) > 0 {
			best = n
		}
	}
	return best, all, nil
}
