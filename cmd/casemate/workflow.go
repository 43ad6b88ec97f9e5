package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// workflowCmd is the command of one workflow: the flags of its input, what it
// shows beyond others, and what all workflows share.
type workflowCmd struct {
	kong.Plugins

	w    workflow.Workflow
	in   any // what the flags fill; nil where the input comes as a document
	doc  inputFlag
	view view
	flag struct {
		json    jsonFlag
		lines   linesFlag
		always  alwaysLinesFlag
		page    pageFlags
		pages   optionalPageFlags
		failOn  failOnFlag
		data    dataFlag
		own     ownHeadFlags
		model   workflowModelFlags
		verbose verboseFlag
	}
}

// The flags that workflows share, each a plugin of those commands that it suits.
type (
	jsonFlag struct {
		JSON bool `name:"json" group:"Output" help:"Print one JSON document."`
	}
	linesFlag struct {
		JSONL bool `name:"jsonl" group:"Output" help:"Print one JSON object a line, for each part of the result."`
	}
	// alwaysLinesFlag is accepted where nothing else than lines is written.
	alwaysLinesFlag struct {
		AlwaysJSONL bool `name:"jsonl" hidden:"" help:"One JSON object a line, which it always is."`
	}
	pageFlags struct {
		Markdown string `name:"markdown" group:"Output" placeholder:"FILE" help:"Write Markdown, for a ticket; - for standard output."`
		HTML     string `name:"html" group:"Output" placeholder:"FILE" help:"Write one self-contained page; - for standard output."`
	}
	// optionalPageFlags are those of explain, which prints Markdown where no file
	// is named: --markdown, or --markdown=FILE.
	optionalPageFlags struct {
		Markdown optionalFile `name:"markdown" group:"Output" placeholder:"FILE" help:"Print Markdown, for a ticket; --markdown=FILE writes it."`
		HTML     string       `name:"html" group:"Output" placeholder:"FILE" help:"Write one self-contained page; - for standard output."`
	}
	failOnFlag struct {
		FailOn string `group:"Output" placeholder:"LEVEL" help:"Exit 1 if something at least this grave is found: ${levels}."`
	}
	verboseFlag struct {
		Verbose bool `short:"v" group:"Output" help:"Name every rule that was refused and every line that could not be read."`
	}
	inputFlag struct {
		Input string `name:"input" placeholder:"JSON|@FILE" help:"The whole input as a JSON document (casemate run --list --json has its schema), or @ and the file that holds it."`
	}
)

// view is what one command shows beyond the forms that all workflows have. Its
// fields are flags.
type view interface {
	// show writes what the flags ask for. It says whether standard output has got
	// its result by that.
	show(s *streams, c *workflowCmd, r workflow.Result) (done bool, err error)
}

// newWorkflowCmd makes the command of a workflow. With asDocument its input is
// not spread over flags.
func newWorkflowCmd(w workflow.Workflow, asDocument bool) *workflowCmd {
	c := &workflowCmd{w: w, view: viewOf(w.Name)}
	add := func(flags any) { c.Plugins = append(c.Plugins, flags) }
	if asDocument {
		add(&c.doc)
	} else {
		c.in = w.New()
		add(c.in)
	}
	if c.view != nil {
		add(c.view)
	}
	if w.Stream {
		add(&c.flag.always)
	} else {
		add(&c.flag.json)
		if w.Line != nil {
			add(&c.flag.lines)
		}
		if w.Name == "explain" {
			add(&c.flag.pages)
		} else {
			add(&c.flag.page)
		}
	}
	if w.Levels != nil {
		add(&c.flag.failOn)
	}
	switch {
	case w.Model:
		add(&c.flag.model)
	case w.Heads:
		add(&c.flag.own)
	case w.Library:
		add(&c.flag.data)
	}
	add(&c.flag.verbose)
	return c
}

// option makes the command one of a parser's.
func (c *workflowCmd) option() kong.Option {
	return kong.DynamicCommand(c.w.Name, c.w.Summary, c.w.Group, c, fmt.Sprintf("set:%q", "levels="+listed(c.w.Levels)))
}

// listed joins words as a sentence does.
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// Help is what `--help` tells below the summary.
func (c *workflowCmd) Help() string {
	return c.w.Help + "\n\nExample:\n\n    " + c.w.Example
}

// Run runs the workflow and shows its result in the forms that are asked for.
func (c *workflowCmd) Run(s *streams) error {
	if err := c.check(); err != nil {
		return err
	}
	in, err := c.input(s)
	if err != nil {
		return err
	}
	env, end, err := c.env(s)
	if err != nil {
		return err
	}
	defer end()
	out := bufio.NewWriter(s.stdout)
	if c.lines(in) && !c.alone() {
		env.Flush = out.Flush
		env.LinesOnly = len(c.files()) == 0
		env.Emit = func(v any) error { return writeLine(out, v) }
	}
	r, err := c.w.Run(s.ctx, in, env)
	if env.Progress != nil {
		env.Progress("", 0, 0) // the bar goes before the result comes
	}
	if flushed := out.Flush(); err == nil { // what was found before an error is kept
		err = flushed
	}
	if err != nil {
		return err
	}
	if env.DryRun == nil {
		if err := c.show(s, r, c.lines(in) && !c.alone()); err != nil {
			return err
		}
	}
	return c.tell(s, r)
}

// lines says whether objects go out one by one.
func (c *workflowCmd) lines(in any) bool {
	l, ok := in.(interface{ Lines() bool })
	return c.w.Stream || c.flag.lines.JSONL || ok && l.Lines()
}

// markdown and html are the files that pages go to.
func (c *workflowCmd) markdown() string { return c.flag.page.Markdown + string(c.flag.pages.Markdown) }
func (c *workflowCmd) html() string     { return c.flag.page.HTML + c.flag.pages.HTML }

// optionalFile is a file that may be left out, for standard output.
type optionalFile string

// IsBool implements kong.BoolMapperValue: the flag needs no value.
func (*optionalFile) IsBool() bool { return true }

// Decode reads the value behind =, where there is one.
func (o *optionalFile) Decode(ctx *kong.DecodeContext) error {
	*o = "-"
	if ctx.Scan.Peek().Type == kong.FlagValueToken {
		*o = optionalFile(ctx.Scan.Pop().String())
	}
	return nil
}

// alone says whether a view writes something else in the place of those objects.
func (c *workflowCmd) alone() bool {
	v, ok := c.view.(interface{ alone() bool })
	return ok && v.alone()
}

// writeLine writes an object on a line of its own: the bytes that it has already,
// where it has them.
func writeLine(w io.Writer, v any) error {
	made, ok := v.(interface{ Line() []byte })
	if !ok {
		return writeJSON(w, v, false)
	}
	if _, err := w.Write(made.Line()); err != nil {
		return err
	}
	_, err := w.Write([]byte{'\n'})
	return err
}

// check refuses what cannot be meant.
func (c *workflowCmd) check() error {
	if f := c.flag.failOn.FailOn; f != "" && !slices.Contains(c.w.Levels, f) {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--fail-on %q", f), Hint: "give " + listed(c.w.Levels)}
	}
	toStdout := 0
	for _, f := range c.files() {
		if f == "-" {
			toStdout++
		}
	}
	for _, asked := range []bool{c.flag.json.JSON, c.flag.lines.JSONL} {
		if asked {
			toStdout++
		}
	}
	if toStdout > 1 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "only one form can go to standard output", Hint: "give the others a file name"}
	}
	if v, ok := c.view.(interface{ check() error }); ok {
		return v.check()
	}
	return nil
}

// files are the files that further forms go to, as they are asked for.
func (c *workflowCmd) files() []string {
	all := []string{c.markdown(), c.html()}
	if v, ok := c.view.(interface{ files() []string }); ok {
		all = append(all, v.files()...)
	}
	return slices.DeleteFunc(all, func(f string) bool { return f == "" })
}

// input is the workflow's input, of flags or of a document.
func (c *workflowCmd) input(s *streams) (any, error) {
	if c.in != nil {
		return c.in, nil
	}
	document, err := readDocument(s, c.doc.Input)
	if err != nil {
		return nil, err
	}
	return c.w.Decode(document)
}

// env makes what the run is given. The caller calls end when all is shown.
func (c *workflowCmd) env(s *streams) (env workflow.Env, end func(), err error) {
	env = workflow.Env{Stdin: s.stdin, Open: func(name string) (io.ReadCloser, error) { return openInterruptible(s.ctx, name) }, Options: pipeline.Options{Workflow: c.w.Name, Version: version, Stdin: s.stdin}}
	show, done := stepBar(s.stderr)
	env.Progress = show
	closers := []func(){done}
	end = func() {
		for _, f := range closers {
			f()
		}
		closers = nil
	}
	if c.w.Heads {
		env.Own = ownHeads{c.flag.own, s}
	}
	data := c.flag.data
	if c.w.Model {
		data = c.flag.model.dataFlag
	}
	if c.w.Model || c.w.Library {
		lib, err := data.openLibrary()
		switch {
		case err == nil:
			closers = append(closers, func() { lib.Close() })
			env.Library = lib
		case !errors.Is(err, library.ErrEmpty):
			return env, end, err
		}
	}
	if c.w.Model {
		e, err := c.flag.model.options(s, &env.Options)
		if err != nil {
			end()
			return env, end, err
		}
		if e != nil {
			closers = append(closers, func() { e.Close() })
		}
	}
	return env, end, nil
}

// show writes the files that are asked for, then what goes to standard output.
func (c *workflowCmd) show(s *streams, r workflow.Result, done bool) error {
	printed, err := writeForms(s.stdout, []form{{c.markdown(), r.WriteMarkdown}, {c.html(), r.WriteHTML}})
	if err != nil {
		return err
	}
	done = done || printed
	if c.view != nil {
		shown, err := c.view.show(s, c, r)
		if err != nil {
			return err
		}
		done = done || shown
	}
	switch {
	case done:
		return nil
	case c.flag.json.JSON:
		return writeJSON(s.stdout, r.Value, true)
	}
	return r.WriteText(s.stdout, page.TerminalOptions{Width: terminalWidth(s.stdout), Color: isTerminal(s.stdout)})
}

// tell says on stderr what the result lacks, and returns the exit code for it.
// Incomplete input comes before findings: what is missing might be graver.
func (c *workflowCmd) tell(s *streams, r workflow.Result) error {
	all := c.flag.verbose.Verbose
	for _, n := range r.Notes {
		fmt.Fprintln(s.stderr, "casemate:", report.Terminal(n))
	}
	tellRefused(s.stderr, r.Refused, all)
	tellFaults(s.stderr, r.Faults, r.FaultCount, all)
	if r.Incomplete {
		return exitRequest(exitIncomplete)
	}
	if f := c.flag.failOn.FailOn; f != "" && slices.Index(c.w.Levels, r.Level) >= slices.Index(c.w.Levels, f) {
		return exitRequest(exitFindings)
	}
	return nil
}

// tellRefused names the rules that did not run.
func tellRefused(w io.Writer, refused []string, all bool) {
	shown := min(len(refused), 3)
	if all {
		shown = len(refused)
	}
	for _, r := range refused[:shown] {
		fmt.Fprintln(w, "casemate: rule refused:", report.Terminal(r))
	}
	if more := len(refused) - shown; more > 0 {
		fmt.Fprintf(w, "casemate: rule refused: and %d more (-v names them)\n", more)
	}
}

// tellFaults says on stderr what could not be read.
func tellFaults(w io.Writer, faults []casemate.Fault, count int, all bool) {
	if count == 0 {
		return
	}
	shown := min(len(faults), 5)
	if all {
		shown = len(faults)
	}
	for _, f := range faults[:shown] {
		fmt.Fprintln(w, "casemate: unreadable:", report.Terminal(f.String()))
	}
	if count > shown {
		fmt.Fprintf(w, "casemate: unreadable: and %d more (-v names up to %d)\n", count-shown, len(faults))
	}
	fmt.Fprintln(w, "casemate: the result is incomplete: everything else was read (exit 4)")
}
