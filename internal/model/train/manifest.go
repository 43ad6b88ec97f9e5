package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate"
)

const (
	manifestFile  = "run.json"
	manifestKind  = "casemate-run"
	formatVersion = 1
	maxManifest   = 16 << 20 // bytes of a manifest that is there
)

// Manifest says what a run is made of. It holds digests, not texts.
type Manifest struct {
	Kind    string `json:"kind"`    // "lora", "preference", "full", …
	Version string `json:"version"` // of Casemate
	// Base is the base model's digest, Initial that of a new model's first numbers.
	Base    string   `json:"base,omitempty"`
	Initial string   `json:"initial,omitempty"`
	Data    []Source `json:"data"`
	// Examples is the digest of the very tokens that are learnt from and validated
	// by, in their order; see DigestRows.
	Examples string `json:"examples"`
	// Settings are the caller's, such as how a model is adapted: what encodes to
	// the same JSON is the same.
	Settings any `json:"settings,omitempty"`
}

// Source is a file of data.
type Source struct {
	Name   string `json:"name"`
	Digest string `json:"digest"`
	Rows   int    `json:"rows,omitempty"`
}

// record is the manifest's file.
type record struct {
	Format   string   `json:"format"`
	Version  int      `json:"version"`
	Manifest Manifest `json:"manifest"`
	Plan     Plan     `json:"plan"`
}

// encode returns the file's bytes and their digest, by which checkpoints know
// their run.
func (o *Options) encode() (text []byte, digest string, err error) {
	text, err = json.MarshalIndent(record{manifestKind, formatVersion, o.Manifest, o.Plan}, "", "  ")
	if err != nil {
		return nil, "", fmt.Errorf("write the manifest: %w", err)
	}
	text = append(text, '\n')
	sum := sha256.Sum256(text)
	return text, "sha256:" + hex.EncodeToString(sum[:]), nil
}

// claim makes a folder the run's: it writes the manifest, or compares it with the
// one that is there.
func (d *disk) claim(dir string, text []byte) error {
	path := filepath.Join(dir, manifestFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d.put(path, func(w *file) error { _, err := w.Write(text); return err })
	}
	if err != nil {
		return err
	}
	have := []byte(nil)
	if info.Size() <= maxManifest {
		if have, err = os.ReadFile(path); err != nil {
			return err
		}
	}
	if bytes.Equal(have, text) {
		return nil
	}
	return &casemate.Error{
		Code: casemate.CodeUsage, Message: fmt.Sprintf("%q holds another run: %s", dir, difference(have, text)),
		Hint: "give the same data and options to continue it, choose another folder, or remove that one to begin anew",
	}
}

// difference names what two manifests do not share, as far as they can be read.
func difference(have, want []byte) string {
	var a, b struct {
		Manifest, Plan map[string]json.RawMessage
	}
	if json.Unmarshal(have, &a) != nil || json.Unmarshal(want, &b) != nil {
		return "its run.json cannot be read"
	}
	named := func(a, b map[string]json.RawMessage, order []string) string {
		for _, key := range order {
			if !bytes.Equal(a[key], b[key]) {
				return key
			}
		}
		return ""
	}
	if what := named(a.Manifest, b.Manifest, []string{"kind", "version", "base", "initial", "data", "settings", "examples"}); what != "" {
		return "its " + what + " differs"
	}
	for _, key := range planKeys {
		if !bytes.Equal(a.Plan[key], b.Plan[key]) {
			return "its " + key + " differs"
		}
	}
	return "its run.json differs"
}

// planKeys are the fields of a plan, in the order in which they are compared.
var planKeys = []string{
	"seed", "epochs", "steps", "batch", "accumulate", "method", "schedule", "rate", "floor", "warmup", "decay",
	"beta1", "beta2", "epsilon", "momentum", "nesterov", "clip", "evaluate_every", "patience", "save_every", "keep",
}
