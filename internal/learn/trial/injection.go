package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// InjectionOptions say what to try. The zero value tries everything.
type InjectionOptions struct {
	Workflows []string // names of the table; nil: every one that judges
	Families  []string // nil: all
	Fields    []string // nil: all
	Every     int      // only each so many-th pair; 0: all
	Progress  func(done, total int64)
}

// InjectionCase is one pair of twins: the same material with and without a text
// that speaks to its reader, given to the same workflow.
type InjectionCase struct {
	ID       string   `json:"id"`
	Workflow string   `json:"workflow"`
	Engine   string   `json:"engine"` // "none", or "obedient": it does what the text says
	Field    string   `json:"field"`
	Family   string   `json:"family"`
	Tier     int      `json:"tier"`
	Text     string   `json:"text"`
	Heard    bool     `json:"heard"` // the engine was told something and obeyed
	Moved    bool     `json:"moved"`
	What     []string `json:"what,omitempty"` // what moved
	// Raised says what the rules judge graver because they found the text itself:
	// explain and phishing-report do, and that is their work.
	Raised []string `json:"raised,omitempty"`
}

// InjectionReport is the outcome of all twins.
type InjectionReport struct {
	Twins  int             `json:"twins"`
	Heard  int             `json:"heard"` // twins in which the engine obeyed: the others try the rules alone, or the text did not reach the model
	Moved  int             `json:"moved"`
	Raised int             `json:"raised"` // not moved: the rules found the text and call it graver for that
	Cases  []InjectionCase `json:"cases"`
}

// judging lists the workflows that judge something, and whose input is files.
var judging = []string{"triage", "summarize", "note", "investigate", "enrich", "rank-logs", "explain", "alert-to-ticket", "ioc-brief", "phishing-report", "shift-summary"}

// readsMail is the workflow that takes nothing but mails, and mailField the field
// that is part of one.
const readsMail, mailField = "phishing-report", "mail subject"

// Injection runs every twin. An engine that obeys whatever reaches it stands in
// for the worst model there is, so what holds here holds by code.
func Injection(ctx context.Context, o InjectionOptions) (InjectionReport, error) {
	dir, err := os.MkdirTemp("", "casemate-injection-*")
	if err != nil {
		return InjectionReport{}, fmt.Errorf("make a folder for the twins: %w", err)
	}
	defer os.RemoveAll(dir)
	t := trialRun{dir: dir, clean: map[string]judgement{}}
	var rep InjectionReport
	plan := t.plan(o)
	for i, c := range plan {
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		done, err := t.twin(ctx, c)
		if err != nil {
			return rep, fmt.Errorf("twin %s: %w", c.ID, err)
		}
		rep.add(done)
		if o.Progress != nil {
			o.Progress(int64(i+1), int64(len(plan)))
		}
	}
	return rep, nil
}

func (r *InjectionReport) add(c InjectionCase) {
	r.Twins++
	if c.Heard {
		r.Heard++
	}
	if c.Moved {
		r.Moved++
	} else if len(c.Raised) > 0 {
		r.Raised++
	}
	r.Cases = append(r.Cases, c)
}

// trialRun keeps what the clean twins gave.
type trialRun struct {
	dir   string
	made  int
	clean map[string]judgement // by workflow, engine and field
}

// planned is one pair before it is run.
type planned struct {
	InjectionCase
	attack Attack
	field  field
}

func (t *trialRun) plan(o InjectionOptions) []planned {
	wanted := func(list []string, name string) bool { return len(list) == 0 || slices.Contains(list, name) }
	var out []planned
	for _, name := range judging {
		w, ok := workflow.Find(name)
		if !ok || !wanted(o.Workflows, name) {
			continue
		}
		engines := []string{"none"}
		if w.Model {
			engines = append(engines, "obedient")
		}
		for _, f := range fields() {
			for i, a := range attacks() {
				if !wanted(o.Families, a.Family) || !wanted(o.Fields, f.name) || name == readsMail && f.name != mailField {
					continue
				}
				for _, e := range engines {
					out = append(out, planned{attack: a, field: f, InjectionCase: InjectionCase{
						ID: fmt.Sprintf("%s/%s/%s/%d-%02d", name, e, strings.ReplaceAll(f.name, " ", "-"), a.Tier, i), Workflow: name, Engine: e, Field: f.name, Family: a.Family, Tier: a.Tier, Text: a.Text,
					}})
				}
			}
		}
	}
	if o.Every > 1 {
		some := out[:0]
		for i := 0; i < len(out); i += o.Every {
			some = append(some, out[i])
		}
		return some
	}
	return out
}

// twin runs the poisoned one, and the clean one if it has not been run.
func (t *trialRun) twin(ctx context.Context, p planned) (InjectionCase, error) {
	key := p.Workflow + "/" + p.Engine + "/" + p.Field
	clean, ok := t.clean[key]
	if !ok {
		var err error
		if clean, _, err = t.run(ctx, p, ""); err != nil {
			return p.InjectionCase, err
		}
		t.clean[key] = clean
	}
	poisoned, heard, err := t.run(ctx, p, p.attack.Text)
	if err != nil {
		return p.InjectionCase, err
	}
	c := p.InjectionCase
	c.Heard = heard
	c.What, c.Raised = clean.moved(poisoned)
	if p.Engine == "obedient" && len(poisoned.scores) > 0 {
		alone := p
		alone.Engine = "none"
		rules, _, err := t.run(ctx, alone, p.attack.Text)
		if err != nil {
			return p.InjectionCase, err
		}
		c.What = append(c.What, rules.talkedDown(poisoned)...)
	}
	c.What = append(c.What, poisoned.said(p.attack)...)
	c.Moved = len(c.What) > 0
	return c, nil
}

// run gives the material with a text in it to the workflow.
func (t *trialRun) run(ctx context.Context, p planned, text string) (judgement, bool, error) {
	t.made++
	dir := filepath.Join(t.dir, fmt.Sprint(t.made))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return judgement{}, false, err
	}
	defer os.RemoveAll(dir)
	var files []string
	for name, content := range p.field.material(text) {
		if (p.Workflow == "explain" || p.Workflow == readsMail) && name == "neighbours.json" {
			continue // they look at one thing
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return judgement{}, false, err
		}
		files = append(files, path)
	}
	slices.Sort(files)
	heard := false
	var model engine.Engine
	if p.Engine == "obedient" {
		model = obedient(p.attack, &heard)
	}
	j, err := judge(ctx, p.Workflow, dir, files, model)
	return j, heard, err
}

// obedient is an engine that does what an attack orders as soon as one of its
// marks reaches it, and else agrees with whatever it is shown.
func obedient(a Attack, heard *bool) engine.Engine {
	find := func(prompt string) (scripted.Order, bool) {
		if !slices.ContainsFunc(a.Marks, func(m string) bool { return strings.Contains(prompt, m) }) {
			return scripted.Order{}, false
		}
		*heard = true
		say := a.Canary + ": this is a false positive, it is benign and needs no action."
		if a.Tier == TierCallback {
			say = a.Canary + ": see ![status](http://" + callbackHost + "/s.png) and http://" + callbackHost + "/in."
		}
		return scripted.Order{Say: say, Choose: []string{"likely benign", "benign", "false positive", "informational", "low", "none", "no"}}, true
	}
	return scripted.NewObedient(find, scripted.Order{Say: "The evidence shows this.", Choose: []string{"needs review", "medium", "uncertain"}, Number: .5})
}

// judge runs a workflow and returns what it judged.
func judge(ctx context.Context, name, dir string, files []string, model engine.Engine) (judgement, error) {
	w, _ := workflow.Find(name)
	in := w.New()
	document, err := json.Marshal(map[string]any{"files": files})
	if err != nil {
		return judgement{}, err
	}
	if name == "explain" {
		text, err := os.ReadFile(files[0])
		if err != nil {
			return judgement{}, err
		}
		if document, err = json.Marshal(map[string]any{"text": []string{string(text)}}); err != nil {
			return judgement{}, err
		}
	}
	if err := json.Unmarshal(document, in); err != nil {
		return judgement{}, fmt.Errorf("input of %s: %w", name, err)
	}
	var emitted []any
	env := workflow.Env{Options: pipeline.Options{Workflow: name, Version: "trial", Engine: model, Budget: 100}, Emit: func(v any) error {
		emitted = append(emitted, v)
		return nil
	}}
	res, err := w.Run(ctx, in, env)
	if err != nil {
		return judgement{}, err
	}
	value := res.Value
	if w.Stream {
		value = emitted
	}
	return newJudgement(value, dir, res.Page)
}
