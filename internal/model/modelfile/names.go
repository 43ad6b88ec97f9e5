package modelfile

import (
	"strconv"
	"strings"
)

// maxLayers is how many layers a model may have.
const maxLayers = 1024

// outerNames are Hugging Face's names of tensors that are in no layer.
var outerNames = map[string]string{
	"embed_tokens.weight": "token_embd.weight",
	"norm.weight":         "output_norm.weight",
	"lm_head.weight":      "output.weight",
}

// layerModules are Hugging Face's names of a layer's modules.
var layerModules = map[string]string{
	"input_layernorm":          "attn_norm",
	"self_attn.q_proj":         "attn_q",
	"self_attn.k_proj":         "attn_k",
	"self_attn.v_proj":         "attn_v",
	"self_attn.o_proj":         "attn_output",
	"self_attn.q_norm":         "attn_q_norm",
	"self_attn.k_norm":         "attn_k_norm",
	"post_attention_layernorm": "ffn_norm",
	"mlp.gate_proj":            "ffn_gate",
	"mlp.up_proj":              "ffn_up",
	"mlp.down_proj":            "ffn_down",
}

// TranslateName returns the name in GGUF files of a tensor that Hugging Face
// calls name: "blk.0.attn_q.weight" for "model.layers.0.self_attn.q_proj.weight".
// It knows the tensors of llama, mistral, qwen2 and qwen3.
func TranslateName(name string) (string, bool) {
	name = strings.TrimPrefix(name, "model.")
	if outer, ok := outerNames[name]; ok {
		return outer, true
	}
	rest, ok := strings.CutPrefix(name, "layers.")
	if !ok {
		return "", false
	}
	number, rest, ok := strings.Cut(rest, ".")
	if !ok || !isLayer(number) {
		return "", false
	}
	dot := strings.LastIndexByte(rest, '.')
	if dot < 0 || rest[dot:] != ".weight" && rest[dot:] != ".bias" {
		return "", false
	}
	module, ok := layerModules[rest[:dot]]
	if !ok {
		return "", false
	}
	return "blk." + number + "." + module + rest[dot:], true
}

// isLayer says whether s is the number of a layer as files write it.
func isLayer(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n < maxLayers && strconv.Itoa(n) == s
}

// computed says whether Hugging Face's tensor holds what is computed anyway:
// the frequencies of rotary positions, which old files have.
func computed(name string) bool {
	return strings.HasSuffix(name, ".rotary_emb.inv_freq")
}
