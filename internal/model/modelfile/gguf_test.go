package modelfile_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// open opens a model and closes it at the test's end.
func open(t testing.TB, path string) *modelfile.Model {
	t.Helper()
	m, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func tiny(t testing.TB, o modeltest.Options) *modelfile.Model {
	t.Helper()
	return open(t, modeltest.GGUF(t, o))
}

func TestConfig(t *testing.T) {
	llama := modelfile.Config{
		Architecture: "llama", Name: "tiny", License: "apache-2.0",
		Layers: 2, Width: 64, Heads: 4, KVHeads: 2, HeadSize: 16, FeedForward: 128,
		Vocabulary: len(modeltest.Vocabulary(modeltest.Options{}).Tokens), Context: 512,
		NormEpsilon: float64(float32(1e-5)),
		RoPE:        modelfile.RoPE{Base: 10000, Interleaved: true},
	}
	with := func(change func(c *modelfile.Config)) modelfile.Config {
		c := llama
		change(&c)
		return c
	}
	key := func(k string, v any) modeltest.Options {
		return modeltest.Options{Properties: []gguf.Property{{Key: k, Value: v}}}
	}
	yarn := modelfile.RoPE{
		Base: 10000, Interleaved: true, Scaling: modelfile.ScalingYaRN, Factor: 4, OriginalContext: 128,
		BetaFast: 32, BetaSlow: 1, Attention: 0.1*math.Log(4) + 1,
	}
	tests := map[string]struct {
		options modeltest.Options
		want    modelfile.Config
	}{
		"llama":   {modeltest.Options{}, llama},
		"mistral": {modeltest.Options{Architecture: "mistral", SlidingWindow: 40}, with(func(c *modelfile.Config) { c.SlidingWindow = 40 })},
		"qwen2":   {modeltest.Options{Architecture: "qwen2"}, with(func(c *modelfile.Config) { c.Architecture, c.RoPE.Interleaved = "qwen2", false })},
		"qwen3": {
			modeltest.Options{Architecture: "qwen3", HeadSize: 32, RopeBase: 1e6, Layers: 3},
			with(func(c *modelfile.Config) {
				c.Architecture, c.RoPE.Interleaved, c.HeadSize, c.RoPE.Base, c.Layers = "qwen3", false, 32, 1e6, 3
			}),
		},
		"linear": {modeltest.Options{Scaling: "linear"}, with(func(c *modelfile.Config) {
			c.RoPE.Scaling, c.RoPE.Factor = modelfile.ScalingLinear, 4
		})},
		"yarn":           {modeltest.Options{Scaling: "yarn"}, with(func(c *modelfile.Config) { c.RoPE = yarn })},
		"frequencies":    {modeltest.Options{RopeFreqs: true}, llama},
		"old factor":     {key("llama.rope.scale_linear", float32(2)), with(func(c *modelfile.Config) { c.RoPE.Scaling, c.RoPE.Factor = modelfile.ScalingLinear, 2 })},
		"scaling none":   {modeltest.Options{Scaling: "none"}, llama},
		"no base":        {key("llama.rope.freq_base", nil), llama},
		"no head sizes":  {modeltest.Options{Properties: []gguf.Property{{Key: "llama.attention.key_length"}, {Key: "llama.attention.value_length"}, {Key: "llama.rope.dimension_count"}}}, llama},
		"no vocab_size":  {key("llama.vocab_size", nil), llama},
		"heads by layer": {key("llama.attention.head_count_kv", []int32{2, 2}), llama},
		"small integers": {key("llama.block_count", int8(2)), llama},
		"no kv heads": {
			modeltest.Options{KVHeads: 4, Properties: []gguf.Property{{Key: "llama.attention.head_count_kv"}}},
			with(func(c *modelfile.Config) { c.KVHeads = 4 }),
		},
		"more rows than tokens": {modeltest.Options{Vocabulary: 1000}, with(func(c *modelfile.Config) { c.Vocabulary = 1000 })},
		"more rows than vocab_size": {
			modeltest.Options{Vocabulary: 1000, Properties: []gguf.Property{{Key: "llama.vocab_size", Value: uint32(900)}}},
			with(func(c *modelfile.Config) { c.Vocabulary = 1000 }),
		},
		"attention factors": {
			modeltest.Options{Scaling: "yarn", Properties: []gguf.Property{
				{Key: "llama.rope.scaling.yarn_attn_factor", Value: float32(0.5)}, {Key: "llama.rope.scaling.attn_factor", Value: float32(3)},
				{Key: "llama.rope.scaling.yarn_beta_fast", Value: float32(16)}, {Key: "llama.rope.scaling.yarn_beta_slow", Value: float32(2)},
			}},
			with(func(c *modelfile.Config) {
				c.RoPE = yarn
				c.RoPE.Attention, c.RoPE.BetaFast, c.RoPE.BetaSlow = 1.5, 16, 2
			}),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := tiny(t, test.options)
			if d := cmp.Diff(test.want, m.Config); d != "" {
				t.Errorf("configuration (-want +got):\n%s", d)
			}
			if err := m.CheckFinite(nil); err != nil {
				t.Error(err)
			}
			if err := m.Changed(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTensors(t *testing.T) {
	o := modeltest.Options{Type: quant.Q8_0}
	m := tiny(t, o)
	_, want, err := modeltest.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	if m.Format != "gguf" || !slices.Equal(m.Files, []string{m.Path}) || len(m.Tensors) != len(want) {
		t.Errorf("format %q, files %q, %d tensors", m.Format, m.Files, len(m.Tensors))
	}
	for i, w := range want {
		got := m.Tensors[i]
		if d := cmp.Diff(&modelfile.Tensor{Name: w.Name, Type: w.Type, Shape: w.Shape, Data: w.Data}, got, cmp.Comparer(bytes.Equal)); d != "" {
			t.Errorf("tensor %d (-want +got):\n%s", i, d)
		}
		if m.Tensor(w.Name) != got {
			t.Errorf("Tensor(%q) is another", w.Name)
		}
	}
	if m.Tensor("none") != nil {
		t.Error("there is a tensor called none")
	}
	byHand := &modelfile.Model{Tensors: m.Tensors}
	if byHand.Tensor("output.weight") == nil || byHand.Changed() != nil || byHand.Close() != nil {
		t.Error("a model made by hand has no tensor, or changed, or cannot be closed")
	}
}

func TestTokenizer(t *testing.T) {
	for _, o := range []modeltest.Options{{}, {Architecture: "qwen2"}, {SentencePiece: true}} {
		o.ChatTemplate = modeltest.ChatTemplate
		m := tiny(t, o)
		want := modeltest.Vocabulary(o)
		if o.SentencePiece {
			want.EOT = tokenizer.None
		}
		if d := cmp.Diff(want, m.Tokenizer); d != "" {
			t.Errorf("tokenizer (-want +got):\n%s", d)
		}
		if m.ChatTemplate != o.ChatTemplate {
			t.Errorf("template %q", m.ChatTemplate)
		}
		if _, err := tokenizer.New(m.Tokenizer); err != nil {
			t.Error(err)
		}
	}
}

// TestTokenizerKeys: what a file leaves out or says otherwise.
func TestTokenizerKeys(t *testing.T) {
	const k = "tokenizer.ggml."
	first := 0
	for i, text := range modeltest.Vocabulary(modeltest.Options{}).Tokens {
		if text == "<|begin_of_text|>" {
			first = i
		}
	}
	properties := func(p ...gguf.Property) modeltest.Options { return modeltest.Options{Properties: p} }
	tests := map[string]struct {
		options modeltest.Options
		ok      func(s *tokenizer.Spec) bool
	}{
		"add_bos missing for llama-bpe": {properties(gguf.Property{Key: k + "add_bos_token"}), func(s *tokenizer.Spec) bool { return s.AddBOS }},
		"add_bos false":                 {properties(gguf.Property{Key: k + "add_bos_token", Value: false}), func(s *tokenizer.Spec) bool { return !s.AddBOS }},
		"add_eos true":                  {properties(gguf.Property{Key: k + "add_eos_token", Value: true}), func(s *tokenizer.Spec) bool { return s.AddEOS }},
		"eot by its name":               {properties(gguf.Property{Key: k + "eot_token_id"}), func(s *tokenizer.Spec) bool { return s.EOT == first+4 }},
		"eom": {
			properties(gguf.Property{Key: k + "eom_token_id", Value: uint32(first + 7)}),
			func(s *tokenizer.Spec) bool { return slices.Contains(s.EndOfGeneration, first+7) },
		},
		"eos none": {
			properties(gguf.Property{Key: k + "eos_token_id", Value: uint32(math.MaxUint32)}),
			func(s *tokenizer.Spec) bool { return s.EOS == tokenizer.None },
		},
		"no types": {properties(gguf.Property{Key: k + "token_type"}), func(s *tokenizer.Spec) bool { return s.Types == nil }},
		"SentencePiece's defaults": {
			modeltest.Options{SentencePiece: true, Properties: []gguf.Property{
				{Key: k + "bos_token_id"}, {Key: k + "eos_token_id"}, {Key: k + "unknown_token_id"}, {Key: k + "add_bos_token"}, {Key: k + "add_space_prefix"},
			}},
			func(s *tokenizer.Spec) bool {
				return s.Unknown == 0 && s.BOS == 1 && s.EOS == 2 && s.AddBOS && !s.AddEOS && s.AddSpacePrefix
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if s := tiny(t, test.options).Tokenizer; !test.ok(&s) {
				s.Tokens, s.Merges, s.Types = nil, nil, nil
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestGeneration(t *testing.T) {
	m := tiny(t, modeltest.Options{Properties: []gguf.Property{
		{Key: "general.sampling.temp", Value: float32(0.5)}, {Key: "general.sampling.top_k", Value: int32(40)},
	}})
	half, forty := 0.5, 40
	if d := cmp.Diff(modelfile.Generation{Temperature: &half, TopK: &forty}, m.Generation); d != "" {
		t.Error(d)
	}
}

func TestRefusedMetadata(t *testing.T) {
	nan := float32(math.NaN())
	tests := []struct {
		key   string
		value any // nil takes the key away
		want  string
	}{
		{"general.architecture", nil, "missing"},
		{"general.architecture", "mistral3", `"mistral3" is not supported`},
		{"general.architecture", "mistral", "llama"},
		{"general.architecture", uint32(1), "not a string"},
		{"general.type", "adapter", "load the adapter with it"},
		{"general.name", "\xff", "no UTF-8"},
		{"llama.context_length", nil, "missing"},
		{"llama.context_length", uint32(0), "is 0"},
		{"llama.context_length", uint64(1 << 63), "is 9223372036854775808"},
		{"llama.context_length", "512", "not a whole number"},
		{"llama.embedding_length", uint32(0), "is 0"},
		{"llama.embedding_length", uint32(math.MaxUint32), "is 4294967295"},
		{"llama.embedding_length", int32(-64), "is -64"},
		{"llama.block_count", nil, "missing"},
		{"llama.block_count", uint32(0), "is 0"},
		{"llama.block_count", uint32(1 << 20), "is 1048576"},
		{"llama.feed_forward_length", nil, "missing"},
		{"llama.feed_forward_length", uint32(0), "is 0"},
		{"llama.feed_forward_length", []int32{128, 64}, "different sizes"},
		{"llama.feed_forward_length", []int32{128}, "1 values for 2 layers"},
		{"llama.attention.head_count", nil, "missing"},
		{"llama.attention.head_count", uint32(0), "is 0"},
		{"llama.attention.head_count_kv", uint32(0), "is 0"},
		{"llama.attention.head_count_kv", uint32(8), "do not divide"},
		{"llama.attention.head_count_kv", uint32(3), "do not divide"},
		{"llama.attention.head_count_kv", []int32{2, 0}, "is 0 for layer 1"},
		{"llama.attention.head_count_kv", []string{"2", "2"}, "not whole numbers"},
		{"llama.attention.value_length", uint32(32), "another size"},
		{"llama.attention.key_length", uint32(0), "is 0"},
		{"llama.attention.value_length", uint32(8), "another size than keys"},
		{"llama.attention.layer_norm_rms_epsilon", nil, "missing"},
		{"llama.attention.layer_norm_rms_epsilon", float32(0), "is 0"},
		{"llama.attention.layer_norm_rms_epsilon", float32(-1), "is -1"},
		{"llama.attention.layer_norm_rms_epsilon", nan, "NaN"},
		{"llama.attention.layer_norm_rms_epsilon", uint32(1), "not a floating-point number"},
		{"llama.rope.freq_base", float32(0), "is 0"},
		{"llama.rope.freq_base", nan, "NaN"},
		{"llama.rope.freq_base", float32(math.Inf(1)), "Inf"},
		{"llama.rope.dimension_count", uint32(8), "rotating a part"},
		{"llama.rope.scaling.type", "longrope", "longrope"},
		{"llama.rope.scaling.factor", float32(-2), "is -2"},
		{"llama.rope.scaling.attn_factor", float32(2), "yarn only"},
		{"llama.rope.scaling.alpha", float32(2), "not supported"},
		{"llama.attention.sliding_window", int32(-1), "is -1"},
		{"llama.attention.sliding_window_pattern", []bool{true, false}, "not supported"},
		{"llama.attention.causal", false, "not supported"},
		{"llama.expert_count", uint32(8), "mixtures of experts"},
		{"llama.logit_scale", float32(2), "not supported"},
		{"llama.vocab_size", uint32(1 << 20), "rows"},
		{"general.sampling.temp", nan, "NaN"},
		{"general.sampling.top_p", float32(2), "not 0 to 1"},
		{"tokenizer.ggml.model", nil, "missing"},
		{"tokenizer.ggml.model", "bert", `"bert" is not supported`},
		{"tokenizer.ggml.pre", nil, "missing"},
		{"tokenizer.ggml.pre", "of my own", "not known"},
		{"tokenizer.ggml.tokens", []string{}, "0 tokens"},
		{"tokenizer.ggml.tokens", []int32{1}, "not a list of strings"},
		{"tokenizer.ggml.token_type", []int32{1, 1}, "one for each token"},
		{"tokenizer.ggml.token_type", slices.Repeat([]int32{7}, len(modeltest.Vocabulary(modeltest.Options{}).Tokens)), "type 7"},
		{"tokenizer.ggml.token_type", uint32(1), "one for each token"},
		{"tokenizer.ggml.merges", nil, "missing"},
		{"tokenizer.ggml.bos_token_id", uint32(1 << 20), "is 1048576"},
		{"tokenizer.ggml.eot_token_id", int32(-2), "is -2"},
		{"tokenizer.ggml.add_bos_token", uint32(1), "not a truth value"},
		{"tokenizer.chat_template", true, "not a string"},
	}
	for _, test := range tests {
		o := modeltest.Options{Properties: []gguf.Property{{Key: test.key, Value: test.value}}}
		m, err := modelfile.Open(modeltest.GGUF(t, o))
		if err == nil {
			t.Errorf("%s = %v: no error", test.key, test.value)
			_ = m.Close()
		} else if !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), `"`+test.key+`"`) {
			t.Errorf("%s = %v: error %q, want the key and %q in it", test.key, test.value, err, test.want)
		}
	}
}

func TestRefusedHeads(t *testing.T) {
	o := modeltest.Options{HeadSize: 16, Properties: []gguf.Property{
		{Key: "llama.attention.key_length", Value: uint32(15)}, {Key: "llama.attention.value_length", Value: uint32(15)},
	}}
	if _, err := modelfile.Open(modeltest.GGUF(t, o)); err == nil || !strings.Contains(err.Error(), "rotated in pairs") {
		t.Errorf("heads of 15 numbers: %v", err)
	}
	o.Properties = []gguf.Property{
		{Key: "llama.attention.head_count", Value: uint32(6)}, {Key: "llama.attention.key_length"}, {Key: "llama.attention.value_length"},
	}
	if _, err := modelfile.Open(modeltest.GGUF(t, o)); err == nil || !strings.Contains(err.Error(), "do not divide the width") {
		t.Errorf("6 heads in 64 numbers: %v", err)
	}
}

func TestRefusedScores(t *testing.T) {
	n := len(modeltest.Vocabulary(modeltest.Options{SentencePiece: true}).Tokens)
	for _, v := range []any{nil, []float32{1}, slices.Repeat([]float32{float32(math.NaN())}, n), make([]int32, n)} {
		o := modeltest.Options{SentencePiece: true, Properties: []gguf.Property{{Key: "tokenizer.ggml.scores", Value: v}}}
		if _, err := modelfile.Open(modeltest.GGUF(t, o)); err == nil || !strings.Contains(err.Error(), `"tokenizer.ggml.scores"`) {
			t.Errorf("scores %T: %v", v, err)
		}
	}
}

func TestRefusedYaRN(t *testing.T) {
	for key, v := range map[string]any{
		"factor": float32(0.5), "yarn_beta_fast": float32(0.5), "yarn_beta_slow": float32(0), "yarn_ext_factor": float32(0),
		"attn_factor": float32(-1), "original_context_length": uint32(0), "yarn_log_multiplier": float32(0.1),
	} {
		key = "llama.rope.scaling." + key
		o := modeltest.Options{Scaling: "yarn", Properties: []gguf.Property{{Key: key, Value: v}}}
		if _, err := modelfile.Open(modeltest.GGUF(t, o)); err == nil || !strings.Contains(err.Error(), "llama.rope.scaling.") {
			t.Errorf("%s = %v: %v", key, v, err)
		}
	}
}

// edit changes a tensor, and drops it if change says so.
func edit(name string, change func(t *gguf.Tensor) (keep bool)) func([]gguf.Tensor) []gguf.Tensor {
	return func(all []gguf.Tensor) []gguf.Tensor {
		i := slices.IndexFunc(all, func(t gguf.Tensor) bool { return t.Name == name })
		if !change(&all[i]) {
			return slices.Delete(all, i, i+1)
		}
		return all
	}
}

func drop(*gguf.Tensor) bool { return false }

func rename(to string) func(*gguf.Tensor) bool {
	return func(t *gguf.Tensor) bool { t.Name = to; return true }
}

func reshape(shape ...int) func(*gguf.Tensor) bool {
	return func(t *gguf.Tensor) bool {
		n := 1
		for _, d := range shape {
			n *= d
		}
		t.Shape, t.Data = shape, make([]byte, t.Type.Size(n))
		return true
	}
}

func TestRefusedTensors(t *testing.T) {
	tests := []struct {
		arch, name string
		change     func(*gguf.Tensor) bool
		want       string
	}{
		{"llama", "output_norm.weight", drop, `"output_norm.weight" is missing; its shape would be [64]`},
		{"llama", "token_embd.weight", drop, `"token_embd.weight" is missing`},
		{"llama", "blk.1.ffn_up.weight", drop, `"blk.1.ffn_up.weight" is missing; its shape would be [128 64]`},
		{"llama", "blk.1.ffn_up.weight", reshape(64, 128), `"blk.1.ffn_up.weight" has the shape [64 128], the configuration wants [128 64]`},
		{"llama", "blk.0.attn_k.weight", reshape(64, 64), "wants [32 64]"},
		{"llama", "blk.0.attn_norm.weight", reshape(1, 64), "wants [64]"},
		{"llama", "output.weight", reshape(100, 64), `"output.weight" has the shape`},
		{"llama", "token_embd.weight", reshape(100, 64), "rows"},
		{"llama", "rope_freqs.weight", reshape(16), "wants [8]"},
		{"llama", "rope_freqs.weight", reshape(8), "divided by 0"},
		{"llama", "output.weight", rename("output.wait"), `"output.wait" is none of a llama model of 2 layers`},
		{"llama", "output.weight", rename("blk.0.ffn_gate_exps.weight"), "mixture of experts"},
		{"llama", "output.weight", rename("blk.0.attn_q.weight.lora_a"), "adapter"},
		{"llama", "blk.1.attn_q.weight", rename("blk.2.attn_q.weight"), `"blk.1.attn_q.weight" is missing`},
		{"qwen2", "blk.0.attn_q.bias", drop, `"blk.0.attn_q.bias" is missing`},
		{"qwen2", "blk.1.attn_v.bias", reshape(64), "wants [32]"},
		{"qwen3", "blk.0.attn_k_norm.weight", drop, `"blk.0.attn_k_norm.weight" is missing; its shape would be [16]`},
	}
	for _, test := range tests {
		o := modeltest.Options{Architecture: test.arch, RopeFreqs: strings.HasPrefix(test.name, "rope"), Edit: edit(test.name, test.change)}
		_, err := modelfile.Open(modeltest.GGUF(t, o))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q in it", test.name, err, test.want)
		}
	}
	layers := modeltest.Options{Properties: []gguf.Property{{Key: "llama.block_count", Value: uint32(3)}}}
	if _, err := modelfile.Open(modeltest.GGUF(t, layers)); err == nil || !strings.Contains(err.Error(), `"blk.2.`) {
		t.Errorf("fewer layers than claimed: %v", err)
	}
	layers.Properties[0].Value = uint32(1)
	if _, err := modelfile.Open(modeltest.GGUF(t, layers)); err == nil || !strings.Contains(err.Error(), `"blk.1.`) {
		t.Errorf("more layers than claimed: %v", err)
	}
	few := modeltest.Options{Vocabulary: 100}
	if _, err := modelfile.Open(modeltest.GGUF(t, few)); err == nil || !strings.Contains(err.Error(), "but the embedding has 100 rows") {
		t.Errorf("fewer rows than tokens: %v", err)
	}
	both := modeltest.Options{RopeFreqs: true, Scaling: "linear"}
	if _, err := modelfile.Open(modeltest.GGUF(t, both)); err == nil || !strings.Contains(err.Error(), "rope_freqs.weight") {
		t.Errorf("scaled twice: %v", err)
	}
}

func TestTied(t *testing.T) {
	if m := tiny(t, modeltest.Options{Tied: true}); m.Tensor("output.weight") != nil {
		t.Error("a tied model has an output matrix")
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		path string
		is   error
		want string
	}{
		{write("empty.gguf", ""), gguf.ErrMagic, ""},
		{write("a.gguf", "\x7fELF\x02\x01\x01"), gguf.ErrMagic, `\x7fELF`},
		{write("pytorch_model.bin", "anything"), safetensors.ErrPickle, ""},
		{write("model.PT", "anything"), safetensors.ErrPickle, ""},
		{write("b.gguf", "\x80\x02}q\x00."), safetensors.ErrPickle, ""},
		{write("model.safetensors", "\x08\x00\x00\x00\x00\x00\x00\x00{}      "), gguf.ErrMagic, "folder"},
		{filepath.Join(dir, "none"), fs.ErrNotExist, ""},
	}
	for _, test := range tests {
		_, err := modelfile.Open(test.path)
		if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %v and %q in it", test.path, err, test.is, test.want)
		}
	}
	if _, err := modelfile.Open(os.DevNull); err == nil {
		t.Error("a device is opened")
	}
}

// TestByContent: the name of a file says nothing.
func TestByContent(t *testing.T) {
	path := modeltest.GGUF(t, modeltest.Options{})
	other := filepath.Join(filepath.Dir(path), "model.bin")
	if err := os.Rename(path, other); err != nil {
		t.Fatal(err)
	}
	open(t, other)
}

func TestVocabularyAlone(t *testing.T) {
	o := modeltest.Options{Edit: func([]gguf.Tensor) []gguf.Tensor { return nil }}
	m := tiny(t, o)
	if n := len(modeltest.Vocabulary(o).Tokens); m.Config.Vocabulary != n || len(m.Tensors) != 0 {
		t.Errorf("%d rows and %d tensors, want %d and 0", m.Config.Vocabulary, len(m.Tensors), n)
	}
}

// TestReferences opens the files that another program wrote.
func TestReferences(t *testing.T) {
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	paths, err := filepath.Glob(filepath.Join(shared, "ref", "model", "*.gguf"))
	if err != nil || len(paths) == 0 {
		t.Skip("the reference models are not there; set CASEMATE_SHARED")
	}
	for _, path := range paths {
		m := open(t, path)
		if c := m.Config; c.Layers != 2 || c.Heads != 4 || c.KVHeads != 2 || c.Vocabulary != 4352 || !c.RoPE.Interleaved || c.RoPE.Base != 500000 {
			t.Errorf("%s: %+v", path, c)
		}
		if s := m.Tokenizer; s.BOS != 4096 || s.EOS != 4105 || !s.AddBOS || !s.IgnoreMerges || s.Pre != "llama-bpe" || m.ChatTemplate == "" {
			t.Errorf("%s: BOS %d, EOS %d", path, s.BOS, s.EOS)
		}
		if err := m.CheckFinite(nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	path := filepath.Join(t.TempDir(), "vocabulary.gguf")
	gunzip(t, filepath.Join(shared, "ref", "tokenizer", "llama3-vocab.gguf.gz"), path)
	m := open(t, path)
	if s := m.Tokenizer; m.Config.Vocabulary != 128256 || len(s.Tokens) != 128256 || len(s.Merges) != 280147 ||
		s.EOT != 128009 || !slices.Equal(s.EndOfGeneration, []int{128001, 128008, 128009}) {
		t.Errorf("%d tokens, EOT %d, ends %v", len(s.Tokens), s.EOT, s.EndOfGeneration)
	}
}

func gunzip(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
