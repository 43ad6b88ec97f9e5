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
	for _, name := range []string{"account", "handover", "customer"} {
		p, err := prompt.Load(prompts, "prompts/"+name)
		if err != nil {
			return nil, fmt.Errorf("load prompt %q: %w", name, err)
		}
		out[name] = p
	}
	return out, nil
})

const (
	maxAsked = 40 // pieces of evidence that a model is given, if they fit
	minAsked = 4
)

// material is the evidence for the model: what the rules found so far, the gravest
// moments, and what people wrote, n pieces at most.
func (w *writer) material(n int) []casemate.Evidence {
	want := map[string]bool{}
	var order []string
	take := func(id string) {
		if id != "" && !want[id] {
			want[id] = true
			order = append(order, id)
		}
	}
	list, _ := w.moments(func(m *dossier.Moment) bool { return w.in.Kind != KindHandover || w.inShift(m.First, m.Last) }, n/2)
	spoken := w.telling()
	for i := 0; i < max(len(list), len(spoken)); i++ { // by turns, so that a short budget has both
		if i < len(list) {
			take(list[i].ID)
		}
		if i < len(spoken) {
			take(spoken[i])
		}
	}
	w.possible = len(w.findings) + len(order)
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

// narrate lets the model add a few sentences. Where it cannot, the note stands
// without them.
func (w *writer) narrate(ctx context.Context, name string, evidence []casemate.Evidence) error {
	w.run.Limit(1)
	all, err := loaded()
	if err != nil {
		return err
	}
	ask := func(e []casemate.Evidence) pipeline.Question {
		return pipeline.Question{Step: name, Prompt: all[name], MaxTokens: 1400, English: true, Data: prompt.Data{Evidence: e, Vars: map[string]any{"shift": w.shift()}}}
	}
	for w.run.HasModel() && len(evidence) > minAsked {
		fits, err := w.run.Fits(ctx, ask(evidence))
		if err != nil || fits {
			break // Ask says what is wrong
		}
		evidence = evidence[:len(evidence)*2/3]
	}
	var answer sentences
	if err := w.run.Ask(ctx, ask(evidence), &answer); pipeline.WithoutModel(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if len(evidence) < w.possible {
		w.run.Note(fmt.Sprintf("the model was given %d of %d pieces of evidence; the note by rules rests on all", len(evidence), w.possible))
	}
	w.read = map[string]bool{}
	for _, e := range evidence {
		w.read[e.ID] = true
	}
	list := answer.statements()
	w.out.Narrative = w.run.Unjudged(w.run.Verify(list, evidence), w.personSays)
	if w.in.Kind == KindCustomer && !w.in.IncludeInternal {
		w.strikeInternal()
	}
	w.run.Decided("narrative[]", casemate.DecidedByModel)
	return nil
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
