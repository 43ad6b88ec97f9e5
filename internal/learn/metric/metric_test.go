package metric_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/casemate-ai/casemate/internal/learn/metric"
)

// TestProportion compares with intervals worked by hand from Wilson's formula.
func TestProportion(t *testing.T) {
	for _, c := range []struct {
		hits, n         int
		value, low, top float64
	}{
		{0, 10, 0, 0, .2775},
		{5, 10, .5, .2366, .7634},
		{810, 1000, .81, .7845, .8331},
	} {
		e := metric.Proportion(c.hits, c.n)
		for _, d := range []float64{e.Value - c.value, e.Low - c.low, e.High - c.top} {
			if math.Abs(d) > 1e-4 {
				t.Errorf("Proportion(%d, %d) = %v, want %v (%v–%v)", c.hits, c.n, e, c.value, c.low, c.top)
			}
		}
	}
}

func TestBootstrapCoversTheMean(t *testing.T) {
	x := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	mean := func(items []int) float64 {
		s := 0.0
		for _, i := range items {
			s += x[i]
		}
		return s / float64(len(items))
	}
	e := metric.Bootstrap(len(x), mean)
	// The standard error of this mean is 0.91: the interval is near 5.5 ± 1.8.
	if e.Value != 5.5 || math.Abs(e.Low-3.75) > .25 || math.Abs(e.High-7.25) > .25 {
		t.Errorf("Bootstrap of 1 to 10 = %+v, want 5.5 within about 3.75 to 7.25", e)
	}
}

func TestECE(t *testing.T) {
	var p []float64
	var right []bool
	for i := range 3000 {
		p = append(p, .8)
		right = append(right, i%2 == 0)
	}
	if got := metric.ECE(p, right); math.Abs(got-.3) > 1e-9 {
		t.Errorf("ECE of .8 stated and .5 observed = %v, want .3", got)
	}
}

// TestClusteredCountsGroups: rows of a group that answer alike are worth one.
func TestClusteredCountsGroups(t *testing.T) {
	const n = 100
	alone, tens, hits := make([]int, n), make([]int, n), make([]bool, n)
	for i := range n {
		alone[i], tens[i] = i, i/10
		hits[i] = i/10%2 == 0 // whole groups of ten hit or miss
	}
	hit := func(i int) bool { return hits[i] }
	if got, want := metric.Clustered(alone, nil, hit), metric.Proportion(50, n); math.Abs(got.Low-want.Low) > 0.002 || got.N != n {
		t.Errorf("lone rows: %v, want %v", got, want)
	}
	// Ten groups, five of which hit: nine degrees of freedom, a little wider.
	got, want := metric.Clustered(tens, nil, hit), metric.Proportion(5, 10)
	if math.Abs(got.Low-(want.Low-0.04)) > 0.01 || math.Abs(got.High-(want.High+0.04)) > 0.01 {
		t.Errorf("groups of ten: %v, want about %v", got, want)
	}
	every := metric.Clustered(tens, nil, func(int) bool { return true })
	if want := metric.Proportion(10, 10); every.Low != want.Low || every.Value != 1 {
		t.Errorf("all hit: %v, want the interval of ten of ten, %v", every, want)
	}
	if none := metric.Clustered(tens, func(int) bool { return false }, hit); none != (metric.Estimate{}) {
		t.Errorf("no row counts: %v", none)
	}
}

func TestGroupedIsWiderThanRows(t *testing.T) {
	groups, x := make([]int, 200), make([]float64, 200)
	for i := range x {
		groups[i], x[i] = i/20, float64(i/20%2)
	}
	figure := func(rows []int) float64 {
		s := 0.0
		for _, i := range rows {
			s += x[i]
		}
		return s / float64(len(rows))
	}
	rows, grouped := metric.Bootstrap(len(x), figure), metric.Grouped(groups, figure)
	if rows.Value != 0.5 || grouped.Value != 0.5 || grouped.High-grouped.Low < 3*(rows.High-rows.Low) {
		t.Errorf("rows %v, groups %v: want the interval of groups about √20 times as wide", rows, grouped)
	}
	if again := metric.Grouped(groups, figure); again != grouped {
		t.Errorf("%v, then %v", grouped, again)
	}
}

// few are six rows of three labels, worked by hand.
func few() *metric.Answers {
	return &metric.Answers{
		Labels: 3, Groups: []int{0, 1, 2, 3, 4, 5},
		Truth: [][]int{{0}, {0}, {0}, {1}, {1}, {2}},
		Given: [][]int{{0}, {0}, {1}, {1}, {}, {0}},
	}
}

func TestAnswers(t *testing.T) {
	a := few()
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-9 {
			t.Errorf("%s = %v, want %v", what, got, want)
		}
	}
	near("accuracy", a.Accuracy().Value, 3.0/6)
	coverage, answered := a.Answered()
	near("coverage", coverage.Value, 5.0/6)
	near("accuracy of the answered", answered.Value, 3.0/5)
	c := a.Classes()
	near("precision of 0", c[0].Precision.Value, 2.0/3)
	near("recall of 0", c[0].Recall.Value, 2.0/3)
	near("F1 of 0", c[0].F1.Value, 2.0/3)
	near("F1 of 1", c[1].F1.Value, 2.0/4)
	near("F1 of 2", c[2].F1.Value, 0)
	near("macro-F1", a.MacroF1().Value, (2.0/3+0.5)/3)
	near("micro-F1", a.MicroF1().Value, 2*3.0/(6+5))
	if got, want := a.Confusion(), [][]int{{2, 1, 0, 0}, {0, 1, 0, 1}, {1, 0, 0, 0}}; !reflect.DeepEqual(got, want) {
		t.Errorf("confusion %v, want %v", got, want)
	}
	for k, x := range c {
		if x.F1.Low > x.F1.Value || x.F1.High < x.F1.Value {
			t.Errorf("F1 of %d: %v is outside its interval", k, x.F1)
		}
	}
}

// TestOrderedAndNumbers compares with values worked by hand.
func TestOrderedAndNumbers(t *testing.T) {
	groups := []int{0, 1, 2, 3}
	if got := metric.QuadraticKappa(3, groups, []int{0, 1, 2, 2}, []int{0, 1, 2, 2}).Value; got != 1 {
		t.Errorf("kappa of perfect answers = %v", got)
	}
	// Observed 0.5 in the mean; chance: truth .25 .25 .5, given .5 .25 .25: sum of p·q·d² = 1.625.
	if got := metric.QuadraticKappa(3, groups, []int{0, 1, 2, 2}, []int{0, 0, 1, 2}).Value; math.Abs(got-(1-0.5/1.625)) > 1e-9 {
		t.Errorf("kappa = %v, want %v", got, 1-0.5/1.625)
	}
	truth, given := []float64{1, 2, 3, 4}, []float64{1, 2, 3, 2}
	if got := metric.MeanAbsolute(groups, truth, given).Value; got != 0.5 {
		t.Errorf("mean absolute error = %v, want 0.5", got)
	}
	if got := metric.Determination(groups, truth, given).Value; math.Abs(got-(1-4.0/5)) > 1e-9 {
		t.Errorf("R² = %v, want 0.2", got)
	}
	p, r, f := metric.Entities([]int{0, 1}, []metric.Extents{{Truth: 2, Given: 1, Right: 1}, {Truth: 1, Given: 2, Right: 1}})
	if math.Abs(p.Value-2.0/3) > 1e-9 || math.Abs(r.Value-2.0/3) > 1e-9 || math.Abs(f.Value-2.0/3) > 1e-9 {
		t.Errorf("entities: %v %v %v, want two thirds each", p, r, f)
	}
}

func TestRiskAndThreshold(t *testing.T) {
	p := []float64{0.9, 0.8, 0.8, 0.5}
	right := []bool{true, true, false, false}
	want := []metric.Risk{{0.9, 0.25, 0}, {0.8, 0.75, 1.0 / 3}, {0.5, 1, 0.5}}
	if got := metric.RiskCurve(p, right); !reflect.DeepEqual(got, want) {
		t.Errorf("curve %v, want %v", got, want)
	}
	var ps []float64
	var rs []bool
	var groups []int
	for i := range 400 { // right above 0.5 always, below in one of two
		ps, groups = append(ps, float64(i)/400), append(groups, i)
		rs = append(rs, i >= 200 || i%2 == 0)
	}
	at, e, ok := metric.Threshold(groups, ps, rs, 0.9)
	if !ok || at < 0.4 || at > 0.55 || e.Low < 0.9 {
		t.Errorf("threshold %v, %v, %v: want one a little below 0.5, sure of 0.9", at, e, ok)
	}
	if _, _, ok := metric.Threshold(groups[:20], ps[:20], rs[:20], 0.9); ok {
		t.Error("twenty rows, half of them wrong, are sure of 0.9")
	}
}

func TestBrier(t *testing.T) {
	p := [][]float64{{1, 0}, {0.5, 0.5}}
	if got := metric.Brier([]int{0, 1}, p, [][]int{{0}, {1}}).Value; math.Abs(got-0.25) > 1e-9 {
		t.Errorf("Brier = %v, want 0.25", got)
	}
}

func TestStability(t *testing.T) {
	// (0.4−0.5)·ln(0.8) + (0.6−0.5)·ln(1.2), worked by hand.
	index, chance := metric.Stability([]int{500, 500}, []int{400, 600})
	if math.Abs(index-0.04054651) > 1e-6 {
		t.Errorf("index = %v, want 0.0405", index)
	}
	// The 95 % quantile of chi-square with one degree is 3.84.
	if want := 3.84 * 2 / 1000; math.Abs(chance-want) > 0.0003 {
		t.Errorf("chance = %v, want about %v", chance, want)
	}
	values := make([]float64, 100)
	for i := range values {
		values[i] = float64(i)
	}
	edges := metric.Edges(values, 4)
	if got := metric.Histogram(edges, values); !reflect.DeepEqual(got, []int{25, 25, 25, 25}) {
		t.Errorf("bins %v, want four of 25", got)
	}
	if got := metric.Histogram(edges, []float64{-5, 25, 1000}); !reflect.DeepEqual(got, []int{1, 1, 0, 1}) {
		t.Errorf("bins %v", got)
	}
}

// TestMcNemar compares with the binomial distribution worked by hand.
func TestMcNemar(t *testing.T) {
	for _, c := range []struct {
		a, b int
		want float64
	}{
		{0, 0, 1}, {5, 0, 2.0 / 32}, {1, 5, 2 * 7.0 / 64}, {3, 3, 1},
		{40, 20, 0.0135}, {700, 500, 9.1e-9},
	} {
		if got := metric.McNemar(c.a, c.b); math.Abs(got-c.want) > 0.02*c.want {
			t.Errorf("McNemar(%d, %d) = %v, want %v", c.a, c.b, got, c.want)
		}
	}
	a, b := metric.Dispute([]bool{true, true, false, false}, []bool{true, false, true, true})
	if a != 1 || b != 2 {
		t.Errorf("dispute %d, %d; want 1, 2", a, b)
	}
}

func TestPaired(t *testing.T) {
	const n = 300
	groups, first, second := make([]int, n), &metric.Answers{Labels: 2}, &metric.Answers{Labels: 2}
	for i := range n {
		groups[i] = i
		first.Truth, second.Truth = append(first.Truth, []int{i % 2}), append(second.Truth, []int{i % 2})
		given := func(wrong bool) []int {
			if wrong {
				return []int{1 - i%2}
			}
			return []int{i % 2}
		}
		first.Given, second.Given = append(first.Given, given(i%10 == 0)), append(second.Given, given(i%5 == 0))
	}
	d := metric.Paired(groups, first.Exact(), second.Exact())
	if math.Abs(d.Value-0.1) > 1e-9 || !d.Better() || d.Worse() || d.P > 0.01 {
		t.Errorf("0.9 against 0.8 in 300 rows: %+v", d)
	}
	same := metric.Paired(groups, first.Exact(), first.Exact())
	if same.Better() || same.Worse() || same.P != 1 {
		t.Errorf("a head against itself: %+v", same)
	}
	for i := range groups {
		groups[i] = i % 3
	}
	if d := metric.Paired(groups, first.Exact(), second.Exact()); d.Better() || d.P < 0.25 {
		t.Errorf("three groups show nothing: %+v", d)
	}
}
