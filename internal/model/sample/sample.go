// Package sample picks the next token from a model's logits: penalties,
// temperature, the usual cuts, and a documented random generator, so that a seed
// gives the same tokens in every release. It also finds strings that end an
// answer in text that comes piece by piece.
//
// docs/sampling.md has the definitions. In short, and in this order:
//
//	bias, repetition penalty, frequency penalty, presence penalty   float32
//	mask of allowed tokens
//	temperature, top-k, top-p, min-p                                float64
//	inverse of the cumulative distribution, in the order of the ids
//
// Everything that ranks tokens ranks the higher score first, and of equal scores
// the lower id.
package sample

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Limits of what may be asked.
const (
	MaxVocabulary  = 1 << 24 // tokens
	MaxTemperature = 100
	MinRepetition  = 0.01 // of RepetitionPenalty
	MaxRepetition  = 100
	MaxPenalty     = 100  // of the presence and frequency penalties, either way
	MaxBias        = 1000 // of a logit, either way
	MaxBiases      = 1 << 16
)

// Options says how tokens are picked. The zero value takes the most probable one.
type Options struct {
	Temperature       float64         // 0 takes the token of the highest score
	TopK              int             // how many tokens to choose among; 0 means all
	TopP              float64         // the probability that they have together; 0 and 1 mean all
	MinP              float64         // the least probability, as a part of the greatest; 0 means none
	RepetitionPenalty float64         // of tokens of the prompt and the answer; 0 and 1 mean none
	PresencePenalty   float64         // of tokens of the answer, once; negative invites them
	FrequencyPenalty  float64         // of tokens of the answer, for each time
	PenaltyWindow     int             // how many tokens back the penalties look; 0 means all
	Seed              uint64          // of the generator
	Bias              map[int]float64 // added to a token's logit, before all else
}

// OptionError is an option that cannot be.
type OptionError struct {
	Field string // of Options, as in JSON: "top_p"
	Value any
	Want  string
}

// Error names the field, its value and what it may be.
func (e *OptionError) Error() string {
	return fmt.Sprintf("sampling option %s is %v: it must be %s", e.Field, e.Value, e.Want)
}

// ErrNoToken is the error where no token may come next: the mask is empty, or
// all that it allows have a probability of zero.
var ErrNoToken = errors.New("no token may come next")

// check returns an OptionError for the first option that cannot be.
func (o *Options) check() error {
	for _, f := range []struct {
		field      string
		value      float64
		low, high  float64
		zeroIsFine bool
	}{
		{"temperature", o.Temperature, 0, MaxTemperature, true},
		{"top_k", float64(o.TopK), 0, MaxVocabulary, true},
		{"top_p", o.TopP, 0, 1, true},
		{"min_p", o.MinP, 0, 1, true},
		{"repetition_penalty", o.RepetitionPenalty, MinRepetition, MaxRepetition, true},
		{"presence_penalty", o.PresencePenalty, -MaxPenalty, MaxPenalty, true},
		{"frequency_penalty", o.FrequencyPenalty, -MaxPenalty, MaxPenalty, true},
		{"penalty_window", float64(o.PenaltyWindow), 0, MaxVocabulary, true},
	} {
		if f.value == 0 && f.zeroIsFine {
			continue
		}
		if !(f.value >= f.low && f.value <= f.high) { // not a number is neither
			return &OptionError{f.field, f.value, fmt.Sprintf("from %v to %v", f.low, f.high)}
		}
	}
	return o.checkBias()
}

func (o *Options) checkBias() error {
	if len(o.Bias) > MaxBiases {
		return &OptionError{"bias", fmt.Sprintf("for %d tokens", len(o.Bias)), fmt.Sprintf("for at most %d", MaxBiases)}
	}
	for _, b := range sorted(o.Bias) {
		field := fmt.Sprintf("bias[%d]", b.id)
		if b.id < 0 || b.id >= MaxVocabulary {
			return &OptionError{field, b.value, "for the id of a token"}
		}
		if !(b.value >= -MaxBias && b.value <= MaxBias) {
			return &OptionError{field, b.value, fmt.Sprintf("from %v to %v", -MaxBias, MaxBias)}
		}
	}
	return nil
}

// bias is one entry of Options.Bias.
type bias struct {
	id    int
	value float64
}

// sorted returns the entries of a map by id, so that no error depends on the
// order of a map.
func sorted(m map[int]float64) []bias {
	out := make([]bias, 0, len(m))
	for id, v := range m {
		out = append(out, bias{id, v})
	}
	slices.SortFunc(out, func(a, b bias) int { return a.id - b.id })
	return out
}

// Sampler picks the tokens of one answer. It is for one goroutine at a time.
type Sampler struct {
	opt    Options
	biases []bias
	past   history
	drawn  uint64 // tokens accepted, which is the index of the next draw

	// Memory that is used again for each token.
	scores  []float32
	weights []float64
	kept    []candidate
	ranked  []candidate
}

// New returns a sampler for one answer, or an OptionError.
func New(o Options) (*Sampler, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Sampler{opt: o, biases: sorted(o.Bias)}
	s.opt.Bias = nil // it is the caller's map
	if s.opt.RepetitionPenalty == 0 {
		s.opt.RepetitionPenalty = 1
	}
	if s.opt.TopP == 0 {
		s.opt.TopP = 1
	}
	s.past.window = o.PenaltyWindow
	return s, nil
}

// Prime tells the tokens of the prompt, which the repetition penalty counts. The
// draws of an answer do not depend on the length of its prompt.
func (s *Sampler) Prime(ids []int) error {
	for _, id := range ids {
		if err := checkID(id); err != nil {
			return fmt.Errorf("prime the sampler: %w", err)
		}
		if s.penalises() {
			s.past.add(id, false)
		}
	}
	return nil
}

// Accept tells the token that was taken, whether it was picked by Next or not,
// and moves to the next draw.
func (s *Sampler) Accept(id int) error {
	if err := checkID(id); err != nil {
		return fmt.Errorf("accept a token: %w", err)
	}
	s.drawn++
	if s.penalises() {
		s.past.add(id, true)
	}
	return nil
}

func checkID(id int) error {
	if id < 0 || id >= MaxVocabulary {
		return fmt.Errorf("%d is no token's id", id)
	}
	return nil
}

// penalises says whether it matters which tokens came before.
func (s *Sampler) penalises() bool {
	return s.opt.RepetitionPenalty != 1 || s.opt.PresencePenalty != 0 || s.opt.FrequencyPenalty != 0
}

// Choice is a token that was picked.
type Choice struct {
	ID int
	// Logprob is the natural logarithm of the token's probability over the whole
	// vocabulary, from the logits as they came.
	Logprob float64

	logits []float32
	top    float32
	log    float64
}

// logprob returns a logit's log-probability. The difference comes first, which
// is exact where it matters, however large the logits are.
func (c *Choice) logprob(logit float32) float64 {
	return float64(logit) - float64(c.top) - c.log
}

// Token is a token and its log-probability, as in Choice.
type Token struct {
	ID      int
	Logprob float64
}

// Top returns the n most probable tokens of the logits as they came, the most
// probable first. It reads the slice that Next was given: call it before that
// is written again.
func (c Choice) Top(n int) []Token {
	n = min(n, len(c.logits))
	if n <= 0 {
		return nil
	}
	best := highest(nil, c.logits, nil, n)
	slices.SortFunc(best, rank)
	out := make([]Token, len(best))
	for i, b := range best {
		out[i] = Token{int(b.id), c.logprob(b.score)}
	}
	return out
}

// Next picks a token. It does not count as taken before Accept: asked twice
// with the same logits it gives the same answer.
//
//	logits   [V], not written; minus infinity is a token that cannot come
//	allowed  bit id%64 of word id/64 says whether a token may come; nil means
//	         all may; a token beyond its end may not
//
// It allocates nothing once it has seen a vocabulary of this size. A logit that
// is not a number or plus infinity is an error, as is a bias for a token that
// the vocabulary does not have; ErrNoToken is the error where nothing is left.
func (s *Sampler) Next(logits []float32, allowed []uint64) (Choice, error) {
	if len(logits) == 0 || len(logits) > MaxVocabulary {
		return Choice{}, fmt.Errorf("pick a token: %d logits: there must be 1 to %d", len(logits), MaxVocabulary)
	}
	top, log, err := logSum(logits)
	if err != nil {
		return Choice{}, fmt.Errorf("pick a token: %w", err)
	}
	if allowed != nil && len(allowed) == 0 {
		return Choice{}, fmt.Errorf("pick a token: the mask is empty: %w", ErrNoToken)
	}
	scores, err := s.adjust(logits)
	if err != nil {
		return Choice{}, fmt.Errorf("pick a token: %w", err)
	}
	best := first(scores, allowed)
	if best < 0 || scores[best] == float32(math.Inf(-1)) {
		return Choice{}, fmt.Errorf("pick a token: %w", ErrNoToken)
	}
	id := best
	if s.opt.Temperature > 0 {
		s.cut(scores, allowed, scores[best])
		id = s.draw()
	}
	c := Choice{ID: id, logits: logits, top: top, log: log}
	c.Logprob = c.logprob(logits[id])
	return c, nil
}

// adjust returns the logits with bias and penalties, in float32 and in the order
// in which Hugging Face and vLLM apply them.
func (s *Sampler) adjust(logits []float32) ([]float32, error) {
	if len(s.biases) == 0 && !s.penalises() {
		return logits, nil
	}
	s.scores = append(s.scores[:0], logits...)
	for _, b := range s.biases {
		if b.id >= len(logits) {
			return nil, &OptionError{fmt.Sprintf("bias[%d]", b.id), b.value, fmt.Sprintf("for one of the %d tokens", len(logits))}
		}
		s.scores[b.id] += float32(b.value)
	}
	repetition, presence, frequency := float32(s.opt.RepetitionPenalty), float32(s.opt.PresencePenalty), float32(s.opt.FrequencyPenalty)
	for _, id := range s.past.present {
		if int(id) >= len(logits) {
			continue // a token of another vocabulary cannot come anyway
		}
		x := s.scores[id]
		if x < 0 {
			x = float32(x * repetition)
		} else {
			x /= repetition
		}
		if n := s.past.answered[id]; n > 0 {
			x -= float32(frequency * float32(n))
			x -= presence
		}
		if !(x <= math.MaxFloat32) {
			return nil, fmt.Errorf("the penalties make the score of token %d %v", id, x)
		}
		s.scores[id] = x
	}
	return s.scores, nil
}

// first returns the allowed token of the highest score, or -1.
func first(scores []float32, allowed []uint64) int {
	best := -1
	for from, to := range runs(len(scores), allowed) {
		if best < 0 {
			best = from
		}
		for id := from; id < to; id++ {
			if scores[id] > scores[best] {
				best = id
			}
		}
	}
	return best
}
