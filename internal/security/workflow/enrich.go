package workflow

import (
	"context"

	"github.com/casemate-ai/casemate/internal/security/intake"
)

// EnrichInput says what to enrich.
type EnrichInput struct {
	Files   []string `json:"files" arg:"" optional:"" name:"file" help:"Alert and event files of any format, folders, .gz or .zip; - for standard input."`
	Format  string   `json:"format,omitempty" placeholder:"FORMAT" help:"Read every file as this format instead of detecting it."`
	Rules   []string `json:"rules,omitempty" placeholder:"DIR|ZIP" help:"Run these Sigma rules over raw events, besides the starter pack."`
	NoRules bool     `json:"no_rules,omitempty" help:"Do not run the starter pack of rules."`
}

func enrichEntry() Workflow {
	return entry(Workflow{
		Name: "enrich", Group: GroupSOC,
		Summary: "Write each alert with its entities, indicators, techniques and rule matches, one JSON object a line.",
		Help:    "For products that show alerts: one object a record, in the order of the input, as they are read.",
		Example: "casemate enrich examples/intrusion/guardduty.json",
		Output:  intake.Enriched{}, Stream: true,
	}, runEnrich)
}

func runEnrich(ctx context.Context, in *EnrichInput, env Env) (Result, error) {
	if len(in.Files) == 0 {
		return Result{}, usage("enrich needs at least one file", "try: casemate enrich examples/intrusion/guardduty.json, or - to read standard input")
	}
	sum, err := intake.Enrich(ctx, intake.EnrichInput{
		Paths: in.Files, Stdin: env.Stdin, Format: in.Format, Rules: in.Rules, Bare: in.NoRules, Progress: reading(env, in.Files),
	}, func(e *intake.Enriched) error { return env.Emit(e) })
	return Result{Faults: sum.Faults, FaultCount: sum.FaultCount, Incomplete: sum.FaultCount > 0}, err
}
