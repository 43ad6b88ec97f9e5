package modelfile

import "math"

// maxScale is more than any factor by which positions are stretched.
const maxScale = 1e6

// config reads the shape of the model. rows are those of the embedding, 0 for a
// file of a vocabulary alone.
func (d *metadata) config(rows, tokens int) Config {
	c := Config{
		Architecture: d.architecture(),
		Name:         d.text("general.name", ""),
		License:      d.text("general.license", ""),
	}
	if d.err != nil {
		return c
	}
	a := c.Architecture + "."
	d.refuse(a)
	c.Context = d.integer(a+"context_length", 1, maxDimension)
	c.Width = d.integer(a+"embedding_length", 1, maxDimension)
	c.Layers = d.integer(a+"block_count", 1, maxLayers)
	d.required(a+"feed_forward_length", a+"attention.head_count")
	c.FeedForward = d.perLayer(a+"feed_forward_length", 1, maxDimension, c.Layers)
	d.attention(a, &c)
	c.NormEpsilon = d.float(a + "attention.layer_norm_rms_epsilon")
	if c.NormEpsilon <= 0 || c.NormEpsilon >= 1 {
		d.fail(a+"attention.layer_norm_rms_epsilon", "it is %g, not between 0 and 1", c.NormEpsilon)
	}
	c.RoPE = d.rope(a, &c)
	c.Vocabulary = d.vocabulary(a+"vocab_size", rows, tokens)
	return c
}

// architecture returns the architecture, if it is one that can be run.
func (d *metadata) architecture() string {
	if kind := d.text("general.type", "model"); kind != "model" {
		what := "it is %.40q, not a model"
		if kind == "adapter" {
			what = "it is %.40q: open the base model and load the adapter with it"
		}
		d.fail("general.type", what, kind)
		return ""
	}
	const key = "general.architecture"
	d.required(key)
	a := d.text(key, "")
	switch a {
	case "llama", "qwen2", "qwen3":
	case "mistral":
		d.fail(key, "%q is not written by any converter: Mistral's GGUF files say \"llama\"", a)
	default:
		d.fail(key, "%.40q is not supported; llama (with Mistral), qwen2 and qwen3 are", a)
	}
	return a
}

func (d *metadata) required(keys ...string) {
	for _, key := range keys {
		if !d.has(key) {
			d.fail(key, "it is missing")
		}
	}
}

// refuse fails for what would change the results and is not computed.
func (d *metadata) refuse(a string) {
	for _, key := range []string{
		"expert_count", "expert_used_count", "nextn_predict_layers",
	} {
		if d.optional(a+key, 0, 0, maxDimension) > 0 {
			d.fail(a+key, "mixtures of experts and further heads are not supported")
		}
	}
	for _, key := range []string{
		"logit_scale", "residual_scale", "embedding_scale", "attention.scale", "attention.output_scale",
		"attention.clamp_kqv", "attention.max_alibi_bias", "attn_logit_softcapping", "final_logit_softcapping",
		"rope.scaling.alpha", "rope.scaling.yarn_log_multiplier",
	} {
		if x := d.optionalFloat(a+key, 0); x != 0 {
			d.fail(a+key, "it is %g, which is not supported", x)
		}
	}
	for _, key := range []string{
		"attention.sliding_window_pattern", "attention.temperature_scale", "rope.dimension_sections",
	} {
		if d.has(a + key) {
			d.fail(a+key, "it is not supported")
		}
	}
	if !d.truth(a+"attention.causal", true) {
		d.fail(a+"attention.causal", "attention to later positions is not supported")
	}
}

// attention reads the sizes of heads and how far back they see.
func (d *metadata) attention(a string, c *Config) {
	c.Heads = d.perLayer(a+"attention.head_count", 1, maxDimension, c.Layers)
	c.KVHeads = d.perLayer(a+"attention.head_count_kv", c.Heads, maxDimension, c.Layers)
	if c.KVHeads > c.Heads || c.Heads%c.KVHeads != 0 {
		d.fail(a+"attention.head_count_kv", "%d key and value heads do not divide %d query heads", c.KVHeads, c.Heads)
	}
	c.HeadSize = d.headSize(a, c)
	c.SlidingWindow = d.optional(a+"attention.sliding_window", 0, 0, maxDimension)
}

// headSize returns the size of a head: where the file does not say it, the heads
// share the width.
func (d *metadata) headSize(a string, c *Config) int {
	size := d.sameSize(a, c)
	if size%2 != 0 {
		d.fail(a+"attention.key_length", "a head of %d numbers cannot be rotated in pairs", size)
	}
	return size
}

// sameSize returns the size of keys and values, which must be the same.
func (d *metadata) sameSize(a string, c *Config) int {
	const (
		key   = "attention.key_length"
		value = "attention.value_length"
	)
	if !d.has(a + key) {
		if c.Width%c.Heads != 0 {
			d.fail(a+"attention.head_count", "%d heads do not divide the width %d, and %s is missing", c.Heads, c.Width, a+key)
			return 2
		}
		size := c.Width / c.Heads
		if d.optional(a+value, size, 1, maxDimension) != size {
			d.fail(a+value, "values of another size than keys, %d, are not supported", size)
		}
		return size
	}
	size := d.integer(a+key, 1, maxDimension)
	if d.has(a+value) && d.integer(a+value, 1, maxDimension) != size ||
		!d.has(a+value) && (c.Width%c.Heads != 0 || c.Width/c.Heads != size) {
		d.fail(a+value, "values of another size than keys, %d, are not supported", size)
	}
	return size
}

// rope reads how positions rotate. Which pairs turn depends on the architecture:
// converters of llama put pairs side by side, those of qwen leave halves apart.
func (d *metadata) rope(a string, c *Config) RoPE {
	r := RoPE{Interleaved: c.Architecture == "llama", Base: d.optionalFloat(a+"rope.freq_base", 10000)}
	if r.Base < 1 {
		d.fail(a+"rope.freq_base", "it is %g, less than 1", r.Base)
	}
	if n := d.optional(a+"rope.dimension_count", c.HeadSize, 1, maxDimension); n != c.HeadSize {
		d.fail(a+"rope.dimension_count", "it is %d, but heads have %d numbers: rotating a part of them is not supported", n, c.HeadSize)
	}
	d.scaling(a+"rope.scaling.", a+"rope.scale_linear", c.Context, &r)
	return r
}

// scaling reads how positions are stretched. Llama 3's way is a tensor in GGUF
// files and not among the metadata.
func (d *metadata) scaling(s, old string, context int, r *RoPE) {
	// Files of 2023 say the factor under another key, and no type.
	factor := d.optionalFloat(s+"factor", d.optionalFloat(old, 1))
	kind := d.text(s+"type", "linear")
	if by := d.optionalFloat(s+"attn_factor", 1); by != 1 && kind != "yarn" {
		d.fail(s+"attn_factor", "it is %g, which is supported for yarn only", by)
	}
	switch kind {
	case "none":
		return
	case "linear":
		if factor == 1 || factor == 0 { // writers of "no factor"
			return
		}
		r.Scaling = ScalingLinear
	case "yarn":
		r.Scaling = ScalingYaRN
		d.yarn(s, context, factor, r)
	default:
		d.fail(s+"type", "%.40q is not supported; none, linear and yarn are", kind)
	}
	if factor < 1 || factor > maxScale {
		d.fail(s+"factor", "it is %g, not 1 to %g", factor, float64(maxScale))
	}
	r.Factor = factor
}

// yarn reads what is YaRN's own.
func (d *metadata) yarn(s string, context int, factor float64, r *RoPE) {
	r.OriginalContext = d.optional(s+"original_context_length", context, 1, maxDimension)
	r.BetaFast = d.optionalFloat(s+"yarn_beta_fast", 32)
	r.BetaSlow = d.optionalFloat(s+"yarn_beta_slow", 1)
	if r.BetaSlow <= 0 || r.BetaFast < r.BetaSlow {
		d.fail(s+"yarn_beta_fast", "it is %g and yarn_beta_slow %g: the first may not be smaller, nor any 0", r.BetaFast, r.BetaSlow)
	}
	if x := d.optionalFloat(s+"yarn_ext_factor", 1); x != 1 {
		d.fail(s+"yarn_ext_factor", "it is %g, which is not supported", x)
	}
	// yarn_attn_factor replaces the formula's value, attn_factor multiplies it.
	formula := 1.0
	if factor > 1 {
		formula = 0.1*math.Log(factor) + 1
	}
	r.Attention = d.optionalFloat(s+"yarn_attn_factor", formula) * d.optionalFloat(s+"attn_factor", 1)
	if r.Attention <= 0 || r.Attention > maxScale {
		d.fail(s+"attn_factor", "cosines and sines are multiplied by %g", r.Attention)
	}
}

// vocabulary returns the rows of the embedding. They may be more than the tokens,
// and than vocab_size says.
func (d *metadata) vocabulary(key string, rows, tokens int) int {
	said := d.optional(key, 0, 1, maxDimension)
	switch {
	case rows == 0 && said == 0:
		return tokens
	case rows == 0:
		rows = said
	case said > rows:
		d.fail(key, "it is %d, but the embedding has %d rows", said, rows)
	}
	if tokens > rows {
		d.fail(keyTokens, "%d tokens, but the embedding has %d rows", tokens, rows)
	}
	return rows
}

// generation reads how the authors would have the model sampled.
func (d *metadata) generation() Generation {
	const s = "general.sampling."
	g := Generation{
		Temperature:       d.floatIn(s+"temp", 0, 100),
		TopP:              d.floatIn(s+"top_p", 0, 1),
		RepetitionPenalty: d.floatIn(s+"penalty_repeat", 0.01, 100),
	}
	if d.has(s + "top_k") {
		k := d.integer(s+"top_k", 0, maxDimension)
		g.TopK = &k
	}
	return g
}

// floatIn returns a number from low to high, nil if there is none.
func (d *metadata) floatIn(key string, low, high float64) *float64 {
	if !d.has(key) {
		return nil
	}
	x := d.float(key)
	if x < low || x > high {
		d.fail(key, "it is %g, not %g to %g", x, low, high)
	}
	return &x
}
