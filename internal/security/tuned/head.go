package tuned

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/model/lexical"
	"github.com/casemate-ai/casemate/internal/model/linear"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/probe"
	"github.com/casemate-ai/casemate/internal/model/tagger"
	"github.com/casemate-ai/casemate/internal/security/head"
)

// Head is a team's own classifier. It is read-only and safe for concurrent use.
type Head struct {
	card      Card
	digest    string // of cardBytes
	cardBytes []byte
	weights   []byte
	// One of these answers: two on the embedded encoder, dense on vectors, tags on
	// the tokens of a text.
	lexical *lexical.Model
	linear  *linear.Model
	dense   *probe.Head
	tags    *tagger.Model
	beside  *head.Head // of Card.Stack
	dir     string     // of an adapter, which answers in place of weights
}

// Card returns what the head says of itself.
func (h *Head) Card() Card { return h.card }

// Digest returns the head's digest: that of its card, which names its weights by
// theirs.
func (h *Head) Digest() string { return h.digest }

// NeedsModel says whether the head stands on a language model.
func (h *Head) NeedsModel() bool { return h.card.Encoder != EncoderLexical }

// Kinds of weights, as the metadata of head.safetensors name them.
const (
	kindLexical = "lexical"
	kindLinear  = "linear"
	kindDense   = "dense"
	kindTags    = "tags"
	metaKind    = "casemate_head"
	blobTensor  = "model"
)

// Weights are what a head answers with: exactly one of them.
type Weights struct {
	Lexical *lexical.Model
	Linear  *linear.Model
	Dense   *probe.Head
	Tags    *tagger.Model
}

// New makes a head from a card, whose Format and Weights it sets, and weights. It
// reads back what it wrote, so that what is measured is what is kept.
func New(card Card, w Weights) (*Head, error) {
	kind, blob, err := w.encode()
	if err != nil {
		return nil, fmt.Errorf("make head %q: %w", card.Name, err)
	}
	var b bytes.Buffer
	tensor := safetensors.Tensor{Name: blobTensor, Type: safetensors.U8, Shape: []int{len(blob)}, Data: blob}
	if err := safetensors.Write(&b, []safetensors.Tensor{tensor}, map[string]string{metaKind: kind}); err != nil {
		return nil, fmt.Errorf("make head %q: %w", card.Name, err)
	}
	card.Format, card.Weights = formatVersion, digest(b.Bytes())
	text, err := card.encode()
	if err != nil {
		return nil, fmt.Errorf("make head %q: %w", card.Name, err)
	}
	h, err := Parse(text, b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("make head %q: %w", card.Name, err)
	}
	return h, nil
}

func (w *Weights) encode() (kind string, blob []byte, err error) {
	switch {
	case w.Lexical != nil:
		blob, err = w.Lexical.Encode()
		return kindLexical, blob, err
	case w.Linear != nil:
		blob, err = w.Linear.Encode()
		return kindLinear, blob, err
	case w.Dense != nil:
		blob, err = encodeDense(w.Dense)
		return kindDense, blob, err
	case w.Tags != nil:
		blob, err = encodeTags(w.Tags)
		return kindTags, blob, err
	}
	return "", nil, errors.New("there are no weights")
}

// load decodes the weights and holds them against the card.
func (h *Head) load(f *safetensors.File) error {
	if len(f.Tensors) != 1 || f.Tensors[0].Name != blobTensor || f.Tensors[0].Type != safetensors.U8 {
		return fmt.Errorf("want one tensor of bytes, %q", blobTensor)
	}
	blob := f.Tensors[0].Data
	var err error
	switch kind := f.Metadata[metaKind]; kind {
	case kindLexical:
		err = h.loadLexical(blob)
	case kindLinear:
		err = h.loadLinear(blob)
	case kindDense:
		err = h.loadDense(blob)
	case kindTags:
		err = h.loadTags(blob)
	default:
		return fmt.Errorf("weights of kind %.40q are not known", kind)
	}
	if err == nil && h.card.Stack != nil {
		err = h.loadBeside()
	}
	return err
}

func (h *Head) loadLexical(blob []byte) error {
	m, err := lexical.Decode(blob)
	if err != nil {
		return err
	}
	c := m.Config()
	if len(c.Groups) != 1 || len(c.Styles) > 1 {
		return fmt.Errorf("%d groups and %d styles, want one of each", len(c.Groups), len(c.Styles))
	}
	if c.Groups[0].Multi != (h.card.Task == TaskMulti) {
		return fmt.Errorf("the weights and the task %q do not fit", h.card.Task)
	}
	if err := h.fits(len(c.Groups[0].Labels)); err != nil {
		return err
	}
	if h.card.Stack == nil && h.card.Task != TaskMulti && h.card.Temperature > 0 {
		m.SetTemper(0, 0, float32(1/h.card.Temperature), 0)
	}
	h.lexical = m
	return nil
}

func (h *Head) loadLinear(blob []byte) error {
	m, err := linear.Decode(blob)
	if err != nil {
		return err
	}
	groups := m.Config().Groups
	if len(groups) != 1 || h.card.Task == TaskMulti {
		return fmt.Errorf("%d groups for the task %q", len(groups), h.card.Task)
	}
	if err := h.fits(len(groups[0].Labels)); err != nil {
		return err
	}
	if h.card.Stack == nil && h.card.Temperature > 0 {
		m.SetTemper(0, float32(1/h.card.Temperature))
	}
	h.linear = m
	return nil
}

// fits holds the number of outputs on the embedded encoder against the card.
func (h *Head) fits(outputs int) error {
	want := len(h.card.Labels)
	if h.card.Task == TaskRegression {
		want = len(h.card.Values)
	}
	if h.card.Encoder != EncoderLexical || h.card.Task == TaskSpans {
		return fmt.Errorf("words cannot answer the task %q on the encoder %q", h.card.Task, h.card.Encoder)
	}
	if outputs != want {
		return fmt.Errorf("%d outputs, and the card has %d", outputs, want)
	}
	return nil
}

// loadBeside opens the embedded head that the card names, by digest.
func (h *Head) loadBeside() error {
	if h.lexical == nil && h.linear == nil {
		return errors.New("only words stand beside an embedded head")
	}
	b, err := head.Open(h.card.Stack.Head)
	if err != nil {
		return err
	}
	if have := "sha256:" + b.Info().Digest; have != h.card.Stack.Digest {
		return fmt.Errorf("it was trained beside the head %q of %s, and this build has another; train it again", b.Info().Name, h.card.Stack.Digest)
	}
	h.beside = b
	return nil
}

// Scores is what a head says of one text before it decides.
type Scores struct {
	// P are the calibrated probabilities of Card.Labels; of a regression head on
	// the embedded encoder those of Card.Values.
	P     []float64
	Value float64 // regression
	Spans []Span  // spans: those found, whatever their probability
	// Unfit says why the head cannot judge the text: "text is empty", …
	Unfit string
	Note  string // what was left out

}

// Score reads texts. The engine may be nil for heads that need no model; else it
// must run the base of the card.
func (h *Head) Score(ctx context.Context, e engine.Engine, texts []string) ([]Scores, error) {
	all, err := scoreAll(ctx, e, []*Head{h}, texts)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// scoreWords reads a text on the embedded encoder.
func (h *Head) scoreWords(text string) Scores {
	if h.tags != nil {
		return h.scoreTags(text, nil)
	}
	s := Scores{}
	logits, known, read := h.logits(text)
	switch {
	case logits == nil:
		s.Unfit = "no word of it is known"
	case known < h.card.LeastKnown:
		s.Unfit = "too few of its words are known"
	}
	if len(text) == 0 {
		s.Unfit = "text is empty"
	}
	if read < len(text) {
		s.Note = fmt.Sprintf("only the first %d bytes were read", read)
	}
	if logits == nil {
		logits = make([]float64, h.outputs())
	}
	s.P = h.probabilities(logits)
	if h.card.Task == TaskRegression {
		for k, p := range s.P {
			s.Value += float64(p * h.card.Values[k])
		}
	}
	return s
}

func (h *Head) outputs() int {
	if h.card.Task == TaskRegression {
		return len(h.card.Values)
	}
	return len(h.card.Labels)
}

// logits reads a text: the logits of the outputs, nil where not one word is known,
// the share of its features that the head knows, and the bytes that were read.
// Those of single and ordinal heads without a stack are divided by the temperature
// already.
func (h *Head) logits(text string) (logits []float64, known float64, read int) {
	if m := h.lexical; m != nil {
		s := m.Borrow()
		defer m.Return(s)
		m.Read(s, text, 0)
		if s.Known == 0 && h.beside == nil {
			return nil, 0, s.Bytes
		}
		logits, known, read = floats(s.Logits(0)), float64(s.Known)/float64(max(1, s.Total)), s.Bytes
	} else {
		m := h.linear
		s := m.Borrow()
		defer m.Return(s)
		m.Read(s, text, 0)
		if s.Found == 0 && h.beside == nil {
			return nil, 0, s.Bytes
		}
		logits, known, read = floats(s.Logits()), float64(s.Known)/float64(max(1, s.Words)), s.Bytes
	}
	if h.beside != nil {
		h.stack(logits, text)
	}
	return logits, known, read
}

func floats(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

// stack adds the opinion of the embedded head to logits.
func (h *Head) stack(logits []float64, text string) {
	other := OpinionOn(h.beside, text, h.card.Labels)
	for k := range logits {
		logits[k] = (float64(h.card.Stack.Own*logits[k]) + float64(h.card.Stack.Other*other[k])) / h.card.Temperature
	}
}

// OpinionOn returns the logarithm of what an embedded head thinks of each label.
func OpinionOn(h *head.Head, text string, labels []string) []float64 {
	other := Opinion(h, text)
	out := make([]float64, len(labels))
	for k, l := range labels {
		out[k] = math.Log(max(leastOpinion, other[l]))
	}
	return out
}

// leastOpinion is what an embedded head is taken to think of a label that it does
// not name.
const leastOpinion = 1e-3

// Opinion returns what an embedded head thinks of the labels that it knows: for
// the attack head the probabilities of techniques and of their likeliest
// sub-techniques, for others those of the decision and its alternatives.
func Opinion(h *head.Head, text string) map[string]float64 {
	const most = 64
	out := map[string]float64{}
	if list := h.Techniques(text, "", most); list != nil {
		for _, t := range list {
			out[t.ID] = t.Child
			if i := parentEnd(t.ID); i < len(t.ID) {
				out[t.ID[:i]] = t.P
			}
		}
		return out
	}
	d := h.Classify(text, head.Options{Alternatives: most, Because: -1})
	out[d.Label] = d.P
	for _, a := range d.Alternatives {
		out[a.Label] = a.P
	}
	return out
}

// parentEnd returns where the id of a technique ends within that of its
// sub-technique.
func parentEnd(id string) int {
	for i := range len(id) {
		if id[i] == '.' {
			return i
		}
	}
	return len(id)
}

// probabilities calibrates logits.
func (h *Head) probabilities(logits []float64) []float64 {
	if h.card.Task == TaskMulti {
		out := make([]float64, len(logits))
		for k, x := range logits {
			s := h.card.Scales[k]
			out[k] = logistic(float64(s.Slope*x) + s.Offset)
		}
		return out
	}
	return Softmax(logits)
}

// Softmax returns the probabilities of logits.
func Softmax(logits []float64) []float64 {
	out := make([]float64, len(logits))
	most := math.Inf(-1)
	for _, x := range logits {
		most = max(most, x)
	}
	sum := 0.0
	for k, x := range logits {
		out[k] = math.Exp(x - most)
		sum += out[k]
	}
	for k := range out {
		out[k] /= sum
	}
	return out
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func logit(p float64) float64 {
	const least = 1e-9
	p = min(1-least, max(least, p))
	return math.Log(p / (1 - p))
}
