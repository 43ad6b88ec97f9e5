package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// leastCommon is how many rows two candidates must both have been tested on for
// those alone to be compared.
const leastCommon = 30

// PromoteOptions says how to let a version into service.
type PromoteOptions struct {
	At time.Time
	// Override is why a version goes into service whatever speaks against it. It is
	// kept in the record.
	Override string
	// Check only says what would happen.
	Check bool
	// Answer runs the version that is in service on the rows of an evaluation. It
	// is asked where its own evaluation is of other rows, and may be nil.
	Answer func(ctx context.Context, v *Version, rows *outcome.Evaluation) (*outcome.Evaluation, error)
}

// Refusal is something that speaks against a promotion.
type Refusal struct {
	Code    string `json:"code"` // "evaluation", "seen" or "gain"
	Message string `json:"message"`
	Advice  string `json:"advice"`
}

// Promotion is what came of a request to let a version into service.
type Promotion struct {
	Version *Version `json:"version"`
	// Before is the version that was in service, "" if none was.
	Before   string        `json:"before"`
	Against  string        `json:"against,omitzero"`
	Gain     *outcome.Gain `json:"gain,omitempty"`
	Refusals []Refusal     `json:"refusals,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
	Done     bool          `json:"done"`
	Override string        `json:"override,omitzero"`

	evaluation, signer string
}

// Promote lets a version into service: one with a signed evaluation on rows that
// it did not see, and with a gain beyond chance over what is in service, or over
// the best baseline where nothing is. Without these, Promotion.Refusals says what
// is missing and nothing changes, unless a reason to do it anyway is given.
func (r *Registry) Promote(ctx context.Context, v *Version, o PromoteOptions) (*Promotion, error) {
	if v.Name == "" {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "promote a folder", Hint: "only a version of the data directory goes into service; `casemate tune train` puts it there"}
	}
	if len(o.Override) > maxReason {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("give a reason of %d bytes", len(o.Override)), Hint: fmt.Sprintf("say it in at most %d", maxReason)}
	}
	trust, err := outcome.OpenTrust(r.data)
	if err != nil {
		return nil, err
	}
	before, entry, err := r.current(v.Kind, v.Name, trust)
	if err != nil {
		return nil, err
	}
	p := &Promotion{Version: v, Override: o.Override}
	if entry != nil {
		p.Before = entry.Version
		if entry.Version == v.ID {
			return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("promote %s: it is in service already, since %s", v, entry.At.Format(time.DateTime)), Hint: "name another version: `casemate tune show " + v.Name + "` lists them"}
		}
	}
	if err := r.judge(ctx, p, before, o); err != nil {
		return nil, err
	}
	if len(p.Refusals) > 0 && o.Override == "" || o.Check {
		return p, nil
	}
	return p, r.enter(ctx, p, o)
}

// current returns what is in service, both nil if nothing is. The version is nil,
// too, where it is damaged: another may take its place.
func (r *Registry) current(k Kind, name string, trust *outcome.Trust) (*Version, *Entry, error) {
	s, err := r.service(k, name, trust)
	if errors.Is(err, ErrNone) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	e := s.Current()
	if e == nil {
		return nil, nil, nil
	}
	v, err := r.admitted(s, e, trust)
	if err != nil {
		return nil, e, nil //nolint:nilerr // judge says that it cannot be compared with
	}
	return v, e, nil
}

func (p *Promotion) refuse(code, message, advice string) {
	p.Refusals = append(p.Refusals, Refusal{code, message, advice})
}

// judge fills in what speaks for and against a promotion.
func (r *Registry) judge(ctx context.Context, p *Promotion, before *Version, o PromoteOptions) error {
	e, signer, err := r.Evaluation(p.Version)
	switch {
	case errors.Is(err, outcome.ErrForged):
		return damaged(p.Version.Kind, p.Version.Name, p.Version.ID, err) // no reason excuses that
	case errors.Is(err, outcome.ErrUntrusted):
		p.refuse("evaluation", "Its evaluation is signed by a key that is not trusted here.", "Put the signer's public key, as `casemate tune show --key` prints it there, into the folder trusted-keys of the data directory.")
		return nil
	case err != nil:
		return err
	case e == nil:
		p.refuse("evaluation", "It was not evaluated: nobody knows how good it is.", "Train it with `casemate tune train`, which keeps rows apart to test on.")
		return nil
	case signer == nil:
		p.refuse("evaluation", "Its evaluation is not signed.", "Train it with `casemate tune train`, which signs what it measured.")
		return nil
	}
	data, err := files.ReadPlain(p.Version.Dir+"/"+outcome.EvaluationFile, outcome.MaxBytes)
	if err != nil {
		return fmt.Errorf("read the evaluation of %s: %w", p.Version, err)
	}
	p.evaluation, p.signer = outcome.Digest(data), signer.Key
	if err := r.judgeSeen(p, e); err != nil {
		return err
	}
	if p.Before == "" {
		return r.judgeBaselines(p, e)
	}
	return r.judgeBefore(ctx, p, e, before, o)
}

// judgeSeen refuses a version that knew rows that it was tested on.
func (r *Registry) judgeSeen(p *Promotion, e *outcome.Evaluation) error {
	seen, err := r.Seen(p.Version)
	if err != nil {
		return err
	}
	if seen == nil {
		p.refuse("seen", "What it learnt from is not known: it may have seen the rows that it was tested on.", "Train it with `casemate tune train`, which keeps the digests of the rows.")
		return nil
	}
	texts, groups := seen.Knew(e)
	if n := len(texts); n > 0 {
		p.refuse("seen", fmt.Sprintf("It had seen %d of the %d rows that it was tested on, such as %s.", n, len(e.Rows), rowNumbers(texts)), "Train again: rows with the same text have to stand in one part.")
	}
	if n := len(groups); n > 0 {
		p.refuse("seen", fmt.Sprintf("It had seen rows of the same groups as %d of the %d that it was tested on, such as %s.", n, len(e.Rows), rowNumbers(groups)), "Train again: rows of a group have to stand in one part.")
	}
	return nil
}

// judgeBaselines compares a first version with the baselines: with the best of those
// that it is not better than beyond chance, or, where there is none, of all. The one
// with the best figure need not be the hardest to be told from.
func (r *Registry) judgeBaselines(p *Promotion, e *outcome.Evaluation) error {
	baselines, err := r.Baselines(p.Version)
	if err != nil {
		return err
	}
	var best *outcome.Evaluation
	beaten := true
	for _, b := range baselines {
		if b.Digest == e.Digest || e.Same(b) != nil {
			continue
		}
		g, err := outcome.Compare(e, b)
		if err != nil {
			return fmt.Errorf("compare %s with the baseline %s: %w", p.Version, b.Candidate, err)
		}
		if s := g.Significant(); best == nil || beaten && !s || beaten == s && b.Mean().Value > best.Mean().Value {
			best, beaten = b, s
		}
	}
	if best == nil {
		p.refuse("gain", "There is no baseline on the same rows to compare it with.", "Train it with `casemate tune train`, which measures them.")
		return nil
	}
	return r.judgeGain(p, e, best, "the baseline "+best.Candidate)
}

// judgeBefore compares a version with the one in service.
func (r *Registry) judgeBefore(ctx context.Context, p *Promotion, e *outcome.Evaluation, before *Version, o PromoteOptions) error {
	name := p.Version.Name + "@" + p.Before
	if before == nil {
		p.refuse("gain", "What is in service, "+name+", is damaged: it cannot be compared with.", "Put its copy back, or roll back to the version before.")
		return nil
	}
	old, _, err := r.Evaluation(before)
	if err != nil {
		old = nil // it may still be run on the rows
	}
	seen, err := r.Seen(before)
	if err != nil {
		return err
	}
	if seen == nil {
		p.Notes = append(p.Notes, "What "+name+" learnt from is not known: it may know some of the rows.")
	} else if texts, groups := seen.Knew(e); len(texts)+len(groups) > 0 {
		e = e.Keep(without(texts, groups))
		p.Notes = append(p.Notes, fmt.Sprintf("%s had learnt from %d of the test rows: the two are compared on the other %d.", name, len(texts)+len(groups), len(e.Rows)))
		if len(e.Rows) == 0 {
			p.refuse("gain", "What is in service, "+name+", learnt from every row that this one was tested on.", "Compare them on new rows: `casemate tune promote "+p.Version.Name+" --rows FILE`.")
			return nil
		}
	}
	other, err := r.onSameRows(ctx, p, &e, old, before, o)
	if err != nil || other == nil {
		return err
	}
	return r.judgeGain(p, e, other, name)
}

// onSameRows returns the answers of the version in service to the rows of e: those
// of its own evaluation, those that it gives when it is run, or, where it cannot
// be run, those to the rows that both were tested on.
func (r *Registry) onSameRows(ctx context.Context, p *Promotion, e **outcome.Evaluation, old *outcome.Evaluation, before *Version, o PromoteOptions) (*outcome.Evaluation, error) {
	if old != nil && old.Task != (*e).Task {
		p.refuse("gain", fmt.Sprintf("What is in service answers with %s, this one with %s: neither is better.", outcome.TaskWords(old.Task), outcome.TaskWords((*e).Task)), "Give it a name of its own.")
		return nil, nil
	}
	if old != nil {
		if mine, same := Common(*e, old); same != nil && len(mine.Rows) == len((*e).Rows) {
			return same, nil
		}
	}
	if o.Answer != nil {
		answers, err := o.Answer(ctx, before, *e)
		if err != nil {
			return nil, fmt.Errorf("run %s on the test rows: %w", before, err)
		}
		if err := (*e).Same(answers); err != nil {
			return nil, fmt.Errorf("run %s on the test rows: %w", before, err)
		}
		p.Notes = append(p.Notes, fmt.Sprintf("%s was run on these %d rows now.", before, len((*e).Rows)))
		return answers, nil
	}
	if old != nil {
		if mine, same := Common(*e, old); same != nil && len(mine.Rows) >= leastCommon {
			p.Notes = append(p.Notes, fmt.Sprintf("The two are compared on the %d rows that both were tested on.", len(mine.Rows)))
			*e = mine
			return same, nil
		}
	}
	p.refuse("gain", "What is in service, "+before.String()+", has no answers to these rows.", "Give the data with --rows FILE, to run it on them.")
	return nil, nil
}

func (r *Registry) judgeGain(p *Promotion, e, other *outcome.Evaluation, against string) error {
	g, err := outcome.Compare(e, other)
	if err != nil {
		return fmt.Errorf("compare %s with %s: %w", p.Version, against, err)
	}
	p.Against, p.Gain = against, &g
	if !g.Significant() {
		advice := "Bring more rows, or correct those that `casemate tune check` doubts; the report says whether more would help."
		what := "It is not better than " + against + " beyond chance: "
		if g.Loss() {
			what = "It is worse than " + against + ": "
		}
		p.refuse("gain", what+GainWords(&g)+".", advice)
	}
	return nil
}

// enter writes what is in service from now on.
func (r *Registry) enter(ctx context.Context, p *Promotion, o PromoteOptions) error {
	v := p.Version
	return r.change(ctx, v.Kind, v.Name, func(s *Service, trust *outcome.Trust) (Entry, error) {
		now := ""
		if c := s.Current(); c != nil {
			now = c.Version
		}
		if now != p.Before {
			return Entry{}, &casemate.Error{Code: casemate.CodeUsage, Message: "promote " + v.String() + ": another process changed what is in service meanwhile", Hint: "look with `casemate tune show " + v.Name + "`, and run it again"}
		}
		if _, err := r.load(v.Kind, v.Name, v.ID, trust); err != nil {
			return Entry{}, err
		}
		e := Entry{Action: ActionPromote, At: o.At.UTC(), Version: v.ID, Digest: v.Digest, Before: now, Evaluation: p.evaluation, Signer: p.signer, Against: p.Against, Gain: p.Gain, Notes: p.Notes}
		if len(p.Refusals) > 0 {
			e.Override = o.Override
			for _, f := range p.Refusals {
				e.Overridden = append(e.Overridden, f.Message)
			}
		}
		p.Done = true
		return e, nil
	})
}

// change adds to a history what next makes of it, while no other process may.
func (r *Registry) change(ctx context.Context, k Kind, name string, next func(s *Service, trust *outcome.Trust) (Entry, error)) error {
	if err := CheckName(name); err != nil {
		return err
	}
	key, err := outcome.OpenKey(r.data)
	if err != nil {
		return err
	}
	trust, err := outcome.OpenTrust(r.data)
	if err != nil {
		return err
	}
	unlock, err := r.lock(ctx, k)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := r.service(k, name, trust)
	if errors.Is(err, ErrNone) {
		s, err = &Service{Format: formatVersion, Kind: k, Name: name}, nil
	}
	if err != nil {
		return err
	}
	e, err := next(s, trust)
	if err != nil {
		return err
	}
	return r.append(s, e, key)
}

// Rollback puts the version into service that was there before the one that is,
// or takes that out of service if out is set.
func (r *Registry) Rollback(ctx context.Context, k Kind, name string, out bool, at time.Time) (Entry, error) {
	var done Entry
	err := r.change(ctx, k, name, func(s *Service, trust *outcome.Trust) (Entry, error) {
		stack, err := s.stack()
		if err != nil {
			return Entry{}, err
		}
		if len(stack) == 0 {
			return Entry{}, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("roll back %s %s", k, name), Err: ErrNone, Hint: "`casemate tune list` shows what is in service"}
		}
		done = Entry{Action: ActionRetire, At: at.UTC(), Before: stack[len(stack)-1].Version}
		if out {
			return done, nil
		}
		if len(stack) == 1 {
			return Entry{}, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("roll back %s: %s is the first that was in service", name, done.Before), Hint: "to have none in service, add --out"}
		}
		to := stack[len(stack)-2]
		if _, err := r.admitted(s, to, trust); err != nil {
			return Entry{}, err
		}
		done.Action, done.Version, done.Digest = ActionRollback, to.Version, to.Digest
		return done, nil
	})
	return done, err
}

// rowNumbers names a few rows.
func rowNumbers(numbers []int) string {
	const few = 5
	var out []string
	for _, n := range numbers[:min(few, len(numbers))] {
		out = append(out, fmt.Sprint(n))
	}
	return strings.Join(out, ", ")
}

func without(lists ...[]int) func(r *outcome.Row) bool {
	known := map[int]bool{}
	for _, l := range lists {
		for _, n := range l {
			known[n] = true
		}
	}
	return func(r *outcome.Row) bool { return !known[r.Number] }
}
