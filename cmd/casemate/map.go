package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/document"
	"github.com/casemate-ai/casemate/internal/security/evidence"
	"github.com/casemate-ai/casemate/internal/security/head"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/mapping"
)

type mapCmd struct {
	dataFlag
	Files     []string `arg:"" optional:"" name:"file" help:"Reports (PDF, HTML, Markdown, text), Sigma rules, STIX, alert files; folders, .gz or .zip; - for standard input."`
	Threshold *float64 `placeholder:"P" help:"The probability from which a technique counts as found, above 0 and below 1; default: ${threshold}, chosen on reports, see casemate eval report."`
	Domain    string   `enum:",enterprise,mobile,ics" default:"" placeholder:"DOMAIN" help:"Only techniques of this domain of ATT&CK: enterprise, mobile or ics."`
	Exclude   []string `placeholder:"ID" help:"Software, groups or campaigns (S0002,G0016) whose passages of the knowledge base are not to be used: for measurements."`
	All       bool     `help:"Show the unsure techniques as well."`
	Navigator string   `placeholder:"FILE" help:"Write a layer for the ATT&CK Navigator; - for standard output."`
	STIX      string   `name:"stix" placeholder:"FILE" help:"Write a STIX 2.1 bundle; - for standard output."`
	CSV       string   `name:"csv" placeholder:"FILE" help:"Write a row for each sentence and technique; - for standard output."`
	Markdown  string   `placeholder:"FILE" help:"Write Markdown, for a ticket; - for standard output."`
	AsOf      string   `placeholder:"DATE" help:"Date the objects of the STIX bundle, such as 2026-03-05; default: 1970-01-01, which says that none was given."`
	JSON      bool     `help:"Print one JSON document."`
	JSONL     bool     `name:"jsonl" help:"Print one JSON object a document, as each is read."`
	Verbose   bool     `short:"v" help:"Name every file that could not be read."`
}

// mapRun is what one run of the command gathers.
type mapRun struct {
	opt        mapping.Options
	results    []*mapping.Result
	asOf       time.Time
	note       string // what every answer of this build lacks
	incomplete int    // documents of which a part was left out
}

// Run maps every document and writes it in the forms that are asked for.
func (c *mapCmd) Run(s *streams) error {
	run, err := c.check()
	if err != nil {
		return err
	}
	if run.opt.Library, err = c.openLibrary(); err == nil {
		defer run.opt.Library.Close()
	} else if !errors.Is(err, library.ErrEmpty) {
		return err
	}
	if run.note, err = mapHeads(&run.opt); err != nil {
		return err
	}
	bar := newProgress(s.stderr, c.Files)
	opt := document.Options{Progress: bar.update, Alerts: alertDocument}
	out := bufio.NewWriter(s.stdout)
	sum, err := document.Walk(s.ctx, c.Files, s.stdin, opt, func(d *document.Document) error {
		return c.document(s, run, d, out)
	})
	bar.done()
	if flushed := out.Flush(); err == nil { // what was mapped before an error is kept
		err = flushed
	}
	if err != nil {
		return err
	}
	if err := c.write(s, run, sum); err != nil {
		return err
	}
	return c.tell(s, run, sum)
}

// mapHeads puts the classifiers that this build holds into opt, and says what
// that lacks.
func mapHeads(opt *mapping.Options) (note string, err error) {
	have := head.Names()
	for _, h := range []struct {
		name string
		into *mapping.Classifier
	}{{"attack", &opt.Head}, {"relevant", &opt.Relevant}, {"behaviour", &opt.Behaviour}} {
		if !slices.Contains(have, h.name) {
			continue
		}
		opened, err := head.Open(h.name)
		if err != nil {
			return "", err
		}
		*h.into = opened
	}
	if opt.Head == nil {
		note = "this build holds no attack classifier: only ids, names and tags that the text gives were found"
	}
	return note, nil
}

// check reads the flags.
func (c *mapCmd) check() (*mapRun, error) {
	run := &mapRun{results: []*mapping.Result{}, opt: mapping.Options{Domain: knowledge.Domain(c.Domain), Exclude: c.Exclude}}
	usage := func(message, hint string) (*mapRun, error) {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
	}
	if len(c.Files) == 0 {
		return usage("map needs at least one file", "try: casemate map examples/report.md, or - to read standard input")
	}
	if i := slices.Index(c.Files, "-"); i >= 0 && slices.Contains(c.Files[i+1:], "-") {
		return usage("standard input is named twice", "give - once")
	}
	if p := c.Threshold; p != nil {
		if !(*p > 0 && *p < 1) {
			return usage(fmt.Sprintf("--threshold %g is no probability", *p), "give a number above 0 and below 1, such as 0.5")
		}
		run.opt.Threshold = *p
	}
	if n := c.toStdout(); n > 1 {
		return usage("only one form can go to standard output", "give the others a file name")
	}
	if c.AsOf != "" {
		at, err := time.Parse(time.DateOnly, c.AsOf)
		if err != nil {
			return usage(fmt.Sprintf("--as-of %q is no date", c.AsOf), "write it as 2026-03-05")
		}
		run.asOf = at
	}
	return run, nil
}

// toStdout counts the forms that are to go to standard output.
func (c *mapCmd) toStdout() int {
	n := 0
	for _, asked := range []bool{c.JSON, c.JSONL, c.Navigator == "-", c.STIX == "-", c.CSV == "-", c.Markdown == "-"} {
		if asked {
			n++
		}
	}
	return n
}

// document maps one document.
func (c *mapCmd) document(s *streams, run *mapRun, d *document.Document, out *bufio.Writer) error {
	r, err := mapping.Map(s.ctx, d, run.opt)
	if err != nil {
		return err
	}
	if c.Domain != "" {
		onlyDomain(r, knowledge.Domain(c.Domain))
	}
	if run.note != "" {
		r.Notes = append(r.Notes, run.note)
	}
	if d.Incomplete {
		run.incomplete++
	}
	if !c.JSONL || c.Navigator+c.STIX+c.CSV+c.Markdown != "" {
		run.results = append(run.results, r)
	}
	if c.JSONL {
		return writeJSON(out, r, false)
	}
	return nil
}

// onlyDomain leaves the techniques of one domain.
func onlyDomain(r *mapping.Result, domain knowledge.Domain) {
	other := func(id string) bool {
		t, ok := knowledge.Embedded().Technique(id)
		return !ok || t.Domain != domain
	}
	r.Techniques = slices.DeleteFunc(r.Techniques, func(f mapping.Found) bool { return other(f.ID) })
	r.Unsure = slices.DeleteFunc(r.Unsure, func(f mapping.Found) bool { return other(f.ID) })
	for i := range r.Sentences {
		s := &r.Sentences[i]
		s.Techniques = slices.DeleteFunc(s.Techniques, func(h mapping.Hit) bool { return other(h.ID) })
	}
	r.Sentences = slices.DeleteFunc(r.Sentences, func(s mapping.Sentence) bool { return len(s.Techniques) == 0 })
}

// mapDocument is the result of `map --json`.
type mapDocument struct {
	Documents  []*mapping.Result `json:"documents"`
	Faults     []casemate.Fault  `json:"faults"`
	FaultCount int               `json:"fault_count"`
	Incomplete int               `json:"incomplete"` // documents of which a part could not be read
}

// write writes the files, then what goes to standard output.
func (c *mapCmd) write(s *streams, run *mapRun, sum document.Summary) error {
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{c.Navigator, func(w io.Writer) error {
			return mapping.WriteNavigator(w, run.results, mapping.NavigatorOptions{All: c.All})
		}},
		{c.STIX, func(w io.Writer) error {
			return mapping.WriteSTIX(w, run.results, mapping.STIXOptions{AsOf: run.asOf, All: c.All, ID: run.stixID(s)})
		}},
		{c.CSV, func(w io.Writer) error { return mapping.WriteCSV(w, run.results, c.All) }},
		{c.Markdown, func(w io.Writer) error { return mapping.WriteMarkdown(w, run.results, c.All) }},
	} {
		var err error
		switch f.name {
		case "":
		case "-":
			err = f.write(s.stdout)
		default:
			err = writeFile(f.name, f.write)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case c.JSON:
		return writeJSON(s.stdout, mapDocument{run.results, append([]casemate.Fault{}, sum.Faults...), sum.FaultCount, run.incomplete}, true)
	case c.toStdout() > 0:
		return nil
	}
	return mapping.WriteText(s.stdout, run.results, mapping.ViewOptions{Width: terminalWidth(s.stdout), Color: isTerminal(s.stdout), All: c.All})
}

// stixID looks up ATT&CK's own ids in the knowledge base, where it is loaded.
func (run *mapRun) stixID(s *streams) func(string) string {
	if run.opt.Library == nil {
		return nil
	}
	return func(technique string) string {
		e, _, err := run.opt.Library.Entry(s.ctx, technique)
		if err != nil {
			return "" // an id of ours stands in, which is valid, too
		}
		for _, f := range e.Fields {
			if f.Key == "stix-id" {
				return f.Value
			}
		}
		return ""
	}
}

// tell says on stderr what could not be read, and returns the exit code for it.
func (c *mapCmd) tell(s *streams, run *mapRun, sum document.Summary) error {
	tellFaults(s.stderr, sum.Faults, sum.FaultCount, c.Verbose)
	if sum.FaultCount > 0 {
		return exitRequest(exitIncomplete)
	}
	if run.incomplete > 0 {
		fmt.Fprintf(s.stderr, "casemate: documents of which a part could not be read: %d; their notes say which (exit 4)\n", run.incomplete)
		return exitRequest(exitIncomplete)
	}
	return nil
}

// maxAlertText is how much of a message or command line is read for techniques.
const maxAlertText = 4000

// alertDocument reads a file as alerts and events and makes a document of what
// they say: the name and message of each alert with the techniques that its
// sensor names, and the command line of each process. What many records say
// alike stands once. It returns nil for a file that holds no such records.
func alertDocument(ctx context.Context, name string, data []byte) (*document.Document, error) {
	g := gather{seen: map[string]bool{}}
	sum, err := evidence.ReadFrom(ctx, bytes.NewReader(data), name, evidence.Options{NoIndicators: true}, g.take)
	if stop := ctx.Err(); stop != nil {
		return nil, stop
	}
	if err != nil || !g.known {
		return nil, nil // not alerts: it is read for what it says
	}
	if g.kept == 0 {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %q: none of its records (%d) is an alert or gives a message or a command line", name, sum.Records),
			Hint: "casemate triage reads telemetry; map needs something that says what was done"}
	}
	if g.repeats > 0 {
		g.records.Note(fmt.Sprintf("%d texts of records say what others had said already, numbers aside", g.repeats), false)
	}
	if g.silent > 0 {
		g.records.Note(fmt.Sprintf("%d events without an alert, a message or a command line were left out", g.silent), false)
	}
	if sum.FaultCount > 0 {
		g.records.Note(fmt.Sprintf("%d records could not be read, the first: %s", sum.FaultCount, sum.Faults[0].String()), true)
	}
	return g.records.Document("alert"), nil
}

// gather collects what records say.
type gather struct {
	records document.Records
	seen    map[string]bool
	known   bool // a record is an alert, or of a product that is known
	kept    int
	repeats int
	silent  int
}

func (g *gather) take(a *casemate.Alert) error {
	command := ""
	if a.Process != nil {
		command = a.Process.CommandLine
	}
	alert := a.Kind == casemate.KindAlert
	g.known = g.known || alert || command != "" || a.Format != "json" && a.Format != "csv"
	text := a.Name
	if a.Message != "" && !strings.Contains(a.Message, a.Name) {
		text = strings.TrimRight(text, ".: ") + ": " + a.Message
	} else if a.Message != "" {
		text = a.Message
	}
	if !alert && len(a.Techniques) == 0 && (command != "" || !telling(a.Name)) {
		text = ""
	} else if !alert {
		text = a.Name // an event's message is its fields once more
	}
	if text == "" && command == "" {
		g.silent++
		return nil
	}
	g.add(a, document.KindProse, text, upper(a.Techniques))
	g.add(a, document.KindCode, command, nil)
	return nil
}

// noDigit leaves digits out.
func noDigit(r rune) rune {
	if r >= '0' && r <= '9' {
		return -1
	}
	return r
}

// telling says whether the name of an event says what was done: it is several
// words, or one like CreateAccessKey.
func telling(name string) bool {
	if strings.Contains(strings.TrimSpace(name), " ") {
		return true
	}
	small := false
	for _, r := range name {
		if small && r >= 'A' && r <= 'Z' {
			return true
		}
		small = r >= 'a' && r <= 'z'
	}
	return false
}

// add keeps a text that was not there yet, numbers such as times and ports
// aside. A text that claims other techniques than before counts as another.
func (g *gather) add(a *casemate.Alert, kind, text string, claims []string) {
	if len(text) > maxAlertText {
		text = strings.ToValidUTF8(text[:maxAlertText], "")
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	key := kind + "\x00" + strings.Map(noDigit, text) + "\x00" + strings.Join(claims, " ")
	if g.seen[key] {
		g.repeats++
		return
	}
	g.seen[key] = true
	g.kept++
	context := a.Format
	if a.Host != "" {
		context += ", host " + a.Host
	}
	g.records.Add(kind, context, text, a.At.Line, claims)
}

func upper(ids []string) []string {
	out := slices.Clone(ids)
	for i := range out {
		out[i] = strings.ToUpper(out[i])
	}
	return out
}
