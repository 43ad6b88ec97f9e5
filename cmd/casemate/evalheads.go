package main

import (
	"fmt"
	"os"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/eval"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// headEvalCmd measures a head on the vulnerabilities published after its
// training period.
type headEvalCmd struct {
	File    string `required:"" placeholder:"FILE" help:"cve.tsv.gz; ssvc.tsv.gz lies beside it."`
	Weights string `placeholder:"FILE" help:"Weights to measure instead of the embedded ones."`
	Style   string `placeholder:"NAME" help:"Only labels of nvd, adp or cna."`
	Since   string `placeholder:"DATE" help:"Only vulnerabilities published from this date on; never before the end of training."`
	Limit   int    `placeholder:"N" help:"At most so many, the oldest."`
	Verbose bool   `help:"Show each label, and which are confused."`
	JSON    bool   `help:"Print one JSON document."`
}

func (c *headEvalCmd) run(s *streams, name string) error {
	h, err := headOf(name, c.Weights)
	if err != nil {
		return err
	}
	until := h.Info().Note["until"]
	if until == "" {
		return &casemate.Error{Code: casemate.CodeInput, Message: "the weights do not say when their training texts end", Hint: "train them with heads-train"}
	}
	set, err := eval.VulnerabilitySet(c.File, eval.HeadSetOptions{Head: name, Until: max(until, c.Since), Style: c.Style, Limit: c.Limit})
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "eval " + name, Err: err, Hint: "give cve.tsv.gz with the columns cve, published, cwes, cvss, cvss2, source, description"}
	}
	return writeHeadFigures(s, h, set, c.Verbose, c.JSON)
}

// headOf returns the embedded head, or one of these weights.
func headOf(name, weights string) (*head.Head, error) {
	if weights == "" {
		return head.Open(name)
	}
	data, err := os.ReadFile(weights)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: "read weights", Err: err, Hint: "heads-train writes them to weights/" + name + ".bin"}
	}
	h, err := head.Load(name, data)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: "read weights", Err: err, Hint: "heads-train writes them to weights/" + name + ".bin"}
	}
	return h, nil
}

func writeHeadFigures(s *streams, h *head.Head, set eval.HeadSet, verbose, json bool) error {
	if len(set.Cases) == 0 {
		return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("no text to measure on in %s", set.Name), Hint: "a head is measured on texts that are newer than its training"}
	}
	f := eval.MeasureHead(h, set)
	if json {
		return writeJSON(s.stdout, f, true)
	}
	return eval.WriteHeadFigures(s.stdout, f, verbose)
}

type evalCWECmd struct{ headEvalCmd }

// Run measures the cwe head.
func (c *evalCWECmd) Run(s *streams) error { return c.run(s, "cwe") }

type evalCVSSCmd struct{ headEvalCmd }

// Run measures the cvss head.
func (c *evalCVSSCmd) Run(s *streams) error { return c.run(s, "cvss") }

type evalSSVCCmd struct{ headEvalCmd }

// Run measures the ssvc head.
func (c *evalSSVCCmd) Run(s *streams) error { return c.run(s, "ssvc") }

// ctibenchCmd measures a head on a task file of CTIBench.
type ctibenchCmd struct {
	File    string `required:"" placeholder:"TSV" help:"The task file, with the columns URL, Description, Prompt and GT."`
	Weights string `placeholder:"FILE" help:"Weights to measure instead of the embedded ones."`
	Verbose bool   `help:"Show each label, and which are confused."`
	JSON    bool   `help:"Print one JSON document."`
}

func (c *ctibenchCmd) run(s *streams, name string) error {
	h, err := headOf(name, c.Weights)
	if err != nil {
		return err
	}
	set, err := eval.CTIBench(c.File, name)
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "read the task file", Err: err, Hint: "give the tab-separated file of the task, with its header line"}
	}
	return writeHeadFigures(s, h, set, c.Verbose, c.JSON)
}

type evalRCMCmd struct{ ctibenchCmd }

// Run measures the cwe head on CTI-RCM.
func (c *evalRCMCmd) Run(s *streams) error { return c.run(s, "cwe") }

type evalVSPCmd struct{ ctibenchCmd }

// Run measures the cvss head on CTI-VSP.
func (c *evalVSPCmd) Run(s *streams) error { return c.run(s, "cvss") }
