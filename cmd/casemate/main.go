// Command casemate is the open, self-hosted language-model system for security
// teams, as one program. See README.md for what it does and `casemate --help`
// for how to ask it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/report"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// version is set by the linker from the repository's tag.
var version = "devel"

// The exit codes are part of the contract with scripts.
const (
	exitFine       = 0
	exitFindings   = 1 // findings at or over --fail-on
	exitUsage      = 2
	exitFault      = 3
	exitIncomplete = 4 // parts of the input could not be used: never reported as clean
)

// cli is every command but those of the table of workflows. Each has a file of
// its own.
type cli struct {
	Run        runCmd        `cmd:"" group:"Recipes" help:"Run a workflow of the table, or a recipe of your own."`
	Recipe     recipeCmd     `cmd:"" group:"Recipes" help:"Make, check and test recipes of your own."`
	KB         kbCmd         `cmd:"" group:"Knowledge" name:"kb" help:"Import, search and show published knowledge."`
	Model      modelCmd      `cmd:"" group:"Models" help:"Import, show, check and quantise models; list the embedded classifiers and their cards."`
	Generate   generateCmd   `cmd:"" group:"Models" help:"Let a language model answer or continue a prompt."`
	Score      scoreCmd      `cmd:"" group:"Models" help:"Tell how probable continuations of a text are to a language model."`
	Embed      embedCmd      `cmd:"" group:"Models" help:"Turn texts into vectors: a language model's hidden states."`
	Tokenize   tokenizeCmd   `cmd:"" group:"Models" help:"Turn text into a model's token ids, and back."`
	Tune       tuneCmd       `cmd:"" group:"Models" help:"Train on rows of your own, and measure what came of it."`
	Rules      rulesCmd      `cmd:"" group:"Checks and measures" help:"Check Sigma rules."`
	Eval       evalCmd       `cmd:"" group:"Checks and measures" help:"Measure Casemate on a public benchmark."`
	Completion completionCmd `cmd:"" group:"This program" help:"Print a script that completes commands and flags: for bash, zsh or fish."`
	Version    versionCmd    `cmd:"" group:"This program" help:"Print the version and what the catalogue holds."`
}

// streams is what a command reads and writes.
type streams struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// exitRequest carries the code that kong asks for, out of its parser.
type exitRequest int

// run is the whole program: results go to stdout, all else to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exitRequest:
			code = int(r)
		default:
			panic(r)
		}
	}()
	var c cli
	options := parserOptions(stdout, stderr)
	for _, w := range workflow.All() {
		options = append(options, newWorkflowCmd(w, false).option())
	}
	parser, err := kong.New(&c, append(options, kong.Name("casemate"), kong.Description("The open, self-hosted language-model system for security teams."))...)
	if err != nil {
		return fail(stderr, err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	out := &output{Writer: stdout}
	if len(args) > 0 && args[0] == "help" { // as other programs have it
		args = append(slices.Clone(args[1:]), "--help")
	}
	err = parseAndRun(parser, args, &streams{ctx, interruptibleReader(ctx, stdin), out, stderr})
	if err == nil && out.err != nil { // no command has to look at each line it prints
		err = fmt.Errorf("write the result: %w", out.err)
	}
	var done exitRequest
	if errors.As(err, &done) {
		return int(done)
	}
	if err != nil {
		return fail(stderr, err)
	}
	return exitFine
}

// parserOptions are what all parsers of the program share.
func parserOptions(stdout, stderr io.Writer) []kong.Option {
	return []kong.Option{
		kong.Vars(workflow.Variables()), kong.NamedMapper("rest", kong.MapperFunc(restOfArguments)),
		kong.UsageOnError(), kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.Exit(func(code int) { panic(exitRequest(code)) }),
		kong.PostBuild(workflowsFirst),
	}
}

// workflowsFirst puts the commands of the table before the others, which the help
// lists in this order.
func workflowsFirst(k *kong.Kong) error {
	slices.SortStableFunc(k.Model.Children, func(a, b *kong.Node) int {
		_, isA := commandOf(a)
		_, isB := commandOf(b)
		switch {
		case isA == isB:
			return 0
		case isA:
			return -1
		}
		return 1
	})
	return nil
}

// parseAndRun runs the command that the arguments ask for.
func parseAndRun(parser *kong.Kong, args []string, s *streams) error {
	k, err := parser.Parse(args)
	if err != nil {
		return wrongUse(err)
	}
	return k.Run(s)
}

// noValue is what kong says of a flag behind which nothing stands.
var noValue = regexp.MustCompile(`^(--[a-z-]+): expected \w+ value but got "EOL".*$`)

// wrongUse says what is wrong with arguments, and which help has the right ones.
func wrongUse(err error) error {
	help := "casemate"
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			help = node.FullPath()
		}
	}
	return &casemate.Error{Code: casemate.CodeUsage, Message: noValue.ReplaceAllString(err.Error(), "$1 needs a value"), Hint: "see " + help + " --help"}
}

// Error lets a command end with a code after it has said all there is to say.
func (e exitRequest) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// fail tells an error and what to try, and returns its exit code.
func fail(stderr io.Writer, err error) int {
	fmt.Fprintln(stderr, "casemate: error:", report.Terminal(err.Error()))
	var e *casemate.Error
	if !errors.As(err, &e) {
		if errors.Is(err, context.Canceled) {
			fmt.Fprintln(stderr, "casemate: hint: it was interrupted before its end")
		}
		return exitFault
	}
	if e.Hint != "" {
		fmt.Fprintln(stderr, "casemate: hint:", report.Terminal(e.Hint))
	}
	switch e.Code {
	case casemate.CodeUsage:
		return exitUsage
	case casemate.CodeIncomplete:
		return exitIncomplete
	}
	return exitFault
}
