package quantize

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

const (
	keyArchitecture        = "general.architecture"
	keyFileType            = "general.file_type"
	keyQuantizationVersion = "general.quantization_version"

	// quantizationVersion is that of the formats of blocks as they have been
	// since 2023.
	quantizationVersion = uint32(2)
)

// metadata returns the entries of the GGUF file to be written: the model's own,
// or for a model that was no GGUF file those that describe it.
func metadata(m *modelfile.Model, fileType uint32) ([]modelfile.Property, error) {
	from := m.Properties
	if m.Format != formatGGUF {
		described, err := describe(m)
		if err != nil {
			return nil, err
		}
		from = described
	}
	var to []modelfile.Property
	for _, p := range from {
		switch {
		case strings.HasPrefix(p.Key, "split."): // the file is whole now
		case p.Key == keyFileType, p.Key == keyQuantizationVersion:
		default:
			to = append(to, p)
		}
	}
	return append(to, modelfile.Property{Key: keyQuantizationVersion, Value: quantizationVersion},
		modelfile.Property{Key: keyFileType, Value: fileType}), nil
}

// entries gathers metadata in order.
type entries []modelfile.Property

func (e *entries) add(key string, value any) {
	*e = append(*e, modelfile.Property{Key: key, Value: value})
}

// addText adds what the model says, if it does.
func (e *entries) addText(key, value string) {
	if value != "" {
		e.add(key, value)
	}
}

// architecture returns GGUF's name of an architecture. Mistral's is Llama's: the
// configuration says how they differ.
func architecture(c *modelfile.Config) (string, error) {
	switch c.Architecture {
	case "llama", "mistral":
		return "llama", nil
	case "qwen2", "qwen3":
		return c.Architecture, nil
	}
	return "", fmt.Errorf("architecture %q cannot be written as GGUF", c.Architecture)
}

// describe returns metadata that say what the model's files say.
func describe(m *modelfile.Model) ([]modelfile.Property, error) {
	arch, err := architecture(&m.Config)
	if err != nil {
		return nil, err
	}
	var e entries
	e.add(keyArchitecture, arch)
	e.add("general.type", "model")
	e.addText("general.name", m.Config.Name)
	e.addText("general.license", m.Config.License)
	e.addGeneration(&m.Generation)
	if err := e.addConfig(arch, &m.Config); err != nil {
		return nil, err
	}
	if err := e.addTokenizer(&m.Tokenizer, m.Config.Vocabulary); err != nil {
		return nil, err
	}
	e.addText("tokenizer.chat_template", m.ChatTemplate)
	return e, nil
}

// addGeneration adds the sampling that the authors advise.
func (e *entries) addGeneration(g *modelfile.Generation) {
	for _, s := range []struct {
		key   string
		value *float64
	}{{"temp", g.Temperature}, {"top_p", g.TopP}, {"penalty_repeat", g.RepetitionPenalty}} {
		if s.value != nil {
			e.add("general.sampling."+s.key, float32(*s.value))
		}
	}
	if g.TopK != nil {
		e.add("general.sampling.top_k", int32(*g.TopK))
	}
}

// addConfig adds the shape of the model and how it rotates positions.
func (e *entries) addConfig(arch string, c *modelfile.Config) error {
	counts := []struct {
		key   string
		value int
	}{
		{"context_length", c.Context},
		{"embedding_length", c.Width},
		{"block_count", c.Layers},
		{"feed_forward_length", c.FeedForward},
		{"attention.head_count", c.Heads},
		{"attention.head_count_kv", c.KVHeads},
		{"attention.key_length", c.HeadSize},
		{"attention.value_length", c.HeadSize},
		{"rope.dimension_count", turning(c)},
		{"vocab_size", c.Vocabulary},
		{"attention.sliding_window", c.SlidingWindow},
	}
	for _, n := range counts {
		if n.value < 0 || n.value > math.MaxInt32 {
			return fmt.Errorf("%s.%s of %d cannot be written as GGUF", arch, n.key, n.value)
		}
		if n.value > 0 {
			e.add(arch+"."+n.key, uint32(n.value))
		}
	}
	e.add(arch+".attention.layer_norm_rms_epsilon", float32(c.NormEpsilon))
	e.add(arch+".rope.freq_base", float32(c.RoPE.Base))
	return e.addScaling(arch+".rope.scaling.", &c.RoPE)
}

// turning returns how many numbers of a head turn.
func turning(c *modelfile.Config) int {
	if c.RoPE.Dims > 0 {
		return c.RoPE.Dims
	}
	return c.HeadSize
}

// addScaling adds how positions are stretched. Llama 3's way is a tensor in
// GGUF: see rotationFactors.
func (e *entries) addScaling(prefix string, r *modelfile.RoPE) error {
	switch r.Scaling {
	case modelfile.ScalingNone, modelfile.ScalingLlama3:
		return nil
	case modelfile.ScalingLinear:
		e.add(prefix+"type", "linear")
		e.add(prefix+"factor", float32(r.Factor))
		return nil
	case modelfile.ScalingYaRN:
	default:
		return fmt.Errorf("rotary scaling %q cannot be written as GGUF", r.Scaling)
	}
	e.add(prefix+"type", "yarn")
	e.add(prefix+"factor", float32(r.Factor))
	e.add(prefix+"original_context_length", uint32(r.OriginalContext))
	if r.BetaFast != 0 {
		e.add(prefix+"yarn_beta_fast", float32(r.BetaFast))
	}
	if r.BetaSlow != 0 {
		e.add(prefix+"yarn_beta_slow", float32(r.BetaSlow))
	}
	if r.Attention != 0 {
		// GGUF keeps what the formula's own value is to be multiplied by.
		e.add(prefix+"attn_factor", float32(r.Attention/(0.1*math.Log(r.Factor)+1)))
	}
	return nil
}

// addTokenizer adds the vocabulary. The embedding may have more rows than there
// are tokens; the rest get names that no text contains.
func (e *entries) addTokenizer(s *tokenizer.Spec, rows int) error {
	if len(s.Tokens) == 0 {
		return nil
	}
	if len(s.Tokens) > rows {
		return fmt.Errorf("the tokenizer has %d tokens, the model knows %d", len(s.Tokens), rows)
	}
	switch s.Kind {
	case tokenizer.ByteLevel:
		e.add("tokenizer.ggml.model", "gpt2")
		e.addText("tokenizer.ggml.pre", s.Pre)
	case tokenizer.SentencePiece:
		e.add("tokenizer.ggml.model", "llama")
	default:
		return fmt.Errorf("tokenizer kind %q cannot be written as GGUF", s.Kind)
	}
	tokens, types, scores := slices.Clone(s.Tokens), tokenTypes(s), slices.Clone(s.Scores)
	for i := len(tokens); i < rows; i++ {
		tokens = append(tokens, fmt.Sprintf("[PAD%d]", i))
		types = append(types, int32(tokenizer.Unused))
	}
	e.add("tokenizer.ggml.tokens", tokens)
	e.add("tokenizer.ggml.token_type", types)
	if s.Kind == tokenizer.SentencePiece {
		e.add("tokenizer.ggml.scores", append(scores, make([]float32, rows-len(scores))...))
	} else {
		e.add("tokenizer.ggml.merges", s.Merges)
	}
	e.addSpecial(s)
	return nil
}

func tokenTypes(s *tokenizer.Spec) []int32 {
	types := make([]int32, len(s.Tokens))
	for i := range types {
		types[i] = int32(tokenizer.Normal)
		if i < len(s.Types) {
			types[i] = int32(s.Types[i])
		}
	}
	return types
}

func (e *entries) addSpecial(s *tokenizer.Spec) {
	for _, t := range []struct {
		key string
		id  int
	}{{"bos", s.BOS}, {"eos", s.EOS}, {"eot", s.EOT}, {"unknown", s.Unknown}, {"padding", s.Pad}} {
		if t.id != tokenizer.None {
			e.add("tokenizer.ggml."+t.key+"_token_id", uint32(t.id))
		}
	}
	e.add("tokenizer.ggml.add_bos_token", s.AddBOS)
	e.add("tokenizer.ggml.add_eos_token", s.AddEOS)
	if s.Kind == tokenizer.SentencePiece {
		e.add("tokenizer.ggml.add_space_prefix", s.AddSpacePrefix)
	}
}
