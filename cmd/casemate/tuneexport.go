package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/cluster"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type tuneExportCmd struct {
	dataFlag
	tableFlags
	Trainer string `required:"" enum:"axolotl,torchtune" placeholder:"axolotl|torchtune" help:"The program that trains on the cluster."`
	Model   string `required:"" short:"m" placeholder:"NAME|PATH" help:"The base model as it is here: the adapter will be bound to it."`
	Out     string `required:"" placeholder:"DIR" help:"The new folder to write the job to."`
	Name    string `placeholder:"NAME" help:"The name of the adapter that will come back; default: made of the file's."`
	Base    string `placeholder:"PATH|NAME" help:"Where the cluster has the same model as safetensors; default: the model's own folder, if it is one."`

	GPUs     int      `name:"gpus" default:"1" placeholder:"N" help:"How many GPUs, on all machines together; default: 1."`
	Machines int      `default:"1" placeholder:"N" help:"How many machines; default: 1."`
	Rank     int      `default:"16" placeholder:"N" help:"Rank of the adapter; default: 16."`
	Alpha    float64  `placeholder:"X" help:"Scale times rank; default: twice the rank."`
	Targets  []string `placeholder:"NAME,…" help:"Matrices to adapt: of q, k, v, o, gate, up and down; default: all."`
	Dropout  float64  `placeholder:"X" help:"The share of a target's inputs that are left out while training; default: 0."`
	RSLoRA   bool     `name:"rslora" help:"Scale by the root of the rank; axolotl alone."`
	DoRA     bool     `name:"dora" help:"Learn magnitudes apart from directions; axolotl alone."`
	QLoRA    bool     `name:"qlora" help:"Keep the base in 4 bits while training, to need less memory."`
	Rate     float64  `default:"0.0002" placeholder:"X" help:"The largest learning rate; default: 0.0002."`
	Epochs   int      `default:"3" placeholder:"N" help:"How often each row is learnt from; default: 3."`
	Batch    int      `default:"16" placeholder:"N" help:"Rows of a step, on all GPUs together; default: 16."`
	Length   int      `placeholder:"N" help:"Tokens that a row may have; default: the model's context, 4096 at most."`

	Instruction string   `placeholder:"TEXT" help:"Labelled texts: what is asked of each; default: to classify it."`
	Allow       []string `placeholder:"CODE,…" help:"Go on in spite of these findings of casemate tune check."`
	Seed        uint64   `default:"1" placeholder:"N" help:"Of the division of the rows and of the training; default: 1."`
	JSON        bool     `help:"Print one JSON document."`
}

// exported is what `tune export --json` prints.
type exported struct {
	Out     string       `json:"out"`
	Job     *cluster.Job `json:"job"`
	LeftOut []leftOutRow `json:"left_out,omitempty"`
}

// leftOutRow is a row that is not in the job, and why.
type leftOutRow struct {
	Row    int    `json:"row"`
	Reason string `json:"reason"`
}

// Run writes the job.
func (c *tuneExportCmd) Run(s *streams) error {
	if c.Name == "" {
		c.Name = tune.NameOf(c.Rows[0])
	}
	if err := registry.CheckName(c.Name); err != nil {
		return err
	}
	table, err := c.read(s)
	if err != nil {
		return err
	}
	parts, err := c.divide(s, table)
	if err != nil {
		return err
	}
	job := &cluster.Job{Trainer: cluster.Trainer(c.Trainer), Name: c.Name, Created: time.Now().UTC().Truncate(time.Second), Program: version}
	special, err := c.base(s, &job.Base)
	if err != nil {
		return err
	}
	job.Data.Columns = cluster.Columns{Text: c.Text, Label: c.Label, Group: c.Group}
	job.Data.Instruction, job.Data.Seed = c.Instruction, c.Seed
	job.Settings = cluster.Settings{Rank: c.Rank, Alpha: c.Alpha, Dropout: c.Dropout, Targets: c.Targets, Stabilised: c.RSLoRA, Decomposed: c.DoRA,
		Quantised: c.QLoRA, Rate: c.Rate, Epochs: c.Epochs, Length: c.Length, Batch: c.Batch, GPUs: c.GPUs, Machines: c.Machines, Packing: true, Seed: c.Seed}
	skipped, err := cluster.Export(c.Out, job, table, parts, special)
	if err != nil {
		return c.explain(err)
	}
	out := exported{Out: c.Out, Job: job}
	for _, p := range skipped {
		out.LeftOut = append(out.LeftOut, leftOutRow{p.Number, p.Reason})
	}
	if c.JSON {
		return writeJSON(s.stdout, out, true)
	}
	out.print(s)
	return nil
}

// divide checks the rows and gives them to parts, as tune train does.
func (c *tuneExportCmd) divide(s *streams, t *dataset.Table) (split.Split, error) {
	group, err := split.Find(s.ctx, t, split.FindOptions{Column: c.Group})
	if err != nil {
		return split.Split{}, err
	}
	if err := checkRows(s, t, group, c.Allow, c.Seed); err != nil {
		return split.Split{}, err
	}
	return split.Make(t, group, split.Options{Seed: c.Seed})
}

// checkRows refuses rows that would give a false result, unless allow names what
// is found.
func checkRows(s *streams, t *dataset.Table, group split.Grouping, allow []string, seed uint64) error {
	r, err := inspect.Check(s.ctx, t, group, inspect.Options{Allow: allow, Seed: seed, Quick: true})
	if err != nil {
		return err
	}
	refused := r.Refused()
	if len(refused) == 0 {
		return nil
	}
	var codes []string
	for _, f := range refused {
		codes = append(codes, f.Code)
	}
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("%s: %s", refused[0].Code, refused[0].Message),
		Hint: fmt.Sprintf("casemate tune check tells what to do; --allow %s goes on in spite of it", strings.Join(codes, ","))}
}

// base describes the base, and returns what its tokenizer would take for special
// tokens.
func (c *tuneExportCmd) base(s *streams, b *cluster.Base) ([]string, error) {
	path, manifest, err := c.resolveModel(c.Model)
	if err != nil {
		return nil, err
	}
	m, err := modelfile.Open(path)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open model %q", c.Model), Err: err, Hint: "give a model's name, a GGUF file or a folder of safetensors"}
	}
	defer m.Close()
	describeBase(b, m)
	if b.Name = c.Model; manifest != nil {
		b.Name, b.Digest = manifest.Name, manifest.Digest
	} else if b.Digest, err = modelstore.Digest(s.ctx, path, lateBar(s.stderr, "taking the model's digest", progressbar.OptionShowBytes(true))); err != nil {
		return nil, err
	}
	switch {
	case c.Base != "":
		b.At = c.Base
	case m.Format == "safetensors":
		if b.At, err = filepath.Abs(path); err != nil {
			return nil, err
		}
	default:
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--base is missing: %q is a GGUF file, which no trainer reads", c.Model),
			Hint: "say where the cluster has the same model as a folder of safetensors, or its name on a hub"}
	}
	tok, err := tokenizer.New(m.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("read the tokenizer: %w", err)
	}
	var special []string
	for id := range tok.Size() {
		if text := tok.Text(id); tok.IsControl(id) && text != "" {
			special = append(special, text)
		}
	}
	return special, nil
}

// describeBase fills in a model's shape.
func describeBase(b *cluster.Base, m *modelfile.Model) {
	o := m.Config
	b.Architecture, b.Layers, b.Width, b.Heads, b.KVHeads, b.HeadSize = o.Architecture, o.Layers, o.Width, o.Heads, o.KVHeads, o.HeadSize
	b.FeedForward, b.Vocabulary, b.Context, b.Window = o.FeedForward, o.Vocabulary, o.Context, o.SlidingWindow
	b.NormEpsilon, b.RoPEBase, b.RoPEScaling, b.RoPEFactor = o.NormEpsilon, o.RoPE.Base, string(o.RoPE.Scaling), o.RoPE.Factor
	b.Tied = m.Tensor("output.weight") == nil
	// GGUF files of Llama 3.1 and later have the divisors of the frequencies in
	// place of the scaling; the largest is its factor.
	if t := m.Tensor("rope_freqs.weight"); t != nil && b.RoPEScaling == "" && len(t.Shape) == 1 {
		divisors := make([]float32, t.Shape[0])
		quant.Dequantize(divisors, t.Type, t.Data)
		b.RoPEScaling, b.RoPEFactor = string(modelfile.ScalingLlama3), float64(slices.Max(divisors))
	}
}

// explain says what to try.
func (c *tuneExportCmd) explain(err error) error {
	e := &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("write a job for %s", c.Trainer), Err: err}
	switch {
	case errors.Is(err, cluster.ErrTrainer):
		e.Hint = "take --trainer axolotl, or other settings"
	case errors.Is(err, fs.ErrExist):
		e.Hint = "a job is not written over another: give a new folder"
	default:
		e.Code = casemate.CodeUsage
	}
	return e
}

func (e *exported) print(s *streams) {
	j := e.Job
	fmt.Fprintf(s.stdout, "%s: a job for %s, adapter %q of rank %d on %s\n", report.Terminal(e.Out), j.Trainer, j.Name, j.Settings.Rank, strings.Join(j.Settings.Targets, ", "))
	fmt.Fprintf(s.stdout, "base %s, %.23s, on the cluster %s\n", report.Terminal(j.Base.Name), j.Base.Digest, report.Terminal(j.Base.At))
	fmt.Fprintf(s.stdout, "%s to learn from, %s to validate by; %s are kept here for the test\n", phrase.Count(j.Data.Train, "row"), phrase.Count(j.Data.Validation, "row"), phrase.Number(int64(j.Data.Test)))
	if len(e.LeftOut) > 0 {
		fmt.Fprintf(s.stdout, "%s left out, the first row %d: %s\n", phrase.Count(len(e.LeftOut), "row"), e.LeftOut[0].Row, e.LeftOut[0].Reason)
	}
	fmt.Fprintf(s.stdout, "on the cluster: sh %s; then here: casemate tune import OUTPUT --job %s --rows DATA\n", cluster.LaunchFile, report.Terminal(e.Out))
}
