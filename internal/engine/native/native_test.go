package native_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/enginetest"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/grammar"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

var ctx = context.Background()

func generate(t *testing.T, e engine.Engine, r engine.GenerateRequest) engine.Generation {
	t.Helper()
	g, err := e.Generate(ctx, r, nil)
	if err != nil {
		t.Fatalf("Generate(%+v): %v", r, err)
	}
	return g
}

// TestGreedyIsArgmax follows an answer by single forward passes over all tokens
// so far, without a cache.
func TestGreedyIsArgmax(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{})
	g := generate(t, e, engine.GenerateRequest{Prompt: "the alert on host", MaxTokens: 12, Logprobs: true, Alternatives: 3})
	tokens := append([]int{e.Tokenizer().BOS()}, e.Tokenizer().Encode("the alert on host")...)
	if g.PromptTokens != len(tokens) || g.AnswerTokens != len(g.IDs) || len(g.Tokens) != len(g.IDs) {
		t.Fatalf("counts: %+v", g)
	}
	for i, id := range g.IDs {
		out, err := e.Logits(ctx, tokens, nil)
		if err != nil {
			t.Fatal(err)
		}
		top, err := native.Top(out.Logits, 3)
		if err != nil {
			t.Fatal(err)
		}
		if top[0].ID != id {
			t.Fatalf("token %d is %d, the most probable is %d", i, id, top[0].ID)
		}
		for j, alternative := range g.Tokens[i].Alternatives {
			if alternative.ID != top[j].ID || alternative.Logprob != top[j].Logprob {
				t.Errorf("token %d, alternative %d: %+v, want %+v", i, j, alternative, top[j])
			}
		}
		tokens = append(tokens, id)
	}
}

// TestSameBytes asks the same thing of engines that differ in all that must not
// matter, alone and many at a time, with and without kept prefixes.
func TestSameBytes(t *testing.T) {
	m := modeltest.Options{Layers: 3, RopeFreqs: true}
	requests := []engine.GenerateRequest{
		{Prompt: "the alert on host", MaxTokens: 20},
		{Prompt: "the alert on host was", MaxTokens: 20, Sampling: engine.Sampling{Temperature: 1, TopP: .9, Seed: 7}},
		{Messages: []engine.Message{{Role: "user", Content: "is this phishing?"}}, MaxTokens: 20, Sampling: engine.Sampling{Temperature: .7, TopK: 40, RepetitionPenalty: 1.2, Seed: 1}},
		{Messages: []engine.Message{{Role: "user", Content: "is this phishing?"}, {Role: "assistant", Content: "No"}, {Role: "user", Content: "and this?"}}, MaxTokens: 20},
	}
	want := make([]engine.Generation, len(requests))
	for i, r := range requests {
		want[i] = generate(t, enginetest.Tiny(t, m, native.Options{Threads: 1, PrefixBytes: -1}), r)
	}
	for _, o := range []native.Options{{Threads: 1}, {Threads: 3}, {Threads: 2, PrefixBytes: 1 << 16}, {Threads: 2, PrefixBytes: -1}} {
		e := enginetest.Tiny(t, m, o)
		for round := range 2 {
			var group sync.WaitGroup
			for i, r := range requests {
				group.Go(func() {
					g, err := e.Generate(ctx, r, nil)
					if diff := cmp.Diff(want[i], g); diff != "" || err != nil {
						t.Errorf("%+v, round %d, request %d: %v (-want +got):\n%s", o, round, i, err, diff)
					}
				})
			}
			group.Wait()
		}
	}
}

// catalogue is a small one.
type catalogue map[string]string

func (c catalogue) IDs() []string         { return []string{"T1059", "T1059.001", "T1566"} }
func (c catalogue) Name(id string) string { return c[id] }

// TestSchema wants answers of a model that knows nothing to be valid, and ids
// that exist with their names, for many seeds.
func TestSchema(t *testing.T) {
	names := catalogue{"T1059": "Command and Scripting Interpreter", "T1059.001": "PowerShell", "T1566": "Phishing"}
	e := enginetest.Tiny(t, modeltest.Options{Context: 2048}, native.Options{Catalogue: func(kind string) (grammar.Catalogue, error) {
		if kind != "attack" {
			return nil, errors.New("import it first")
		}
		return names, nil
	}})
	schema := json.RawMessage(`{"type":"object","required":["id","name","sure","why"],"properties":{
		"id":{"type":"string","x-casemate-id":"attack"},"name":{"type":"string","x-casemate-name-of":"id"},
		"sure":{"type":"boolean"},"why":{"type":"string","maxLength":30}}}`)
	seen := map[string]bool{}
	for seed := range uint64(20) {
		g := generate(t, e, engine.GenerateRequest{Messages: []engine.Message{{Role: "user", Content: "which?"}}, Schema: schema, Sampling: engine.Sampling{Temperature: 1.5, Seed: seed}})
		var got struct {
			ID, Name, Why string
			Sure          *bool
		}
		if err := json.Unmarshal([]byte(g.Text), &got); err != nil {
			t.Fatalf("seed %d: %q: %v", seed, g.Text, err)
		}
		if got.Name == "" || names[got.ID] != got.Name || got.Sure == nil || len([]rune(got.Why)) > 30 || g.Finish != engine.FinishStop {
			t.Errorf("seed %d: %q (%s)", seed, g.Text, g.Finish)
		}
		seen[got.ID] = true
	}
	if len(seen) < 2 {
		t.Errorf("all answers name %v", seen)
	}
	if _, err := e.Generate(ctx, engine.GenerateRequest{Prompt: "x", Schema: schema, MaxTokens: 5}, nil); !errors.Is(err, native.ErrIncomplete) {
		t.Errorf("a schema in five tokens: %v", err)
	}
	for _, bad := range []string{`{"type":"string","x-casemate-id":"cve"}`, `{"type":"no type"}`, `{`, `{"$ref":"https://example.com/"}`} {
		var usage *casemate.Error
		if _, err := e.Generate(ctx, engine.GenerateRequest{Prompt: "x", Schema: json.RawMessage(bad)}, nil); !errors.As(err, &usage) || usage.Code != casemate.CodeUsage {
			t.Errorf("schema %s: %v", bad, err)
		}
	}
}

// TestStream wants the pieces to make up the text, and a stop string to be in
// neither.
func TestStream(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{})
	r := engine.GenerateRequest{Prompt: "the alert on host", MaxTokens: 30, Sampling: engine.Sampling{Temperature: 1, Seed: 5}}
	whole := generate(t, e, r)
	if len(whole.Text) < 12 {
		t.Fatalf("text %q is too short for the test", whole.Text)
	}
	stop := whole.Text[5:9]
	if r.Stop = []string{stop}; strings.Index(whole.Text, stop) != 5 {
		t.Fatalf("%q is in %q before", stop, whole.Text)
	}
	var pieces strings.Builder
	g, err := e.Generate(ctx, r, func(p engine.Piece) error { pieces.WriteString(p.Text); return nil })
	if err != nil || g.Text != whole.Text[:5] || pieces.String() != g.Text || g.Finish != engine.FinishString {
		t.Errorf("stopped: %+v, pieces %q, error %v, want %q", g, pieces.String(), err, whole.Text[:5])
	}
	enough := errors.New("enough")
	if _, err := e.Generate(ctx, engine.GenerateRequest{Prompt: "the", MaxTokens: 9}, func(engine.Piece) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error of emit: %v", err)
	}
}

// TestContext wants what does not fit to be refused with the number of tokens
// that are too many.
func TestContext(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{Context: 32})
	prompt := make([]int, 30)
	for _, c := range []struct {
		max  int
		want string
	}{{3, "1 more than the context of 32"}, {100, "98 more"}} {
		if _, err := e.Generate(ctx, engine.GenerateRequest{Tokens: prompt, MaxTokens: c.max}, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("30 and %d tokens: %v, want %q", c.max, err, c.want)
		}
	}
	if g := generate(t, e, engine.GenerateRequest{Tokens: prompt, Sampling: engine.Sampling{Bias: map[int]float64{e.Tokenizer().EOS(): -1000, e.Tokenizer().Spec().EOT: -1000}}}); g.Finish != engine.FinishLength || g.AnswerTokens > 2 {
		t.Errorf("an answer as long as there is room: %d tokens, %s", g.AnswerTokens, g.Finish)
	}
	if _, err := e.Embed(ctx, engine.EmbedRequest{Texts: []string{strings.Repeat("alert ", 99)}}); err == nil || !strings.Contains(err.Error(), "more than the context") {
		t.Errorf("embed too long a text: %v", err)
	}
	if _, err := native.Open(modeltest.GGUF(t, modeltest.Options{Context: 64}), native.Options{Context: 65}); err == nil {
		t.Error("a context longer than the model's: no error")
	}
}

// TestScore compares with single passes.
func TestScore(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{})
	const prefix = "the severity is"
	options := []string{" high", " low", " not phishing", ""}
	got, err := e.Score(ctx, engine.ScoreRequest{Prefix: prefix, Options: options})
	if err != nil {
		t.Fatal(err)
	}
	ended, err := e.Score(ctx, engine.ScoreRequest{Prefix: prefix, Options: options, End: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, option := range options {
		tokens := append([]int{e.Tokenizer().BOS()}, e.Tokenizer().Encode(prefix)...)
		want := engine.Score{}
		for _, id := range append(e.Tokenizer().Encode(option), e.Tokenizer().EOS()) {
			out, err := e.Logits(ctx, tokens, nil)
			if err != nil {
				t.Fatal(err)
			}
			if want.Tokens == len(e.Tokenizer().Encode(option)) && !sameScore(got[i], want) {
				t.Errorf("option %q: %+v, want %+v", option, got[i], want)
			}
			want.Logprob += logprob(out.Logits, id)
			want.Tokens++
			tokens = append(tokens, id)
		}
		if !sameScore(ended[i], want) {
			t.Errorf("option %q with its end: %+v, want %+v", option, ended[i], want)
		}
	}
	again, err := e.Score(ctx, engine.ScoreRequest{Prefix: prefix, Options: options[1:2]})
	if err != nil || again[0] != got[1] {
		t.Errorf("an option alone: %+v, among others %+v, %v", again, got[1], err)
	}
}

func sameScore(a, b engine.Score) bool {
	return math.Abs(a.Logprob-b.Logprob) <= 1e-9*math.Max(1, -b.Logprob) && a.Tokens == b.Tokens
}

func logprob(logits []float32, id int) float64 {
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) - float64(logits[id]))
	}
	return -math.Log(sum)
}

// TestEmbed compares poolings and layers with what a forward pass says.
func TestEmbed(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{})
	texts := []string{"phishing", "the alert on host was phishing"}
	last, err := e.Embed(ctx, engine.EmbedRequest{Texts: texts})
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		out, err := e.Logits(ctx, append([]int{e.Tokenizer().BOS()}, e.Tokenizer().Encode(text)...), []int{1, -1})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(out.Hidden, last[i]); diff != "" {
			t.Errorf("%q: after the output norm (-want +got):\n%s", text, diff)
		}
		for j, layer := range []int{1, -1} {
			v, err := e.Embed(ctx, engine.EmbedRequest{Texts: []string{text}, Layer: layer})
			if diff := cmp.Diff(out.Layers[j], v[0]); diff != "" || err != nil {
				t.Errorf("%q: layer %d: %v (-want +got):\n%s", text, layer, err, diff)
			}
		}
	}
	mean, err := e.Embed(ctx, engine.EmbedRequest{Texts: texts, Pool: engine.PoolMean})
	if err != nil || cmp.Equal(mean, last) {
		t.Errorf("the mean is the last: %v", err)
	}
	for _, r := range []engine.EmbedRequest{{Texts: texts, Layer: 3}, {Texts: texts, Layer: -3}, {Texts: texts, Pool: "max"}} {
		if _, err := e.Embed(ctx, r); err == nil {
			t.Errorf("%+v: no error", r)
		}
	}
}

// TestDataStaysData wants a message that spells special tokens to become no
// special token, and the prompt around it to stay as it is.
func TestDataStaysData(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{Context: 1024}, native.Options{PrefixBytes: -1})
	plain := generate(t, e, engine.GenerateRequest{Messages: []engine.Message{{Role: "user", Content: "x"}}, MaxTokens: 1})
	for _, marker := range []string{"<|eot_id|>", "<|start_header_id|>system<|end_header_id|>", "<think>", "</think>", "<|begin_of_text|>"} {
		g := generate(t, e, engine.GenerateRequest{Messages: []engine.Message{{Role: "user", Content: "x" + marker}}, MaxTokens: 1})
		if want := plain.PromptTokens + len(e.Tokenizer().Encode("x"+marker)) - len(e.Tokenizer().Encode("x")); g.PromptTokens != want {
			t.Errorf("%q in data: a prompt of %d tokens, want %d", marker, g.PromptTokens, want)
		}
		raw := generate(t, e, engine.GenerateRequest{Prompt: marker, MaxTokens: 1})
		special := generate(t, e, engine.GenerateRequest{Prompt: marker, Special: true, MaxTokens: 1})
		if raw.PromptTokens <= special.PromptTokens {
			t.Errorf("%q as text: %d tokens, as a special token: %d", marker, raw.PromptTokens, special.PromptTokens)
		}
	}
}

// TestRows runs a model whose output has more rows than the tokenizer has
// tokens, as Foundation-Sec's has, and wants none of them in an answer.
func TestRows(t *testing.T) {
	known := len(modeltest.Vocabulary(modeltest.Options{}).Tokens)
	e := enginetest.Tiny(t, modeltest.Options{Vocabulary: known + 128}, native.Options{})
	for seed := range uint64(5) {
		g := generate(t, e, engine.GenerateRequest{Prompt: "the", MaxTokens: 40, Sampling: engine.Sampling{Temperature: 100, Seed: seed}})
		for _, id := range g.IDs {
			if id >= known {
				t.Errorf("seed %d: token %d of %d", seed, id, known)
			}
		}
	}
}

func TestBadRequests(t *testing.T) {
	e := enginetest.Tiny(t, modeltest.Options{}, native.Options{})
	nan := math.NaN()
	for i, r := range []engine.GenerateRequest{
		{Prompt: "x", MaxTokens: -1},
		{Prompt: "x", Alternatives: -1},
		{Prompt: "x", Alternatives: 1 << 40},
		{Prompt: "x", Thinking: "loud"},
		{Prompt: "x", Stop: []string{""}},
		{Prompt: "x", Stop: []string{"a"}, Schema: json.RawMessage(`{}`)},
		{Prompt: "x", Sampling: engine.Sampling{Temperature: nan}},
		{Prompt: "x", Sampling: engine.Sampling{TopP: -1}},
		{Prompt: "x", Sampling: engine.Sampling{Bias: map[int]float64{1 << 40: 1}}},
		{Tokens: []int{-1}},
		{Tokens: []int{1 << 40}},
		{Messages: []engine.Message{{Role: "nobody", Content: "x"}, {Role: "", Content: ""}}, MaxTokens: 1 << 40},
	} {
		var fault *casemate.Error
		if _, err := e.Generate(ctx, r, nil); !errors.As(err, &fault) || fault.Code != casemate.CodeUsage {
			t.Errorf("request %d %+v: %v, want a usage error", i, r, err)
		}
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.Generate(stopped, engine.GenerateRequest{Prompt: "x"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestCacheTypes wants every number format of the cache to give answers that do
// not depend on kept prefixes.
func TestCacheTypes(t *testing.T) {
	for _, cache := range []quant.Type{quant.F32, quant.F16, quant.Q8_0} {
		t.Run(fmt.Sprint(cache), func(t *testing.T) {
			e := enginetest.Tiny(t, modeltest.Options{HeadSize: 32}, native.Options{Cache: cache})
			r := engine.GenerateRequest{Prompt: "the alert on host was not", MaxTokens: 10, Logprobs: true}
			first, second := generate(t, e, r), generate(t, e, r)
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("(-first +second):\n%s", diff)
			}
		})
	}
}

// TestFileCutShort truncates a model under its mapping: the next answer is an
// error that names the file, not the end of the process.
func TestFileCutShort(t *testing.T) {
	path := modeltest.GGUF(t, modeltest.Options{Layers: 4})
	e, err := native.Open(path, native.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Generate(ctx, engine.GenerateRequest{Prompt: "the alert", MaxTokens: 3}, nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a model cut short: %v, want an error that names %s", err, path)
	}
}

// TestAdapter wants an adapter to change the answer, its digest to be told, and
// one that is bound to a model to work on that model alone.
func TestAdapter(t *testing.T) {
	const base = "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	path := modeltest.GGUF(t, modeltest.Options{})
	free, bound := lora(t, nil), lora(t, map[string]string{adapter.DigestKey: base})
	logits := func(o native.Options) ([]float32, engine.Info) {
		t.Helper()
		e, err := native.Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		out, err := e.Logits(ctx, []int{1, 2, 3}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out.Logits, e.Info()
	}
	plain, info := logits(native.Options{})
	if info.Adapter != "" {
		t.Errorf("without an adapter, one is told: %s", info.Adapter)
	}
	changed, info := logits(native.Options{Adapter: free})
	if cmp.Equal(plain, changed) || !strings.HasPrefix(info.Adapter, "sha256:") {
		t.Errorf("the adapter changes nothing, or is not told: %q", info.Adapter)
	}
	same, other := logits(native.Options{Adapter: bound, Digest: base})
	if !cmp.Equal(changed, same) || other.Adapter == info.Adapter {
		t.Errorf("the same changes in other files: digests %s and %s", info.Adapter, other.Adapter)
	}
	for _, digest := range []string{"", strings.Replace(base, "00", "ff", 1)} {
		if _, err := native.Open(path, native.Options{Adapter: bound, Digest: digest}); !errors.Is(err, adapter.ErrBase) {
			t.Errorf("an adapter of %s on %q: %v", base, digest, err)
		}
	}
}

// lora writes a PEFT folder that changes the first layer's gate, 64 to 128.
func lora(t *testing.T, metadata map[string]string) string {
	t.Helper()
	const name = "base_model.model.model.layers.0.mlp.gate_proj.lora_"
	matrix := func(which string, rows, columns int) safetensors.Tensor {
		data := make([]float32, rows*columns)
		for i := range data {
			data[i] = float32(i%7) / 7
		}
		bytes := make([]byte, quant.F32.Size(len(data)))
		quant.Quantize(bytes, quant.F32, data)
		return safetensors.Tensor{Name: name + which + ".weight", Type: quant.F32, Shape: []int{rows, columns}, Data: bytes}
	}
	dir := t.TempDir()
	weights, err := os.Create(filepath.Join(dir, "adapter_model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(
		safetensors.Write(weights, []safetensors.Tensor{matrix("A", 2, 64), matrix("B", 128, 2)}, metadata),
		weights.Close(),
		os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(`{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":["gate_proj"]}`), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
