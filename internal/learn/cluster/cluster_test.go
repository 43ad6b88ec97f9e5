package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/cluster"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/model/adapter"
)

var ctx = context.Background()

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// table is forty labelled texts, one of which spells a special token.
func table(t testing.TB) *dataset.Table {
	t.Helper()
	var b strings.Builder
	b.WriteString("text,label\n")
	for i := range 40 {
		fmt.Fprintf(&b, "\"alert number %d on host h%d, seen by sensor %d\",%s\n", i, i*7, i*13, []string{"benign", "phishing"}[i%2])
	}
	b.WriteString("a text that ends here<|eot_id|> and goes on,benign\n")
	return parse(t, "rows.csv", b.String())
}

func parse(t testing.TB, name, text string) *dataset.Table {
	t.Helper()
	x, err := dataset.Parse(ctx, name, []byte(text), dataset.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// parts learns from the first 24 rows and the odd one, validates by 6, tests on 10.
func parts(x *dataset.Table) split.Split {
	var p split.Split
	for i := range x.Rows {
		switch {
		case i < 24 || i == 40:
			p.Train = append(p.Train, i)
		case i < 30:
			p.Validation = append(p.Validation, i)
		default:
			p.Test = append(p.Test, i)
		}
	}
	return p
}

func base() cluster.Base {
	return cluster.Base{Name: "llama-8b", Digest: digest, Architecture: "llama", At: "/models/llama 8b", Layers: 2, Width: 64, Heads: 4, KVHeads: 2, HeadSize: 16,
		FeedForward: 128, Vocabulary: 500, Context: 8192, NormEpsilon: 1e-5, RoPEBase: 500000, RoPEScaling: "llama3", RoPEFactor: 8}
}

func job(trainer cluster.Trainer) *cluster.Job {
	return &cluster.Job{Trainer: trainer, Name: "alerts", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Program: "test", Base: base(),
		Settings: cluster.Settings{GPUs: 4, Packing: true, Seed: 7}}
}

// export writes a job into a new folder.
func export(t testing.TB, j *cluster.Job) string {
	t.Helper()
	x := table(t)
	dir := filepath.Join(t.TempDir(), "job")
	skipped, err := cluster.Export(dir, j, x, parts(x), []string{"<|eot_id|>"})
	if err != nil {
		t.Fatal(err)
	}
	if len(skipped) != 1 || skipped[0].Number != 41 {
		t.Errorf("left out: %+v, want row 41", skipped)
	}
	return dir
}

func read(t testing.TB, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExport(t *testing.T) {
	for _, trainer := range []cluster.Trainer{cluster.Axolotl, cluster.Torchtune} {
		dir := export(t, job(trainer))
		lines := strings.Split(strings.TrimSpace(read(t, dir, cluster.TrainFile)), "\n")
		var first struct{ Messages []dataset.Turn }
		if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(lines) != 24 || len(first.Messages) != 3 ||
			first.Messages[1].Content != "alert number 0 on host h0, seen by sensor 0" || first.Messages[2] != (dataset.Turn{Role: "assistant", Content: "benign"}) {
			t.Errorf("%s: %d rows, the first %+v, %v", trainer, len(lines), first, err)
		}
		if n := strings.Count(read(t, dir, cluster.ValidationFile), "\n"); n != 6 {
			t.Errorf("%s: %d rows to validate by", trainer, n)
		}
		// No text of the test part stands anywhere in the folder.
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			for i := 30; i < 40; i++ {
				if strings.Contains(read(t, "", path), fmt.Sprintf("alert number %d ", i)) {
					t.Errorf("%s: %s holds test row %d", trainer, path, i+1)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		j, _, err := cluster.Open(dir)
		if err != nil || j.Data.Train != 24 || j.Data.Validation != 6 || j.Data.Test != 10 || j.Data.LeftOut != 1 || j.Settings.Accumulate != 2 {
			t.Errorf("%s: Open = %+v, %v", trainer, j, err)
		}
		x := table(t)
		if err := j.Same(x, parts(x)); err != nil {
			t.Errorf("%s: the same data: %v", trainer, err)
		}
		other := parts(x)
		other.Test = other.Test[1:]
		if err := j.Same(x, other); !errors.Is(err, cluster.ErrData) {
			t.Errorf("%s: divided otherwise: %v", trainer, err)
		}
	}
}

// The same rows and settings give the same bytes.
func TestExportBytes(t *testing.T) {
	a, b := export(t, job(cluster.Axolotl)), export(t, job(cluster.Axolotl))
	for _, name := range []string{cluster.JobFile, cluster.TrainFile, "axolotl.yaml", cluster.LaunchFile, cluster.ReadmeFile, "files.sha256"} {
		if read(t, a, name) != read(t, b, name) {
			t.Errorf("%s differs between two writings", name)
		}
	}
}

// keysOf returns the lines of a file of names.
func keysOf(t *testing.T, name string) []string {
	t.Helper()
	var keys []string
	for _, line := range strings.Split(read(t, "testdata", name), "\n") {
		if line != "" && line[0] != '#' {
			keys = append(keys, line)
		}
	}
	return keys
}

// entry is a key of a configuration: its parents with dots before it.
type entry struct{ path, value string }

// entries reads the YAML that this package writes.
func entries(t *testing.T, text string) []entry {
	t.Helper()
	var out []entry
	var path []string
	scan := bufio.NewScanner(strings.NewReader(text))
	for scan.Scan() {
		line := scan.Text()
		plain := strings.TrimLeft(line, " -")
		if strings.HasPrefix(plain, "#") {
			continue
		}
		depth := (len(line) - len(plain)) / 2
		key, value, ok := strings.Cut(plain, ":")
		if !ok || depth > len(path) {
			t.Fatalf("line %q is no key", line)
		}
		path = append(path[:depth:depth], key)
		if depth > 1 && path[depth-1] == "" { // within a list's item
			t.Fatalf("line %q", line)
		}
		out = append(out, entry{strings.Join(path, "."), strings.TrimSpace(value)})
	}
	return out
}

func TestAxolotlKeys(t *testing.T) {
	known := keysOf(t, "axolotl-keys.txt")
	text := read(t, export(t, job(cluster.Axolotl)), "axolotl.yaml")
	seen := map[string]string{}
	item := ""
	for _, line := range strings.Split(text, "\n") {
		plain := strings.TrimLeft(line, " -")
		if plain == "" || plain[0] == '#' {
			continue
		}
		key, value, _ := strings.Cut(plain, ":")
		switch indent := len(line) - len(plain); indent {
		case 0:
			item = key
		case 2: // of chat_template_kwargs: the template's own
			continue
		case 4:
			key = "datasets." + key
		case 6: // of message_property_mappings: names of the template's own
			continue
		default:
			t.Fatalf("line %q is indented by %d", line, indent)
		}
		if !slices.Contains(known, key) {
			t.Errorf("axolotl knows no %q (%s)", key, item)
		}
		if strings.Contains(key, ".") {
			key = item + strings.TrimPrefix(key, "datasets")
		}
		seen[key] = strings.TrimSpace(value)
	}
	for key, want := range map[string]string{
		"base_model": `"/models/llama 8b"`, "adapter": `"lora"`, "lora_r": "16", "lora_alpha": "32", "learning_rate": "0.0002", "micro_batch_size": "2",
		"gradient_accumulation_steps": "2", "sample_packing": "true", "sequence_len": "4096", "excess_length_strategy": `"raise"`, "seed": "7",
		"datasets.path": `"data/train.jsonl"`, "test_datasets.path": `"data/validation.jsonl"`, "datasets.type": `"chat_template"`,
		"datasets.roles_to_train": `["assistant"]`, "lora_target_modules": `["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]`,
	} {
		if seen[key] != want {
			t.Errorf("%s: %s, want %s", key, seen[key], want)
		}
	}
}

func TestTorchtuneKeys(t *testing.T) {
	known := keysOf(t, "torchtune-keys.txt")
	for name, change := range map[string]func(b *cluster.Base){
		"llama3_1.lora_llama3_1": func(*cluster.Base) {},
		"llama3_2.lora_llama3_2": func(b *cluster.Base) { b.Tied = true },
		"llama3.lora_llama3":     func(b *cluster.Base) { b.RoPEScaling, b.RoPEFactor = "", 0 },
		"mistral.lora_mistral":   func(b *cluster.Base) { b.Architecture, b.RoPEScaling = "mistral", "" },
	} {
		j := job(cluster.Torchtune)
		change(&j.Base)
		component := ""
		all := entries(t, read(t, export(t, j), "torchtune.yaml"))
		for _, e := range all {
			top, key, nested := strings.Cut(e.path, ".")
			switch {
			case !nested:
				if !slices.Contains(known, top) {
					t.Errorf("torchtune knows no %q", top)
				}
			case key == "_component_":
				component = strings.Trim(e.value, `"`)
				if top != "optimizer" && component != "casemate_tokenizer.Tokenizer" && !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, component+":") }) {
					t.Errorf("torchtune has no %q", component)
				}
			case top == "optimizer", key == "data_files": // torch's own, and load_dataset's
			case top == "tokenizer" && (key == "path" || key == "max_seq_len"): // casemate_tokenizer.py's
			case key == "enabled" && top == "profiler":
			case !slices.Contains(known, component+":"+key):
				t.Errorf("%s takes no %q", component, key)
			}
		}
		if !slices.Contains(all, entry{"model._component_", `"torchtune.models.` + name + `"`}) {
			t.Errorf("%s is not the component", name)
		}
		if !slices.Contains(all, entry{"model.lora_attn_modules", `["q_proj", "k_proj", "v_proj", "output_proj"]`}) || !slices.Contains(all, entry{"model.apply_lora_to_mlp", "true"}) {
			t.Errorf("%s: targets are not those of the job", name)
		}
	}
}

// launch.sh is a program that a shell takes, whatever the base's name.
func TestLaunch(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell")
	}
	for _, trainer := range []cluster.Trainer{cluster.Axolotl, cluster.Torchtune} {
		j := job(trainer)
		j.Base.At = `/a b/$(touch x)'";model`
		dir := export(t, j)
		if out, err := exec.Command(sh, "-n", filepath.Join(dir, cluster.LaunchFile)).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", trainer, err, out)
		}
		// Trainers that tell what they were called with.
		bin := t.TempDir()
		for _, name := range []string{"axolotl", "tune"} {
			if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nfor a; do echo \"[$a]\"; done\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		model := t.TempDir()
		if err := os.WriteFile(filepath.Join(model, "model.safetensors"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ gpus, machines, want string }{{"1", "1", ""}, {"4", "1", "[4]"}, {"4", "2", "[head:29500]"}} {
			run := exec.Command(sh, filepath.Join(dir, cluster.LaunchFile))
			run.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "BASE_MODEL="+model, "GPUS="+c.gpus, "MACHINES="+c.machines, "HEAD=head")
			out, err := run.CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.want) || !strings.Contains(string(out), model) {
				t.Errorf("%s on %s GPUs and %s machines: %v\n%s", trainer, c.gpus, c.machines, err, out)
			}
		}
		if read(t, dir, cluster.OutputDir+"/"+cluster.JobFile) != read(t, dir, cluster.JobFile) {
			t.Errorf("%s: the proof is not the job", trainer)
		}
		if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
			t.Errorf("%s: the base's name was run", trainer)
		}
		if err := os.WriteFile(filepath.Join(dir, cluster.TrainFile), []byte("{}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		run := exec.Command(sh, filepath.Join(dir, cluster.LaunchFile))
		run.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "BASE_MODEL="+model)
		if out, err := run.CombinedOutput(); err == nil {
			t.Errorf("%s: changed data were trained on:\n%s", trainer, out)
		}
		if _, _, err := cluster.Open(dir); err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%s: Open of changed data: %v", trainer, err)
		}
	}
}

func TestExportRefuses(t *testing.T) {
	x := table(t)
	try := func(j *cluster.Job, x *dataset.Table, p split.Split) error {
		dir := filepath.Join(t.TempDir(), "job")
		_, err := cluster.Export(dir, j, x, p, nil)
		if _, missing := os.Stat(dir); err != nil && missing == nil {
			t.Errorf("%v, and a folder is there", err)
		}
		return err
	}
	with := func(trainer cluster.Trainer, change func(j *cluster.Job)) *cluster.Job {
		j := job(trainer)
		change(j)
		return j
	}
	for what, j := range map[string]*cluster.Job{
		"qwen2":        with(cluster.Torchtune, func(j *cluster.Job) { j.Base.Architecture = "qwen2" }),
		"window":       with(cluster.Torchtune, func(j *cluster.Job) { j.Base.Window = 4096 }),
		"yarn":         with(cluster.Torchtune, func(j *cluster.Job) { j.Base.RoPEScaling = "yarn" }),
		"heads":        with(cluster.Torchtune, func(j *cluster.Job) { j.Base.HeadSize = 32 }),
		"DoRA":         with(cluster.Torchtune, func(j *cluster.Job) { j.Settings.Decomposed = true }),
		"rsLoRA":       with(cluster.Torchtune, func(j *cluster.Job) { j.Settings.Stabilised = true }),
		"half a block": with(cluster.Torchtune, func(j *cluster.Job) { j.Settings.Targets = []string{"q", "up"} }),
		"QLoRA":        with(cluster.Torchtune, func(j *cluster.Job) { j.Settings.Quantised = true }),
	} {
		if err := try(j, x, parts(x)); !errors.Is(err, cluster.ErrTrainer) {
			t.Errorf("%s: %v, want ErrTrainer", what, err)
		}
		if j.Trainer = cluster.Axolotl; try(j, x, parts(x)) != nil {
			t.Errorf("%s: axolotl was refused", what)
		}
	}
	for what, j := range map[string]*cluster.Job{
		"trainer":     job("unsloth"),
		"rank":        with(cluster.Axolotl, func(j *cluster.Job) { j.Settings.Rank = -1 }),
		"rate":        with(cluster.Axolotl, func(j *cluster.Job) { j.Settings.Rate = math.NaN() }),
		"target":      with(cluster.Axolotl, func(j *cluster.Job) { j.Settings.Targets = []string{"embed"} }),
		"GPUs":        with(cluster.Axolotl, func(j *cluster.Job) { j.Settings.GPUs, j.Settings.Machines = 5, 2 }),
		"length":      with(cluster.Axolotl, func(j *cluster.Job) { j.Settings.Length = 9000 }),
		"base":        with(cluster.Axolotl, func(j *cluster.Job) { j.Base.At = "" }),
		"two lines":   with(cluster.Axolotl, func(j *cluster.Job) { j.Base.At = "a\nb" }),
		"name of two": with(cluster.Axolotl, func(j *cluster.Job) { j.Name = "a\nb" }),
	} {
		if try(j, x, parts(x)) == nil {
			t.Errorf("%s: no error", what)
		}
	}
	none := parts(x)
	none.Test = nil
	if try(job(cluster.Axolotl), x, none) == nil {
		t.Error("no test part: no error")
	}
	numbers := parse(t, "n.csv", "text,value\n"+strings.Repeat("some words about a host,1.5\nother words about a mail,2.25\n", 20))
	if numbers.Kind != dataset.KindRegression {
		t.Fatalf("numbers are taken for %s", numbers.Kind)
	}
	if try(job(cluster.Axolotl), numbers, parts(x)) == nil {
		t.Error("numbers: no error")
	}
	dir := export(t, job(cluster.Axolotl))
	if _, err := cluster.Export(dir, job(cluster.Axolotl), x, parts(x), nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another job: %v", err)
	}
}

// trained is an adapter as the job describes it.
func trained(j *cluster.Job) *adapter.Adapter {
	a := &adapter.Adapter{}
	for layer := range j.Base.Layers {
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"} {
			a.Deltas = append(a.Deltas, &adapter.Delta{Name: fmt.Sprintf("blk.%d.%s.weight", layer, name), Rank: 16, Scale: 2})
		}
	}
	return a
}

func TestCheck(t *testing.T) {
	dir := export(t, job(cluster.Axolotl))
	j, proof, err := cluster.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Check(trained(j)); err != nil {
		t.Errorf("an adapter of the job: %v", err)
	}
	for what, change := range map[string]func(a *adapter.Adapter){
		"rank":       func(a *adapter.Adapter) { a.Deltas[3].Rank = 8 },
		"scale":      func(a *adapter.Adapter) { a.Deltas[3].Scale = 1 },
		"fewer":      func(a *adapter.Adapter) { a.Deltas = a.Deltas[1:] },
		"another":    func(a *adapter.Adapter) { a.Deltas[0].Name = "output.weight" },
		"rsLoRA":     func(a *adapter.Adapter) { a.Stabilised = true },
		"DoRA":       func(a *adapter.Adapter) { a.Deltas[0].Magnitude = []float32{1} },
		"other base": func(a *adapter.Adapter) { a.BaseDigest = strings.Replace(digest, "0", "1", 1) },
	} {
		a := trained(j)
		change(a)
		if err := j.Check(a); !errors.Is(err, cluster.ErrJob) {
			t.Errorf("%s: %v, want ErrJob", what, err)
		}
	}
	out := t.TempDir()
	if err := cluster.Proved(out, proof); !errors.Is(err, cluster.ErrProof) {
		t.Errorf("without job.json: %v", err)
	}
	for want, data := range map[error][]byte{nil: proof, cluster.ErrJob: append(bytes.Clone(proof), ' ')} {
		if err := os.WriteFile(filepath.Join(out, cluster.JobFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, at := range []string{out, filepath.Join(out, "epoch_1")} {
			if err := cluster.Proved(at, proof); !errors.Is(err, want) {
				t.Errorf("job.json beside %s: %v, want %v", at, err, want)
			}
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	lay := func(at string) {
		for _, name := range []string{"adapter_config.json", "adapter_model.safetensors"} {
			path := filepath.Join(dir, at, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := cluster.Find(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty folder: %v", err)
	}
	for _, at := range []string{"epoch_2", "epoch_10", "epoch_x", "other"} {
		lay(at)
	}
	if got, err := cluster.Find(dir); err != nil || got != filepath.Join(dir, "epoch_10") {
		t.Errorf("Find = %q, %v, want epoch_10", got, err)
	}
	lay(".")
	if got, err := cluster.Find(dir); err != nil || got != dir {
		t.Errorf("Find = %q, %v, want the folder itself", got, err)
	}
}

// fake answers "phishing" with a probability of 3 to 1 where the text's number is
// odd, as an adapter would, and always without one.
type fake struct{}

func (fake) Score(_ context.Context, r engine.ScoreRequest) ([]engine.Score, error) {
	text := r.Messages[len(r.Messages)-1].Content
	if len(r.Options) == 1 { // a conversation
		return []engine.Score{{Logprob: -float64(len(r.Messages)), Tokens: 2}}, nil
	}
	var n int
	if _, err := fmt.Sscanf(text, "alert number %d", &n); err != nil {
		return nil, err
	}
	scores := make([]engine.Score, len(r.Options))
	for i, o := range r.Options {
		if (o == "phishing") == (n%2 == 1 || r.Adapter == "") {
			scores[i] = engine.Score{Logprob: math.Log(0.3), Tokens: 1}
		} else {
			scores[i] = engine.Score{Logprob: math.Log(0.1), Tokens: 1}
		}
	}
	return scores, nil
}

func (fake) Generate(_ context.Context, r engine.GenerateRequest, _ func(engine.Piece) error) (engine.Generation, error) {
	return engine.Generation{Text: "b, a, unknown", Tokens: []engine.TokenLogprob{{Logprob: math.Log(0.5)}, {Logprob: math.Log(0.5)}}}, nil
}

func TestEvaluate(t *testing.T) {
	j := job(cluster.Axolotl)
	x := table(t)
	p := parts(x)
	groups := make([]int, len(x.Rows))
	for i := range groups {
		groups[i] = i
	}
	done := 0
	with, err := j.Evaluate(ctx, fake{}, cluster.Candidate{Name: "alerts", Digest: digest, Adapter: "x"}, x, p.Test, groups, func(n, all int) { done = n })
	if err != nil || done != 10 {
		t.Fatalf("%d rows, %v", done, err)
	}
	if f := with.Figures["accuracy"]; f.Value != 1 || f.N != 10 || with.Task != "single" || math.Abs(with.Rows[0].P-0.75) > 1e-9 || with.Digest != digest || with.Data != x.Digest {
		t.Errorf("with: %+v, accuracy %+v", with.Rows[0], f)
	}
	without, err := j.Evaluate(ctx, fake{}, cluster.Candidate{Name: "the base"}, x, p.Test, groups, nil)
	if err != nil || without.Figures["accuracy"].Value != 0.5 {
		t.Errorf("without: %+v, %v", without.Figures, err)
	}
	if err := with.Same(without); err != nil {
		t.Errorf("the two cannot be compared: %v", err)
	}
	majority, err := j.Majority(x, p.Train, p.Test, groups)
	if err != nil || majority.Figures["accuracy"].Value != 0.5 || with.Same(majority) != nil {
		t.Errorf("majority: %+v, %v", majority, err)
	}
	seen := j.Seen(x, p.Train, p.Validation, groups)
	if texts, inGroups := seen.Knew(with); len(seen.Texts) != 31 || len(texts) != 0 || len(inGroups) != 0 {
		t.Errorf("seen %d, of the test %v and %v", len(seen.Texts), texts, inGroups)
	}
	var b bytes.Buffer
	if err := errors.Join(outcome.Write(&b, with), outcome.WriteBaselines(&b, []*outcome.Evaluation{without, majority}), outcome.WriteSeen(&b, seen)); err != nil {
		t.Error(err)
	}
}

// broken fails at every text that names host h217.
type broken struct{ fake }

var errBroken = errors.New("broken")

func (b broken) Score(ctx context.Context, r engine.ScoreRequest) ([]engine.Score, error) {
	if strings.Contains(r.Messages[len(r.Messages)-1].Content, "h217,") {
		return nil, errBroken
	}
	return b.fake.Score(ctx, r)
}

func TestEvaluateEnds(t *testing.T) {
	j, x := job(cluster.Axolotl), table(t)
	p, groups := parts(x), make([]int, len(x.Rows))
	if _, err := j.Evaluate(ctx, broken{}, cluster.Candidate{Name: "alerts"}, x, p.Test, groups, nil); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "test row 32") {
		t.Errorf("a model that fails: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := j.Evaluate(ended, fake{}, cluster.Candidate{Name: "alerts"}, x, p.Test, groups, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestEvaluateSeveralLabels(t *testing.T) {
	j := job(cluster.Axolotl)
	x := parse(t, "m.jsonl", strings.Repeat(`{"text":"some words about a host","labels":["a","b"]}`+"\n"+`{"text":"other words about a mail","labels":["a","c"]}`+"\n", 3))
	if x.Kind != dataset.KindMulti {
		t.Fatalf("kind %s", x.Kind)
	}
	e, err := j.Evaluate(ctx, fake{}, cluster.Candidate{Name: "alerts"}, x, []int{0, 1}, make([]int, 6), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, e.Rows[1].Answer); diff != "" || e.Rows[1].P != 0.25 || !e.Rows[0].Right() || e.Rows[1].Right() {
		t.Errorf("answer %+v (-want +got):\n%s", e.Rows[1], diff)
	}
}

func FuzzParse(f *testing.F) {
	dir := export(f, job(cluster.Torchtune))
	f.Add([]byte(read(f, dir, cluster.JobFile)))
	f.Add([]byte(`{"format":1,"files":{"../x":"sha256:"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, err := cluster.Parse(data)
		if err != nil {
			return
		}
		for name := range j.Files {
			if !filepath.IsLocal(name) {
				t.Fatalf("file %q", name)
			}
		}
	})
}
