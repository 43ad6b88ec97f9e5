package main

import (
	"fmt"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/security/report"
)

type modelLogitsCmd struct {
	modelFlags
	Tokens []int `required:"" placeholder:"ID,…" help:"The prompt's token ids, nothing added."`
	Top    int   `default:"20" help:"How many tokens to show, the most probable first."`
	All    bool  `help:"With --json: the logits of the whole vocabulary, and the hidden state after the output norm."`
	Hidden []int `placeholder:"LAYER,…" help:"Also the hidden state of these layers: 0 is the embedding's, 1 the first layer's, -1 the last layer's."`
	JSON   bool  `help:"Print one JSON document."`
}

// topLogit is one of the most probable tokens.
type topLogit struct {
	ID      int     `json:"id"`
	Piece   string  `json:"piece"`
	Logit   float32 `json:"logit"`
	Logprob float64 `json:"logprob"`
}

// logitsDocument is the document of `model logits --json`. All values are at
// the last position.
type logitsDocument struct {
	Top     []topLogit        `json:"top"`
	Logits  []float32         `json:"logits,omitempty"`
	Hidden  []float32         `json:"hidden,omitempty"` // after the output norm
	Layers  map[int][]float32 `json:"layers,omitempty"`
	Digest  string            `json:"digest,omitempty"`
	Adapter string            `json:"adapter,omitempty"`
}

// Run makes one forward pass.
func (c *modelLogitsCmd) Run(s *streams) error {
	if c.Top < 0 {
		return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("--top %d", c.Top), Hint: "0 shows none"}
	}
	if c.All && !c.JSON {
		return &casemate.Error{Code: casemate.CodeUsage, Message: "--all is for --json", Hint: "give both"}
	}
	e, err := c.open(s)
	if err != nil {
		return err
	}
	defer e.Close()
	out, err := e.Logits(s.ctx, c.Tokens, c.Hidden)
	if err != nil {
		return err
	}
	doc := logitsDocument{Top: []topLogit{}, Digest: e.Info().Digest, Adapter: e.Info().Adapter}
	top, err := native.Top(out.Logits, c.Top)
	if err != nil {
		return err
	}
	for _, x := range top {
		doc.Top = append(doc.Top, topLogit{x.ID, e.Piece(x.ID), out.Logits[x.ID], x.Logprob})
	}
	if len(c.Hidden) > 0 {
		doc.Layers = map[int][]float32{}
		for i, layer := range c.Hidden {
			doc.Layers[layer] = out.Layers[i]
		}
	}
	if c.All {
		doc.Logits, doc.Hidden = out.Logits, out.Hidden
	}
	if c.JSON {
		return writeJSON(s.stdout, doc, false)
	}
	for _, x := range doc.Top {
		fmt.Fprintf(s.stdout, "%7d  %10.5f  %9.4f  %s\n", x.ID, x.Logit, x.Logprob, report.Terminal(fmt.Sprintf("%q", x.Piece)))
	}
	for _, layer := range c.Hidden {
		fmt.Fprintf(s.stdout, "layer %d: %v\n", layer, doc.Layers[layer])
	}
	return nil
}
