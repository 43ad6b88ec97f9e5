//go:build unix

package tensor_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/quant"
	"github.com/casemate-ai/casemate/internal/model/tensor"
)

// TestFault multiplies by a matrix whose mapped file is cut meanwhile: the fault
// is an error, on whichever thread, and the program lives.
func TestFault(t *testing.T) {
	const rows, cols = 512, 1024
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, make([]byte, 4*rows*cols), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := syscall.Mmap(int(f.Fd()), 0, 4*rows*cols, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Munmap(data); err != nil {
			t.Error(err)
		}
	}()
	m, err := tensor.NewMatrix(quant.F32, rows, cols, data)
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{1, 3} {
		p := tensor.NewPool(threads)
		defer p.Close()
		out, x := make([]float32, rows), make([]float32, cols)
		if err := f.Truncate(4 * rows * cols); err != nil {
			t.Fatal(err)
		}
		if err := m.Mul(p, out, x, 1); err != nil {
			t.Fatalf("%d threads, whole file: %v", threads, err)
		}
		if err := f.Truncate(4096); err != nil {
			t.Fatal(err)
		}
		var fault *tensor.FaultError
		if err := m.Mul(p, out, x, 1); !errors.As(err, &fault) {
			t.Errorf("%d threads, file cut short: %v, want a FaultError", threads, err)
		}
	}
}
