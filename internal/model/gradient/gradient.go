// Package gradient computes language models of the Llama family for training:
// a forward pass that keeps what its backward pass needs, the loss of next
// tokens, and the gradients of all weights or of low-rank adapters on a frozen
// base of any number format.
//
// Results depend on the tokens and the parameters alone: their bits are the same
// for any number of threads, and with or without activation checkpointing.
package gradient

// LoRA says what adapters to train on a frozen base. The zero value of a field
// is its default.
type LoRA struct {
	Rank    int      // 8
	Alpha   float64  // scale is Alpha/Rank, or Alpha/√Rank if Stabilised; twice Rank
	Dropout float64  // share of a target's inputs that are left out, 0 to <1; 0
	Targets []string // of "q", "k", "v", "o", "gate", "up", "down"; q and v
	// Stabilised is rsLoRA's scale: Kalajdzievski 2023, arXiv:2312.03732.
	Stabilised bool
	// Decomposed learns magnitudes apart from directions: DoRA, Liu et al. 2024,
	// arXiv:2402.09353.
	Decomposed bool
	Seed       uint64 // of A's first values and of dropout
}

// Options says how a model is trained. Exactly one of Full and LoRA is set.
type Options struct {
	Threads int  // 0 means all
	Full    bool // train every weight; the file must be of F32, F16 or BF16
	LoRA    *LoRA
	// Checkpoint keeps only the inputs of layers and computes the rest again in
	// the backward pass: less memory, a third more work.
	Checkpoint bool
	// BF16 rounds what goes into products with weights to BF16 and sums in float32;
	// parameters, gradients, norms, attention, adapters and the loss stay float32.
	BF16 bool
	// Separate gives a new model an output matrix of its own; a file says itself.
	Separate bool
}

// Sequence is tokens that belong together: attention does not leave a document.
type Sequence struct {
	Tokens []int
	// Targets[i] is the token to predict at i, or negative for none: as long as
	// Tokens. The caller shifts.
	Targets []int
	// Weights multiply the targets' losses; nil means 1 each.
	Weights []float32
	// Starts are the indices at which documents begin, ascending from 0; nil means
	// one document. Positions begin at 0 in each.
	Starts []int
}

// Loss is what a pass measured.
type Loss struct {
	// Sum is the sum of the targets' negative log-probabilities, natural, times
	// their weights; Weight the sum of the weights, Targets how many there were.
	Sum, Weight float64
	Targets     int
	// Logprobs has, for each sequence, the log-probability of each target, and 0
	// where there is none.
	Logprobs [][]float32
}
