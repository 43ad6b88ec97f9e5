// Package modelfile opens models as they are published: GGUF files, whole or in
// shards, and folders of safetensors with their JSON files. Whatever the format,
// a Model has the same configuration, tokenizer and tensors under the same names.
//
// Files are mapped, not read: a Model is open within milliseconds. Whoever reads
// its tensors does so under Guard, and asks Changed whether the files are still
// what they were.
package modelfile

import (
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// Tensor is one array of weights.
type Tensor struct {
	// Name is GGUF's: "token_embd.weight", "blk.0.attn_q.weight", …; names of
	// Hugging Face are translated.
	Name string
	Type quant.Type
	// Shape has the slowest dimension first: a matrix is [rows, columns] and
	// maps columns numbers to rows.
	Shape []int
	// Data is rows one after another, blocks of Type within them. It may lie in
	// a mapped file: it is not to be written, and not to be used after Close.
	Data []byte
}

// Scaling is how a model stretches rotary positions beyond those it was trained on.
type Scaling string

// The scalings.
const (
	ScalingNone   Scaling = ""
	ScalingLinear Scaling = "linear"
	ScalingLlama3 Scaling = "llama3"
	ScalingYaRN   Scaling = "yarn"
)

// RoPE is how a model rotates queries and keys by position.
type RoPE struct {
	Base float64 // θ, no unit
	Dims int     // of a head that turn; 0 means all
	// Interleaved pairs neighbours (0,1), (2,3), …, as GGUF files of the llama
	// architecture do; otherwise halves are paired: (0,D/2), (1,D/2+1), …
	Interleaved bool

	Scaling         Scaling
	Factor          float64 // positions stretched by this
	OriginalContext int     // positions of the first training
	LowFreq         float64 // llama3
	HighFreq        float64 // llama3
	BetaFast        float64 // yarn
	BetaSlow        float64 // yarn
	// Attention scales queries and keys' cosines and sines, yarn; 0 means
	// the formula's own 0.1·ln(Factor)+1.
	Attention float64
}

// Config is what a model file says of a model's shape. A tensor
// "rope_freqs.weight" divides the rotation's frequencies where there is one.
type Config struct {
	Architecture string // "llama", "mistral", "qwen2", "qwen3"
	Name         string // as its authors call it, may be empty
	License      string // SPDX id or the authors' words, may be empty

	Layers      int     // L
	Width       int     // C
	Heads       int     // H
	KVHeads     int     // KV
	HeadSize    int     // D
	FeedForward int     // F
	Vocabulary  int     // V: rows of the embedding; the tokenizer may know fewer
	Context     int     // positions it was made for
	NormEpsilon float64 // added to the mean square
	RoPE        RoPE
	// SlidingWindow is how many positions back a query sees, itself counted; 0
	// means all.
	SlidingWindow int
}

// Generation is how the authors would have the model sampled; a nil pointer is
// something they do not say.
type Generation struct {
	Temperature, TopP, RepetitionPenalty *float64
	TopK                                 *int
	Greedy                               bool // do_sample is false
}

// Property is one entry of a GGUF file's metadata, for showing and copying.
type Property = gguf.Property

// Model is an opened model.
type Model struct {
	Path   string
	Format string // "gguf" or "safetensors"
	// Digest is the model's as its store knows it, "sha256:…"; empty where
	// nobody has computed it. Opening does not.
	Digest       string
	Files        []string
	Config       Config
	Tokenizer    tokenizer.Spec
	ChatTemplate string // Jinja, may be empty
	Generation   Generation
	Properties   []Property // GGUF only, in the file's order
	// Tensors stand in the file's order. A vocabulary alone has none.
	Tensors []*Tensor

	mapped []*mapped.File // which Tensors lie in
	index  map[string]*Tensor
}
