package tuned

import (
	"context"
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate/internal/engine"
)

// denseModel answers from vectors; tagModel from the tokens of a text.
type denseModel struct{}
type tagModel struct{}

func loadDense(blob []byte, c *Card) (*denseModel, error) {
	return nil, errors.New("heads on hidden states are not read yet")
}

func loadTags(blob []byte, c *Card) (*tagModel, error) {
	return nil, errors.New("heads of spans are not read yet")
}

func (m *tagModel) score(text string, tokens any) Scores { return Scores{} }

// scoreAll reads texts with several heads, [head][text].
func scoreAll(ctx context.Context, e engine.Engine, heads []*Head, texts []string) ([][]Scores, error) {
	out := make([][]Scores, len(heads))
	for i, h := range heads {
		if h.NeedsModel() {
			return nil, fmt.Errorf("head %q needs a model", h.card.Name)
		}
		var err error
		if out[i], err = h.Score(ctx, e, texts); err != nil {
			return nil, err
		}
	}
	return out, nil
}
