package head

import (
	"fmt"
	"math"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/lexical"
)

// vector is the cvss head: the metrics of a base vector together.
//
// It gives the vector that loses least: the expected distance of its score from
// the true one, less exactness times its probability. The likeliest vector alone
// is exact a little more often and further off when it is not.
type vector struct {
	*joint
	names  []string  // CVSS:3.1/AV:N/…
	scores []float64 // of each combination
	tenths []uint8   // the same, in tenths
}

// exactness is how much of a score point an exact vector is worth.
const exactness = 1.0

const vectorPrefix = "CVSS:3.1/"

func newVector(m *lexical.Model) (decider, error) {
	j, err := newJoint(m)
	if err != nil {
		return nil, err
	}
	v := &vector{joint: j}
	for _, label := range j.labels {
		score, err := BaseScore(vectorPrefix + label)
		if err != nil {
			return nil, err
		}
		v.names = append(v.names, vectorPrefix+label)
		v.scores = append(v.scores, score)
		v.tenths = append(v.tenths, uint8(math.Round(score*10)))
	}
	return v, nil
}

func (v *vector) decide(d *Decision, s *lexical.Scores, opt Options) {
	p := make([]float64, len(v.labels))
	// The sharpness is fitted to what is given, so what is given must not depend
	// on it.
	v.probabilities(p, 1, s.All(), nil)
	best := v.best(p)
	v.probabilities(p, v.sharpness[s.Style()], s.All(), nil)
	v.fill(d, s, p, best, v.names, opt)
	score := v.scores[best]
	d.Score = &score
}

// best returns the vector that loses least.
func (v *vector) best(p []float64) int {
	const steps = 101 // scores are tenths from 0 to 10
	var mass, loss [steps]float64
	total := 0.0
	for c, x := range p {
		mass[v.tenths[c]] += x
		loss[0] += x * v.scores[c]
		total += x
	}
	// A step up is a tenth further from all that lies below, and nearer to the
	// rest.
	below := 0.0
	for at := 1; at < steps; at++ {
		below += mass[at-1]
		loss[at] = loss[at-1] + (2*below-total)/10
	}
	best, least := 0, math.Inf(1)
	for c, x := range p {
		if l := loss[v.tenths[c]] - exactness*x; l < least {
			best, least = c, l
		}
	}
	return best
}

// metric is a base metric of CVSS 3.1: its name and its values with what they
// weigh.
type metric struct {
	name   string
	values string
	weight []float64
}

var metrics = []metric{
	{"AV", "NALP", []float64{0.85, 0.62, 0.55, 0.2}},
	{"AC", "LH", []float64{0.77, 0.44}},
	{"PR", "NLH", []float64{0.85, 0.62, 0.27}},
	{"UI", "NR", []float64{0.85, 0.62}},
	{"S", "UC", []float64{0, 1}},
	{"C", "NLH", []float64{0, 0.22, 0.56}},
	{"I", "NLH", []float64{0, 0.22, 0.56}},
	{"A", "NLH", []float64{0, 0.22, 0.56}},
}

// privilegesChanged are the weights of PR where the scope is changed.
var privilegesChanged = []float64{0.85, 0.68, 0.5}

// Metrics returns the names of the base metrics of CVSS 3.1, and the values of
// each, in the order of a vector.
func Metrics() (names []string, values [][]string) {
	for _, m := range metrics {
		names = append(names, m.name)
		values = append(values, strings.Split(m.values, ""))
	}
	return names, values
}

// BaseVector returns the base metrics of a CVSS 3.0 or 3.1 vector, in their
// order: AV:N/AC:L/…; other metrics are left out.
func BaseVector(text string) (string, error) {
	const longest = 512
	rest, ok := strings.CutPrefix(text, "CVSS:3.")
	if !ok || len(rest) < 2 || len(rest) > longest || rest[1] != '/' || rest[0] != '0' && rest[0] != '1' {
		return "", fmt.Errorf("read vector: %.40q is not of CVSS 3.0 or 3.1", text)
	}
	have := map[string]string{}
	for f := range strings.SplitSeq(rest[2:], "/") {
		name, value, _ := strings.Cut(f, ":")
		if _, twice := have[name]; twice {
			return "", fmt.Errorf("read vector %q: %s is there twice", text, name)
		}
		have[name] = value
	}
	var out []string
	for _, m := range metrics {
		value := have[m.name]
		if len(value) != 1 || !strings.Contains(m.values, value) {
			return "", fmt.Errorf("read vector %q: %s is %q, want one of %q", text, m.name, value, m.values)
		}
		out = append(out, m.name+":"+value)
	}
	return strings.Join(out, "/"), nil
}

// BaseScore returns the base score, 0 to 10, of a CVSS 3.0 or 3.1 vector.
//
// Source: Common Vulnerability Scoring System version 3.1, section 7.1 and
// appendix A.
func BaseScore(text string) (float64, error) {
	base, err := BaseVector(text)
	if err != nil {
		return 0, err
	}
	var w [8]float64
	for i, f := range strings.Split(base, "/") {
		w[i] = metrics[i].weight[strings.IndexByte(metrics[i].values, f[len(f)-1])]
		if i == 4 && w[i] == 1 {
			w[2] = privilegesChanged[strings.IndexByte(metrics[2].values, base[strings.Index(base, "PR:")+3])]
		}
	}
	changed := w[4] == 1
	iss := 1 - (1-w[5])*(1-w[6])*(1-w[7])
	impact := 6.42 * iss
	if changed {
		impact = 7.52*(iss-0.029) - 3.25*math.Pow(iss-0.02, 15)
	}
	if impact <= 0 {
		return 0, nil
	}
	score := impact + 8.22*w[0]*w[1]*w[2]*w[3]
	if changed {
		score *= 1.08
	}
	return roundUp(min(score, 10)), nil
}

// roundUp rounds up to a tenth, whatever the last bits of a float are.
func roundUp(x float64) float64 {
	const unit = 10000
	n := int(math.Round(x * 10 * unit))
	if n%unit == 0 {
		return float64(n/unit) / 10
	}
	return float64(n/unit+1) / 10
}
