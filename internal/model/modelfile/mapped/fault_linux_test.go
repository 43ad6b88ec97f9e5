package mapped_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
)

// TestCutShort: a file that is cut short while it is mapped makes an error of
// what would end the process, in each goroutine that reads under Guard.
func TestCutShort(t *testing.T) {
	path := write(t, 1<<20)
	f := open(t, path)
	other := open(t, write(t, 10))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Changed(); !errors.Is(err, mapped.ErrChanged) {
		t.Errorf("Changed: %v", err)
	}
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			sum := 0
			err := mapped.Guard([]*mapped.File{other, f}, func() error {
				for _, b := range f.Data()[i*200_000:] {
					sum += int(b)
				}
				return nil
			})
			if !errors.Is(err, mapped.ErrChanged) || !strings.Contains(err.Error(), path) {
				t.Errorf("read %d, error %v", sum, err)
			}
		})
	}
	wait.Wait()
}

// TestForeignFault: a fault outside the file's mapping is not the file's.
func TestForeignFault(t *testing.T) {
	path := write(t, 1<<20)
	f, other := open(t, path), open(t, write(t, 10))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("it did not pass")
		}
	}()
	_ = other.Guard(func() error {
		if f.Data()[5000] == 1 {
			return errors.New("read")
		}
		return nil
	})
}

func TestPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	if _, err := mapped.Open(path); err == nil || !strings.Contains(err.Error(), "regular") {
		t.Errorf("a pipe: %v", err)
	}
}
