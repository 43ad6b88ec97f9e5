package modeltest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Folder writes the model that GGUF writes as a folder of safetensors with its
// JSON files, as Hugging Face's transformers have it, and returns its path. The
// numbers are the same; rows of queries and keys stand in that world's order.
// The Type must be F32, F16 or BF16. Shards split the weights; Properties have no
// meaning here. A test that wants a folder otherwise rewrites its files.
func Folder(tb TB, o Options) string {
	tb.Helper()
	dir := filepath.Join(tb.TempDir(), "tiny")
	if err := WriteFolder(dir, o); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// WriteFolder writes the folder dir, which may not exist yet.
func WriteFolder(dir string, o Options) error {
	mistral := o.Architecture == "mistral"
	_, tensors, err := Build(o)
	if err != nil {
		return err
	}
	if err := o.complete(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	config := o.config()
	if mistral {
		config["model_type"], config["architectures"] = "mistral", []string{"MistralForCausalLM"}
		config["sliding_window"] = null(o.SlidingWindow)
	}
	files := map[string]any{
		"config.json":            config,
		"generation_config.json": map[string]any{"bos_token_id": config["bos_token_id"], "eos_token_id": Vocabulary(o).EndOfGeneration},
		"tokenizer.json":         o.tokenizerJSON(),
		"tokenizer_config.json":  o.tokenizerConfig(),
	}
	for name, content := range files {
		if err := writeJSON(filepath.Join(dir, name), content); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return o.writeWeights(dir, o.hugging(tensors))
}

// writeJSON writes a file whose objects have their keys sorted.
func writeJSON(path string, content any) error {
	data, err := json.Marshal(content, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// null is a number, or null for 0.
func null(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// config returns config.json as transformers 5 writes it.
func (o *Options) config() map[string]any {
	spec := Vocabulary(*o)
	class := map[string]string{"llama": "Llama", "qwen2": "Qwen2", "qwen3": "Qwen3"}[o.Architecture]
	rope := map[string]any{"rope_type": "default", "rope_theta": o.RopeBase}
	switch {
	case o.RopeFreqs:
		rope = map[string]any{
			"rope_type": "llama3", "rope_theta": o.RopeBase, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
			"original_max_position_embeddings": o.Context / 4,
		}
	case o.Scaling != "":
		rope = map[string]any{
			"rope_type": o.Scaling, "rope_theta": o.RopeBase, "factor": 4.0,
			"original_max_position_embeddings": o.Context / 4,
		}
	}
	return map[string]any{
		"architectures": []string{class + "ForCausalLM"}, "model_type": o.Architecture,
		"vocab_size": o.Vocabulary, "hidden_size": o.Width, "intermediate_size": o.FeedForward,
		"num_hidden_layers": o.Layers, "num_attention_heads": o.Heads, "num_key_value_heads": o.KVHeads,
		"head_dim": o.HeadSize, "hidden_act": "silu", "max_position_embeddings": o.Context,
		"rms_norm_eps": 1e-5, "rope_parameters": rope, "tie_word_embeddings": o.Tied,
		"attention_bias": false, "mlp_bias": false,
		"use_sliding_window": o.SlidingWindow > 0, "sliding_window": null(o.SlidingWindow), "max_window_layers": 0,
		"bos_token_id": spec.BOS, "eos_token_id": spec.EOS,
	}
}

// huggingNames are the modules of a layer by their names in GGUF files.
var huggingNames = strings.NewReplacer(
	"attn_norm", "input_layernorm", "ffn_norm", "post_attention_layernorm",
	"attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm",
	"attn_q", "self_attn.q_proj", "attn_k", "self_attn.k_proj", "attn_v", "self_attn.v_proj",
	"attn_output", "self_attn.o_proj",
	"ffn_gate", "mlp.gate_proj", "ffn_up", "mlp.up_proj", "ffn_down", "mlp.down_proj",
	"token_embd", "model.embed_tokens", "output_norm", "model.norm", "output", "lm_head",
	"blk.", "model.layers.",
)

// hugging returns tensors under Hugging Face's names and in its order of rows.
// What the configuration says instead is left out.
func (o *Options) hugging(tensors []gguf.Tensor) []safetensors.Tensor {
	var all []safetensors.Tensor
	for _, t := range tensors {
		if t.Name == "rope_freqs.weight" {
			continue
		}
		data := t.Data
		if o.Architecture == "llama" && (strings.Contains(t.Name, "attn_q.") || strings.Contains(t.Name, "attn_k.")) {
			data = halves(data, t.Shape[0], o.HeadSize)
		}
		all = append(all, safetensors.Tensor{Name: huggingNames.Replace(t.Name), Type: t.Type, Shape: t.Shape, Data: data})
	}
	return all
}

// halves returns rows of which each head has those that RoPE turns together not
// side by side, as GGUF files of the llama architecture have them, but half a
// head apart.
func halves(data []byte, rows, head int) []byte {
	size := len(data) / rows
	out := make([]byte, 0, len(data))
	for start := 0; start < rows; start += head {
		for side := range 2 {
			for pair := range head / 2 {
				from := (start + 2*pair + side) * size
				out = append(out, data[from:from+size]...)
			}
		}
	}
	return out
}

// writeWeights writes one file, or shards and their index.
func (o *Options) writeWeights(dir string, tensors []safetensors.Tensor) error {
	metadata := map[string]string{"format": "pt"}
	if o.Shards <= 1 {
		return writeSafetensors(filepath.Join(dir, "model.safetensors"), tensors, metadata)
	}
	index := map[string]string{}
	for i := range o.Shards {
		name := fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, o.Shards)
		part := tensors[i*len(tensors)/o.Shards : (i+1)*len(tensors)/o.Shards]
		for _, t := range part {
			index[t.Name] = name
		}
		if err := writeSafetensors(filepath.Join(dir, name), part, metadata); err != nil {
			return err
		}
	}
	return writeJSON(filepath.Join(dir, "model.safetensors.index.json"), map[string]any{
		"metadata": map[string]any{}, "weight_map": index,
	})
}

func writeSafetensors(path string, tensors []safetensors.Tensor, metadata map[string]string) error {
	for _, t := range tensors {
		if t.Type != quant.F32 && t.Type != quant.F16 && t.Type != quant.BF16 {
			return fmt.Errorf("number format %v is not for safetensors", t.Type)
		}
	}
	var out bytes.Buffer
	if err := safetensors.Write(&out, tensors, metadata); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}
