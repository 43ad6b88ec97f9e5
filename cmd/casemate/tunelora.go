package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/instruct"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/train"
)

type tuneLoraCmd struct {
	dataFlag
	trainFlags
	Rows  []string `arg:"" name:"data" help:"Rows to learn from: CSV, TSV, JSON lines or Parquet, with messages, prompt and completion, prompt, chosen and rejected, or text and label."`
	Model string   `required:"" short:"m" placeholder:"NAME|PATH" help:"The base model, which stays as it is: of any number format."`
	Out   string   `required:"" placeholder:"DIR" help:"The folder to write the adapter to, and checkpoints while it is trained."`

	Rank    int      `default:"8" placeholder:"N" help:"Rank of the adapter; default: 8."`
	Alpha   float64  `placeholder:"X" help:"Scale times rank; default: twice the rank."`
	Targets []string `default:"q,v" placeholder:"NAME,…" help:"Matrices to adapt: of q, k, v, o, gate, up and down, or all. Default: q,v."`
	Dropout float64  `placeholder:"X" help:"The share of a target's inputs that are left out while training; default: 0."`
	RSLoRA  bool     `name:"rslora" help:"Scale by the root of the rank (rank-stabilised LoRA)."`
	DoRA    bool     `name:"dora" help:"Learn magnitudes apart from directions (DoRA)."`

	DPOBeta     float64  `name:"dpo-beta" default:"0.1" placeholder:"X" help:"Preferences: how strongly the model is held to what it was. Default: 0.1."`
	DPOSmooth   float64  `name:"dpo-smoothing" placeholder:"X" help:"Preferences: the share of pairs that is taken to be the wrong way round. Default: 0."`
	Allow       []string `placeholder:"CODE,…" help:"Go on in spite of these findings of casemate tune check."`
	Instruction string   `placeholder:"TEXT" help:"Labelled texts: what is asked of each; default: to classify it."`

	Length   int      `placeholder:"N" help:"Tokens of a row, into which short rows of the data are packed; default: as many as eight of them have, 1024 or the longest at most."`
	SkipLong bool     `help:"Leave rows out that are longer, and say how many; otherwise they are an error."`
	Epochs   int      `default:"3" placeholder:"N" help:"How often each row is learnt from; default: 3."`
	Batch    int      `placeholder:"N" help:"Packed rows that go through the model together; default: as many as eight rows of the data fill."`
	Rate     *float64 `placeholder:"X" help:"The largest learning rate; default: 0.0002, or 0.00002 for preferences."`

	Validation float64 `default:"0.1" placeholder:"X" help:"The share of rows that is kept to validate by, unless the data say it; 0 is none. Default: 0.1."`
	Resume     bool    `help:"Only go on with a run that was broken off in --out. Without it, too, a run of the same data and options goes on."`
	JSON       bool    `help:"Print one JSON document."`
}

// loraSettings are what an adapter's bytes depend on beside the plan.
type loraSettings struct {
	Rank        int      `json:"rank"`
	Alpha       float64  `json:"alpha"`
	Targets     []string `json:"targets"`
	Dropout     float64  `json:"dropout"`
	Stabilised  bool     `json:"rslora"`
	Decomposed  bool     `json:"dora"`
	Beta        float64  `json:"dpo_beta,omitempty"`
	Smoothing   float64  `json:"dpo_smoothing,omitempty"`
	Length      int      `json:"length"`
	SkipLong    bool     `json:"skip_long"`
	BF16        bool     `json:"bf16"`
	Template    string   `json:"template"`
	Instruction string   `json:"instruction,omitempty"`
	Allowed     []string `json:"allowed,omitempty"` // findings in the rows
}

// Run trains and writes the adapter.
func (c *tuneLoraCmd) Run(s *streams) error {
	if err := c.check(); err != nil {
		return err
	}
	j := &loraJob{c: c, s: s}
	defer j.close()
	if err := j.prepare(); err != nil {
		return err
	}
	out, err := j.run()
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, out, true)
	}
	out.print(s.stdout)
	return nil
}

// check refuses what cannot be, and fills in what is left open.
func (c *tuneLoraCmd) check() error {
	if len(c.Targets) == 1 && c.Targets[0] == "all" {
		c.Targets = []string{"q", "k", "v", "o", "gate", "up", "down"}
	}
	c.Alpha = cmp.Or(c.Alpha, float64(2*c.Rank))
	if c.Length < 0 || c.Batch < 0 || !(c.Validation >= 0 && c.Validation < 1) || c.Rank < 1 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "--length and --batch cannot be negative, --rank is 1 or more, --validation 0 to below 1", Hint: "leave them out for what suits most"}
	}
	_, err := os.Stat(filepath.Join(c.Out, "run.json"))
	for _, name := range adapterFiles {
		if _, there := os.Lstat(filepath.Join(c.Out, name)); there == nil && err != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%q holds an adapter that no run there has made", c.Out), Hint: "give another folder"}
		}
	}
	if c.Resume && err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%q holds no run to go on with", c.Out), Hint: "leave --resume out to begin one"}
	}
	return nil
}

// loraJob is a run of the command.
type loraJob struct {
	c          *tuneLoraCmd
	s          *streams
	base       *modelfile.Model
	name       string // of the base
	table      *dataset.Table
	writer     *instruct.Writer
	rows       instructRows
	options    train.Options
	learnRows  []int
	tryRows    []int
	preference bool
}

// instructRows are rows in the model's tokens.
type instructRows struct {
	learn, try           *train.Packed
	learnPairs, tryPairs []train.Pair
	examples, skipped    int
}

func (j *loraJob) close() {
	if j.base != nil {
		j.base.Close() // nothing was written to it
	}
}

// prepare reads everything and plans the run.
func (j *loraJob) prepare() error {
	c := j.c
	digest, err := j.open()
	if err != nil {
		return err
	}
	if j.table, err = dataset.Read(j.s.ctx, c.Rows, dataset.Options{}); err != nil {
		return err
	}
	j.preference = j.table.Kind == dataset.KindPreference
	if err := j.divide(); err != nil {
		return err
	}
	if err := j.write(); err != nil {
		return err
	}
	manifest, d, examples := j.manifest(digest)
	plan, err := c.plan(examples, c.Epochs, c.Batch, c.Rate, d)
	if err != nil {
		return err
	}
	j.options = train.Options{Plan: plan, Dir: c.Out, Manifest: manifest, Note: trainNotes(j.s.stderr)}
	return nil
}

// manifest says what the run is made of, with how many examples it has and what
// suits them.
func (j *loraJob) manifest(base string) (m train.Manifest, d trainDefaults, examples int) {
	c := j.c
	settings := loraSettings{
		Rank: c.Rank, Alpha: c.Alpha, Targets: c.Targets, Dropout: c.Dropout, Stabilised: c.RSLoRA, Decomposed: c.DoRA,
		Length: c.Length, SkipLong: c.SkipLong, BF16: c.BF16, Template: j.writer.Kind(), Instruction: c.Instruction, Allowed: c.Allow,
	}
	m = train.Manifest{Version: version, Base: base}
	if j.preference {
		m.Kind, d, examples = "preference", trainDefaults{rate: 2e-5}, len(j.rows.learnPairs)
		settings.Beta, settings.Smoothing = c.DPOBeta, c.DPOSmooth
		m.Examples = train.DigestRows(pairRows(j.rows.learnPairs), pairRows(j.rows.tryPairs))
	} else {
		m.Kind, d, examples = "lora", trainDefaults{rate: 2e-4}, len(j.rows.learn.Rows)
		m.Examples = train.DigestRows(j.rows.learn.Rows, j.rows.try.Rows)
	}
	m.Settings = settings
	for _, f := range j.table.Files {
		m.Data = append(m.Data, train.Source{Name: filepath.Base(f.Path), Digest: f.Digest, Rows: f.Rows})
	}
	return m, d, examples
}

// open opens the base and returns its digest.
func (j *loraJob) open() (digest string, err error) {
	path, m, err := j.c.resolveModel(j.c.Model)
	if err != nil {
		return "", err
	}
	if j.base, err = modelfile.Open(path); err != nil {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open model %q", j.c.Model), Err: err, Hint: "give a model's name, a GGUF file or a folder of safetensors"}
	}
	if m != nil {
		j.name, digest = m.Name, m.Digest
	} else if digest, err = modelstore.Digest(j.s.ctx, path, lateBar(j.s.stderr, "taking the model's digest", progressbar.OptionShowBytes(true))); err != nil {
		return "", err
	}
	j.base.Digest = digest
	if j.writer, err = instruct.New(j.base.ChatTemplate, j.base.Tokenizer); err != nil {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read the tokenizer or template of %q", j.c.Model), Err: err, Hint: "docs/tokenizer.md and docs/chat.md say which are supported"}
	}
	return digest, nil
}

// minDivided is from how many rows on some are kept to validate by.
const minDivided = 20

// divide gives rows to training and validation: as the data say, else by groups.
// Rows that the data keep for a test are not looked at.
func (j *loraJob) divide() error {
	j.learnRows, j.tryRows = []int{}, []int{} // not nil, which would be all
	grouping, err := split.Find(j.s.ctx, j.table, split.FindOptions{})
	if err != nil {
		return err
	}
	// Nothing is tested here, so that too few rows for it are no fault.
	allow := append([]string{"few-rows", "small-classes"}, j.c.Allow...)
	if err := checkRows(j.s, j.table, grouping, allow, j.c.Seed); err != nil {
		return err
	}
	if j.c.Validation == 0 || len(j.table.Rows) < minDivided {
		for i, r := range j.table.Rows {
			if r.Part != dataset.PartTest && r.Part != dataset.PartValidation {
				j.learnRows = append(j.learnRows, i)
			}
		}
		return nil
	}
	parts, err := split.Make(j.table, grouping, split.Options{Validation: j.c.Validation, Seed: j.c.Seed})
	if err != nil {
		return err
	}
	j.learnRows, j.tryRows = append(j.learnRows, parts.Train...), append(j.tryRows, parts.Validation...)
	for _, i := range parts.Test { // tune train measures; here only what the data keep is kept
		if j.table.Rows[i].Part != dataset.PartTest {
			j.learnRows = append(j.learnRows, i)
		}
	}
	slices.Sort(j.learnRows)
	return nil
}

// write turns rows into the model's tokens.
func (j *loraJob) write() error {
	learn, err := j.writer.Rows(j.table, j.learnRows, j.c.Instruction)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("learn from %q", j.table.Path), Err: err, Hint: "give conversations, prompts with answers, preferences, or texts with labels"}
	}
	try, err := j.writer.Rows(j.table, j.tryRows, j.c.Instruction)
	if err != nil {
		return err
	}
	batch := j.c.Batch // as asked: size changes it
	j.rows.skipped = j.table.SkippedRows + len(learn.Skipped) + len(try.Skipped)
	j.size(append(lengths(learn), lengths(try)...))
	if j.preference {
		j.c.Batch = cmp.Or(batch, together)
		err = j.pairs(learn, try)
	} else {
		err = j.pack(learn, try)
	}
	if err != nil {
		return err
	}
	if j.rows.examples == 0 {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("%q has no row to learn from", j.table.Path), Hint: "casemate tune check tells what is wrong with each"}
	}
	return nil
}

// together is how many rows of the data a step learns from by default.
const together = 8

// size chooses the tokens of a row, and how many rows a batch has, unless a
// person has.
func (j *loraJob) size(lengths []int) {
	c, most, sum := j.c, 0, 0
	for _, n := range lengths {
		most, sum = max(most, n), sum+n
	}
	mean := max(1, sum/max(1, len(lengths)))
	context := j.base.Config.Context
	if c.Length == 0 {
		c.Length = min(max(most, min(together*mean, defaultRow)), context)
	}
	c.Length = min(c.Length, context)
	if c.Batch == 0 {
		c.Batch = max(1, together/max(1, c.Length/mean))
	}
}

// defaultRow is the length of packed rows, unless there are few or long ones.
const defaultRow = 1024

// lengths are those of examples as the model reads them.
func lengths(x *instruct.Examples) []int {
	var all []int
	for _, e := range x.Examples {
		all = append(all, len(e.Tokens)-1)
	}
	for _, p := range x.Pairs {
		all = append(all, p.Tokens()-1)
	}
	return all
}

// pack packs conversations into rows.
func (j *loraJob) pack(learn, try *instruct.Examples) (err error) {
	o := train.PackOptions{Length: j.c.Length, SkipLong: j.c.SkipLong}
	if j.rows.learn, err = train.Pack(learn.Examples, o); err != nil {
		return j.tooLong(err, learn.Of)
	}
	if j.rows.try, err = train.Pack(try.Examples, o); err != nil {
		return j.tooLong(err, try.Of)
	}
	j.rows.examples = len(learn.Examples) - len(j.rows.learn.Long)
	j.rows.skipped += len(j.rows.learn.Long) + len(j.rows.try.Long)
	return nil
}

// tooLong says which row of the data is too long.
func (j *loraJob) tooLong(err error, of []int) error {
	var long *train.TooLongError
	if !errors.As(err, &long) {
		return err
	}
	row := j.table.Rows[of[long.Example]]
	return &casemate.Error{
		Code: casemate.CodeInput, Message: fmt.Sprintf("row %d has %d tokens, more than the %d of a row", row.Number, long.Tokens, long.Length),
		Hint: fmt.Sprintf("give a larger --length (the model's context is %d), or leave such rows out with --skip-long", j.base.Config.Context),
	}
}

// pairs turns pairs into sequences; those that are too long are refused or counted.
func (j *loraJob) pairs(learn, try *instruct.Examples) error {
	take := func(x *instruct.Examples) (all []train.Pair, err error) {
		for i, p := range x.Pairs {
			if n := p.Tokens() - 1; n > j.c.Length {
				if !j.c.SkipLong {
					return nil, j.tooLong(&train.TooLongError{Example: i, Tokens: n, Length: j.c.Length}, x.Of)
				}
				j.rows.skipped++
				continue
			}
			all = append(all, train.Pair{Chosen: p.Chosen.Sequence(), Rejected: p.Rejected.Sequence()})
		}
		return all, nil
	}
	var err error
	if j.rows.learnPairs, err = take(learn); err != nil {
		return err
	}
	j.rows.tryPairs, err = take(try)
	j.rows.examples = len(j.rows.learnPairs)
	return err
}

// pairRows are the sequences of pairs.
func pairRows(pairs []train.Pair) []gradient.Sequence {
	var all []gradient.Sequence
	for _, p := range pairs {
		all = append(all, p.Chosen, p.Rejected)
	}
	return all
}

// load makes the model that is trained.
func (j *loraJob) load() (*gradient.Model, error) {
	c := j.c
	o := gradient.Options{
		Threads: c.Threads, Checkpoint: c.Recompute, BF16: c.BF16,
		LoRA: &gradient.LoRA{Rank: c.Rank, Alpha: c.Alpha, Dropout: c.Dropout, Targets: c.Targets, Stabilised: c.RSLoRA, Decomposed: c.DoRA, Seed: c.Seed},
	}
	if err := c.foresee(j.base, o, c.Length); err != nil {
		return nil, err
	}
	m, err := gradient.Load(j.base, o)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("load model %q for training", c.Model), Err: err, Hint: "casemate model show tells what it is; --rank and --targets say what is adapted"}
	}
	return m, nil
}

// task is what is learnt.
func (j *loraJob) task(m *gradient.Model) (train.Task, error) {
	if !j.preference {
		return train.Tokens(m, j.rows.learn.Rows, j.rows.try.Rows), nil
	}
	t, err := train.Preferences(m, j.rows.learnPairs, j.rows.tryPairs, train.PreferenceOptions{Beta: j.c.DPOBeta, Smoothing: j.c.DPOSmooth})
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "plan the training", Err: err, Hint: "--dpo-beta is above 0, --dpo-smoothing 0 to below 0.5"}
	}
	return t, nil
}

// run trains, or finds that it was done.
func (j *loraJob) run() (trained, error) {
	done, err := j.options.Finished()
	if err != nil {
		return trained{}, err
	}
	if done != nil {
		if have, err := adapter.Load(j.c.Out); err == nil && have.Digest == done.Output {
			t := newTrained(j.c.Out, done)
			t.Already = true
			return t, nil
		}
	}
	m, err := j.load()
	if err != nil {
		return trained{}, err
	}
	defer m.Close()
	parameters := int64(0)
	for _, p := range m.Parameters() {
		parameters += int64(len(p.Value))
	}
	j.options.Result = 4 * parameters
	task, err := j.task(m)
	if err != nil {
		return trained{}, err
	}
	update, end := trainBar(j.s.stderr)
	j.options.Progress = update
	r, err := train.Run(j.s.ctx, m, task, j.options)
	end()
	if err != nil {
		return trained{}, err
	}
	digest, err := j.save(m)
	if err != nil {
		return trained{}, err
	}
	if done, err = j.options.Finish(r, digest); err != nil {
		return trained{}, err
	}
	t := newTrained(j.c.Out, done)
	t.Parameters, t.Resumed, t.Examples, t.Skipped = parameters, r.Resumed, j.rows.examples, j.rows.skipped
	t.Validation, t.preference = len(j.tryRows), j.preference
	return t, nil
}

// adapterFiles are those of a PEFT folder.
var adapterFiles = []string{"adapter_config.json", "adapter_model.safetensors"}

// save writes the adapter, in the place of one that a run with the same manifest
// has left there, and returns its digest.
func (j *loraJob) save(m *gradient.Model) (string, error) {
	for _, name := range adapterFiles {
		path := filepath.Join(j.c.Out, name)
		if err := files.Sweep(path); err != nil { // of a run that was killed as it wrote
			return "", err
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	a := adapter.New(j.base, m.Deltas())
	a.Stabilised = j.c.RSLoRA
	name := cmp.Or(j.base.Config.Name, j.name, strings.TrimSuffix(filepath.Base(j.c.Model), filepath.Ext(j.c.Model)))
	if err := adapter.SavePEFT(j.c.Out, a, j.base, adapter.Meta{Base: name, Dropout: j.c.Dropout}); err != nil {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("write the adapter to %q", j.c.Out), Err: err, Hint: "give a folder that can be written; the same command goes on from there"}
	}
	have, err := adapter.Load(j.c.Out)
	if err != nil {
		return "", err
	}
	return have.Digest, nil
}
