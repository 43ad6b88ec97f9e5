package registry_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
)

// world draws texts as live inputs come: long-tailed words, four labels.
type world struct {
	r        *rand.Rand
	unknown  float64 // share of words that the training lacks
	sure     float64 // added to the confidence
	rare     float64 // chance of the fourth label beyond its usual one
	longer   int     // words more
	abstains float64
}

func newWorld(seed uint64) *world { return &world{r: rand.New(rand.NewPCG(seed, 7)), abstains: 0.1} }

func (w *world) draw(n int) []registry.Live {
	out := make([]registry.Live, n)
	for i := range out {
		var words []string
		for range 3 + w.longer + w.r.IntN(12) {
			kind := "known"
			if w.r.Float64() < 0.1+w.unknown {
				kind = "new"
			}
			words = append(words, kind+strconv.Itoa(int(math.Pow(w.r.Float64(), 3)*400)))
		}
		label := []string{"a", "a", "a", "b", "b", "c", "c", "d"}[w.r.IntN(8)]
		if w.r.Float64() < w.rare {
			label = "d"
		}
		p := min(0.99, max(0.3, 0.75+w.sure+0.15*w.r.NormFloat64()))
		out[i].Observed = outcome.Observed{Text: strings.Join(words, " "), Answer: []string{label}, P: p, Abstain: w.r.Float64() < w.abstains}
	}
	return out
}

// label gives the rows true labels that the answers meet with chance p + shift.
func (w *world) label(live []registry.Live, shift float64) {
	for i := range live {
		live[i].Labelled, live[i].Truth = true, []string{"other"}
		if w.r.Float64() < live[i].P+shift {
			live[i].Truth = live[i].Answer
		}
	}
}

func reference(w *world, rows int) *outcome.Reference {
	var trained []string
	for i := range 400 {
		trained = append(trained, fmt.Sprint("known", i))
	}
	var held []outcome.Observed
	for _, l := range w.draw(rows) {
		held = append(held, l.Observed)
	}
	return outcome.NewReference(trained, held)
}

// TestFalseAlarms measures how often a watch says that something changed though
// nothing has, and prints it. Each trial draws a new reference and new live rows.
func TestFalseAlarms(t *testing.T) {
	const trials = 200
	for _, size := range [][2]int{{200, 50}, {400, 200}, {400, 600}} {
		said := map[string]int{}
		for i := range trials {
			w := newWorld(uint64(1000*i + size[0] + size[1]))
			said[registry.Watch(reference(w, size[0]), w.draw(size[1])).State]++
		}
		t.Logf("reference of %4d rows, %4d live: of %d watches %d say look, %d drifted, %d too few to tell", size[0], size[1], trials, said[registry.StateLook], said[registry.StateDrifted], said[registry.StateFew])
		// One in twenty and one in a hundred at most, with three standard errors.
		if alarms := said[registry.StateLook] + said[registry.StateDrifted]; alarms > 19 || said[registry.StateDrifted] > 6 {
			t.Errorf("%v rows: %d false alarms of %d, %d of them drifted", size, alarms, trials, said[registry.StateDrifted])
		}
	}
}

// TestReportsAreNoDrift watches rows of groups that are alike inside, such as the
// sentences of reports, where live ones are of other groups of the same kind.
func TestReportsAreNoDrift(t *testing.T) {
	const trials, size = 150, 25
	groups := func(w *world, n int) (live []registry.Live, of []int) {
		for g := range n {
			w.sure, w.longer, w.rare = 0.1*w.r.NormFloat64(), w.r.IntN(8), 0.6*w.r.Float64()
			live = append(live, w.draw(size)...)
			for range size {
				of = append(of, g)
			}
		}
		return live, of
	}
	alarms, drifted, blind := 0, 0, 0
	for i := range trials {
		w := newWorld(uint64(i))
		var trained []string
		for i := range 400 {
			trained = append(trained, fmt.Sprint("known", i))
		}
		rows, of := groups(w, 20)
		var held []outcome.Observed
		for _, l := range rows {
			held = append(held, l.Observed)
		}
		ref := outcome.NewReference(trained, held)
		now, _ := groups(w, 12)
		said := func() (int, int) {
			s := registry.Watch(ref, now).State
			return count(s != registry.StateStable && s != registry.StateFew), count(s == registry.StateDrifted)
		}
		any, _ := said()
		blind += any
		ref.Together(held, of)
		any, much := said()
		alarms, drifted = alarms+any, drifted+much
	}
	t.Logf("of %d watches %d say that something changed, %d of them drifted; %d if groups are not looked at", trials, alarms, drifted, blind)
	// Of so few groups the design effect itself is known roughly: more than one in
	// twenty, far from one in two.
	if alarms > trials/6 || drifted > trials/30 || blind < trials/4 {
		t.Errorf("of %d watches %d are false alarms, %d say drifted, %d without regard to groups", trials, alarms, drifted, blind)
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func TestDriftIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *world)
		check  string
		state  string
	}{
		"nothing":        {func(*world) {}, "", registry.StateStable},
		"new words":      {func(w *world) { w.unknown = 0.3 }, "known words", registry.StateDrifted},
		"less sure":      {func(w *world) { w.sure = -0.2 }, "confidence", registry.StateDrifted},
		"other labels":   {func(w *world) { w.rare = 0.5 }, "labels", registry.StateDrifted},
		"longer texts":   {func(w *world) { w.longer = 6 }, "length", registry.StateDrifted},
		"abstains often": {func(w *world) { w.abstains = 0.5 }, "abstention", registry.StateDrifted},
		"a little":       {func(w *world) { w.rare = 0.2 }, "labels", registry.StateLook},
	} {
		w := newWorld(3)
		ref := reference(w, 600)
		c.change(w)
		d := registry.Watch(ref, w.draw(800))
		if d.State != c.state {
			t.Errorf("%s: %s, want %s: %+v", name, d.State, c.state, d.Checks)
		}
		for _, check := range d.Checks {
			if check.Name == c.check && check.State != c.state {
				t.Errorf("%s: %s is %s (%.3f)", name, check.Name, check.State, check.Index)
			}
		}
		if c.check != "" && !strings.Contains(d.Says, c.check) {
			t.Errorf("%s: says %q", name, d.Says)
		}
	}
}

func TestTooFew(t *testing.T) {
	w := newWorld(5)
	ref := reference(w, 400)
	for _, n := range []int{0, 1, 5, 19} {
		d := registry.Watch(ref, w.draw(n))
		if d.State != registry.StateFew || d.Needed <= n || !strings.Contains(d.Says, "too few to tell") || !strings.Contains(d.Says, fmt.Sprint("at least ", d.Needed)) {
			t.Errorf("%d rows: %s, needed %d, %q", n, d.State, d.Needed, d.Says)
		}
	}
	d := registry.Watch(ref, w.draw(5))
	if again := registry.Watch(ref, w.draw(d.Needed)); again.State == registry.StateFew {
		t.Errorf("with the %d rows that were asked for it says %q", d.Needed, again.Says)
	}
	small := registry.Watch(reference(w, 12), w.draw(2000))
	if small.State != registry.StateFew || len(small.Notes) == 0 {
		t.Errorf("a reference of 12 rows: %s, %v", small.State, small.Notes)
	}
}

func TestWatchCalibration(t *testing.T) {
	for shift, want := range map[float64]string{0: registry.StateStable, -0.2: registry.StateDrifted, -0.06: registry.StateLook} {
		w := newWorld(11)
		ref := reference(w, 500)
		live := w.draw(1500)
		w.label(live, shift)
		d := registry.Watch(ref, live)
		c := d.Calibration
		if c == nil || c.State != want || c.Rows != 1500 || !strings.Contains(d.Says, "true label") {
			t.Errorf("answers right %+.2f as often as stated: %+v, want %s", shift, c, want)
			continue
		}
		rows := 0
		for _, b := range c.Bins {
			rows += b.Rows
			if b.Stated < b.Low || b.Stated > b.High || b.Right.Low > b.Right.High {
				t.Errorf("bin %+v", b)
			}
		}
		if rows != c.Rows {
			t.Errorf("the bins have %d rows of %d", rows, c.Rows)
		}
	}
	if d := registry.Watch(reference(newWorld(1), 500), newWorld(1).draw(100)); d.Calibration != nil {
		t.Error("calibration without a true label")
	}
}

func TestNewLabel(t *testing.T) {
	w := newWorld(2)
	ref := reference(w, 600)
	live := w.draw(600)
	for i := range live {
		if i%2 == 0 {
			live[i].Answer = []string{"brand new"}
		}
	}
	d := registry.Watch(ref, live)
	i := slices.IndexFunc(d.Checks, func(c registry.Check) bool { return c.Name == "labels" })
	if d.State != registry.StateDrifted || d.Checks[i].State != registry.StateDrifted {
		t.Errorf("half of the answers are a label that was never given: %s, %+v", d.State, d.Checks[i])
	}
}
