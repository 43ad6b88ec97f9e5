package quantize_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/model/quantize"
)

const limitVariable = "CASEMATE_TEST_FILE_LIMIT"

// TestDiskFull limits how large a file a process may write: the system then
// refuses a write in the middle, as a full disk does. The limit holds for all
// that a process writes, so that it is a process of its own.
func TestDiskFull(t *testing.T) {
	if limit := os.Getenv(limitVariable); limit != "" {
		writeWithLimit(t, limit)
		return
	}
	for _, limit := range []string{"10", "20000", "400000"} { // in the header, before and within the tensors
		child := exec.Command(os.Args[0], "-test.run=^TestDiskFull$")
		child.Env = append(os.Environ(), limitVariable+"="+limit)
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("with %s bytes: %v\n%s", limit, err, out)
		}
	}
}

func writeWithLimit(t *testing.T, text string) {
	limit, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	source := open(t, modeltest.GGUF(t, modeltest.Options{}))
	dir := t.TempDir()
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		t.Skip(err)
	}
	_, err = quantize.Quantize(t.Context(), source, filepath.Join(dir, "out.gguf"), quantize.Options{Mixture: quantize.F32})
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("error %v", err)
	}
	if left := entries(t, dir); len(left) > 0 {
		t.Errorf("%q are left", left)
	}
}
