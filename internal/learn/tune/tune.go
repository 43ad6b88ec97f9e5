// Package tune makes a head or an adapter from a table, with no knob to turn: it
// splits, measures baselines, trains what may help, calibrates, sets thresholds,
// and says what came out, or that it is not enough yet and why.
//
// The test part is looked at once, when all is chosen. What is chosen, the recipe,
// the temperature, the thresholds, is chosen by cross-validation over the groups of
// the other rows: each of them is answered by a model that saw nothing of its
// group. The head that is kept then learns from all of them.
package tune

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Options say how to train. The zero value is the usual way, on the embedded
// encoder.
type Options struct {
	Name string // of the head; "" is made of the file's
	// Precision is the share of answers that must be right, which the thresholds
	// are set for; 0 is DefaultPrecision, for several labels the best F1.
	Precision float64
	Seed      uint64   // 0 is 1
	Allow     []string // codes of findings that do not refuse
	Patterns  []inspect.Pattern
	Group     string // column whose equal cells belong together; "" finds what rows share
	Anew      bool   // divide even where the file gives rows to parts
	// Created is the date that the card gets.
	Created time.Time
	// Engine runs the language model whose hidden states to learn from; nil trains
	// on the embedded encoder. Model is its name, and Cache the folder that keeps
	// what it read, "" for none.
	Engine engine.Engine
	Model  string
	Cache  string
	// Note, where not nil, is told in a sentence what will take long or much room,
	// before it does.
	Note func(text string)
	// LoRA trains an adapter of the model as well: see Adapter. Nil never does.
	LoRA *Adapter
}

// DefaultPrecision is the share of answers that must be right unless another is
// asked for.
const DefaultPrecision = 0.8

// folds of the cross-validation.
const folds = 5

// Least rows and groups of a part; with fewer nothing can be said.
const (
	leastRows   = 20
	leastGroups = 4
)

// Progress is where training stands. Share is of all of it, 0 to 1.
type Progress struct {
	Stage string
	Share float64
	Loss  float64 // of the model in training; 0 where there is none
}

// job is one training.
type job struct {
	ctx   context.Context
	table *dataset.Table
	o     Options
	tell  *teller

	task     tuned.Task
	labels   []string // that the head can give: those of the rows that it learns from
	classes  []int    // single, ordinal: of each row, the index in labels, or −1
	sets     [][]int  // multi: likewise, ascending
	grouping split.Grouping
	parts    split.Split
	learn    []int // rows to learn from and choose by: train and validation
	fold     []int // of each of learn
	settings []Setting
	limits   []string
	words    *Candidate // of the best head on words, where there is a model
	// adapterBetter says that an adapter is better than the head on the rows to
	// choose by.
	adapterBetter bool
	adapterDir    string
	adapter       *tuned.Head // as it is asked in service
}

// Trained is what training made.
type Trained struct {
	Result *Result
	Head   *tuned.Head
	files  []tuned.File

	adapterDir string
	adapter    *tuned.Head
}

// Files returns the files of the head's folder: the card, the weights, the
// evaluation, the baselines, what was seen, and the reference for live inputs.
func (t *Trained) Files() []tuned.File { return t.files }

// Train makes a head of a table. It returns *casemate.Error where the table is
// refused, with the findings in Refusal.
func Train(ctx context.Context, t *dataset.Table, o Options, progress func(Progress)) (*Trained, error) {
	j := &job{ctx: ctx, table: t, o: o, tell: &teller{to: progress}}
	if err := j.begin(); err != nil {
		return nil, err
	}
	report, err := j.inspect()
	if err != nil {
		return nil, err
	}
	if err := j.divide(); err != nil {
		return nil, err
	}
	if j.task == tuned.TaskSpans {
		return j.trainSpans(report)
	}
	return j.trainTexts(report)
}

// begin checks the options and says what the defaults are.
func (j *job) begin() error {
	kinds := map[dataset.Kind]tuned.Task{
		dataset.KindSingle: tuned.TaskSingle, dataset.KindMulti: tuned.TaskMulti, dataset.KindOrdinal: tuned.TaskOrdinal,
		dataset.KindRegression: tuned.TaskRegression, dataset.KindSpans: tuned.TaskSpans,
	}
	task, ok := kinds[j.table.Kind]
	if !ok {
		return usage(fmt.Sprintf("train on rows of the kind %q", j.table.Kind), "conversations and preferences train an adapter: casemate tune lora")
	}
	j.task = task
	if a := j.o.LoRA; a != nil && a.Always && task != tuned.TaskSingle && task != tuned.TaskOrdinal {
		return usage(fmt.Sprintf("--lora on: an adapter answers with one label, and these rows are %s", task), "leave it out; casemate tune lora trains an adapter for other tasks")
	}
	if j.o.Name != "" && !tuned.IsName(j.o.Name) {
		return usage(fmt.Sprintf("name a head %q", j.o.Name), "use lower-case letters, digits, dots, dashes and underscores, a letter or a digit first, at most 64")
	}
	if j.o.Name == "" {
		j.o.Name = NameOf(j.table.Path)
		j.set("name", j.o.Name, "made of the file's name")
	} else {
		j.set("name", j.o.Name, "asked for")
	}
	if j.o.Precision < 0 || j.o.Precision >= 1 {
		return usage(fmt.Sprintf("--precision %g is no share", j.o.Precision), "give a number above 0 and below 1, such as 0.9")
	}
	j.set("task", string(j.task), j.table.Why["kind"])
	j.setPrecision()
	isDefault := j.o.Seed == 0
	if isDefault {
		j.o.Seed = 1
	}
	j.set("seed", fmt.Sprint(j.o.Seed), asked(isDefault))
	if j.o.Engine == nil {
		j.set("encoder", tuned.EncoderLexical, asked(true)+": words and word vectors, no language model")
	} else {
		j.set("encoder", j.o.Model, "asked for: the hidden states of this language model")
	}
	return nil
}

// asked says who chose a setting.
func asked(isDefault bool) string {
	if isDefault {
		return "the default"
	}
	return "asked for"
}

// setPrecision says what thresholds are set for.
func (j *job) setPrecision() {
	switch {
	case j.task == tuned.TaskRegression: // a number has none
	case j.o.Precision == 0 && (j.task == tuned.TaskMulti || j.task == tuned.TaskSpans):
		j.set("thresholds for", "the best answers", "the default for several labels and for spans; --precision sets them for a share of right answers")
	default:
		isDefault := j.o.Precision == 0
		if isDefault {
			j.o.Precision = DefaultPrecision
		}
		j.set("precision", fmt.Sprintf("%g", j.o.Precision), asked(isDefault)+": thresholds are set so that at least this share of the answers is right, by the lower end of the 95 % interval")
	}
}

func (j *job) set(name, value, why string) {
	j.settings = append(j.settings, Setting{name, value, why})
}

// Refusal is the error of a table that would give a false result. Report says why.
type Refusal struct{ Report *inspect.Report }

// Error returns the gravest finding and how many there are beside it.
func (r *Refusal) Error() string {
	list := r.Report.Refused()
	text := list[0].Message
	if len(list) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(list)-1)
	}
	return text
}

// inspect groups the rows and looks for what would make the result false.
func (j *job) inspect() (*inspect.Report, error) {
	j.tell.stage("checking the rows", 0)
	var err error
	if j.grouping, err = split.Find(j.ctx, j.table, split.FindOptions{Column: j.o.Group}); err != nil {
		return nil, err
	}
	if j.o.Group != "" {
		j.set("group", j.o.Group, "asked for")
	} else {
		j.set("group", some(j.grouping.By, "nothing"), "found: rows that share it stay in one part")
	}
	report, err := inspect.Check(j.ctx, j.table, j.grouping, inspect.Options{Allow: j.o.Allow, Patterns: j.o.Patterns, Seed: j.o.Seed, Anew: j.o.Anew,
		Progress: func(stage string, done, total int) {
			j.tell.within(shareInspect, stage, done, total)
		}})
	if err != nil {
		return nil, err
	}
	if refused := report.Refused(); len(refused) > 0 {
		codes := make([]string, len(refused))
		for i, f := range refused {
			codes[i] = f.Code
		}
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "the rows would give a false result", Err: &Refusal{report},
			Hint: "casemate tune check shows it; mend the rows, or go on in spite of it with --allow " + strings.Join(codes, ",")}
	}
	for _, f := range report.Findings {
		if f.Allowed {
			j.limits = append(j.limits, "Overridden by --allow "+f.Code+": "+f.Message)
		}
	}
	return report, nil
}

// divide makes the parts, the labels and the folds.
func (j *job) divide() error {
	var err error
	if j.parts, err = split.Make(j.table, j.grouping, split.Options{Seed: j.o.Seed, Anew: j.o.Anew}); err != nil {
		return err
	}
	if !j.o.Anew && !slices.Contains(j.o.Allow, inspect.CodeLeakage) {
		j.apart()
	}
	j.learn = append(slices.Clone(j.parts.Train), j.parts.Validation...)
	slices.Sort(j.learn)
	for _, p := range []struct {
		name string
		rows []int
	}{{"learning", j.learn}, {"test", j.parts.Test}} {
		if rows, groups := len(p.rows), j.groups(p.rows); rows < leastRows || groups < leastGroups {
			return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("not yet: the %s part has %d rows in %d groups", p.name, rows, groups),
				Hint: fmt.Sprintf("nothing can be said of fewer than %d rows in %d independent groups; about %d rows in all are a beginning", leastRows, leastGroups, 5*leastRows)}
		}
	}
	j.set("division", fmt.Sprintf("%d rows to learn from, %d to test on", len(j.learn), len(j.parts.Test)), j.parts.By)
	j.set("choosing", fmt.Sprintf("%d-fold cross-validation over the groups of the learning rows", folds), "the default: recipe, calibration and thresholds are chosen on answers to rows whose group the answering model did not see")
	if err := j.targets(); err != nil {
		return err
	}
	j.fold = split.Folds(j.table, j.grouping, j.learn, folds, j.o.Seed)
	return nil
}

// groups returns how many groups rows are of.
func (j *job) groups(rows []int) int {
	seen := map[int]bool{}
	for _, i := range rows {
		seen[j.grouping.Of[i]] = true
	}
	return len(seen)
}

// groupsOf returns the group of each of rows.
func (j *job) groupsOf(rows []int) []int {
	out := make([]int, len(rows))
	for n, i := range rows {
		out[n] = j.grouping.Of[i]
	}
	return out
}

// targets numbers the labels of the rows to learn from.
func (j *job) targets() error {
	if j.task == tuned.TaskRegression {
		return nil
	}
	used := map[string]bool{}
	for _, i := range j.learn {
		for _, l := range j.table.Rows[i].Labels {
			used[l] = true
		}
	}
	at := map[string]int{}
	for _, l := range j.table.Labels {
		if used[l] {
			at[l] = len(j.labels)
			j.labels = append(j.labels, l)
		}
	}
	if least := 2; len(j.labels) < least && j.task != tuned.TaskMulti && j.task != tuned.TaskSpans || len(j.labels) == 0 {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("not yet: the rows to learn from have %d labels", len(j.labels)), Hint: "a head tells at least two labels apart"}
	}
	if len(j.labels) > tuned.MaxLabels {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("%d labels, at most %d can be", len(j.labels), tuned.MaxLabels), Hint: "is the label column the right one? name another with --label"}
	}
	j.classes, j.sets = make([]int, len(j.table.Rows)), make([][]int, len(j.table.Rows))
	for i := range j.table.Rows {
		j.classes[i] = -1
		for _, l := range j.table.Rows[i].Labels {
			if k, ok := at[l]; ok {
				j.sets[i] = append(j.sets[i], k)
				j.classes[i] = k
			}
		}
		slices.Sort(j.sets[i])
	}
	return nil
}

func usage(message, hint string) error {
	return &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
}
