package pipeline

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/casemate-ai/casemate/internal/engine"
)

// border parts the requests of a dry run.
var border = strings.Repeat("=", 78)

// writeRequest writes what would be sent to the model, exactly.
func (r *Run) writeRequest(q Question, req request) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "prompt: %s %s\n", q.Prompt.Name, q.Prompt.Digest)
	fmt.Fprintf(&b, "answer: at most %d tokens; %s\n", req.MaxTokens, sampling(req.Sampling))
	fmt.Fprintf(&b, "schema, %d bytes:\n%s\n", len(req.Schema), req.Schema)
	return r.show(q.Step, b.String(), req.prepared)
}

// show writes one request of a dry run.
func (r *Run) show(step, about string, p engine.Prepared) error {
	r.dry.Lock()
	defer r.dry.Unlock()
	var b bytes.Buffer
	r.shown++
	info := r.opt.Engine.Info()
	if r.shown == 1 {
		fmt.Fprintf(&b, "Dry run of %s: nothing is sent to the model. These are the requests that can be\ntold beforehand; those that rest on the model's answers are not among them.\n", r.opt.Workflow)
		fmt.Fprintf(&b, "model: %s, context of %d tokens\n", strings.TrimSpace(info.Name+" "+info.Digest), info.Context)
		fmt.Fprintln(&b, border) // the others begin where the one before ends
	}
	fmt.Fprintf(&b, "request %d: %s\n%sthe model reads %d tokens, %d bytes:\n%s\n%s\n", r.shown, step, about, p.Tokens, len(p.Prompt), p.Prompt, border)
	if _, err := r.opt.DryRun.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the dry run: %w", err)
	}
	return nil
}

// sampling says in words how tokens would be picked.
func sampling(s engine.Sampling) string {
	again := fmt.Sprintf("asked once more at temperature %v with another seed if the answer cannot be used", retryTemperature)
	if s.Temperature == 0 {
		return fmt.Sprintf("greedy (temperature 0), seed %d; %s", s.Seed, again)
	}
	return fmt.Sprintf("temperature %v, seed %d; %s", s.Temperature, s.Seed, again)
}
