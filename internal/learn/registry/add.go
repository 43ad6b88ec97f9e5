package registry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
)

// Add takes a finished folder of a head or adapter into the registry, under a name
// and the version that its digest gives, and signs its evaluation and the list of
// its files with the key of the data directory. A signature that came with the
// evaluation stays, if it is of a trusted key. What is there already is added
// only once. The folder itself stays as it is.
func (r *Registry) Add(ctx context.Context, k Kind, name, dir string, at time.Time) (*Version, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	digest, err := Digest(k, dir)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("add the %s in %q", k, dir), Err: err, Hint: "name a folder with " + strings.Join(k.files(), " and ")}
	}
	key, err := outcome.OpenKey(r.data)
	if err != nil {
		return nil, err
	}
	trust, err := outcome.OpenTrust(r.data)
	if err != nil {
		return nil, err
	}
	unlock, err := r.lock(ctx, k)
	if err != nil {
		return nil, err
	}
	defer unlock()
	id := strings.TrimPrefix(digest, "sha256:")[:versionDigits]
	if _, err := os.Lstat(r.place(k, name, id)); err == nil {
		return r.load(k, name, id, trust)
	}
	if err := r.sweep(k); err != nil {
		return nil, err
	}
	v := &Version{Kind: k, Name: name, ID: id, Digest: digest, Dir: r.place(k, name, id), Added: at.UTC()}
	if err := r.take(ctx, v, dir, key, trust); err != nil {
		return nil, r.noRoom(fmt.Errorf("add %s %s: %w", k, name, err))
	}
	return r.load(k, name, id, trust)
}

// sweep removes what a process left behind that was killed.
func (r *Registry) sweep(k Kind) error {
	entries, err := os.ReadDir(r.root(k))
	if err != nil {
		return fmt.Errorf("read the %ss: %w", k, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), incoming) {
			if err := r.disk.removeAll(filepath.Join(r.root(k), e.Name())); err != nil {
				return fmt.Errorf("clear what was left behind: %w", err)
			}
		}
	}
	return nil
}

// take fills a folder beside the place of a version and moves it there once all
// of it is on disk.
func (r *Registry) take(ctx context.Context, v *Version, from string, key *outcome.Key, trust *outcome.Trust) (err error) {
	to := filepath.Join(r.root(v.Kind), incoming+v.ID)
	if err := r.disk.folder(to); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.disk.removeAll(to) // the next one clears what this cannot
		}
	}()
	files, err := list(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.copyFile(filepath.Join(from, f.Name), filepath.Join(to, f.Name)); err != nil {
			return err
		}
	}
	if err := r.signEvaluation(v, to, key, trust); err != nil {
		return err
	}
	if files, err = list(to); err != nil { // with the signature
		return err
	}
	data, err := json.Marshal(record{formatVersion, v.Kind, v.Name, v.Digest, v.Added, files})
	if err != nil {
		return err
	}
	data = append(data, '\n')
	sig, err := key.Sign(outcome.SubjectVersion, data)
	if err != nil {
		return err
	}
	if err := r.keep(to, recordFile, data); err != nil {
		return err
	}
	if err := r.keep(to, recordSignatureFile, sig); err != nil {
		return err
	}
	if digest, err := Digest(v.Kind, to); err != nil || digest != v.Digest {
		return errors.Join(errors.New("the folder changed while it was read"), err)
	}
	return r.publish(to, v)
}

// publish gives a folder whose files are on disk its name.
func (r *Registry) publish(from string, v *Version) error {
	if err := r.disk.syncFolder(from); err != nil {
		return err
	}
	home := r.home(v.Kind, v.Name)
	if err := r.disk.folder(home); err != nil {
		return err
	}
	if err := r.disk.syncFolder(r.root(v.Kind)); err != nil {
		return err
	}
	if err := r.disk.rename(from, v.Dir); err != nil {
		return err
	}
	return r.disk.syncFolder(home)
}

func (r *Registry) keep(dir, name string, data []byte) error {
	return r.disk.put(filepath.Join(dir, name), keptMode, func(w io.Writer) error { _, err := w.Write(data); return err })
}

func (r *Registry) copyFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.disk.put(to, keptMode, func(w io.Writer) error { _, err := io.Copy(w, f); return err })
}

// signEvaluation checks the evaluation in a folder and puts the signature beside
// it. A version without one can be kept, not promoted.
func (r *Registry) signEvaluation(v *Version, dir string, key *outcome.Key, trust *outcome.Trust) error {
	data, err := files.ReadPlain(filepath.Join(dir, outcome.EvaluationFile), outcome.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	e, err := outcome.Parse(data)
	if err != nil {
		return err
	}
	if e.Digest != v.Digest {
		return fmt.Errorf("its evaluation is of %.19s, this is %.19s", e.Digest, v.Digest)
	}
	sig, err := files.ReadPlain(filepath.Join(dir, outcome.SignatureFile), maxRecordBytes)
	if err == nil {
		if _, err = trust.Verify(outcome.SubjectEvaluation, data, sig); err != nil {
			return fmt.Errorf("its evaluation: %w", err)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if sig, err = key.Sign(outcome.SubjectEvaluation, data); err != nil {
		return err
	}
	return r.keep(dir, outcome.SignatureFile, sig)
}

// noRoom adds a hint to the error of a full disk.
func (r *Registry) noRoom(err error) error {
	if !files.IsFull(err) {
		return err
	}
	return &casemate.Error{Code: casemate.CodeInternal, Message: "write to the data directory", Err: err, Hint: "make space on the disk of " + r.data + " and run it again; nothing was changed"}
}

// Names returns the names of a kind, in order.
func (r *Registry) Names(k Kind) ([]string, error) {
	entries, err := os.ReadDir(r.root(k))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the %ss: %w", k, err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && isName(e.Name()) && len(out) < maxNames {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// Versions returns the versions of a name, the newest first, and what is wrong
// with those that cannot be used.
func (r *Registry) Versions(k Kind, name string) (versions []*Version, broken []error, err error) {
	if err := CheckName(name); err != nil {
		return nil, nil, err
	}
	entries, err := os.ReadDir(r.home(k, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, r.unknown(k, name)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list the versions of %s: %w", name, err)
	}
	trust, err := outcome.OpenTrust(r.data)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if !e.IsDir() || !versionPattern.MatchString(e.Name()) || len(versions) == maxVersions {
			continue
		}
		v, err := r.load(k, name, e.Name(), trust)
		if err != nil {
			broken = append(broken, err)
			continue
		}
		versions = append(versions, v)
	}
	slices.SortFunc(versions, func(a, b *Version) int {
		return cmp.Or(b.Added.Compare(a.Added), bytes.Compare([]byte(a.ID), []byte(b.ID)))
	})
	return versions, broken, nil
}

// unknown is the error of a name that is not there.
func (r *Registry) unknown(k Kind, name string) error {
	hint := "`casemate tune train` makes heads; `casemate tune list` shows what there is"
	if k == KindAdapter {
		hint = "`casemate tune lora` makes adapters; `casemate tune list` shows what there is"
	}
	return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("find %s %q", k, name), Err: ErrNotFound, Hint: hint}
}

// Resolve returns what a person names: NAME is the version in service, or the
// newest where none is; NAME@VERSION is that one, of which the first four digits
// are enough if no other begins so; all else is a folder.
func (r *Registry) Resolve(k Kind, ref string) (*Version, error) {
	name, id, exact := strings.Cut(ref, "@")
	if !isName(name) || exact && !versionPattern.MatchString(id) {
		return resolveFolder(k, ref)
	}
	if !exact {
		v, err := r.InService(k, name)
		if err == nil || !errors.Is(err, ErrNone) {
			return v, err
		}
	}
	versions, broken, err := r.Versions(k, name)
	if err != nil {
		if info, stat := os.Stat(ref); stat == nil && info.IsDir() {
			return resolveFolder(k, ref)
		}
		return nil, err
	}
	var found []*Version
	for _, v := range versions {
		if !exact && len(found) == 0 || exact && strings.HasPrefix(strings.TrimPrefix(v.Digest, "sha256:"), id) {
			found = append(found, v)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("find %s %q: %d versions begin so", k, ref, len(found)), Hint: "give more of its digits; `casemate tune show " + name + "` lists them"}
	case len(broken) > 0:
		return nil, broken[0]
	}
	return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("find %s %q", k, ref), Err: ErrNotFound, Hint: "`casemate tune show " + name + "` lists the versions"}
}

// resolveFolder returns a version that is in no registry.
func resolveFolder(k Kind, dir string) (*Version, error) {
	digest, err := Digest(k, dir)
	if err != nil {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("read %q as a %s", dir, k), Err: err, Hint: "give NAME, NAME@VERSION or a folder with " + strings.Join(k.files(), " and ")}
	}
	return &Version{Kind: k, Digest: digest, Dir: dir}, nil
}
