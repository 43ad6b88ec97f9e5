// Package cluster writes a training job for a GPU cluster, for axolotl or
// torchtune, and takes back the adapter that came of it. The test part of the data
// never leaves: what comes back is measured on it here.
package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/learn/dataset"
)

// Trainer is a program that trains on GPUs.
type Trainer string

// The trainers.
const (
	Axolotl   Trainer = "axolotl"
	Torchtune Trainer = "torchtune"
)

// Names of a job's files.
const (
	JobFile        = "job.json"
	LaunchFile     = "launch.sh"
	ReadmeFile     = "README.md"
	TrainFile      = "data/train.jsonl"
	ValidationFile = "data/validation.jsonl"
	// OutputDir is where the trainer writes, below the job's folder.
	OutputDir = "output"
)

// ConfigFile returns the name of a trainer's configuration.
func (t Trainer) ConfigFile() string { return string(t) + ".yaml" }

// Targets are the matrices that adapters may change, by the short names of
// `tune lora`, and what Hugging Face calls them.
var targets = []struct{ short, module, gguf string }{
	{"q", "q_proj", "attn_q"}, {"k", "k_proj", "attn_k"}, {"v", "v_proj", "attn_v"}, {"o", "o_proj", "attn_output"},
	{"gate", "gate_proj", "ffn_gate"}, {"up", "up_proj", "ffn_up"}, {"down", "down_proj", "ffn_down"},
}

// Settings are how a job trains. The zero value of a field is its default, in
// parentheses.
type Settings struct {
	Rank       int      `json:"rank"`       // (16)
	Alpha      float64  `json:"alpha"`      // (twice the rank)
	Dropout    float64  `json:"dropout"`    // (0)
	Targets    []string `json:"targets"`    // (all seven)
	Stabilised bool     `json:"rslora"`     // axolotl alone
	Decomposed bool     `json:"dora"`       // axolotl alone
	Quantised  bool     `json:"qlora"`      // the base in 4 bits while training
	Rate       float64  `json:"rate"`       // (0.0002)
	Epochs     int      `json:"epochs"`     // (3)
	Length     int      `json:"length"`     // tokens of a row (the context, 4096 at most)
	Micro      int      `json:"micro"`      // rows a GPU has in memory at a time (2)
	Batch      int      `json:"batch"`      // rows of a step, on all GPUs together (16)
	Accumulate int      `json:"accumulate"` // follows from Batch, Micro and GPUs
	GPUs       int      `json:"gpus"`       // of all machines together (1)
	Machines   int      `json:"machines"`   // (1)
	Packing    bool     `json:"packing"`    // short rows share one
	Seed       uint64   `json:"seed"`
}

// Base is the model that a job is for.
type Base struct {
	Name         string `json:"name"`
	Digest       string `json:"digest"` // "sha256:…" of the model here
	Architecture string `json:"architecture"`
	// At is the folder of safetensors on the cluster, or a name on a hub.
	At          string  `json:"at"`
	Layers      int     `json:"layers"`
	Width       int     `json:"width"`
	Heads       int     `json:"heads"`
	KVHeads     int     `json:"kv_heads"`
	HeadSize    int     `json:"head_size"`
	FeedForward int     `json:"feed_forward"`
	Vocabulary  int     `json:"vocabulary"`
	Context     int     `json:"context"`
	Tied        bool    `json:"tied"` // the output is the embedding
	NormEpsilon float64 `json:"norm_epsilon"`
	RoPEBase    float64 `json:"rope_base"`
	RoPEScaling string  `json:"rope_scaling,omitempty"`
	RoPEFactor  float64 `json:"rope_factor,omitempty"`
	Window      int     `json:"window,omitempty"`
}

// Data is where a job's rows come from and how they were divided: enough to divide
// the same file again.
type Data struct {
	Files       []string     `json:"files"`  // their names, without folders
	Digest      string       `json:"digest"` // "sha256:…", as dataset.Table has it
	Kind        dataset.Kind `json:"kind"`
	Columns     Columns      `json:"columns"`
	Labels      []string     `json:"labels,omitempty"`
	Instruction string       `json:"instruction,omitempty"`
	Seed        uint64       `json:"seed"`
	Train       int          `json:"train"`
	Validation  int          `json:"validation"`
	Test        int          `json:"test"`
	// LeftOut counts the rows of the first two parts that were not written.
	LeftOut int `json:"left_out"`
	// TestDigest is outcome.TestDigest of the test part.
	TestDigest string `json:"test_digest"`
}

// Columns are those that were asked for by name; empty ones were found.
type Columns struct {
	Text  string `json:"text,omitempty"`
	Label string `json:"label,omitempty"`
	Group string `json:"group,omitempty"`
}

// Job is job.json.
type Job struct {
	Format   int       `json:"format"` // 1
	Trainer  Trainer   `json:"trainer"`
	Name     string    `json:"name"` // of the adapter that is to come
	Created  time.Time `json:"created"`
	Program  string    `json:"program"` // the version that wrote it
	Base     Base      `json:"base"`
	Data     Data      `json:"data"`
	Settings Settings  `json:"settings"`
	// Files has the digest of each file of the job but job.json, by its name.
	Files map[string]string `json:"files"`
}

// MaxGPUs bounds Settings.GPUs.
const MaxGPUs = 1024

// complete fills in defaults and refuses what cannot be.
func (s *Settings) complete(b *Base) error {
	s.Rank, s.Rate, s.Epochs = cmp.Or(s.Rank, 16), cmp.Or(s.Rate, 2e-4), cmp.Or(s.Epochs, 3)
	s.Alpha, s.Micro, s.Batch = cmp.Or(s.Alpha, float64(2*s.Rank)), cmp.Or(s.Micro, 2), cmp.Or(s.Batch, 16)
	s.GPUs, s.Machines = cmp.Or(s.GPUs, 1), cmp.Or(s.Machines, 1)
	s.Length = cmp.Or(s.Length, min(b.Context, 4096))
	if len(s.Targets) == 0 {
		for _, t := range targets {
			s.Targets = append(s.Targets, t.short)
		}
	}
	for _, name := range s.Targets {
		if module(name) == "" {
			return fmt.Errorf("no matrix %.40q: there are q, k, v, o, gate, up and down", name)
		}
	}
	switch {
	case s.Rank < 1 || s.Rank > 1024 || !(s.Alpha > 0) || !(s.Dropout >= 0 && s.Dropout < 1) || !(s.Rate > 0 && s.Rate < 1):
		return fmt.Errorf("rank %d, alpha %v, dropout %v and rate %v: rank is 1 to 1024, alpha and rate above 0, rate below 1, dropout 0 to below 1", s.Rank, s.Alpha, s.Dropout, s.Rate)
	case s.Epochs < 1 || s.Micro < 1 || s.Batch < 1 || s.Length < 16 || s.Length > b.Context:
		return fmt.Errorf("%d epochs of batches of %d rows, %d at a time, of %d tokens: the base has a context of %d, the rest is 1 or more", s.Epochs, s.Batch, s.Micro, s.Length, b.Context)
	case s.GPUs < 1 || s.GPUs > MaxGPUs || s.Machines < 1 || s.GPUs%s.Machines != 0:
		return fmt.Errorf("%d GPUs on %d machines: 1 to %d, as many on each", s.GPUs, s.Machines, MaxGPUs)
	}
	s.Accumulate = max(1, s.Batch/(s.Micro*s.GPUs))
	return nil
}

// module is Hugging Face's name of a target, "" for another word.
func module(short string) string {
	for _, t := range targets {
		if t.short == short {
			return t.module
		}
	}
	return ""
}

// modules are those of a list.
func modules(short []string) []string {
	var out []string
	for _, s := range short {
		out = append(out, module(s))
	}
	return out
}

// ErrTrainer is the error of a base or a setting that a trainer cannot do.
var ErrTrainer = errors.New("the trainer cannot do that")

// supports says why a trainer cannot train the job, or nil.
func (j *Job) supports() error {
	b, s := &j.Base, &j.Settings
	switch j.Trainer {
	case Axolotl:
		return nil
	case Torchtune:
	default:
		return fmt.Errorf("no trainer %.40q: there are %s and %s", j.Trainer, Axolotl, Torchtune)
	}
	mlp := 0
	for _, t := range []string{"gate", "up", "down"} {
		if slices.Contains(s.Targets, t) {
			mlp++
		}
	}
	why := ""
	switch {
	case b.Architecture != "llama" && b.Architecture != "mistral":
		why = "its configuration is written for llama and mistral alone"
	case b.HeadSize*b.Heads != b.Width:
		why = "its heads are as large as the width divided by their number"
	case b.Window > 0:
		why = "it has no sliding window"
	case b.RoPEScaling != "" && b.RoPEScaling != "llama3":
		why = "it stretches positions as Llama 3 does, or not at all"
	case b.Architecture == "mistral" && (b.RoPEScaling != "" || b.Tied):
		why = "its mistral has an output of its own and unscaled positions"
	case b.Tied && b.RoPEScaling == "":
		why = "its llama with unscaled positions has an output of its own"
	case s.Decomposed:
		why = "what it saves of DoRA has the rows of queries and keys in two orders"
	case s.Stabilised:
		why = "it has no rank-stabilised scale"
	case mlp != 0 && mlp != 3:
		why = "it adapts gate, up and down together or not at all"
	case s.Quantised && s.GPUs > 1:
		why = "it trains a quantised base on one GPU alone"
	}
	if why != "" {
		return fmt.Errorf("%w: torchtune: %s", ErrTrainer, why)
	}
	return nil
}

// oneLine says whether a text can stand in a file that is run or read by line.
func oneLine(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' || r == '\u0085' })
}
