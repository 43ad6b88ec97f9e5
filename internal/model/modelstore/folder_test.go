package modelstore_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// huggingFace writes a folder of the smallest model that opens: one layer, tied,
// in two shards, with the tokens that single bytes need. value is every weight.
func huggingFace(t testing.TB, value float32) string {
	t.Helper()
	const width, inner, vocabulary = 4, 8, 256
	shapes := map[string][]int{
		"model.embed_tokens.weight": {vocabulary, width}, "model.norm.weight": {width},
		"model.layers.0.input_layernorm.weight": {width}, "model.layers.0.post_attention_layernorm.weight": {width},
		"model.layers.0.mlp.gate_proj.weight": {inner, width}, "model.layers.0.mlp.up_proj.weight": {inner, width}, "model.layers.0.mlp.down_proj.weight": {width, inner},
	}
	for _, name := range []string{"q", "k", "v", "o"} {
		shapes["model.layers.0.self_attn."+name+"_proj.weight"] = []int{width, width}
	}
	var shards [2][]safetensors.Tensor
	index := map[string]string{}
	names := []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
	for i, name := range slices.Sorted(maps.Keys(shapes)) {
		size := 1
		for _, d := range shapes[name] {
			size *= d
		}
		var data []byte
		for range size {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(value))
		}
		shards[i%2] = append(shards[i%2], safetensors.Tensor{Name: name, Type: quant.F32, Shape: shapes[name], Data: data})
		index[name] = names[i%2]
	}
	files := map[string]string{
		"config.json": encode(t, map[string]any{"architectures": []string{"LlamaForCausalLM"}, "model_type": "llama", "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": 1,
			"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "vocab_size": vocabulary, "tie_word_embeddings": true, "hidden_act": "silu",
			"bos_token_id": 0, "eos_token_id": 1, "rope_theta": 10000}),
		"tokenizer.json": encode(t, map[string]any{"version": "1.0", "added_tokens": []any{}, "model": map[string]any{"type": "BPE", "vocab": byteTokens(), "merges": []string{}},
			"pre_tokenizer": map[string]any{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}, "decoder": map[string]any{"type": "ByteLevel"}}),
		"model.safetensors.index.json": encode(t, map[string]any{"metadata": map[string]any{}, "weight_map": index}),
		"README.md":                    "---\nlicense: apache-2.0\n---\n",
		"pytorch_model.bin":            "\x80\x02.",
	}
	for i, name := range names {
		var b bytes.Buffer
		if err := safetensors.Write(&b, shards[i], nil); err != nil {
			t.Fatal(err)
		}
		files[name] = b.String()
	}
	return write(t, filepath.Join(t.TempDir(), "tiny"), files)
}

func encode(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// byteTokens is GPT-2's alphabet: printable bytes are themselves, the others
// follow from U+0100 on.
func byteTokens() map[string]int {
	out, other := map[string]int{}, rune(0x100)
	for b := range 256 {
		r := rune(b)
		if !('!' <= r && r <= '~' || '¡' <= r && r <= '¬' || '®' <= r && r <= 'ÿ') {
			r, other = other, other+1
		}
		out[string(r)] = b
	}
	return out
}

func TestHuggingFaceFolder(t *testing.T) {
	path, data := huggingFace(t, 0.5), t.TempDir()
	s := modelstore.New(data)
	got := add(t, s, path, "tiny", modelstore.ImportOptions{})
	m := got.Manifest
	if m.Format != "safetensors" || m.Architecture != "llama" || m.Quantisation != "F32" || m.License != "Apache-2.0" || m.Parameters != 256*4+3*4+3*8*4+4*4*4 {
		t.Errorf("manifest %+v", m)
	}
	if !slices.Equal(got.LeftOut, []string{"pytorch_model.bin"}) {
		t.Errorf("left out are %v", got.LeftOut)
	}
	stored, _, err := s.Open("tiny")
	if err != nil {
		t.Fatal(err)
	}
	a, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := modelfile.Open(stored)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if diff := cmp.Diff(a.Tensors, b.Tensors); diff != "" || a.Config != b.Config {
		t.Error("another model comes out")
	}
	if _, err := s.Verify(t.Context(), "tiny", nil); err != nil {
		t.Error(err)
	}
	noGarbage(t, data)
}

func TestHuggingFaceRefused(t *testing.T) {
	for what, c := range map[string]struct {
		value float32
		spoil func(dir string) error
		want  string
	}{
		"not a number": {float32(math.NaN()), nil, "tensor"},
		"a lost shard": {1, func(dir string) error { return os.Remove(filepath.Join(dir, "model-00002-of-00002.safetensors")) }, "model-00002-of-00002.safetensors"},
		"remote code": {1, func(dir string) error {
			return replace(filepath.Join(dir, "config.json"), `"model_type"`, `"auto_map":{"AutoModel":"x.py"},"model_type"`)
		}, "auto_map"},
		"another shape": {1, func(dir string) error {
			return replace(filepath.Join(dir, "config.json"), `"hidden_size":4`, `"hidden_size":8`)
		}, "shape"},
		"index leads out": {1, func(dir string) error {
			return replace(filepath.Join(dir, "model.safetensors.index.json"), "model-00001", "../model-00001")
		}, "index"},
	} {
		dir, data := huggingFace(t, c.value), t.TempDir()
		if c.spoil != nil {
			if err := c.spoil(dir); err != nil {
				t.Fatal(err)
			}
		}
		_, err := modelstore.New(data).Import(t.Context(), dir, "x", modelstore.ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Import = %v, want %q", what, err, c.want)
		}
		if models, _, err := modelstore.New(data).List(); err != nil || len(models) > 0 {
			t.Errorf("%s: List = %v, %v", what, models, err)
		}
	}
}

// replace exchanges a part of a file.
func replace(path, old, new string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(data), old, new)), 0o600)
}
