package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/casemate-ai/casemate"
)

// Mapping says how to answer about more evidence than a model can read at once.
type Mapping[P any] struct {
	// Map asks about one run of the evidence. Its Step gets the run's number.
	Map func(part []casemate.Evidence) Question
	// Reduce asks for one answer out of several, in their order. What they say
	// is the model's: it goes into Data.Texts or Data.Evidence, never into Vars.
	// Its Step gets a number.
	Reduce func(answers []P) Question
}

// Mapped is what became of it.
type Mapped[P any] struct {
	Value    P         // the one answer; the zero value where there is none
	Partials []P       // answers about runs of the evidence that could be used, in order
	Readings []Reading // which call read what, all evidence among them
}

// Reading says which evidence one call read.
type Reading struct {
	Step     string   `json:"step"`
	Evidence []string `json:"evidence"` // ids, in order; one that stands in several readings was read in parts
	Read     bool     `json:"read"`     // the answer could be used
	Why      string   `json:"why,omitempty"`
}

// Part writes a reading for a coverage receipt.
func (r Reading) Part() casemate.CoveredPart {
	p := casemate.CoveredPart{Name: r.Step, Records: len(r.Evidence), Read: "rules", Why: r.Why}
	if r.Read {
		p.Read = "rules and model"
	}
	if n := len(r.Evidence); n > 0 {
		p.Name += ": " + r.Evidence[0]
		if n > 1 {
			p.Name += " to " + r.Evidence[n-1]
		}
	}
	return p
}

// MapReduce asks about evidence of any size: it is split into runs that fit, each
// is asked about, and the answers are made one. The order of the evidence is kept
// throughout. Where everything fits, one call is all. Of a budget one question is
// kept for making one answer; runs that it does not reach are in Readings, unread.
//
// Its error is WithoutModel where there is no one answer; Partials and Readings say
// how far it came.
func MapReduce[P any](ctx context.Context, r *Run, evidence []casemate.Evidence, m Mapping[P]) (Mapped[P], error) {
	var out Mapped[P]
	parts, err := r.Split(ctx, evidence, m.Map)
	if err != nil {
		return out, err
	}
	questions := number(parts, m.Map)
	for i, part := range parts {
		out.Readings = append(out.Readings, Reading{Step: questions[i].Step, Evidence: ids(part)})
	}
	asked := len(questions)
	if left, limited := r.Left(); limited && asked > 1 {
		asked = min(asked, max(left-1, 0))
	}
	answers, errs := askEach[P](ctx, r, questions[:asked])
	var last error
	for i := range questions {
		reading := &out.Readings[i]
		switch {
		case i >= asked:
			reading.Why, last = ErrBudget.Error(), ErrBudget
		case errs[i] == nil:
			reading.Read = true
			out.Partials = append(out.Partials, answers[i])
		case !WithoutModel(errs[i]):
			return out, errs[i]
		default:
			reading.Why, last = Reason(errs[i]), errs[i]
		}
	}
	r.unread(out.Readings, asked)
	switch len(out.Partials) {
	case 0:
		if last == nil {
			last = fmt.Errorf("there is no evidence to ask about: %w", ErrUnusable)
		}
		return out, last
	case 1:
		out.Value = out.Partials[0]
		return out, nil
	}
	out.Value, err = reduce(ctx, r, out.Partials, m.Reduce)
	return out, err
}

// number asks about each part, under a step's name of its own.
func number(parts [][]casemate.Evidence, ask func([]casemate.Evidence) Question) []Question {
	out := make([]Question, len(parts))
	for i, part := range parts {
		out[i] = ask(part)
		if len(parts) > 1 {
			out[i].Step += "/" + strconv.Itoa(i+1)
		}
	}
	return out
}

// unread notes how many runs the budget did not reach.
func (r *Run) unread(readings []Reading, asked int) {
	if n := len(readings) - asked; n > 0 {
		r.Note(fmt.Sprintf("%s: the budget for the model reached %d of %d parts of the evidence; the rules read all of it.", readings[asked].Step, asked, len(readings)))
	}
}

// askEach asks questions that have the same kind of answer.
func askEach[P any](ctx context.Context, r *Run, qs []Question) ([]P, []error) {
	answers, outs := make([]P, len(qs)), make([]any, len(qs))
	for i := range answers {
		outs[i] = &answers[i]
	}
	return answers, r.AskAll(ctx, qs, outs)
}

// reduce makes one answer of several, as many at a time as fit.
func reduce[P any](ctx context.Context, r *Run, answers []P, ask func([]P) Question) (P, error) {
	var zero P
	asked := 0
	for len(answers) > 1 {
		groups, err := group(ctx, r, answers, ask)
		if err != nil {
			return zero, err
		}
		var qs []Question
		for _, g := range groups {
			if len(g) > 1 {
				asked++
				q := ask(g)
				q.Step += "/" + strconv.Itoa(asked)
				qs = append(qs, q)
			}
		}
		got, errs := askEach[P](ctx, r, qs)
		next := make([]P, len(groups))
		for i, at := 0, 0; i < len(groups); i++ {
			if len(groups[i]) == 1 {
				next[i] = groups[i][0]
				continue
			}
			if errs[at] != nil {
				return zero, errs[at]
			}
			next[i] = got[at]
			at++
		}
		answers = next
	}
	return answers[0], nil
}

// group parts answers into runs that fit into one question. It is ErrTooLong
// where no two do.
func group[P any](ctx context.Context, r *Run, answers []P, ask func([]P) Question) ([][]P, error) {
	var out [][]P
	shorter := false
	for len(answers) > 0 {
		n, err := largest(len(answers), len(answers), func(n int) (bool, error) {
			if n == 1 {
				return true, nil // it goes on as it is
			}
			return r.Fits(ctx, ask(answers[:n]))
		}, 1)
		if err != nil {
			return nil, err
		}
		shorter = shorter || n > 1
		out = append(out, answers[:n])
		answers = answers[n:]
	}
	if !shorter {
		return nil, fmt.Errorf("no two answers fit into one question: %w", ErrTooLong)
	}
	return out, nil
}

// ids returns the ids of evidence, each once.
func ids(list []casemate.Evidence) []string {
	var out []string
	for _, e := range list {
		if !slices.Contains(out[max(0, len(out)-1):], e.ID) {
			out = append(out, e.ID)
		}
	}
	return out
}
