package registry

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// What a watch may say.
const (
	StateStable  = "stable"
	StateLook    = "look"    // changed beyond chance, not yet by much
	StateDrifted = "drifted" // changed by much
	StateFew     = "too few to tell"
)

// The bounds of the population stability index that practice has, and the chances
// of a false alarm of a whole watch, which all its checks share.
//
// Source: Yurdakul 2018, Western Michigan University, Statistical Properties of
// Population Stability Index.
const (
	someChange  = 0.1
	muchChange  = 0.25
	lookChance  = 0.05 // of a watch that says "look" though nothing changed
	driftChance = 0.01
	checks      = 5  // that share the chances, about
	leastLive   = 20 // rows below which nothing is said
	leastBin    = 5  // expected items of a bin of labels; rarer labels are counted as one
)

// Drift is what a watch found.
type Drift struct {
	State  string  `json:"state"`
	Says   string  `json:"says"` // in sentences
	Rows   int     `json:"rows"`
	Needed int     `json:"needed,omitzero"` // rows, where there are too few
	Checks []Check `json:"checks"`
	// Calibration is there if enough rows have true labels.
	Calibration *Calibration `json:"calibration,omitempty"`
	Notes       []string     `json:"notes,omitempty"`
}

// Check is one comparison of live inputs with the reference.
type Check struct {
	Name  string `json:"name"` // "labels", "confidence", "length", "known words", "abstention"
	About string `json:"about"`
	State string `json:"state"`
	// Index is the population stability index, P the chance of so large a one if
	// nothing has changed. Needed is how many rows would tell much change from none.
	Index  float64 `json:"index"`
	P      float64 `json:"p"`
	Needed int     `json:"needed,omitzero"`
	Bins   []Bin   `json:"bins"`
}

// Bin is a part of what is compared, with its share of both.
type Bin struct {
	Name      string  `json:"name"`
	Reference float64 `json:"reference"`
	Live      float64 `json:"live"`
}

// Calibration is how far stated probabilities are from what came true.
type Calibration struct {
	Rows     int             `json:"rows"`
	Stated   float64         `json:"stated"` // mean probability
	Right    metric.Estimate `json:"right"`
	ECE      float64         `json:"ece"`
	P        float64         `json:"p"` // of so large a gap between Stated and Right if there is none
	State    string          `json:"state"`
	Bins     []Reliability   `json:"bins"`
	Expected float64         `json:"expected,omitzero"` // accuracy in the evaluation
}

// Reliability is the rows of one range of stated probabilities.
type Reliability struct {
	Low    float64         `json:"low"`
	High   float64         `json:"high"`
	Rows   int             `json:"rows"`
	Stated float64         `json:"stated"`
	Right  metric.Estimate `json:"right"`
}

// Watch compares live inputs with a reference. Its false alarms are bounded: where
// nothing changed, it says more than stable about once in twenty times, and
// drifted at most once in a hundred, all checks together.
func Watch(ref *outcome.Reference, live []Live) *Drift {
	observed := make([]outcome.Observed, len(live))
	for i := range live {
		observed[i] = live[i].Observed
	}
	counts := ref.Counts(observed)
	labels, abstained := outcome.Answers(observed)
	d := &Drift{Rows: len(live)}
	alike := outcome.Alike{}
	if ref.Alike != nil {
		alike = *ref.Alike
	}
	names, expected, seen := labelBins(ref.Labels, labels)
	d.add("labels", "how often each label is answered", names, expected, seen, alike.Labels)
	d.add("confidence", "the probability of the answers", ranges(ref.Confidence.Edges, "%.2f"), ref.Confidence.Counts, counts.Confidence, alike.Confidence)
	d.add("length", "words of a text", ranges(ref.Length.Edges, "%.0f"), ref.Length.Counts, counts.Length, alike.Length)
	d.add("known words", "share of a text's words that the training had", ranges(ref.Known.Edges, "%.2f"), ref.Known.Counts, counts.Known, alike.Known)
	d.add("abstention", "how often it abstains", []string{"answered", "abstained"}, []int{ref.Rows - ref.Abstained, ref.Abstained}, []int{len(live) - abstained, abstained}, alike.Abstained)
	if ref.Values != nil {
		d.add("values", "the numbers that it answers", ranges(ref.Values.Edges, "%.4g"), ref.Values.Counts, counts.Values, alike.Values)
	}
	d.judge(ref)
	d.calibrate(live)
	d.conclude()
	return d
}

// labelBins lines up the labels of both sides; those that are rare in the
// reference and new ones count as one.
func labelBins(reference, live map[string]int) (names []string, a, b []int) {
	total := 0
	for _, n := range reference {
		total += n
	}
	all := make([]string, 0, len(reference))
	for l, n := range reference {
		if n >= leastBin {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(x, y string) int {
		return cmp.Or(reference[y]-reference[x], strings.Compare(x, y))
	})
	if len(all) > maxLabelBins {
		all = all[:maxLabelBins]
	}
	restA, restB := total, 0
	for _, n := range live {
		restB += n
	}
	for _, l := range all {
		name := l
		if name == "" {
			name = "(none)"
		}
		names, a, b = append(names, name), append(a, reference[l]), append(b, live[l])
		restA, restB = restA-reference[l], restB-live[l]
	}
	if restA > 0 || restB > 0 {
		names, a, b = append(names, "(all others)"), append(a, restA), append(b, restB)
	}
	return names, a, b
}

// maxLabelBins is how many labels are compared by themselves.
const maxLabelBins = 20

// ranges names the bins between edges.
func ranges(edges []float64, format string) []string {
	if len(edges) == 0 {
		return []string{"all"}
	}
	write := func(x float64) string { return fmt.Sprintf(format, x) }
	out := []string{"under " + write(edges[0])}
	for i := 1; i < len(edges); i++ {
		out = append(out, write(edges[i-1])+" to "+write(edges[i]))
	}
	return append(out, write(edges[len(edges)-1])+" and over")
}

// add makes a check of counts, of which alike rows are worth one. It has no state
// yet.
func (d *Drift) add(name, about string, names []string, reference, live []int, alike float64) {
	alike = max(1, alike)
	c := Check{Name: name, About: about}
	var a, b []int
	sumA, sumB := 0, 0
	for i := range reference {
		if reference[i]+live[i] == 0 {
			continue // neither has any
		}
		a, b = append(a, reference[i]), append(b, live[i])
		c.Bins = append(c.Bins, Bin{Name: names[i]})
		sumA, sumB = sumA+reference[i], sumB+live[i]
	}
	for i := range a {
		c.Bins[i].Reference, c.Bins[i].Live = float64(a[i])/float64(max(1, sumA)), float64(b[i])/float64(max(1, sumB))
	}
	c.P = 1
	if len(a) > 1 && sumA > 0 && sumB > 0 {
		c.Index, _ = metric.Stability(a, b)
		c.P = homogeneity(a, b, alike)
		c.Needed = needed(float64(sumA)/alike, len(a)-1)
		if c.Needed > 0 {
			c.Needed = int(math.Ceil(float64(c.Needed) * alike))
		}
	}
	d.Checks = append(d.Checks, c)
}

// judge gives each check its state.
func (d *Drift) judge(ref *outcome.Reference) {
	n := float64(len(d.Checks))
	var never []string // that no number of live rows can tell
	for i := range d.Checks {
		c := &d.Checks[i]
		switch {
		case d.Rows < leastLive:
			c.State, c.Needed = StateFew, max(c.Needed, leastLive)
		case c.P < driftChance/n && c.Index >= muchChange:
			c.State = StateDrifted
		case c.P < lookChance/n && c.Index >= someChange:
			c.State = StateLook
		case c.Needed < 0:
			c.State = StateFew
			c.Needed = 0
			never = append(never, c.Name)
		case d.Rows < c.Needed:
			c.State = StateFew
		default:
			c.State, c.Needed = StateStable, 0
		}
	}
	d.noteAlike(ref)
	if len(never) > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("The head was tested on too few rows (%d) to tell much change of %s from chance, however many live rows there are.", ref.Rows, join(never)))
	}
}

// noteAlike says where rows of a group are so alike that they tell much less than
// their number.
func (d *Drift) noteAlike(ref *outcome.Reference) {
	const much = 2
	if a := ref.Alike; a != nil {
		if most := max(a.Labels, a.Confidence, a.Length, a.Known, a.Abstained, a.Values); most >= much {
			d.Notes = append(d.Notes, fmt.Sprintf("Rows of a group are alike, so that %.1f of them tell no more than one: a change is said where it is more than that of one group from the next.", most))
		}
	}
}

// needed returns how many live rows it takes to see much change against so large a
// reference, or -1 where no number does: the index that chance alone reaches must
// be below the bound.
func needed(reference float64, free int) int {
	quantile := chiSquareQuantile(lookChance/checks, free)
	room := muchChange/quantile - 1/reference
	if room <= 0 {
		return -1
	}
	return max(leastLive, int(math.Ceil(1/room)))
}

// homogeneity returns the chance of counts as different as a and b if both are
// drawn from the same bins and so many rows are worth one: Pearson's chi-square. The index itself has the same
// distribution where counts are large; where they are small its logarithms make it
// too large.
func homogeneity(a, b []int, alike float64) float64 {
	sumA, sumB := 0.0, 0.0
	for i := range a {
		sumA, sumB = sumA+float64(a[i]), sumB+float64(b[i])
	}
	x := 0.0
	for i := range a {
		both := float64(a[i]+b[i]) / (sumA + sumB)
		da, db := float64(a[i])-both*sumA, float64(b[i])-both*sumB
		x += da*da/(both*sumA) + db*db/(both*sumB)
	}
	return chiSquareTail(x/alike, len(a)-1)
}

// chiSquareTail returns the chance that chi-square with so many degrees of freedom
// exceeds x.
//
// Source: Wilson and Hilferty 1931, PNAS 17.
func chiSquareTail(x float64, free int) float64 {
	if x <= 0 {
		return 1
	}
	if free == 1 {
		return math.Erfc(math.Sqrt(x / 2))
	}
	f := float64(free)
	z := (math.Cbrt(x/f) - (1 - 2/(9*f))) / math.Sqrt(2/(9*f))
	return 0.5 * math.Erfc(z/math.Sqrt2)
}

// chiSquareQuantile returns what chi-square exceeds with chance p, by halving.
func chiSquareQuantile(p float64, free int) float64 {
	low, high := 0.0, 1000.0+10*float64(free)
	for range 60 {
		if mid := (low + high) / 2; chiSquareTail(mid, free) > p {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// calibrate compares stated probabilities with what came true.
func (d *Drift) calibrate(live []Live) {
	var p []float64
	var right []bool
	for i := range live {
		if live[i].Labelled && len(live[i].Answer) == 1 {
			p, right = append(p, live[i].P), append(right, slices.Equal(live[i].Answer, live[i].Truth))
		}
	}
	if len(p) == 0 {
		return
	}
	c := &Calibration{Rows: len(p), ECE: metric.ECE(p, right)}
	hits, spread := 0, 0.0
	for i := range p {
		c.Stated += p[i] / float64(len(p))
		spread += p[i] * (1 - p[i])
		if right[i] {
			hits++
		}
	}
	c.Right = metric.Proportion(hits, len(p))
	// If the stated probabilities hold, the number right has their sum as its mean
	// and the sum of p(1-p) as its variance.
	gap := float64(hits) - c.Stated*float64(len(p))
	c.P = 1
	if spread > 0 {
		c.P = math.Erfc(math.Abs(gap) / math.Sqrt(2*spread))
	} else if gap != 0 {
		c.P = 0
	}
	c.Bins = reliability(p, right)
	far := math.Abs(gap) / float64(len(p))
	switch {
	case len(p) < leastLive:
		c.State = StateFew
	case c.P < driftChance && far >= 0.1:
		c.State = StateDrifted
	case c.P < driftChance && far >= 0.03:
		c.State = StateLook
	default:
		c.State = StateStable
	}
	d.Calibration = c
}

// reliability cuts stated probabilities into ten ranges.
func reliability(p []float64, right []bool) []Reliability {
	const bins = 10
	var out []Reliability
	for b := range bins {
		low, high := float64(b)/bins, float64(b+1)/bins
		r := Reliability{Low: low, High: high}
		hits := 0
		for i := range p {
			if min(bins-1, int(p[i]*bins)) != b {
				continue
			}
			r.Rows++
			r.Stated += p[i]
			if right[i] {
				hits++
			}
		}
		if r.Rows > 0 {
			r.Stated /= float64(r.Rows)
			r.Right = metric.Proportion(hits, r.Rows)
			out = append(out, r)
		}
	}
	return out
}

// conclude makes one state of all checks, and words.
func (d *Drift) conclude() {
	by := map[string][]string{}
	for _, c := range d.Checks {
		by[c.State] = append(by[c.State], c.Name)
		if c.State == StateFew {
			d.Needed = max(d.Needed, c.Needed)
		}
	}
	if c := d.Calibration; c != nil {
		by[c.State] = append(by[c.State], "calibration")
	}
	var says []string
	switch {
	case len(by[StateDrifted]) > 0:
		d.State = StateDrifted
		says = append(says, "The live inputs are no longer like those that the head was tested on: "+join(by[StateDrifted])+" changed much. Label some of them and train again.")
	case len(by[StateLook]) > 0:
		d.State = StateLook
		says = append(says, "The live inputs changed beyond chance, not by much: look at "+join(by[StateLook])+".")
	case len(by[StateFew]) > 0 && len(by[StateFew]) >= len(by[StateStable]):
		d.State = StateFew
		says = append(says, fmt.Sprintf("%d rows are too few to tell.", d.Rows))
		if d.Needed > d.Rows {
			says = append(says, fmt.Sprintf("Bring at least %d.", d.Needed))
		}
	default:
		d.State = StateStable
		says = append(says, "The live inputs are like those that the head was tested on.")
		if few := by[StateFew]; len(few) > 0 {
			says = append(says, fmt.Sprintf("Of %s %d rows are too few to tell.", join(few), d.Rows))
			if d.Needed > d.Rows {
				says = append(says, fmt.Sprintf("Bring at least %d.", d.Needed))
			}
		}
	}
	if c := d.Calibration; c != nil && c.State != StateFew {
		says = append(says, fmt.Sprintf("Of %d rows with their true label %.1f %% were answered rightly, where the head states %.1f %% on average.", c.Rows, 100*c.Right.Value, 100*c.Stated))
	}
	d.Says = strings.Join(says, " ")
}

func join(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
