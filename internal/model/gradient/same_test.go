package gradient_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// gradients returns a copy of all gradients by name.
func gradients(m *gradient.Model) map[string][]float32 {
	all := map[string][]float32{}
	for _, p := range m.Parameters() {
		all[p.Name] = slices.Clone(p.Grad)
	}
	return all
}

// same reports numbers that differ in any bit.
func same(t *testing.T, what string, got, want map[string][]float32) {
	t.Helper()
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%s: %d gradients, want %d", what, len(got), len(want))
	}
	for name, w := range want {
		if !slices.EqualFunc(got[name], w, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// distance returns the relative distance of gradients, over all of them.
func distance(t *testing.T, got, want map[string][]float32) float64 {
	t.Helper()
	var diff, size float64
	for name, w := range want {
		if len(got[name]) != len(w) {
			t.Fatalf("%s has %d gradients, want %d", name, len(got[name]), len(w))
		}
		for i, v := range w {
			d := float64(got[name][i]) - float64(v)
			diff, size = diff+d*d, size+float64(v)*float64(v)
		}
	}
	return math.Sqrt(diff / size)
}

var everything = []string{"q", "k", "v", "o", "gate", "up", "down"}

// ways are models that the tests of sameness train.
func ways() map[string]gradient.Options {
	return map[string]gradient.Options{
		"full":  {Full: true},
		"lora":  {LoRA: &gradient.LoRA{Seed: 4, Dropout: 0.25, Targets: everything}},
		"dora":  {LoRA: &gradient.LoRA{Seed: 4, Rank: 3, Dropout: 0.25, Targets: everything, Decomposed: true}},
		"bf16":  {Full: true, BF16: true},
		"query": {LoRA: &gradient.LoRA{Targets: []string{"q"}}},
	}
}

// long is documents of more than a block of attention, in more than one group.
func long(vocabulary int) []gradient.Sequence {
	r := rand.New(rand.NewPCG(1, 2))
	a, b, c, d := sequence(r, 300, vocabulary), sequence(r, 680, vocabulary), sequence(r, 40, vocabulary), sequence(r, 70, vocabulary)
	b.Starts = []int{0, 1, 140, 400}
	return []gradient.Sequence{a, b, c, d}
}

// TestSame trains the same with other threads and with less memory.
func TestSame(t *testing.T) {
	if testing.Short() {
		t.Skip("many passes")
	}
	f := open(t, small("qwen3"))
	batch := long(f.Config.Vocabulary)
	for name, o := range ways() {
		t.Run(name, func(t *testing.T) {
			o.Threads = 1
			m := load(t, f, o)
			disturb(m, 0.05)
			want := step(t, m, batch)
			grads := gradients(m)
			for _, other := range []struct {
				name       string
				threads    int
				checkpoint bool
			}{{"3 threads", 3, false}, {"checkpoint", 1, true}, {"both", 4, true}} {
				o.Threads, o.Checkpoint = other.threads, other.checkpoint
				n := load(t, f, o)
				disturb(n, 0.05)
				lossOf(t, n, batch[:1]) // what was computed before does not matter
				if diff := cmp.Diff(want, step(t, n, batch)); diff != "" {
					t.Errorf("%s: the loss differs: %s", other.name, diff)
				}
				same(t, other.name, gradients(n), grads)
			}
		})
	}
}

// TestPacked packs documents in one sequence, which gives the same bits as one
// sequence each.
func TestPacked(t *testing.T) {
	f := open(t, small("llama"))
	r := rand.New(rand.NewPCG(3, 4))
	alone := []gradient.Sequence{sequence(r, 30, 500), sequence(r, 131, 500), sequence(r, 1, 500), sequence(r, 17, 500)}
	var packed gradient.Sequence
	for _, s := range alone {
		packed.Starts = append(packed.Starts, len(packed.Tokens))
		packed.Tokens = append(packed.Tokens, s.Tokens...)
		packed.Targets = append(packed.Targets, s.Targets...)
		packed.Weights = append(packed.Weights, s.Weights...)
	}
	for name, o := range ways() {
		t.Run(name, func(t *testing.T) {
			m := load(t, f, o)
			disturb(m, 0.05)
			want := step(t, m, alone)
			grads := gradients(m)
			got := step(t, m, []gradient.Sequence{packed})
			same(t, "packed", gradients(m), grads)
			if got.Sum != want.Sum || got.Weight != want.Weight || got.Targets != want.Targets {
				t.Errorf("packed, the loss is %v, %v, %v, alone %v, %v, %v", got.Sum, got.Weight, got.Targets, want.Sum, want.Weight, want.Targets)
			}
			if diff := cmp.Diff(slices.Concat(want.Logprobs...), got.Logprobs[0]); diff != "" {
				t.Errorf("log-probabilities differ: %s", diff)
			}
		})
	}
}

// TestSeparateDocuments changes a token of one document, of which the others'
// log-probabilities know nothing.
func TestSeparateDocuments(t *testing.T) {
	f := open(t, small("llama"))
	m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{}})
	s := sequence(rand.New(rand.NewPCG(3, 4)), 60, 500)
	s.Starts = []int{0, 20, 40}
	before := lossOf(t, m, []gradient.Sequence{s}).Logprobs[0]
	s.Tokens[20]++
	after := lossOf(t, m, []gradient.Sequence{s}).Logprobs[0]
	for i := range before {
		if changed := before[i] != after[i]; changed != (i >= 20 && i < 40 && s.Targets[i] >= 0) {
			t.Errorf("token %d: log-probability changed: %v", i, changed)
		}
	}
}

// TestUnscored leaves out what no loss depends on: documents without targets.
func TestUnscored(t *testing.T) {
	f := open(t, small("llama"))
	m := load(t, f, gradient.Options{Full: true})
	r := rand.New(rand.NewPCG(3, 4))
	a, b, c := sequence(r, 20, 500), sequence(r, 20, 500), sequence(r, 20, 500)
	for i := range b.Targets {
		b.Targets[i] = -1
	}
	want := step(t, m, []gradient.Sequence{a, c})
	grads := gradients(m)
	got := step(t, m, []gradient.Sequence{a, b, c})
	same(t, "with a sequence without targets", gradients(m), grads)
	if got.Sum != want.Sum || got.Targets != want.Targets || len(got.Logprobs) != 3 {
		t.Errorf("loss %v of %d, want %v of %d", got.Sum, got.Targets, want.Sum, want.Targets)
	}
	none := step(t, m, []gradient.Sequence{b})
	if none.Sum != 0 || none.Targets != 0 {
		t.Errorf("no targets: the loss is %v of %d", none.Sum, none.Targets)
	}
}

// TestAccumulates adds a second step to the first.
func TestAccumulates(t *testing.T) {
	f := open(t, small("llama"))
	for name, o := range ways() {
		m := load(t, f, o)
		disturb(m, 0.05)
		batch := batchOf(f.Config.Vocabulary)
		step(t, m, batch)
		once := gradients(m)
		if _, err := m.Step(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		for _, g := range once {
			for i := range g {
				g[i] *= 2
			}
		}
		if d := distance(t, gradients(m), once); !(d < 1e-6) {
			t.Errorf("%s: two steps are %v away from twice one", name, d)
		}
	}
}

// TestDropout is the same for the same step and seed and another for others; with
// masks held, gradients are those of the loss with them.
func TestDropout(t *testing.T) {
	f := open(t, small("llama"))
	make := func(seed uint64, share float64) *gradient.Model {
		m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{Seed: seed, Dropout: share, Targets: everything}})
		disturb(m, 0.1)
		return m
	}
	batch := batchOf(f.Config.Vocabulary)
	m := make(1, 0.5)
	step0 := step(t, m, batch).Sum
	if again := step(t, m, batch).Sum; again != step0 {
		t.Errorf("the same step gives %v and %v", step0, again)
	}
	m.Seek(1)
	if other := step(t, m, batch).Sum; other == step0 {
		t.Errorf("two steps have the same masks")
	}
	m.Seek(0)
	if again := step(t, m, batch).Sum; again != step0 {
		t.Errorf("back at the step, the loss is %v, was %v", again, step0)
	}
	if a, b := lossOf(t, m, batch).Sum, lossOf(t, make(1, 0), batch).Sum; a != b {
		t.Errorf("Loss drops out: %v, want %v", a, b)
	}
	checkBy(t, m, batch, func() float64 {
		loss, err := m.Step(context.Background(), batch)
		if err != nil {
			t.Fatal(err)
		}
		return loss.Sum
	})
}

// TestDropoutShare counts what is left out, and sees that the mean stays.
func TestDropoutShare(t *testing.T) {
	const n, columns = 400, 250
	for _, share := range []float64{0.05, 0.1, 0.5, 0.9} {
		zeros, sum := 0, 0.0
		ones := make([]float32, columns)
		for i := range ones {
			ones[i] = 1
		}
		out := make([]float32, columns)
		for token := range n {
			gradient.Drop(out, ones, share, 12345, token)
			for _, v := range out {
				sum += float64(v)
				if v == 0 {
					zeros++
				}
			}
		}
		all := float64(n * columns)
		if d := math.Abs(float64(zeros)/all - share); !(d < 4*math.Sqrt(share*(1-share)/all)) {
			t.Errorf("share %v: %v are left out", share, float64(zeros)/all)
		}
		if d := math.Abs(sum/all - 1); !(d < 4*math.Sqrt(share/(1-share)/all)) {
			t.Errorf("share %v: the mean is %v, want 1", share, sum/all)
		}
	}
}

// TestBF16 is near F32: bfloat16 has 8 bits, so that a product of rounded
// factors is wrong by up to 2⁻⁸, and sums of many by far less.
func TestBF16(t *testing.T) {
	f := open(t, modeltest.Options{Type: quant.BF16})
	batch := batchOf(f.Config.Vocabulary)
	for name, o := range map[string]gradient.Options{"full": {Full: true}, "lora": {LoRA: &gradient.LoRA{}}} {
		m := load(t, f, o)
		o.BF16 = true
		n := load(t, f, o)
		disturb(m, 0.02)
		disturb(n, 0.02)
		want, got := step(t, m, batch), step(t, n, batch)
		if d := math.Abs(got.Sum/want.Sum - 1); !(d < 1e-3) || d == 0 {
			t.Errorf("%s: the loss is %v, in float32 %v", name, got.Sum, want.Sum)
		}
		if d := distance(t, gradients(n), gradients(m)); !(d < 0.02) || d == 0 {
			t.Errorf("%s: gradients are %v away", name, d)
		}
	}
}

// TestQuantised trains adapters on quantised weights: as on the numbers that the
// blocks stand for, in float32.
func TestQuantised(t *testing.T) {
	for _, kind := range []quant.Type{quant.Q4_K, quant.Q8_0, quant.Q6_K, quant.F16} {
		t.Run(kind.String(), func(t *testing.T) {
			f := open(t, modeltest.Options{Type: kind, Layers: 1})
			plain := *f
			plain.Tensors = nil
			for _, x := range f.Tensors {
				n := 1
				for _, d := range x.Shape {
					n *= d
				}
				y := *x
				numbers := make([]float32, n)
				quant.Dequantize(numbers, x.Type, x.Data)
				y.Type, y.Data = quant.F32, make([]byte, 4*n)
				quant.Quantize(y.Data, quant.F32, numbers)
				plain.Tensors = append(plain.Tensors, &y)
			}
			o := gradient.Options{LoRA: &gradient.LoRA{Targets: everything, Decomposed: true}}
			m, n := load(t, f, o), load(t, &plain, o)
			disturb(m, 0.05)
			disturb(n, 0.05)
			batch := batchOf(f.Config.Vocabulary)
			if a, b := step(t, m, batch).Sum, step(t, n, batch).Sum; a != b {
				t.Errorf("the loss is %v, of the numbers as float32 %v", a, b)
			}
			same(t, "gradients", gradients(m), gradients(n))
		})
	}
}

// TestReference is the base: as an adapter begins, whatever it is then.
func TestReference(t *testing.T) {
	f := open(t, small("qwen2"))
	for _, decomposed := range []bool{false, true} {
		m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{Targets: everything, Decomposed: decomposed}})
		batch := batchOf(f.Config.Vocabulary)
		begin := lossOf(t, m, batch)
		disturb(m, 0.1)
		now, base := lossOf(t, m, batch), reference(t, m, batch)
		if d := math.Abs(base.Sum/begin.Sum - 1); !(d < 1e-6) || now.Sum == begin.Sum {
			t.Errorf("decomposed %v: the base's loss is %v, at the beginning %v, now %v", decomposed, base.Sum, begin.Sum, now.Sum)
		}
	}
}

func reference(t testing.TB, m *gradient.Model, batch []gradient.Sequence) gradient.Loss {
	t.Helper()
	loss, err := m.Reference(context.Background(), batch)
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

// TestStepWith is Step with the weights that it is told when it has seen the
// log-probabilities, which are Loss's.
func TestStepWith(t *testing.T) {
	f := open(t, small("llama"))
	for _, checkpoint := range []bool{false, true} {
		m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{}, Checkpoint: checkpoint})
		disturb(m, 0.1)
		batch := batchOf(f.Config.Vocabulary)
		want := step(t, m, batch)
		grads := gradients(m)
		for _, p := range m.Parameters() {
			clear(p.Grad)
		}
		weights := make([][]float32, len(batch))
		for i := range batch {
			if weights[i] = batch[i].Weights; weights[i] == nil {
				weights[i] = slices.Repeat([]float32{1}, len(batch[i].Tokens))
			}
			batch[i].Weights = nil
		}
		got, err := m.StepWith(context.Background(), batch, func(logprobs [][]float32) ([][]float32, error) {
			if diff := cmp.Diff(want.Logprobs, logprobs); diff != "" {
				t.Errorf("log-probabilities differ: %s", diff)
			}
			return weights, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the loss differs: %s", diff)
		}
		same(t, fmt.Sprint("checkpoint ", checkpoint), gradients(m), grads)
		_, err = m.StepWith(context.Background(), batch, func([][]float32) ([][]float32, error) { return nil, context.Canceled })
		if err != context.Canceled {
			t.Errorf("the error of weigh comes back as %v", err)
		}
	}
}

// TestLearns takes steps against the gradient, which make the loss smaller.
func TestLearns(t *testing.T) {
	f := open(t, small("llama"))
	for name, o := range ways() {
		o.BF16 = false
		m := load(t, f, o)
		batch := batchOf(f.Config.Vocabulary)
		before := lossOf(t, m, batch).Sum
		for i := range 5 {
			m.Seek(uint64(i))
			step(t, m, batch)
			for _, p := range m.Parameters() {
				for j, g := range p.Grad {
					p.Value[j] -= 1e-3 * g
				}
			}
		}
		if after := lossOf(t, m, batch).Sum; !(after < before-0.1) {
			t.Errorf("%s: five steps take the loss from %v to %v", name, before, after)
		}
	}
}

func TestRefuses(t *testing.T) {
	f, quantised := open(t, small("llama")), open(t, modeltest.Options{Type: quant.Q4_K})
	strange := *f
	strange.Config.Architecture = "gemma"
	for _, c := range []struct {
		want string
		load func() (*gradient.Model, error)
	}{
		{"exactly one", func() (*gradient.Model, error) { return gradient.Load(f, gradient.Options{}) }},
		{"exactly one", func() (*gradient.Model, error) {
			return gradient.Load(f, gradient.Options{Full: true, LoRA: &gradient.LoRA{}})
		}},
		{"Q4_K", func() (*gradient.Model, error) { return gradient.Load(quantised, gradient.Options{Full: true}) }},
		{`"gemma"`, func() (*gradient.Model, error) { return gradient.Load(&strange, gradient.Options{Full: true}) }},
		{`"x"`, func() (*gradient.Model, error) {
			return gradient.Load(f, gradient.Options{LoRA: &gradient.LoRA{Targets: []string{"x"}}})
		}},
		{"twice", func() (*gradient.Model, error) {
			return gradient.Load(f, gradient.Options{LoRA: &gradient.LoRA{Targets: []string{"q", "q"}}})
		}},
		{"dropout", func() (*gradient.Model, error) {
			return gradient.Load(f, gradient.Options{LoRA: &gradient.LoRA{Dropout: 1}})
		}},
		{"rank", func() (*gradient.Model, error) {
			return gradient.Load(f, gradient.Options{LoRA: &gradient.LoRA{Rank: -1}})
		}},
		{"alpha", func() (*gradient.Model, error) {
			return gradient.Load(f, gradient.Options{LoRA: &gradient.LoRA{Alpha: math.NaN()}})
		}},
		{"whole", func() (*gradient.Model, error) {
			return gradient.New(f.Config, 1, gradient.Options{LoRA: &gradient.LoRA{}})
		}},
	} {
		if _, err := c.load(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("the error is %v, want one that says %s", err, c.want)
		}
	}
}

func TestRefusesSequences(t *testing.T) {
	f := open(t, small("llama"))
	m := load(t, f, gradient.Options{LoRA: &gradient.LoRA{}})
	good := func() gradient.Sequence { return sequence(rand.New(rand.NewPCG(3, 4)), 10, 500) }
	for name, edit := range map[string]func(s *gradient.Sequence){
		"no tokens":                  func(s *gradient.Sequence) { s.Tokens = nil },
		"too few targets":            func(s *gradient.Sequence) { s.Targets = s.Targets[1:] },
		"too few weights":            func(s *gradient.Sequence) { s.Weights = s.Weights[1:] },
		"a token beyond":             func(s *gradient.Sequence) { s.Tokens[4] = f.Config.Vocabulary },
		"a negative token":           func(s *gradient.Sequence) { s.Tokens[4] = -1 },
		"a target beyond":            func(s *gradient.Sequence) { s.Targets[4] = f.Config.Vocabulary },
		"no document":                func(s *gradient.Sequence) { s.Starts = []int{} },
		"documents not from 0":       func(s *gradient.Sequence) { s.Starts = []int{1} },
		"documents that descend":     func(s *gradient.Sequence) { s.Starts = []int{0, 5, 4} },
		"an empty document":          func(s *gradient.Sequence) { s.Starts = []int{0, 5, 5} },
		"a document beyond the last": func(s *gradient.Sequence) { s.Starts = []int{0, 10} },
	} {
		s := good()
		edit(&s)
		if _, err := m.Step(context.Background(), []gradient.Sequence{good(), s}); err == nil || !strings.Contains(err.Error(), "sequence 1") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Step(ctx, []gradient.Sequence{good()}); err != context.Canceled {
		t.Errorf("a context that is over: the error is %v", err)
	}
	m.Close()
	if _, err := m.Step(context.Background(), []gradient.Sequence{good()}); err == nil {
		t.Error("a closed model computes")
	}
}

// TestGroups computes sequences of more tokens than go through the layers
// together: the loss and the gradients are the sums of each sequence's own.
func TestGroups(t *testing.T) {
	f := open(t, small("llama"))
	m := load(t, f, gradient.Options{Full: true})
	batch := long(f.Config.Vocabulary)
	var sum, weight float64
	for _, p := range m.Parameters() {
		clear(p.Grad)
	}
	for _, s := range batch {
		loss, err := m.Step(context.Background(), []gradient.Sequence{s})
		if err != nil {
			t.Fatal(err)
		}
		sum, weight = sum+loss.Sum, weight+loss.Weight
	}
	grads := gradients(m)
	got := step(t, m, batch)
	if d := math.Abs(got.Sum/sum - 1); !(d < 1e-9) || math.Abs(got.Weight-weight) > 1e-6 {
		t.Errorf("the loss is %v of %v, in parts %v of %v", got.Sum, got.Weight, sum, weight)
	}
	if d := distance(t, gradients(m), grads); !(d < 1e-6) {
		t.Errorf("gradients are %v away from the sum of the parts'", d)
	}
	if only := lossOf(t, m, batch); only.Sum != got.Sum {
		t.Errorf("Loss is %v, Step's %v", only.Sum, got.Sum)
	}
}
