package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/model/grammar"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/security/identifier"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// modelFlags are the flags of every command that needs a language model.
type modelFlags struct {
	Model string `required:"" short:"m" placeholder:"NAME|PATH" help:"A model of the store (casemate model list), NAME@sha256:… to pin it, a GGUF file or a folder of safetensors."`
	modelOptions
}

// open makes the model ready.
func (f *modelFlags) open(s *streams) (*native.Engine, error) { return f.modelOptions.open(s, f.Model) }

// modelOptions say how a language model is run.
type modelOptions struct {
	dataFlag
	Adapter   string `placeholder:"NAME|PATH" help:"A LoRA adapter: one in service (casemate tune list), NAME@VERSION to pin it, a PEFT folder or a GGUF file."`
	Threads   int    `placeholder:"N" help:"How many processors to use; default: all. The answer does not depend on it."`
	AnyMemory bool   `help:"Go on although the memory looks too small."`
	Context   int    `placeholder:"N" help:"How many tokens a prompt and its answer may have together; default: what the model was made for."`
	// pinned takes the digest of a model that is given by its path as well, for
	// answers that must be had again: it reads all of the model once more.
	pinned    bool
	CacheType string `enum:"f32,f16,q8_0" default:"f32" help:"The number format of keys and values: f32, f16 or q8_0, which take less memory and are less exact."`
}

// open makes a model ready. Its catalogues are read when a schema asks for them.
func (f *modelOptions) open(s *streams, model string) (*native.Engine, error) {
	if f.Threads < 0 || f.Context < 0 {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "--threads and --context cannot be negative", Hint: "leave them out for all processors and the model's own context"}
	}
	path, m, err := f.resolveModel(model)
	if err != nil {
		return nil, err
	}
	cache, err := quant.Parse(f.CacheType)
	if err != nil {
		return nil, err
	}
	adapter, kept, err := f.resolveAdapter(f.Adapter)
	if err != nil {
		return nil, err
	}
	name, digest := "", ""
	switch {
	case m != nil:
		name, digest = m.Name, m.Digest
	case f.pinned || f.Adapter != "": // an adapter may be bound to the digest
		if digest, err = modelstore.Digest(s.ctx, path, lateBar(s.stderr, "taking the model's digest", progressbar.OptionShowBytes(true))); err != nil {
			return nil, err
		}
	}
	e, err := native.Open(path, native.Options{
		Name: name, Digest: digest, Adapter: adapter, Threads: f.Threads, Context: f.Context, Cache: cache, AnyMemory: f.AnyMemory,
		Catalogue: catalogues(s.ctx, f.dataFlag), Loading: loadBar(s.stderr), Progress: promptBar(s.stderr),
	})
	if err == nil && kept != nil && e.Info().Adapter != kept.Digest {
		e.Close()
		return nil, fmt.Errorf("adapter %s was changed while it was opened", kept)
	}
	return e, err
}

// resolveAdapter returns the path of an adapter by its name in service, or by its
// path; the version is nil for a path.
func (d dataFlag) resolveAdapter(ref string) (string, *registry.Version, error) {
	data, err := d.dataDir()
	if ref == "" || err != nil {
		return ref, nil, nil // nobody has said where adapters are kept: it is a path
	}
	v, err := inService(registry.Open(data), registry.KindAdapter, ref, "--adapter")
	if v == nil || err != nil {
		return ref, nil, err
	}
	return v.Dir, v, nil
}

// loadBar shows on a terminal how much of a model has been loaded.
func loadBar(stderr io.Writer) func(done, total int64) {
	return lateBar(stderr, "loading the model", progressbar.OptionShowBytes(true))
}

// promptBar shows on a terminal how much of a long prompt has been read.
func promptBar(stderr io.Writer) func(done, total int) {
	show := lateBar(stderr, "reading the prompt", progressbar.OptionShowCount(), progressbar.OptionSetItsString("tokens"), progressbar.OptionShowIts())
	if show == nil {
		return nil
	}
	return func(done, total int) { show(int64(done), int64(total)) }
}

// lateBar returns a function that shows a bar from the first time on that it is
// told how much is done, until that is all; nil where nobody watches.
func lateBar(stderr io.Writer, what string, options ...progressbar.Option) func(done, total int64) {
	if !isTerminal(stderr) {
		return nil
	}
	options = append(options, progressbar.OptionSetWriter(stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(barThrottle))
	var bar *progressbar.ProgressBar
	return func(done, total int64) {
		if bar == nil {
			bar = progressbar.NewOptions64(total, options...)
		}
		bar.Set64(done) // a bar that cannot be drawn is no reason to stop
		if done == total {
			bar.Finish()
			bar = nil
		}
	}
}

// resolveModel returns the path of a model by its name or path; the manifest is
// nil for a path.
func (d dataFlag) resolveModel(ref string) (string, *modelstore.Manifest, error) {
	dir, err := d.dataDir()
	if err != nil {
		return "", nil, err
	}
	return modelstore.Resolve(dir, ref)
}

// openTokenizer reads a model's tokenizer. It looks at no weights.
func openTokenizer(d dataFlag, ref string) (*tokenizer.Tokenizer, error) {
	path, _, err := d.resolveModel(ref)
	if err != nil {
		return nil, err
	}
	file, err := modelfile.Open(path)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: "open model", Err: err, Hint: "give a GGUF file or a folder of safetensors with its tokenizer.json"}
	}
	defer file.Close()
	t, err := tokenizer.New(file.Tokenizer)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read the tokenizer of %q", path), Err: err, Hint: "docs/tokenizer.md says which are supported"}
	}
	return t, nil
}

// catalogues returns a function that gives the identifiers of a kind, each read
// once, from the binary and from the knowledge base where there is one.
func catalogues(ctx context.Context, d dataFlag) func(kind string) (grammar.Catalogue, error) {
	var mu sync.Mutex
	known := map[string]*identifier.List{}
	return func(kind string) (grammar.Catalogue, error) {
		mu.Lock()
		defer mu.Unlock()
		if l := known[kind]; l != nil {
			return l, nil
		}
		lib, err := d.openLibrary()
		if err != nil && !errors.Is(err, library.ErrEmpty) {
			return nil, fmt.Errorf("open the knowledge base: %w", err)
		}
		if lib != nil {
			defer lib.Close()
		}
		l, err := identifier.Load(ctx, knowledge.Embedded(), lib, kind)
		if err == nil {
			known[kind] = l
		}
		return l, err
	}
}

// lineOrModel says whether an error of the engine lies in a line of input: wrong
// use does, and the lines after it go on.
func lineOrModel(err error) error {
	var e *casemate.Error
	if errors.As(err, &e) && e.Code == casemate.CodeUsage {
		return &badLine{err}
	}
	return err
}
