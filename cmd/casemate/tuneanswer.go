package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// rowsFlags are those of commands that run heads on labelled rows again.
type rowsFlags struct {
	Rows  []string `placeholder:"FILE" help:"Labelled rows to run them on."`
	Text  string   `placeholder:"COLUMN" help:"The column of texts in --rows; default: found."`
	Label string   `placeholder:"COLUMN" help:"The column of labels in --rows; default: found."`
	Group string   `placeholder:"COLUMN" help:"The column of --rows whose equal cells belong together; default: found."`
}

// read reads the rows as a head of this card was taught.
func (f *rowsFlags) read(ctx context.Context, paths []string, card tuned.Card) (*dataset.Table, error) {
	o := dataset.Options{Text: f.Text, Label: f.Label, Group: f.Group, Kind: dataset.Kind(card.Task)}
	if card.Task == tuned.TaskOrdinal {
		o.Order = card.Labels
	}
	return dataset.Read(ctx, paths, o)
}

// headAnswers runs heads of the registry on rows.
type headAnswers struct {
	s     *streams
	flags ownHeadFlags
}

// open opens a version's head, and the language model that it stands on, if any.
func (a headAnswers) open(ctx context.Context, v *registry.Version) (*tuned.Head, engine.Engine, func(), error) {
	h, err := openVersion(v)
	if err != nil {
		return nil, nil, nil, err
	}
	if !h.NeedsModel() {
		return h, nil, func() {}, nil
	}
	e, done, err := ownHeads{flags: a.flags, s: a.s}.Engine(ctx, []*tuned.Head{h})
	return h, e, done, err
}

// openVersion opens what a version answers texts with: a head, or an adapter that was
// taught labels.
func openVersion(v *registry.Version) (*tuned.Head, error) {
	if v.Kind == registry.KindAdapter {
		return tuned.OpenAdapter(v.Dir)
	}
	return tuned.Open(v.Dir)
}

// evaluate runs a version on some rows of a table.
func (a headAnswers) evaluate(ctx context.Context, v *registry.Version, t *dataset.Table, rows, groups []int) (*outcome.Evaluation, error) {
	h, e, done, err := a.open(ctx, v)
	if err != nil {
		return nil, err
	}
	defer done()
	result, err := tune.Evaluate(ctx, e, h, t, rows, groups)
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", v, err)
	}
	result.Candidate = v.String()
	return result, nil
}

// both runs two versions on the rows of files that neither has seen, and says how
// many were left out.
func (a headAnswers) both(r *registry.Registry, f *rowsFlags, x, y *registry.Version) (*outcome.Evaluation, *outcome.Evaluation, []string, error) {
	h, err := openVersion(x)
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := f.read(a.s.ctx, f.Rows, h.Card())
	if err != nil {
		return nil, nil, nil, err
	}
	grouping, err := split.Find(a.s.ctx, t, split.FindOptions{})
	if err != nil {
		return nil, nil, nil, err
	}
	rows, notes, err := unseenRows(r, t, x, y)
	if err != nil {
		return nil, nil, nil, err
	}
	one, err := a.evaluate(a.s.ctx, x, t, rows, grouping.Of)
	if err != nil {
		return nil, nil, nil, err
	}
	two, err := a.evaluate(a.s.ctx, y, t, rows, grouping.Of)
	return one, two, notes, err
}

// unseenRows returns the rows of a table whose texts none of the versions learnt
// from.
func unseenRows(r *registry.Registry, t *dataset.Table, versions ...*registry.Version) (rows []int, notes []string, err error) {
	seen := map[string]bool{}
	for _, v := range versions {
		s, err := r.Seen(v)
		if err != nil {
			return nil, nil, err
		}
		if s == nil {
			notes = append(notes, "What "+v.String()+" learnt from is not known: it may know some of the rows.")
			continue
		}
		for _, text := range s.Texts {
			seen[text] = true
		}
	}
	for i := range t.Rows {
		if !seen[outcome.TextDigest(t.Rows[i].Text)] {
			rows = append(rows, i)
		}
	}
	if n := len(t.Rows) - len(rows); n > 0 {
		notes = append(notes, fmt.Sprintf("%d of the %d rows are left out: one of the two learnt from them.", n, len(t.Rows)))
	}
	if len(rows) == 0 {
		return nil, nil, &casemate.Error{Code: casemate.CodeInput, Message: "compare on rows: one of the two learnt from every row", Hint: "bring rows that are new to both"}
	}
	return rows, notes, nil
}

// again runs a version on the very rows that another was tested on. The rows stand
// in the file that the other was trained on, or where f says.
func (a headAnswers) again(f *rowsFlags, candidate *registry.Version) func(context.Context, *registry.Version, *outcome.Evaluation) (*outcome.Evaluation, error) {
	return func(ctx context.Context, v *registry.Version, like *outcome.Evaluation) (*outcome.Evaluation, error) {
		h, err := openVersion(candidate)
		if err != nil {
			return nil, err
		}
		card := h.Card()
		paths := f.Rows
		if len(paths) == 0 {
			paths = []string{card.Data.Path}
		}
		t, err := f.read(ctx, paths, card)
		if err != nil {
			return nil, elsewhere(err)
		}
		index := make(map[int]int, len(t.Rows))
		for i := range t.Rows {
			index[t.Rows[i].Number] = i
		}
		groups := make([]int, len(t.Rows))
		rows := make([]int, 0, len(like.Rows))
		for k := range like.Rows {
			i, ok := index[like.Rows[k].Number]
			if !ok || outcome.TextDigest(t.Rows[i].Text) != like.Rows[k].Text {
				return nil, elsewhere(errors.New("the rows that it was tested on are not in it"))
			}
			rows, groups[i] = append(rows, i), like.Rows[k].Group
		}
		if !slices.IsSorted(rows) {
			return nil, elsewhere(errors.New("its rows are in another order"))
		}
		return a.evaluate(ctx, v, t, rows, groups)
	}
}

// elsewhere says what to do where the data of a training are not found.
func elsewhere(err error) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: "read the data that it was trained on, to run the one in service on the same rows", Err: err,
		Hint: "name the file with --rows FILE, and its columns with --text and --label where they were named in training"}
}
