package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// liveTogether is how many texts a head answers at once.
const liveTogether = 256

type tuneWatchCmd struct {
	ownHeadFlags
	Name   string `arg:"" help:"NAME (in service, else the newest) or NAME@VERSION."`
	Input  string `arg:"" name:"file" help:"Live inputs: CSV, TSV, JSON lines or Parquet, or a text a line (.txt, .log); - for standard input, texts or JSON objects a line."`
	Text   string `placeholder:"COLUMN" help:"The column or field of texts. Default: found; of JSON objects a line, text."`
	Label  string `placeholder:"COLUMN" help:"The column or field of true labels, where they are known. Default: found; of JSON objects a line, label."`
	FailOn string `enum:"never,look,drifted" default:"never" help:"Exit 1 if the inputs changed so far: look or drifted. Default: never."`
	JSON   bool   `help:"Print one JSON document."`
}

// Run compares live inputs with what the head was tested on.
func (c *tuneWatchCmd) Run(s *streams) error {
	r, err := c.openRegistry()
	if err != nil {
		return err
	}
	v, err := r.Resolve(registry.KindHead, c.Name)
	if err != nil {
		return err
	}
	ref, err := r.Reference(v)
	if err != nil {
		return err
	}
	if ref == nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("watch %s: it has no reference", v), Hint: "train it with casemate tune train, which keeps one"}
	}
	h, e, done, err := headAnswers{s: s, flags: c.ownHeadFlags}.open(s.ctx, v)
	if err != nil {
		return err
	}
	defer done()
	live, notes, err := c.read(s, h.Card())
	if err != nil {
		return err
	}
	all := len(live)
	live, err = newInputs(r, v, live)
	if err != nil {
		return err
	}
	if err := answerAll(s, h, e, live); err != nil {
		return err
	}
	d := registry.Watch(ref, live)
	d.Notes = append(d.Notes, notes...)
	if n := all - len(live); n > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("Left out are %s with a text that the head learnt from: it is surer of those, and the rows that it was tested on had none.", phrase.Count(n, "input")))
	}
	if c.JSON {
		err = writeJSON(s.stdout, map[string]any{"head": v, "drift": d}, true)
	} else {
		err = printDrift(s.stdout, v, d)
	}
	if err == nil && (c.FailOn == "look" && d.State == registry.StateLook || c.FailOn != "never" && d.State == registry.StateDrifted) {
		return exitRequest(exitFindings)
	}
	return err
}

// newInputs returns the inputs whose text the head did not learn from, as far as
// that is known.
func newInputs(r *registry.Registry, v *registry.Version, live []registry.Live) ([]registry.Live, error) {
	seen, err := r.Seen(v)
	if err != nil || seen == nil {
		return live, err
	}
	known := make(map[string]bool, len(seen.Texts))
	for _, t := range seen.Texts {
		known[t] = true
	}
	return slices.DeleteFunc(live, func(x registry.Live) bool { return known[outcome.TextDigest(x.Text)] }), nil
}

// answerAll has the head answer every input.
func answerAll(s *streams, h *tuned.Head, e engine.Engine, live []registry.Live) error {
	bar := newHeadBar(s.stderr)
	defer bar.done()
	for from := 0; from < len(live); from += liveTogether {
		part := live[from:min(len(live), from+liveTogether)]
		if err := answerLive(s, h, e, part); err != nil {
			return err
		}
		bar.step("answering", from+len(part), len(live))
	}
	return nil
}

// answerLive fills in the answers to some inputs, as an evaluation has them.
func answerLive(s *streams, h *tuned.Head, e engine.Engine, live []registry.Live) error {
	texts := make([]string, len(live))
	for i := range live {
		texts[i] = live[i].Text
	}
	scores, err := h.Score(s.ctx, e, texts)
	if err != nil {
		return err
	}
	for i := range live {
		x := &live[i]
		d := h.Decide(scores[i], tuned.Options{Alternatives: -1, Because: -1})
		x.P, x.Abstain = d.P, d.Abstain
		switch h.Card().Task {
		case tuned.TaskMulti:
			severalLabels(x, d.Labels, scores[i].P)
		case tuned.TaskSpans:
			spanLabels(x, d.Spans)
		case tuned.TaskRegression:
			x.Value, x.P, x.Labelled = d.Value, 0, false
		default:
			x.Answer = []string{d.Label}
		}
	}
	return nil
}

// severalLabels fills in an answer of any number of labels: it is as sure as the
// least sure of them, and where there is none as that none holds. Whether such an
// answer is right says nothing of that, so it is not calibrated.
func severalLabels(x *registry.Live, given []tuned.Alternative, p []float64) {
	x.P, x.Labelled = 1, false
	for _, l := range given {
		x.Answer, x.P = append(x.Answer, l.Label), min(x.P, l.P)
	}
	if slices.Sort(x.Answer); len(given) == 0 && len(p) > 0 {
		x.P = 1 - slices.Max(p)
	}
}

// spanLabels fills in an answer of stretches: their labels, each once.
func spanLabels(x *registry.Live, given []tuned.Span) {
	x.P, x.Labelled = 1, false
	for _, g := range given {
		x.Answer, x.P = append(x.Answer, g.Label), min(x.P, g.P)
	}
	slices.Sort(x.Answer)
	x.Answer = slices.Compact(x.Answer)
}

func printDrift(w io.Writer, v *registry.Version, d *registry.Drift) error {
	fmt.Fprintf(w, "%s: %s, on %s.\n%s\n\n", report.Terminal(v.String()), d.State, phrase.Count(d.Rows, "input"), report.Terminal(d.Says))
	t := newTable("compared", "", "index", "chance", "largest change")
	for _, c := range d.Checks {
		state := c.State
		if state == registry.StateFew && c.Needed > 0 {
			state = fmt.Sprintf("too few: needs %d", c.Needed)
		}
		t.row(c.Name, state, fmt.Sprintf("%.3f", c.Index), "p "+registry.Probability(c.P), largestChange(&c))
	}
	t.write(w)
	if c := d.Calibration; c != nil {
		fmt.Fprintf(w, "\nOf %s with true labels %.1f %% (%.1f to %.1f) are right, stated were %.1f %% (p %s): %s. Calibration error %.1f %%.\n",
			phrase.Count(c.Rows, "input"), 100*c.Right.Value, 100*c.Right.Low, 100*c.Right.High, 100*c.Stated, registry.Probability(c.P), c.State, 100*c.ECE)
		t := newTable("stated", "inputs", "stated on average", "right")
		for _, b := range c.Bins {
			t.row(fmt.Sprintf("%.1f to %.1f", b.Low, b.High), b.Rows, fmt.Sprintf("%.1f %%", 100*b.Stated), ownScore("", b.Right))
		}
		t.write(w)
	}
	for _, n := range d.Notes {
		fmt.Fprintln(w, report.Terminal(n))
	}
	return nil
}

// largestChange names the bin whose share changed most.
func largestChange(c *registry.Check) string {
	best, far := "", 0.0
	for _, b := range c.Bins {
		if gap := max(b.Live-b.Reference, b.Reference-b.Live); gap > far {
			far, best = gap, fmt.Sprintf("%.0f to %.0f %%: %s", 100*b.Reference, 100*b.Live, b.Name)
		}
	}
	return best
}

// step shows how many of all are done.
func (b *headBar) step(what string, done, total int) {
	if b.bar != nil {
		b.bar.Describe(what)
		b.bar.Set(barSteps * done / max(1, total)) // a bar that cannot be drawn is no reason to stop
	}
}
