package tuned

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/model/probe"
	"github.com/casemate-ai/casemate/internal/model/tagger"
)

// loadDense reads a head of vectors and holds it against the card.
func (h *Head) loadDense(blob []byte) error {
	m, err := probe.Read(blob)
	if err != nil {
		return err
	}
	c, b := m.Config(), h.card.Base
	switch {
	case h.card.Encoder != EncoderModel:
		return errors.New("vectors are of a language model, and the card names none")
	case string(c.Task) != string(h.card.Task):
		return fmt.Errorf("the weights and the task %q do not fit", h.card.Task)
	case h.card.Task != TaskRegression && !slices.Equal(c.Labels, h.card.Labels):
		return errors.New("the labels of the weights are not those of the card")
	case c.Reads.Width != b.Width || c.Reads.Layer != b.Layer || c.Reads.Pool != b.Pool:
		return errors.New("the weights read other vectors than the card says")
	case len(h.card.Values) > 0 || b.Pool == "":
		return errors.New("the card has values, or no pooling")
	}
	h.dense = m
	return nil
}

// loadTags reads a finder of spans and holds it against the card.
func (h *Head) loadTags(blob []byte) error {
	m, err := tagger.Read(blob)
	if err != nil {
		return err
	}
	c := m.Config()
	switch {
	case h.card.Task != TaskSpans || !slices.Equal(c.Labels, h.card.Labels):
		return errors.New("the labels of the weights are not those of the card, or its task is not spans")
	case m.NeedsTokens() != (h.card.Encoder == EncoderModel):
		return fmt.Errorf("the weights do not fit the encoder %q", h.card.Encoder)
	case m.NeedsTokens() && (c.Width != h.card.Base.Width || c.Layer != h.card.Base.Layer):
		return errors.New("the weights read other vectors than the card says")
	}
	h.tags = m
	return nil
}

// scoreTags finds the spans of a text; tokens are those of the base, nil on words alone.
func (h *Head) scoreTags(text string, tokens []tagger.Token) Scores {
	s := Scores{}
	if len(text) == 0 {
		s.Unfit = "text is empty"
	}
	if len(text) > tagger.MaxText {
		s.Note = fmt.Sprintf("only the first %d bytes were read", tagger.MaxText)
	}
	if tokens != nil {
		if err := h.tags.Check(tokens); err != nil {
			s.Unfit = "the model's numbers are none"
			return s
		}
	}
	for _, f := range h.tags.Tag(text, tokens) {
		s.Spans = append(s.Spans, Span{f.Start, f.End, h.card.Labels[f.Label], text[f.Start:f.End], min(1, max(0, f.P))})
	}
	return s
}

// scoreVector answers a text by its vector.
func (h *Head) scoreVector(text string, x []float32) Scores {
	s := Scores{}
	if err := h.dense.Check(x); err != nil {
		s.Unfit = "the model's numbers are none"
		s.P = make([]float64, len(h.card.Labels))
		for k := range s.P {
			s.P[k] = 1 / float64(len(s.P))
		}
		return s
	}
	if len(text) == 0 {
		s.Unfit = "text is empty"
	}
	logits := Logits(h.dense, x)
	if h.card.Task == TaskRegression {
		s.Value = logits[0]
		return s
	}
	if h.card.Task != TaskMulti {
		for k := range logits {
			logits[k] /= h.card.Temperature
		}
	}
	s.P = h.probabilities(logits)
	return s
}

// Logits returns what a head of vectors gives, as cards calibrate it: of ordered
// labels the logarithms of their probabilities, of a regression the number.
func Logits(m *probe.Head, x []float32) []float64 {
	logits := m.Logits(x)
	if m.Config().Task != probe.Ordinal {
		return logits
	}
	const least = 1e-12
	p := m.P(logits, 1)
	for k := range p {
		p[k] = math.Log(max(least, p[k]))
	}
	return p
}

// together is how many texts go to a model at once.
const together = 16

// scoreAll reads texts with several heads, [head][text]. Those on a model share
// one pass over each text.
func scoreAll(ctx context.Context, e engine.Engine, heads []*Head, texts []string) ([][]Scores, error) {
	out := make([][]Scores, len(heads))
	var onModel []int
	for i, h := range heads {
		out[i] = make([]Scores, len(texts))
		if h.NeedsModel() {
			if err := h.FitsEngine(e); err != nil {
				return nil, err
			}
			if h.card.Ask == nil {
				onModel = append(onModel, i)
				continue
			}
		}
		for n, t := range texts {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if h.card.Ask == nil {
				out[i][n] = h.scoreWords(t)
				continue
			}
			var err error
			if out[i][n], err = h.scoreAsk(ctx, e, t); err != nil {
				return nil, err
			}
		}
	}
	if len(onModel) == 0 {
		return out, nil
	}
	for from := 0; from < len(texts); from += together {
		to := min(len(texts), from+together)
		if err := scoreBatch(ctx, e, heads, onModel, texts[from:to], func(i, n int, s Scores) { out[i][from+n] = s }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// FitsEngine refuses a model that is not the head's base.
func (h *Head) FitsEngine(e engine.Engine) error {
	b := h.card.Base
	if e == nil {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("head %q needs the model %s", h.card.Name, b.Name), Hint: "it stands on the hidden states of " + b.Digest}
	}
	info := e.Info()
	if info.Digest != b.Digest || info.Width != b.Width || b.Layer > info.Layers {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("head %q stands on the model %s, %s, and this is %s, %s", h.card.Name, b.Name, b.Digest, info.Name, info.Digest),
			Hint: "give it that model, or train it again on this one"}
	}
	return nil
}

// scoreBatch answers a few texts with the heads on the model, from one pass.
func scoreBatch(ctx context.Context, e engine.Engine, heads []*Head, which []int, texts []string, put func(head, text int, s Scores)) error {
	r := engine.HiddenRequest{Texts: texts}
	for _, i := range which {
		b := heads[i].card.Base
		if !slices.Contains(r.Layers, b.Layer) {
			r.Layers = append(r.Layers, b.Layer)
		}
		if heads[i].tags != nil {
			r.Tokens = true
		} else if !slices.Contains(r.Pools, engine.Pool(b.Pool)) {
			r.Pools = append(r.Pools, engine.Pool(b.Pool))
		}
	}
	states, err := e.Hidden(ctx, r)
	if err != nil {
		return scoreAlone(ctx, e, heads, which, texts, put, err)
	}
	for n, t := range texts {
		for _, i := range which {
			h := heads[i]
			layer := slices.Index(r.Layers, h.card.Base.Layer)
			if h.tags != nil {
				put(i, n, h.scoreTags(t, Tokens(states[n].Tokens, layer)))
				continue
			}
			put(i, n, h.scoreVector(t, states[n].Pooled[layer][slices.Index(r.Pools, engine.Pool(h.card.Base.Pool))]))
		}
	}
	return nil
}

// Tokens returns tokens with their vectors of one of the layers asked for.
func Tokens(states []engine.TokenState, layer int) []tagger.Token {
	out := make([]tagger.Token, len(states))
	for i, t := range states {
		out[i] = tagger.Token{Start: t.Start, End: t.End, Vector: t.States[layer]}
	}
	return out
}

// scoreAlone answers each of several texts by itself where they were refused
// together: one that is longer than the model reads is unfit, and the others are
// answered.
func scoreAlone(ctx context.Context, e engine.Engine, heads []*Head, which []int, texts []string, put func(head, text int, s Scores), err error) error {
	var fault *casemate.Error
	if !errors.As(err, &fault) || fault.Code != casemate.CodeUsage && fault.Code != casemate.CodeInput {
		return err
	}
	if len(texts) > 1 {
		for n := range texts {
			if err := scoreBatch(ctx, e, heads, which, texts[n:n+1], func(i, _ int, s Scores) { put(i, n, s) }); err != nil {
				return err
			}
		}
		return nil
	}
	for _, i := range which {
		s := Scores{Unfit: "longer than the model reads", P: make([]float64, len(heads[i].card.Labels))}
		for k := range s.P {
			s.P[k] = 1 / float64(len(s.P))
		}
		put(i, 0, s)
	}
	return nil
}

// encodeDense writes a head of vectors.
func encodeDense(m *probe.Head) ([]byte, error) {
	var b bytes.Buffer
	err := m.Write(&b)
	return b.Bytes(), err
}

// encodeTags writes a finder of spans.
func encodeTags(m *tagger.Model) ([]byte, error) {
	var b bytes.Buffer
	err := m.Write(&b)
	return b.Bytes(), err
}
