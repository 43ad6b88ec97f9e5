package head

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// joint decides several parts together. The model has a group a part, whose
// labels exclude one another, and then a group of the combinations that occur.
// The probability of a combination is the geometric mean of what its own group
// and the parts say: the group knows which parts go together, the parts are
// learnt from more texts. Combinations that training never saw are not given.
type joint struct {
	model     *lexical.Model
	parts     []lexical.Group
	labels    []string
	members   [][]uint8 // of each combination, the label of each part
	all       []int     // 0, 1, 2 … of the combinations
	sharpness []float64 // of each style, what the logarithm of the mean is multiplied by
}

// NoteSharpness is where Info.Note holds the sharpness of each style, numbers
// with commas between; those that are missing are the first.
const NoteSharpness = "sharpness"

const maxParts = 16

// newJoint reads the combinations from their labels, "part:label/part:label".
func newJoint(m *lexical.Model) (*joint, error) {
	groups := m.Config().Groups
	if len(groups) < 2 || len(groups) > maxParts {
		return nil, fmt.Errorf("%d groups, want a group a part and one of combinations", len(groups))
	}
	j := &joint{model: m, parts: groups[:len(groups)-1], labels: groups[len(groups)-1].Labels}
	for _, label := range j.labels {
		fields := strings.Split(label, "/")
		member := make([]uint8, len(j.parts))
		if len(fields) != len(j.parts) {
			return nil, fmt.Errorf("combination %q has not %d parts", label, len(j.parts))
		}
		for i, f := range fields {
			name, value, _ := strings.Cut(f, ":")
			k := slices.Index(j.parts[i].Labels, value)
			if name != j.parts[i].Name || k < 0 || k > math.MaxUint8 {
				return nil, fmt.Errorf("combination %q: %q is no label of %q", label, f, j.parts[i].Name)
			}
			member[i] = uint8(k)
		}
		j.all = append(j.all, len(j.members))
		j.members = append(j.members, member)
	}
	err := j.sharpen(m.Info().Note[NoteSharpness], max(1, len(m.Config().Styles)))
	return j, err
}

// sharpen reads the sharpness of so many styles.
func (j *joint) sharpen(text string, styles int) error {
	if text == "" {
		text = "1"
	}
	for field := range strings.SplitSeq(text, ",") {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil || !(v > 0 && v < 100) || len(j.sharpness) == styles {
			return fmt.Errorf("sharpness %q: want at most %d numbers between 0 and 100", text, styles)
		}
		j.sharpness = append(j.sharpness, v)
	}
	for len(j.sharpness) < styles {
		j.sharpness = append(j.sharpness, j.sharpness[0])
	}
	return nil
}

// probabilities fills out with those of the combinations, given their sharpness
// and the probabilities p of all outputs of the model. Where some is not nil, the
// combinations that it does not list are taken to be impossible.
func (j *joint) probabilities(out []float64, sharpness float64, p []float32, some []int) {
	const negligible = -40 // under the top one: nothing in a sum of float64
	var logs [maxParts][]float64
	var room [256]float64
	used := 0
	for i, part := range j.parts {
		from, n := j.model.Offset(i), len(part.Labels)
		if used+n > len(room) {
			logs[i] = make([]float64, n)
		} else {
			logs[i] = room[used:][:n]
			used += n
		}
		for k := range logs[i] {
			logs[i][k] = logOf(p[from+k])
		}
	}
	own := p[j.model.Offset(len(j.parts)):]
	if some == nil {
		some = j.all
	}
	top := math.Inf(-1)
	for _, c := range some {
		sum := logOf(own[c])
		for i, k := range j.members[c] {
			sum += logs[i][k]
		}
		out[c] = sum * sharpness / 2
		top = max(top, out[c])
	}
	total := 0.0
	for _, c := range some {
		x := out[c] - top
		out[c] = 0
		if x > negligible {
			out[c] = math.Exp(x)
			total += out[c]
		}
	}
	for _, c := range some {
		out[c] /= total
	}
}

// leastProbability bounds logarithms; logLeast is its own.
const leastProbability = 1e-9

var logLeast = math.Log(leastProbability)

func logOf(p float32) float64 {
	if p == 0 {
		return logLeast
	}
	return math.Log(float64(p) + leastProbability)
}

// fill writes the combination best into a decision, by its name in names.
func (j *joint) fill(d *Decision, s *lexical.Scores, p []float64, best int, names []string, opt Options) {
	d.Label, d.P = names[best], p[best]
	for _, c := range strongest(p, min(opt.Alternatives, maxAlternatives)+1) {
		if c != best && len(d.Alternatives) < opt.Alternatives {
			d.Alternatives = append(d.Alternatives, Alternative{names[c], p[c]})
		}
	}
	for i, part := range j.parts {
		d.Parts = append(d.Parts, j.part(s, i, part, int(j.members[best][i])))
	}
	if opt.Because <= 0 {
		return
	}
	outputs := []lexical.Output{{Group: len(j.parts), Label: best}}
	for i, k := range j.members[best] {
		outputs = append(outputs, lexical.Output{Group: i, Label: int(k)})
	}
	const remote = 1e-3 // of the second likeliest: without one word, too, as good as impossible
	least := p[strongest(p, 2)[min(1, len(p)-1)]] * remote
	var near []int
	for c, x := range p {
		if x >= least || c == best {
			near = append(near, c)
		}
	}
	again := make([]float64, len(p))
	d.Because = reasons(j.model, s, opt.Because, outputs, func(all []float32) float64 {
		j.probabilities(again, j.sharpness[s.Style()], all, near)
		return logit(again[best])
	})
}

// part returns a part with what else it could be.
func (j *joint) part(s *lexical.Scores, i int, group lexical.Group, label int) Part {
	p := s.P(i)
	out := Part{Name: group.Name, Label: group.Labels[label], P: float64(p[label]), Alternatives: []Alternative{}}
	for k := range p {
		if k != label {
			out.Alternatives = append(out.Alternatives, Alternative{group.Labels[k], float64(p[k])})
		}
	}
	slices.SortStableFunc(out.Alternatives, func(a, b Alternative) int { return cmp.Compare(b.P, a.P) })
	return out
}

// strongest returns the indices of the n largest of p, the largest first.
func strongest(p []float64, n int) []int {
	out := make([]int, 0, n+1)
	for k := range p {
		i := len(out)
		for i > 0 && p[k] > p[out[i-1]] {
			i--
		}
		if i < n {
			out = slices.Insert(out, i, k)
			out = out[:min(n, len(out))]
		}
	}
	return out
}

func logit(p float64) float64 {
	p = min(1-leastProbability, max(leastProbability, p))
	return math.Log(p / (1 - p))
}
