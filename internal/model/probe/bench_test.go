package probe_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/probe"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// clusters are rows around the centres of classes, which overlap: a row is its
// centre times apart plus noise of deviation 1 in each number.
func clusters(rows, width, classes int, apart float64, seed uint64) (probe.Matrix, probe.Targets) {
	r := rand.New(rand.NewPCG(seed, 1))
	centres := make([]float32, classes*width)
	for i := range centres {
		centres[i] = float32(r.NormFloat64() * apart)
	}
	m := probe.Matrix{Rows: rows, Width: width, Halves: make([]uint16, rows*width)}
	t := probe.Targets{Class: make([]int, rows)}
	for i := range rows {
		c := r.IntN(classes)
		t.Class[i] = c
		for k := range width {
			m.Halves[i*width+k] = quant.ToF16(centres[c*width+k] + float32(r.NormFloat64()))
		}
	}
	return m, t
}

func labels(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("class %d", i)
	}
	return out
}

// share returns how many rows of an evaluation have the largest logit at their
// class.
func share(logits [][]float64, class []int, rows []int) float64 {
	right := 0
	for i, l := range logits {
		best := 0
		for k := range l {
			if l[k] > l[best] {
				best = k
			}
		}
		if best == class[rows[i]] {
			right++
		}
	}
	return float64(right) / float64(len(logits))
}

// correlated are rows around the centres of classes as hidden states have them:
// most of what varies lies along some directions, the first of which vary most,
// numbers are of very different size, and some dwarf all others.
func correlated(rows, width, classes int, apart float64, seed uint64) (probe.Matrix, probe.Targets) {
	const rank = 48
	r := rand.New(rand.NewPCG(seed, 1))
	random := func(n int, scale float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64() * scale)
		}
		return x
	}
	mix, centres, size, middle := random(rank*width, 1), random(classes*width, apart), random(width, 1), random(width, 1)
	for k := range size {
		size[k] = float32(math.Exp(float64(size[k])))
		if k%500 == 0 {
			size[k] *= 200
		}
	}
	m := probe.Matrix{Rows: rows, Width: width, Halves: make([]uint16, rows*width)}
	t := probe.Targets{Class: make([]int, rows)}
	x := make([]float32, width)
	for i := range rows {
		c := r.IntN(classes)
		t.Class[i] = c
		copy(x, centres[c*width:(c+1)*width])
		for j := range rank {
			along := float32(r.NormFloat64() / math.Sqrt(float64(j+1)))
			for k, v := range mix[j*width : (j+1)*width] {
				x[k] += along * v
			}
		}
		for k, v := range x {
			m.Halves[i*width+k] = quant.ToF16((v + float32(.3*r.NormFloat64()) + middle[k]) * size[k])
		}
	}
	return m, t
}

// BenchmarkTrain10000 trains a head of 200 classes on 10,000 vectors of 4,096
// numbers, on all processors, until its gradient is a thousandth of that at the
// start, and measures it on 2,000 others.
func BenchmarkTrain10000(b *testing.B) {
	m, targets := correlated(12_000, 4096, 200, .06, 1)
	train, test := make([]int, 10_000), make([]int, 2_000)
	for i := range train {
		train[i] = i
	}
	for i := range test {
		test[i] = len(train) + i
	}
	for b.Loop() {
		before := processorTime()
		h, err := probe.Train(context.Background(), m, targets, probe.Options{Task: probe.Single, Labels: labels(200), Rows: train, L2: []float64{.001}})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		b.ReportMetric(processorTime()-before, "cpu-s")
		logits, err := h.Evaluate(context.Background(), m, test, 0)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(100*share(logits, targets.Class, test), "%right")
		b.ReportMetric(float64(h.Trained().Iterations), "iterations")
		b.ReportMetric(h.Trained().Loss, "loss")
		b.StartTimer()
	}
}
