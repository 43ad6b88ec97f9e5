package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

var ctx = context.Background()

const opinionSchema = `{
  "type": "object",
  "properties": {
    "verdict": {"type": "string", "enum": ["suspicious", "needs review"]},
    "why": {"type": "string", "maxLength": 200},
    "evidence": {"type": "array", "x-casemate-evidence": true, "minItems": 1, "maxItems": 3},
    "technique": {"type": "string", "x-casemate-id": "attack"}
  },
  "required": ["verdict", "why", "evidence"]
}`

// opinion is what the test's prompt asks for.
type opinion struct {
	Verdict   string   `json:"verdict"`
	Why       string   `json:"why"`
	Evidence  []string `json:"evidence"`
	Technique string   `json:"technique"`
}

func loadPrompt(t testing.TB) *prompt.Prompt {
	t.Helper()
	p, err := prompt.Load(fstest.MapFS{
		"opinion/system.md":   {Data: []byte("You judge alerts.")},
		"opinion/user.md":     {Data: []byte("Judge this:\n{{.Evidence}}{{range $name, $x := .Vars}} {{$x}}{{end}}")},
		"opinion/schema.json": {Data: []byte(opinionSchema)},
	}, "opinion")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// alerts returns n pieces of evidence, a minute apart.
func alerts(n int) []casemate.Evidence {
	out := make([]casemate.Evidence, n)
	for i := range out {
		out[i] = casemate.Evidence{ID: fmt.Sprintf("E%d", i+1), Kind: casemate.EvidenceAlert, Host: "web-7", First: monday.Add(time.Duration(i) * time.Minute),
			At: casemate.Location{File: "a.log", Line: i + 1}, Text: fmt.Sprintf("login %d of user ada from 203.0.113.%d", i+1, i%250+1)}
	}
	return out
}

func question(t testing.TB, step string, evidence []casemate.Evidence) pipeline.Question {
	return pipeline.Question{Step: step, Prompt: loadPrompt(t), Data: prompt.Data{Evidence: evidence}, MaxTokens: 64}
}

func start(t testing.TB, o pipeline.Options) *pipeline.Run {
	t.Helper()
	if o.Workflow == "" {
		o.Workflow, o.Version = "opinion", "1.0"
	}
	r, err := pipeline.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const good = `{"verdict":"suspicious","why":"Ada logged on from 203.0.113.1.","evidence":["E1"],"technique":"T1078"}`

// replies returns an engine that says these texts.
func replies(texts ...string) *scripted.Script {
	var list []scripted.Reply
	for _, text := range texts {
		list = append(list, scripted.Reply{Text: text})
	}
	return scripted.New(list...)
}

func hasNote(p casemate.Provenance, text string) bool {
	return strings.Contains(strings.Join(p.Notes, "\n"), text)
}
