package minimize_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/minimize"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

func pool(t testing.TB, threads int) *tensor.Pool {
	t.Helper()
	p := tensor.NewPool(threads)
	t.Cleanup(p.Close)
	return p
}

// rosenbrock is the valley of Rosenbrock, whose least value is 0 where all are 1.
func rosenbrock(x, g []float32) (float64, error) {
	clear(g)
	sum := 0.
	for i := 0; i+1 < len(x); i += 2 {
		a, b := float64(x[i]), float64(x[i+1])
		u, v := 1-a, b-a*a
		sum += u*u + 100*v*v
		g[i] = float32(-2*u - 400*a*v)
		g[i+1] = float32(200 * v)
	}
	return sum, nil
}

func TestRosenbrock(t *testing.T) {
	x := make([]float32, 10)
	for i := range x {
		x[i] = []float32{-1.2, 1}[i%2]
	}
	r, err := minimize.LBFGS(context.Background(), pool(t, 1), x, rosenbrock, minimize.Options{Gradient: 1e-6, Decrease: 1e-12})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range x {
		if math.Abs(float64(v)-1) > 1e-2 {
			t.Errorf("x[%d] = %v, want 1 (%+v)", i, v, r)
		}
	}
	if r.Iterations > 100 || !r.Converged {
		t.Errorf("%+v: want fewer than 100 steps", r)
	}
}

// quadratic has its least value where x is 1, and curvatures from 1 to 1000.
func quadratic(x, g []float32) (float64, error) {
	sum := 0.
	for i, v := range x {
		c := 1 + 999*float64(i)/float64(len(x))
		d := float64(v) - 1
		sum += c * d * d / 2
		g[i] = float32(c * d)
	}
	return sum, nil
}

// TestThreads wants the same bytes whatever the threads, of more numbers than one
// thread works on at a time.
func TestThreads(t *testing.T) {
	var first []float32
	for _, threads := range []int{1, 2, 3} {
		x := make([]float32, 50_000)
		r := rand.New(rand.NewPCG(1, 2))
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		if _, err := minimize.LBFGS(context.Background(), pool(t, threads), x, quadratic, minimize.Options{Iterations: 12}); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = x
		}
		if !cmp.Equal(first, x) {
			t.Errorf("%d threads: other numbers", threads)
		}
	}
}

// TestPrecondition wants the inverse of the second derivatives to find the place
// at once.
func TestPrecondition(t *testing.T) {
	x := make([]float32, 100)
	r, err := minimize.LBFGS(context.Background(), pool(t, 1), x, quadratic, minimize.Options{Precondition: func(g []float32) error {
		for i := range g {
			g[i] /= float32(1 + 999*float64(i)/float64(len(g)))
		}
		return nil
	}})
	if err != nil || r.Iterations > 2 || math.Abs(float64(x[99])-1) > 1e-3 {
		t.Errorf("x[99] = %v after %+v: %v", x[99], r, err)
	}
}

func TestStops(t *testing.T) {
	p := pool(t, 1)
	x := []float32{1, 2}
	nan := func(_, _ []float32) (float64, error) { return math.NaN(), nil }
	if _, err := minimize.LBFGS(context.Background(), p, x, nan, minimize.Options{}); !errors.Is(err, minimize.ErrNotFinite) {
		t.Errorf("no number: %v", err)
	}
	broken := errors.New("broken")
	calls := 0
	f := func(x, g []float32) (float64, error) {
		if calls++; calls > 3 {
			return 0, broken
		}
		return rosenbrock(x, g)
	}
	if _, err := minimize.LBFGS(context.Background(), p, x, f, minimize.Options{}); !errors.Is(err, broken) {
		t.Errorf("fault of the function: %v", err)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := minimize.LBFGS(done, p, []float32{-1, 1}, rosenbrock, minimize.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	r, err := minimize.LBFGS(context.Background(), p, []float32{1, 1}, rosenbrock, minimize.Options{})
	if err != nil || !r.Converged || r.Iterations != 0 {
		t.Errorf("at the least value: %+v, %v", r, err)
	}
}

// TestWall wants a function that is infinite beyond a wall to be followed to it.
func TestWall(t *testing.T) {
	x := []float32{5}
	f := func(x, g []float32) (float64, error) {
		if x[0] <= 0 {
			return math.Inf(1), nil
		}
		g[0] = 1 - 1/x[0]
		return float64(x[0]) - math.Log(float64(x[0])), nil
	}
	if r, err := minimize.LBFGS(context.Background(), pool(t, 1), x, f, minimize.Options{Decrease: 1e-12}); err != nil || math.Abs(float64(x[0])-1) > 1e-3 {
		t.Errorf("x = %v, want 1: %+v, %v", x, r, err)
	}
}

// TestSimplest wants the first candidate that is as good as the best, as far as rows
// can tell, and a standard error as the textbook has it.
func TestSimplest(t *testing.T) {
	mean, deviation := minimize.MeanError([]float64{1, 2, 3, 6})
	if want := math.Sqrt(14.0 / 3 / 4); mean != 3 || math.Abs(deviation-want) > 1e-15 {
		t.Errorf("mean %v, error %v, want 3 and %v", mean, deviation, want)
	}
	for name, c := range map[string]struct {
		losses [][]float64
		want   int
	}{
		"alone":           {[][]float64{{1, 2}}, 0},
		"clearly worse":   {[][]float64{{3, 3.1, 2.9}, {1, 1, 1}}, 1},
		"within an error": {[][]float64{{1, 3, 1}, {1, 1, 1.5}}, 0},
		"a tie":           {[][]float64{{1, 2}, {1, 2}}, 0},
	} {
		if got := minimize.Simplest(c.losses); got != c.want {
			t.Errorf("%s: candidate %d, want %d", name, got, c.want)
		}
	}
}
