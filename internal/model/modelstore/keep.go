package modelstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// clean deletes what no manifest uses: what an import that was ended left
// behind, and the files of removed models. It returns how many bytes those had.
// The store is locked.
//
// If a manifest cannot be read nothing but the incoming folder is cleared: it
// may name anything.
func (s *Store) clean() (int64, error) {
	if err := s.disk.removeAll(s.path(incomingDir)); err != nil {
		return 0, err
	}
	models, damaged, err := s.List()
	if err != nil || len(damaged) > 0 {
		return 0, err
	}
	blobs, trees := map[string]bool{}, map[string]bool{}
	for _, m := range models {
		if !m.single() {
			trees[digestName(m.Digest)] = true
		}
		for _, f := range m.Files {
			blobs[digestName(f.Digest)] = true
		}
	}
	if _, err := s.sweep(treesDir, trees); err != nil {
		return 0, err
	}
	freed, err := s.sweep(blobsDir, blobs)
	return freed, errors.Join(err, s.sweepNames())
}

// sweep deletes what is named like a digest and not used.
func (s *Store) sweep(dir string, used map[string]bool) (int64, error) {
	entries, err := os.ReadDir(s.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	freed := int64(0)
	for _, e := range entries {
		name := e.Name()
		if used[name] || !digestPattern.MatchString(strings.Replace(name, "-", ":", 1)) {
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			freed += info.Size()
		}
		if err := s.disk.removeAll(s.path(dir, name)); err != nil {
			return freed, err
		}
	}
	return freed, nil
}

// sweepNames deletes the folders of names that have no manifest left.
func (s *Store) sweepNames() error {
	folders, err := os.ReadDir(s.path(manifestsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range folders {
		if _, ok := parseName(f.Name()); !ok || !f.IsDir() {
			continue
		}
		tags, err := os.ReadDir(s.path(manifestsDir, f.Name()))
		if err != nil {
			return err
		}
		if len(tags) == 0 {
			if err := s.disk.remove(s.path(manifestsDir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// Remove takes a name out of the store, and every file that no other name uses.
// It returns how many bytes those had: a file that is linked with its source
// stays there.
func (s *Store) Remove(ctx context.Context, name string) (freed int64, err error) {
	r, ok := parseName(name)
	if !ok {
		return 0, notFound(name)
	}
	// A store that was never made is not made by looking into it.
	if _, err := os.Lstat(s.manifestPath(r)); err != nil {
		return 0, notFound(name)
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock() // the lock ends with the file in any case
	path := s.manifestPath(r)
	if _, err := os.Lstat(path); err != nil {
		return 0, notFound(name)
	}
	err = s.disk.remove(path)
	if err == nil {
		err = s.disk.syncFolder(filepath.Dir(path))
	}
	if err == nil {
		freed, err = s.clean()
	}
	if err != nil {
		return freed, fmt.Errorf("remove model %q: %w", name, err)
	}
	return freed, nil
}

// FileState is what Verify found of a file.
type FileState struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
}

// Verify reads all files of a model and compares them with their digests. The
// error is of the first file that is wrong; the states name all of them.
func (s *Store) Verify(ctx context.Context, name string, progress func(Progress)) ([]FileState, error) {
	m, err := s.Show(name)
	if err != nil {
		return nil, err
	}
	var states []FileState
	var first error
	done := int64(0)
	for _, f := range m.Files {
		err := s.verifyFile(ctx, m, f, func(n int64) {
			if progress != nil {
				progress(Progress{"checking", done + n, m.Size()})
			}
		})
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		done += f.Size
		state := FileState{Name: f.Name, OK: err == nil}
		if err != nil {
			state.Problem = err.Error()
			if first == nil {
				first = fmt.Errorf("file %q %w", f.Name, err)
			}
		}
		states = append(states, state)
	}
	if first != nil {
		return states, damage(m.Name, first)
	}
	return states, nil
}

// verifyFile reads a file where the model is opened, and its blob, which is
// mostly the same file.
func (s *Store) verifyFile(ctx context.Context, m *Manifest, f File, progress func(int64)) error {
	paths := []string{s.filePath(m, f)}
	if blob := s.blobPath(f.Digest); blob != paths[0] && !sameFile(blob, paths[0]) {
		paths = append(paths, blob)
	}
	for _, path := range paths {
		if err := checkSize(path, f.Size); err != nil {
			return err
		}
		digest, err := hashFile(ctx, path, progress)
		if err != nil {
			return fmt.Errorf("cannot be read: %w", err)
		}
		if digest != f.Digest {
			return errChanged
		}
	}
	return nil
}

// hashFile returns the digest of a file, and tells how much is read.
func hashFile(ctx context.Context, path string, progress func(int64)) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum, buffer, done := sha256.New(), make([]byte, pieceBytes), int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buffer)
		sum.Write(buffer[:n])
		if done += int64(n); progress != nil {
			progress(done)
		}
		if err == io.EOF {
			return digestOf(sum.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
