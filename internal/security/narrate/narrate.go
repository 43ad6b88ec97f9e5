// Package narrate lets a language model say in a few sentences what a pasted
// thing does and why it matters, beside what package explain found by rules. Each
// sentence cites the rules' findings and is held against them; the risk stays the
// rules', and where the model sees it otherwise that stands beside.
package narrate

import (
	"context"
	"embed"
	"fmt"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// Name is the workflow's name in the table.
const Name = "explain"

//go:embed prompts
var prompts embed.FS

// loaded are the prompts of this room, which never change.
var loaded = sync.OnceValues(func() (map[string]*prompt.Prompt, error) {
	out := map[string]*prompt.Prompt{}
	for _, name := range []string{"narrative", "level"} {
		p, err := prompt.Load(prompts, "prompts/"+name)
		if err != nil {
			return nil, fmt.Errorf("load prompt %q: %w", name, err)
		}
		out[name] = p
	}
	return out, nil
})

// Input is what to explain.
type Input struct {
	Text  string        `json:"text"`
	Rules *sigma.Engine `json:"-"` // run over events and command lines as well; nil is none
}

// Output is an explanation by rules with what a model adds to it.
type Output struct {
	explain.Explanation
	// Lede is the summary as a statement with its evidence.
	Lede casemate.Statement `json:"lede"`
	// Narrative is what the model says that it does and why that matters; empty
	// without a model.
	Narrative []casemate.Statement `json:"narrative,omitempty"`
	// Opinion is how grave the model finds it, where that differs from the rules.
	Opinion    *Opinion            `json:"opinion,omitempty"`
	Evidence   []casemate.Evidence `json:"evidence"` // what is cited
	Coverage   casemate.Coverage   `json:"coverage"`
	Provenance casemate.Provenance `json:"provenance"`
}

// Opinion is a judgement that stands beside the rules' risk and changes nothing.
type Opinion struct {
	Level     string             `json:"level"` // one of explain's Risk constants
	Than      string             `json:"than"`  // "higher" or "lower" than the rules'
	Statement casemate.Statement `json:"statement"`
}

// maxCalls is how many questions one explanation asks.
const maxCalls = 2

// Run explains a text by rules, and lets the model of the run add to it.
func Run(ctx context.Context, run *pipeline.Run, in Input) (Output, error) {
	run.Limit(maxCalls)
	run.InputBytes("input", []byte(in.Text))
	e, err := explain.Explain(ctx, in.Text, explain.Options{Catalogue: run.Options().Catalogue, Rules: in.Rules})
	if err != nil {
		return Output{}, err
	}
	g := gather(in.Text, &e)
	out := Output{Explanation: e, Lede: run.Verify([]casemate.Statement{g.lede()}, g.all)[0]}
	for _, path := range []string{"summary", "risk", "findings", "techniques", "lede"} {
		run.Decided(path, casemate.DecidedByRule)
	}
	if err := narrative(ctx, run, g, &out); err != nil {
		return Output{}, err
	}
	if err := opinion(ctx, run, g, &out); err != nil {
		return Output{}, err
	}
	g.finish(&out, run.HasModel())
	out.Provenance = run.Provenance()
	return out, run.Step("explanation", out)
}

// question puts the evidence before a prompt.
func question(name string, g *gathered) (pipeline.Question, error) {
	all, err := loaded()
	if err != nil {
		return pipeline.Question{}, err
	}
	return pipeline.Question{
		Step: name, Prompt: all[name], MaxTokens: 1000, English: true,
		Data: prompt.Data{Evidence: g.given(), Vars: map[string]any{"kind": g.kind}},
	}, nil
}

// narrative asks what the thing does and why it matters.
func narrative(ctx context.Context, run *pipeline.Run, g *gathered, out *Output) error {
	q, err := question("narrative", g)
	if err != nil {
		return err
	}
	var answer struct {
		Sentences []struct {
			Text     string   `json:"text"`
			Evidence []string `json:"evidence"`
		} `json:"sentences"`
	}
	if err := run.Ask(ctx, q, &answer); pipeline.WithoutModel(err) {
		return nil // the rules' explanation stands by itself
	} else if err != nil {
		return fmt.Errorf("narrate: %w", err)
	}
	said := map[string]bool{}
	var list []casemate.Statement
	for _, s := range answer.Sentences {
		if text := phrase.Line(s.Text); text != "" && !said[text] { // models repeat themselves
			said[text] = true
			list = append(list, casemate.Statement{Text: text, Evidence: s.Evidence, By: casemate.DecidedByModel})
		}
	}
	out.Narrative = run.Unjudged(run.Verify(list, g.given()), nil)
	run.Decided("narrative[]", casemate.DecidedByModel)
	return nil
}

// levels are the words of the prompt and the risks that they stand for, gravest first.
var levels = []struct{ word, risk string }{
	{"attack", explain.RiskStrong}, {"suspicious", explain.RiskSome}, {"weak", explain.RiskWeak}, {"nothing", explain.RiskNone},
}

func rank(risk string) int {
	for i, l := range levels {
		if l.risk == risk {
			return i
		}
	}
	return -1
}

// opinion asks how grave it is. The rules' risk stays as it is, whatever the
// answer.
func opinion(ctx context.Context, run *pipeline.Run, g *gathered, out *Output) error {
	own := rank(out.Risk.Level)
	if own < 0 {
		return nil // a reference has no risk
	}
	q, err := question("level", g)
	if err != nil {
		return err
	}
	var answer struct {
		Level    string   `json:"level"`
		Reason   string   `json:"reason"`
		Evidence []string `json:"evidence"`
	}
	if err := run.Ask(ctx, q, &answer); pipeline.WithoutModel(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("judge: %w", err)
	}
	for i, l := range levels {
		if l.word != answer.Level || i == own {
			continue
		}
		out.Opinion = &Opinion{Level: l.risk, Than: "lower"}
		if i < own {
			out.Opinion.Than = "higher"
		}
		out.Opinion.Statement = run.Unjudged(run.Verify([]casemate.Statement{{
			Text: phrase.Line(answer.Reason), Evidence: answer.Evidence, By: casemate.DecidedByModel,
		}}, g.given()), nil)[0] // what was pasted may say it of itself
		run.Decided("opinion", casemate.DecidedByModel)
	}
	return nil
}
