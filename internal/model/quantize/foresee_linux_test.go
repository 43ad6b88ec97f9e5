package quantize_test

import (
	"errors"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/quantize"
)

func TestForesee(t *testing.T) {
	dir := t.TempDir()
	if err := quantize.Foresee(dir, 1); err != nil {
		t.Errorf("a byte: %v", err)
	}
	var space *quantize.SpaceError
	if err := quantize.Foresee(dir, 1<<62); !errors.As(err, &space) || space.Free <= 0 || space.Free >= space.Need {
		t.Errorf("4 EiB: %v", err)
	}
}
