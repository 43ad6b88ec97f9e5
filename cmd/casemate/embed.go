package main

import (
	"context"
	"encoding/json"

	"github.com/casemate-ai/casemate/internal/engine"
)

type embedCmd struct {
	modelFlags
	File  string `arg:"" optional:"" default:"-" help:"Lines {\"text\":…}; - for standard input."`
	Layer int    `default:"0" placeholder:"N" help:"Whose output to take: 1 is the first layer, -1 the last; 0 is after the output norm."`
	Pool  string `enum:"last,mean" default:"last" help:"How positions become one vector: last or mean."`
	JSONL bool   `name:"jsonl" hidden:"" help:"One JSON object a line, which it always is."`
}

// embedded is the answer to a line.
type embedded struct {
	ID      json.RawMessage `json:"id,omitempty"`
	Vector  []float32       `json:"vector"`
	Digest  string          `json:"digest,omitempty"`
	Adapter string          `json:"adapter,omitempty"`
}

// Run answers each line with one JSON object.
func (c *embedCmd) Run(s *streams) error {
	e, err := c.open(s)
	if err != nil {
		return err
	}
	defer e.Close()
	info := e.Info()
	return answerLines(s, c.File, linesTogether, func(ctx context.Context, line []byte) (any, error) {
		var in struct {
			ID   json.RawMessage `json:"id"`
			Text *string         `json:"text"`
		}
		if err := decodeLine(line, &in); err != nil {
			return nil, err
		}
		if in.Text == nil {
			return nil, faulty(`the line has no "text"`)
		}
		v, err := e.Embed(ctx, engine.EmbedRequest{Texts: []string{*in.Text}, Layer: c.Layer, Pool: engine.Pool(c.Pool)})
		if err != nil {
			return nil, lineOrModel(err)
		}
		return embedded{ID: in.ID, Vector: v[0], Digest: info.Digest, Adapter: info.Adapter}, nil
	})
}
