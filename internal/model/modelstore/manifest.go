package modelstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Limits of what a manifest may say.
const (
	manifestVersion  = 1
	maxManifestBytes = 4 << 20
	maxFiles         = 4096
)

// The folders of a store.
const (
	blobsDir     = "blobs"     // sha256-…: files
	treesDir     = "trees"     // sha256-…/: a model's files under their own names
	manifestsDir = "manifests" // NAME/TAG.json
	incomingDir  = "incoming"  // what is being imported
	lockFile     = "lock"
)

// manifestEnding is the ending of a manifest's file.
const manifestEnding = ".json"

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *Store) manifestPath(r reference) string {
	return s.path(manifestsDir, r.name, r.tag+manifestEnding)
}

func (s *Store) blobPath(digest string) string { return s.path(blobsDir, digestName(digest)) }

func (s *Store) treePath(digest string) string { return s.path(treesDir, digestName(digest)) }

// totalDigest returns the digest over files, which are in order.
func totalDigest(files []File) string {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s  %s\n", strings.TrimPrefix(f.Digest, "sha256:"), f.Name)
	}
	return digestOf(h.Sum(nil))
}

// read returns the manifest of a name. The error is fs.ErrNotExist where there is none.
func (s *Store) read(r reference) (*Manifest, error) {
	f, err := os.Open(s.manifestPath(r))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read the manifest of %q: %w", r, err)
	}
	m, err := parseManifest(data)
	if err == nil && m.Name != r.String() {
		err = fmt.Errorf("it is of %q", m.Name)
	}
	if err != nil {
		return nil, input(fmt.Sprintf("read the manifest of model %q", r), err, "it was damaged or changed by hand; casemate model remove "+r.String()+" and import the model again")
	}
	return m, nil
}

// parseManifest reads a manifest and checks all that a path is made of.
func parseManifest(data []byte) (*Manifest, error) {
	if len(data) > maxManifestBytes {
		return nil, fmt.Errorf("it is longer than %d bytes", maxManifestBytes)
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, err
	}
	if version.Version != manifestVersion {
		return nil, fmt.Errorf("its version is %d, this program reads %d", version.Version, manifestVersion)
	}
	m := &Manifest{}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, err
	}
	return m, m.check()
}

// check returns what is wrong with a manifest.
func (m *Manifest) check() error {
	if r, ok := parseName(m.Name); !ok || r.String() != m.Name {
		return fmt.Errorf("%q is no name", m.Name)
	}
	if len(m.Files) == 0 || len(m.Files) > maxFiles {
		return fmt.Errorf("it has %d files, there must be 1 to %d", len(m.Files), maxFiles)
	}
	seen := map[string]bool{} // case folded: some file systems do not tell them apart
	total := int64(0)
	for i, f := range m.Files {
		switch {
		case !goodFileName(f.Name):
			return fmt.Errorf("file %d has no plain name: %q", i, f.Name)
		case seen[strings.ToLower(f.Name)]:
			return fmt.Errorf("file %q is there twice", f.Name)
		case !digestPattern.MatchString(f.Digest):
			return fmt.Errorf("file %q has no digest", f.Name)
		case f.Size < 0 || total+f.Size < total:
			return fmt.Errorf("file %q has a size of %d bytes", f.Name, f.Size)
		}
		total += f.Size
		seen[strings.ToLower(f.Name)] = true
	}
	if !slices.IsSortedFunc(m.Files, compareFiles) {
		return errors.New("its files are not in order")
	}
	if m.Digest != totalDigest(m.Files) {
		return errors.New("its digest is not that of its files")
	}
	return nil
}

// encode returns a manifest's bytes.
func (m *Manifest) encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	return append(data, '\n'), err
}

// names returns every name that has a manifest, in order.
func (s *Store) names() ([]reference, error) {
	var out []reference
	folders, err := os.ReadDir(s.path(manifestsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		tags, err := os.ReadDir(s.path(manifestsDir, folder.Name()))
		if err != nil {
			return nil, fmt.Errorf("list models: %w", err)
		}
		for _, tag := range tags {
			name, isManifest := strings.CutSuffix(tag.Name(), manifestEnding)
			if r, ok := parseName(folder.Name() + ":" + name); ok && isManifest {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// List returns the manifests of all models in the order of their names, and
// what is wrong with those that cannot be read.
func (s *Store) List() (models []*Manifest, damaged []error, err error) {
	names, err := s.names()
	if err != nil {
		return nil, nil, err
	}
	for _, r := range names {
		m, err := s.read(r)
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			damaged = append(damaged, err)
		default:
			models = append(models, m)
		}
	}
	slices.SortFunc(models, func(a, b *Manifest) int { return strings.Compare(a.Name, b.Name) })
	return models, damaged, nil
}

// Show returns the manifest of a model, or an error that is ErrNotFound.
func (s *Store) Show(name string) (*Manifest, error) {
	r, ok := parseName(name)
	if !ok { // nothing on disk is looked at
		return nil, notFound(name)
	}
	m, err := s.read(r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound(name)
	}
	return m, err
}

// Open returns a model's manifest and a path that can be opened as a model. It
// looks whether all files are there and have their sizes; Verify reads them.
func (s *Store) Open(name string) (path string, m *Manifest, err error) {
	m, err = s.Show(name)
	if err != nil {
		return "", nil, err
	}
	for _, f := range m.Files {
		if err := checkSize(s.filePath(m, f), f.Size); err != nil {
			return "", nil, damage(m.Name, fmt.Errorf("file %q %w", f.Name, err))
		}
	}
	return s.modelPath(m), m, nil
}

// single says whether a model is one file, which is opened as a blob; others
// have a tree.
func (m *Manifest) single() bool { return len(m.Files) == 1 && m.Format == "gguf" }

// filePath returns where a program that opens the model finds a file.
func (s *Store) filePath(m *Manifest, f File) string {
	if m.single() {
		return s.blobPath(f.Digest)
	}
	return filepath.Join(s.treePath(m.Digest), f.Name)
}

// modelPath returns what is to be opened: the file, the first shard, or the folder.
func (s *Store) modelPath(m *Manifest) string {
	if m.Format != "gguf" {
		return s.treePath(m.Digest)
	}
	for _, f := range m.Files {
		if f.Role == RoleWeights {
			return s.filePath(m, f) // the first shard has the first name
		}
	}
	return s.filePath(m, m.Files[0])
}

// The ways in which a file can be wrong; they complete the sentence "file %q …".
var (
	errMissing = errors.New("is missing")
	errChanged = errors.New("is not what was imported")
)

func checkSize(path string, size int64) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return errMissing
	case !info.Mode().IsRegular():
		return errChanged
	case info.Size() != size:
		return fmt.Errorf("%w: it has %d bytes, not %d", errChanged, info.Size(), size)
	}
	return nil
}

func damage(name string, err error) error {
	return input(fmt.Sprintf("model %q is damaged", name), err, fmt.Sprintf("casemate model verify %s looks at all files; import the model again to mend it", name))
}
