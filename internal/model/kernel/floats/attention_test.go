package floats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

func panics(f func()) (did bool) {
	defer func() { did = recover() != nil }()
	f()
	return false
}

var pageTypes = []quant.Type{quant.F32, quant.F16, quant.Q8_0}

// rounded returns what PutKey and PutValue make of numbers, as their comments
// say it.
func rounded(t quant.Type, x []float32) []float32 {
	if t != quant.Q8_0 {
		_, back := encode(t, x)
		return back
	}
	var back []float32
	for group := range slices.Chunk(x, 32) {
		largest := 0.0
		for _, v := range group {
			largest = max(largest, math.Abs(float64(v)))
		}
		_, scale := encode(quant.F16, []float32{float32(largest) / 127})
		for _, v := range group {
			n := float32(0)
			if scale[0] > 0 {
				n = float32(math.RoundToEven(float64(v * (1 / scale[0]))))
			}
			back = append(back, min(max(n, -127), 127)*scale[0])
		}
	}
	return back
}

// keyPages returns pages of random keys of D numbers, and the keys as they are
// there: key[position][k].
func keyPages(r *rand.Rand, t quant.Type, pages, D int) (data [][]byte, keys [][]float32) {
	for range pages {
		page := make([]byte, floats.KeyPage(t, D))
		for i := range floats.Lanes {
			x := random(r, D)
			floats.PutKey(page, t, i, x)
			keys = append(keys, rounded(t, x))
		}
		data = append(data, page)
	}
	return data, keys
}

// valuePages is keyPages for values.
func valuePages(r *rand.Rand, t quant.Type, pages, D int) (data [][]byte, values [][]float32) {
	for range pages {
		page := make([]byte, floats.ValuePage(t, D))
		for i := range page {
			page[i] = 0xff // what is not written is NaN
		}
		for i := range floats.Lanes {
			x := random(r, D)
			floats.PutValue(page, t, i, x)
			values = append(values, rounded(t, x))
		}
		data = append(data, page)
	}
	return data, values
}

// TestScores compares every set of instructions with plain sums.
func TestScores(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, kind := range pageTypes {
		for _, D := range []int{1, 2, 3, 4, 5, 7, 16, 33, 63, 64, 65, 80, 128, 200} {
			for R := 1; R <= 9; R++ {
				pages := 1 + r.IntN(floats.Block/floats.Lanes)
				data, keys := keyPages(r, kind, pages, D)
				q := random(r, R*D)
				want := make([]float32, R*floats.Block)
				for i := range R * pages * floats.Lanes {
					r, p := i/(pages*floats.Lanes), i%(pages*floats.Lanes)
					at := r*floats.Block + p
					for k := 0; k < D; k += floats.Run {
						var run float32
						for j := k; j < min(k+floats.Run, D); j++ {
							run += float32(q[r*D+j] * keys[p][j])
						}
						want[at] += run
					}
				}
				for _, l := range isa.Levels() {
					for _, ahead := range [][][]byte{nil, data} {
						got := random(r, R*floats.Block)
						floats.ScoresAt(l, got, kind, data, q, D, ahead)
						for i := range R {
							from, to := i*floats.Block, i*floats.Block+pages*floats.Lanes
							sameNumbers(t, fmt.Sprintf("%v, %v, D=%d, R=%d, row %d of %d pages", l, kind, D, R, i, pages), got[from:to], want[from:to])
						}
					}
				}
			}
		}
	}
}

// TestAddValues compares every set of instructions with plain sums. Positions
// that are not asked for are not finite.
func TestAddValues(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, kind := range pageTypes {
		for _, D := range []int{1, 16, 30, 32, 48, 64, 80, 96, 112, 128, 144, 200, 256} {
			for R := 1; R <= 9; R++ {
				pages := 1 + r.IntN(floats.Block/floats.Lanes)
				from := r.IntN(pages * floats.Lanes)
				to := from + 1 + r.IntN(pages*floats.Lanes-from)
				checkValues(t, r, kind, D, R, pages, from, to)
			}
			checkValues(t, r, kind, D, 4, 8, 0, floats.Block)
		}
	}
}

func checkValues(t *testing.T, r *rand.Rand, kind quant.Type, D, R, pages, from, to int) {
	data, values := valuePages(r, kind, pages, D)
	P := floats.Padded(kind, D)
	w, factor, before := random(r, R*floats.Block), random(r, R), random(r, R*P)
	want := make([]float32, R*P)
	for i := range want {
		row, d := i/P, i%P
		var sum float32
		for p := from; p < to && d < D; p++ {
			sum += float32(w[row*floats.Block+p] * values[p][d])
		}
		want[i] = float32(before[i]*factor[row]) + sum
	}
	for p := range pages * floats.Lanes {
		if p < from || p >= to {
			floats.PutValue(data[p/floats.Lanes], kind, p%floats.Lanes, slices.Repeat([]float32{float32(math.NaN())}, D))
		}
	}
	for _, l := range isa.Levels() {
		for _, ahead := range [][][]byte{nil, data} {
			got := slices.Clone(before)
			floats.AddValuesAt(l, got, kind, data, P, w, from, to, factor, ahead)
			sameNumbers(t, fmt.Sprintf("%v, %v, P=%d, R=%d, positions %d to %d", l, kind, P, R, from, to), got, want)
		}
	}
}

// TestSoftmax compares every set of instructions with portable Go, over several
// blocks, some scores being minus infinity or odd.
func TestSoftmax(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for R := 1; R <= 5; R++ {
		for n := floats.Lanes; n <= floats.Block; n += floats.Lanes {
			for _, numbers := range []func(*rand.Rand, int) []float32{random, unseen, drawn} {
				levels := isa.Levels()
				state := make([][3][]float32, len(levels))
				for i := range state {
					state[i] = [3][]float32{slices.Repeat([]float32{float32(math.Inf(-1))}, R), make([]float32, R), make([]float32, R)}
				}
				for range 3 {
					score := numbers(r, R*floats.Block)
					want := slices.Clone(score)
					w := state[0]
					floats.SoftmaxAt(isa.Generic, want, n, 0.3, w[0], w[1], w[2])
					for i, l := range levels[1:] {
						got, s := slices.Clone(score), state[i+1]
						floats.SoftmaxAt(l, got, n, 0.3, s[0], s[1], s[2])
						what := fmt.Sprintf("%v: %d rows of %d", l, R, n)
						sameNumbers(t, what+": weights", got, want)
						for j, name := range []string{"top", "total", "factor"} {
							sameNumbers(t, what+": "+name, s[j], w[j])
						}
					}
				}
			}
		}
	}
}

// unseen returns scores of which every other one, on the mean, is hidden.
func unseen(r *rand.Rand, n int) []float32 {
	x := random(r, n)
	for i := range x {
		if x[i] *= 20; r.IntN(2) == 0 {
			x[i] = float32(math.Inf(-1))
		}
	}
	return x
}

// TestSoftmaxExact compares weighted means over several blocks with float64.
func TestSoftmaxExact(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, spread := range []float64{0, 0.1, 3, 50} {
		const blocks, P, scale = 5, 16, 0.125
		data, values := valuePages(r, quant.F32, floats.Block/floats.Lanes*blocks, P)
		all := make([]float32, blocks*floats.Block)
		for i := range all {
			all[i] = float32(r.NormFloat64() * spread / scale)
		}
		top, total, factor, out := []float32{float32(math.Inf(-1))}, []float32{0}, []float32{0}, make([]float32, P)
		score := slices.Clone(all)
		for b := range blocks {
			s := score[b*floats.Block:][:floats.Block]
			floats.Softmax(s, floats.Block, scale, top, total, factor)
			pages := data[b*floats.Block/floats.Lanes:][:floats.Block/floats.Lanes]
			floats.AddValues(out, quant.F32, pages, P, s, 0, floats.Block, factor, nil)
		}
		largest := float64(slices.Max(all)) * scale
		want, sum := make([]float64, P), 0.0
		for i, s := range all {
			e := math.Exp(float64(s)*scale - largest)
			sum += e
			for d := range want {
				want[d] += e * float64(values[i][d])
			}
		}
		if d := math.Abs(float64(total[0])/sum - 1); d > 4e-6 {
			t.Errorf("spread %v: the sum of weights is %v, want %v", spread, total[0], sum)
		}
		for d := range want {
			if got := float64(out[d] / total[0]); math.Abs(got-want[d]/sum) > 2e-6 {
				t.Errorf("spread %v: [%d] = %v, want %v", spread, d, got, want[d]/sum)
			}
		}
	}
}

func TestAttentionPanics(t *testing.T) {
	zeros := func(n int) []float32 { return make([]float32, n) }
	pages := func(n, size int) [][]byte { return slices.Repeat([][]byte{make([]byte, size)}, n) }
	values := func(out, w []float32, from, to int, v [][]byte, P int) func() {
		return func() { floats.AddValues(out, quant.F32, v, P, w, from, to, zeros(2), nil) }
	}
	for name, f := range map[string]func(){
		"Scores, out":        func() { floats.Scores(zeros(255), quant.F32, pages(1, 256), zeros(8), 4, nil) },
		"Scores, page":       func() { floats.Scores(zeros(256), quant.F32, pages(1, 255), zeros(8), 4, nil) },
		"Scores, half":       func() { floats.Scores(zeros(256), quant.F16, pages(1, 127), zeros(8), 4, nil) },
		"Scores, pages":      func() { floats.Scores(zeros(256), quant.F32, pages(9, 256), zeros(8), 4, nil) },
		"Scores, ahead":      func() { floats.Scores(zeros(256), quant.F32, pages(2, 256), zeros(8), 4, pages(1, 256)) },
		"Scores, ahead page": func() { floats.Scores(zeros(256), quant.F32, pages(1, 256), zeros(8), 4, pages(1, 255)) },
		"Scores, queries":    func() { floats.Scores(zeros(256), quant.F32, pages(1, 256), zeros(7), 4, nil) },
		"Scores, type":       func() { floats.Scores(zeros(256), quant.BF16, pages(1, 256), zeros(8), 4, nil) },
		"AddValues, out":     values(zeros(31), zeros(256), 0, 16, pages(1, 1024), 16),
		"AddValues, weights": values(zeros(32), zeros(255), 0, 16, pages(1, 1024), 16),
		"AddValues, page":    values(zeros(32), zeros(256), 0, 16, pages(1, 1023), 16),
		"AddValues, to":      values(zeros(32), zeros(256), 0, 17, pages(1, 1024), 16),
		"AddValues, from":    values(zeros(32), zeros(256), -1, 16, pages(1, 1024), 16),
		"AddValues, none":    values(zeros(32), zeros(256), 3, 3, pages(1, 1024), 16),
		"AddValues, P":       values(zeros(34), zeros(256), 0, 16, pages(1, 1088), 17),
		"Prefetch":           func() { floats.Prefetch(pages(2, 63), 64) },
		"Softmax, scores":    func() { floats.Softmax(zeros(255), 16, 1, zeros(2), zeros(2), zeros(2)) },
		"Softmax, n":         func() { floats.Softmax(zeros(256), 17, 1, zeros(2), zeros(2), zeros(2)) },
		"Softmax, rows":      func() { floats.Softmax(zeros(256), 16, 1, zeros(2), zeros(1), zeros(2)) },
	} {
		if !panics(f) {
			t.Errorf("%s of the wrong size did not panic", name)
		}
	}
}
