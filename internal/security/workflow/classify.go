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
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/intake"
)

// ClassifyInput says what to classify.
type ClassifyInput struct {
	File         string   `json:"file,omitempty" arg:"" optional:"" name:"file" default:"-" help:"Lines of text or of JSON; - for standard input."`
	Head         string   `json:"head" placeholder:"NAME" help:"The classifier: see casemate model list."`
	Format       string   `json:"format,omitempty" enum:"auto,text,jsonl" default:"auto" help:"What a line is: auto, text or jsonl. auto looks at the first line; with --field it is jsonl."`
	Field        string   `json:"field,omitempty" placeholder:"NAME" help:"The field of a JSON line that holds the text. Default: text, description, sentence or message."`
	Alternatives int      `json:"alternatives" default:"5" help:"How many alternatives to give; 0 for none."`
	Because      int      `json:"because" default:"3" help:"How many reasons to give; each is checked by deletion. 0 for none."`
	Threshold    *float64 `json:"threshold,omitempty" placeholder:"P" help:"Abstain below this probability, above 0 and at most 1, instead of the head's own."`
	Style        string   `json:"style,omitempty" placeholder:"NAME" help:"Whose labels to give, where a head knows several: see casemate model card."`
}

func classifyEntry() Workflow {
	return entry(Workflow{
		Name: "classify", Group: GroupKnowledge,
		Summary: "Label lines of text with an embedded classifier, one JSON object a line.",
		Help:    "Answers each line in its place: label, calibrated probability, alternatives, and the words that decide. A line that cannot be read has an object with its error in its place.",
		Example: "casemate classify --head attack examples/suspicious.txt",
		Output:  classifySchema(), Stream: true,
	}, runClassify)
}

// classifySchema is the schema of a line: an answer, or why there is none.
func classifySchema() json.RawMessage {
	answer, err := derive(reflect.TypeFor[intake.Classified]())
	if err != nil {
		return encode(nil, err)
	}
	fault, err := derive(reflect.TypeFor[intake.LineError]())
	return encode(&jsonschema.Schema{Schema: dialect, Title: "casemate classify: output", AnyOf: []*jsonschema.Schema{answer, fault}}, err)
}

func runClassify(ctx context.Context, in *ClassifyInput, env Env) (Result, error) {
	if err := in.check(); err != nil {
		return Result{}, err
	}
	h, opt, err := in.head()
	if err != nil {
		return Result{}, err
	}
	from := env.Stdin
	if in.File != "" && in.File != "-" {
		f, err := env.open(in.File)
		if err != nil {
			return Result{}, &casemate.Error{Code: casemate.CodeInput, Message: "classify", Err: err, Hint: "give a file that can be read, or - for standard input"}
		}
		defer f.Close()
		from = f
	}
	sum, err := intake.Classify(ctx, intake.ClassifyInput{
		Stdin: from, Format: intake.ClassifyFormat(in.Format), Field: in.Field, Name: intake.NameOf,
		Decide: func(text string) head.Decision { return h.Classify(text, opt) },
	}, &lineWriter{env: env})
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
	case in.Because < 0:
		return usage(fmt.Sprintf("--because %d", in.Because), "0 gives none")
	case in.Field != "" && in.Format == string(intake.ClassifyText):
		return usage("--field names a field of JSON lines, and --format says that lines are text", "leave one of them out")
	}
	if in.Field != "" {
		in.Format = string(intake.ClassifyJSONL)
	}
	return nil
}

// head opens the classifier and says how to ask it.
func (in *ClassifyInput) head() (*head.Head, head.Options, error) {
	opt := head.Options{Alternatives: in.Alternatives, Because: in.Because, Style: in.Style}
	// For the head 0 is the usual number; here it is none.
	if in.Because == 0 {
		opt.Because = -1
	}
	if in.Alternatives == 0 {
		opt.Alternatives = -1
	}
	if in.Threshold != nil {
		opt.Threshold = *in.Threshold
	}
	h, err := OpenHead(in.Head)
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
			Hint: "the heads are " + strings.Join(head.Names(), ", ")}
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
