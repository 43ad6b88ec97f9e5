package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type modelAdapterCmd struct {
	dataFlag
	Adapter string `arg:"" help:"A LoRA adapter: a PEFT folder or a GGUF file."`
	Model   string `short:"m" placeholder:"NAME|PATH" help:"Its base: says whether the adapter fits; --out needs it."`
	Out     string `placeholder:"PATH" help:"Write the adapter in the other form: a GGUF file if PATH ends in .gguf, else a PEFT folder."`
	Type    string `default:"F32" enum:"F32,F16,BF16,f32,f16,bf16" placeholder:"TYPE" help:"With --out: F32, F16 or, in a PEFT folder, BF16; default: F32."`
	Base    string `placeholder:"TEXT" help:"With --out: what to call the base, such as its name on a hub."`
	Bind    bool   `help:"With --out: bind the adapter to the base's digest, so that no other model takes it."`
	JSON    bool   `help:"Print one JSON document."`
}

// shownAdapter is what `model adapter --json` prints.
type shownAdapter struct {
	Path         string   `json:"path"`
	Digest       string   `json:"digest"`
	Base         string   `json:"base,omitempty"`
	BaseDigest   string   `json:"base_digest,omitempty"`
	Architecture string   `json:"architecture,omitempty"`
	Ranks        []int    `json:"ranks"`
	Matrices     int      `json:"matrices"`
	Targets      []string `json:"targets"`
	Numbers      int64    `json:"numbers"`
	Stabilised   bool     `json:"rslora"`
	Decomposed   bool     `json:"dora"`
	// Fits is there with --model.
	Fits *bool  `json:"fits,omitempty"`
	Why  string `json:"why,omitempty"`
	Out  string `json:"out,omitempty"`
}

// Run tells what an adapter is, and writes it in another form.
func (c *modelAdapterCmd) Run(s *streams) error {
	if c.Out != "" && c.Model == "" {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "--out without --model", Hint: "the base says in which order rows stand: give it"}
	}
	a, err := adapter.Load(c.Adapter)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "read the adapter", Err: err, Hint: "docs/formats/adapters.md says what is read"}
	}
	doc := describeAdapter(a)
	if c.Model != "" {
		if err := c.hold(s, a, doc); err != nil {
			return err
		}
	}
	if c.JSON {
		err = writeJSON(s.stdout, doc, true)
	} else {
		doc.print(s.stdout)
	}
	if err == nil && doc.Fits != nil && !*doc.Fits {
		return exitRequest(exitFindings)
	}
	return err
}

func describeAdapter(a *adapter.Adapter) *shownAdapter {
	d := &shownAdapter{Path: a.Path, Digest: a.Digest, Base: a.Base, BaseDigest: a.BaseDigest, Architecture: a.Architecture,
		Matrices: len(a.Deltas), Stabilised: a.Stabilised, Decomposed: a.Decomposed()}
	for _, x := range a.Deltas {
		d.Numbers += int64(len(x.A) + len(x.B) + len(x.Magnitude))
		d.Ranks = append(d.Ranks, x.Rank)
		name := strings.TrimSuffix(x.Name, ".weight")
		d.Targets = append(d.Targets, name[strings.LastIndexByte(name, '.')+1:])
	}
	slices.Sort(d.Targets)
	d.Targets = slices.Compact(d.Targets)
	slices.Sort(d.Ranks)
	d.Ranks = slices.Compact(d.Ranks)
	return d
}

// hold says whether the adapter fits the model, and writes it if that is asked.
func (c *modelAdapterCmd) hold(s *streams, a *adapter.Adapter, doc *shownAdapter) error {
	path, manifest, err := c.resolveModel(c.Model)
	if err != nil {
		return err
	}
	m, err := modelfile.Open(path)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open model %q", c.Model), Err: err, Hint: "give a model's name, a GGUF file or a folder of safetensors"}
	}
	defer m.Close()
	switch {
	case manifest != nil:
		m.Digest = manifest.Digest
	case a.BaseDigest != "" || c.Bind:
		if m.Digest, err = modelstore.Digest(s.ctx, path, lateBar(s.stderr, "taking the model's digest", progressbar.OptionShowBytes(true))); err != nil {
			return err
		}
	}
	err = a.Fits(m)
	fits := err == nil
	if doc.Fits = &fits; !fits {
		doc.Why = err.Error()
	}
	if c.Out == "" {
		return nil
	}
	if !c.Bind && a.BaseDigest == "" {
		m.Digest = "" // it would be written
	}
	if err := c.write(a, m); err != nil {
		return err
	}
	doc.Out = c.Out
	return nil
}

func (c *modelAdapterCmd) write(a *adapter.Adapter, m *modelfile.Model) error {
	kind, err := quant.Parse(c.Type)
	if err != nil {
		return err
	}
	save := adapter.SavePEFT
	if strings.HasSuffix(strings.ToLower(c.Out), ".gguf") {
		save = adapter.SaveGGUF
	}
	err = save(c.Out, a, m, adapter.Meta{Base: c.Base, Type: kind})
	if err == nil {
		return nil
	}
	e := &casemate.Error{Code: casemate.CodeInput, Message: "write the adapter", Err: err}
	switch {
	case errors.Is(err, adapter.ErrDecomposed):
		e.Hint = "give a folder as --out, or merge it: casemate model merge"
	case errors.Is(err, fs.ErrExist):
		e.Hint = "an adapter is not written over another: give a new folder"
	case errors.Is(err, adapter.ErrFit), errors.Is(err, adapter.ErrBase):
		e.Hint = "give the base that it was trained on"
	}
	return e
}

func (d *shownAdapter) print(w io.Writer) {
	kind := "LoRA"
	if d.Decomposed {
		kind = "DoRA"
	}
	if d.Stabilised {
		kind += ", rank-stabilised"
	}
	fmt.Fprintf(w, "%s: %s of rank %s on %d matrices (%s), %s numbers\n", report.Terminal(d.Path), kind,
		strings.Trim(fmt.Sprint(d.Ranks), "[]"), d.Matrices, strings.Join(d.Targets, ", "), phrase.Number(d.Numbers))
	fmt.Fprintln(w, "digest:", d.Digest)
	if d.Base != "" {
		fmt.Fprintln(w, "base:", report.Terminal(d.Base))
	}
	if d.BaseDigest != "" {
		fmt.Fprintln(w, "bound to:", d.BaseDigest)
	}
	switch {
	case d.Fits == nil:
	case *d.Fits:
		fmt.Fprintln(w, "it fits the model")
	default:
		fmt.Fprintln(w, "it does not fit:", report.Terminal(d.Why))
	}
	if d.Out != "" {
		fmt.Fprintln(w, "written:", report.Terminal(d.Out))
	}
}
