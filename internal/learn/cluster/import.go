package cluster

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/split"
	"github.com/casemate-ai/casemate/internal/model/adapter"
)

// Limits of what is read of a job.
const (
	maxJob   = 4 << 20   // bytes of job.json
	maxFile  = 600 << 20 // bytes of another file of a job
	maxFiles = 64
)

// Errors that callers tell apart; they come wrapped.
var (
	// ErrJob is the error of an adapter that was trained otherwise than the job
	// says.
	ErrJob = errors.New("the adapter is not of this job")
	// ErrProof is the error of an adapter without the job's own job.json beside it.
	ErrProof = errors.New("nothing shows that the adapter is of this job")
	// ErrData is the error of data that are not those that the job was made of.
	ErrData = errors.New("the data are not those that the job was made of")
)

// Open reads the job in a folder and holds its files against their digests. It
// returns the bytes of job.json, too: the proof that launch.sh lays beside the
// adapter.
func Open(dir string) (*Job, []byte, error) {
	data, err := files.ReadPlain(filepath.Join(dir, JobFile), maxJob)
	if err != nil {
		return nil, nil, fmt.Errorf("read job %q: %w", dir, err)
	}
	j, err := Parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("read job %q: %w", dir, err)
	}
	for name, digest := range j.Files {
		is, err := digestOf(filepath.Join(dir, filepath.FromSlash(name)))
		if err == nil && is != digest {
			err = errors.New("it was changed since the job was written")
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read job %q: file %q: %w", dir, name, err)
		}
	}
	return j, data, nil
}

// Parse reads job.json.
func Parse(data []byte) (*Job, error) {
	j := &Job{}
	if err := json.Unmarshal(data, j, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%s: it is no job: %w", JobFile, plainJSON(err))
	}
	switch {
	case j.Format != formatVersion:
		return nil, fmt.Errorf("%s: its format is %d, this program reads %d", JobFile, j.Format, formatVersion)
	case len(j.Files) == 0 || len(j.Files) > maxFiles:
		return nil, fmt.Errorf("%s: it names %d files", JobFile, len(j.Files))
	case !outcome.IsDigest(j.Base.Digest) || !outcome.IsDigest(j.Data.Digest) || !outcome.IsDigest(j.Data.TestDigest):
		return nil, fmt.Errorf("%s: a digest is none", JobFile)
	}
	for name := range j.Files {
		if !filepath.IsLocal(filepath.FromSlash(name)) || strings.Contains(name, `\`) || !oneLine(name) {
			return nil, fmt.Errorf("%s: the file %.80q is none of a job", JobFile, name)
		}
	}
	settings := j.Settings
	if err := settings.complete(&j.Base); err != nil {
		return nil, fmt.Errorf("%s: %w", JobFile, err)
	}
	return j, j.supports()
}

// plainJSON is an error of the decoder without this program's types.
func plainJSON(err error) error {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fmt.Errorf("%.120s: this value cannot stand there", semantic.JSONPointer)
	}
	return errors.New("it is no valid JSON")
}

// openFile opens a regular file of at most so many bytes.
func openFile(path string, limit int64) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("no regular file of at most %d bytes", limit)
	}
	return os.Open(path)
}

// digestOf returns the digest of a file of a job.
func digestOf(path string) (string, error) {
	f, err := openFile(path, maxFile)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, io.LimitReader(f, maxFile))
	return fmt.Sprintf("sha256:%x", h.Sum(nil)), errors.Join(err, f.Close())
}

// maxEntries bounds how many entries of a folder are looked at.
const maxEntries = 10000

// Find returns the folder of the adapter in what a trainer left: the folder itself,
// or the last of those that torchtune calls epoch_0, epoch_1 and so on.
func Find(dir string) (string, error) {
	if holdsAdapter(dir) {
		return dir, nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return "", fmt.Errorf("find the adapter: %w", err)
	}
	entries, err := f.ReadDir(maxEntries)
	if err := errors.Join(ignore(err, io.EOF), f.Close()); err != nil {
		return "", fmt.Errorf("find the adapter: %w", err)
	}
	best, last := "", -1
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "epoch_")
		n, err := strconv.Atoi(digits)
		if path := filepath.Join(dir, e.Name()); ok && err == nil && n > last && holdsAdapter(path) {
			best, last = path, n
		}
	}
	if best == "" {
		return "", fmt.Errorf("find the adapter: %q holds no adapter_config.json with adapter_model.safetensors: %w", dir, fs.ErrNotExist)
	}
	return best, nil
}

// ignore returns err unless it is the other.
func ignore(err, other error) error {
	if errors.Is(err, other) {
		return nil
	}
	return err
}

func holdsAdapter(dir string) bool {
	for _, name := range []string{"adapter_config.json", "adapter_model.safetensors"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// Proved says whether the job.json that launch.sh laid beside an adapter, or in the
// folder above it, is the job's.
func Proved(dir string, job []byte) error {
	for _, path := range []string{filepath.Join(dir, JobFile), filepath.Join(filepath.Dir(filepath.Clean(dir)), JobFile)} {
		data, err := files.ReadPlain(path, maxJob)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProof, err)
		}
		if !bytes.Equal(data, job) {
			return fmt.Errorf("%w: the %s beside it is another job's", ErrJob, JobFile)
		}
		return nil
	}
	return fmt.Errorf("%w: there is no %s beside it", ErrProof, JobFile)
}

// Check says whether an adapter was trained as the job says: the same matrices of
// every layer, the same rank and scale. That it fits the base is for
// adapter.Adapter.Fits to say.
func (j *Job) Check(a *adapter.Adapter) error {
	s := &j.Settings
	if a.BaseDigest != "" && a.BaseDigest != j.Base.Digest {
		return fmt.Errorf("%w: it is bound to %s, the job is for %s", ErrJob, a.BaseDigest, j.Base.Digest)
	}
	if a.Decomposed() != s.Decomposed || a.Stabilised != s.Stabilised {
		return fmt.Errorf("%w: rank-stabilised %v and DoRA %v, the job says %v and %v", ErrJob, a.Stabilised, a.Decomposed(), s.Stabilised, s.Decomposed)
	}
	want := map[string]bool{}
	for layer := range j.Base.Layers {
		for _, t := range targets {
			if slices.Contains(s.Targets, t.short) {
				want[fmt.Sprintf("blk.%d.%s.weight", layer, t.gguf)] = true
			}
		}
	}
	scale := s.Alpha / float64(s.Rank)
	if s.Stabilised {
		scale = s.Alpha / math.Sqrt(float64(s.Rank))
	}
	for _, d := range a.Deltas {
		switch {
		case !want[d.Name]:
			return fmt.Errorf("%w: it changes %q, which the job does not name", ErrJob, d.Name)
		case d.Rank != s.Rank:
			return fmt.Errorf("%w: %q has rank %d, the job says %d", ErrJob, d.Name, d.Rank, s.Rank)
		case math.Abs(float64(d.Scale)-scale) > 1e-4*scale:
			return fmt.Errorf("%w: %q has scale %v, the job says %v", ErrJob, d.Name, d.Scale, scale)
		}
		delete(want, d.Name)
	}
	if len(want) > 0 {
		return fmt.Errorf("%w: it changes %d matrices fewer than the job says", ErrJob, len(want))
	}
	return nil
}

// Same says whether a table and its division are those that the job was made of.
func (j *Job) Same(t *dataset.Table, parts split.Split) error {
	switch {
	case t.Digest != j.Data.Digest:
		return fmt.Errorf("%w: their digest is %s, the job says %s", ErrData, t.Digest, j.Data.Digest)
	case testDigest(t, parts.Test) != j.Data.TestDigest:
		return fmt.Errorf("%w: they are divided otherwise", ErrData)
	}
	return nil
}
