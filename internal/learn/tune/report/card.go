package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// maxCardLabels is how many labels a card lists.
const maxCardLabels = 60

// Card writes the model card: what the head is, what it was made from, how good it
// is, what it cannot do, how to use it. It is Markdown without any row's text.
func Card(w io.Writer, r *tune.Result, o Options) error {
	c, e, err := chosen(r)
	if err != nil {
		return fmt.Errorf("write card: %w", err)
	}
	b := &card{}
	b.text("# " + md(r.Name))
	b.text(md(r.Verdict.Headline))
	b.what(r, c, e)
	b.figures(r, e)
	b.labels(r)
	b.made(r)
	b.limits(r)
	b.use(r, o)
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write card: %w", err)
	}
	return nil
}

// md cleans a text for Markdown.
func md(s string) string { return report.Markdown(strings.Join(strings.Fields(s), " ")) }

type card struct{ bytes.Buffer }

// text writes a paragraph.
func (b *card) text(s string) {
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	b.WriteString(s + "\n")
}

func (b *card) list(items []string) {
	b.WriteString("\n")
	for _, s := range items {
		b.WriteString("- " + s + "\n")
	}
}

// table writes rows of cells that are clean.
func (b *card) table(head []string, rows [][]string) {
	b.WriteString("\n| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, r := range rows {
		b.WriteString("| " + strings.Join(r, " | ") + " |\n")
	}
}

func (b *card) what(r *tune.Result, c *tune.Candidate, e *outcome.Evaluation) {
	b.text("## What it is")
	items := []string{"Answers with " + outcome.TaskWords(string(r.Task)) + "."}
	if n := len(r.Card.Labels); n > 0 {
		var names []string
		for _, l := range r.Card.Labels[:min(maxCardLabels, n)] {
			names = append(names, md(l))
		}
		text := phrase.Count(n, "label") + ": " + strings.Join(names, ", ")
		if n > maxCardLabels {
			text += fmt.Sprintf(" and %d more", n-maxCardLabels)
		}
		items = append(items, text+".")
	}
	items = append(items, "Method: "+md(c.Name)+". "+md(strings.TrimSuffix(c.About, "."))+".")
	if base := r.Card.Base; base != nil {
		items = append(items, fmt.Sprintf("Rests on the language model %s (`%s`); it answers with no other.", md(base.Name), base.Digest))
	} else if r.Card.Encoder == tuned.EncoderLexical {
		items = append(items, "Needs no language model.")
	}
	if !r.Card.Created.IsZero() {
		items = append(items, "Made "+r.Card.Created.UTC().Format(time.DateOnly)+".")
	}
	items = append(items, "Digest: `"+e.Digest+"`.")
	b.list(items)
}

func (b *card) figures(r *tune.Result, e *outcome.Evaluation) {
	b.text("## How good it is")
	b.text(fmt.Sprintf("On %s in %s %s, with 95 %% intervals.", phrase.Count(len(e.Rows), "row"), phrase.Count(groupsOf(e), "group"), unseen(r)))
	var rows [][]string
	for _, f := range strip(e) {
		rows = append(rows, []string{f.Name, f.Value, f.Interval, f.Note})
	}
	if len(rows) > 0 {
		b.table([]string{"figure", "value", "interval", ""}, rows)
	}
	v := &pageView{}
	v.candidates(r, scaleOf(e))
	rows = nil
	for _, c := range v.Candidates {
		score, gain := c.Score+" "+c.Interval, c.Gain
		if c.Skipped != "" {
			score, gain = "not measured", md(c.Skipped)
		}
		if c.Chance != "" {
			gain += ", " + c.Chance
		}
		kind := c.Kind
		if kind == "candidate" {
			kind = "tried"
		}
		rows = append(rows, []string{md(c.Name), kind, score, gain})
	}
	b.table([]string{"candidate", "", e.ScoreName(), "gain of the chosen one"}, rows)
	for _, l := range v.LeftOut {
		b.text(md(l))
	}
	if r.Curve.Says != "" {
		b.text(md(r.Curve.Says))
	}
}

func (b *card) labels(r *tune.Result) {
	if len(r.Classes) == 0 {
		return
	}
	var rows [][]string
	for i := range r.Classes[:min(maxCardLabels, len(r.Classes))] {
		c := &r.Classes[i]
		threshold := ""
		if c.Threshold > 0 {
			threshold = fmt.Sprintf("%.2f", c.Threshold)
			if !c.Reached {
				threshold += " (not sure)"
			}
		}
		row := []string{md(c.Label), phrase.Number(c.Train + c.Validation), phrase.Number(c.Test.Rows), "–", "–", threshold}
		if c.Test.Given > 0 {
			row[3] = share(c.Test.Precision)
		}
		if c.Test.Rows > 0 {
			row[4] = share(c.Test.Recall)
		}
		rows = append(rows, row)
	}
	b.table([]string{"label", "learnt from", "tested on", "precision", "recall", "threshold"}, rows)
	if n := len(r.Classes) - len(rows); n > 0 {
		b.text(phrase.Count(n, "further label") + " not listed.")
	}
}

func (b *card) made(r *tune.Result) {
	b.text("## What it was made from")
	d := r.Card.Data
	items := []string{fmt.Sprintf("%s of `%s`: %s to learn from, %s to choose by, %s to test on.", phrase.Count(d.Rows, "row"), d.Digest, phrase.Number(r.Division.Train.Rows), phrase.Number(r.Division.Validation.Rows), phrase.Number(r.Division.Test.Rows))}
	if r.Division.By != "" {
		items = append(items, md(r.Division.By))
	}
	if i := r.Inspection; i != nil {
		for k := range i.Findings {
			f := &i.Findings[k]
			if f.Allowed {
				items = append(items, "Allowed although a result may be false: "+md(f.Message)+" (`"+strings.ReplaceAll(clean(f.Code), "`", "")+"`)")
			} else if f.Level != inspect.LevelNote {
				items = append(items, md(f.Message))
			}
		}
	}
	b.list(items)
}

func (b *card) limits(r *tune.Result) {
	b.text("## What it cannot do")
	var items []string
	for _, l := range r.Card.Limits {
		items = append(items, md(l))
	}
	if !r.Verdict.Ready {
		for _, reason := range r.Verdict.Reasons {
			items = append(items, md(reason))
		}
	}
	few := slices.DeleteFunc(slices.Clone(r.Classes), func(c tune.Class) bool { return c.Test.Rows >= 10 })
	if len(few) > 0 {
		var names []string
		for _, c := range few {
			names = append(names, md(c.Label))
		}
		items = append(items, "Of "+phrase.First(names, 10)+" it was tested on fewer than ten rows: how it fares there is not known.")
	}
	items = append(items, "It answers texts like those that it was made from. `casemate tune watch` says when live texts are others.")
	b.list(items)
}

func (b *card) use(r *tune.Result, o Options) {
	b.text("## How to use it")
	name := strings.ReplaceAll(clean(r.Name), "`", "")
	b.text("```\ncasemate tune promote " + name + "\ncasemate classify --head " + name + " FILE\n```")
	if o.Command != "" {
		b.text("Made by `" + strings.ReplaceAll(clean(o.Command), "`", "'") + "`, seed " + fmt.Sprint(r.Card.Data.Seed) + ".")
	}
}
