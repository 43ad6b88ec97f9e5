package main

import (
	"context"
	"encoding/json"
	"math"

	"github.com/casemate-ai/casemate/internal/engine"
)

// maxOptions is how many options a line may have.
const maxOptions = 1 << 16

type scoreCmd struct {
	modelFlags
	File  string `arg:"" optional:"" default:"-" help:"Lines {\"prefix\":…,\"options\":[…]}; - for standard input."`
	JSONL bool   `name:"jsonl" hidden:"" help:"One JSON object a line, which it always is."`
}

// scoreLine is what a line of input holds.
type scoreLine struct {
	ID          json.RawMessage  `json:"id"`
	Prefix      *string          `json:"prefix"`
	Messages    []engine.Message `json:"messages"`
	Options     []string         `json:"options"`
	ContentFree []string         `json:"content_free"`
}

// scored is the answer to a line.
type scored struct {
	ID       json.RawMessage `json:"id,omitempty"`
	Logprobs []float64       `json:"logprobs"` // natural, summed over an option's tokens
	Tokens   []int           `json:"tokens"`
	P        []float64       `json:"p"` // of the options among themselves
	// Calibrated is P after the options' probabilities are divided by what they
	// have, on the mean, after the prefixes that say nothing.
	Calibrated []float64 `json:"calibrated,omitempty"`
	Best       int       `json:"best"` // by Calibrated, else by P; the first of equals
	Digest     string    `json:"digest,omitempty"`
	Adapter    string    `json:"adapter,omitempty"`
}

// Run answers each line with one JSON object.
func (c *scoreCmd) Run(s *streams) error {
	e, err := c.open(s)
	if err != nil {
		return err
	}
	defer e.Close()
	info := e.Info()
	return answerLines(s, c.File, linesTogether, func(ctx context.Context, line []byte) (any, error) {
		var in scoreLine
		if err := decodeLine(line, &in); err != nil {
			return nil, err
		}
		switch {
		case (in.Prefix == nil) == (len(in.Messages) == 0):
			return nil, faulty(`give "prefix" or "messages"`)
		case len(in.Options) == 0 || len(in.Options) > maxOptions:
			return nil, faulty(`"options" has %d entries, wanted are 1 to %d`, len(in.Options), maxOptions)
		case len(in.ContentFree) > 0 && in.Prefix == nil:
			return nil, faulty(`"content_free" holds prefixes, to be compared with "prefix"`)
		}
		request := engine.ScoreRequest{Messages: in.Messages, Options: in.Options}
		if in.Prefix != nil {
			request.Prefix = *in.Prefix
		}
		scores, err := e.Score(ctx, request)
		if err != nil {
			return nil, lineOrModel(err)
		}
		out := scored{ID: in.ID, Digest: info.Digest, Adapter: info.Adapter}
		for _, x := range scores {
			out.Logprobs, out.Tokens = append(out.Logprobs, x.Logprob), append(out.Tokens, x.Tokens)
		}
		out.P = softmax(out.Logprobs)
		out.Best = largest(out.P)
		if len(in.ContentFree) == 0 {
			return out, nil
		}
		prior := make([]float64, len(in.Options))
		for _, prefix := range in.ContentFree {
			base, err := e.Score(ctx, engine.ScoreRequest{Prefix: prefix, Options: in.Options})
			if err != nil {
				return nil, lineOrModel(err)
			}
			for i, p := range softmax(logprobs(base)) {
				prior[i] += p / float64(len(in.ContentFree))
			}
		}
		out.Calibrated = make([]float64, len(prior))
		for i, lp := range out.Logprobs {
			out.Calibrated[i] = lp - math.Log(math.Max(prior[i], math.SmallestNonzeroFloat64))
		}
		out.Calibrated = softmax(out.Calibrated)
		out.Best = largest(out.Calibrated)
		return out, nil
	})
}

func logprobs(scores []engine.Score) []float64 {
	out := make([]float64, len(scores))
	for i, x := range scores {
		out[i] = x.Logprob
	}
	return out
}

// softmax returns exp(x) scaled to sum 1.
func softmax(x []float64) []float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = math.Max(top, v)
	}
	out, sum := make([]float64, len(x)), 0.0
	for i, v := range x {
		out[i] = math.Exp(v - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// largest returns the index of the first largest number.
func largest(x []float64) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
