package workflow

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/openbook"
	"github.com/casemate-ai/casemate/internal/security/page"
)

const (
	maxAsked     = 64 << 10 // bytes of a question or an option that are read
	maxAskedLine = 4 << 20  // bytes of a line of questions
	maxAskedAll  = 16 << 20 // bytes of a question from standard input
	maxPassages  = 100
)

// AskInput says what to ask. The type of Options, rest, takes all arguments up to
// the next flag.
type AskInput struct {
	Question []string `json:"question,omitempty" arg:"" optional:"" name:"question" help:"A question, in English; - reads standard input."`
	Options  []string `json:"options,omitempty" type:"rest" placeholder:"A B …" help:"Rank these options, two to ten: all arguments up to the next flag."`
	JSONL    string   `json:"questions,omitempty" name:"jsonl" placeholder:"FILE" help:"Answer a file of lines {\"question\":…,\"options\":[…]}, one JSON object each; - for standard input."`
	Top      int      `json:"top,omitempty" default:"5" help:"How many passages to show."`
}

// Lines says whether answers go out one by one.
func (in *AskInput) Lines() bool { return in.JSONL != "" }

func askEntry() Workflow {
	return entry(Workflow{
		Name: "ask", Group: GroupKnowledge, Library: true,
		Summary: "Answer a question from the knowledge base, or rank the options of one, with the passages.",
		Help:    "Exact answers come from the relations of the catalogues, others from their sentences, quoted with where they stand. It says when it is unsure. casemate kb import fills the knowledge base.",
		Example: "casemate ask 'What mitigates T1059.001?'",
		Output:  AskOutput{},
	}, runAsk)
}

func runAsk(ctx context.Context, in *AskInput, env Env) (Result, error) {
	if err := in.check(); err != nil {
		return Result{}, err
	}
	question, err := in.question(env.Stdin)
	if err != nil {
		return Result{}, err
	}
	if env.Library == nil {
		return Result{}, &casemate.Error{Code: casemate.CodeInput, Message: "the knowledge base is empty",
			Hint: "import ATT&CK, CWE and CAPEC first: casemate kb import FILE…; casemate kb status tells what is missing"}
	}
	book, built, err := openbook.Open(ctx, env.Library)
	if err != nil {
		return Result{}, err
	}
	r := Result{Notes: lacks(ctx, env.Library)}
	if built && env.Progress != nil { // somebody watches
		r.Notes = append(r.Notes, "the index of passages was missing and has been built")
	}
	a := asker{ctx: ctx, env: env, lib: env.Library, book: book, top: in.Top}
	if in.JSONL != "" {
		broken, err := a.file(in.JSONL)
		if broken > 0 {
			r.Incomplete = true
			r.Notes = append(r.Notes, fmt.Sprintf("%d lines could not be answered", broken))
		}
		return r, err
	}
	q := asked{Question: question, Options: in.Options}
	out, err := a.answer(q)
	if err != nil {
		return Result{}, err
	}
	r.Value, r.Page = out, askPage(q, out)
	r.Text = func(w io.Writer, o page.TerminalOptions) error { return show(w, o.Width, q, out) }
	if out.Note != "" {
		r.Notes = append(r.Notes, "note: "+out.Note)
	}
	return r, nil
}

// check refuses what cannot be meant.
func (in *AskInput) check() error {
	switch {
	case in.JSONL != "" && (len(in.Question) > 0 || len(in.Options) > 0):
		return usage("--jsonl brings its own questions", "leave the question and --options out")
	case in.JSONL == "" && strings.TrimSpace(strings.Join(in.Question, " ")) == "":
		return usage("ask needs a question", "try: casemate ask 'What mitigates T1059.001?'")
	case in.Top < 1 || in.Top > maxPassages:
		return usage(fmt.Sprintf("--top %d", in.Top), fmt.Sprintf("1 to %d", maxPassages))
	}
	if len(in.Options) > 0 {
		if err := checkOptions(in.Options); err != nil {
			return usage(err.Error(), "give each option as one argument, in quotes")
		}
	}
	return nil
}

// question returns the question of the arguments or of standard input.
func (in *AskInput) question(stdin io.Reader) (string, error) {
	if len(in.Question) != 1 || in.Question[0] != "-" {
		return strings.Join(in.Question, " "), nil
	}
	b, err := io.ReadAll(io.LimitReader(stdin, maxAskedAll))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if strings.TrimSpace(string(b)) == "" {
		return "", usage("standard input holds no question", "")
	}
	return string(b), nil
}

// checkOptions says what is wrong with options.
func checkOptions(options []string) error {
	if n := len(options); n < openbook.MinOptions || n > openbook.MaxOptions {
		return fmt.Errorf("%d options: %d to %d can be ranked", n, openbook.MinOptions, openbook.MaxOptions)
	}
	for i, o := range options {
		if strings.TrimSpace(o) == "" {
			return fmt.Errorf("option %d is empty", i+1)
		}
	}
	return nil
}

// lacks names the catalogues that answers will lack.
func lacks(ctx context.Context, lib *library.Library) []string {
	publications, err := lib.Publications(ctx)
	if err != nil {
		return nil // the answer itself will tell
	}
	have := map[string]bool{}
	for _, p := range publications {
		have[p.Key] = true
	}
	var lacks []string
	for _, want := range [][2]string{{"attack-enterprise", "ATT&CK"}, {"cwe", "CWE"}, {"capec", "CAPEC"}} {
		if !have[want[0]] {
			lacks = append(lacks, want[1])
		}
	}
	if len(lacks) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("answers lack %s: import it with casemate kb import", strings.Join(lacks, " and "))}
}

// asked is one question.
type asked struct {
	Question string   `json:"question"`
	Options  []string `json:"options"`
}

// AskOutput is one answer. What a question with options has no use for is left
// out, and so the other way round.
type AskOutput struct {
	Index    *int               `json:"index,omitempty"` // of the best option
	Scores   []float64          `json:"scores,omitempty"`
	Unsure   bool               `json:"unsure"`
	Negative bool               `json:"negative,omitempty"`
	Facts    []openbook.Fact    `json:"facts,omitempty"`
	Passages []openbook.Passage `json:"passages"`
	Note     string             `json:"note,omitempty"`

	Knowledge string `json:"knowledge"` // edition of the knowledge base
}

// asker answers questions from one knowledge base.
type asker struct {
	ctx  context.Context
	env  Env
	lib  *library.Library
	book *openbook.Book
	top  int
}

// answer answers one question.
func (a asker) answer(q asked) (AskOutput, error) {
	q, notes := readable(q)
	if len(q.Options) > 0 {
		c := a.book.Choose(q.Question, q.Options, nil)
		passages := append([]openbook.Passage{}, c.Passages[:min(len(c.Passages), a.top)]...) // never null
		return AskOutput{Index: &c.Index, Scores: c.Scores, Unsure: c.Unsure, Negative: c.Negative, Passages: passages, Note: notes, Knowledge: a.lib.Edition()}, nil
	}
	facts, err := a.book.Facts(a.ctx, a.lib, q.Question)
	if err != nil {
		return AskOutput{}, err
	}
	r := AskOutput{Facts: facts, Passages: a.book.Answer(q.Question, a.top), Note: notes, Knowledge: a.lib.Edition()}
	r.Unsure = len(facts) == 0 && (len(r.Passages) == 0 || r.Passages[0].Score < openbook.MinAnswer)
	if r.Passages == nil {
		r.Passages = []openbook.Passage{}
	}
	return r, nil
}
