package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelstore"
	"github.com/casemate-ai/casemate/internal/model/quantize"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
	"github.com/casemate-ai/casemate/internal/model/train"
	"github.com/casemate-ai/casemate/internal/model/vocabulary"
)

// maxTrainText bounds the bytes of all texts together: they are held in memory.
const maxTrainText = 2 << 30

// maxTrainLayers and maxTrainSide bound a model from nothing, far beyond any that
// is published: what it would need can then be foreseen without an overflow.
const (
	maxTrainLayers = 1 << 10
	maxTrainSide   = 1 << 20
)

type modelTrainCmd struct {
	dataFlag
	trainFlags
	Texts  []string `arg:"" name:"text" help:"Text files to learn from, each a document."`
	Out    string   `required:"" placeholder:"FILE" help:"The GGUF file to write; it appears when it is whole."`
	RunDir string   `name:"run" placeholder:"DIR" help:"The folder for checkpoints and the run's manifest; default: the name of --out with .run behind it."`
	Model  string   `short:"m" placeholder:"NAME|PATH" help:"Go on from this model, all of whose weights are trained, in place of a new one: F32, F16 or BF16."`

	Tokenizer   string `placeholder:"NAME|PATH" help:"A new model takes this model's vocabulary; default: one is learnt from the texts."`
	Vocabulary  int    `default:"4096" placeholder:"N" help:"Tokens of a vocabulary that is learnt; default: 4096."`
	Layers      int    `default:"6" placeholder:"N" help:"Layers of a new model; default: 6."`
	Width       int    `default:"256" placeholder:"N" help:"Width of a new model; default: 256."`
	Heads       int    `default:"8" placeholder:"N" help:"Query heads of a new model; default: 8."`
	KVHeads     int    `name:"kv-heads" default:"4" placeholder:"N" help:"Key and value heads of a new model; default: 4."`
	FeedForward int    `default:"768" placeholder:"N" help:"Width of a new model's feed-forward layers; default: 768."`
	Context     int    `default:"1024" placeholder:"N" help:"Positions that a new model is made for; default: 1024."`
	Separate    bool   `help:"Give a new model an output matrix apart from its embedding."`

	Length     int      `default:"256" placeholder:"N" help:"Tokens of a row; longer texts are cut into rows. Default: 256."`
	Epochs     int      `default:"1" placeholder:"N" help:"How often each row is learnt from; default: 1."`
	Batch      int      `default:"8" placeholder:"N" help:"Rows that go through the model together; default: 8."`
	Rate       *float64 `placeholder:"X" help:"The largest learning rate; default: 0.001, or 0.00005 with --model."`
	Validation float64  `default:"0.05" placeholder:"X" help:"The share of rows that is kept to validate by; 0 is none. Default: 0.05."`
	Type       string   `default:"F32" placeholder:"MIXTURE" help:"The number format of the result: F32, F16, BF16 or Q8_0. Default: F32."`
	JSON       bool     `help:"Print one JSON document."`
}

// shape is what a new model is like, for the manifest.
type shape struct {
	Config     modelfile.Config
	Separate   bool
	Vocabulary string // digest
	Length     int
	Type       string
	BF16       bool
}

// Run trains and writes the model.
func (c *modelTrainCmd) Run(s *streams) error {
	mixture, err := quantize.Parse(c.Type)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--type: %v", err), Hint: "F32 is what is trained; casemate model quantize makes smaller ones of it"}
	}
	if c.Length < 2 || c.Context < c.Length || !(c.Validation >= 0 && c.Validation < 1) {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "--length is 2 to --context, --validation 0 to below 1", Hint: "leave them out for 256 and 0.05"}
	}
	j := &trainJob{c: c, s: s, mixture: mixture}
	defer j.close()
	if err := j.checkOut(); err != nil {
		return err
	}
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

// trainJob is a run of the command.
type trainJob struct {
	c          *modelTrainCmd
	s          *streams
	mixture    quantize.Mixture
	base       *modelfile.Model // nil for a new model
	from       *modelfile.Model // what the result has but for its tensors
	texts      []string
	sources    []train.Source
	learn, try *train.Packed
	options    train.Options
}

func (j *trainJob) close() {
	if j.base != nil {
		j.base.Close() // nothing was written to it
	}
}

// prepare reads everything and plans the run.
func (j *trainJob) prepare() error {
	c := j.c
	manifest := train.Manifest{Kind: "full", Version: version}
	if err := j.read(); err != nil {
		return err
	}
	manifest.Data = j.sources
	var err error
	if c.Model != "" {
		manifest.Base, err = j.openBase()
	} else {
		err = j.outline()
	}
	if err != nil {
		return err
	}
	if err := j.pack(); err != nil {
		return err
	}
	vocabulary, err := digestJSON(j.from.Tokenizer)
	if err != nil {
		return err
	}
	manifest.Examples = train.DigestRows(j.learn.Rows, j.try.Rows)
	manifest.Settings = shape{j.from.Config, c.Separate, vocabulary, c.Length, string(j.mixture), c.BF16}
	plan, err := c.plan(len(j.learn.Rows), c.Epochs, c.Batch, c.Rate, c.defaults())
	if err != nil {
		return err
	}
	j.options = train.Options{Plan: plan, Dir: c.RunDir, Manifest: manifest, Note: trainNotes(j.s.stderr)}
	if j.options.Dir == "" {
		j.options.Dir = c.Out + ".run"
	}
	return nil
}

func (c *modelTrainCmd) defaults() trainDefaults {
	if c.Model != "" {
		return trainDefaults{rate: 5e-5, decay: 0.01}
	}
	return trainDefaults{rate: 1e-3, decay: 0.1}
}

// read reads the texts.
func (j *trainJob) read() error {
	room := int64(maxTrainText)
	for _, name := range j.c.Texts {
		b, err := readTrainText(j.s.ctx, name, room)
		if err != nil {
			return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q", name), Err: err, Hint: "give text files, 2 GiB at most together"}
		}
		room -= int64(len(b))
		sum := sha256.Sum256(b)
		j.sources = append(j.sources, train.Source{Name: filepath.Base(name), Digest: "sha256:" + hex.EncodeToString(sum[:])})
		j.texts = append(j.texts, string(b))
	}
	return nil
}

// readTrainText reads a file of at most so many bytes.
func readTrainText(ctx context.Context, name string, most int64) ([]byte, error) {
	f, err := openInterruptible(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("it has more than the %d bytes that are left of the bound", most)
	}
	return b, err
}

// openBase opens the model to go on from and returns its digest.
func (j *trainJob) openBase() (digest string, err error) {
	path, m, err := j.c.resolveModel(j.c.Model)
	if err != nil {
		return "", err
	}
	if m != nil {
		digest = m.Digest
	} else if digest, err = modelstore.Digest(j.s.ctx, path, lateBar(j.s.stderr, "taking the model's digest", progressbar.OptionShowBytes(true))); err != nil {
		return "", err
	}
	if j.base, err = modelfile.Open(path); err != nil {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("open model %q", j.c.Model), Err: err, Hint: "give a model's name, a GGUF file or a folder of safetensors"}
	}
	b := j.base
	j.from = &modelfile.Model{
		Path: b.Path, Format: b.Format, Files: b.Files, Config: b.Config, Tokenizer: b.Tokenizer, ChatTemplate: b.ChatTemplate,
		Generation: b.Generation, Properties: b.Properties,
	}
	return digest, nil
}

// outline says what a new model is like, and learns or opens its vocabulary.
func (j *trainJob) outline() error {
	c := j.c
	if c.Heads < 1 || c.KVHeads < 1 || c.Width < 1 || c.Layers < 1 || c.FeedForward < 1 || c.Width%c.Heads != 0 || c.Heads%c.KVHeads != 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "--layers, --width, --heads, --kv-heads and --feed-forward are 1 or more, --heads divides --width and --kv-heads divides --heads", Hint: "leave them out for a model of 6 million parameters"}
	}
	if c.Layers > maxTrainLayers || max(c.Width, c.FeedForward) > maxTrainSide {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--layers is at most %d, --width and --feed-forward at most %d", maxTrainLayers, maxTrainSide), Hint: "leave them out for a model of 6 million parameters"}
	}
	j.from = &modelfile.Model{Config: modelfile.Config{
		Architecture: "llama", Name: filepath.Base(c.Out), Layers: c.Layers, Width: c.Width, Heads: c.Heads, KVHeads: c.KVHeads,
		HeadSize: c.Width / c.Heads, FeedForward: c.FeedForward, Context: c.Context, NormEpsilon: 1e-5,
		RoPE: modelfile.RoPE{Base: 10000, Interleaved: true},
	}}
	if err := j.vocabulary(); err != nil {
		return err
	}
	j.from.Config.Vocabulary = len(j.from.Tokenizer.Tokens)
	return nil
}

// vocabulary learns a vocabulary from the texts, or takes another model's.
func (j *trainJob) vocabulary() error {
	if j.c.Tokenizer != "" {
		path, _, err := j.c.resolveModel(j.c.Tokenizer)
		if err != nil {
			return err
		}
		m, err := modelfile.Open(path)
		if err != nil {
			return &casemate.Error{Code: casemate.CodeInput, Message: "open the tokenizer's model", Err: err, Hint: "give a model's name, a GGUF file or a folder of safetensors"}
		}
		j.from.Tokenizer, j.from.ChatTemplate = m.Tokenizer, m.ChatTemplate
		return m.Close()
	}
	var words vocabulary.Counter
	for _, t := range j.texts {
		words.Add(t)
	}
	spec, err := words.Learn(j.c.Vocabulary)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "--vocabulary", Err: err, Hint: "give texts and a number of tokens between them, or a model with --tokenizer"}
	}
	j.from.Tokenizer = spec
	return nil
}

// pack cuts the texts into rows, every token of which but a document's first is
// predicted once, and keeps some to validate by.
func (j *trainJob) pack() error {
	tok, err := tokenizer.New(j.from.Tokenizer)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "read the tokenizer", Err: err, Hint: "docs/tokenizer.md says which are supported"}
	}
	var windows []train.Example
	for i, text := range j.texts {
		ids := tok.AppendEncode(bounds(tok.BOS()), text)
		ids = append(ids, bounds(tok.EOS())...)
		j.texts[i] = "" // the tokens take its place
		for from := 0; from < len(ids)-1; from += j.c.Length {
			windows = append(windows, train.Example{Tokens: ids[from:min(from+j.c.Length+1, len(ids))]})
		}
	}
	learn, try := divide(windows, j.c.Validation, j.c.Seed)
	o := train.PackOptions{Length: j.c.Length}
	if j.learn, err = train.Pack(learn, o); err != nil {
		return err
	}
	if j.try, err = train.Pack(try, o); err != nil {
		return err
	}
	if len(j.learn.Rows) == 0 {
		return &casemate.Error{Code: casemate.CodeInput, Message: "the texts hold nothing to learn", Hint: "give more text"}
	}
	return nil
}

// bounds is a token that begins or ends a document, if there is one.
func bounds(id int) []int {
	if id == tokenizer.None {
		return nil
	}
	return []int{id}
}

// divide keeps a share of windows, drawn by a seed, to validate by.
func divide(windows []train.Example, share float64, seed uint64) (learn, try []train.Example) {
	n := int(share * float64(len(windows)))
	drawn := rand.New(rand.NewPCG(seed, 1<<63)).Perm(len(windows))[:n]
	slices.Sort(drawn)
	for i, w := range windows {
		if _, is := slices.BinarySearch(drawn, i); is {
			try = append(try, w)
		} else {
			learn = append(learn, w)
		}
	}
	return learn, try
}

// load makes the model that is trained.
func (j *trainJob) load() (*gradient.Model, error) {
	o := gradient.Options{Threads: j.c.Threads, Full: true, Checkpoint: j.c.Recompute, BF16: j.c.BF16, Separate: j.c.Separate}
	if err := j.c.foresee(j.outlined(), o, j.c.Length); err != nil {
		return nil, err
	}
	if j.base != nil {
		m, err := gradient.Load(j.base, o)
		if err != nil {
			return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("load model %q to train all of its weights", j.c.Model), Err: err, Hint: "give one of F32, F16 or BF16; casemate tune lora trains adapters of quantised ones"}
		}
		return m, nil
	}
	m, err := gradient.New(j.from.Config, j.c.Seed, o)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "make a new model", Err: err, Hint: "leave the sizes out for a model of 6 million parameters"}
	}
	return m, nil
}

// outlined is the model whose memory is to be foreseen: the base, or a new one's
// numbers.
func (j *trainJob) outlined() *modelfile.Model {
	if j.base != nil {
		return j.base
	}
	c := j.from.Config
	layer := 2*c.Width*c.Width + 2*c.KVHeads*c.HeadSize*c.Width + 3*c.FeedForward*c.Width + 2*c.Width
	numbers := c.Layers*layer + c.Vocabulary*c.Width + c.Width
	if j.c.Separate {
		numbers += c.Vocabulary * c.Width
	}
	return &modelfile.Model{Config: c, Tensors: []*modelfile.Tensor{{Name: "all", Shape: []int{numbers}}}}
}

// run trains, or finds that it was done.
func (j *trainJob) run() (trained, error) {
	done, err := j.options.Finished()
	if err != nil {
		return trained{}, err
	}
	if done != nil {
		if have, err := modelstore.Digest(j.s.ctx, j.c.Out, nil); err == nil && have == done.Output {
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
	update, end := trainBar(j.s.stderr)
	j.options.Progress = update
	r, err := train.Run(j.s.ctx, m, train.Tokens(m, j.learn.Rows, j.try.Rows), j.options)
	end()
	if err != nil {
		return trained{}, err
	}
	digest, err := j.write(m)
	if err != nil {
		return trained{}, err
	}
	done, err = j.options.Finish(r, digest)
	if err != nil {
		return trained{}, err
	}
	t := newTrained(j.c.Out, done)
	t.Parameters, t.Resumed, t.Examples, t.Validation = parameters, r.Resumed, len(j.learn.Rows), len(j.try.Rows)
	return t, nil
}

// write writes the model and returns its digest.
func (j *trainJob) write(m *gradient.Model) (string, error) {
	if err := files.Sweep(j.c.Out); err != nil { // of a run that was killed as it wrote
		return "", err
	}
	j.from.Tensors = m.Tensors()
	bar := newCountBar(j.s.stderr, "writing")
	_, err := quantize.Quantize(j.s.ctx, j.from, j.c.Out, quantize.Options{Mixture: j.mixture, Threads: j.c.Threads, Progress: bar.update})
	bar.done()
	if err != nil {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("write the model to %q", j.c.Out), Err: err, Hint: "give the name of a file in a folder that can be written; the same command goes on from there"}
	}
	return modelstore.Digest(j.s.ctx, j.c.Out, nil)
}

// checkOut refuses an output that could not be written at the end.
func (j *trainJob) checkOut() error {
	if info, err := os.Lstat(j.c.Out); err == nil && !info.Mode().IsRegular() {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("write %q: it exists and is no regular file", j.c.Out), Hint: "give the name of a file"}
	}
	return nil
}
