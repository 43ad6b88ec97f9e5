package optimizer_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// stepper is what both optimisers are.
type stepper interface {
	Step(pool *tensor.Pool, rate, scale float64) error
	State() []optimizer.State
	Steps() int
	SetSteps(n int)
}

// makers make every kind of optimiser that the tests run.
var makers = map[string]func(p []*optimizer.Parameter) stepper{
	"adamw": func(p []*optimizer.Parameter) stepper {
		return optimizer.NewAdamW(p, optimizer.AdamWOptions{Decay: 0.1})
	},
	"adamw, other betas": func(p []*optimizer.Parameter) stepper {
		return optimizer.NewAdamW(p, optimizer.AdamWOptions{Beta1: 0.8, Beta2: 0.95, Epsilon: 1e-6})
	},
	"sgd": func(p []*optimizer.Parameter) stepper { return optimizer.NewSGD(p, optimizer.SGDOptions{}) },
	"sgd, momentum": func(p []*optimizer.Parameter) stepper {
		return optimizer.NewSGD(p, optimizer.SGDOptions{Momentum: 0.9, Decay: 0.1})
	},
	"sgd, nesterov": func(p []*optimizer.Parameter) stepper {
		return optimizer.NewSGD(p, optimizer.SGDOptions{Momentum: 0.9, Nesterov: true})
	},
}

func pool(t testing.TB, threads int) *tensor.Pool {
	t.Helper()
	p := tensor.NewPool(threads)
	t.Cleanup(p.Close)
	return p
}

// TestPyTorch compares five steps with what PyTorch makes of the same numbers:
// conformance/training/optimizer.py prints them.
func TestPyTorch(t *testing.T) {
	gradients := [][]float32{{0.1, -0.2, 1e-3, 5.0}, {0.3, 0.2, -1e-3, 4.0}, {-0.1, 0.7, 0.0, -3.0}, {0.05, -0.2, 2e-3, 2.0}, {0.0, 0.1, 1e-3, 1.0}}
	for name, want := range map[string][]float64{
		"adamw":              {0.4647430181503296, -1.2471879720687866, 2.9658241271972656, -0.03473091870546341},
		"adamw, other betas": {0.4684564769268036, -1.2546355724334717, 2.9806406497955322, -0.033118948340415955},
		"sgd":                {0.49650001525878906, -1.25600004196167, 2.999969959259033, -0.09099999815225601},
		"sgd, momentum":      {0.4848763942718506, -1.2586090564727783, 2.984975814819336, -0.309400737285614},
		"sgd, nesterov":      {0.48511314392089844, -1.2693719863891602, 2.9999208450317383, -0.3691134750843048},
	} {
		p := &optimizer.Parameter{Name: "p", Value: []float32{0.5, -1.25, 3, -0.001}, Grad: make([]float32, 4)}
		o := makers[name]([]*optimizer.Parameter{p})
		for _, g := range gradients {
			for i := range g {
				p.Grad[i] = 4 * g[i] // the scale takes it back
			}
			if err := o.Step(pool(t, 1), 0.01, 0.25); err != nil {
				t.Fatal(err)
			}
		}
		for i, w := range want {
			if d := math.Abs(float64(p.Value[i]) - w); d > 3e-7*math.Abs(w)+1e-9 {
				t.Errorf("%s: number %d is %v, want %v", name, i, p.Value[i], w)
			}
		}
	}
}

// TestFirstStep has numbers worked by hand: after one step of AdamW m̂ is g and
// v̂ is g², so that each number moves by the rate against its gradient's sign.
func TestFirstStep(t *testing.T) {
	p := &optimizer.Parameter{Name: "p", Value: []float32{1, 1, 1}, Grad: []float32{4, -0.5, 0}}
	q := &optimizer.Parameter{Name: "q", Value: []float32{1}, Grad: []float32{0}, NoDecay: true}
	a := optimizer.NewAdamW([]*optimizer.Parameter{p, q}, optimizer.AdamWOptions{Decay: 0.5})
	if err := a.Step(pool(t, 1), 0.125, 1); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{1 - 0.0625 - 0.125, 1 - 0.0625 + 0.125, 1 - 0.0625} {
		if math.Abs(float64(p.Value[i])-want) > 1e-6 {
			t.Errorf("number %d is %v, want %v", i, p.Value[i], want)
		}
	}
	if q.Value[0] != 1 {
		t.Errorf("a gain without gradient decayed to %v", q.Value[0])
	}
	if diff := cmp.Diff([]float32{4, -0.5, 0}, p.Grad); diff != "" {
		t.Errorf("the step changed the gradient: %s", diff)
	}
}

// random returns parameters of several lengths around a worker's stretch.
func random(seed uint64) []*optimizer.Parameter {
	r := rand.New(rand.NewPCG(seed, 1))
	var all []*optimizer.Parameter
	for i, n := range []int{1, 7, 16384, 16385, 40000} {
		p := &optimizer.Parameter{Name: fmt.Sprint(i), Shape: []int{n}, Value: make([]float32, n), Grad: make([]float32, n), NoDecay: i%2 == 1}
		for j := range p.Value {
			p.Value[j], p.Grad[j] = float32(r.NormFloat64()), float32(r.NormFloat64())
		}
		all = append(all, p)
	}
	return all
}

// values are the numbers of all parameters.
func values(all []*optimizer.Parameter) [][]float32 {
	var v [][]float32
	for _, p := range all {
		v = append(v, p.Value)
	}
	return v
}

// TestThreads wants the same bits from any number of threads.
func TestThreads(t *testing.T) {
	for name, build := range makers {
		var want [][]float32
		norm := 0.0
		for _, threads := range []int{1, 2, 4} {
			parameters, workers := random(3), pool(t, threads)
			o := build(parameters)
			n, err := optimizer.Norm(workers, parameters)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if err := o.Step(workers, 0.01, 0.5); err != nil {
					t.Fatal(err)
				}
			}
			if want == nil {
				want, norm = values(parameters), n
				continue
			}
			if n != norm {
				t.Errorf("%s: %d threads: norm %v, want %v", name, threads, n, norm)
			}
			if !cmp.Equal(values(parameters), want) {
				t.Errorf("%s: %d threads give other numbers", name, threads)
			}
		}
	}
}

// TestState stops after two steps, carries the state over to another optimiser
// and wants the bits of four steps without a stop.
func TestState(t *testing.T) {
	workers := pool(t, 1)
	for name, build := range makers {
		whole, first, second := random(5), random(5), random(5)
		a, b, c := build(whole), build(first), build(second)
		steps := func(o stepper, n int) {
			for range n {
				if err := o.Step(workers, 0.01, 1); err != nil {
					t.Fatal(err)
				}
			}
		}
		steps(a, 4)
		steps(b, 2)
		for i, p := range first {
			copy(second[i].Value, p.Value)
		}
		from, to := b.State(), c.State()
		for i := range from {
			if from[i].Name != to[i].Name || len(from[i].Values) != len(to[i].Values) {
				t.Fatalf("%s: state %d is %q, want %q", name, i, to[i].Name, from[i].Name)
			}
			copy(to[i].Values, from[i].Values)
		}
		c.SetSteps(b.Steps())
		steps(c, 2)
		if !cmp.Equal(values(second), values(whole)) {
			t.Errorf("%s: continued from its state, the numbers differ", name)
		}
	}
}

func TestNorm(t *testing.T) {
	parameters := []*optimizer.Parameter{
		{Value: make([]float32, 2), Grad: []float32{2, 3}},
		{Value: make([]float32, 9), Grad: []float32{0, 0, 0, 0, 0, 0, 0, 0, 6}},
	}
	workers := pool(t, 2)
	n, err := optimizer.Norm(workers, parameters)
	if err != nil || n != 7 {
		t.Errorf("norm %v, %v, want 7", n, err)
	}
	parameters[0].Grad[1] = float32(math.NaN())
	if n, err = optimizer.Norm(workers, parameters); err != nil || !math.IsNaN(n) {
		t.Errorf("norm %v, %v, want NaN", n, err)
	}
	if err := optimizer.Zero(workers, parameters); err != nil || parameters[1].Grad[8] != 0 || parameters[0].Grad[1] != 0 {
		t.Errorf("gradients %v and %v, %v, want zeros", parameters[0].Grad, parameters[1].Grad, err)
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct{ norm, most, want float64 }{
		{7, 0, 1}, {0.5, 1, 1}, {1, 1, 1}, {4, 1, 1 / 4.000001}, {math.NaN(), 1, 1},
	} {
		if got := optimizer.Clip(c.norm, c.most); got != c.want {
			t.Errorf("Clip(%v, %v) = %v, want %v", c.norm, c.most, got, c.want)
		}
	}
}

func TestSchedule(t *testing.T) {
	cosine := optimizer.Schedule{Rate: 2, Floor: 0.1, Warmup: 4, Steps: 12}
	for step, want := range map[int]float64{0: 0.5, 1: 1, 3: 2, 4: 2, 8: 1.1, 12: 0.2, 50: 0.2} {
		if got := cosine.At(step); math.Abs(got-want) > 1e-12 {
			t.Errorf("cosine at %d is %v, want %v", step, got, want)
		}
	}
	constant := optimizer.Schedule{Kind: optimizer.Constant, Rate: 2, Warmup: 2, Steps: 12}
	for step, want := range map[int]float64{0: 1, 1: 2, 2: 2, 11: 2} {
		if got := constant.At(step); got != want {
			t.Errorf("constant at %d is %v, want %v", step, got, want)
		}
	}
	for _, bad := range []optimizer.Schedule{
		{Rate: 1, Kind: "linear", Steps: 1}, {Rate: 0, Steps: 1}, {Rate: math.NaN(), Steps: 1}, {Rate: math.Inf(1), Steps: 1},
		{Rate: 1, Floor: 2, Steps: 1}, {Rate: 1, Steps: 0}, {Rate: 1, Steps: 1, Warmup: -1},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v passes its check", bad)
		}
	}
	if err := cosine.Check(); err != nil {
		t.Error(err)
	}
}

func BenchmarkAdamW(b *testing.B) {
	p := &optimizer.Parameter{Name: "p", Value: make([]float32, 1<<20), Grad: make([]float32, 1<<20)}
	for i := range p.Grad {
		p.Grad[i] = float32(i%7) - 3
	}
	a, workers := optimizer.NewAdamW([]*optimizer.Parameter{p}, optimizer.AdamWOptions{}), pool(b, 1)
	b.SetBytes(16 << 20)
	for b.Loop() {
		if err := a.Step(workers, 1e-3, 1); err != nil {
			b.Fatal(err)
		}
	}
}
