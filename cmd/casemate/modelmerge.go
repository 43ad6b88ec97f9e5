package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/merge"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/quantize"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type modelMergeCmd struct {
	dataFlag
	Model     string `required:"" short:"m" placeholder:"NAME|PATH" help:"The base: a model of the store, a GGUF file or a folder of safetensors."`
	Adapter   string `required:"" placeholder:"PATH" help:"The LoRA adapter: a PEFT folder or a GGUF file."`
	Out       string `required:"" placeholder:"FILE" help:"The GGUF file to write; it appears when it is whole."`
	Type      string `default:"F16" placeholder:"MIXTURE" help:"How many bits the weights get, as in model quantize; default: F16."`
	Prompts   string `placeholder:"FILE" help:"Texts to measure the difference on, one a line; default: ten that are built in."`
	NoCompare bool   `help:"Do not measure how far the file is from the base with its adapter."`
	Threads   int    `placeholder:"N" help:"How many processors to use; default: all. The file does not depend on it."`
	JSON      bool   `help:"Print one JSON document."`
}

// maxPrompts bounds the file of texts, in bytes.
const maxPrompts = 1 << 20

// mergedModel is what `model merge --json` prints.
type mergedModel struct {
	quantizedModel
	Base    string         `json:"base"`
	Digest  string         `json:"base_digest,omitempty"`
	Adapter string         `json:"adapter_digest"`
	Compare *mergeCompared `json:"compare,omitempty"`
	report  *quantize.Report
}

// mergeCompared is the difference before and after.
type mergeCompared struct {
	Texts int `json:"texts"`
	// Merged is the file against the base with its adapter at run time.
	Merged merge.Difference `json:"merged"`
	// Adapter is the base with its adapter against the base alone.
	Adapter merge.Difference `json:"adapter"`
	// Quantised is the base in the file's number formats against the base as it
	// is; nil where the formats lose nothing, or where it was not measured.
	Quantised *merge.Difference `json:"quantised_base,omitempty"`
	Note      string            `json:"note,omitempty"`
}

// Run merges, and prints what became of the sizes and of the answers.
func (c *modelMergeCmd) Run(s *streams) error {
	mixture, err := quantize.Parse(c.Type)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--type: %v", err), Hint: "F16 keeps all; Q4_K_M suits most machines"}
	}
	if c.Threads < 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "--threads cannot be negative", Hint: "leave it out for all processors"}
	}
	a, err := adapter.Load(c.Adapter)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("use adapter %q", c.Adapter), Err: err, Hint: "docs/formats/adapters.md says what is read"}
	}
	m, err := c.base(s, a)
	if err != nil {
		return err
	}
	defer m.Close()
	texts, err := c.texts(m)
	if err != nil {
		return err
	}
	bar := newCountBar(s.stderr, "merging")
	r, err := merge.Write(s.ctx, m, a, c.Out, merge.Options{Mixture: mixture, Threads: c.Threads, Progress: bar.update})
	bar.done()
	if err != nil {
		return c.explain(err)
	}
	doc := mergedModel{quantizedModel: (&modelQuantizeCmd{Out: c.Out}).listed(r), Base: c.Model, Digest: m.Digest, Adapter: a.Digest, report: r}
	if !c.NoCompare {
		if doc.Compare, err = c.compare(s, m, a, mixture, texts); err != nil {
			return fmt.Errorf("measure the merged model: %w", err)
		}
	}
	if c.JSON {
		return writeJSON(s.stdout, doc, true)
	}
	doc.print(s.stdout)
	return nil
}

// base opens the base. Its digest is taken where the adapter asks for it and the
// store does not know it.
func (c *modelMergeCmd) base(s *streams, a *adapter.Adapter) (*modelfile.Model, error) {
	path, manifest, err := c.resolveModel(c.Model)
	if err != nil {
		return nil, err
	}
	digest := ""
	switch {
	case manifest != nil:
		digest = manifest.Digest
	case a.BaseDigest != "":
		if digest, err = modelstore.Digest(s.ctx, path, lateBar(s.stderr, "taking the model's digest", progressbar.OptionShowBytes(true))); err != nil {
			return nil, err
		}
	}
	m, err := modelfile.Open(path)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open model %q", c.Model), Err: err, Hint: "give a model's name, a GGUF file or a folder of safetensors"}
	}
	m.Digest = digest
	return m, nil
}

// explain says what to try.
func (c *modelMergeCmd) explain(err error) error {
	e := &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("merge %q into %q", c.Adapter, c.Model), Err: err}
	var space *quantize.SpaceError
	switch {
	case errors.Is(err, adapter.ErrFit), errors.Is(err, adapter.ErrBase):
		e.Hint = "an adapter fits the base that it was trained on"
	case errors.As(err, &space):
		e.Hint = "write to another disk (--out), or take a smaller --type"
	}
	return e
}

// texts returns the tokens of the texts to measure on.
func (c *modelMergeCmd) texts(m *modelfile.Model) ([][]int, error) {
	if c.NoCompare {
		return nil, nil
	}
	lines := merge.Texts()
	if c.Prompts != "" {
		var err error
		if lines, err = readLines(c.Prompts); err != nil {
			return nil, &casemate.Error{Code: casemate.CodeInput, Message: "read --prompts", Err: err, Hint: "give a file with one text a line"}
		}
	}
	tok, err := tokenizer.New(m.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("read the tokenizer: %w", err)
	}
	var out [][]int
	spec := tok.Spec()
	for i, line := range lines {
		var ids []int
		if spec.AddBOS && spec.BOS != tokenizer.None {
			ids = append(ids, spec.BOS)
		}
		if ids = append(ids, tok.Encode(line)...); len(ids) < 2 || len(ids) > m.Config.Context {
			return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("text %d has %d tokens: want 2 to %d", i+1, len(ids), m.Config.Context), Hint: "nothing is cut: leave it out or divide it"}
		}
		out = append(out, ids)
	}
	return out, nil
}

// readLines returns the lines of a file that are not blank.
func readLines(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []string
	scan := bufio.NewScanner(io.LimitReader(f, maxPrompts+1))
	scan.Buffer(nil, maxPrompts)
	read := 0
	for scan.Scan() {
		if read += len(scan.Bytes()) + 1; read > maxPrompts {
			return nil, fmt.Errorf("it has more than %d bytes", maxPrompts)
		}
		if line := strings.TrimSpace(scan.Text()); line != "" {
			lines = append(lines, line)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return nil, errors.New("it holds no text")
	}
	return lines, nil
}

// compare measures, one model in memory at a time.
func (c *modelMergeCmd) compare(s *streams, m *modelfile.Model, a *adapter.Adapter, mixture quantize.Mixture, texts [][]int) (*mergeCompared, error) {
	out := &mergeCompared{Texts: len(texts)}
	var with, without *merge.Reference
	err := c.running(s, m, func(l *llama.Model) error {
		x, err := l.NewAdapter(a)
		if err != nil {
			return err
		}
		defer x.Close()
		if without, err = merge.NewReference(s.ctx, l, nil, texts); err != nil {
			return err
		}
		if with, err = merge.NewReference(s.ctx, l, x, texts); err != nil {
			return err
		}
		out.Adapter, err = without.To(with)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := c.against(s, c.Out, with, &out.Merged); err != nil {
		return nil, err
	}
	if !loses(m, mixture) {
		return out, nil
	}
	out.Quantised = &merge.Difference{}
	var space *quantize.SpaceError
	if err := c.baseline(s, m, mixture, without, out.Quantised); errors.As(err, &space) {
		out.Quantised, out.Note = nil, fmt.Sprintf("the base was not quantised for comparison: %v", err)
	} else if err != nil {
		return nil, err
	}
	return out, nil
}

// loses says whether a mixture gives some tensor a format that holds less than
// the one it has.
func loses(m *modelfile.Model, mixture quantize.Mixture) bool {
	types, err := mixture.Types(&m.Config, m.Tensors)
	if err != nil {
		return true
	}
	for _, t := range m.Tensors {
		if to := types[t.Name]; to != t.Type && to != quant.F32 {
			return true
		}
	}
	return false
}

// baseline measures what the number formats alone do to the base: it writes the
// base in them beside the merged file, and removes it again.
func (c *modelMergeCmd) baseline(s *streams, m *modelfile.Model, mixture quantize.Mixture, base *merge.Reference, d *merge.Difference) error {
	dir, err := os.MkdirTemp(filepath.Dir(c.Out), filepath.Base(c.Out)+".base-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "base.gguf")
	bar := newCountBar(s.stderr, "quantising the base alone")
	_, err = quantize.Quantize(s.ctx, m, path, quantize.Options{Mixture: mixture, Threads: c.Threads, AllowRequantize: true, Progress: bar.update})
	bar.done()
	if err != nil {
		return err
	}
	return c.against(s, path, base, d)
}

// against measures the model in a file.
func (c *modelMergeCmd) against(s *streams, path string, r *merge.Reference, d *merge.Difference) error {
	m, err := modelfile.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	return c.running(s, m, func(l *llama.Model) (err error) {
		*d, err = r.Against(s.ctx, l, nil)
		return err
	})
}

// running loads a model for as long as use takes.
func (c *modelMergeCmd) running(s *streams, m *modelfile.Model, use func(*llama.Model) error) error {
	l, err := llama.Load(m, llama.Options{Threads: c.Threads, Progress: loadBar(s.stderr)})
	if err != nil {
		return err
	}
	return errors.Join(use(l), l.Close())
}

func (d *mergedModel) print(w io.Writer) {
	printQuantized(w, report.Terminal(d.File), d.report)
	c := d.Compare
	if c == nil {
		return
	}
	fmt.Fprintf(w, "\nlog-probabilities of the next token, %d texts, %d tokens\n", c.Texts, c.Merged.Tokens)
	t := newTable("", "mean diff.", "max diff.", "KL", "same first", "loss before", "after")
	row := func(what string, x *merge.Difference) {
		t.row(what, fmt.Sprintf("%.5f", x.Mean), fmt.Sprintf("%.4f", x.Max), fmt.Sprintf("%.6f", x.Divergence),
			fmt.Sprintf("%.1f %%", 100*x.Agreement), fmt.Sprintf("%.4f", x.Reference), fmt.Sprintf("%.4f", x.Model))
	}
	row("file, against base with adapter", &c.Merged)
	if c.Quantised != nil {
		row(fmt.Sprintf("base as %s, against base", d.Type), c.Quantised)
	}
	row("base with adapter, against base", &c.Adapter)
	t.write(w)
	if c.Note != "" {
		fmt.Fprintln(w, report.Terminal(c.Note))
	}
	if c.Quantised == nil && c.Note == "" {
		fmt.Fprintf(w, "%s loses nothing of the base's numbers.\n", d.Type)
	}
}
