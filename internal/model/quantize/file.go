package quantize

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// checkTarget refuses a path that must not be replaced.
func checkTarget(m *modelfile.Model, path string) error {
	target, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !target.Mode().IsRegular() {
		return fmt.Errorf("write %q: it exists and is no regular file", path)
	}
	for _, source := range append(slices.Clone(m.Files), m.Path) {
		if info, err := os.Stat(source); err == nil && os.SameFile(info, target) {
			return fmt.Errorf("write %q: the model is read from it", path)
		}
	}
	return nil
}
