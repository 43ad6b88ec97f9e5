package modelstore

import "errors"

// Facts is what a test's inspector says of a model.
type Facts struct {
	Format string
	Files  []string
}

// NoWait has the store not wait for the disk.
func NoWait(s *Store) { s.disk.noWait = true }

// SetInspect replaces the opening of models.
func SetInspect(s *Store, f func(path string, deep bool) (Facts, error)) {
	s.inspect = func(path string, deep func(done, total int64)) (*facts, error) {
		x, err := f(path, deep != nil)
		if deep != nil {
			deep(1, 2)
			deep(2, 2)
		}
		return &facts{format: x.Format, files: x.Files, architecture: "llama", quantisation: "F32", parameters: 1}, err
	}
}

// SetStep has every change of the file system announced; an error stops it.
func SetStep(s *Store, step func(what, path string) error) { s.disk.step = step }

// ErrRefused is an inspector's error in tests.
var ErrRefused = errors.New("refused")

// ParseManifest and GoodFileName let the tests send what no program writes.
var (
	ParseManifest = parseManifest
	GoodFileName  = goodFileName
	IsName        = func(s string) bool { _, ok := parseName(s); return ok }
)
