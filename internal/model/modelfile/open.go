package modelfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/modelfile/gguf"
	"github.com/casemate-ai/casemate/internal/model/modelfile/mapped"
	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
)

// Open opens the model at path: a GGUF file, any shard of a split one, or a
// folder of safetensors. What a file is, its content says, not its name. The
// configuration and the shapes of all tensors are checked, the numbers in them
// are not: see CheckFinite.
func Open(path string) (*Model, error) {
	m, err := openAny(path)
	if err != nil {
		return nil, err
	}
	m.buildIndex()
	if len(m.Tensors) > 0 {
		if err := m.Check(); err != nil {
			return nil, fmt.Errorf("open %q: %w", path, errors.Join(err, m.Close()))
		}
	}
	return m, nil
}

func openAny(path string) (*Model, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("open model: %w", err)
	case info.IsDir():
		return openFolder(path)
	}
	file, err := mapped.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	head := headOf(file)
	if strings.HasPrefix(string(head), gguf.Magic) {
		return openGGUF(path, file)
	}
	return nil, fmt.Errorf("open %q: %w", path, errors.Join(notGGUF(path, head), file.Close()))
}

// headOf returns a copy of the first bytes of a file.
func headOf(file *mapped.File) []byte {
	var head []byte
	err := file.Guard(func() error {
		head = slices.Clone(file.Data()[:min(64, len(file.Data()))])
		return nil
	})
	if err != nil {
		return nil // it is empty by now
	}
	return head
}

// pickleNames are the endings that pickles usually have.
var pickleNames = []string{".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}

// notGGUF says what a file is that is no GGUF file, as far as it can tell.
func notGGUF(path string, head []byte) error {
	ending := strings.ToLower(filepath.Ext(path))
	switch {
	case safetensors.Pickle(head) || slices.Contains(pickleNames, ending):
		return safetensors.ErrPickle
	case ending == ".safetensors" || ending == ".json":
		return fmt.Errorf("%w; for a model in safetensors open the folder that it lies in", gguf.ErrMagic)
	}
	return fmt.Errorf("%w: it begins with %q", gguf.ErrMagic, head[:min(4, len(head))])
}

// Close gives back the memory that tensors lie in. They must not be used any
// more. A Model that was made by hand has nothing to close.
func (m *Model) Close() error {
	var all []error
	for _, f := range m.mapped {
		all = append(all, f.Close())
	}
	return errors.Join(all...)
}

// Changed returns an error that names a file of weights that is not what it was
// when the model was opened: written, cut, removed or replaced. Then tensors may
// have any content and the model is to be closed. It reads no weights and takes
// microseconds. A Model that was made by hand does not change.
func (m *Model) Changed() error {
	for _, f := range m.mapped {
		if err := f.Changed(); err != nil {
			return err
		}
	}
	return nil
}

// Guard calls work, which reads tensors, and returns its error. If a file has
// been cut short so that what work reads is gone, Guard returns an error where
// otherwise the process would end. It holds for the goroutine that calls it, not
// for others that work starts.
func (m *Model) Guard(work func() error) error {
	return mapped.Guard(m.mapped, work)
}

// Release says that a part of a tensor's Data is not needed soon, so that a walk
// through a large model does not fill the memory with it. It may be read again
// at any time.
func (m *Model) Release(part []byte) {
	for _, f := range m.mapped {
		f.Release(part)
	}
}

// Tensor returns the tensor of that name, or nil.
func (m *Model) Tensor(name string) *Tensor {
	if m.index != nil {
		return m.index[name]
	}
	for _, t := range m.Tensors {
		if t.Name == name {
			return t
		}
	}
	return nil
}

func (m *Model) buildIndex() {
	m.index = make(map[string]*Tensor, len(m.Tensors))
	for _, t := range m.Tensors {
		m.index[t.Name] = t
	}
}
