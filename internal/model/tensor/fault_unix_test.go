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
	data, f := mapFile(t, 4*rows*cols)
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

// TestFaultPacking packs matrices of a mapped file that is cut: an error, and
// nothing of the store is left.
func TestFaultPacking(t *testing.T) {
	const rows, cols = 512, 1024
	for _, kind := range []quant.Type{quant.F32, quant.BF16, quant.Q8_0, quant.Q4_K, quant.Q6_K, quant.Q5_0, quant.Q3_K} {
		size := int64(kind.Size(rows * cols))
		data, f := mapFile(t, size)
		m, err := tensor.NewMatrix(kind, rows, cols, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, threads := range []int{1, 3} {
			p := tensor.NewPool(threads)
			if err := f.Truncate(size); err != nil {
				t.Fatal(err)
			}
			s, err := tensor.NewStore(p, []*tensor.Matrix{m}, tensor.Packing{})
			if err != nil {
				t.Fatalf("%v, %d threads, whole file: %v", kind, threads, err)
			}
			s.Close()
			if err := f.Truncate(4096); err != nil {
				t.Fatal(err)
			}
			var fault *tensor.FaultError
			if s, err := tensor.NewStore(p, []*tensor.Matrix{m}, tensor.Packing{}); !errors.As(err, &fault) || s != nil {
				t.Errorf("%v, %d threads, file cut short: %v, %v, want a FaultError", kind, threads, s, err)
			}
			p.Close()
		}
	}
}

// mapFile returns a mapped file of zeros.
func mapFile(t *testing.T, size int64) ([]byte, *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weights")
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(syscall.Munmap(data), f.Close()); err != nil {
			t.Error(err)
		}
	})
	return data, f
}
