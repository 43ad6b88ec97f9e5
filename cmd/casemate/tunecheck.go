package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/inspect"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/report/columns"
)

type tuneCheckCmd struct {
	dataFlag
	tableFlags
	Part     string   `placeholder:"COLUMN" help:"The column that gives rows to train, validation or test; none: no column does. Default: found."`
	Format   string   `enum:"auto,csv,tsv,jsonl,json,conll,parquet" default:"auto" help:"The files' format; default: by what is in them."`
	Model    string   `short:"m" placeholder:"NAME|PATH" help:"Count the tokens of texts by this model, and name those that are longer than --context."`
	Context  int      `default:"2048" placeholder:"N" help:"With --model: the tokens that will be read of a text. Default: 2048."`
	Patterns string   `placeholder:"FILE" help:"Your own patterns of what must not be learnt: a name, \" = \" and a regular expression a line."`
	Allow    []string `placeholder:"CODE,…" help:"Do not refuse for these findings; the report names them."`
	FailOn   string   `enum:"refuse,warn,note,never" default:"refuse" placeholder:"LEVEL" help:"Exit 1 if something at least this grave is found: note, warn or refuse; never. Default: refuse."`
	Quick    bool     `help:"Leave out what trains a classifier: wrong labels, triggers, how many more rows are needed."`
	Seed     uint64   `placeholder:"N" help:"Of what is left to chance. The same rows and seed give the same report."`
	JSON     bool     `help:"Print one JSON document."`
}

// maxPatternsFile bounds the file of --patterns, in bytes.
const maxPatternsFile = 1 << 20

// Run checks rows and says what is wrong with them.
func (c *tuneCheckCmd) Run(s *streams) error {
	o := inspect.Options{Allow: c.Allow, Seed: c.Seed, Quick: c.Quick}
	if err := c.options(&o); err != nil {
		return err
	}
	table, err := dataset.Read(s.ctx, c.Rows, c.reading())
	if err != nil {
		return err
	}
	bar := newCheckBar(s.stderr)
	bar.show("comparing texts", 0, 1)
	var r *inspect.Report
	group, err := split.Find(s.ctx, table, split.FindOptions{Column: c.Group})
	if err == nil {
		o.Progress = bar.show
		r, err = inspect.Check(s.ctx, table, group, o)
	}
	bar.done()
	if err != nil {
		return err
	}
	if c.JSON {
		err = writeJSON(s.stdout, r, true)
	} else {
		p := checkPrinter{s.stdout, isTerminal(s.stdout), terminalWidth(s.stdout)}
		p.print(r)
	}
	if level := inspect.Level(c.FailOn); err == nil && c.FailOn != "never" && len(r.AtLeast(level)) > 0 {
		return exitRequest(exitFindings)
	}
	return err
}

// reading is how the rows are to be read.
func (c *tuneCheckCmd) reading() dataset.Options {
	o := dataset.Options{Text: c.Text, Label: c.Label, Part: c.Part, Order: c.Order, Separator: c.Separator}
	if c.Group != split.None {
		o.Group = c.Group
	}
	if c.Kind != "auto" {
		o.Kind = dataset.Kind(c.Kind)
	}
	if c.Format != "auto" {
		o.Format = c.Format
	}
	return o
}

// options reads the patterns and the model's vocabulary.
func (c *tuneCheckCmd) options(o *inspect.Options) error {
	if c.Patterns != "" {
		f, err := os.Open(c.Patterns)
		if err != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read patterns %q", c.Patterns), Err: err, Hint: "give a file that can be read"}
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxPatternsFile+1))
		if err != nil {
			return fmt.Errorf("read patterns %q: %w", c.Patterns, err)
		}
		if len(text) > maxPatternsFile {
			return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read patterns %q: more than %s", c.Patterns, phrase.Bytes(maxPatternsFile)), Hint: "put several of them into one"}
		}
		if o.Patterns, err = inspect.ParsePatterns(string(text)); err != nil {
			return err
		}
	}
	if c.Model != "" {
		t, err := openTokenizer(c.dataFlag, c.Model)
		if err != nil {
			return err
		}
		o.Context = c.Context
		o.Tokens = func(text string) int { return len(t.Encode(text)) }
	}
	return nil
}

// checkPrinter prints a report for people.
type checkPrinter struct {
	w      io.Writer
	colour bool
	width  int
}

// The styles of a terminal.
const (
	styleBold = "1"
	styleDim  = "2"
)

// levelStyles are the styles of the levels.
var levelStyles = map[inspect.Level]string{inspect.LevelRefuse: "1;31", inspect.LevelWarn: "33", inspect.LevelNote: "36"}

// paint gives text a style.
func (p *checkPrinter) paint(style, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

// print prints what the rows are, what is wrong with them, and the verdict.
func (p *checkPrinter) print(r *inspect.Report) {
	fmt.Fprintln(p.w, p.paint(styleBold, report.Terminal(fmt.Sprintf("%s: %s, %s", r.Path, phrase.Count(r.Rows, "row"), r.Kind))))
	for _, what := range []string{"text", "label", "group", "part"} {
		column, named := r.Columns[what]
		if why := r.Why[what]; named || why != "" && what == "part" {
			if column == "" {
				column = "-"
			}
			p.line(what, report.Terminal(column)+p.paint(styleDim, "  "+report.Terminal(why)))
		}
	}
	if why := r.Why["kind"]; why != "" {
		p.line("kind", fmt.Sprintf("%s%s", r.Kind, p.paint(styleDim, "  "+report.Terminal(why))))
	}
	if why := r.Why["file"]; why != "" {
		p.line("file", why)
	}
	by := "no two rows share anything"
	if len(r.GroupedBy) > 0 {
		by = "rows that share " + strings.Join(r.GroupedBy, " or ") + " stay together"
	}
	p.line("groups", fmt.Sprintf("%s%s", phrase.Number(r.Groups), p.paint(styleDim, "  "+report.Terminal(by))))
	p.classes(r)
	words := fmt.Sprintf("%s in the median, %s at most", phrase.Number(r.Words.Median), phrase.Number(r.Words.Max))
	if r.Tokens != nil {
		words += fmt.Sprintf("; tokens: %s and %s", phrase.Number(r.Tokens.Median), phrase.Number(r.Tokens.Max))
	}
	p.line("words", words)
	fmt.Fprintln(p.w)
	for _, f := range r.Findings {
		p.finding(f)
	}
	p.verdict(r)
}

// line prints what something is.
func (p *checkPrinter) line(name, text string) {
	fmt.Fprintf(p.w, "  %-7s %s\n", name, text)
}

// classes prints the labels and how many rows each has, those with most first.
func (p *checkPrinter) classes(r *inspect.Report) {
	const most = 6
	if len(r.Classes) == 0 {
		return
	}
	all := slices.Clone(r.Classes)
	slices.SortStableFunc(all, func(a, b inspect.Class) int { return b.Rows - a.Rows })
	var names []string
	for _, c := range all[:min(len(all), most)] {
		names = append(names, fmt.Sprintf("%s %s", report.TerminalFit(c.Label, 30), phrase.Number(c.Rows)))
	}
	text := strings.Join(names, ", ")
	if len(all) > most {
		text += fmt.Sprintf(" … %s %s", report.TerminalFit(all[len(all)-1].Label, 30), phrase.Number(all[len(all)-1].Rows))
	}
	p.line("labels", fmt.Sprintf("%s%s", phrase.Number(len(all)), p.paint(styleDim, "  "+text)))
}

// indent is where the text of a finding stands, shownRows how many rows it shows.
const (
	indent    = 9
	shownRows = 4
)

// finding prints one: what, what to do, and a few rows.
func (p *checkPrinter) finding(f inspect.Finding) {
	level := p.paint(levelStyles[f.Level], columns.Pad(string(f.Level), indent-2))
	message := report.Terminal(f.Message)
	if f.Allowed {
		message += " (allowed)"
	}
	p.wrap("  "+level, p.paint(styleBold, f.Code)+": ", len(f.Code)+2, message+".")
	p.wrap(strings.Repeat(" ", indent), "", 0, "→ "+report.Terminal(f.Advice)+".")
	for n, s := range f.Shown {
		if n == shownRows && len(f.Shown) > shownRows+1 {
			fmt.Fprintln(p.w, strings.Repeat(" ", indent+2)+p.paint(styleDim, "… --json has more"))
			break
		}
		fmt.Fprintln(p.w, strings.Repeat(" ", indent+2)+p.paint(styleDim, report.TerminalFit(s, max(p.width-indent-2, minShownColumn))))
	}
	fmt.Fprintln(p.w)
}

// wrap prints words on as many lines as they need; lead, of so many columns, stands
// before the first.
func (p *checkPrinter) wrap(margin, lead string, leadColumns int, text string) {
	width := max(p.width-indent, minShownColumn)
	fmt.Fprint(p.w, margin, lead)
	at := leadColumns
	for n, word := range strings.Fields(text) {
		size := columns.Of(word)
		switch {
		case n == 0:
		case at+1+size > width:
			fmt.Fprint(p.w, "\n", strings.Repeat(" ", indent))
			at = 0
		default:
			fmt.Fprint(p.w, " ")
			at++
		}
		fmt.Fprint(p.w, word)
		at += size
	}
	fmt.Fprintln(p.w)
}

// verdict says whether the rows may be learnt from.
func (p *checkPrinter) verdict(r *inspect.Report) {
	refused := r.Refused()
	if len(refused) == 0 {
		fmt.Fprintln(p.w, p.paint(styleBold, "These rows can be learnt from."))
		return
	}
	var codes []string
	for _, f := range refused {
		codes = append(codes, f.Code)
	}
	codes = phrase.Once(codes)
	fmt.Fprintln(p.w, p.paint(levelStyles[inspect.LevelRefuse], "These rows would give a false result: "+phrase.And(codes)+"."))
	fmt.Fprintln(p.w, "Mend them, or go on in spite of it with --allow "+strings.Join(codes, ",")+".")
}

// checkBar shows on a terminal what is done.
type checkBar struct{ bar *progressbar.ProgressBar }

// newCheckBar returns a bar, or a silent one where nobody watches.
func newCheckBar(stderr io.Writer) checkBar {
	if !isTerminal(stderr) {
		return checkBar{}
	}
	return checkBar{progressbar.NewOptions64(1, progressbar.OptionSetWriter(stderr), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(barThrottle), progressbar.OptionSetPredictTime(true))}
}

func (b checkBar) show(stage string, done, total int) {
	if b.bar == nil {
		return
	}
	b.bar.Describe(stage)
	b.bar.ChangeMax64(int64(max(total, 1)))
	b.bar.Set64(int64(min(done, total-1))) // the end is said by done; a bar that cannot be drawn is no reason to stop
}

func (b checkBar) done() {
	if b.bar != nil {
		b.bar.Finish()
	}
}
