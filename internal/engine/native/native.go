// Package native is the engine that runs models in this process, on its
// processors: the model file, its tokenizer and chat template, the forward pass,
// sampling and constrained decoding, put together.
//
// The same request gives the same bytes, whatever the number of threads, what
// ran before it, and what runs beside it.
package native

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/chat"
	"github.com/casemate-ai/casemate/internal/model/grammar"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// Options is how a model is opened. The zero value works.
type Options struct {
	Name   string // what to call the model; empty means what its file says
	Digest string // of the model's files, where the caller knows it
	// Adapter is the path of a LoRA adapter that answers requests which name none;
	// empty means the model as it is.
	Adapter string
	Threads int // processors to use; 0 means all
	// Context is how many tokens a prompt and its answer may have together; 0
	// means what the model was made for, which is also the most.
	Context int
	// Cache is the number format of keys and values: quant.F32, quant.F16 or
	// quant.Q8_0.
	Cache quant.Type
	// Catalogue gives the identifiers that "x-casemate-id" of a schema names;
	// nil knows none.
	Catalogue func(kind string) (grammar.Catalogue, error)
	// PrefixBytes bounds the memory of what is kept of finished requests for
	// those that begin alike; 0 means a quarter of what is free when the model
	// has been opened, or half a GiB where the system does not say. Negative
	// keeps none. It gives way when requests need the memory.
	PrefixBytes int64
	// Loading, where not nil, is told how many bytes of the weights have been
	// packed, by one goroutine at a time.
	Loading func(done, total int64)
	// Progress, where not nil, is told how many of a prompt's tokens have been
	// computed: of the oldest prompt under way, by one call at a time.
	Progress func(done, total int)
	// AnyMemory opens a model, and starts a request, that the memory looks too
	// small for.
	AnyMemory bool
}

// unknownPrefixBytes is what is kept of finished requests where the system does
// not tell how much memory is free.
const unknownPrefixBytes = 512 << 20

// leastTokens is what must fit the memory, besides the weights, for a model to
// be worth opening.
const leastTokens = 512

// sideBySide is how many requests a caller with many should have under way: more
// of them share the reading of the weights, and each takes memory for its keys
// and values.
const sideBySide = 8

// Engine is an open model.
type Engine struct {
	options Options
	info    engine.Info
	file    *modelfile.Model
	model   *llama.Model
	tok     *tokenizer.Tokenizer
	chat    *chat.Template // nil where neither the file nor its vocabulary tells how to chat
	noChat  error          // why
	ends    []int          // ids that end an answer
	spoken  []uint64       // ids that the tokenizer knows, where the model has more rows; else nil

	adapters adapters
	requests *batch.Batcher
	schemas  schemas
	close    sync.Once
	closed   error
}

var _ engine.Engine = (*Engine)(nil)

// Open opens a GGUF file or a folder of safetensors and makes the model ready.
// Errors that a person must act on are *casemate.Error.
func Open(path string, o Options) (*Engine, error) {
	file, err := modelfile.Open(path)
	if err != nil {
		return nil, input(fmt.Sprintf("use model %q", path), err, "give a model's name (casemate model list), a GGUF file or a folder of safetensors")
	}
	e, err := open(file, o)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return e, nil
}

// open makes an opened file ready.
func open(file *modelfile.Model, o Options) (*Engine, error) {
	if len(file.Tensors) == 0 {
		return nil, input(fmt.Sprintf("open model %q", file.Path), errors.New("it holds a vocabulary and no weights"), "casemate tokenize is all that can be done with it")
	}
	if err := fitContext(&o, file.Config); err != nil {
		return nil, err
	}
	tok, err := tokenizer.New(file.Tokenizer)
	if err != nil {
		return nil, input(fmt.Sprintf("read the tokenizer of %q", file.Path), err, "")
	}
	options := llama.Options{Threads: o.Threads, Progress: o.Loading}
	if err := foresee(os.DirFS("/"), file, options, o); err != nil {
		return nil, err
	}
	file.Digest = o.Digest // an adapter may be bound to it
	e := &Engine{options: o, file: file, tok: tok}
	var usual *adapter.Adapter
	if o.Adapter != "" {
		if usual, err = e.readAdapter(o.Adapter); err != nil { // before the weights are loaded, which takes time
			return nil, err
		}
	}
	if e.model, err = llama.Load(file, options); err != nil {
		return nil, input("use the model", err, "") // which the error names
	}
	if usual != nil {
		if err := e.load("", usual); err != nil {
			return nil, errors.Join(err, e.model.Close())
		}
	}
	e.prepare()
	return e, nil
}

// fitContext sets the context that was left open, and refuses a longer one
// than the model has.
func fitContext(o *Options, c modelfile.Config) error {
	if o.Context < 0 || o.Context > c.Context {
		return usage(fmt.Sprintf("a context of %d tokens, the model was made for %d", o.Context, c.Context), "ask for fewer")
	}
	if o.Context == 0 {
		o.Context = c.Context
	}
	return nil
}

// prepare fills what is derived from the file.
func (e *Engine) prepare() {
	spec, c := e.tok.Spec(), e.file.Config
	e.ends = spec.EndOfGeneration
	if len(e.ends) == 0 && spec.EOS != tokenizer.None {
		e.ends = []int{spec.EOS}
	}
	if c.Vocabulary > e.tok.Size() {
		e.spoken = make([]uint64, (c.Vocabulary+63)/64)
		for id := range e.tok.Size() {
			e.spoken[id/64] |= 1 << (id % 64)
		}
	}
	e.chat, e.noChat = chat.New(e.file.ChatTemplate, spec)
	e.requests = batch.New(e.model, e.batching(os.DirFS("/")))
	e.info = engine.Info{Name: e.options.Name, Architecture: c.Architecture, Digest: e.options.Digest, Context: e.options.Context,
		Vocabulary: c.Vocabulary, Layers: c.Layers, Width: c.Width, Together: sideBySide}
	if e.info.Name == "" {
		e.info.Name = c.Name
	}
	if x := e.adapters.all[""]; x != nil {
		e.info.Adapter = x.Digest
	}
}

// batching returns how requests are run.
func (e *Engine) batching(root fs.FS) batch.Options {
	o, c := e.options, e.file.Config
	b := batch.Options{Context: o.Context, Vocabulary: c.Vocabulary, Cache: o.Cache, Progress: o.Progress,
		PageBytes: llama.CacheBytes(c, 1, o.Cache)}
	keep := o.PrefixBytes
	if keep == 0 {
		keep = unknownPrefixBytes
		if free, known := availableMemory(root); known {
			keep = free / 4
		}
	}
	b.Keep = int(max(keep, 0) / b.PageBytes)
	if !o.AnyMemory {
		b.Available = func() (int64, bool) { return availableMemory(root) }
	}
	return b
}

// foresee refuses a model whose weights do not fit the memory that there is.
func foresee(root fs.FS, file *modelfile.Model, lo llama.Options, o Options) error {
	room, known := availableMemory(root)
	need := llama.MemoryNeeded(file, lo, min(leastTokens, o.Context), o.Cache)
	if !known || o.AnyMemory || need.Total() <= room {
		return nil
	}
	return &casemate.Error{Code: casemate.CodeInput,
		Message: fmt.Sprintf("open model %q: it needs %s (weights %s, the rest for a prompt of %d tokens), and %s are free", file.Path, size(need.Total()), size(need.Weights), min(leastTokens, o.Context), size(room)),
		Hint:    "quantise it to a smaller type (casemate model quantize), end other programs, or try nevertheless with --any-memory"}
}

// Info says what the model is.
func (e *Engine) Info() engine.Info { return e.info }

// Tokenizer returns the model's tokenizer.
func (e *Engine) Tokenizer() *tokenizer.Tokenizer { return e.tok }

// Close frees the model. It may be called more than once.
func (e *Engine) Close() error {
	e.close.Do(func() {
		e.requests.Close()
		e.adapters.closeAll()
		e.closed = errors.Join(e.model.Close(), e.file.Close())
	})
	return e.closed
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20)
}

func usage(message, hint string) error { return misused(message, nil, hint) }

// misused is usage with a cause that callers may branch on.
func misused(message string, err error, hint string) error {
	return &casemate.Error{Code: casemate.CodeUsage, Message: message, Err: err, Hint: hint}
}

func input(message string, err error, hint string) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: message, Err: err, Hint: hint}
}
