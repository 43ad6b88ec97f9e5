package summary

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/dossier"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

//go:embed prompts
var prompts embed.FS

// loaded are the prompts of this room, which never change.
var loaded = sync.OnceValues(func() (map[string]*prompt.Prompt, error) {
	out := map[string]*prompt.Prompt{}
	for _, name := range []string{"executive", "phase", "people"} {
		p, err := prompt.Load(prompts, "prompts/"+name)
		if err != nil {
			return nil, fmt.Errorf("load prompt %q: %w", name, err)
		}
		out[name] = p
	}
	return out, nil
})

const (
	ownBudget = 24 // questions, where the caller says nothing
	// What does not fit into one question is split, so these bound what a budget
	// could hardly reach; what is left out is noted.
	maxPhase  = 400 // pieces of evidence of one phase that the model is given
	maxPeople = 800 // pieces of what people wrote
	maxKey    = 200 // pieces for the executive sentences, which are one question
	minKey    = 4
)

// sentences is an answer of the phase and the people prompt.
type sentences struct {
	Sentences []sentence `json:"sentences"`
}

type sentence struct {
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"`
}

func (s sentence) statement() casemate.Statement {
	return casemate.Statement{Text: oneLine(s.Text), Evidence: unique(s.Evidence), By: casemate.DecidedByModel}
}

// oneLine makes one line of a model's text, without what is no character.
func oneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, s)
	return phrase.Line(s)
}

// job is one question of the first round and where its sentences go.
type job struct {
	question pipeline.Question
	evidence []casemate.Evidence
	phase    int // of Output.Tactical; -1 for what people wrote
	part     int // of what was split
}

// tell lets a model put the phases, what people wrote, and then the executive
// sentences, which it is given the drafts of.
func tell(ctx context.Context, run *pipeline.Run, w *writer, out *Output) error {
	ps, err := loaded()
	if err != nil {
		return err
	}
	run.Limit(ownBudget)
	jobs, err := w.jobs(ctx, run, ps, out)
	if err != nil {
		return err
	}
	kept, err := w.first(ctx, run, jobs, out)
	if err != nil {
		return err
	}
	return w.second(ctx, run, ps["executive"], out, kept)
}

// jobs are the questions of the first round. What does not fit is split; first parts
// go first, so that a short budget has some of each.
func (w *writer) jobs(ctx context.Context, run *pipeline.Run, ps map[string]*prompt.Prompt, out *Output) ([]job, error) {
	var jobs []job
	add := func(phase int, step string, p *prompt.Prompt, evidence []casemate.Evidence, vars map[string]any) error {
		ask := func(part []casemate.Evidence) pipeline.Question {
			return pipeline.Question{Step: step, Prompt: p, Data: prompt.Data{Evidence: part, Vars: vars}, MaxTokens: 512, English: true}
		}
		parts, err := run.Split(ctx, evidence, ask)
		if err != nil {
			return err
		}
		for i, part := range parts {
			q := ask(part)
			if len(parts) > 1 {
				q.Step = fmt.Sprintf("%s/%d", step, i+1)
			}
			jobs = append(jobs, job{q, part, phase, i})
		}
		return nil
	}
	if people := w.people(run); len(people) > 0 {
		if err := add(-1, "people", ps["people"], people, nil); err != nil && !pipeline.WithoutModel(err) {
			return nil, err
		}
	}
	for i, ph := range out.Tactical {
		if len(ph.Statements) < 2 {
			continue // there is nothing to join
		}
		var ids []string
		for _, s := range ph.Statements {
			ids = append(ids, s.Evidence...)
		}
		ids = w.byGravity(unique(ids))
		step := fmt.Sprintf("phase/%d-%s", ph.Incident, ph.Tactic)
		evidence := w.d.Cited(ids[:min(len(ids), maxPhase)])
		given(run, step, "gravest", len(evidence), len(ids))
		if err := add(i, step, ps["phase"], evidence, map[string]any{"phase": ph.Name}); err != nil && !pipeline.WithoutModel(err) {
			return nil, err
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return a.part - b.part })
	return jobs, nil
}

// given notes that a question holds less than there is.
func given(run *pipeline.Run, step, which string, n, all int) {
	if n < all && run.HasModel() {
		run.Note(fmt.Sprintf("%s: the model was given the %s %d of %d pieces of evidence; the rules read all of them.", step, which, n, all))
	}
}

// people are the pieces of the team's words that say what was done and what it costs.
func (w *writer) people(run *pipeline.Run) []casemate.Evidence {
	var ids []string
	for _, s := range w.d.Words {
		if s.Quoted || s.Commands {
			continue
		}
		switch s.Topic {
		case dossier.TopicAction, dossier.TopicDecision, dossier.TopicImpact, dossier.TopicTask:
			if len(ids) == 0 || ids[len(ids)-1] != s.Evidence {
				ids = append(ids, s.Evidence)
			}
		}
	}
	given(run, "people", "latest", min(len(ids), maxPeople), len(ids))
	ids = ids[max(0, len(ids)-maxPeople):] // the latest know most
	return w.d.Cited(ids)
}

// first asks the first round and puts what can be kept before the rules' sentences
// of its phase. It returns all that was kept.
func (w *writer) first(ctx context.Context, run *pipeline.Run, jobs []job, out *Output) ([]casemate.Statement, error) {
	n := len(jobs)
	if left, limited := run.Left(); limited {
		n = min(n, max(left-1, 0)) // one is kept for the executive sentences
	}
	if n < len(jobs) {
		run.Note(fmt.Sprintf("The budget for the model reached %d of %d questions about phases and people's words; the rules read all of them.", n, len(jobs)))
	}
	answers, outs, questions := make([]sentences, n), make([]any, n), make([]pipeline.Question, n)
	for i := range answers {
		outs[i], questions[i] = &answers[i], jobs[i].question
	}
	w.readings = readings(jobs)
	var kept []casemate.Statement
	byPhase := map[int][]casemate.Statement{}
	for i, err := range run.AskAll(ctx, questions, outs) {
		if err != nil {
			if !pipeline.WithoutModel(err) {
				return nil, err
			}
			continue
		}
		w.readBy(jobs[i].evidence)
		if len(w.readings) > 0 {
			w.readings[i].Read, w.readings[i].Why = "rules and model", ""
		}
		good := w.supported(run, jobs[i].question.Step, answers[i].Sentences)
		byPhase[jobs[i].phase] = append(byPhase[jobs[i].phase], good...)
		kept = append(kept, good...)
	}
	for i := range out.Tactical {
		if good := byPhase[i]; len(good) > 0 {
			out.Tactical[i].Statements = append(slices.Clone(good), out.Tactical[i].Statements...)
			run.Decided("tactical[].statements[] by model", casemate.DecidedByModel)
		}
	}
	if people := byPhase[-1]; len(people) > 0 {
		out.People = people
		run.Decided("people[]", casemate.DecidedByModel)
	}
	return kept, nil
}

// readings say which question is asked about which evidence, where one was split.
// None has been read yet.
func readings(jobs []job) []casemate.CoveredPart {
	if !slices.ContainsFunc(jobs, func(j job) bool { return j.part > 0 }) {
		return nil
	}
	var out []casemate.CoveredPart
	for _, j := range jobs {
		r := pipeline.Reading{Step: j.question.Step, Why: "no answer could be used, or the budget did not reach it"}
		for _, e := range j.evidence {
			r.Evidence = append(r.Evidence, e.ID)
		}
		out = append(out, r.Part())
	}
	return out
}

// supported keeps the sentences that their evidence shows, each once, and notes
// the others.
func (w *writer) supported(run *pipeline.Run, step string, list []sentence) []casemate.Statement {
	var all []casemate.Statement
	for _, s := range list {
		st := s.statement()
		if st.Text != "" && !slices.ContainsFunc(all, func(o casemate.Statement) bool { return strings.EqualFold(o.Text, st.Text) }) {
			all = append(all, st)
		}
	}
	var good []casemate.Statement
	for _, s := range run.Verify(all, w.all()) {
		if pipeline.Harmless(s.Text) != "" {
			run.Note(step + ": a sentence of the model calls something harmless or done with, which is for people to say; it was left out.")
			continue
		}
		if s.Support != casemate.Supported {
			w.left(run, step, s)
			continue
		}
		good = append(good, s)
	}
	return good
}

// left notes a sentence of the model that does not stand in the summary.
func (w *writer) left(run *pipeline.Run, step string, s casemate.Statement) {
	why := "it was not supported"
	if len(s.Problems) > 0 {
		why = s.Problems[0].Kind + " " + quote(s.Problems[0].Text) + ": " + s.Problems[0].Why
	}
	run.Note(fmt.Sprintf("%s: a sentence of the model was left out (%s).", step, why))
}

// minuteForm is a time of day to the minute.
var minuteForm = regexp.MustCompile(`\b\d\d:\d\d`)

// slot is one executive sentence.
type slot struct {
	name string
	at   int      // in Output.Executive
	keep []string // what the model's sentence must still name
}

// slots finds the executive sentences and what of each must not be lost: the
// machines of what happened, the first time, the accounts.
func (w *writer) slots(out *Output) []slot {
	var list []slot
	var hosts, users []string
	if len(w.told) > 0 {
		hosts, users = w.places(w.told[0])
	}
	for i, name := range w.slotNames {
		if i >= len(out.Executive) {
			break
		}
		s := slot{name: name, at: i}
		text := strings.ToLower(out.Executive[i].Text)
		for _, n := range append(slices.Clone(hosts), users...) {
			if strings.Contains(text, strings.ToLower(n)) {
				s.keep = append(s.keep, n)
			}
		}
		if m := minuteForm.FindString(out.Executive[i].Text); m != "" && name == "since" {
			s.keep = append(s.keep, m)
		}
		list = append(list, s)
	}
	return list
}

// errDrafts says that the model was not asked for executive sentences.
var errDrafts = fmt.Errorf("the drafts do not fit: %w", pipeline.ErrTooLong)

// second asks for the executive sentences. One that is not supported, cites nothing
// of what the draft cites, or drops what the draft names, leaves the draft.
func (w *writer) second(ctx context.Context, run *pipeline.Run, p *prompt.Prompt, out *Output, kept []casemate.Statement) error {
	slots := w.slots(out)
	if len(slots) == 0 {
		return nil
	}
	var drafts strings.Builder
	names := make([]string, len(slots))
	for i, s := range slots {
		st := out.Executive[s.at]
		fmt.Fprintf(&drafts, "%s: %s [%s]\n", s.name, st.Text, strings.Join(st.Evidence, ", "))
		names[i] = s.name
	}
	for _, s := range kept {
		fmt.Fprintf(&drafts, "also known: %s [%s]\n", s.Text, strings.Join(s.Evidence, ", "))
	}
	var answer map[string]sentence
	err := errDrafts
	all := len(w.key(out, kept, math.MaxInt))
	for n := min(all, maxKey); n > 0; n = shorter(n) {
		evidence := w.key(out, kept, n)
		q := pipeline.Question{Step: "executive", Prompt: p, MaxTokens: 1024, English: true, Data: prompt.Data{
			Evidence: evidence, Texts: map[string]string{"drafts": drafts.String()}, Vars: map[string]any{"slots": strings.Join(names, ", ")},
		}}
		fits, ferr := run.Fits(ctx, q)
		if ferr != nil {
			err = ferr
			break
		}
		if fits {
			if err = run.Ask(ctx, q, &answer); err == nil {
				w.readBy(evidence)
				given(run, "executive", "most important", len(evidence), all)
			}
			break
		}
	}
	if err != nil {
		if errors.Is(err, errDrafts) {
			run.Note("executive: the drafts do not fit into the model's context with evidence of theirs; the rules' sentences stand.")
		}
		if pipeline.WithoutModel(err) {
			return nil
		}
		return err
	}
	for _, s := range slots {
		w.place(run, s, answer[s.name], out)
	}
	return nil
}

// shorter is how many pieces to try where n do not fit; 0 where it is no use.
func shorter(n int) int {
	if n = n * 2 / 3; n < minKey {
		return 0
	}
	return n
}

// place puts a model's sentence into the place of a draft, if it may stand there.
func (w *writer) place(run *pipeline.Run, s slot, said sentence, out *Output) {
	st := said.statement()
	if st.Text == "" {
		return
	}
	draft := out.Executive[s.at]
	if slices.ContainsFunc(out.Executive, func(o casemate.Statement) bool { return strings.EqualFold(o.Text, st.Text) }) {
		run.Note("executive/" + s.name + ": the model repeats itself; the rules' sentence stands.")
		return
	}
	step := "executive/" + s.name
	if pipeline.Harmless(st.Text) != "" {
		run.Note(step + ": the model's sentence calls something harmless or done with, which is for people to say; that of the rules stands.")
		return
	}
	if got := run.Verify([]casemate.Statement{st}, w.all())[0]; got.Support != casemate.Supported {
		w.left(run, step, got)
		return
	}
	if !slices.ContainsFunc(st.Evidence, func(id string) bool { return slices.Contains(draft.Evidence, id) }) {
		run.Note(step + ": the model's sentence cites nothing of what the rules' rests on, which stands.")
		return
	}
	lower := strings.ToLower(st.Text)
	for _, name := range s.keep {
		if !strings.Contains(lower, strings.ToLower(name)) {
			run.Note(step + ": the model's sentence leaves out " + name + ", so that of the rules stands.")
			return
		}
	}
	out.Executive[s.at] = st
	run.Decided("executive["+s.name+"]", casemate.DecidedByModel)
}

// key is the evidence for the executive sentences: what the drafts and the kept
// sentences cite, n pieces at most, findings first.
func (w *writer) key(out *Output, kept []casemate.Statement, n int) []casemate.Evidence {
	var ids []string
	for _, s := range append(slices.Clone(out.Executive), kept...) {
		ids = append(ids, s.Evidence...)
	}
	ids = unique(ids)
	want := map[string]bool{}
	for _, id := range ids[:min(len(ids), n)] {
		want[id] = true
	}
	var list []casemate.Evidence
	for _, e := range append(slices.Clone(w.findings), w.d.Evidence...) {
		if want[e.ID] {
			list = append(list, e)
		}
	}
	return list
}

// readBy remembers which evidence a model read.
func (w *writer) readBy(list []casemate.Evidence) {
	for _, e := range list {
		w.read[e.ID] = true
	}
}
