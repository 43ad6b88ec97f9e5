package adapter_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// object is a JSON object.
type object = map[string]any

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// bytesOf returns numbers as a type's bytes.
func bytesOf(kind quant.Type, x []float32) []byte {
	out := make([]byte, kind.Size(len(x)))
	quant.Quantize(out, kind, x)
	return out
}

// counted returns n numbers from start on.
func counted(n int, start float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = start + float32(i)
	}
	return x
}

// tensor is a matrix of numbers in a safetensors file.
func tensor(name string, rows, columns int, x []float32) safetensors.Tensor {
	return safetensors.Tensor{Name: name, Type: quant.F32, Shape: []int{rows, columns}, Data: bytesOf(quant.F32, x)}
}

const layer0 = "base_model.model.model.layers.0."

// plain are the tensors of a small adapter of rank 2 for a model of
// modeltest's default shape.
func plain() []safetensors.Tensor {
	return []safetensors.Tensor{
		tensor(layer0+"self_attn.q_proj.lora_A.weight", 2, 64, counted(128, 0)),
		tensor(layer0+"self_attn.q_proj.lora_B.weight", 64, 2, counted(128, 1)),
		tensor(layer0+"mlp.down_proj.lora_A.weight", 2, 128, counted(256, 2)),
		tensor(layer0+"mlp.down_proj.lora_B.weight", 64, 2, counted(128, 3)),
	}
}

// config is adapter_config.json as PEFT writes it, with changes.
func config(change object) object {
	c := object{
		"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "org/base", "r": 2, "lora_alpha": 16,
		"rank_pattern": object{}, "alpha_pattern": object{}, "use_rslora": false, "use_dora": false, "bias": "none",
		"fan_in_fan_out": false, "modules_to_save": nil, "init_lora_weights": true, "target_modules": []string{"q_proj", "down_proj"},
		"layer_replication": nil, "lora_bias": false, "lora_dropout": 0.05, "eva_config": nil, "trainable_token_indices": nil,
	}
	for key, value := range change {
		c[key] = value
	}
	return c
}

// folder writes a PEFT folder.
func folder(t testing.TB, c any, tensors []safetensors.Tensor, metadata map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := safetensors.Write(&out, tensors, metadata); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"adapter_config.json": data, "adapter_model.safetensors": out.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load reads an adapter that must be read.
func load(t testing.TB, path string) *adapter.Adapter {
	t.Helper()
	a, err := adapter.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// model opens a model of the test's own.
func model(t testing.TB, path string) *modelfile.Model {
	t.Helper()
	m, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// digestOf is what sha256sum says of the list that sha256sum makes of files.
func digestOf(t testing.TB, files []string) string {
	t.Helper()
	list := ""
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("%x  %s\n", sha256.Sum256(data), filepath.Base(file))
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(list)))
}

func TestLoadPEFT(t *testing.T) {
	a := load(t, folder(t, config(nil), plain(), map[string]string{"format": "pt", adapter.DigestKey: digest}))
	if a.Base != "org/base" || a.BaseDigest != digest || a.Architecture != "" || len(a.Files) != 2 {
		t.Errorf("Load = %+v", a)
	}
	if want := digestOf(t, a.Files); a.Digest != want {
		t.Errorf("digest %s, want %s", a.Digest, want)
	}
	want := []*adapter.Delta{
		{Name: "blk.0.attn_q.weight", Rank: 2, In: 64, Out: 64, A: counted(128, 0), B: counted(128, 1), Scale: 8},
		{Name: "blk.0.ffn_down.weight", Rank: 2, In: 128, Out: 64, A: counted(256, 2), B: counted(128, 3), Scale: 8},
	}
	if diff := cmp.Diff(want, a.Deltas); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestLoadPEFTScales(t *testing.T) {
	for name, c := range map[string]struct {
		change object
		want   [2]float32 // of attn_q and ffn_down
	}{
		"rank-stabilised": {object{"use_rslora": true}, [2]float32{float32(16 / math.Sqrt2), float32(16 / math.Sqrt2)}},
		"alpha by suffix": {object{"alpha_pattern": object{"q_proj": 4}}, [2]float32{2, 8}},
		"alpha by name":   {object{"alpha_pattern": object{"model.layers.0.mlp.down_proj": 1}}, [2]float32{8, 0.5}},
		"alpha by regexp": {object{"alpha_pattern": object{`model\.layers\.\d+\.(mlp|x)\..*`: 6}}, [2]float32{8, 3}},
		"part of a word":  {object{"alpha_pattern": object{"proj": 4, "q_pro": 4, "self_attn": 4}}, [2]float32{8, 8}},
		"rank by suffix":  {object{"r": 7, "rank_pattern": object{"q_proj": 2, "down_proj": 2}}, [2]float32{8, 8}},
		"nulls":           {object{"alpha_pattern": nil, "rank_pattern": nil, "init_lora_weights": "gaussian"}, [2]float32{8, 8}},
	} {
		a := load(t, folder(t, config(c.change), plain(), nil))
		if got := [2]float32{a.Deltas[0].Scale, a.Deltas[1].Scale}; got != c.want {
			t.Errorf("%s: scales %v, want %v", name, got, c.want)
		}
	}
	// The first pattern that matches counts, whatever its place in the alphabet.
	raw := `{"peft_type":"LORA","r":2,"lora_alpha":16,"alpha_pattern":{"q_proj":2,".*attn.*":4}}`
	if a := load(t, folder(t, json.RawMessage(raw), plain(), nil)); a.Deltas[0].Scale != 1 {
		t.Errorf("scale %v, want that of the first pattern, 1", a.Deltas[0].Scale)
	}
}

func TestLoadReadsHalfPrecision(t *testing.T) {
	for _, kind := range []quant.Type{quant.F16, quant.BF16} {
		tensors := plain()
		tensors[0].Type, tensors[0].Data = kind, bytesOf(kind, counted(128, 0))
		a := load(t, folder(t, config(nil), tensors, nil))
		if diff := cmp.Diff(counted(128, 0), a.Deltas[0].A); diff != "" {
			t.Errorf("%v (-want +got):\n%s", kind, diff)
		}
	}
}

func TestLoadRefusesPEFTConfigurations(t *testing.T) {
	for name, c := range map[string]struct {
		config any
		want   string
	}{
		"other kind":    {config(object{"peft_type": "IA3"}), `/peft_type: "IA3"`},
		"DoRA":          {config(object{"use_dora": true}), "has no lora_magnitude_vector"},
		"turned":        {config(object{"fan_in_fan_out": true}), "/fan_in_fan_out"},
		"bias all":      {config(object{"bias": "all"}), "/bias"},
		"LoRA bias":     {config(object{"lora_bias": true}), "/lora_bias"},
		"modules":       {config(object{"modules_to_save": []string{"lm_head"}}), "/modules_to_save"},
		"tokens":        {config(object{"trainable_token_indices": []int{3}}), "/trainable_token_indices"},
		"replication":   {config(object{"layer_replication": [][]int{{0, 1}}}), "/layer_replication"},
		"parameters":    {config(object{"target_parameters": []string{"x"}}), "/target_parameters"},
		"activated":     {config(object{"alora_invocation_tokens": []int{1}}), "/alora_invocation_tokens"},
		"program":       {config(object{"auto_map": object{"x": "y"}}), "/auto_map"},
		"PiSSA":         {config(object{"init_lora_weights": "pissa_niter_4"}), "/init_lora_weights"},
		"OLoRA":         {config(object{"init_lora_weights": "olora"}), "/init_lora_weights"},
		"rank 0":        {config(object{"r": 0}), "/r: 0"},
		"rank negative": {config(object{"r": -2}), "/r: -2"},
		"rank huge":     {config(object{"r": 1 << 40}), "/r"},
		"rank another":  {config(object{"r": 4}), `blk.0.attn_q.weight": rank 2, but adapter_config.json says 4`},
		"rank pattern":  {config(object{"rank_pattern": object{"q_proj": 3}}), "says 3"},
		"rank a string": {config(object{"r": "2"}), "/r"},
		"alpha huge":    {config(object{"lora_alpha": 1e300}), "no number"},
		"pattern":       {config(object{"alpha_pattern": object{"(": 1}}), "/alpha_pattern"},
		"look-ahead":    {config(object{"alpha_pattern": object{"(?!x)": 1}}), "/alpha_pattern"},
		"counts":        {config(object{"alpha_pattern": object{strings.Repeat("(", 50) + "x" + strings.Repeat("){1000}", 50): 1}}), "counted repetition"},
		"long pattern":  {config(object{"alpha_pattern": object{strings.Repeat("x", 600): 1}}), "600 bytes"},
		"no pattern":    {config(object{"alpha_pattern": []int{1}}), "/alpha_pattern"},
		"no JSON":       {json.RawMessage(`[1]`), "adapter_config.json"},
		"key twice":     {json.RawMessage(`{"r":2,"r":2}`), "twice"},
		"empty":         {json.RawMessage(`{}`), "/peft_type"},
	} {
		_, err := adapter.Load(folder(t, c.config, plain(), nil))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Load: %v, want %q in it", name, err, c.want)
		}
	}
	many := object{}
	for i := range 2000 {
		many[strings.Repeat("x", i%400+1)+string(rune('a'+i/400))] = 1
	}
	if _, err := adapter.Load(folder(t, config(object{"rank_pattern": many}), plain(), nil)); err == nil || !strings.Contains(err.Error(), "more than 1024") {
		t.Errorf("2000 patterns: %v", err)
	}
}

func TestLoadRefusesPEFTTensors(t *testing.T) {
	nan, inf := counted(128, 0), counted(128, 0)
	nan[77], inf[5] = float32(math.NaN()), float32(math.Inf(-1))
	with := func(i int, x safetensors.Tensor) []safetensors.Tensor {
		all := plain()
		all[i] = x
		return all
	}
	name := plain()[0].Name
	for what, c := range map[string]struct {
		tensors []safetensors.Tensor
		want    string
	}{
		"none":           {nil, "changes no matrix"},
		"no B":           {plain()[:1], "one of its two matrices is missing"},
		"no A":           {plain()[1:], "one of its two matrices is missing"},
		"ranks differ":   {with(0, tensor(name, 4, 32, counted(128, 0))), "rank 4 of A is not rank 2 of B"},
		"one dimension":  {with(0, safetensors.Tensor{Name: name, Shape: []int{128}, Data: bytesOf(quant.F32, nan)}), "not those of matrices"},
		"empty":          {with(0, tensor(name, 2, 0, nil)), "empty"},
		"rank 0":         {[]safetensors.Tensor{tensor(name, 0, 64, nil), tensor(plain()[1].Name, 64, 0, nil)}, "rank 0"},
		"rank huge":      {[]safetensors.Tensor{tensor(name, 10000, 0, nil), tensor(plain()[1].Name, 0, 10000, nil)}, "rank 10000"},
		"NaN":            {with(0, tensor(name, 2, 64, nan)), "A: number 77 is NaN"},
		"infinite":       {with(1, tensor(plain()[1].Name, 64, 2, inf)), "B: number 5 is -Inf"},
		"prefix":         {with(0, tensor("model.layers.0.self_attn.q_proj.lora_A.weight", 2, 64, nan)), "base_model.model."},
		"module":         {with(0, tensor(layer0+"self_attn.x_proj.lora_A.weight", 2, 64, nan)), "x_proj"},
		"norm":           {with(0, tensor(layer0+"input_layernorm.lora_A.weight", 2, 64, nan)), "input_layernorm"},
		"embedding":      {with(0, tensor("base_model.model.model.embed_tokens.lora_embedding_A", 2, 64, nan)), "embedding"},
		"embedding lora": {with(0, tensor("base_model.model.model.embed_tokens.lora_A.weight", 2, 64, nan)), "cannot be adapted"},
		"DoRA":           {append(plain(), tensor(layer0+"self_attn.q_proj.lora_magnitude_vector", 64, 1, counted(64, 1))), "does not call decomposed"},
		"bias":           {append(plain(), tensor(layer0+"self_attn.q_proj.lora_B.bias", 1, 1, []float32{1})), "biases"},
		"module whole":   {append(plain(), tensor("base_model.model.lm_head.weight", 1, 1, []float32{1})), "trained whole"},
		"other adapter":  {append(plain(), tensor(layer0+"self_attn.q_proj.lora_A.other.weight", 1, 1, []float32{1})), "lora_A.other"},
		"twice": {append(plain(), tensor("base_model.model.layers.0.self_attn.q_proj.lora_A.weight", 2, 64, counted(128, 0))),
			"two matrices A"},
	} {
		_, err := adapter.Load(folder(t, config(nil), c.tensors, nil))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Load: %v, want %q in it", what, err, c.want)
		}
	}
	if _, err := adapter.Load(folder(t, config(nil), plain(), map[string]string{adapter.DigestKey: "md5:1"})); err == nil || !strings.Contains(err.Error(), "no digest") {
		t.Errorf("a digest of another kind: %v", err)
	}
}

func TestLoadRefusesOtherFiles(t *testing.T) {
	pickle := []byte("\x80\x02}q\x00.")
	dir := folder(t, config(nil), plain(), nil)
	weights := filepath.Join(dir, "adapter_model.safetensors")
	if _, err := adapter.Load(weights); err == nil || !strings.Contains(err.Error(), "give the folder") {
		t.Errorf("Load of a file of the folder: %v", err)
	}
	for _, name := range []string{"adapter_model.safetensors", "adapter_model.bin"} {
		if err := os.RemoveAll(weights); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), pickle, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{dir, filepath.Join(dir, name)} {
			if _, err := adapter.Load(path); !errors.Is(err, safetensors.ErrPickle) {
				t.Errorf("Load(%s): %v, want ErrPickle", path, err)
			}
		}
	}
	empty := t.TempDir()
	for _, path := range []string{empty, filepath.Join(empty, "x"), os.DevNull} {
		if _, err := adapter.Load(path); err == nil {
			t.Errorf("Load(%q) = nil error", path)
		}
	}
	if err := os.Mkdir(filepath.Join(empty, "adapter_config.json"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := adapter.Load(empty); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a folder for a file: %v", err)
	}
}

// properties are those of a GGUF adapter, with changes.
func properties(change ...gguf.Property) []gguf.Property {
	all := []gguf.Property{
		{Key: "general.type", Value: "adapter"}, {Key: "adapter.type", Value: "lora"},
		{Key: "general.architecture", Value: "llama"}, {Key: "adapter.lora.alpha", Value: float32(16)},
	}
	for _, c := range change {
		if i := slices.IndexFunc(all, func(p gguf.Property) bool { return p.Key == c.Key }); i >= 0 {
			all = slices.Delete(all, i, i+1)
		}
		if c.Value != nil {
			all = append(all, c)
		}
	}
	return all
}

// ggufTensors are plain's numbers under GGUF's names.
func ggufTensors() []gguf.Tensor {
	return []gguf.Tensor{
		{Name: "blk.0.attn_q.weight.lora_a", Shape: []int{2, 64}, Data: bytesOf(quant.F32, counted(128, 0))},
		{Name: "blk.0.attn_q.weight.lora_b", Shape: []int{64, 2}, Data: bytesOf(quant.F32, counted(128, 1))},
		{Name: "blk.0.ffn_down.weight.lora_a", Shape: []int{2, 128}, Data: bytesOf(quant.F32, counted(256, 2))},
		{Name: "blk.0.ffn_down.weight.lora_b", Shape: []int{64, 2}, Data: bytesOf(quant.F32, counted(128, 3))},
	}
}

func ggufFile(t testing.TB, p []gguf.Property, tensors []gguf.Tensor) string {
	t.Helper()
	var out bytes.Buffer
	if err := gguf.Write(&out, p, tensors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "adapter.gguf")
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadGGUF(t *testing.T) {
	a := load(t, ggufFile(t, properties(gguf.Property{Key: adapter.DigestKey, Value: digest}), ggufTensors()))
	peft := load(t, folder(t, config(nil), plain(), nil))
	if diff := cmp.Diff(peft.Deltas, a.Deltas); diff != "" {
		t.Errorf("changes (-PEFT +GGUF):\n%s", diff)
	}
	if a.Architecture != "llama" || a.BaseDigest != digest {
		t.Errorf("Load = %+v", a)
	}
	a = load(t, ggufFile(t, properties(gguf.Property{Key: "adapter.lora.alpha"}), ggufTensors()))
	if a.Deltas[0].Scale != 1 {
		t.Errorf("without alpha the scale is %v, want 1", a.Deltas[0].Scale)
	}
}

func TestLoadRefusesGGUF(t *testing.T) {
	set := func(key string, value any) []gguf.Property {
		return properties(gguf.Property{Key: key, Value: value})
	}
	named := func(name string) []gguf.Tensor {
		all := ggufTensors()
		all[0].Name = name
		return all
	}
	for name, c := range map[string]struct {
		p       []gguf.Property
		tensors []gguf.Tensor
		want    string
	}{
		"a model":      {set("general.type", "model"), ggufTensors(), "no low-rank adapter"},
		"no type":      {set("general.type", nil), ggufTensors(), "no low-rank adapter"},
		"type number":  {set("adapter.type", uint32(1)), ggufTensors(), "no low-rank adapter"},
		"architecture": {set("general.architecture", "gemma"), ggufTensors(), `"gemma"`},
		"alpha NaN":    {set("adapter.lora.alpha", float32(math.NaN())), ggufTensors(), "NaN"},
		"alpha text":   {set("adapter.lora.alpha", "16"), ggufTensors(), "no float32"},
		"activated":    {set("adapter.alora.invocation_tokens", []uint32{1}), ggufTensors(), "activated"},
		"digest":       {set(adapter.DigestKey, "x"), ggufTensors(), "no digest"},
		"no tensors":   {properties(), nil, "changes no matrix"},
		"embedding":    {properties(), named("token_embd.weight.lora_a"), "token_embd"},
		"norm":         {properties(), named("blk.0.attn_norm.weight.lora_a"), "attn_norm"},
		"plain":        {properties(), named("blk.0.attn_q.weight"), "not supported"},
		"half a pair":  {properties(), ggufTensors()[1:], "missing"},
	} {
		_, err := adapter.Load(ggufFile(t, c.p, c.tensors))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Load: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestFits(t *testing.T) {
	m := model(t, modeltest.GGUF(t, modeltest.Options{}))
	single := func(target string, rank, in, out int) string {
		return folder(t, config(object{"r": rank}), []safetensors.Tensor{
			tensor("base_model.model."+target+".lora_A.weight", rank, in, counted(rank*in, 0)),
			tensor("base_model.model."+target+".lora_B.weight", out, rank, counted(rank*out, 0)),
		}, nil)
	}
	for name, c := range map[string]struct {
		path string
		want error
		text string
	}{
		"fits":         {folder(t, config(nil), plain(), nil), nil, ""},
		"GGUF fits":    {ggufFile(t, properties(), ggufTensors()), nil, ""},
		"output":       {single("lm_head", 2, 64, 560), nil, ""},
		"wider":        {single("model.layers.0.self_attn.v_proj", 2, 128, 32), adapter.ErrFit, `"blk.0.attn_v.weight" is [32 64] in the model and [32 128]`},
		"more rows":    {single("model.layers.1.self_attn.k_proj", 2, 64, 64), adapter.ErrFit, `"blk.1.attn_k.weight"`},
		"more layers":  {single("model.layers.7.self_attn.k_proj", 2, 64, 32), adapter.ErrFit, `no matrix "blk.7.attn_k.weight"`},
		"rank":         {single("model.layers.0.self_attn.v_proj", 65, 64, 32), adapter.ErrFit, "rank 65"},
		"architecture": {ggufFile(t, properties(gguf.Property{Key: "general.architecture", Value: "qwen2"}), ggufTensors()), adapter.ErrFit, `"qwen2"`},
		"unknown base": {folder(t, config(nil), plain(), map[string]string{adapter.DigestKey: digest}), adapter.ErrBase, "not known"},
	} {
		a := load(t, c.path)
		err := a.Fits(m)
		if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: Fits: %v, want %v with %q", name, err, c.want, c.text)
		}
		if _, again := a.For(m); (again == nil) != (err == nil) {
			t.Errorf("%s: For: %v, Fits: %v", name, again, err)
		}
	}
	bound := load(t, folder(t, config(nil), plain(), map[string]string{adapter.DigestKey: digest}))
	m.Digest = digest
	if err := bound.Fits(m); err != nil {
		t.Errorf("Fits of its own base: %v", err)
	}
	m.Digest = strings.Replace(digest, "0", "1", 1)
	if err := bound.Fits(m); !errors.Is(err, adapter.ErrBase) {
		t.Errorf("Fits of another base: %v, want ErrBase", err)
	}
}

func TestFitsATiedModelWithoutOutput(t *testing.T) {
	m := model(t, modeltest.GGUF(t, modeltest.Options{Tied: true}))
	a := load(t, folder(t, config(nil), []safetensors.Tensor{
		tensor("base_model.model.lm_head.lora_A.weight", 2, 64, counted(128, 0)),
		tensor("base_model.model.lm_head.lora_B.weight", 560, 2, counted(1120, 0)),
	}, nil))
	if err := a.Fits(m); !errors.Is(err, adapter.ErrFit) {
		t.Errorf("Fits: %v, want ErrFit", err)
	}
}

// change returns Scale·B·A of the matrix.
func change(d *adapter.Delta) []float64 {
	out := make([]float64, d.Out*d.In)
	for i := range d.Out {
		for k := range d.Rank {
			for j := range d.In {
				out[i*d.In+j] += float64(d.Scale) * float64(d.B[i*d.Rank+k]) * float64(d.A[k*d.In+j])
			}
		}
	}
	return out
}

// What an adapter adds to a matrix is moved as the matrix itself is between the
// two orders of rows, and moving it back gives the first one.
func TestForMovesRowsAsTheModelHasThem(t *testing.T) {
	for _, heads := range []int{2, 4} {
		for _, size := range []int{2, 4, 6, 16} {
			testRows(t, heads, size)
		}
	}
}

// testRows tests one shape of attention with random numbers.
func testRows(t *testing.T, heads, size int) {
	o := modeltest.Options{Width: 32, Heads: heads, KVHeads: 2, HeadSize: size, Layers: 1}
	single, halves := model(t, modeltest.GGUF(t, o)), model(t, modeltest.Folder(t, o))
	r := rand.New(rand.NewPCG(uint64(heads), uint64(size)))
	draw := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	var tensors []safetensors.Tensor
	for _, module := range []string{"q_proj", "k_proj", "v_proj"} {
		out := 2 * size
		if module == "q_proj" {
			out = heads * size
		}
		tensors = append(tensors,
			tensor(layer0+"self_attn."+module+".lora_A.weight", 2, 32, draw(64)),
			tensor(layer0+"self_attn."+module+".lora_B.weight", out, 2, draw(2*out)))
	}
	a := load(t, folder(t, config(nil), tensors, nil))
	own, err := a.For(halves)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a.Deltas, own); diff != "" {
		t.Errorf("For a model of the same order (-loaded +for):\n%s", diff)
	}
	moved, err := a.For(single)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range moved {
		rows := rowMap(t, halves, single, d.Name)
		from, to := change(own[i]), change(d)
		for row := range d.Out {
			if !slices.Equal(from[row*d.In:(row+1)*d.In], to[rows[row]*d.In:(rows[row]+1)*d.In]) {
				t.Errorf("%d heads of %d: %s: row %d did not go to %d", heads, size, d.Name, row, rows[row])
			}
		}
	}
	// The same adapter as a GGUF file goes the other way.
	var all []gguf.Tensor
	for _, d := range moved {
		all = append(all,
			gguf.Tensor{Name: d.Name + ".lora_a", Shape: []int{2, d.In}, Data: bytesOf(quant.F32, d.A)},
			gguf.Tensor{Name: d.Name + ".lora_b", Shape: []int{d.Out, 2}, Data: bytesOf(quant.F32, d.B)})
	}
	back, err := load(t, ggufFile(t, properties(), all)).For(halves)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(own, back); diff != "" {
		t.Errorf("there and back (-PEFT +GGUF):\n%s", diff)
	}
}

// rowMap finds each row of a matrix of one model in the same matrix of another.
func rowMap(t *testing.T, from, to *modelfile.Model, name string) []int {
	a, b := from.Tensor(name), to.Tensor(name)
	size := len(a.Data) / a.Shape[0]
	rows := make([]int, a.Shape[0])
	for i := range rows {
		rows[i] = -1
		for k := range rows {
			if bytes.Equal(a.Data[i*size:(i+1)*size], b.Data[k*size:(k+1)*size]) {
				rows[i] = k
			}
		}
		if rows[i] < 0 {
			t.Fatalf("%s: row %d is not in the other model", name, i)
		}
	}
	return rows
}

func FuzzLoad(f *testing.F) {
	valid, err := json.Marshal(config(object{"alpha_pattern": object{"q_proj": 4}}))
	if err != nil {
		f.Fatal(err)
	}
	var weights, single bytes.Buffer
	if err := errors.Join(safetensors.Write(&weights, plain(), nil), gguf.Write(&single, properties(), ggufTensors())); err != nil {
		f.Fatal(err)
	}
	f.Add(valid, weights.Bytes())
	f.Add([]byte(`{"peft_type":"LORA","init_lora_weights":"pissa","rank_pattern":{"a":1}}`), weights.Bytes())
	f.Add([]byte(nil), single.Bytes())
	stretched, err := json.Marshal(config(object{"use_dora": true}))
	if err != nil {
		f.Fatal(err)
	}
	var magnitudes bytes.Buffer
	all := plain()
	for _, module := range []string{"self_attn.q_proj", "mlp.down_proj"} {
		all = append(all, safetensors.Tensor{Name: layer0 + module + ".lora_magnitude_vector", Shape: []int{64}, Data: bytesOf(quant.F32, counted(64, 1))})
	}
	if err := safetensors.Write(&magnitudes, all, nil); err != nil {
		f.Fatal(err)
	}
	f.Add(stretched, magnitudes.Bytes())
	dir, file := f.TempDir(), filepath.Join(f.TempDir(), "adapter.gguf")
	f.Fuzz(func(t *testing.T, config, weights []byte) {
		path := file
		err := os.WriteFile(file, weights, 0o644)
		if len(config) > 0 {
			path = dir
			err = errors.Join(
				os.WriteFile(filepath.Join(dir, "adapter_config.json"), config, 0o644),
				os.WriteFile(filepath.Join(dir, "adapter_model.safetensors"), weights, 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
		a, err := adapter.Load(path)
		if err != nil {
			return
		}
		for _, d := range a.Deltas {
			if len(d.A) != d.Rank*d.In || len(d.B) != d.Out*d.Rank || d.Rank < 1 || d.Magnitude != nil && len(d.Magnitude) != d.Out {
				t.Fatalf("%+v", d)
			}
		}
	})
}
