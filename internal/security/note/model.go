package note

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

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
	for _, name := range []string{"account", "handover", "customer", "join"} {
		p, err := prompt.Load(prompts, "prompts/"+name)
		if err != nil {
			return nil, fmt.Errorf("load prompt %q: %w", name, err)
		}
		out[name] = p
	}
	return out, nil
})

const (
	maxAsked  = 2000 // pieces of evidence that a model is given, if the budget reaches them
	minAsked  = 4
	ownBudget = 8  // questions, where the caller says nothing: seven parts, and one answer of theirs
	maxJoined = 10 // sentences, where no one answer could be made of the parts'
)

// rules say to the prompt that makes one answer of several what each kind of note
// wants.
var rules = map[string]string{
	"account":  "It begins a case note: what happened, in the order of time.",
	"handover": "It is for the next shift: what changed, what is still open and what to watch, the most urgent first.",
	"customer": "It is for customers. Name no machine, account, person, file, path or internal address; say \"a server\" or \"an account\".",
}

// material is the evidence for the model: what the rules found so far, the moments
// of the incidents, and what people wrote, the gravest n pieces at most.
func (w *writer) material(n int) []casemate.Evidence {
	want := map[string]bool{}
	var order []string
	take := func(id string) {
		if id != "" && !want[id] {
			want[id] = true
			order = append(order, id)
		}
	}
	list, left := w.moments(func(m *dossier.Moment) bool { return w.in.Kind != KindHandover || w.inShift(m.First, m.Last) }, n/2)
	spoken := w.telling()
	for i := 0; i < max(len(list), len(spoken)); i++ { // by turns, so that a short budget has both
		if i < len(list) {
			take(list[i].ID)
		}
		if i < len(spoken) {
			take(spoken[i])
		}
	}
	if w.possible == 0 { // the first call wants the most
		w.possible = len(w.findings) + len(order) + left
	}
	keep := map[string]bool{}
	for _, id := range order[:min(len(order), max(0, n-len(w.findings)))] {
		keep[id] = true
	}
	out := slices.Clone(w.findings[:min(len(w.findings), n)])
	for _, e := range w.dossier.Evidence {
		if keep[e.ID] {
			out = append(out, e)
		}
	}
	return out
}

// telling returns the evidence of what people wrote: first what they did and what
// came of it, then what they saw, thought and asked.
func (w *writer) telling() []string {
	var out []string
	for _, topics := range [][]dossier.Topic{
		{dossier.TopicAction, dossier.TopicDecision, dossier.TopicImpact, dossier.TopicTask},
		{dossier.TopicObservation, dossier.TopicHypothesis, dossier.TopicQuestion},
	} {
		for i := range w.dossier.Words {
			s := &w.dossier.Words[i]
			if !s.Quoted && !s.Commands && slices.Contains(topics, s.Topic) && !slices.Contains(out, s.Evidence) {
				out = append(out, s.Evidence)
			}
		}
	}
	return out
}

// narrate lets the model add a few sentences about all the evidence: in one question
// if it fits, else one for each run of it, and one that makes one answer of theirs.
// Where the model cannot, the note stands without them.
func (w *writer) narrate(ctx context.Context, name string) error {
	w.run.Limit(ownBudget)
	if !w.run.HasModel() {
		return nil
	}
	all, err := loaded()
	if err != nil {
		return err
	}
	ask := func(e []casemate.Evidence) pipeline.Question {
		return pipeline.Question{Step: name, Prompt: all[name], MaxTokens: 1400, English: true, Data: prompt.Data{Evidence: e, Vars: map[string]any{"shift": w.shift()}}}
	}
	evidence, err := w.affordable(ctx, ask)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	got, err := pipeline.MapReduce(ctx, w.run, evidence, pipeline.Mapping[sentences]{
		Map: ask, Reduce: func(parts []sentences) pipeline.Question { return w.joining(name, all["join"], parts, evidence) },
	})
	if err != nil && !pipeline.WithoutModel(err) {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if len(got.Partials) == 0 {
		return nil
	}
	w.receipt(name, got.Readings, len(evidence))
	list := got.Value.statements()
	if err != nil {
		list = w.joined(name, got.Partials, evidence)
	}
	w.out.Narrative = w.run.Unjudged(w.run.Verify(list, evidence), w.personSays)
	if w.in.Kind == KindCustomer && !w.in.IncludeInternal {
		w.strikeInternal()
	}
	w.run.Decided("narrative[]", casemate.DecidedByModel)
	return nil
}

// affordable is the material that the budget reaches: all of it, or the gravest.
func (w *writer) affordable(ctx context.Context, ask func([]casemate.Evidence) pipeline.Question) ([]casemate.Evidence, error) {
	evidence := w.material(maxAsked)
	for {
		parts, err := w.run.Split(ctx, evidence, ask)
		if err != nil && !pipeline.WithoutModel(err) {
			return nil, err
		}
		left, limited := w.run.Left()
		if err != nil || !limited || len(parts) <= max(1, left-1) || len(evidence) <= minAsked {
			return evidence, nil // MapReduce says what is wrong
		}
		evidence = w.material(len(evidence) * 3 / 4)
	}
}

// joining asks for one answer of several. Sentences that their evidence does not
// show go no further.
func (w *writer) joining(name string, p *prompt.Prompt, parts []sentences, evidence []casemate.Evidence) pipeline.Question {
	var text strings.Builder
	cited := map[string]bool{}
	for _, s := range w.shown(parts, evidence) {
		fmt.Fprintf(&text, "%s [%s]\n", s.Text, strings.Join(s.Evidence, ", "))
		for _, id := range s.Evidence {
			cited[id] = true
		}
	}
	pieces := slices.DeleteFunc(slices.Clone(evidence), func(e casemate.Evidence) bool { return !cited[e.ID] })
	return pipeline.Question{Step: name + "/join", Prompt: p, MaxTokens: 1400, English: true, Data: prompt.Data{
		Evidence: pieces, Texts: map[string]string{"sentences": text.String()}, Vars: map[string]any{"rule": rules[name]},
	}}
}

// shown returns the sentences of several answers that their evidence shows, each once.
func (w *writer) shown(parts []sentences, evidence []casemate.Evidence) []casemate.Statement {
	var all sentences
	for _, p := range parts {
		all.Sentences = append(all.Sentences, p.Sentences...)
	}
	return slices.DeleteFunc(w.run.Verify(all.statements(), evidence), func(s casemate.Statement) bool { return s.Support != casemate.Supported })
}

// joined is what stands where the model made no one answer of several: their
// sentences, behind one another.
func (w *writer) joined(name string, parts []sentences, evidence []casemate.Evidence) []casemate.Statement {
	list := w.shown(parts, evidence)
	w.run.Note(fmt.Sprintf("%s: no one answer was made of those about %d parts of the evidence; the first %d of their %d sentences that hold stand.", name, len(parts), min(len(list), maxJoined), len(list)))
	return list[:min(len(list), maxJoined)]
}

// receipt remembers what the model read, and says what it did not.
func (w *writer) receipt(name string, readings []pipeline.Reading, given int) {
	w.read = map[string]bool{}
	unread := map[string]bool{}
	for _, r := range readings {
		for _, id := range r.Evidence {
			w.read[id] = w.read[id] || r.Read
			unread[id] = unread[id] || !r.Read
		}
		if len(readings) > 1 {
			w.readings = append(w.readings, r.Part())
		}
	}
	n := given
	for _, no := range unread {
		if no {
			n--
		}
	}
	if len(readings) > 1 {
		w.run.Note(fmt.Sprintf("%s: the model read the evidence in %d parts, and made one answer of those about them.", name, len(readings)))
	}
	if n < w.possible {
		w.run.Note(fmt.Sprintf("the model read %d of %d pieces of evidence, the gravest first; the note by rules rests on all", n, w.possible))
	}
}

// sentences are what each prompt of this room asks for.
type sentences struct {
	Sentences []struct {
		Text     string   `json:"text"`
		Evidence []string `json:"evidence"`
	} `json:"sentences"`
}

// statements returns each sentence once: models repeat themselves.
func (a *sentences) statements() []casemate.Statement {
	said := map[string]bool{}
	var list []casemate.Statement
	for _, s := range a.Sentences {
		if text := oneLine(s.Text, 400); text != "" && !said[text] {
			said[text] = true
			list = append(list, casemate.Statement{Text: text, Evidence: s.Evidence, By: casemate.DecidedByModel})
		}
	}
	return list
}

// personSays reports whether what a sentence cites was written by a person or has
// the words in the rules' own verdict: records hold words of attackers, and findings
// hold names of records.
func (w *writer) personSays(s casemate.Statement, words string) bool {
	return slices.ContainsFunc(s.Evidence, func(id string) bool { return w.written(id) || w.judged(id, words) })
}

// judged reports whether the rules' own verdict has a word.
func (w *writer) judged(id, word string) bool {
	return slices.ContainsFunc(w.findings, func(e casemate.Evidence) bool {
		return e.ID == id && (e.Name == "triage" || e.Name == verdictName) && strings.Contains(e.Text, word)
	})
}

// written reports whether evidence of an id is what one of the team wrote.
func (w *writer) written(id string) bool {
	e := w.dossier.Piece(id)
	return e != nil && (e.Kind == casemate.EvidenceNote || e.Kind == casemate.EvidenceChat || e.Kind == casemate.EvidenceTicket)
}

// strikeInternal takes sentences out that name something internal, or that their
// evidence does not show: what goes outside is never marked, it is left out.
func (w *writer) strikeInternal() {
	kept := []casemate.Statement{}
	unsupported := 0
	for _, s := range w.out.Narrative {
		switch {
		case len(w.internal.find(s.Text)) > 0:
			w.out.Struck++
		case s.Support != casemate.Supported:
			unsupported++
		default:
			kept = append(kept, s)
		}
	}
	w.out.Narrative = kept
	if w.out.Struck > 0 {
		w.run.Note(strings.TrimSpace(phrase.Count(w.out.Struck, "sentence")) + " of the model named something internal and were left out")
	}
	if unsupported > 0 {
		w.run.Note(phrase.Count(unsupported, "sentence") + " of the model were not shown by their evidence and were left out")
	}
}
