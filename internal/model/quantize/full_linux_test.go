package quantize_test

import (
	"errors"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quantize"
)

// TestDiskFull limits how large a file this process may write: the system then
// refuses a write in the middle, as a full disk does.
func TestDiskFull(t *testing.T) {
	source := open(t, modeltest.GGUF(t, modeltest.Options{}))
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Skip(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	for _, limit := range []uint64{10, 20_000, 400_000} { // in the header, before and within the tensors
		dir := t.TempDir()
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: before.Max}); err != nil {
			t.Skip(err)
		}
		_, err := quantize.Quantize(t.Context(), source, filepath.Join(dir, "out.gguf"), quantize.Options{Mixture: quantize.F32})
		if undo := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); undo != nil {
			t.Fatal(undo)
		}
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("with %d bytes: %v", limit, err)
		}
		if left := entries(t, dir); len(left) > 0 {
			t.Errorf("with %d bytes: %q are left", limit, left)
		}
	}
}
