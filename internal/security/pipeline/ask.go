package pipeline

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/prompt"
)

const (
	defaultTokens = 512 // of an answer
	attempts      = 2
	// retryTemperature is how freely the second answer is drawn: enough to leave
	// a rut that the greedy one ran in.
	retryTemperature = .3
)

// Question is one job for the model.
type Question struct {
	Step      string // names it in trace and provenance, such as "opinion/i-1a2b"
	Prompt    *prompt.Prompt
	Data      prompt.Data
	MaxTokens int // of the answer; 0: 512
	// English makes an answer whose text is plainly in another language unusable.
	English bool
	// Check, if not nil, looks at the answer when it has been decoded. An error
	// makes the answer unusable; it is written into the trace, not the provenance.
	Check func() error
}

// ticket is a question that was let through the budget.
type ticket struct {
	number int // of its step in the trace
	err    error
}

// Ask puts a question and decodes the answer into out, a pointer, after it was
// found valid by the prompt's schema. An answer that is not is asked for once
// more with another seed and a little temperature; then the error wraps
// ErrUnusable and a note goes into the provenance. Greedy at first, so the same
// question has the same answer.
//
// Errors that are not WithoutModel end the run: the engine broke down, the
// prompt lacks what its template names, or ctx ended.
func (r *Run) Ask(ctx context.Context, q Question, out any) error {
	return r.ask(ctx, q, r.reserve([]Question{q})[0], out)
}

// AskAll puts several questions, side by side where that is faster for the engine,
// and decodes each answer into the element of outs at its place. The budget is
// given in the order of the questions, so that the same ones are answered
// whichever is done first. It returns one error for each question.
func (r *Run) AskAll(ctx context.Context, qs []Question, outs []any) []error {
	tickets := r.reserve(qs)
	errs := make([]error, len(qs))
	workers := 1
	if r.opt.Engine != nil && r.opt.DryRun == nil {
		workers = max(1, min(r.opt.Engine.Info().Together, len(qs)))
	}
	next := make(chan int)
	var group sync.WaitGroup
	var mu sync.Mutex
	done := int64(0)
	for range workers {
		group.Go(func() {
			for i := range next {
				errs[i] = r.ask(ctx, qs[i], tickets[i], outs[i])
				if p := r.opt.Progress; p != nil {
					mu.Lock()
					done++
					p("asking the model", done, int64(len(qs)))
					mu.Unlock()
				}
			}
		})
	}
	for i := range qs {
		next <- i
	}
	close(next)
	group.Wait()
	return errs
}

// reserve takes questions out of the budget, in their order, and numbers them.
func (r *Run) reserve(qs []Question) []ticket {
	out := make([]ticket, len(qs))
	spent := false
	r.mu.Lock()
	for i := range qs {
		switch {
		case !r.HasModel():
			out[i].err = ErrNoModel
		case r.left == 0:
			out[i].err, spent = fmt.Errorf("%s: %w", qs[i].Step, ErrBudget), true
		default:
			if r.left > 0 {
				r.left--
			}
			r.asked++
		}
	}
	limit := r.limit
	r.mu.Unlock()
	if spent {
		r.Note(fmt.Sprintf("The budget of %s for the model was spent; the rest is what the rules say.", phrase.Count(limit, "question")))
	}
	for i, q := range qs {
		if out[i].err == nil && r.trace != nil {
			out[i].number = r.trace.next(q.Step)
		}
	}
	return out
}

// request is a question as the engine is asked.
type request struct {
	engine.GenerateRequest
	prepared engine.Prepared
}

// request writes a question for the engine.
func (r *Run) request(ctx context.Context, q Question) (request, error) {
	if q.Prompt == nil {
		return request{}, fmt.Errorf("ask %q: there is no prompt", q.Step)
	}
	messages, schema, err := q.Prompt.Messages(q.Data, r.opt.Seed)
	if err != nil {
		return request{}, fmt.Errorf("ask %q: %w", q.Step, err)
	}
	tokens := q.MaxTokens
	if tokens <= 0 {
		tokens = defaultTokens
	}
	g := engine.GenerateRequest{Messages: messages, MaxTokens: tokens, Schema: schema, Thinking: engine.ThinkingCut,
		Sampling: engine.Sampling{Seed: derive(r.opt.Seed, q.Step, 1)}}
	prepared, err := r.opt.Engine.Prepare(ctx, g)
	if err != nil {
		return request{}, fmt.Errorf("ask %q: %w", q.Step, err)
	}
	return request{g, prepared}, nil
}

// fits reports whether the answer has room behind the prompt.
func (q request) fits() bool { return q.prepared.Room >= q.MaxTokens }

// derive returns the seed of one attempt of one step of a run.
func derive(seed uint64, step string, attempt uint64) uint64 {
	h := hmac.New(sha256.New, binary.BigEndian.AppendUint64(nil, seed))
	h.Write(binary.BigEndian.AppendUint64(nil, attempt))
	h.Write([]byte(step))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// ask puts a question that has been let through the budget.
func (r *Run) ask(ctx context.Context, q Question, t ticket, out any) error {
	if t.err != nil {
		return t.err
	}
	target := reflect.ValueOf(out)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("ask %q: the answer has no place: %T is no pointer", q.Step, out)
	}
	req, err := r.request(ctx, q)
	if err != nil {
		return err
	}
	rec := &record{Step: q.Step, Prompt: pin(q.Prompt), PromptTokens: req.prepared.Tokens, MaxTokens: req.MaxTokens}
	err = r.answer(ctx, q, req, rec, target)
	if err != nil {
		rec.Error = err.Error()
	}
	if r.trace != nil {
		if fault := r.trace.question(t.number, req, rec); fault != nil && (err == nil || WithoutModel(err)) {
			return fault
		}
	}
	return err
}

// answer asks a question that has been written.
func (r *Run) answer(ctx context.Context, q Question, req request, rec *record, out reflect.Value) error {
	r.AddPrompt(q.Prompt)
	if !req.fits() {
		r.Note(fmt.Sprintf("%s: the question (%s) and its answer (up to %d) are longer than the model's context of %d; the rules' result stands.",
			q.Step, phrase.Count(req.prepared.Tokens, "token"), req.MaxTokens, r.opt.Engine.Info().Context))
		return fmt.Errorf("ask %q: %w", q.Step, ErrTooLong)
	}
	if r.opt.DryRun != nil {
		if err := r.writeRequest(q, req); err != nil {
			return err
		}
		return fmt.Errorf("ask %q: %w", q.Step, ErrDryRun)
	}
	return r.attempt(ctx, q, req, rec, out)
}

// attempt asks until an answer can be used, twice at most.
func (r *Run) attempt(ctx context.Context, q Question, req request, rec *record, out reflect.Value) error {
	var last fault
	for n := range attempts {
		if n > 0 {
			req.Sampling = engine.Sampling{Temperature: retryTemperature, Seed: derive(r.opt.Seed, q.Step, uint64(n)+1)}
		}
		r.mu.Lock()
		r.calls++
		r.mu.Unlock()
		g, err := r.opt.Engine.Generate(ctx, req.GenerateRequest, nil)
		if err != nil && !errors.Is(err, engine.ErrIncomplete) {
			rec.add(req.Sampling, g, err)
			return fmt.Errorf("ask %q: %w", q.Step, err)
		}
		if err != nil {
			g.Finish = engine.FinishLength
		}
		out.Elem().SetZero()
		last = r.use(ctx, q, req, g, out.Interface())
		if last.err != nil {
			out.Elem().SetZero()
		}
		rec.add(req.Sampling, g, last.err)
		if last.err == nil {
			return nil
		}
		if errors.Is(last.err, errLookup) {
			return fmt.Errorf("ask %q: %w", q.Step, last.err)
		}
	}
	r.Note(fmt.Sprintf("%s: the model's answer could not be used, and neither could a second one (%s); the rules' result stands.", q.Step, last.why))
	return fmt.Errorf("ask %q: %w: %s", q.Step, ErrUnusable, last.why)
}

// fault is why an answer cannot be used: why in words that hold nothing of the
// answer and are the same every time, err in all detail.
type fault struct {
	why string
	err error
}

// errLookup says that it could not be told whether an id exists.
var errLookup = errors.New("look up identifiers")

// use decodes an answer that is what was asked for.
func (r *Run) use(ctx context.Context, q Question, req request, g engine.Generation, out any) fault {
	if g.Finish == engine.FinishLength {
		return fault{"it was cut off before its end", fmt.Errorf("the answer was cut off after %s", phrase.Count(g.AnswerTokens, "token"))}
	}
	var broken error
	known := func(kind, id string) (string, bool) {
		l, err := r.identifiers(ctx, kind)
		if err != nil {
			broken = err
			return "", false
		}
		name := l.Name(id)
		return name, name != ""
	}
	answer, err := prompt.Validate(req.Schema, unthought(g.Text), known)
	switch {
	case broken != nil:
		return fault{"identifiers could not be looked up", fmt.Errorf("%w: %w", errLookup, broken)}
	case err != nil:
		return fault{"it does not fulfil its schema", err}
	}
	if q.English && !English(freeText(answer)) {
		return fault{"it is not in English", errors.New("the answer is plainly in another language than English")}
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fault{"it does not fit what was asked", err}
	}
	if q.Check != nil {
		if err := q.Check(); err != nil {
			return fault{"it contradicts itself or the evidence", err}
		}
	}
	return fault{}
}

// unthought leaves out thoughts that an engine left in front of its answer.
func unthought(text string) string {
	text = strings.TrimSpace(text)
	if rest, ok := strings.CutPrefix(text, "<think>"); ok {
		if _, answer, ok := strings.Cut(rest, "</think>"); ok {
			return strings.TrimSpace(answer)
		}
	}
	return text
}

// pin names a prompt in the provenance.
func pin(p *prompt.Prompt) casemate.Pin { return casemate.Pin{Name: p.Name, Digest: p.Digest} }

// AddPrompt puts the digest of a prompt that is not asked through Ask into the
// provenance.
func (r *Run) AddPrompt(p *prompt.Prompt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.prompts[p.Name+" "+p.Digest] = pin(p)
}
