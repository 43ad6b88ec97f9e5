package modelfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// object is a JSON object.
type object = map[string]any

// openModel opens a model that must open.
func openModel(t *testing.T, path string) *modelfile.Model {
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

// editJSON changes a JSON file of a folder; a nil value takes a key away, and
// json.RawMessage("null") puts null there.
func editJSON(t *testing.T, dir, name string, change object) {
	t.Helper()
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc := object{}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	maps.Copy(doc, change)
	maps.DeleteFunc(doc, func(_ string, v any) bool { return v == nil })
	if data, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	write(t, path, string(data))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// wantError opens a folder that must be refused.
func wantError(t *testing.T, name, dir, want string) {
	t.Helper()
	m, err := modelfile.Open(dir)
	if err == nil {
		m.Close()
		t.Errorf("%s: Open = nil error, want %q", name, want)
		return
	}
	if !strings.Contains(err.Error(), want) {
		t.Errorf("%s: Open: %v, want %q in it", name, err, want)
	}
}

// A model is the same by either road, but for the order of rows that RoPE turns.
func TestFolderIsTheSameModelAsGGUF(t *testing.T) {
	for name, o := range map[string]modeltest.Options{
		"llama":   {},
		"shards":  {Shards: 3, Tied: true, Type: quant.BF16},
		"scaled":  {Scaling: "linear", Type: quant.F16},
		"mistral": {Architecture: "mistral", SlidingWindow: 7, SentencePiece: true},
		"qwen2":   {Architecture: "qwen2", HeadSize: 24},
		"qwen3":   {Architecture: "qwen3", HeadSize: 32, SlidingWindow: 5},
	} {
		o.ChatTemplate = modeltest.ChatTemplate
		folder, single := openModel(t, modeltest.Folder(t, o)), openModel(t, modeltest.GGUF(t, o))
		if folder.Format != "safetensors" || folder.ChatTemplate != single.ChatTemplate {
			t.Errorf("%s: format %q, template %q", name, folder.Format, folder.ChatTemplate)
		}
		a, b := folder.Config, single.Config
		if a.RoPE.Interleaved {
			t.Errorf("%s: RoPE pairs neighbours in a folder", name)
		}
		if name == "mistral" && a.Architecture == "mistral" {
			a.Architecture = b.Architecture
		}
		a.Name, a.License, a.RoPE.Interleaved = b.Name, b.License, b.RoPE.Interleaved
		if diff := cmp.Diff(b, a); diff != "" {
			t.Errorf("%s: configuration (-GGUF +folder):\n%s", name, diff)
		}
		spec := folder.Tokenizer
		spec.Normalizer = single.Tokenizer.Normalizer
		spec.Scores = single.Tokenizer.Scores // of another scale
		if diff := cmp.Diff(single.Tokenizer, spec); diff != "" {
			t.Errorf("%s: tokenizer (-GGUF +folder):\n%s", name, diff)
		}
		sameTensors(t, name, folder, single)
	}
}

// sameTensors compares tensors by name.
func sameTensors(t *testing.T, name string, folder, single *modelfile.Model) {
	t.Helper()
	if len(folder.Tensors) != len(single.Tensors) {
		t.Errorf("%s: %d tensors, GGUF has %d", name, len(folder.Tensors), len(single.Tensors))
	}
	for _, want := range single.Tensors {
		got := folder.Tensor(want.Name)
		if got == nil {
			t.Errorf("%s: no tensor %q", name, want.Name)
			continue
		}
		data := got.Data
		moved := strings.Contains(want.Name, "attn_q.") || strings.Contains(want.Name, "attn_k.")
		if moved && single.Config.RoPE.Interleaved {
			data = neighbours(data, want.Shape[0], single.Config.HeadSize)
		}
		if got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(data, want.Data) {
			t.Errorf("%s: tensor %q is %v %v, GGUF has %v %v, or other bytes", name, got.Name, got.Type, got.Shape, want.Type, want.Shape)
		}
	}
}

// neighbours puts the rows of the two halves of each head side by side.
func neighbours(data []byte, rows, head int) []byte {
	size := len(data) / rows
	var out []byte
	for row := range rows {
		first, i := row/head*head, row%head
		from := first + i/2 + i%2*head/2
		out = append(out, data[from*size:(from+1)*size]...)
	}
	return out
}

func TestFolderConfiguration(t *testing.T) {
	null := json.RawMessage("null")
	type check = func(modelfile.Config) bool
	for name, c := range map[string]struct {
		o      modeltest.Options
		change object
		want   check
	}{
		"llama3": {modeltest.Options{RopeFreqs: true}, nil, func(c modelfile.Config) bool {
			return c.RoPE == modelfile.RoPE{Base: 10000, Scaling: modelfile.ScalingLlama3, Factor: 8, OriginalContext: 128, LowFreq: 1, HighFreq: 4}
		}},
		"old rope": {modeltest.Options{}, object{"rope_parameters": nil, "rope_theta": 5e5, "rope_scaling": null}, func(c modelfile.Config) bool {
			return c.RoPE == modelfile.RoPE{Base: 5e5}
		}},
		"rope missing": {modeltest.Options{}, object{"rope_parameters": nil}, func(c modelfile.Config) bool {
			return c.RoPE == modelfile.RoPE{Base: 10000}
		}},
		"old type": {modeltest.Options{}, object{"rope_scaling": object{"type": "linear", "factor": 2.5}}, func(c modelfile.Config) bool {
			return c.RoPE.Scaling == modelfile.ScalingLinear && c.RoPE.Factor == 2.5
		}},
		"yarn": {modeltest.Options{}, object{"rope_scaling": object{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}}, func(c modelfile.Config) bool {
			return c.RoPE.OriginalContext == 64 && c.RoPE.BetaFast == 32 && c.RoPE.BetaSlow == 1 && math.Abs(c.RoPE.Attention-1.1386294361119891) < 1e-15
		}},
		"yarn by scales": {modeltest.Options{}, object{"rope_scaling": object{"rope_type": "yarn", "factor": 40.0, "mscale": 1.0, "mscale_all_dim": 1.0, "beta_fast": 16}}, func(c modelfile.Config) bool {
			return c.RoPE.OriginalContext == 512 && c.RoPE.BetaFast == 16 && c.RoPE.Attention == 1
		}},
		"yarn given":      {modeltest.Options{}, object{"rope_scaling": object{"rope_type": "yarn", "factor": 4, "attention_factor": 0.5}}, func(c modelfile.Config) bool { return c.RoPE.Attention == 0.5 }},
		"head size":       {modeltest.Options{}, object{"head_dim": null}, func(c modelfile.Config) bool { return c.HeadSize == 16 }},
		"mistral default": {modeltest.Options{Architecture: "mistral"}, object{"sliding_window": nil}, func(c modelfile.Config) bool { return c.SlidingWindow == 4096 }},
		"mistral none":    {modeltest.Options{Architecture: "mistral"}, object{"sliding_window": null}, func(c modelfile.Config) bool { return c.SlidingWindow == 0 }},
		"window unused":   {modeltest.Options{Architecture: "qwen2"}, object{"use_sliding_window": false, "sliding_window": 8}, func(c modelfile.Config) bool { return c.SlidingWindow == 0 }},
		"window late":     {modeltest.Options{Architecture: "qwen2"}, object{"use_sliding_window": true, "sliding_window": 8, "max_window_layers": 2}, func(c modelfile.Config) bool { return c.SlidingWindow == 0 }},
		"window listed":   {modeltest.Options{Architecture: "qwen3"}, object{"use_sliding_window": true, "sliding_window": 8, "layer_types": []string{"sliding_attention", "sliding_attention"}}, func(c modelfile.Config) bool { return c.SlidingWindow == 8 }},
		"window of llama": {modeltest.Options{}, object{"sliding_window": 8}, func(c modelfile.Config) bool { return c.SlidingWindow == 0 }},
		"name":            {modeltest.Options{}, object{"_name_or_path": "org/model"}, func(c modelfile.Config) bool { return c.Name == "org/model" }},
		"name a place":    {modeltest.Options{}, object{"_name_or_path": "/home/x/model"}, func(c modelfile.Config) bool { return c.Name == "" }},
		"no remote code":  {modeltest.Options{}, object{"auto_map": object{}}, func(c modelfile.Config) bool { return true }},
	} {
		dir := modeltest.Folder(t, c.o)
		editJSON(t, dir, "config.json", c.change)
		if m := openModel(t, dir); !c.want(m.Config) {
			t.Errorf("%s: configuration %+v", name, m.Config)
		}
	}
}

func TestFolderRefusesConfigurations(t *testing.T) {
	dir := modeltest.Folder(t, modeltest.Options{Architecture: "qwen2"})
	good, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	rope := func(members ...any) object {
		r := object{"rope_type": "yarn", "factor": 4}
		for i := 0; i < len(members); i += 2 {
			r[members[i].(string)] = members[i+1]
		}
		return object{"rope_scaling": r}
	}
	for name, c := range map[string]struct {
		change object
		want   string
	}{
		"other type":          {object{"model_type": "gemma2"}, `"gemma2" is not supported; llama, mistral, qwen2 and qwen3`},
		"no type":             {object{"model_type": nil}, "/model_type"},
		"remote code":         {object{"auto_map": object{"AutoModel": "x.Model"}}, "its own program"},
		"trusted code":        {object{"trust_remote_code": true}, "its own program"},
		"quantised":           {object{"quantization_config": object{"quant_method": "awq"}}, `"awq"`},
		"activation":          {object{"hidden_act": "gelu"}, `/hidden_act: "gelu"`},
		"no width":            {object{"hidden_size": nil}, "/hidden_size: missing"},
		"width 0":             {object{"hidden_size": 0}, "/hidden_size"},
		"width negative":      {object{"hidden_size": -64}, "/hidden_size"},
		"width huge":          {object{"hidden_size": 1 << 40}, "/hidden_size"},
		"width a string":      {object{"hidden_size": "64"}, "/hidden_size"},
		"width a fraction":    {object{"hidden_size": 64.5}, "/hidden_size"},
		"layers 0":            {object{"num_hidden_layers": 0}, "/num_hidden_layers"},
		"layers many":         {object{"num_hidden_layers": 1 << 20}, "/num_hidden_layers"},
		"layers fewer":        {object{"num_hidden_layers": 1}, "blk.1."},
		"layers more":         {object{"num_hidden_layers": 3}, "blk.2."},
		"heads 0":             {object{"num_attention_heads": 0}, "/num_attention_heads"},
		"heads 3":             {object{"num_attention_heads": 3}, "/num_key_value_heads"},
		"more key heads":      {object{"num_key_value_heads": 8}, "/num_key_value_heads"},
		"odd head":            {object{"head_dim": 15}, "/head_dim"},
		"other head":          {object{"head_dim": 32}, "attn_q"},
		"heads do not divide": {object{"head_dim": nil, "num_attention_heads": 6}, "/head_dim"},
		"other vocabulary":    {object{"vocab_size": 1000}, "token_embd"},
		"epsilon negative":    {object{"rms_norm_eps": -1}, "/rms_norm_eps"},
		"theta 0":             {object{"rope_parameters": object{"rope_theta": 0}}, "/rope_theta"},
		"theta negative":      {object{"rope_parameters": object{"rope_theta": -5}}, "/rope_theta"},
		"dynamic":             {rope("rope_type", "dynamic"), `/rope_scaling/rope_type: "dynamic"`},
		"longrope":            {rope("rope_type", "longrope"), `"longrope"`},
		"no factor":           {rope("factor", nil), "/rope_scaling/factor"},
		"factor 0":            {rope("factor", 0), "/rope_scaling/factor"},
		"original 0":          {rope("original_max_position_embeddings", 0), "original_max"},
		"untruncated":         {rope("truncate", false), "/truncate"},
		"betas":               {rope("beta_fast", 1, "beta_slow", 2), "/beta_fast"},
		"attention":           {rope("attention_factor", -1), "/attention_factor"},
		"llama3 bands":        {rope("rope_type", "llama3", "low_freq_factor", 4, "high_freq_factor", 1), "/high_freq_factor"},
		"partial":             {object{"partial_rotary_factor": 0.5}, "/partial_rotary_factor"},
		"by kind":             {object{"rope_parameters": object{"full_attention": object{}}}, "by kind of layer"},
		"mixed window":        {object{"use_sliding_window": true, "sliding_window": 8, "max_window_layers": 1}, "1 of 2 layers"},
		"window 0":            {object{"use_sliding_window": true, "sliding_window": 0}, "/sliding_window"},
		"types short":         {object{"use_sliding_window": true, "sliding_window": 8, "layer_types": []string{"full_attention"}}, "/layer_types"},
		"types other":         {object{"use_sliding_window": true, "sliding_window": 8, "layer_types": []string{"x", "x"}}, "/layer_types/0"},
		"eos out of range":    {object{"eos_token_id": []int{1, 1 << 30}}, "/eos_token_id: 1073741824"},
		"eos negative":        {object{"eos_token_id": -1}, "/eos_token_id: -1"},
		"many eos":            {object{"eos_token_id": make([]int, 300)}, "more than 256"},
		"small vocabulary":    {object{"vocab_size": 100}, "560 tokens, but the model only 100"},
	} {
		write(t, filepath.Join(dir, "config.json"), string(good))
		editJSON(t, dir, "config.json", c.change)
		wantError(t, name, dir, c.want)
	}
	for name, c := range map[string][2]string{
		"no JSON":   {"{", "config.json: it ends"},
		"a list":    {"[]", "config.json"},
		"key twice": {`{"model_type":"llama","model_type":"llama"}`, "/model_type: two keys"},
		"no UTF-8":  {"{\"a\":\"\xff\"}", "UTF-8"},
		"deep":      {strings.Repeat("[", 1_000_000), "config.json"},
	} {
		write(t, filepath.Join(dir, "config.json"), c[0])
		wantError(t, name, dir, c[1])
	}
}

// Biases are there if the configuration asks for them, and only then.
func TestFolderBiases(t *testing.T) {
	bias := func(dir string) {
		path := filepath.Join(dir, "model.safetensors")
		change(t, path, func(all []safetensors.Tensor) []safetensors.Tensor {
			for _, tensor := range all {
				if module, ok := strings.CutSuffix(tensor.Name, "_proj.weight"); ok {
					rows := tensor.Shape[0]
					all = append(all, safetensors.Tensor{Name: module + "_proj.bias", Type: quant.F32, Shape: []int{rows}, Data: make([]byte, 4*rows)})
				}
			}
			return all
		})
	}
	dir := modeltest.Folder(t, modeltest.Options{})
	editJSON(t, dir, "config.json", object{"attention_bias": true, "mlp_bias": true})
	wantError(t, "biases missing", dir, `attn_k.bias" is missing`)
	bias(dir)
	if m := openModel(t, dir); m.Tensor("blk.1.attn_output.bias") == nil || m.Tensor("blk.0.ffn_down.bias") == nil {
		t.Error("biases are not there")
	}
	editJSON(t, dir, "config.json", object{"mlp_bias": false})
	wantError(t, "biases unasked", dir, "there is no bias")
}

// change rewrites the tensors of a file.
func change(t *testing.T, path string, by func([]safetensors.Tensor) []safetensors.Tensor) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := safetensors.Write(&out, by(f.Tensors), f.Metadata); err != nil {
		t.Fatal(err)
	}
	write(t, path, out.String())
}

func TestFolderRefusesTensors(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]safetensors.Tensor) []safetensors.Tensor
		want   string
	}{
		"missing": {func(all []safetensors.Tensor) []safetensors.Tensor { return all[1:] }, "missing"},
		"unknown": {func(all []safetensors.Tensor) []safetensors.Tensor { all[0].Name = "model.x.weight"; return all }, `"model.x.weight"`},
		"score":   {func(all []safetensors.Tensor) []safetensors.Tensor { all[0].Name = "score.weight"; return all }, `"score.weight"`},
		"layer 99": {func(all []safetensors.Tensor) []safetensors.Tensor {
			more := all[0]
			more.Name = "model.layers.99.input_layernorm.weight"
			return append(all, more)
		}, "blk.99"},
		"layer 01": {func(all []safetensors.Tensor) []safetensors.Tensor {
			all[0].Name = "model.layers.01.input_layernorm.weight"
			return all
		}, "layers.01"},
		"two of one": {func(all []safetensors.Tensor) []safetensors.Tensor {
			twin := all[0]
			twin.Name = strings.TrimPrefix(twin.Name, "model.")
			return append(all, twin)
		}, "there are two"},
		"shape turned": {func(all []safetensors.Tensor) []safetensors.Tensor {
			all[0].Shape = []int{all[0].Shape[1], all[0].Shape[0]}
			return all
		}, "shape"},
	} {
		dir := modeltest.Folder(t, modeltest.Options{})
		change(t, filepath.Join(dir, "model.safetensors"), c.change)
		wantError(t, name, dir, c.want)
	}
	dir := modeltest.Folder(t, modeltest.Options{Tied: true})
	editJSON(t, dir, "config.json", object{"tie_word_embeddings": false})
	wantError(t, "no output", dir, "lm_head.weight")
	path := filepath.Join(dir, "model.safetensors")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(data[:len(data)-1]))
	wantError(t, "cut short", dir, "model.safetensors")
	write(t, path, string(data)+"x")
	wantError(t, "a byte more", dir, "1 bytes after")
}

// What old files and tied models have besides is left out.
func TestFolderLeavesOutWhatIsComputed(t *testing.T) {
	dir := modeltest.Folder(t, modeltest.Options{})
	change(t, filepath.Join(dir, "model.safetensors"), func(all []safetensors.Tensor) []safetensors.Tensor {
		return append(all, safetensors.Tensor{Name: "model.layers.0.self_attn.rotary_emb.inv_freq", Type: quant.F32, Shape: []int{8}, Data: make([]byte, 32)})
	})
	editJSON(t, dir, "config.json", object{"tie_word_embeddings": true})
	m := openModel(t, dir)
	if m.Tensor("output.weight") != nil {
		t.Error("a tied model has an output matrix")
	}
	for _, tensor := range m.Tensors {
		if strings.Contains(tensor.Name, "inv_freq") {
			t.Errorf("tensor %q was kept", tensor.Name)
		}
	}
}

func TestFolderRefusesIndexes(t *testing.T) {
	dir := modeltest.Folder(t, modeltest.Options{Shards: 2})
	path := filepath.Join(dir, "model.safetensors.index.json")
	var index struct {
		Weights map[string]string `json:"weight_map"`
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &index); err != nil {
		t.Fatal(err)
	}
	const first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
	embedding := "model.embed_tokens.weight"
	for name, c := range map[string]struct{ tensor, file, want string }{
		"parent":        {embedding, "../" + first, "in the same folder"},
		"parents":       {embedding, "a/../../" + first, "in the same folder"},
		"dots":          {embedding, "..", "in the same folder"},
		"absolute":      {embedding, "/etc/passwd", "in the same folder"},
		"absolute name": {embedding, "/x.safetensors", "in the same folder"},
		"below":         {embedding, "x/" + first, "in the same folder"},
		"backslash":     {embedding, `..\x.safetensors`, "in the same folder"},
		"drive":         {embedding, `C:x.safetensors`, "in the same folder"},
		"zero byte":     {embedding, "x\x00.safetensors", "in the same folder"},
		"long":          {embedding, strings.Repeat("x", 300) + ".safetensors", "in the same folder"},
		"empty":         {embedding, "", "in the same folder"},
		"pickle":        {embedding, "pytorch_model.bin", "in the same folder"},
		"absent shard":  {embedding, "model-00003-of-00002.safetensors", "no such file"},
		"wrong shard":   {embedding, second, "is not in it"},
		"absent tensor": {"model.extra.weight", first, `"model.extra.weight" is missing`},
		"unlisted":      {embedding, "-", "is not in it"},
	} {
		changed := maps.Clone(index.Weights)
		if changed[c.tensor] = c.file; c.file == "-" {
			delete(changed, c.tensor)
		}
		text, err := json.Marshal(object{"weight_map": changed})
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(text))
		wantError(t, name, dir, c.want)
	}
	for name, c := range map[string][2]string{
		"no map":       {"{}", "names no file"},
		"map a list":   {`{"weight_map":[]}`, "/weight_map"},
		"file a list":  {`{"weight_map":{"a":["b"]}}`, "/weight_map"},
		"tensor twice": {`{"weight_map":{"a":"` + first + `","a":"` + first + `"}}`, "two keys"},
		"cut":          {`{"weight_map":{`, "ends within"},
	} {
		write(t, path, c[0])
		wantError(t, name, dir, c[1])
	}
	write(t, path, string(data))
	openModel(t, dir)
	stray := filepath.Join(dir, "model-00003-of-00003.safetensors")
	write(t, stray, "")
	wantError(t, "stray shard", dir, "model-00003-of-00003.safetensors, which is in the folder")
}

func TestFolderRefusesPickles(t *testing.T) {
	pickle := "\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01u."
	for _, name := range []string{"pytorch_model.bin", "consolidated.00.pth", "model.PT", "x.pkl"} {
		dir := modeltest.Folder(t, modeltest.Options{})
		if err := os.Rename(filepath.Join(dir, "model.safetensors"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), pickle)
		_, err := modelfile.Open(dir)
		if !errors.Is(err, safetensors.ErrPickle) || !strings.Contains(err.Error(), name) {
			t.Errorf("Open of a folder with %s: %v", name, err)
		}
	}
	dir := modeltest.Folder(t, modeltest.Options{})
	write(t, filepath.Join(dir, "model.safetensors"), pickle)
	if _, err := modelfile.Open(dir); !errors.Is(err, safetensors.ErrPickle) {
		t.Errorf("Open of a pickle under another name: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	wantError(t, "no weights", dir, "neither model.safetensors nor")
}

func TestFolderChatTemplates(t *testing.T) {
	named := func(names ...string) []object {
		var all []object
		for _, n := range names {
			all = append(all, object{"name": n, "template": "<" + n + ">"})
		}
		return all
	}
	for name, c := range map[string]struct {
		template any
		file     string
		want     string
	}{
		"none":   {nil, "", ""},
		"text":   {"{{ 1 }}", "", "{{ 1 }}"},
		"named":  {named("tool_use", "default"), "", "<default>"},
		"file":   {"{{ 1 }}", "{{ 2 }}\n", "{{ 2 }}\n"},
		"only":   {nil, "{{ 2 }}", "{{ 2 }}"},
		"absent": {named(), "", ""},
	} {
		dir := modeltest.Folder(t, modeltest.Options{})
		editJSON(t, dir, "tokenizer_config.json", object{"chat_template": c.template})
		if c.file != "" {
			write(t, filepath.Join(dir, "chat_template.jinja"), c.file)
		}
		if m := openModel(t, dir); m.ChatTemplate != c.want {
			t.Errorf("%s: template %q, want %q", name, m.ChatTemplate, c.want)
		}
	}
	dir := modeltest.Folder(t, modeltest.Options{})
	for name, c := range map[string]struct {
		template any
		want     string
	}{
		"no default": {named("a", "b"), `"default"`},
		"many":       {named(make([]string, 70)...), "more than 64"},
		"long":       {strings.Repeat("x", 1<<20+1), "/chat_template: 1048577 bytes"},
		"a number":   {1, "/chat_template"},
	} {
		editJSON(t, dir, "tokenizer_config.json", object{"chat_template": c.template})
		wantError(t, name, dir, c.want)
	}
	editJSON(t, dir, "tokenizer_config.json", object{"chat_template": nil})
	write(t, filepath.Join(dir, "chat_template.jinja"), "\xff")
	wantError(t, "no UTF-8", dir, "chat_template.jinja")
	write(t, filepath.Join(dir, "chat_template.jinja"), strings.Repeat("x", 1<<20+1))
	wantError(t, "long file", dir, "chat_template.jinja")
}

func TestFolderSpecialTokens(t *testing.T) {
	dir := modeltest.Folder(t, modeltest.Options{Architecture: "qwen2"})
	spec := modeltest.Vocabulary(modeltest.Options{})
	eom := slices.Index(spec.Tokens, "<|eom_id|>")
	thinking := slices.Index(spec.Tokens, "<think>")
	editJSON(t, dir, "tokenizer_config.json", object{
		"eos_token": "<|eom_id|>", "bos_token": nil, "add_bos_token": true, "pad_token": object{"content": "<|user|>"},
		"added_tokens_decoder": object{"559": object{"content": "</think>", "special": true}},
	})
	editJSON(t, dir, "config.json", object{"bos_token_id": thinking, "pad_token_id": -1})
	editJSON(t, dir, "generation_config.json", object{"eos_token_id": 7, "temperature": 0.6, "top_p": 0.9, "top_k": 20, "do_sample": false, "repetition_penalty": 1.2})
	m := openModel(t, dir)
	s := m.Tokenizer
	if s.EOS != eom || s.BOS != thinking || !s.AddBOS || s.Tokens[s.Pad] != "<|user|>" || s.Types[559] != tokenizer.Control {
		t.Errorf("special tokens: %+v", s)
	}
	if !slices.IsSorted(s.EndOfGeneration) || !slices.Contains(s.EndOfGeneration, 7) || !slices.Contains(s.EndOfGeneration, eom) {
		t.Errorf("generation ends after %v", s.EndOfGeneration)
	}
	g := m.Generation
	if *g.Temperature != 0.6 || *g.TopP != 0.9 || *g.TopK != 20 || *g.RepetitionPenalty != 1.2 || !g.Greedy {
		t.Errorf("generation: %+v", g)
	}
	for name, c := range map[string]struct {
		file   string
		change object
		want   string
	}{
		"absent token":     {"tokenizer_config.json", object{"eos_token": "<x>"}, "/eos_token"},
		"remote code":      {"tokenizer_config.json", object{"auto_map": object{"AutoTokenizer": []any{"x.T", nil}}}, "its own program"},
		"trusted code":     {"tokenizer_config.json", object{"trust_remote_code": true}, "its own program"},
		"decoder differs":  {"tokenizer_config.json", object{"added_tokens_decoder": object{"3": object{"content": "x"}}}, "/added_tokens_decoder/3"},
		"decoder range":    {"tokenizer_config.json", object{"added_tokens_decoder": object{"99999": object{"content": "x"}}}, "/added_tokens_decoder/99999"},
		"decoder no id":    {"tokenizer_config.json", object{"added_tokens_decoder": object{"x": object{}}}, "no id"},
		"decoder a list":   {"tokenizer_config.json", object{"added_tokens_decoder": []int{1}}, "/added_tokens_decoder"},
		"temperature":      {"generation_config.json", object{"temperature": -1}, "/temperature"},
		"top p":            {"generation_config.json", object{"top_p": 1.5}, "/top_p"},
		"top k":            {"generation_config.json", object{"top_k": -3}, "/top_k"},
		"penalty":          {"generation_config.json", object{"repetition_penalty": 0}, "/repetition_penalty"},
		"generation's eos": {"generation_config.json", object{"eos_token_id": []int{1 << 20}}, "/eos_token_id"},
	} {
		path := filepath.Join(dir, c.file)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		editJSON(t, dir, c.file, c.change)
		wantError(t, name, dir, c.want)
		write(t, path, string(good))
	}
}

// The tokenizer of another model, and one in files that are not read.
func TestFolderTokenizers(t *testing.T) {
	dir := modeltest.Folder(t, modeltest.Options{Vocabulary: 600}) // rows without a token
	openModel(t, dir)
	editJSON(t, dir, "tokenizer.json", object{"added_tokens": []object{{"id": 600, "content": "<new>"}}})
	editJSON(t, dir, "tokenizer_config.json", object{"bos_token": nil, "eos_token": nil, "pad_token": nil})
	editJSON(t, dir, "tokenizer.json", object{"post_processor": nil})
	wantError(t, "more tokens than rows", dir, "601 tokens, but the model only 600")
	if err := os.Remove(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	if m := openModel(t, dir); len(m.Tokenizer.Tokens) != 0 {
		t.Errorf("a folder without tokenizer has %d tokens", len(m.Tokenizer.Tokens))
	}
	write(t, filepath.Join(dir, "tokenizer.model"), "\x0a")
	wantError(t, "SentencePiece's own file", dir, "no tokenizer.json")
}

func TestFolderLicense(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"none":   {nil, ""},
		"card":   {map[string]string{"README.md": "---\nlanguage: en\nlicense: apache-2.0 # really\n---\n# x\nlicense: mit\n"}, "Apache-2.0"},
		"other":  {map[string]string{"README.md": "---\r\nlicense: other\r\nlicense_name: \"llama3.1 terms\"\r\n---\r\n"}, "llama3.1 terms"},
		"notice": {map[string]string{"README.md": "---\nlicense: mit\n---\n", "NOTICE.md": "x"}, "MIT; see NOTICE.md"},
		"text":   {map[string]string{"LICENSE": "   Apache License\n  Version 2.0, January 2004\n"}, "Apache-2.0"},
		"words":  {map[string]string{"README.md": "# no front matter\n", "LICENSE.txt": "\n\n# LLAMA 3.1 COMMUNITY\x1b[31m LICENSE\n..."}, "LLAMA 3.1 COMMUNITY[31m LICENSE"},
		"only":   {map[string]string{"NOTICE": "x"}, "see NOTICE"},
		"long":   {map[string]string{"LICENSE": strings.Repeat("x", 1000)}, strings.Repeat("x", 120) + "…"},
		"open":   {map[string]string{"README.md": "---\nlicense: mit\n"}, ""},
	} {
		dir := modeltest.Folder(t, modeltest.Options{})
		for file, text := range c.files {
			write(t, filepath.Join(dir, file), text)
		}
		if m := openModel(t, dir); m.Config.License != c.want {
			t.Errorf("%s: license %q, want %q", name, m.Config.License, c.want)
		}
	}
}

// Files that are no regular files are not opened, and adapters are no models.
func TestFolderRefusesWhatIsNoFile(t *testing.T) {
	for _, name := range []string{"config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors", "README.md", "chat_template.jinja"} {
		dir := modeltest.Folder(t, modeltest.Options{})
		path := filepath.Join(dir, name)
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		wantError(t, name, dir, name)
	}
	dir := t.TempDir()
	wantError(t, "empty folder", dir, "config.json")
	write(t, filepath.Join(dir, "adapter_config.json"), "{}")
	wantError(t, "adapter", dir, "this is an adapter")
	dir = modeltest.Folder(t, modeltest.Options{})
	f, err := os.Create(filepath.Join(dir, "config.json"))
	if err == nil {
		err = errors.Join(f.Truncate(1<<40), f.Close())
	}
	if err != nil {
		t.Skipf("no file with a hole: %v", err)
	}
	wantError(t, "a terabyte", dir, "limit")
}

func TestTranslateName(t *testing.T) {
	for name, want := range map[string]string{
		"model.embed_tokens.weight":                      "token_embd.weight",
		"norm.weight":                                    "output_norm.weight",
		"lm_head.weight":                                 "output.weight",
		"model.layers.12.self_attn.q_proj.weight":        "blk.12.attn_q.weight",
		"layers.0.self_attn.k_proj.bias":                 "blk.0.attn_k.bias",
		"model.layers.0.self_attn.k_norm.weight":         "blk.0.attn_k_norm.weight",
		"model.layers.0.post_attention_layernorm.weight": "blk.0.ffn_norm.weight",
		"model.layers.0.mlp.down_proj.weight":            "blk.0.ffn_down.weight",
		"model.layers.-1.mlp.down_proj.weight":           "",
		"model.layers.+1.mlp.down_proj.weight":           "",
		"model.layers.1024.mlp.down_proj.weight":         "",
		"model.layers.0.mlp.down_proj":                   "",
		"model.layers.0.mlp.down_proj.scale":             "",
		"model.layers.0":                                 "",
		"blk.0.attn_q.weight":                            "",
		"":                                               "",
	} {
		if got, ok := modelfile.TranslateName(name); got != want || ok != (want != "") {
			t.Errorf("TranslateName(%q) = %q, %v, want %q", name, got, ok, want)
		}
	}
}

func FuzzFolderJSON(f *testing.F) {
	dir := f.TempDir()
	if err := modeltest.WriteFolder(dir, modeltest.Options{RopeFreqs: true, Shards: 2, ChatTemplate: "x"}); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"config.json", "generation_config.json", "tokenizer_config.json", "model.safetensors.index.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"model_type":"qwen2","rope_scaling":{"type":"yarn","factor":4,"mscale":1},"use_sliding_window":true,"layer_types":["x"]}`))
	f.Add([]byte(`{"bos_token":{"content":"a"},"chat_template":[{"name":"default","template":"x"}],"added_tokens_decoder":{"0":{"content":"a","special":true}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := modelfile.ParseFolderJSON(data)
		if err != nil {
			return
		}
		for _, n := range []int{c.Layers, c.Width, c.Heads, c.KVHeads, c.HeadSize, c.FeedForward, c.Vocabulary, c.Context} {
			if n < 1 || n > 1<<26 {
				t.Fatalf("configuration %+v", c)
			}
		}
		if c.Heads%c.KVHeads != 0 || c.HeadSize%2 != 0 || !(c.RoPE.Base > 0) || c.SlidingWindow < 0 {
			t.Fatalf("configuration %+v", c)
		}
	})
}
