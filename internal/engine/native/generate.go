package native

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/chat"
	"github.com/casemate-ai/casemate/internal/model/grammar"
	"github.com/casemate-ai/casemate/internal/model/sample"
	"github.com/casemate-ai/casemate/internal/model/tokenizer"
)

// maxAlternatives is how many alternatives of a token may be asked for.
const maxAlternatives = 100

// ErrIncomplete is engine.ErrIncomplete.
var ErrIncomplete = engine.ErrIncomplete

// answer is an answer in the making.
type answer struct {
	engine  *Engine
	request engine.GenerateRequest
	emit    func(engine.Piece) error

	sequence *batch.Sequence
	logits   []float32

	sampler  *sample.Sampler
	schema   schema
	matcher  *grammar.Matcher // nil without a schema, and while the model thinks
	masked   bool             // allowed is what matcher allows next
	allowed  []uint64
	decoder  *tokenizer.Decoder
	thoughts *chat.Thoughts
	stopper  *sample.Stopper

	out            engine.Generation
	text, thinking strings.Builder
	pieces         []engine.Piece // to be emitted
}

// Generate continues a prompt.
func (e *Engine) Generate(ctx context.Context, r engine.GenerateRequest, emit func(engine.Piece) error) (engine.Generation, error) {
	a, err := e.begin(r, emit)
	if err != nil {
		return engine.Generation{}, err
	}
	prompt, err := a.prompt()
	if err != nil {
		return engine.Generation{}, err
	}
	room := e.options.Context - len(prompt)
	extra := r.MaxTokens
	if extra == 0 {
		extra = min(max(room, 1), leastTokens) // what the memory is held against; the context itself ends the answer
	}
	if err := e.fits(len(prompt), extra); err != nil {
		return engine.Generation{}, err
	}
	adapter, digest, done, err := e.use(r.Adapter)
	if err != nil {
		return engine.Generation{}, err
	}
	defer done()
	sequence, first, err := e.requests.Start(ctx, batch.Prompt{Tokens: prompt, Adapter: adapter, Room: extra, Share: true, Logits: true})
	if err != nil {
		return engine.Generation{}, e.explain(err)
	}
	a.sequence, a.logits = sequence, first.Logits
	a.out.PromptTokens = len(prompt)
	if r.Adapter != "" {
		a.out.Adapter = digest
	}
	limit := r.MaxTokens
	if limit == 0 {
		limit = room
	}
	err = a.sampler.Prime(prompt)
	if err == nil {
		err = a.run(ctx, limit)
	}
	sequence.End(err == nil)
	if err != nil {
		return engine.Generation{}, err
	}
	return a.out, a.finish()
}

// begin checks a request.
func (e *Engine) begin(r engine.GenerateRequest, emit func(engine.Piece) error) (*answer, error) {
	a := &answer{engine: e, request: r, emit: emit, decoder: e.tok.NewDecoder()}
	switch {
	case r.MaxTokens < 0:
		return nil, usage(fmt.Sprintf("an answer of %d tokens", r.MaxTokens), "0 means as many as the context has room for")
	case r.Alternatives < 0 || r.Alternatives > maxAlternatives:
		return nil, usage(fmt.Sprintf("%d alternatives of a token", r.Alternatives), fmt.Sprintf("ask for at most %d", maxAlternatives))
	case len(r.Schema) > 0 && len(r.Stop) > 0:
		return nil, usage("stop strings and a schema together", "the schema says where the answer ends: leave the stop strings out")
	case !slices.Contains([]engine.Thinking{engine.ThinkingHide, engine.ThinkingShow, engine.ThinkingCut}, r.Thinking):
		return nil, usage(fmt.Sprintf("no thinking %q", r.Thinking), "hide, show or cut")
	}
	var err error
	s := r.Sampling
	if a.sampler, err = sample.New(sample.Options{Temperature: s.Temperature, TopK: s.TopK, TopP: s.TopP, MinP: s.MinP,
		RepetitionPenalty: s.RepetitionPenalty, PresencePenalty: s.PresencePenalty, FrequencyPenalty: s.FrequencyPenalty,
		PenaltyWindow: s.PenaltyWindow, Seed: s.Seed, Bias: s.Bias}); err != nil {
		return nil, misused("pick tokens", err, "docs/sampling.md says what each option may be")
	}
	for id := range s.Bias {
		if id < 0 || id >= e.info.Vocabulary {
			return nil, usage(fmt.Sprintf("a bias for token %d: the model has %d tokens", id, e.info.Vocabulary), "casemate tokenize gives a model's ids")
		}
	}
	if a.stopper, err = sample.NewStopper(r.Stop); err != nil {
		return nil, misused("use the stop strings", err, "give fewer or others")
	}
	if len(r.Schema) > 0 {
		if a.schema, err = e.compile(r.Schema); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// prompt returns the prompt's ids, and makes ready for what the answer begins with.
func (a *answer) prompt() ([]int, error) {
	p, err := a.engine.read(a.request)
	if err != nil {
		return nil, err
	}
	a.thoughts = a.engine.thoughts(p.thinking)
	if a.schema.grammar != nil && !p.thinking {
		a.matcher = a.schema.grammar.Start()
	}
	return p.ids, nil
}

// run picks tokens until the answer ends. While the model computes what follows
// a token, its text is emitted and the schema's next mask is made.
func (a *answer) run(ctx context.Context, limit int) error {
	for {
		choice, err := a.sampler.Next(a.logits, a.mask())
		if err != nil {
			return fmt.Errorf("pick token %d of the answer: %w", len(a.out.IDs)+1, err)
		}
		done, err := a.take(choice)
		if err != nil {
			return err
		}
		if !done && len(a.out.IDs) >= limit { // the logits after the last token are not needed
			a.out.Finish, done = engine.FinishLength, true
		}
		if done {
			return a.speak()
		}
		if err := a.sequence.Next(ctx, choice.ID); err != nil {
			return a.engine.explain(err)
		}
		if err := a.speak(); err != nil {
			return err
		}
		a.mask()
		if a.logits, err = a.sequence.Wait(ctx); err != nil {
			return a.engine.explain(err)
		}
	}
}

// mask returns which tokens may come next; nil means all.
func (a *answer) mask() []uint64 {
	if a.matcher == nil {
		return a.engine.spoken
	}
	if !a.masked {
		a.allowed, a.masked = a.matcher.Mask(), true
	}
	return a.allowed
}

// take adds a token to the answer and says whether it is the last.
func (a *answer) take(c sample.Choice) (done bool, err error) {
	e := a.engine
	if a.request.Logprobs {
		a.out.Tokens = append(a.out.Tokens, a.logprob(c))
	}
	a.out.IDs = append(a.out.IDs, c.ID)
	if err := a.sampler.Accept(c.ID); err != nil {
		return false, err
	}
	constrained := a.matcher != nil
	if constrained {
		a.masked = false
		if err := a.matcher.Accept(c.ID); err != nil {
			return false, fmt.Errorf("hold token %d to the schema: %w", c.ID, err)
		}
	}
	if slices.Contains(e.ends, c.ID) {
		a.out.Finish = engine.FinishStop
		return true, nil
	}
	parts := a.thoughts.Write(string(a.decoder.Write(c.ID)))
	if e.isThinkMark(c.ID) {
		parts = append(parts, a.thoughts.Tag(e.tok.Text(c.ID))...)
	}
	stopped, err := a.hear(parts)
	if err != nil {
		return false, err
	}
	if stopped {
		a.out.Finish = engine.FinishString
		return true, nil
	}
	if constrained && a.complete() {
		a.out.Finish = engine.FinishStop
		return true, nil
	}
	return false, nil
}

// logprob describes a picked token.
func (a *answer) logprob(c sample.Choice) engine.TokenLogprob {
	out := engine.TokenLogprob{ID: c.ID, Text: a.engine.Piece(c.ID), Logprob: c.Logprob}
	for _, t := range c.Top(a.request.Alternatives) {
		out.Alternatives = append(out.Alternatives, engine.TokenLogprob{ID: t.ID, Text: a.engine.Piece(t.ID), Logprob: t.Logprob})
	}
	return out
}

// hear takes parts of the text as they become certain, and says whether a stop
// string came. When the thoughts end, a schema begins to hold.
func (a *answer) hear(parts []chat.Part) (stopped bool, err error) {
	for _, p := range parts {
		if p.Thinking {
			a.thinking.WriteString(p.Text)
			a.say(p.Text, true)
			continue
		}
		if a.schema.grammar != nil && a.matcher == nil {
			a.matcher = a.schema.grammar.Start()
			if err := a.matcher.AcceptBytes([]byte(p.Text)); err != nil {
				return false, fmt.Errorf("hold the answer to the schema after the thoughts: %w", err)
			}
		}
		safe, stop, err := a.stopper.Feed(nil, []byte(p.Text))
		if err != nil {
			return false, err
		}
		if a.write(string(safe)); stop {
			return true, nil
		}
	}
	if a.schema.grammar != nil && a.matcher == nil && !a.thoughts.Thinking() {
		a.matcher = a.schema.grammar.Start()
	}
	return false, nil
}

// write adds to the text of the answer.
func (a *answer) write(text string) {
	a.text.WriteString(text)
	a.say(text, false)
}

// say adds a piece to those that are to be emitted.
func (a *answer) say(text string, thinking bool) {
	if a.emit != nil && text != "" {
		a.pieces = append(a.pieces, engine.Piece{Text: text, Thinking: thinking})
	}
}

// speak emits what there is.
func (a *answer) speak() error {
	for _, p := range a.pieces {
		if err := a.emit(p); err != nil {
			return err
		}
	}
	a.pieces = a.pieces[:0]
	return nil
}

// complete says whether the schema leaves nothing to say.
func (a *answer) complete() bool {
	if a.matcher == nil || !a.matcher.Done() {
		return false
	}
	for i, word := range a.mask() {
		for _, end := range a.engine.ends {
			if end/64 == i {
				word &^= 1 << (end % 64)
			}
		}
		if word != 0 {
			return false
		}
	}
	return true
}

// finish lets out what was held back and checks the whole.
func (a *answer) finish() error {
	if a.out.Finish != engine.FinishString {
		stopped, err := a.hear(append(a.thoughts.Write(string(a.decoder.Flush())), a.thoughts.Flush()...))
		if err != nil {
			return err
		}
		if stopped {
			a.out.Finish = engine.FinishString
		} else {
			a.write(string(a.stopper.Flush(nil)))
		}
	}
	if err := a.speak(); err != nil {
		return err
	}
	a.out.AnswerTokens = len(a.out.IDs)
	a.out.Text, a.out.Thinking = a.text.String(), a.thinking.String()
	if a.request.Thinking == engine.ThinkingShow && a.out.Thinking != "" {
		a.out.Text = "<think>" + a.out.Thinking + "</think>\n\n" + a.out.Text
	}
	if a.schema.rules == nil {
		return nil
	}
	if a.matcher == nil || !a.matcher.Done() && !a.matcher.Finished() {
		return misused(fmt.Sprintf("the answer was cut at %d tokens", a.out.AnswerTokens), ErrIncomplete, "ask for a longer answer (--max-tokens), or bound the schema's strings and arrays")
	}
	if err := a.schema.rules.Validate([]byte(a.text.String())); err != nil {
		return fmt.Errorf("check the answer against the schema: %w", err)
	}
	return nil
}
