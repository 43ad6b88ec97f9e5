package investigate

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

//go:embed prompts
var prompts embed.FS

const (
	maxGiven = 40  // pieces of evidence that a model is given
	maxShown = 500 // bytes of the text of each
	listed   = 60  // actions that its schema can name
)

// loaded reads the prompts, once.
var loaded = sync.OnceValues(func() (map[string]*prompt.Prompt, error) {
	out := map[string]*prompt.Prompt{}
	for _, name := range []string{"weigh", "cause", "questions", "first"} {
		p, err := prompt.Load(prompts, "prompts/"+name)
		if err != nil {
			return nil, err
		}
		out[name] = p
	}
	return out, nil
})

// cited is what every answer of the model has: a sentence and its evidence.
type cited struct {
	Text     string   `json:"text"`
	Reason   string   `json:"reason"`
	Evidence []string `json:"evidence"`
}

func (c cited) statement() casemate.Statement {
	return casemate.Statement{Text: strings.TrimSpace(c.Text + c.Reason), Evidence: c.Evidence, By: casemate.DecidedByModel}
}

// interview is one model's part in an investigation.
type interview struct {
	s     *scene
	run   *pipeline.Run
	out   *Output
	op    *ModelOpinion
	about Scope
}

// ask lets a model, where there is one, weigh explanations, word the cause, ask,
// and say what it would do first. Its answers stand beside what the rules say:
// they change no score, no order and no action.
func (s *scene) ask(ctx context.Context, run *pipeline.Run, out *Output) error {
	if !run.HasModel() || len(out.Scope) == 0 {
		return nil
	}
	v := &interview{s: s, run: run, out: out, op: &ModelOpinion{}, about: out.Scope[0]}
	run.Limit(4)
	if len(out.Scope) > 1 {
		run.Note(fmt.Sprintf("the model was asked about incident #%d alone", v.about.Rank))
	}
	for _, step := range []func(context.Context) error{v.weigh, v.cause, v.questions, v.first} {
		if err := step(ctx); err != nil && !pipeline.WithoutModel(err) {
			return err
		}
	}
	if len(v.op.Weighed)+len(v.op.Cause)+len(v.op.First) > 0 {
		out.Model = v.op
		run.Decided("model", casemate.DecidedByModel)
	}
	return nil
}

// given picks the evidence that a question comes with: pieces in the order of
// ids, each with the beginning of its text.
func (v *interview) given(ids []string) []casemate.Evidence {
	var out []casemate.Evidence
	seen := map[string]bool{}
	cut := 0
	for _, id := range ids {
		i, ok := v.s.index[id]
		if !ok || seen[id] || len(out) == maxGiven {
			continue
		}
		seen[id] = true
		e := v.s.evidence[i]
		if len(e.Text) > maxShown {
			e.Text = strings.TrimSpace(phrase.Cut(e.Text, maxShown)) + " …"
			cut++
		}
		out = append(out, e)
	}
	if cut > 0 {
		v.run.Note(fmt.Sprintf("of %d of %d pieces of evidence the model was given the first %d bytes", cut, len(out), maxShown))
	}
	return out
}

// put asks with as much of the evidence as fits into the model's context.
func (v *interview) put(ctx context.Context, name string, ids []string, vars map[string]any, texts map[string]string, out any) error {
	all, err := loaded()
	if err != nil {
		return err
	}
	given := v.given(ids)
	for n := len(given); n > 0; n = n * 2 / 3 {
		q := pipeline.Question{Step: name + "/" + v.about.ID, Prompt: all[name], Data: prompt.Data{Evidence: given[:n], Vars: vars, Texts: texts}, MaxTokens: 700, English: true}
		ok, err := v.run.Fits(ctx, q)
		if err == nil && !ok {
			continue
		}
		if n < len(given) {
			v.run.Note(fmt.Sprintf("%s: the model was given %d of %d pieces of evidence, which is what fits", name, n, len(given)))
		}
		if err := v.run.Ask(ctx, q, out); err != nil {
			return err
		}
		for _, e := range given[:n] {
			v.s.seen[e.ID] = true
		}
		return nil
	}
	return pipeline.ErrTooLong
}

// arguments lists the evidence of the explanations that something speaks for.
func (v *interview) arguments() (ids []string, names string) {
	var b strings.Builder
	n := 0
	for _, h := range v.out.Hypotheses {
		if h.Incident != v.about.ID || len(h.For) == 0 || n == 6 {
			continue
		}
		n++
		fmt.Fprintf(&b, "%s: %s\n", h.ID, h.Name)
		for _, a := range append(slices.Clone(h.For), h.Against...) {
			ids = append(ids, a.Statement.Evidence[:min(2, len(a.Statement.Evidence))]...)
		}
	}
	return ids, strings.TrimSpace(b.String())
}

// weigh asks for an opinion of the explanations.
func (v *interview) weigh(ctx context.Context) error {
	ids, names := v.arguments()
	if len(ids) == 0 {
		return nil
	}
	var answer struct {
		Opinions []struct {
			Explanation string `json:"explanation"`
			Weight      string `json:"weight"`
			cited
		} `json:"opinions"`
	}
	if err := v.put(ctx, "weigh", ids, map[string]any{"explanations": names}, nil, &answer); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, o := range answer.Opinions {
		if seen[o.Explanation] || !strings.Contains("\n"+names, "\n"+o.Explanation+": ") {
			v.run.Note(fmt.Sprintf("an opinion on %q was left out: it was not asked for, or was given twice", o.Explanation))
			continue
		}
		seen[o.Explanation] = true
		v.op.Weighed = append(v.op.Weighed, Weighing{Hypothesis: o.Explanation, Weight: o.Weight, Statement: o.statement()})
	}
	v.op.Disagrees = v.disagreement()
	return nil
}

// disagreement says how the model's opinion differs from the rules' order.
func (v *interview) disagreement() string {
	top := best(v.out.Hypotheses, v.about.ID)
	if top == nil || len(v.op.Weighed) == 0 {
		return ""
	}
	for _, w := range v.op.Weighed {
		if w.Hypothesis == top.ID {
			if w.Weight == "unlikely" {
				return fmt.Sprintf("The rules hold \"%s\" for the best explanation; the model calls it unlikely.", top.Name)
			}
			return ""
		}
	}
	for _, w := range v.op.Weighed {
		if w.Weight == "likely" {
			return fmt.Sprintf("The rules hold \"%s\" for the best explanation; the model calls \"%s\" likely and says nothing of the first.", top.Name, nameOf(*v.out, w.Hypothesis))
		}
	}
	return ""
}

// chain lists the evidence of the way from the root to the end.
func (v *interview) chain() []string {
	var ids []string
	for _, rc := range v.out.RootCauses {
		if rc.Incident != v.about.ID {
			continue
		}
		for _, l := range rc.Chain {
			ids = append(ids, l.Statement.Evidence...)
		}
		for _, b := range rc.Branches {
			for _, l := range b.Chain {
				ids = append(ids, l.Statement.Evidence...)
			}
		}
	}
	return ids
}

// cause asks for the cause in a few sentences.
func (v *interview) cause(ctx context.Context) error {
	ids := v.chain()
	if len(ids) == 0 {
		return nil
	}
	var answer struct {
		Sentences []cited `json:"sentences"`
	}
	if err := v.put(ctx, "cause", ids, nil, nil, &answer); err != nil {
		return err
	}
	for _, c := range answer.Sentences {
		st := c.statement()
		if !slices.ContainsFunc(v.op.Cause, func(x casemate.Statement) bool { return strings.EqualFold(x.Text, st.Text) }) {
			v.op.Cause = append(v.op.Cause, st)
		}
	}
	return nil
}

// questions asks for further questions; they stand behind those of the rules.
func (v *interview) questions(ctx context.Context) error {
	var asked strings.Builder
	for _, q := range v.out.Questions {
		fmt.Fprintf(&asked, "- %s\n", q.Statement.Text)
	}
	ids, _ := v.arguments()
	var answer struct {
		Questions []cited `json:"questions"`
	}
	if err := v.put(ctx, "questions", append(v.chain(), ids...), nil, map[string]string{"asked": asked.String()}, &answer); err != nil {
		return err
	}
	for _, c := range answer.Questions {
		st := c.statement()
		if !slices.ContainsFunc(v.out.Questions, func(x Question) bool { return strings.EqualFold(x.Statement.Text, st.Text) }) {
			v.out.Questions = append(v.out.Questions, Question{Statement: st})
		}
	}
	return nil
}

// first asks which of the proposed actions matter most now.
func (v *interview) first(ctx context.Context) error {
	if len(v.out.Actions) < 2 {
		return nil
	}
	var lines strings.Builder
	for _, a := range v.out.Actions[:min(len(v.out.Actions), listed)] {
		fmt.Fprintf(&lines, "%s: %s\n", a.ID, a.Text)
	}
	var answer struct {
		First []struct {
			Action string `json:"action"`
			cited
		} `json:"first"`
	}
	ids, _ := v.arguments()
	// The text of an action names files and accounts of the data: it is fenced.
	if err := v.put(ctx, "first", ids, nil, map[string]string{"actions": lines.String()}, &answer); err != nil {
		return err
	}
	for _, f := range answer.First {
		i := slices.IndexFunc(v.out.Actions, func(a Action) bool { return a.ID == f.Action })
		if i < 0 || slices.Contains(v.op.First, f.Action) {
			v.run.Note(fmt.Sprintf("the model named action %s, which is not on the list or was named before", f.Action))
			continue
		}
		st := f.statement()
		v.out.Actions[i].Comment = &st
		v.op.First = append(v.op.First, f.Action)
	}
	return nil
}
