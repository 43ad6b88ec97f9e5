package bench

import (
	"slices"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// Report is what was measured.
type Report struct {
	Model   Model   `json:"model"`
	Machine Machine `json:"machine"`
	Cache   string  `json:"cache"`  // number format of keys and values
	Repeat  int     `json:"repeat"` // how often each was measured

	// Load is from opening the file until the model is ready, FirstToken until
	// the logits after a prompt of 16 tokens are there, too.
	Load       *Duration `json:"load"`
	FirstToken *Duration `json:"first_token"`
	Prompt     *Rate     `json:"prompt,omitempty"`
	Decode     *Rate     `json:"decode,omitempty"`
	Batch      *Rate     `json:"batch,omitempty"`
	Prefix     *Prefix   `json:"prefix,omitempty"`
	Memory     Memory    `json:"memory"`
}

// Model says which model was measured.
type Model struct {
	Path         string `json:"path"`
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	Parameters   int64  `json:"parameters"`
	TensorBytes  int64  `json:"tensor_bytes"`
	Quantisation string `json:"quantisation,omitempty"` // the caller's to fill in
}

// Duration is how long something takes: the best and the median of all runs.
type Duration struct {
	Seconds       float64   `json:"seconds"`
	MedianSeconds float64   `json:"median_seconds"`
	Roofline      Roofline  `json:"roofline"`
	Runs          []float64 `json:"runs"` // seconds, in their order
}

// Rate is how many tokens a second: the best and the median of all runs.
type Rate struct {
	Tokens                int       `json:"tokens"`    // of each sequence
	Sequences             int       `json:"sequences"` // together
	TokensPerSecond       float64   `json:"tokens_per_second"`
	MedianTokensPerSecond float64   `json:"median_tokens_per_second"`
	Roofline              Roofline  `json:"roofline"`
	Runs                  []float64 `json:"runs"` // tokens a second, in their order
}

// Roofline is what the machine would give at most.
type Roofline struct {
	Seconds float64 `json:"seconds"` // at least
	// TokensPerSecond is the same for a Rate.
	TokensPerSecond float64 `json:"tokens_per_second,omitempty"`
	Limit           Limit   `json:"limit"`
	Share           float64 `json:"share"` // of it that the best run reached, 1 is all
	// What must be read and computed at least, of which the roofline is made.
	Bytes             float64 `json:"bytes"`
	Int8Operations    float64 `json:"int8_operations"`
	Float32Operations float64 `json:"float32_operations"`
}

// Prefix compares options scored after one beginning with each scored whole.
type Prefix struct {
	Options      int `json:"options"`
	OptionTokens int `json:"option_tokens"`
	PrefixTokens int `json:"prefix_tokens"`
	// Shared is the time for all options. Whole is that for one with a beginning
	// of its own: one stands for all, which take as long.
	Shared Duration `json:"shared"`
	Whole  Duration `json:"whole"`
	// Gain is how much longer all options would take one by one.
	Gain float64 `json:"gain"`
}

// Memory is what the process has had at most, while the model ran and before the
// machine was measured.
type Memory struct {
	PeakBytes  int64 `json:"peak_bytes"` // 0 where the system does not say
	FileBytes  int64 `json:"file_bytes"`
	CacheBytes int64 `json:"cache_bytes"` // keys and values
	// RestBytes is the peak less the two.
	RestBytes int64 `json:"rest_bytes"`
}

// describe says which model it is.
func describe(path string, m *modelfile.Model) Model {
	d := Model{Path: path, Name: m.Config.Name, Architecture: m.Config.Architecture}
	for _, t := range m.Tensors {
		n := int64(1)
		for _, size := range t.Shape {
			n *= int64(size)
		}
		d.Parameters += n
		d.TensorBytes += int64(len(t.Data))
	}
	return d
}

// report puts the figures beside what the machine would give.
func (b *bench) report(m Machine) *Report {
	o, p, t := b.o, b.prices, &b.times
	all := cost{bytes: float64(b.describe.TensorBytes)}
	r := &Report{Model: b.describe, Machine: m, Cache: o.Cache.String(), Repeat: o.Repeat, Memory: b.memory}
	load := duration(t.load, all, m)
	r.Load = &load
	first := p.prompt(0, firstPrompt, 1)
	first.add(all)
	start := duration(t.first, first, m)
	r.FirstToken = &start
	if o.Prompt > 0 {
		r.Prompt = rate(t.prompt, o.Prompt, 1, p.prompt(0, o.Prompt, 1), m)
	}
	if o.Decode > 0 {
		r.Decode = rate(t.decode, o.Decode, 1, p.decode(1, decodeAfter, o.Decode), m)
	}
	if o.Batch > 0 && o.Decode > 0 {
		r.Batch = rate(t.batch, o.Decode, o.Batch, p.decode(o.Batch, firstPrompt, o.Decode), m)
	}
	if o.Options > 0 {
		r.Prefix = &Prefix{Options: o.Options, OptionTokens: optionTokens, PrefixTokens: o.Prefix,
			Shared: duration(t.shared, p.score(o.Prefix, o.Options), m), Whole: duration(t.whole, p.score(o.Prefix, 1), m)}
		r.Prefix.Gain = float64(o.Options) * r.Prefix.Whole.Seconds / r.Prefix.Shared.Seconds
	}
	return r
}

// score returns the cost of options after one beginning: all but their last
// tokens in one pass, with logits after each.
func (p prices) score(before, options int) cost {
	c := p.prompt(0, before, 1)
	const n = optionTokens - 1
	c.add(p.pass(options*n, options*n, options*(n*before+n*(n+1)/2), before+options*n))
	return c
}

func duration(runs []float64, c cost, m Machine) Duration {
	d := Duration{Seconds: slices.Min(runs), MedianSeconds: median(runs), Roofline: roofline(c, m), Runs: runs}
	d.Roofline.Share = d.Roofline.Seconds / d.Seconds
	return d
}

// rate turns the seconds of runs into tokens a second.
func rate(seconds []float64, tokens, sequences int, c cost, m Machine) *Rate {
	n := float64(tokens) * float64(sequences)
	r := &Rate{Tokens: tokens, Sequences: sequences, Roofline: roofline(c, m)}
	for _, s := range seconds {
		r.Runs = append(r.Runs, n/s)
	}
	r.TokensPerSecond, r.MedianTokensPerSecond = slices.Max(r.Runs), median(r.Runs)
	r.Roofline.TokensPerSecond = n / r.Roofline.Seconds
	r.Roofline.Share = r.TokensPerSecond / r.Roofline.TokensPerSecond
	return r
}

func roofline(c cost, m Machine) Roofline {
	seconds, limit := c.seconds(m)
	return Roofline{Seconds: seconds, Limit: limit, Bytes: c.bytes, Int8Operations: c.int8, Float32Operations: c.float32}
}

// median returns the middle one of numbers, or the mean of the middle two.
func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	n := len(x)
	return (x[(n-1)/2] + x[n/2]) / 2
}
