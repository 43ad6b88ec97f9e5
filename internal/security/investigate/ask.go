package investigate

import (
	"context"

	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

// ask lets a model, where there is one, weigh, word and ask.
func (s *scene) ask(ctx context.Context, run *pipeline.Run, out *Output) error { return nil }
