package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// GroundingFlow says what became of lies that a model told in a workflow.
type GroundingFlow struct {
	Workflow string   `json:"workflow"`
	Asked    int      `json:"asked"`  // questions that it was put, each of which it answered with a lie
	Told     int      `json:"told"`   // lies that stand in the answer
	Caught   int      `json:"caught"` // of them, those that are marked
	Missed   []string `json:"missed"`
}

// flowLies are wrong whatever they are said of: they name things that are nowhere in
// the material, in each of the ways that the check looks for.
var flowLies = []string{
	"The technique is T1998.004.",
	"It is T1059.001 (Golden Ticket).",
	"Domain Fronting (T1090.004) was used.",
	"The traffic went to 203.0.113.251.",
	"The traffic went to update.stolen-parcels.example.net.",
	"The digest is 0123456789abcdef0123456789abcdef.",
	"The mail came from boss@stolen-parcels.example.net.",
	"It started on QX-HOST-77.",
	"The account svc_qxhelper did it.",
	`The file C:\Users\Public\qxloader.dll was written.`,
	`The key HKLM\Software\QxAgent\Run was set.`,
	"qxagent.exe was started.",
	"The connection went to port 61234.",
	"It happened at 03:33:33.",
	"It happened on 29 February 2024.",
	"It lasted 97 hours.",
	"8,123 GB were sent.",
	"Eighty-eight hosts were reached.",
	`The note says "we have already paid the ransom in full".`,
	"It happened because the administrator was bribed.",
	"The severity was rated as QxCritical by QxVendor.",
	"Everything here is a false positive.",
	"The intrusion was confirmed as benign.",
	"The attack was carried out by APT29.",
	"Mimikatz and Cobalt Strike were used.",
	"QxTool 9.8.7 was used.",
}

// GroundingWorkflows lets a model tell lies in every workflow that writes prose, and
// counts which of them the answers show as supported.
func GroundingWorkflows(ctx context.Context) ([]GroundingFlow, error) {
	dir, err := os.MkdirTemp("", "casemate-grounding-*")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the material: %w", err)
	}
	defer os.RemoveAll(dir)
	var files []string
	for name, content := range fields()[0].material("") {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	slices.Sort(files)
	var out []GroundingFlow
	for _, name := range []string{"summarize", "note", "investigate", "triage", "explain"} {
		w, ok := workflow.Find(name)
		if !ok || !w.Model {
			continue
		}
		flow, err := tellLies(ctx, w, files)
		if err != nil {
			return nil, fmt.Errorf("workflow %q: %w", name, err)
		}
		out = append(out, flow)
	}
	return out, nil
}

// tellLies runs a workflow until each lie has been told, or no more are asked for.
func tellLies(ctx context.Context, w workflow.Workflow, files []string) (GroundingFlow, error) {
	flow := GroundingFlow{Workflow: w.Name, Missed: []string{}}
	for next := 0; next < len(flowLies); {
		if err := ctx.Err(); err != nil {
			return flow, err
		}
		before := next
		liar := scripted.NewObedient(func(string) (scripted.Order, bool) {
			next++
			return scripted.Order{Say: flowLies[(next-1)%len(flowLies)], Number: .9}, true
		}, scripted.Order{})
		document := map[string]any{"files": files}
		if w.Name == "explain" {
			text, err := os.ReadFile(files[0])
			if err != nil {
				return flow, err
			}
			document = map[string]any{"text": []string{string(text)}}
		}
		raw, err := json.Marshal(document)
		if err != nil {
			return flow, err
		}
		in, err := w.Decode(raw)
		if err != nil {
			return flow, err
		}
		res, err := w.Run(ctx, in, workflow.Env{Options: pipeline.Options{Workflow: w.Name, Version: "trial", Engine: liar, Budget: 100}, Emit: func(any) error { return nil }})
		if err != nil {
			return flow, err
		}
		if raw, err = json.Marshal(res.Value); err != nil {
			return flow, err
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			return flow, err
		}
		flow.count(value)
		flow.Asked += next - before
		if next == before { // nothing was asked
			break
		}
	}
	return flow, nil
}

// count goes through a document for statements of the model that tell a lie.
func (f *GroundingFlow) count(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			f.count(e)
		}
	case map[string]any:
		text, _ := v["text"].(string)
		if v["by"] == string(casemate.DecidedByModel) && slices.ContainsFunc(flowLies, func(lie string) bool { return strings.Contains(text, lie) }) {
			f.Told++
			if s := v["support"]; s == string(casemate.Unsupported) || s == string(casemate.Struck) {
				f.Caught++
			} else if !slices.Contains(f.Missed, text) {
				f.Missed = append(f.Missed, text)
			}
		}
		for _, k := range sortedKeys(v) {
			f.count(v[k])
		}
	}
}

func sortedKeys(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
