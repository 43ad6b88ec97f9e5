// Package adapter reads and writes low-rank adapters (LoRA): PEFT folders and
// GGUF files. An adapter changes some matrices of a base model: W becomes
// W + Scale·B·A, and, if it is decomposed (DoRA), each row of that gets the length
// that the adapter says. What would change the model in another way is refused by
// name.
package adapter

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
)

// Limits of what Load takes.
const (
	// MaxRank is the largest rank; nobody publishes a tenth of it.
	MaxRank = 1 << 13
	// MaxNumbers is how many numbers all matrices may have together.
	MaxNumbers = 1 << 29
)

// DigestKey is the metadata's key, in safetensors and in GGUF, under which an
// adapter names the only base model that it is for: "sha256:" and 64 digits.
const DigestKey = "casemate.base_digest"

// Errors that callers tell apart; they come wrapped.
var (
	// ErrFit is the error of an adapter for a model of another shape.
	ErrFit = errors.New("the adapter does not fit the model")
	// ErrBase is the error of an adapter that is bound to another model.
	ErrBase = errors.New("the adapter is bound to another model")
)

// Delta is the change to one matrix W of the base, [Out,In]: Scale·B·A is added,
// and rows are stretched to Magnitude if there is one.
type Delta struct {
	// Name is the matrix's in the base: "blk.0.attn_q.weight", …
	Name          string
	Rank, In, Out int
	A             []float32 // [Rank,In]
	B             []float32 // [Out,Rank]
	// Scale is alpha/rank, or alpha/√rank for a rank-stabilised adapter.
	Scale float32
	// Magnitude, [Out], has the lengths of the rows of the changed matrix: DoRA,
	// Liu et al. 2024, arXiv:2402.09353. Nil leaves them as they come.
	Magnitude []float32
}

// Adapter is a low-rank change to a base model.
type Adapter struct {
	Path  string
	Files []string
	// Digest is "sha256:…" of the file, or, of a folder, of a line for each file
	// (its own digest, two spaces, its name, a line feed), sorted by name: what
	// `sha256sum adapter_config.json adapter_model.safetensors | sha256sum` prints.
	Digest string
	// Base is the base model as the adapter's authors call it, may be empty.
	Base string
	// Architecture is that of the base, where the file says it: GGUF alone.
	Architecture string
	// BaseDigest is the digest of the only model that this adapter is for; empty
	// if it names none.
	BaseDigest string
	// Stabilised says that Scale is alpha/√rank: rsLoRA, Kalajdzievski 2023,
	// arXiv:2312.03732. Scale says it all; this is how files write it.
	Stabilised bool
	// Deltas are sorted by name. Their rows are in the adapter's own order: use
	// For to have them in the model's.
	Deltas []*Delta

	// interleaved says that rows of queries and keys pair neighbours for RoPE,
	// as in GGUF files of the llama architecture.
	interleaved bool
}

// New returns an adapter of changes to m, whose rows are in m's own order. It is
// bound to m if m's digest is known. The slices stay the caller's and are not to
// be written any more.
func New(m *modelfile.Model, deltas []*Delta) *Adapter {
	a := &Adapter{Base: m.Config.Name, Architecture: m.Config.Architecture, BaseDigest: m.Digest,
		Deltas: slices.Clone(deltas), interleaved: m.Config.RoPE.Interleaved}
	slices.SortFunc(a.Deltas, func(x, y *Delta) int { return strings.Compare(x.Name, y.Name) })
	return a
}

// Decomposed says whether the adapter changes lengths of rows: DoRA.
func (a *Adapter) Decomposed() bool {
	return slices.ContainsFunc(a.Deltas, func(d *Delta) bool { return d.Magnitude != nil })
}

// Load reads the adapter in a PEFT folder or a GGUF file. Nothing of the files
// is kept open.
func Load(path string) (*Adapter, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("load adapter: %w", err)
	}
	var a *Adapter
	if info.IsDir() {
		a, err = loadFolder(path)
	} else {
		a, err = loadFile(path)
	}
	if err == nil {
		err = a.finish()
	}
	if err != nil {
		return nil, fmt.Errorf("load adapter %q: %w", path, err)
	}
	a.Path = path
	return a, nil
}

// loadFile reads a GGUF file, and says of others what they are.
func loadFile(path string) (*Adapter, error) {
	file, err := mapped.Open(path)
	if err != nil {
		return nil, err
	}
	var a *Adapter
	err = file.Guard(func() error {
		switch data := file.Data(); {
		case strings.HasPrefix(string(data[:min(len(data), len(gguf.Magic))]), gguf.Magic):
			var err error
			if a, err = parseGGUF(data); err == nil {
				a.Digest = "sha256:" + sum(data)
			}
			return err
		case safetensors.Pickle(data):
			return safetensors.ErrPickle
		case filepath.Ext(path) == ".safetensors":
			return fmt.Errorf("give the folder that it lies in: %s is needed, too", peftConfigFile)
		}
		return errors.New("it is neither a folder nor a GGUF file")
	})
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	a.Files = []string{path}
	return a, nil
}

// sum returns a SHA-256 as people write it.
func sum(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// digestForm is what a digest looks like.
var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// finish checks what both formats have in common.
func (a *Adapter) finish() error {
	if len(a.Deltas) == 0 {
		return errors.New("it changes no matrix")
	}
	if a.BaseDigest != "" && !digestForm.MatchString(a.BaseDigest) {
		return fmt.Errorf("%s: %.80q is no digest", DigestKey, a.BaseDigest)
	}
	slices.SortFunc(a.Deltas, func(x, y *Delta) int { return strings.Compare(x.Name, y.Name) })
	for i, d := range a.Deltas {
		if i > 0 && d.Name == a.Deltas[i-1].Name {
			return fmt.Errorf("%q is changed twice", d.Name)
		}
		if s := float64(d.Scale); s != s || s-s != 0 {
			return fmt.Errorf("%q: the scale is no number", d.Name)
		}
		if len(d.A) != d.Rank*d.In || len(d.B) != d.Out*d.Rank || d.Magnitude != nil && len(d.Magnitude) != d.Out {
			return fmt.Errorf("%q: %d, %d and %d numbers are not those of rank %d for [%d %d]", d.Name, len(d.A), len(d.B), len(d.Magnitude), d.Rank, d.Out, d.In)
		}
	}
	return nil
}

// Fits says whether the adapter was made for a model like m: it fails, with
// ErrFit, by name of the first matrix that m lacks or that has another shape,
// and, with ErrBase, if the adapter is bound to a model by its digest and m's is
// another one or is not known.
func (a *Adapter) Fits(m *modelfile.Model) error {
	switch {
	case a.BaseDigest != "" && m.Digest == "":
		return fmt.Errorf("%w: it is bound to %s, and the model's digest is not known; import the model first", ErrBase, a.BaseDigest)
	case a.BaseDigest != "" && m.Digest != a.BaseDigest:
		return fmt.Errorf("%w: it is bound to %s, and the model is %s", ErrBase, a.BaseDigest, m.Digest)
	case a.Architecture != "" && family(a.Architecture) != family(m.Config.Architecture):
		return fmt.Errorf("%w: it is for architecture %q, and the model has %q", ErrFit, a.Architecture, m.Config.Architecture)
	}
	shapes := make(map[string][]int, len(m.Tensors))
	for _, t := range m.Tensors {
		shapes[t.Name] = t.Shape
	}
	for _, d := range a.Deltas {
		shape, ok := shapes[d.Name]
		switch {
		case !ok:
			return fmt.Errorf("%w: it has no matrix %q", ErrFit, d.Name)
		case !slices.Equal(shape, []int{d.Out, d.In}):
			return fmt.Errorf("%w: %q is %v in the model and [%d %d] in the adapter", ErrFit, d.Name, shape, d.Out, d.In)
		case d.Rank > max(d.In, d.Out):
			return fmt.Errorf("%w: %q is [%d %d], smaller than the adapter's rank %d", ErrFit, d.Name, d.Out, d.In, d.Rank)
		}
	}
	return nil
}

// family is an architecture's name in GGUF files, which call mistral llama.
func family(architecture string) string {
	if architecture == "mistral" {
		return "llama"
	}
	return architecture
}

// For returns the changes to m's matrices with the rows in m's order, sorted by
// name; it fails where Fits does. Slices may be the adapter's own and are not to
// be written.
//
// Rows of queries and keys stand in another order in GGUF files of the llama
// architecture than in Hugging Face's, because other pairs are turned by RoPE:
// B's rows are moved as the rows of W were.
func (a *Adapter) For(m *modelfile.Model) ([]*Delta, error) {
	if err := a.Fits(m); err != nil {
		return nil, err
	}
	return a.ordered(&m.Config, m.Config.RoPE.Interleaved)
}

// ordered returns the changes with the rows of queries and keys in the order in
// which RoPE turns neighbours, or halves.
func (a *Adapter) ordered(c *modelfile.Config, interleaved bool) ([]*Delta, error) {
	out := slices.Clone(a.Deltas)
	if interleaved == a.interleaved {
		return out, nil
	}
	for i, d := range out {
		heads := 0
		switch {
		case strings.HasSuffix(d.Name, ".attn_q.weight"):
			heads = c.Heads
		case strings.HasSuffix(d.Name, ".attn_k.weight"):
			heads = c.KVHeads
		default:
			continue
		}
		if heads < 1 || d.Out%(2*heads) != 0 {
			return nil, fmt.Errorf("%w: %q has %d rows for %d heads", ErrFit, d.Name, d.Out, heads)
		}
		moved := *d
		moved.B = moveRows(d.B, d.Rank, d.Out/heads, interleaved)
		if d.Magnitude != nil {
			moved.Magnitude = moveRows(d.Magnitude, 1, d.Out/heads, interleaved)
		}
		out[i] = &moved
	}
	return out, nil
}

// moveRows returns b, [rows,rank], with the rows of each head of size D moved
// from halves (0 and D/2 are a pair) to neighbours (0 and 1 are), or back.
func moveRows(b []float32, rank, size int, interleave bool) []float32 {
	out := make([]float32, len(b))
	half := size / 2
	for head := 0; head < len(b)/rank; head += size {
		for pair := range half {
			for side := range 2 {
				halves, neighbours := head+side*half+pair, head+2*pair+side
				from, to := halves, neighbours
				if !interleave {
					from, to = neighbours, halves
				}
				copy(out[to*rank:(to+1)*rank], b[from*rank:(from+1)*rank])
			}
		}
	}
	return out
}
