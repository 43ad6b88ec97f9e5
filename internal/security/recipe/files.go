package recipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
)

const (
	maxInput      = 32 << 20 // bytes of one input file that is held in memory
	maxInputFiles = 2000
)

// each reads the files of the input one after the other, folders in the order of
// their names, and gives each to do. What cannot be read is a fault.
func (m *material) each(ctx context.Context, run *pipeline.Run, paths []string, do func(name string, data []byte) error) error {
	files := 0
	one := func(name string, data []byte, err error) error {
		if err == nil && len(data) > maxInput {
			err = fmt.Errorf("is over %d MiB", maxInput>>20)
		}
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err // without the name and the call
		}
		if err != nil {
			m.fault(name, 0, err.Error())
			return nil
		}
		run.InputBytes(name, data)
		return do(name, data)
	}
	for _, path := range paths {
		if path == "-" {
			data, err := stdin(run)
			if err := one("standard input", data, err); err != nil {
				return err
			}
			continue
		}
		err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if stop := ctx.Err(); stop != nil {
				return stop
			}
			if err != nil {
				return one(name, nil, err)
			}
			if d.IsDir() {
				return nil
			}
			if files++; files > maxInputFiles {
				m.fault(path, 0, fmt.Sprintf("holds more than %d files: the rest was left out", maxInputFiles))
				return fs.SkipAll
			}
			data, err := readInput(name)
			return one(name, data, err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func readInput(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxInput+1))
}

// usage is the error of wrong use.
func usage(message, hint string) error {
	return &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
}
