package tune

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/instruct"
	"github.com/casemate-ai/casemate/internal/learn/metric"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/optimizer"
	"github.com/casemate-ai/casemate/internal/model/train"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Adapter says how a language model may be trained as well: a low-rank adapter
// that answers with the label in words.
type Adapter struct {
	Base *modelfile.Model // with its digest
	// Dir is the folder that runs keep their checkpoints and adapters in, each in
	// one of its own, so that one that is broken off goes on.
	Dir string
	// Load makes an adapter known to Options.Engine under a name.
	Load func(name, path string) error
	// Always trains it whatever it costs; otherwise it is trained only where it can
	// help and does not take too long: see adapterCost.
	Always bool
	// Memory says how many bytes are free, and false where nobody knows; nil trains
	// whatever there is.
	Memory func() (int64, bool)
	// Version is the program's, for the run's manifest.
	Version string
}

const (
	leastAdapter   = 300   // rows to learn from, below which an adapter learns them by heart
	mostAdapter    = 5e14  // operations that are spent without being asked: an hour or so
	assumedSpeed   = 150e9 // operations a second, for the forecast
	adapterEpochs  = 3
	adapterBatch   = 8
	adapterRate    = 2e-4
	adapterLength  = 1024 // tokens of a row at most
	leastChoosing  = 20   // validation rows
	operationsEach = 6    // a parameter and token: forward, and backward to activations and to weights
)

// adapterRun is an adapter in training.
type adapterRun struct {
	j        *job
	a        *Adapter
	writer   *instruct.Writer
	question instruct.Question
	dir      string // of the run
	name     string // by which the engine knows what came of it
}

// trainAdapter trains an adapter where that can help. It returns nil where it
// cannot, and says why among the settings.
func (j *job) trainAdapter(h *held) (*Candidate, error) {
	a := j.o.LoRA
	if a == nil {
		return nil, nil
	}
	skip := func(why string) (*Candidate, error) {
		j.set("adapter", "none", why)
		return nil, nil
	}
	if j.task != tuned.TaskSingle && j.task != tuned.TaskOrdinal {
		return skip("an adapter answers with one label; for other tasks there is casemate tune lora")
	}
	if n := len(j.parts.Validation); n < leastChoosing {
		return skip(fmt.Sprintf("%d rows to choose by are too few to stop in time", n))
	}
	if n := len(j.parts.Train); n < leastAdapter && !a.Always {
		return skip(fmt.Sprintf("%d rows to learn from; with fewer than %d an adapter learns them by heart (--lora on trains it all the same)", n, leastAdapter))
	}
	writer, err := instruct.New(a.Base.ChatTemplate, a.Base.Tokenizer)
	if err != nil {
		return nil, err
	}
	question, err := instruct.NewQuestion(j.table.Kind, j.table.Labels, "")
	if err != nil {
		return nil, err
	}
	r := &adapterRun{j: j, a: a, writer: writer, question: question}
	learn, try, err := r.pack()
	if err != nil {
		return nil, err
	}
	if cost := r.cost(learn); cost > mostAdapter && !a.Always {
		return skip(fmt.Sprintf("it would take about %s on a processor of %g thousand million operations a second (--lora on trains it all the same)", duration(cost/assumedSpeed), assumedSpeed/1e9))
	}
	if why := r.lacksMemory(learn, try); why != "" {
		if !a.Always {
			return skip(why)
		}
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: "train an adapter: " + why, Hint: "leave it out with --lora off, or try nevertheless with --any-memory"}
	}
	long := fmt.Sprintf("about %s on a processor of %g thousand million operations a second", duration(r.cost(learn)/assumedSpeed), assumedSpeed/1e9)
	j.set("adapter", "low-rank, rank 8, queries and values", fmt.Sprintf("%d rows can teach one; %s", len(j.parts.Train), long))
	if j.o.Note != nil && r.cost(learn)/assumedSpeed > longReading.Seconds() {
		j.o.Note("an adapter is trained as well, which takes " + long + "; --lora off leaves it out")
	}
	if err := r.train(learn, try); err != nil {
		return nil, err
	}
	return r.measure(h)
}

// pack writes the rows in the model's tokens.
func (r *adapterRun) pack() (learn, try *train.Packed, err error) {
	length := min(adapterLength, r.a.Base.Config.Context)
	left := 0
	write := func(rows []int) (*train.Packed, error) {
		x, err := r.writer.Rows(r.j.table, rows, "")
		if err != nil {
			return nil, err
		}
		p, err := train.Pack(x.Examples, train.PackOptions{Length: length, SkipLong: true})
		if err == nil {
			left += len(x.Skipped) + len(p.Long) + len(p.Empty)
		}
		return p, err
	}
	if learn, err = write(r.j.parts.Train); err != nil {
		return nil, nil, err
	}
	try, err = write(r.j.parts.Validation)
	if err == nil && left > 0 {
		r.j.set("adapter's rows", phrase.Count(left, "row")+" left out of its training", fmt.Sprintf("longer than %d tokens, or without an answer that it could learn", length))
	}
	return learn, try, err
}

// lora is what is trained.
func (r *adapterRun) lora() *gradient.LoRA {
	return &gradient.LoRA{Rank: 8, Targets: []string{"q", "v"}, Seed: r.j.o.Seed}
}

// lacksMemory says that the training does not fit the memory, where it does not.
func (r *adapterRun) lacksMemory(parts ...*train.Packed) string {
	if r.a.Memory == nil {
		return ""
	}
	room, known := r.a.Memory()
	longest := 0
	for _, p := range parts {
		for _, row := range p.Rows {
			longest = max(longest, len(row.Tokens))
		}
	}
	need := gradient.MemoryNeeded(r.a.Base, gradient.Options{LoRA: r.lora()}, longest).Total()
	if !known || need <= room {
		return ""
	}
	return fmt.Sprintf("it needs about %s of memory, and %s are free", phrase.Bytes(need), phrase.Bytes(room))
}

// cost returns the operations of the training.
func (r *adapterRun) cost(learn *train.Packed) float64 {
	parameters := 0.0
	for _, t := range r.a.Base.Tensors {
		n := 1.0
		for _, d := range t.Shape {
			n *= float64(d)
		}
		parameters += n
	}
	return operationsEach * adapterEpochs * parameters * float64(learn.Tokens)
}

func duration(seconds float64) string {
	switch {
	case seconds < 90:
		return "a minute"
	case seconds < 5400:
		return fmt.Sprintf("%.0f minutes", seconds/60)
	}
	return fmt.Sprintf("%.0f hours", seconds/3600)
}

// train trains the adapter, or goes on where a run was broken off, and saves it.
func (r *adapterRun) train(learn, try *train.Packed) error {
	j := r.j
	plan := train.Plan{Seed: j.o.Seed, Epochs: adapterEpochs, Batch: max(1, adapterBatch*len(learn.Rows)/max(1, len(j.parts.Train))), Accumulate: 1,
		Method: train.AdamW, Schedule: optimizer.Cosine, Rate: adapterRate, Floor: 0.1, Clip: 1, Patience: 3, Keep: 2}
	steps, _ := plan.Count(len(learn.Rows))
	plan.Warmup, plan.EvaluateEvery, plan.SaveEvery = (3*steps+99)/100, max(1, steps/10), max(1, steps/20)
	lora := r.lora()
	m, err := gradient.Load(r.a.Base, gradient.Options{LoRA: lora})
	if err != nil {
		return err
	}
	defer m.Close()
	j.tell.next("training an adapter")
	o := train.Options{Plan: plan, Manifest: train.Manifest{Kind: "lora", Version: r.a.Version, Base: r.a.Base.Digest,
		Examples: train.DigestRows(learn.Rows, try.Rows), Settings: lora},
		Progress: func(p train.Progress) {
			j.tell.within(shareAdapter, "", p.Step, p.Steps)
			j.tell.loss(p.Smooth)
		}}
	for _, p := range m.Parameters() {
		const each = 4
		o.Result += each * int64(len(p.Value))
	}
	digest, err := o.Digest()
	if err != nil {
		return err
	}
	const digits = 16
	r.dir = filepath.Join(r.a.Dir, strings.TrimPrefix(digest, "sha256:")[:digits])
	o.Dir = r.dir
	if _, err := train.Run(j.ctx, m, train.Tokens(m, learn.Rows, try.Rows), o); err != nil {
		return err
	}
	for _, name := range tuned.AdapterFiles() {
		if err := os.Remove(filepath.Join(r.dir, name)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if err := adapter.SavePEFT(r.dir, adapter.New(r.a.Base, m.Deltas()), r.a.Base, adapter.Meta{Base: j.o.Model}); err != nil {
		return err
	}
	have, err := adapter.Load(r.dir)
	if err != nil {
		return err
	}
	r.name = strings.TrimPrefix(have.Digest, "sha256:")
	return r.a.Load(r.name, r.dir)
}

// shareAdapter is how much of the rest of the progress an adapter takes.
const shareAdapter = 0.8

// ask returns the question as it was written in training.
func (r *adapterRun) ask() *tuned.Ask {
	if r.writer.Kind() != "plain" {
		return &tuned.Ask{System: r.question.Turns("")[0].Content}
	}
	const mark = "\x00"
	text := instruct.Plain(r.question.Turns(mark))
	at := strings.LastIndex(text, mark) // the text of a row stands last
	return &tuned.Ask{Before: text[:at], After: text[at+len(mark):]}
}

// calibrate asks about the validation part, sets the card's temperature and its
// thresholds by the answers, and says there whether the adapter is better than the
// head. It returns the mean score.
func (r *adapterRun) calibrate(card *tuned.Card, h *held) (metric.Estimate, error) {
	j, rows := r.j, r.j.parts.Validation
	j.tell.next("asking the adapter")
	logits := make([][]float64, len(rows))
	own, head := make([]float64, len(rows)), make([]float64, len(rows))
	for n, i := range rows {
		var err error
		if logits[n], err = card.Ask.Logits(j.ctx, j.o.Engine, r.name, j.table.Rows[i].Text, j.labels); err != nil {
			return metric.Estimate{}, err
		}
		at, _ := slices.BinarySearch(j.learn, i)
		own[n], head[n] = j.score(i, logits[n]), h.scores[at]
	}
	d := metric.Paired(j.groupsOf(rows), average(own), average(head))
	says := "no better than"
	switch {
	case d.Better():
		says = "better than"
	case d.Worse():
		says = "worse than"
	}
	j.set("adapter or head", says+" the head", fmt.Sprintf("on the %d rows to choose by: %+.1f points (%.1f to %.1f)", len(rows), 100*d.Value, 100*d.Low, 100*d.High))
	j.adapterBetter, j.adapterDir = d.Better(), r.dir

	those := *j // of the rows to choose by alone: the adapter saw the others
	those.learn, those.settings, those.limits = rows, nil, nil
	those.thresholds(card, those.calibrate(card, &held{logits: logits}))
	for _, s := range those.settings {
		j.set("adapter's "+s.Name, s.Value, s.Why)
	}
	card.Limits = append([]string{"A text that none of the labels is for gets one of them all the same."}, those.limits...)
	return metric.Grouped(j.groupsOf(rows), average(own)), nil
}

// measure calibrates the adapter, makes the card by which it is asked in service,
// and asks it so about the test part.
func (r *adapterRun) measure(h *held) (*Candidate, error) {
	j := r.j
	info, err := j.baseInfo()
	if err != nil {
		return nil, err
	}
	card := tuned.Card{
		Name: AdapterName(j.o.Name), Task: j.task, Created: j.o.Created.UTC(), Labels: j.labels, Data: j.data(), Ask: r.ask(),
		Base: &tuned.Base{Name: info.Name, Digest: info.Digest, Width: info.Width},
	}
	e, err := r.calibrate(&card, h)
	if err != nil {
		return nil, err
	}
	if j.adapter, err = tuned.NewAdapter(card, r.dir); err != nil {
		return nil, err
	}
	j.tell.next("asking the adapter about the test part")
	ev, err := Evaluate(j.ctx, j.o.Engine, j.adapter, j.table, j.parts.Test, j.grouping.Of)
	if err != nil {
		return nil, err
	}
	ev.Candidate = "adapter"
	return &Candidate{Name: "adapter", About: "The model with a low-rank adapter, answering with the label in words.", Choice: &e, Evaluation: ev}, nil
}

// AdapterName is the name of the adapter that is trained beside a head.
func AdapterName(head string) string { return head + "-adapter" }

func average(scores []float64) func(rows []int) float64 {
	return func(rows []int) float64 {
		sum := 0.0
		for _, n := range rows {
			sum += scores[n]
		}
		return sum / float64(max(1, len(rows)))
	}
}

// AdapterDir returns the folder of the run that trained an adapter, "" for none.
func (t *Trained) AdapterDir() string { return t.adapterDir }

// AdapterFiles returns what stands beside a trained adapter in its folder: its
// evaluation, the card by which it is asked, the baselines and what was seen. It is
// nil where none was trained.
func (t *Trained) AdapterFiles() ([]tuned.File, error) {
	i := slices.IndexFunc(t.Result.Candidates, func(c Candidate) bool { return c.Name == "adapter" && c.Evaluation != nil })
	if i < 0 {
		return nil, nil
	}
	var b bytes.Buffer
	if err := outcome.Write(&b, t.Result.Candidates[i].Evaluation); err != nil {
		return nil, err
	}
	out := append([]tuned.File{{Name: outcome.EvaluationFile, Data: b.Bytes()}}, t.adapter.Files()...)
	for _, f := range t.files {
		if f.Name == outcome.BaselinesFile || f.Name == outcome.SeenFile {
			out = append(out, f)
		}
	}
	return out, nil
}
