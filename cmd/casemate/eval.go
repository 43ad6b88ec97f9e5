package main

import (
	"fmt"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/learn/eval"
)

type evalCmd struct {
	AITADS aitadsCmd `cmd:"" name:"ait-ads" help:"Triage AIT-ADS scenarios with their labels removed, and compare."`

	TriageSpeed triageSpeedCmd `cmd:"" name:"triage-speed" help:"Time the triage of a file once, twice and four times over; GOMAXPROCS=1 for one core."`

	CWE    evalCWECmd  `cmd:"" name:"cwe" help:"Name the weakness of vulnerabilities that are newer than the training."`
	CVSS   evalCVSSCmd `cmd:"" name:"cvss" help:"Name their CVSS 3.1 vector."`
	SSVC   evalSSVCCmd `cmd:"" name:"ssvc" help:"Name CISA's decision points on them."`
	CTIRCM evalRCMCmd  `cmd:"" name:"cti-rcm" help:"Name the weaknesses of CTIBench's vulnerabilities."`
	CTIVSP evalVSPCmd  `cmd:"" name:"cti-vsp" help:"Name the vectors of CTIBench's vulnerabilities."`

	Attack    evalAttackCmd    `cmd:"" name:"attack" help:"Name the techniques of sentences: of reports, and of actors, that a head was trained without."`
	TRAM      evalTRAMCmd      `cmd:"" name:"tram" help:"Name the techniques of reports, each by a head that was trained on the others."`
	Report    evalReportCmd    `cmd:"" name:"report" help:"Find the techniques of reports made of actors that a head was trained without."`
	CTIATE    ctiATECmd        `cmd:"" name:"cti-ate" help:"Find the techniques of CTI-ATE's descriptions of malware."`
	Behaviour evalBehaviourCmd `cmd:"" name:"behaviour" help:"Tell sentences on what attackers do from others, on what training held out."`

	Relevant evalRelevantCmd `cmd:"" name:"relevant" help:"Tell texts about security from others, on what training held out."`

	Needle evalNeedleCmd `cmd:"" name:"needle" help:"Find suspicious lines in stacks of log lines, and compare with rarity, length and chance."`

	Grounding evalGroundingCmd `cmd:"" help:"Hold lies and true sentences against the evidence that they cite."`
	Injection evalInjectionCmd `cmd:"" help:"Hide instructions in data, let a model obey them, and compare with the clean twin."`
	Validity  evalValidityCmd  `cmd:"" help:"Run workflows with a model and many seeds, and hold each output against its schema."`

	Questions   questionsCmd   `cmd:"" help:"Ask generated four-option questions, or those of a file, and compare."`
	CTIMCQA     ctiMCQACmd     `cmd:"" name:"cti-mcqa" help:"Ask the multiple-choice questions of CTIBench."`
	CyberMetric cyberMetricCmd `cmd:"" name:"cybermetric" help:"Ask the questions of CyberMetric."`
}

type triageSpeedCmd struct {
	File string `required:"" placeholder:"FILE" help:"Any alert file."`
	JSON bool   `help:"Print one JSON document."`
}

// Run prints a row for one, two and four copies: linear cost keeps us/alert.
func (c *triageSpeedCmd) Run(s *streams) error {
	runs, err := eval.TriageSpeed(s.ctx, c.File, []int{1, 2, 4})
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s.stdout, runs, true)
	}
	return eval.WriteSpeed(s.stdout, runs)
}

type aitadsCmd struct {
	File string `required:"" placeholder:"ZIP" help:"An archive of <scenario>_alerts.txt files with the columns time,name,ip,host,short,time_label,event_label."`
	JSON bool   `help:"Print one JSON document."`
}

// Run prints the table of recall, precision and labels seen.
func (c *aitadsCmd) Run(s *streams) error {
	scenarios, err := eval.AITADS(s.ctx, c.File, func(name string) {
		if isTerminal(s.stderr) {
			fmt.Fprintln(s.stderr, "triaging", name)
		}
	})
	if err != nil {
		return &casemate.Error{Code: casemate.CodeInput, Message: "eval ait-ads", Err: err, Hint: "give the ait-ads archive, one CSV a scenario"}
	}
	if c.JSON {
		return writeJSON(s.stdout, map[string]any{"scenarios": scenarios, "mean": eval.MeanOf(scenarios)}, true)
	}
	return eval.WriteAITADS(s.stdout, scenarios)
}
