package sample_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/casemate-ai/casemate/internal/model/sample"
)

// newSampler fails the test on an error.
func newSampler(t testing.TB, o sample.Options) *sample.Sampler {
	t.Helper()
	s, err := sample.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// next fails the test on an error.
func next(t testing.TB, s *sample.Sampler, logits []float32, allowed []uint64) sample.Choice {
	t.Helper()
	c, err := s.Next(logits, allowed)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// slow is the definition of docs/sampling.md, word for word.
type slow struct {
	o       sample.Options
	history []int // prompt and answer
	answer  []bool
	drawn   uint64
}

func (s *slow) next(logits []float32, allowed []uint64) (id int, ok bool) {
	scores := slices.Clone(logits)
	for id, b := range s.o.Bias {
		scores[id] += float32(b)
	}
	begin := 0
	if w := s.o.PenaltyWindow; w > 0 {
		begin = max(0, len(s.history)-w)
	}
	for id := range scores {
		seen, answered := 0, 0
		for i := begin; i < len(s.history); i++ {
			if s.history[i] == id {
				seen++
				if s.answer[i] {
					answered++
				}
			}
		}
		if r := float32(s.o.RepetitionPenalty); seen > 0 && r != 0 {
			if scores[id] > 0 {
				scores[id] /= r
			} else {
				scores[id] *= r
			}
		}
		if answered > 0 {
			scores[id] -= float32(float32(s.o.FrequencyPenalty) * float32(answered))
			scores[id] -= float32(s.o.PresencePenalty)
		}
	}
	var ranking []int
	for id := range scores {
		if allowed == nil || id/64 < len(allowed) && allowed[id/64]>>(id%64)&1 == 1 {
			ranking = append(ranking, id)
		}
	}
	slices.SortStableFunc(ranking, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	if len(ranking) == 0 || math.IsInf(float64(scores[ranking[0]]), -1) {
		return 0, false
	}
	if s.o.Temperature == 0 {
		return ranking[0], true
	}
	best := float64(scores[ranking[0]])
	weight := func(id int) float64 {
		return math.Exp((float64(scores[id]) - best) / s.o.Temperature)
	}
	if k := s.o.TopK; k > 0 && k < len(ranking) {
		ranking = ranking[:k]
	}
	sum := func() (total float64) {
		for _, id := range ranking {
			total += weight(id)
		}
		return total
	}
	if p := s.o.TopP; p > 0 && p < 1 {
		total, mass := sum(), 0.0
		for i, id := range ranking {
			if mass += weight(id); mass >= p*total {
				ranking = ranking[:i+1]
				break
			}
		}
	}
	ranking = slices.DeleteFunc(ranking, func(id int) bool { return weight(id) < s.o.MinP })
	slices.Sort(ranking)
	at, mass := sample.Random(s.o.Seed, s.drawn)*sum(), 0.0
	for _, id := range ranking {
		if mass += weight(id); mass > at {
			return id, true
		}
	}
	return ranking[len(ranking)-1], true
}

func (s *slow) take(id int, answer bool) {
	s.history, s.answer = append(s.history, id), append(s.answer, answer)
	if answer {
		s.drawn++
	}
}

// anyOptions draws options, half of them of no effect.
func anyOptions(t *rapid.T, vocabulary int) sample.Options {
	number := func(name string, low, high float64) float64 {
		if rapid.Bool().Draw(t, name+"?") {
			return 0
		}
		return rapid.Float64Range(low, high).Draw(t, name)
	}
	o := sample.Options{
		Temperature:       number("temperature", 0.01, 3),
		TopK:              int(number("top_k", 0, float64(vocabulary+3))),
		TopP:              number("top_p", 0.01, 1),
		MinP:              number("min_p", 0, 1),
		RepetitionPenalty: number("repetition", 0.5, 2),
		PresencePenalty:   number("presence", -2, 2),
		FrequencyPenalty:  number("frequency", -2, 2),
		PenaltyWindow:     int(number("window", 0, 12)),
		Seed:              rapid.Uint64().Draw(t, "seed"),
	}
	if rapid.Bool().Draw(t, "biased") {
		o.Bias = rapid.MapOf(rapid.IntRange(0, vocabulary-1), rapid.Float64Range(-5, 5)).Draw(t, "bias")
	}
	return o
}

// TestNextAgainstDefinition compares a few tokens in a row with the slow
// program. Scores are coarse, so that ties abound.
func TestNextAgainstDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		vocabulary := rapid.SampledFrom([]int{1, 2, 7, 64, 65, 300, 700}).Draw(t, "vocabulary")
		o := anyOptions(t, vocabulary)
		fast, err := sample.New(o)
		if err != nil {
			t.Fatal(err)
		}
		want := &slow{o: o}
		prompt := rapid.SliceOfN(rapid.IntRange(0, vocabulary-1), 0, 20).Draw(t, "prompt")
		if err := fast.Prime(prompt); err != nil {
			t.Fatal(err)
		}
		for _, id := range prompt {
			want.take(id, false)
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "logits"), 1))
		fineness := rapid.SampledFrom([]float64{1, 2, 1024}).Draw(t, "fineness")
		for range rapid.IntRange(1, 8).Draw(t, "tokens") {
			logits, allowed := randomLogits(rng, vocabulary, fineness), randomMask(rng, vocabulary)
			before := slices.Clone(logits)
			got, err := fast.Next(logits, allowed)
			id, ok := want.next(logits, allowed)
			if !ok {
				if !errors.Is(err, sample.ErrNoToken) {
					t.Fatalf("Next = %v, %v, want ErrNoToken", got.ID, err)
				}
				continue
			}
			if err != nil || got.ID != id {
				t.Fatalf("Next = %d, %v, want %d", got.ID, err, id)
			}
			if !slices.Equal(before, logits) {
				t.Fatal("Next wrote the logits")
			}
			if wantLog := logprob(logits, id); math.Abs(got.Logprob-wantLog) > 1e-12 {
				t.Fatalf("Logprob = %v, want %v", got.Logprob, wantLog)
			}
			if err := fast.Accept(id); err != nil {
				t.Fatal(err)
			}
			want.take(id, true)
		}
	})
}

func randomLogits(rng *rand.Rand, n int, fineness float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(math.Round(rng.NormFloat64()*3*fineness) / fineness)
		if i > 0 && rng.IntN(20) == 0 {
			out[i] = float32(math.Inf(-1))
		}
	}
	return out
}

// randomMask is nil, or allows many or few tokens, and may be too short or too long.
func randomMask(rng *rand.Rand, n int) []uint64 {
	kind := rng.IntN(4)
	if kind == 0 {
		return nil
	}
	out := make([]uint64, max(1, (n+63)/64+rng.IntN(3)-1))
	for i := range out {
		switch out[i] = rng.Uint64(); kind {
		case 1:
			out[i] |= rng.Uint64() | rng.Uint64() | rng.Uint64()
		case 2:
			out[i] &= rng.Uint64() & rng.Uint64() & rng.Uint64()
		}
		if rng.IntN(4) == 0 {
			out[i] = ^uint64(0)
		}
	}
	return out
}

// logprob is the definition, with the standard library's functions.
func logprob(logits []float32, id int) float64 {
	top, sum := float64(slices.Max(logits)), 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) - top)
	}
	return float64(logits[id]) - top - math.Log(sum)
}

// TestKeptSets works each cut by hand: which tokens are ever drawn.
func TestKeptSets(t *testing.T) {
	// Probabilities 0.4, 0.3, 0.15, 0.1, 0.05 of tokens 3, 1, 4, 0, 2.
	logits := make([]float32, 5)
	for id, p := range []float64{3: 0.4, 1: 0.3, 4: 0.15, 0: 0.1, 2: 0.05} {
		logits[id] = float32(math.Log(p))
	}
	for _, c := range []struct {
		o    sample.Options
		want []int
	}{
		{sample.Options{}, []int{0, 1, 2, 3, 4}},
		{sample.Options{TopK: 1}, []int{3}},
		{sample.Options{TopK: 3}, []int{1, 3, 4}},
		{sample.Options{TopK: 99}, []int{0, 1, 2, 3, 4}},
		{sample.Options{TopP: 0.39}, []int{3}},
		{sample.Options{TopP: 0.41}, []int{1, 3}},
		{sample.Options{TopP: 0.69}, []int{1, 3}},
		{sample.Options{TopP: 0.71}, []int{1, 3, 4}},
		{sample.Options{TopP: 1e-300}, []int{3}},
		{sample.Options{TopP: 1}, []int{0, 1, 2, 3, 4}},
		{sample.Options{MinP: 0.37}, []int{1, 3, 4}}, // 0.148
		{sample.Options{MinP: 0.38}, []int{1, 3}},    // 0.152
		{sample.Options{MinP: 1}, []int{3}},
		// Of three, 0.4/0.85 = 0.471 and 0.3/0.85 = 0.353 make 0.824.
		{sample.Options{TopK: 3, TopP: 0.82}, []int{1, 3}},
		{sample.Options{TopK: 3, TopP: 0.83}, []int{1, 3, 4}},
		// At temperature 1/2 the squares count: 0.16, 0.09, 0.0225, 0.01, 0.0025.
		{sample.Options{Temperature: 0.5, TopP: 0.87}, []int{1, 3}},
		{sample.Options{Temperature: 0.5, TopP: 0.89}, []int{1, 3, 4}},
		{sample.Options{Temperature: 0.5, MinP: 0.15}, []int{1, 3}},
		// Min-p comes after top-p, and both measure with what the cut before left.
		{sample.Options{TopP: 0.71, MinP: 0.38}, []int{1, 3}},
		{sample.Options{Bias: map[int]float64{3: -1000}, TopK: 2}, []int{1, 4}},
	} {
		if c.o.Temperature == 0 {
			c.o.Temperature = 1
		}
		if got := drawn(t, c.o, logits, 2000); !slices.Equal(got, c.want) {
			t.Errorf("%+v draws %v, want %v", c.o, got, c.want)
		}
	}
}

// drawn returns which tokens come in n draws, in order.
func drawn(t testing.TB, o sample.Options, logits []float32, n int) []int {
	t.Helper()
	var ids []int
	for id, count := range counts(t, o, logits, n) {
		if count > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// counts returns how frequent each token is in n draws.
func counts(t testing.TB, o sample.Options, logits []float32, n int) []int {
	t.Helper()
	s, out := newSampler(t, o), make([]int, len(logits))
	for range n {
		c := next(t, s, logits, nil)
		out[c.ID]++
		if err := s.Accept(c.ID); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestTies wants the lower id wherever scores are equal.
func TestTies(t *testing.T) {
	logits := []float32{1, 2, 2, 2, 1, 2}
	for _, c := range []struct {
		o       sample.Options
		allowed []uint64
		want    []int
	}{
		{sample.Options{}, nil, []int{1}},
		{sample.Options{}, []uint64{0b111100}, []int{2}},
		{sample.Options{Temperature: 1, TopK: 2}, nil, []int{1, 2}},
		{sample.Options{Temperature: 1, TopK: 5}, nil, []int{0, 1, 2, 3, 5}},
		{sample.Options{Temperature: 1, TopP: 0.3}, nil, []int{1, 2}},
	} {
		s := newSampler(t, c.o)
		seen := map[int]bool{}
		for range 500 {
			choice := next(t, s, logits, c.allowed)
			seen[choice.ID] = true
			if err := s.Accept(choice.ID); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range c.want {
			if !seen[id] {
				t.Errorf("%+v never draws %d", c.o, id)
			}
		}
		if len(seen) != len(c.want) {
			t.Errorf("%+v draws %v, want %v", c.o, seen, c.want)
		}
	}
}

// TestPenalties works them by hand: what is left of two logits decides.
func TestPenalties(t *testing.T) {
	for _, c := range []struct {
		name           string
		o              sample.Options
		prompt, answer []int
		logits         []float32
		want           int
	}{
		{"repetition divides", sample.Options{RepetitionPenalty: 2}, []int{0}, nil, []float32{3, 1.6}, 1},
		{"repetition divides by no more", sample.Options{RepetitionPenalty: 2}, []int{0}, nil, []float32{3, 1.4}, 0},
		{"repetition multiplies", sample.Options{RepetitionPenalty: 2}, []int{0}, nil, []float32{-1, -1.9}, 1},
		{"repetition counts once", sample.Options{RepetitionPenalty: 2}, []int{0, 0, 0}, []int{0}, []float32{3, 1.4}, 0},
		{"repetition below one invites", sample.Options{RepetitionPenalty: 0.5}, []int{0}, nil, []float32{1, 1.9}, 0},
		{"presence, not of the prompt", sample.Options{PresencePenalty: 2}, []int{0}, nil, []float32{3, 2}, 0},
		{"presence", sample.Options{PresencePenalty: 2}, nil, []int{0, 0}, []float32{3, 1.1}, 1},
		{"presence, once", sample.Options{PresencePenalty: 2}, nil, []int{0, 0}, []float32{3, 0.9}, 0},
		{"frequency", sample.Options{FrequencyPenalty: 1}, []int{0}, []int{0, 0}, []float32{3, 1.1}, 1},
		{"frequency, each", sample.Options{FrequencyPenalty: 1}, []int{0}, []int{0, 0}, []float32{3, 0.9}, 0},
		{"window", sample.Options{FrequencyPenalty: 1, PenaltyWindow: 2}, nil, []int{0, 0, 0, 1}, []float32{3, 2.9}, 0},
		{"window slides", sample.Options{RepetitionPenalty: 2, PenaltyWindow: 2}, []int{0, 1}, []int{1}, []float32{3, 4}, 0},
		{"bias first", sample.Options{RepetitionPenalty: 2, Bias: map[int]float64{0: 2}}, []int{0}, nil, []float32{2, 2.1}, 1},
		{"bias before the sign", sample.Options{RepetitionPenalty: 2, Bias: map[int]float64{0: -2}}, []int{0}, nil, []float32{1, -1.9}, 1},
	} {
		s := newSampler(t, c.o)
		if err := s.Prime(c.prompt); err != nil {
			t.Fatal(err)
		}
		for _, id := range c.answer {
			if err := s.Accept(id); err != nil {
				t.Fatal(err)
			}
		}
		if got := next(t, s, c.logits, nil).ID; got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

// TestDistribution measures draws with chi-square. Seeds are fixed, so it
// always gives the same number; the bound is the 99.9 % quantile for four
// degrees of freedom.
func TestDistribution(t *testing.T) {
	const n, bound = 100_000, 18.47
	p := []float64{0.35, 0.05, 0.2, 0.1, 0.3}
	for seed := range uint64(5) {
		for _, temperature := range []float64{0.5, 1, 1.7} {
			logits, want, total := make([]float32, len(p)), make([]float64, len(p)), 0.0
			for i := range p {
				logits[i] = float32(math.Log(p[i]))
				want[i] = math.Pow(p[i], 1/temperature)
				total += want[i]
			}
			chi := 0.0
			for i, got := range counts(t, sample.Options{Temperature: temperature, Seed: seed}, logits, n) {
				expected := want[i] / total * n
				chi += (float64(got) - expected) * (float64(got) - expected) / expected
			}
			if chi > bound {
				t.Errorf("seed %d, temperature %v: chi-square is %.1f, over %v", seed, temperature, chi, bound)
			}
		}
	}
}

// TestDrawIsExact draws among tokens of one weight, where the token is the random
// number times how many there are, rounded down.
func TestDrawIsExact(t *testing.T) {
	const n = 1024
	s, logits := newSampler(t, sample.Options{Temperature: 0.7, Seed: 99}), make([]float32, n)
	for i := range uint64(5000) {
		c := next(t, s, logits, nil)
		if want := int(sample.Random(99, i) * n); c.ID != want {
			t.Fatalf("draw %d gives %d, want %d", i, c.ID, want)
		}
		if err := s.Accept(c.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDrawDependsOnSeedAndIndex wants the same token whatever came before.
func TestDrawDependsOnSeedAndIndex(t *testing.T) {
	logits := randomLogits(rand.New(rand.NewPCG(1, 2)), 1000, 1024)
	o := sample.Options{Temperature: 1, Seed: 7}
	a, b := newSampler(t, o), newSampler(t, o)
	if err := b.Prime([]int{1, 2, 3}); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		x := next(t, a, logits, nil).ID
		for range i % 3 { // asking does not draw
			next(t, b, logits, []uint64{^uint64(0)})
		}
		if y := next(t, b, logits, nil).ID; x != y {
			t.Fatalf("token %d is %d and %d", i, x, y)
		}
		if err := errors.Join(a.Accept(x), b.Accept(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOptionErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		field string
		o     sample.Options
	}{
		{"temperature", sample.Options{Temperature: -0.1}},
		{"temperature", sample.Options{Temperature: nan}},
		{"temperature", sample.Options{Temperature: inf}},
		{"temperature", sample.Options{Temperature: 101}},
		{"top_k", sample.Options{TopK: -1}},
		{"top_k", sample.Options{TopK: math.MaxInt}},
		{"top_p", sample.Options{TopP: 1.01}},
		{"top_p", sample.Options{TopP: -1}},
		{"top_p", sample.Options{TopP: nan}},
		{"min_p", sample.Options{MinP: 2}},
		{"min_p", sample.Options{MinP: nan}},
		{"repetition_penalty", sample.Options{RepetitionPenalty: -1}},
		{"repetition_penalty", sample.Options{RepetitionPenalty: 1e-9}},
		{"repetition_penalty", sample.Options{RepetitionPenalty: inf}},
		{"presence_penalty", sample.Options{PresencePenalty: -inf}},
		{"presence_penalty", sample.Options{PresencePenalty: 1e9}},
		{"frequency_penalty", sample.Options{FrequencyPenalty: nan}},
		{"penalty_window", sample.Options{PenaltyWindow: -5}},
		{"bias[3]", sample.Options{Bias: map[int]float64{3: nan, 4: nan}}},
		{"bias[3]", sample.Options{Bias: map[int]float64{3: inf}}},
		{"bias[-1]", sample.Options{Bias: map[int]float64{-1: 1}}},
	} {
		_, err := sample.New(c.o)
		var option *sample.OptionError
		if !errors.As(err, &option) || option.Field != c.field || !strings.Contains(err.Error(), c.field) {
			t.Errorf("New(%+v) = %v, want an error of %s", c.o, err, c.field)
		}
	}
}

func TestNextErrors(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name    string
		o       sample.Options
		prompt  []int
		logits  []float32
		allowed []uint64
		none    bool // ErrNoToken
		want    string
	}{
		{name: "none", want: "0 logits"},
		{name: "not a number", logits: []float32{1, nan}, want: "token 1"},
		{name: "not a number first", logits: []float32{nan, 1}, want: "token 0"},
		{name: "infinite", logits: []float32{1, 2, inf}, want: "token 2"},
		{name: "all impossible", logits: []float32{-inf, -inf}, none: true},
		{name: "empty mask", logits: []float32{1, 2}, allowed: []uint64{}, none: true},
		{name: "mask of zeros", logits: []float32{1, 2}, allowed: []uint64{0, 0}, none: true},
		{name: "mask beyond the vocabulary", logits: []float32{1, 2}, allowed: []uint64{4, 7}, none: true},
		{name: "mask of the impossible", logits: []float32{1, -inf}, allowed: []uint64{2}, none: true},
		{name: "bias beyond the vocabulary", o: sample.Options{Bias: map[int]float64{2: 1}}, logits: []float32{1, 2}, want: "bias[2]"},
		{name: "overflow", o: sample.Options{RepetitionPenalty: 0.01}, prompt: []int{0}, logits: []float32{3e38, 2}, want: "token 0"},
	} {
		for _, temperature := range []float64{0, 1} {
			c.o.Temperature = temperature
			s := newSampler(t, c.o)
			if err := s.Prime(c.prompt); err != nil {
				t.Fatal(err)
			}
			_, err := s.Next(c.logits, c.allowed)
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, sample.ErrNoToken) != c.none {
				t.Errorf("%s: Next = %v, want %q", c.name, err, c.want)
			}
		}
	}
	s := newSampler(t, sample.Options{RepetitionPenalty: 2})
	for _, id := range []int{-1, sample.MaxVocabulary, math.MaxInt} {
		if s.Accept(id) == nil || s.Prime([]int{id}) == nil {
			t.Errorf("token %d is taken", id)
		}
	}
}

// TestExtremes wants no fault where numbers are as far apart as they can be.
func TestExtremes(t *testing.T) {
	big := float32(math.MaxFloat32)
	logits := []float32{-big, big, float32(math.Inf(-1)), -big, big}
	for _, temperature := range []float64{math.SmallestNonzeroFloat64, 1e-300, 1, 100} {
		o := sample.Options{Temperature: temperature, TopP: 0.9}
		if got := drawn(t, o, logits, 100); !slices.Equal(got, []int{1, 4}) {
			t.Errorf("temperature %v draws %v, want 1 and 4", temperature, got)
		}
	}
	c := next(t, newSampler(t, sample.Options{}), logits, nil)
	if c.ID != 1 || math.Abs(c.Logprob+math.Ln2) > 1e-12 {
		t.Errorf("Next = %d, %v, want 1 and -ln 2", c.ID, c.Logprob)
	}
}

func TestTop(t *testing.T) {
	logits := []float32{1, 3, float32(math.Inf(-1)), 3, 2}
	c := next(t, newSampler(t, sample.Options{Bias: map[int]float64{4: 100}}), logits, nil)
	if c.ID != 4 {
		t.Errorf("Next = %d, want 4", c.ID)
	}
	for n, want := range map[int]string{0: "[]", -1: "[]", 1: "[1]", 2: "[1 3]", 3: "[1 3 4]", 4: "[1 3 4 0]", 9: "[1 3 4 0]"} {
		var ids []int
		for _, a := range c.Top(n) {
			ids = append(ids, a.ID)
			if w := logprob(logits, a.ID); math.Abs(a.Logprob-w) > 1e-12 {
				t.Errorf("token %d has %v, want %v", a.ID, a.Logprob, w)
			}
		}
		if got := fmt.Sprint(ids); got != want {
			t.Errorf("Top(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestNextAllocatesNothing(t *testing.T) {
	logits := randomLogits(rand.New(rand.NewPCG(1, 2)), 5000, 1024)
	mask := make([]uint64, 100)
	for i := range mask {
		mask[i] = 0xF0F0F0F0F0F0F0F0
	}
	for _, o := range []sample.Options{
		{}, {Temperature: 1}, {Temperature: 1, TopK: 40, TopP: 0.95}, {Temperature: 1, TopP: 0.95}, {Temperature: 1, TopK: 1000, MinP: 0.01},
		{Temperature: 1, TopP: 0.95, RepetitionPenalty: 1.2, PenaltyWindow: 8, Bias: map[int]float64{1: 2}},
	} {
		s := newSampler(t, o)
		step := func() {
			for _, allowed := range [][]uint64{nil, mask} {
				if err := s.Accept(next(t, s, logits, allowed).ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		for range 300 {
			step()
		}
		if n := testing.AllocsPerRun(50, step); n != 0 {
			t.Errorf("%+v allocates %v times", o, n)
		}
	}
}
