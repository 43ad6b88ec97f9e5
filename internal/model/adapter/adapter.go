// Package adapter reads low-rank adapters (LoRA): PEFT folders and GGUF files.
// An adapter changes some matrices of a base model: W becomes W + Scale·B·A.
package adapter

import (
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// Delta is the change to one matrix W of the base, [Out,In]: Scale·B·A is added.
type Delta struct {
	// Name is the matrix's in the base: "blk.0.attn_q.weight", …
	Name          string
	Rank, In, Out int
	A             []float32 // [Rank,In]
	B             []float32 // [Out,Rank]
	// Scale is alpha/rank, or alpha/√rank for a rank-stabilised adapter.
	Scale float32
}

// Adapter is a low-rank change to a base model.
type Adapter struct {
	Path  string
	Files []string
	// Base is the base model as the adapter's authors call it, may be empty.
	Base string
	// BaseDigest is the digest of the only model that this adapter is for; empty
	// if it names none.
	BaseDigest string
	// Deltas are sorted by name. Their rows are in the adapter's own order: use
	// For to have them in the model's.
	Deltas []*Delta

	// interleaved says that rows of queries and keys pair neighbours for RoPE,
	// as in GGUF files of the llama architecture.
	interleaved bool
}

// Load reads the adapter in a PEFT folder or a GGUF file.
func Load(path string) (*Adapter, error) { panic("not written yet") }

// Fits says whether the adapter was made for a model like m: it fails by name of
// the first matrix that m lacks or that has another shape, and if the adapter
// is bound to another model by its digest.
func (a *Adapter) Fits(m *modelfile.Model) error { panic("not written yet") }

// For returns the changes to m's matrices with the rows in m's order, sorted by
// name; it fails where Fits does. Slices may be the adapter's own and are not to
// be written.
func (a *Adapter) For(m *modelfile.Model) ([]*Delta, error) { panic("not written yet") }
