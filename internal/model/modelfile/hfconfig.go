package modelfile

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/modelfile/tokenizerjson"
)

// maxDimension is the largest width, head count, vocabulary or context.
const maxDimension = 1 << 26

// maxIDs is how many end-of-text ids a file may list.
const maxIDs = 256

// hfConfig is config.json. A nil pointer is something it does not say.
type hfConfig struct {
	ModelType string         `json:"model_type"`
	Name      string         `json:"_name_or_path"`
	AutoMap   jsontext.Value `json:"auto_map"`
	Remote    bool           `json:"trust_remote_code"`
	Quantized *struct {
		Method string `json:"quant_method"`
	} `json:"quantization_config"`

	HiddenSize       *int    `json:"hidden_size"`
	IntermediateSize *int    `json:"intermediate_size"`
	Layers           *int    `json:"num_hidden_layers"`
	Heads            *int    `json:"num_attention_heads"`
	KVHeads          *int    `json:"num_key_value_heads"`
	HeadDim          *int    `json:"head_dim"`
	Vocabulary       *int    `json:"vocab_size"`
	Context          *int    `json:"max_position_embeddings"`
	Activation       *string `json:"hidden_act"`

	NormEpsilon    *float64 `json:"rms_norm_eps"`
	RopeTheta      *float64 `json:"rope_theta"`
	RopeScaling    *hfRope  `json:"rope_scaling"`
	RopeParameters *hfRope  `json:"rope_parameters"`
	Partial        *float64 `json:"partial_rotary_factor"`
	Original       *int     `json:"original_max_position_embeddings"`

	Tied          bool     `json:"tie_word_embeddings"`
	AttentionBias bool     `json:"attention_bias"`
	MLPBias       bool     `json:"mlp_bias"`
	Window        optional `json:"sliding_window"`
	UseWindow     bool     `json:"use_sliding_window"`
	FullLayers    *int     `json:"max_window_layers"`
	LayerTypes    []string `json:"layer_types"`

	BOS ids `json:"bos_token_id"`
	EOS ids `json:"eos_token_id"`
	Pad ids `json:"pad_token_id"`
}

// optional is a number that may be null, which is not the same as missing.
type optional struct {
	there bool
	value *int
}

// UnmarshalJSONFrom reads a number or null.
func (o *optional) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	o.there = true
	return json.UnmarshalDecode(dec, &o.value)
}

// ids is a token's id, a list of them, or null.
type ids []int

// UnmarshalJSONFrom reads a number, a list of numbers or null.
func (l *ids) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	*l = nil
	if dec.PeekKind() != '[' {
		var one *int
		if err := json.UnmarshalDecode(dec, &one); err != nil {
			return err
		}
		if one != nil {
			*l = ids{*one}
		}
		return nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if len(*l) == maxIDs {
			return fmt.Errorf("more than %d ids", maxIDs)
		}
		var one int
		if err := json.UnmarshalDecode(dec, &one); err != nil {
			return err
		}
		*l = append(*l, one)
	}
	_, err := dec.ReadToken()
	return err
}

// hfDefaults are the values of what a config.json does not say.
type hfDefaults struct {
	context int
	kvHeads int // 0 means as many as heads
	headDim int // 0 means width / heads
	window  int // where sliding_window is missing
}

// hfArchitectures are the model types that can be run, with the defaults of
// their configuration classes in transformers.
var hfArchitectures = map[string]hfDefaults{
	"llama":   {context: 2048},
	"mistral": {context: 131072, kvHeads: 8, window: 4096},
	"qwen2":   {context: 32768, kvHeads: 32, window: 4096},
	"qwen3":   {context: 32768, kvHeads: 32, headDim: 128, window: 4096},
}

// Defaults that all configuration classes share.
const (
	hfNormEpsilon = 1e-6
	hfRopeBase    = 10000
)

// readHFConfig reads config.json.
func readHFConfig(data []byte) (*hfConfig, error) {
	c := &hfConfig{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, tokenizerjson.Plain(err)
	}
	_, known := hfArchitectures[c.ModelType]
	switch {
	case remoteCode(c.AutoMap) || c.Remote:
		return nil, errRemoteCode
	case !known:
		return nil, fmt.Errorf("/model_type: %.40q is not supported; llama, mistral, qwen2 and qwen3 are", c.ModelType)
	case c.Quantized != nil:
		return nil, fmt.Errorf("/quantization_config: weights quantised by %.40q are not supported; use the unquantised model or a GGUF file", c.Quantized.Method)
	case c.Activation != nil && *c.Activation != "silu":
		return nil, fmt.Errorf("/hidden_act: %.40q is not supported, only silu", *c.Activation)
	}
	return c, nil
}

// remoteCode says whether a file's auto_map names programs.
func remoteCode(autoMap jsontext.Value) bool {
	s := strings.TrimSpace(string(autoMap))
	return s != "" && s != "null" && s != "{}"
}

// dimension checks a number that must be there.
func dimension(field string, v *int) (int, error) {
	switch {
	case v == nil:
		return 0, fmt.Errorf("/%s: missing", field)
	case *v < 1 || *v > maxDimension:
		return 0, fmt.Errorf("/%s: %d, want 1 to %d", field, *v, maxDimension)
	}
	return *v, nil
}

// config returns the model's shape.
func (c *hfConfig) config() (Config, error) {
	d := hfArchitectures[c.ModelType]
	out := Config{Architecture: c.ModelType, Name: plainLine(c.Name)}
	if strings.ContainsAny(out.Name, `\`) || strings.HasPrefix(out.Name, "/") || strings.HasPrefix(out.Name, ".") {
		out.Name = "" // a place on its authors' machine
	}
	for _, f := range []struct {
		field string
		from  *int
		to    *int
		other int // where the file says nothing; 0 if it must
	}{
		{"hidden_size", c.HiddenSize, &out.Width, 0},
		{"intermediate_size", c.IntermediateSize, &out.FeedForward, 0},
		{"num_hidden_layers", c.Layers, &out.Layers, 0},
		{"num_attention_heads", c.Heads, &out.Heads, 0},
		{"vocab_size", c.Vocabulary, &out.Vocabulary, 0},
		{"max_position_embeddings", c.Context, &out.Context, d.context},
	} {
		if f.from == nil && f.other > 0 {
			f.from = &f.other
		}
		var err error
		if *f.to, err = dimension(f.field, f.from); err != nil {
			return out, err
		}
	}
	if out.Layers > maxLayers {
		return out, fmt.Errorf("/num_hidden_layers: %d, limit %d", out.Layers, maxLayers)
	}
	if err := c.heads(&out, d); err != nil {
		return out, err
	}
	out.NormEpsilon = hfNormEpsilon
	if c.NormEpsilon != nil {
		out.NormEpsilon = *c.NormEpsilon
	}
	if !(out.NormEpsilon >= 0 && out.NormEpsilon < 1) {
		return out, fmt.Errorf("/rms_norm_eps: %g, want 0 to 1", out.NormEpsilon)
	}
	out.NormEpsilon = float64(float32(out.NormEpsilon)) // as PyTorch adds it, and GGUF keeps it
	var err error
	if out.RoPE, err = c.rope(out.Context); err != nil {
		return out, err
	}
	out.SlidingWindow, err = c.window(out.Layers, d.window)
	return out, err
}

// heads fills in the sizes of attention.
func (c *hfConfig) heads(out *Config, d hfDefaults) (err error) {
	kv, size := c.KVHeads, c.HeadDim
	if kv == nil {
		kv = &d.kvHeads
		if d.kvHeads == 0 {
			kv = &out.Heads
		}
	}
	if size == nil {
		size = &d.headDim
		if d.headDim == 0 {
			if out.Width%out.Heads != 0 {
				return fmt.Errorf("/head_dim: missing, and %d heads do not divide the width %d", out.Heads, out.Width)
			}
			quotient := out.Width / out.Heads
			size = &quotient
		}
	}
	if out.KVHeads, err = dimension("num_key_value_heads", kv); err != nil {
		return err
	}
	if out.HeadSize, err = dimension("head_dim", size); err != nil {
		return err
	}
	if out.Heads%out.KVHeads != 0 {
		return fmt.Errorf("/num_key_value_heads: %d do not divide %d heads", out.KVHeads, out.Heads)
	}
	if out.HeadSize%2 != 0 {
		return fmt.Errorf("/head_dim: %d is odd, and positions turn pairs", out.HeadSize)
	}
	return nil
}

// window returns how far back queries see; 0 means all the way.
func (c *hfConfig) window(layers, missing int) (int, error) {
	if c.ModelType == "llama" {
		return 0, nil // its configuration has no window
	}
	w := c.Window.value
	if !c.Window.there {
		w = &missing
	}
	if w == nil || c.ModelType != "mistral" && !c.UseWindow {
		return 0, nil
	}
	size, err := dimension("sliding_window", w)
	if err != nil || c.ModelType == "mistral" {
		return size, err
	}
	sliding, err := c.slidingLayers(layers)
	switch {
	case err != nil:
		return 0, err
	case sliding == 0:
		return 0, nil
	case sliding < layers:
		return 0, fmt.Errorf("/layer_types: %d of %d layers have a sliding window, which is not supported; all or none can", sliding, layers)
	}
	return size, nil
}

// slidingLayers counts the layers of qwen2 and qwen3 that have a window.
func (c *hfConfig) slidingLayers(layers int) (int, error) {
	if c.LayerTypes == nil {
		full := 28 // max_window_layers in transformers
		if c.FullLayers != nil {
			full = *c.FullLayers
		}
		return max(0, layers-max(0, full)), nil
	}
	if len(c.LayerTypes) != layers {
		return 0, fmt.Errorf("/layer_types: %d entries for %d layers", len(c.LayerTypes), layers)
	}
	n := 0
	for i, t := range c.LayerTypes {
		switch t {
		case "sliding_attention":
			n++
		case "full_attention":
		default:
			return 0, fmt.Errorf("/layer_types/%d: %.40q is not supported", i, t)
		}
	}
	return n, nil
}

// hfRope is the object rope_scaling, or rope_parameters since transformers 5.
type hfRope struct {
	RopeType     string   `json:"rope_type"`
	Type         string   `json:"type"`
	Theta        *float64 `json:"rope_theta"`
	Partial      *float64 `json:"partial_rotary_factor"`
	Factor       *float64 `json:"factor"`
	Original     *int     `json:"original_max_position_embeddings"`
	LowFreq      *float64 `json:"low_freq_factor"`
	HighFreq     *float64 `json:"high_freq_factor"`
	Attention    *float64 `json:"attention_factor"`
	BetaFast     *float64 `json:"beta_fast"`
	BetaSlow     *float64 `json:"beta_slow"`
	Scale        *float64 `json:"mscale"`
	ScaleAllDims *float64 `json:"mscale_all_dim"`
	Truncate     *bool    `json:"truncate"`

	// Layers of one kind may have rotations of their own: not supported.
	Full    jsontext.Value `json:"full_attention"`
	Sliding jsontext.Value `json:"sliding_attention"`
}

// rope returns the rotation. Hugging Face's weights always pair halves.
func (c *hfConfig) rope(context int) (RoPE, error) {
	p, at := c.RopeScaling, "/rope_scaling"
	if p == nil {
		p, at = c.RopeParameters, "/rope_parameters"
	}
	if p == nil {
		p = &hfRope{}
	}
	if p.Full != nil || p.Sliding != nil {
		return RoPE{}, fmt.Errorf("%s: rotations by kind of layer are not supported", at)
	}
	out := RoPE{Base: hfRopeBase}
	for _, theta := range []*float64{c.RopeTheta, p.Theta} {
		if theta != nil {
			out.Base = *theta
		}
	}
	for _, partial := range []*float64{c.Partial, p.Partial} {
		if partial != nil && *partial != 1 {
			return out, fmt.Errorf("/partial_rotary_factor: %g is not supported", *partial)
		}
	}
	if !(out.Base > 0) || math.IsInf(out.Base, 0) {
		return out, fmt.Errorf("/rope_theta: %g, want more than 0", out.Base)
	}
	original := context
	for _, o := range []*int{p.Original, c.Original} {
		if o == nil {
			continue
		}
		var err error
		if original, err = dimension("original_max_position_embeddings", o); err != nil {
			return out, err
		}
	}
	kind := p.RopeType
	if kind == "" {
		kind = p.Type
	}
	if err := p.scaling(&out, kind, original); err != nil {
		return out, fmt.Errorf("%s%w", at, err)
	}
	return out, nil
}

// scaling fills in what the kind of scaling needs.
func (p *hfRope) scaling(out *RoPE, kind string, original int) error {
	switch kind {
	case "", "default":
		return nil
	case "linear", "llama3", "yarn":
	default:
		return fmt.Errorf("/rope_type: %.40q is not supported; default, linear, llama3 and yarn are", kind)
	}
	out.Scaling = Scaling(kind)
	if p.Factor == nil || !(*p.Factor >= 1) || math.IsInf(*p.Factor, 0) {
		return errors.New("/factor: want 1 or more")
	}
	out.Factor = *p.Factor
	switch out.Scaling {
	case ScalingLlama3:
		if p.LowFreq == nil || p.HighFreq == nil || !(*p.LowFreq > 0) || !(*p.HighFreq > *p.LowFreq) {
			return errors.New("/high_freq_factor: want more than low_freq_factor, and that more than 0")
		}
		out.OriginalContext, out.LowFreq, out.HighFreq = original, *p.LowFreq, *p.HighFreq
	case ScalingYaRN:
		out.OriginalContext = original
		return p.yarn(out)
	}
	return nil
}

// yarn fills in what YaRN needs. The defaults are those of transformers.
func (p *hfRope) yarn(out *RoPE) error {
	if p.Truncate != nil && !*p.Truncate {
		return errors.New("/truncate: false is not supported")
	}
	out.BetaFast, out.BetaSlow = 32, 1
	if p.BetaFast != nil && *p.BetaFast != 0 {
		out.BetaFast = *p.BetaFast
	}
	if p.BetaSlow != nil && *p.BetaSlow != 0 {
		out.BetaSlow = *p.BetaSlow
	}
	if !(out.BetaSlow > 0) || !(out.BetaFast >= out.BetaSlow) {
		return errors.New("/beta_fast: want beta_slow or more, and that more than 0")
	}
	scale := func(by float64) float64 {
		if out.Factor <= 1 {
			return 1
		}
		return 0.1*by*math.Log(out.Factor) + 1
	}
	out.Attention = scale(1)
	if both := p.Scale != nil && p.ScaleAllDims != nil; both && *p.Scale != 0 && *p.ScaleAllDims != 0 {
		out.Attention = scale(*p.Scale) / scale(*p.ScaleAllDims)
	}
	if p.Attention != nil {
		out.Attention = *p.Attention
	}
	if !(out.Attention > 0) || math.IsInf(out.Attention, 0) {
		return fmt.Errorf("/attention_factor: %g, want more than 0", out.Attention)
	}
	return nil
}
