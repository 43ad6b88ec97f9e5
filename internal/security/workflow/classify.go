package workflow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/intake"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// ClassifyInput says what to classify.
type ClassifyInput struct {
	File         string   `json:"file,omitempty" arg:"" optional:"" name:"file" default:"-" help:"Lines of text or of JSON; - for standard input."`
	Head         string   `json:"head" placeholder:"NAME" help:"The classifier: an embedded one, or a head or adapter of your own in service or in a folder (casemate tune list); several with commas between."`
	Format       string   `json:"format,omitempty" enum:"auto,text,jsonl" default:"auto" help:"What a line is: auto, text or jsonl. auto looks at the first line; with --field it is jsonl."`
	Field        string   `json:"field,omitempty" placeholder:"NAME" help:"The field of a JSON line that holds the text. Default: text, description, sentence or message."`
	Alternatives int      `json:"alternatives" default:"5" help:"How many alternatives to give; 0 for none."`
	Because      *int     `json:"because,omitempty" placeholder:"N" help:"How many reasons to give; each is checked by deletion. 0 for none. Default: 3; none for a head of your own that stands on a language model, which reads the text once more for each word."`
	Threshold    *float64 `json:"threshold,omitempty" placeholder:"P" help:"Abstain below this probability, above 0 and at most 1, instead of the head's own."`
	Style        string   `json:"style,omitempty" placeholder:"NAME" help:"Whose labels to give, where a head knows several: see casemate model card."`
}

func classifyEntry() Workflow {
	return entry(Workflow{
		Name: "classify", Group: GroupKnowledge,
		Summary: "Label lines of text with embedded classifiers or your own, one JSON object a line.",
		Help:    "Answers each line in its place: label, calibrated probability, alternatives, and the words that decide. A line that cannot be read has an object with its error in its place. A head of your own (casemate tune train, casemate tune promote) comes before an embedded one of its name. Of several heads each line has an object with \"answers\", in the order of --head.",
		Example: "casemate classify --head attack examples/suspicious.txt",
		Output:  classifySchema(), Stream: true, Heads: true,
	}, runClassify)
}

// classifySchema is the schema of a line: an answer, or why there is none.
func classifySchema() json.RawMessage {
	answer, err := derive(reflect.TypeFor[intake.Classified]())
	if err != nil {
		return encode(nil, err)
	}
	schemas := []*jsonschema.Schema{answer}
	for _, t := range []reflect.Type{reflect.TypeFor[ownAnswer](), reflect.TypeFor[severalAnswers](), reflect.TypeFor[intake.LineError]()} {
		s, err := derive(t)
		if err != nil {
			return encode(nil, err)
		}
		schemas = append(schemas, s)
	}
	return encode(&jsonschema.Schema{Schema: dialect, Title: "casemate classify: output", AnyOf: schemas}, nil)
}

func runClassify(ctx context.Context, in *ClassifyInput, env Env) (Result, error) {
	if err := in.check(); err != nil {
		return Result{}, err
	}
	input, end, err := in.ask(ctx, env)
	if err != nil {
		return Result{}, err
	}
	defer end()
	from := env.Stdin
	if in.File != "" && in.File != "-" {
		f, err := env.open(in.File)
		if err != nil {
			return Result{}, &casemate.Error{Code: casemate.CodeInput, Message: "classify", Err: err, Hint: "give a file that can be read, or - for standard input"}
		}
		defer f.Close()
		from = f
	}
	input.Stdin, input.Format, input.Field, input.Name = from, intake.ClassifyFormat(in.Format), in.Field, intake.NameOf
	sum, err := intake.Classify(ctx, input, &lineWriter{env: env})
	if err != nil || sum.Broken == 0 {
		return Result{}, err
	}
	return Result{Incomplete: true, Notes: []string{
		fmt.Sprintf("%d of %d lines could not be read; an object with \"error\" stands in their place (exit 4)", sum.Broken, sum.Lines)}}, nil
}

// check refuses what cannot be meant.
func (in *ClassifyInput) check() error {
	switch {
	case in.Head == "":
		return usage("classify needs --head", "the heads are "+strings.Join(head.Names(), ", "))
	case in.Threshold != nil && !(*in.Threshold > 0 && *in.Threshold <= 1):
		return usage(fmt.Sprintf("--threshold %g is no probability", *in.Threshold), "give a number above 0 and at most 1, such as 0.5")
	case in.Alternatives < 0:
		return usage(fmt.Sprintf("--alternatives %d", in.Alternatives), "0 gives none")
	case in.Because != nil && *in.Because < 0:
		return usage(fmt.Sprintf("--because %d", *in.Because), "0 gives none")
	case in.Field != "" && in.Format == string(intake.ClassifyText):
		return usage("--field names a field of JSON lines, and --format says that lines are text", "leave one of them out")
	}
	if in.Field != "" {
		in.Format = string(intake.ClassifyJSONL)
	}
	return nil
}

// options say how to ask a head. For the head 0 is the usual number; here it is
// none.
func (in *ClassifyInput) options() head.Options {
	opt := head.Options{Alternatives: in.Alternatives, Style: in.Style}
	if in.Because != nil {
		if opt.Because = *in.Because; opt.Because == 0 {
			opt.Because = -1
		}
	}
	if in.Alternatives == 0 {
		opt.Alternatives = -1
	}
	if in.Threshold != nil {
		opt.Threshold = *in.Threshold
	}
	return opt
}

// embedded opens an embedded head and says how to ask it.
func (in *ClassifyInput) embedded(name string) (*head.Head, head.Options, error) {
	opt := in.options()
	h, err := OpenHead(name)
	if err != nil {
		return nil, opt, err
	}
	if styles := h.Info().Styles; in.Style != "" && !slices.Contains(styles, in.Style) {
		hint := "this head has one style: leave --style out"
		if len(styles) > 0 {
			hint = "the styles of this head are " + strings.Join(styles, ", ")
		}
		return nil, opt, usage(fmt.Sprintf("classify: no style %q", in.Style), hint)
	}
	return h, opt, nil
}

// OpenHead returns the embedded classifier of that name, or says which there are.
func OpenHead(name string) (*head.Head, error) {
	h, err := head.Open(name)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("open head %q", name), Err: err,
			Hint: "the heads are " + strings.Join(head.Names(), ", ") + "; `casemate tune list` shows your own"}
	}
	return h, nil
}

// open opens a file that is read as it comes.
func (env Env) open(name string) (io.ReadCloser, error) {
	if env.Open != nil {
		return env.Open(name)
	}
	return os.Open(name)
}

// line is an object that was written already.
type line []byte

// Line returns its bytes.
func (l line) Line() []byte { return l }

// MarshalJSON returns its bytes.
func (l line) MarshalJSON() ([]byte, error) { return l, nil }

// lineWriter emits what is written to it, line by line.
type lineWriter struct {
	env  Env
	rest []byte // of a line that has not ended
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			break
		}
		if err := w.env.Emit(line(bytes.Clone(w.rest[:i]))); err != nil {
			return 0, err
		}
		w.rest = w.rest[i+1:]
	}
	if w.env.Flush != nil {
		if err := w.env.Flush(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// OwnHeads finds a team's own heads, and the language models that some of them
// stand on.
type OwnHeads interface {
	// Open returns the head in service under a name, or that of a folder. It is nil
	// where there is none, and an error where there is one that is not in service.
	Open(ctx context.Context, name string) (*tuned.Head, error)
	// Engine runs the base of heads that need one; close lets go of it.
	Engine(ctx context.Context, heads []*tuned.Head) (e engine.Engine, close func(), err error)
}

// ownAnswer is the answer of one head of a team's own to one line.
type ownAnswer struct {
	ID json.RawMessage `json:"id,omitempty"` // as the line gave it
	tuned.Decision
	Names map[string]string `json:"names,omitempty"` // of the labels named here, from the catalogue
}

// severalAnswers is what several heads answer to one line.
type severalAnswers struct {
	ID      json.RawMessage `json:"id,omitempty"`
	Answers []any           `json:"answers"` // in the order of --head
}

// panel is the heads that a line is put to, in order: own or embedded.
type panel struct {
	own      []*tuned.Head // by place; nil where embedded is not
	embedded []*head.Head
	opt      head.Options
	engine   engine.Engine
	ctx      context.Context
}

// ask opens the heads and says how lines are answered.
func (in *ClassifyInput) ask(ctx context.Context, env Env) (intake.ClassifyInput, func(), error) {
	a := &panel{opt: in.options(), ctx: ctx}
	var own []*tuned.Head
	for name := range strings.SplitSeq(in.Head, ",") {
		name = strings.TrimSpace(name)
		var mine *tuned.Head
		var err error
		if env.Own != nil {
			if mine, err = env.Own.Open(ctx, name); err != nil {
				return intake.ClassifyInput{}, nil, err
			}
		}
		var theirs *head.Head
		if mine == nil {
			if theirs, a.opt, err = in.embedded(name); err != nil {
				return intake.ClassifyInput{}, nil, err
			}
		} else {
			own = append(own, mine)
		}
		a.own, a.embedded = append(a.own, mine), append(a.embedded, theirs)
	}
	if len(own) == 0 && len(a.embedded) == 1 {
		h := a.embedded[0]
		return intake.ClassifyInput{Decide: func(text string) head.Decision { return h.Classify(text, a.opt) }}, func() {}, nil
	}
	if in.Style != "" && len(own) > 0 {
		return intake.ClassifyInput{}, nil, usage("classify: your own heads have no styles", "leave --style out")
	}
	end := func() {}
	for _, h := range own {
		if h.NeedsModel() {
			var err error
			if a.engine, end, err = env.Own.Engine(ctx, own); err != nil {
				return intake.ClassifyInput{}, nil, err
			}
			break
		}
	}
	return intake.ClassifyInput{Answer: a.answer}, end, nil
}

// answer answers texts with every head.
func (a *panel) answer(texts []string) ([]intake.Answered, error) {
	var own []*tuned.Head
	for _, h := range a.own {
		if h != nil {
			own = append(own, h)
		}
	}
	o := tuned.Options{Alternatives: a.opt.Alternatives, Because: a.opt.Because, Threshold: a.opt.Threshold}
	all, err := tuned.ClassifyAll(a.ctx, a.engine, own, texts, o)
	if err != nil {
		return nil, err
	}
	out := make([]intake.Answered, len(texts))
	for n := range texts {
		var decisions []any
		var unsure bool
		next := 0
		for k := range a.own {
			if a.own[k] == nil {
				d := a.embedded[k].Classify(texts[n], a.opt)
				decisions, unsure = append(decisions, d), unsure || d.Abstain
				continue
			}
			d := all[next][n]
			decisions, unsure = append(decisions, d), unsure || d.Abstain
			next++
		}
		out[n] = intake.Answered{Unsure: unsure, Object: func(id json.RawMessage, note string) any { return object(id, note, decisions) }}
	}
	return out, nil
}

// object makes the line of decisions.
func object(id json.RawMessage, note string, decisions []any) any {
	for i := range decisions {
		switch d := decisions[i].(type) {
		case tuned.Decision:
			d.Note = joinNotes(d.Note, note)
			own := ownAnswer{Decision: d, Names: namesOf(d)}
			if len(decisions) == 1 {
				own.ID = id
				return own
			}
			decisions[i] = own
		case head.Decision:
			d.Note = joinNotes(d.Note, note)
			decisions[i] = d
		}
	}
	return severalAnswers{ID: id, Answers: decisions}
}

func joinNotes(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// namesOf looks up the catalogue's names of all labels of a decision.
func namesOf(d tuned.Decision) map[string]string {
	names := map[string]string{}
	add := func(label string) {
		if n := intake.NameOf(label); n != "" {
			names[label] = n
		}
	}
	add(d.Label)
	for _, a := range append(append([]tuned.Alternative(nil), d.Alternatives...), d.Labels...) {
		add(a.Label)
	}
	for _, s := range d.Spans {
		add(s.Label)
	}
	return names
}
