package registry

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Names of the files that the registry adds to a version's folder.
const (
	recordFile          = "version.json"
	recordSignatureFile = "version.json.sig"
)

// Limits of what may be in a version's folder.
const (
	formatVersion  = 1
	maxFiles       = 200
	maxRecordBytes = 1 << 20
	maxFileBytes   = 64 << 30
	maxSmallBytes  = 16 << 20 // of a card
)

// record is version.json: what a version consists of.
type record struct {
	Format int       `json:"format"` // 1
	Kind   Kind      `json:"kind"`
	Name   string    `json:"name"`
	Digest string    `json:"digest"`
	Added  time.Time `json:"added"`
	Files  []file    `json:"files"` // by name
}

// file is one of a version.
type file struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	Digest string `json:"digest"`
}

// Version is a head or adapter as it stands in the registry, or in a folder that
// is not in one.
type Version struct {
	Kind   Kind      `json:"kind"`
	Name   string    `json:"name,omitzero"`    // empty of a folder
	ID     string    `json:"version,omitzero"` // the first twelve digits of the digest; empty of a folder
	Digest string    `json:"digest"`
	Dir    string    `json:"-"`
	Added  time.Time `json:"added,omitzero"`
	// Signer is whose signature is on the record: nil of a folder.
	Signer *outcome.Signer `json:"signer,omitempty"`
}

// String returns the version as people name it.
func (v *Version) String() string {
	if v.Name == "" {
		return v.Dir
	}
	return v.Name + "@" + v.ID
}

// Digest returns the digest of a head or adapter in a folder. That of a head is of
// its card, which has the digest of the weights; that of an adapter is over both
// of its files, as `sha256sum FILES | sha256sum` prints it.
func Digest(k Kind, dir string) (string, error) {
	if k == KindHead {
		return headDigest(dir)
	}
	h := sha256.New()
	for _, name := range k.files() {
		f, err := hashFile(filepath.Join(dir, name))
		if err != nil {
			return "", fmt.Errorf("take the digest of %s: %w", name, err)
		}
		fmt.Fprintf(h, "%s  %s\n", strings.TrimPrefix(f.Digest, "sha256:"), name)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// headDigest returns the digest of a head's card after it has checked that the
// weights are those that the card names.
func headDigest(dir string) (string, error) {
	data, err := files.ReadPlain(filepath.Join(dir, tuned.CardFile), maxSmallBytes)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", tuned.CardFile, err)
	}
	var card struct {
		Weights string `json:"weights"`
	}
	if err := json.Unmarshal(data, &card); err != nil {
		return "", fmt.Errorf("read %s: it is no JSON object with weights", tuned.CardFile)
	}
	weights, err := hashFile(filepath.Join(dir, tuned.WeightsFile))
	if err != nil {
		return "", fmt.Errorf("take the digest of %s: %w", tuned.WeightsFile, err)
	}
	if weights.Digest != card.Weights {
		return "", fmt.Errorf("%s is not the file that %s names", tuned.WeightsFile, tuned.CardFile)
	}
	return outcome.Digest(data), nil
}

// hashFile reads a plain file and returns its size and digest.
func hashFile(path string) (file, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return file{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileBytes {
		return file{}, errors.New("it is no plain file, or too large")
	}
	f, err := os.Open(path)
	if err != nil {
		return file{}, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return file{filepath.Base(path), n, "sha256:" + hex.EncodeToString(h.Sum(nil))}, err
}

// list returns the files of a folder with their digests, by name. A folder in it,
// a link or a device is refused.
func list(dir string) ([]file, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []file
	for _, e := range entries {
		name := e.Name()
		switch {
		case name == recordFile || name == recordSignatureFile:
			continue
		case len(out) == maxFiles:
			return nil, fmt.Errorf("it has more than %d files", maxFiles)
		case !goodFileName(name):
			return nil, fmt.Errorf("%q is no name of a file that is kept", name)
		}
		f, err := hashFile(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", name, err)
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b file) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

func goodFileName(s string) bool {
	if s == "" || len(s) > 200 || !utf8.ValidString(s) || strings.HasPrefix(s, ".") || strings.HasPrefix(s, "-") || strings.HasSuffix(s, ".") || isDevice(strings.ToLower(s)) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return strings.ContainsRune(`/\:*?"<>|`, r) || !unicode.IsPrint(r) })
}

func parseRecord(data []byte) (*record, error) {
	rec := &record{}
	if err := json.Unmarshal(data, rec, json.RejectUnknownMembers(true)); err != nil {
		return nil, errors.New("it is not of the format")
	}
	switch {
	case rec.Format != formatVersion:
		return nil, fmt.Errorf("its format is %d, this program reads %d", rec.Format, formatVersion)
	case rec.Kind != KindHead && rec.Kind != KindAdapter || !isName(rec.Name) || !outcome.IsDigest(rec.Digest):
		return nil, errors.New("its kind, name or digest is none")
	case len(rec.Files) == 0 || len(rec.Files) > maxFiles:
		return nil, fmt.Errorf("it lists %d files, there must be 1 to %d", len(rec.Files), maxFiles)
	}
	for i, f := range rec.Files {
		if !goodFileName(f.Name) || f.Size < 0 || f.Size > maxFileBytes || !outcome.IsDigest(f.Digest) || i > 0 && rec.Files[i-1].Name >= f.Name {
			return nil, fmt.Errorf("file %d of its list is none, or out of order", i+1)
		}
	}
	return rec, nil
}

// damaged is the error of a version that is not what its record says.
func damaged(k Kind, name, id string, err error) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("read %s %s@%s", k, name, id), Err: err,
		Hint: "it was damaged, or changed by hand: put its copy back, or roll back with `casemate tune rollback " + name + "`"}
}

// load returns a version after it has checked the signature of its record and
// every file against it.
func (r *Registry) load(k Kind, name, id string, trust *outcome.Trust) (*Version, error) {
	dir := r.place(k, name, id)
	rec, signer, err := readRecord(dir, trust)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s has no %s", filepath.Base(dir), recordFile)
	}
	if err != nil {
		return nil, damaged(k, name, id, err)
	}
	if rec.Kind != k || rec.Name != name || !strings.HasPrefix(strings.TrimPrefix(rec.Digest, "sha256:"), id) {
		return nil, damaged(k, name, id, fmt.Errorf("its record is of %s %s, %.19s", rec.Kind, rec.Name, rec.Digest))
	}
	files, err := list(dir)
	if err != nil {
		return nil, damaged(k, name, id, err)
	}
	if !slices.Equal(files, rec.Files) {
		return nil, damaged(k, name, id, difference(rec.Files, files))
	}
	digest, err := Digest(k, dir)
	if err == nil && digest != rec.Digest {
		err = errors.New("its digest is not the one of its record")
	}
	if err != nil {
		return nil, damaged(k, name, id, err)
	}
	return &Version{Kind: k, Name: name, ID: id, Digest: digest, Dir: dir, Added: rec.Added, Signer: &signer}, nil
}

func readRecord(dir string, trust *outcome.Trust) (*record, outcome.Signer, error) {
	data, err := files.ReadPlain(filepath.Join(dir, recordFile), maxRecordBytes)
	if err != nil {
		return nil, outcome.Signer{}, err
	}
	sig, err := files.ReadPlain(filepath.Join(dir, recordSignatureFile), maxRecordBytes)
	if err != nil {
		return nil, outcome.Signer{}, err
	}
	signer, err := trust.Verify(outcome.SubjectVersion, data, sig)
	if err != nil {
		return nil, outcome.Signer{}, fmt.Errorf("its record: %w", err)
	}
	rec, err := parseRecord(data)
	if err != nil {
		return nil, outcome.Signer{}, fmt.Errorf("its record: %w", err)
	}
	return rec, signer, nil
}

// difference says which file is not what the record says.
func difference(want, got []file) error {
	for _, f := range want {
		i := slices.IndexFunc(got, func(g file) bool { return g.Name == f.Name })
		if i < 0 {
			return fmt.Errorf("%s is missing", f.Name)
		}
		if got[i] != f {
			return fmt.Errorf("%s was changed", f.Name)
		}
	}
	return errors.New("it has a file that its record does not list")
}

// Evaluation returns the evaluation of a version and who signed it. It is nil
// where there is none; the error says what is wrong with one that is there.
func (r *Registry) Evaluation(v *Version) (*outcome.Evaluation, *outcome.Signer, error) {
	data, err := files.ReadPlain(filepath.Join(v.Dir, outcome.EvaluationFile), outcome.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the evaluation of %s: %w", v, err)
	}
	e, err := outcome.Parse(data)
	if err != nil {
		return nil, nil, fmt.Errorf("read the evaluation of %s: %w", v, err)
	}
	if e.Digest != v.Digest {
		return nil, nil, fmt.Errorf("read the evaluation of %s: it is of %.19s, this is %.19s", v, e.Digest, v.Digest)
	}
	sig, err := files.ReadPlain(filepath.Join(v.Dir, outcome.SignatureFile), maxRecordBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the signature of %s: %w", v, err)
	}
	trust, err := outcome.OpenTrust(r.data)
	if err != nil {
		return nil, nil, err
	}
	signer, err := trust.Verify(outcome.SubjectEvaluation, data, sig)
	if err != nil {
		return nil, nil, fmt.Errorf("check the evaluation of %s: %w", v, err)
	}
	return e, &signer, nil
}

// Baselines returns the evaluations of the baselines beside a version; none is no
// error.
func (r *Registry) Baselines(v *Version) ([]*outcome.Evaluation, error) {
	return optional(v, outcome.BaselinesFile, outcome.MaxBytes, outcome.ParseBaselines)
}

// Seen returns the rows that a version learnt from; nil where that is not known.
func (r *Registry) Seen(v *Version) (*outcome.Seen, error) {
	return optional(v, outcome.SeenFile, outcome.MaxSeenBytes, outcome.ParseSeen)
}

// Reference returns what live inputs are compared with; nil where there is none.
func (r *Registry) Reference(v *Version) (*outcome.Reference, error) {
	return optional(v, outcome.ReferenceFile, outcome.MaxReferenceBytes, outcome.ParseReference)
}

// optional reads a file of a version that may not be there.
func optional[T any](v *Version, name string, limit int64, parse func([]byte) (T, error)) (T, error) {
	var none T
	data, err := files.ReadPlain(filepath.Join(v.Dir, name), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, fmt.Errorf("read %s of %s: %w", name, v, err)
	}
	x, err := parse(data)
	if err != nil {
		return none, fmt.Errorf("read %s of %s: %w", name, v, err)
	}
	return x, nil
}
