package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/corpus"
	"github.com/casemate-ai/casemate/internal/learn/eval"
	"github.com/casemate-ai/casemate/internal/learn/technique"
	"github.com/casemate-ai/casemate/internal/security/library"
	"github.com/casemate-ai/casemate/internal/security/mapping"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// heldOutFlags say what a head that holds something out is trained from.
type heldOutFlags struct {
	From    string `required:"" placeholder:"FOLDER" help:"The folder of the data sets, with attack and knowledge below it."`
	Weights string `placeholder:"FILE" help:"Held-out weights that an earlier run wrote with --save, instead of training them (minutes)."`
	Save    string `placeholder:"FILE" help:"Write the held-out weights here."`
	Verbose bool   `help:"Show each technique, or what other thresholds would give."`
	JSON    bool   `help:"Print one JSON document."`
}

func (c *heldOutFlags) open(s *streams) (*eval.AttackHeldOut, error) {
	fault := func(err error) error {
		return &casemate.Error{Code: casemate.CodeInput, Message: "hold out data and train", Err: err, Hint: "give the folder that holds attack/enterprise-attack-18.1.json.gz and the other files of heads-train"}
	}
	var o *eval.AttackHeldOut
	if c.Weights != "" {
		data, err := os.ReadFile(c.Weights)
		if err == nil {
			o, err = eval.OpenHoldOut(c.From, data)
		}
		if err != nil {
			return nil, fault(err)
		}
	} else {
		var err error
		if o, err = eval.HoldOut(c.From, sayTo(s)); err != nil {
			return nil, fault(err)
		}
	}
	if c.Save != "" {
		if err := os.WriteFile(c.Save, o.Weights, 0o644); err != nil {
			return nil, fault(err)
		}
	}
	return o, nil
}

// sayTo tells a person at a terminal how far a training is.
func sayTo(s *streams) func(string) {
	return func(text string) {
		if isTerminal(s.stderr) {
			fmt.Fprintln(s.stderr, text)
		}
	}
}

type evalAttackCmd struct{ heldOutFlags }

// Run trains without reports and some actors, and measures on both.
func (c *evalAttackCmd) Run(s *streams) error {
	o, err := c.open(s)
	if err != nil {
		return err
	}
	figures := o.Sentences()
	if c.JSON {
		return writeJSON(s.stdout, figures, true)
	}
	return eval.WriteTechniqueFigures(s.stdout, figures, c.Verbose)
}

type evalTRAMCmd struct {
	From    string `required:"" placeholder:"FOLDER" help:"The folder of the data sets, with attack and knowledge below it."`
	Parts   int    `default:"4" placeholder:"N" help:"Parts that the reports are cut into, 2 to 10; a head is trained for each."`
	Verbose bool   `help:"Show each technique."`
	JSON    bool   `help:"Print one JSON document."`
}

// Run trains a head for each part of the reports and measures it on that part.
func (c *evalTRAMCmd) Run(s *streams) error {
	if c.Parts < 2 || c.Parts > 10 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--parts %d", c.Parts), Hint: "give 2 to 10"}
	}
	f, err := eval.TRAMFolds(c.From, c.Parts, sayTo(s))
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "eval tram", Err: err, Hint: "give the folder that holds attack/tram-train.json.gz"}
	}
	if c.JSON {
		return writeJSON(s.stdout, f, true)
	}
	return eval.WriteTechniqueFigures(s.stdout, []eval.TechniqueFigures{f}, c.Verbose)
}

type evalReportCmd struct {
	heldOutFlags
	Threshold float64 `placeholder:"P" help:"Instead of the one that mapping uses."`
	Tuning    bool    `help:"Measure on the half that the threshold was chosen on."`
}

// Run maps reports made of actors that were held out.
func (c *evalReportCmd) Run(s *streams) error {
	o, err := c.open(s)
	if err != nil {
		return err
	}
	name := "reports made of held-out actors' procedures (in domain: ATT&CK's words, merged), no knowledge base"
	if c.Tuning {
		name += ", the half that the threshold was chosen on"
	}
	behaviour, err := o.Behaviour(c.From)
	if err != nil {
		return err
	}
	f, err := eval.MeasureSets(s.ctx, name, o.PseudoReports(!c.Tuning), mapping.Options{Head: o.Head, Behaviour: behaviour, Threshold: c.Threshold})
	if err != nil {
		return err
	}
	return writeSets(s, f, c.Verbose, c.JSON)
}

func writeSets(s *streams, f eval.SetFigures, verbose, json bool) error {
	if json {
		return writeJSON(s.stdout, f, true)
	}
	return eval.WriteSetFigures(s.stdout, f, verbose)
}

type ctiATECmd struct {
	dataFlag
	File      string  `required:"" placeholder:"TSV" help:"The task file of CTI-ATE."`
	From      string  `placeholder:"FOLDER" help:"The folder of the data sets: the software listed in attack/exclude-from-training.txt is not looked up in the knowledge base."`
	Library   bool    `help:"Use the knowledge base; needs --from."`
	Threshold float64 `placeholder:"P" help:"Instead of the one that mapping uses."`
	Verbose   bool    `help:"Show what other thresholds would give."`
	JSON      bool    `help:"Print one JSON document."`
}

// Run maps the descriptions of CTI-ATE. The embedded head saw no relation of the
// software that is excluded from training; nor is it looked up, and nor is a
// description's own software.
func (c *ctiATECmd) Run(s *streams) error {
	cases, err := eval.CTIATE(c.File)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "eval cti-ate", Err: err, Hint: "give the tab-separated file of the task, with its header line"}
	}
	opt := mapping.Options{Threshold: c.Threshold}
	if _, err := workflow.MapHeads(&opt); err != nil {
		return err
	}
	name := "descriptions of CTI-ATE, no knowledge base"
	if c.Library {
		excluded, err := corpus.Excluded(filepath.Clean(c.From))
		if err != nil {
			return &casemate.Error{Code: casemate.CodeUsage, Message: "--library", Err: err, Hint: "give --from as well: what must not be looked up is listed there"}
		}
		opt.Exclude = slices.Sorted(maps.Keys(excluded))
		if opt.Library, err = c.openLibrary(); err != nil {
			if errors.Is(err, library.ErrEmpty) {
				return &casemate.Error{Code: casemate.CodeUsage, Message: "the knowledge base is empty", Hint: "run casemate kb import first"}
			}
			return err
		}
		defer opt.Library.Close()
		name = "descriptions of CTI-ATE, with the knowledge base, excluded software aside"
	}
	f, err := eval.MeasureSets(s.ctx, name, cases, opt)
	if err != nil {
		return err
	}
	return writeSets(s, f, c.Verbose, c.JSON)
}

// sorterEvalCmd measures a head of two labels.
type sorterEvalCmd struct {
	From string `required:"" placeholder:"FOLDER" help:"The folder of the data sets, with cve, attack and knowledge below it."`
	JSON bool   `help:"Print one JSON document."`
}

func (c *sorterEvalCmd) run(s *streams, r technique.Sorter) error {
	f, err := eval.MeasureSorter(r, c.From)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "eval " + r.Name, Err: err, Hint: "give the folder that holds cve/cve.tsv.gz and attack/tram-train.json.gz"}
	}
	if c.JSON {
		return writeJSON(s.stdout, f, true)
	}
	return eval.WriteSorterFigures(s.stdout, r, f)
}

type evalRelevantCmd struct{ sorterEvalCmd }

// Run trains a relevant head without some texts and asks it about them.
func (c *evalRelevantCmd) Run(s *streams) error { return c.run(s, technique.Relevant()) }

type evalBehaviourCmd struct{ sorterEvalCmd }

// Run trains a behaviour head without some texts and asks it about them.
func (c *evalBehaviourCmd) Run(s *streams) error { return c.run(s, technique.Behaviour()) }
