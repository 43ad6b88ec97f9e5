// Package report shows what training came to: report.html, which needs nothing
// beside it, a summary for the terminal and a model card.
//
// All three say the same: the verdict first, then every figure with its interval
// and its test against what was there before, then what the result rests on. The
// texts of a team's rows are shown only on the page, escaped, with secrets taken
// out, and not at all where that is asked for.
package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"sync"
	"time"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/tune"
)

//go:embed page.html.tmpl page.css
var files embed.FS

// Names of the files that the forms are usually kept in.
const (
	PageFile = "report.html"
	CardFile = "card.md"
)

// Options says what of a result is shown. The zero value shows all that is known.
type Options struct {
	NoTexts bool // leave out the texts of rows
	// Redact takes secrets and personal data out of a row's text before it is
	// shown; nil is inspect.Redact.
	Redact  func(text string) string
	Command string    // the command that made it, for repeating it
	Version string    // of the program
	At      time.Time // when it was made; the zero time leaves it out
}

// errNothing is the error of a result that has nothing to show.
var errNothing = errors.New("the result has no chosen candidate that was measured")

// chosen returns the candidate that the result is about.
func chosen(r *tune.Result) (*tune.Candidate, *outcome.Evaluation, error) {
	if r == nil || r.Chosen < 0 || r.Chosen >= len(r.Candidates) || r.Candidates[r.Chosen].Evaluation == nil || len(r.Candidates[r.Chosen].Evaluation.Rows) == 0 {
		return nil, nil, errNothing
	}
	c := &r.Candidates[r.Chosen]
	return c, c.Evaluation, nil
}

type assets struct {
	tmpl   *template.Template
	policy string
}

// pages parses the template once, when the first page is written.
var pages = sync.OnceValues(func() (assets, error) {
	css, err := files.ReadFile("page.css")
	if err != nil {
		return assets{}, fmt.Errorf("read style of report: %w", err)
	}
	// The style is a file of this package, never input; the policy allows this one
	// and no other.
	sum := sha256.Sum256(css)
	t := template.New("report").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(css) }})
	t, err = t.ParseFS(files, "page.html.tmpl")
	return assets{t, "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"}, err
})

// HTML writes a result as one page that needs nothing else: no script, no request,
// no font. It says so to the browser in its content security policy.
func HTML(w io.Writer, r *tune.Result, o Options) error {
	a, err := pages()
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	v, err := newPage(r, o)
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	v.Policy = a.policy
	var b bytes.Buffer
	if err := a.tmpl.ExecuteTemplate(&b, "page", v); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
