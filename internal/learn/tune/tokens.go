package tune

import (
	"errors"
	"fmt"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/model/tagger"
	"github.com/casemate-ai/casemate/internal/security/phrase"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// tokenStates are the hidden states of the tokens of the rows to learn from. They
// are held in memory: kept on disk they would take more than they save.
type tokenStates struct {
	info   engine.Info
	layers []int
	of     map[int][]engine.TokenState // by row; a row that is too long has none
}

// tokenView is the states of one layer.
type tokenView struct {
	*tokenStates
	at int // in layers
}

// layer returns the number of the view's layer.
func (v *tokenView) layer() int { return v.layers[v.at] }

// tokens returns those of a row, and whether the model could read it.
func (v *tokenView) tokens(row int) ([]tagger.Token, bool) {
	states, ok := v.of[row]
	if !ok {
		return nil, false
	}
	return tuned.Tokens(states, v.at), true
}

// tokenLayers are those whose states are tried for spans: the middle, and nearer
// the end.
func tokenLayers(layers int) []int {
	return slices.Compact([]int{max(1, layers/2), max(1, layers*5/6)})
}

// readTokens lets the model read the rows to learn from. It returns no view where
// there are more numbers than can be held, and says so among the settings.
func (j *job) readTokens() ([]*tokenView, error) {
	info, err := j.baseInfo()
	if err != nil {
		return nil, err
	}
	s := &tokenStates{info: info, layers: tokenLayers(info.Layers), of: map[int][]engine.TokenState{}}
	numbers := 0
	forecast := j.startReading(j.learn, 0, "")
	for from := 0; from < len(j.learn); from += textsTogether {
		rows := j.learn[from:min(len(j.learn), from+textsTogether)]
		if err := j.readTokensOf(s, rows); err != nil {
			return nil, err
		}
		forecast.read(rows, len(j.learn))
		for _, i := range rows {
			numbers += len(s.of[i]) * info.Width
		}
		for len(s.layers) > 0 && numbers*len(s.layers) > tagger.MaxNumbers {
			s.drop()
		}
		if len(s.layers) == 0 {
			j.set("hidden states", "not used", fmt.Sprintf("those of the first %s alone are more than %d numbers, which is as many as are held", phrase.Count(from+len(rows), "row"), tagger.MaxNumbers))
			return nil, nil
		}
		j.tell.within(shareRead, "reading with the model", from+len(rows), len(j.learn))
	}
	if n := len(j.learn) - len(s.of); n > 0 {
		j.limits = append(j.limits, phrase.Count(n, "row")+" too long for the model: nothing was learnt from there.")
	}
	j.set("hidden states", fmt.Sprintf("of each token, from the layers %v", s.layers), "read once in this run; each is tried beside the words")
	var views []*tokenView
	for at := range s.layers {
		views = append(views, &tokenView{s, at})
	}
	return views, nil
}

// drop forgets the last layer.
func (s *tokenStates) drop() {
	s.layers = s.layers[:len(s.layers)-1]
	for _, states := range s.of {
		for t := range states {
			states[t].States = slices.Clip(states[t].States[:len(s.layers)])
			if len(s.layers) > 0 {
				states[t].States = slices.Clone(states[t].States) // lets go of the others
			}
		}
	}
}

// readTokensOf reads rows; one that is too long for the model is left out.
func (j *job) readTokensOf(s *tokenStates, rows []int) error {
	texts := make([]string, len(rows))
	for n, i := range rows {
		texts[n] = j.table.Rows[i].Text
	}
	states, err := j.o.Engine.Hidden(j.ctx, engine.HiddenRequest{Texts: texts, Layers: s.layers, Tokens: true})
	var fault *casemate.Error
	if errors.As(err, &fault) && fault.Code == casemate.CodeUsage {
		if len(rows) == 1 {
			return nil
		}
		for n := range rows {
			if err := j.readTokensOf(s, rows[n:n+1]); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	for n, i := range rows {
		s.of[i] = states[n].Tokens
	}
	return nil
}

// baseInfo returns what the model is, which must have a digest.
func (j *job) baseInfo() (engine.Info, error) {
	info := j.o.Engine.Info()
	if info.Digest == "" {
		return info, &casemate.Error{Code: casemate.CodeUsage, Message: "the model has no digest", Hint: "a head is bound to its base by digest: import the model, or let its digest be taken"}
	}
	if info.Name == "" {
		info.Name = j.o.Model
	}
	return info, nil
}

// trainTags trains a finder of spans on rows to learn from, on words alone or, with
// a view, on words and states.
func (j *job) trainTags(rows []tagger.Row, learn, fold []int, l2 []float64, v *tokenView) (*tagger.Model, error) {
	o := tagger.Options{Labels: j.labels, Rows: learn, Folds: fold, L2: l2, Threads: 1}
	if v == nil {
		return tagger.Train(j.ctx, rows, o)
	}
	// Vectors of the other rows would be held for nothing.
	var kept []tagger.Row
	var of []int
	o.Rows, o.Folds = nil, nil
	for n, i := range learn {
		if _, ok := v.of[i]; !ok {
			continue
		}
		kept, of = append(kept, rows[i]), append(of, i)
		if fold != nil {
			o.Folds = append(o.Folds, fold[n])
		}
	}
	o.Width, o.Layer, o.Threads = v.info.Width, v.layer(), 0
	o.Vectors = func(n int) ([]tagger.Token, error) {
		tokens, _ := v.tokens(of[n])
		return tokens, nil
	}
	return tagger.Train(j.ctx, kept, o)
}

// tagged returns what a model finds in a row, as it would be found in service.
func (j *job) tagged(m *tagger.Model, rows []tagger.Row, i int, v *tokenView) []tagger.Found {
	if v == nil {
		return m.Tag(rows[i].Text, nil)
	}
	tokens, ok := v.tokens(i)
	if !ok {
		return nil
	}
	return m.Tag(rows[i].Text, tokens)
}
