// Package modelstore keeps models under the data directory: every file under
// the digest of its content, a manifest for each name. A model is checked when it
// comes in; after that it can be pinned by its digest and checked again. Nothing
// is ever half there: a model is in the store from the moment its manifest is,
// and the manifest is written last.
//
// docs/formats/modelstore.md says byte by byte how it lies on disk.
package modelstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/casemate-ai/casemate"
)

// Store is the models of one data directory. Its methods may be called from
// several goroutines and processes at once.
type Store struct {
	dir  string // DATA/models
	disk disk
	// inspect is the function of this name, but for tests.
	inspect func(path string, deep func(done, total int64)) (*facts, error)
}

// New returns the store of a data directory, which need not be there yet.
// Nothing is read or written.
func New(dataDir string) *Store {
	return &Store{dir: filepath.Join(dataDir, "models"), inspect: inspect}
}

// Manifest is what the store knows of a model.
type Manifest struct {
	Version int    `json:"version"`
	Name    string `json:"name"` // with ":tag", unless that is "latest"
	Format  string `json:"format"`
	// Digest is "sha256:" and the SHA-256 over a line for each file, in the order
	// of their names: the file's digest in hexadecimal, two spaces, its name.
	Digest string `json:"digest"`
	Files  []File `json:"files"` // in the order of their names

	Architecture string `json:"architecture"`
	Parameters   int64  `json:"parameters"`   // numbers in all tensors
	Quantisation string `json:"quantisation"` // "Q4_K_M", or the type that holds most of the parameters
	License      string `json:"license,omitempty"`

	Source     string    `json:"source"`      // where it was imported from
	ImportedAt time.Time `json:"imported_at"` // UTC
	// Linked names the files that are the source's own, under a second name, and
	// not a copy of them.
	Linked []string `json:"linked,omitempty"`
}

// Size returns the bytes of all files.
func (m *Manifest) Size() int64 {
	total := int64(0)
	for _, f := range m.Files {
		total += f.Size
	}
	return total
}

// Role is what a file of a model is for.
type Role string

// The roles.
const (
	RoleWeights    Role = "weights"
	RoleIndex      Role = "index" // which tensor is in which file
	RoleConfig     Role = "config"
	RoleGeneration Role = "generation"
	RoleTokenizer  Role = "tokenizer"
	RoleTemplate   Role = "template"
	RoleLicense    Role = "license"
	RoleCard       Role = "card" // README.md, which names the licence
)

// File is one file of a model.
type File struct {
	Name   string `json:"name"` // as it was called; no folder
	Role   Role   `json:"role"`
	Size   int64  `json:"size"`
	Digest string `json:"digest"` // "sha256:…" of its bytes
}

// ErrNotFound is the error for a name that the store does not have. It is the
// same for one that could be no name.
var ErrNotFound = errors.New("there is no such model in the store")

func notFound(name string) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("model %q", name), Err: ErrNotFound,
		Hint: "casemate model list shows what there is; casemate model import PATH --name NAME brings one in"}
}

func input(message string, err error, hint string) error {
	return &casemate.Error{Code: casemate.CodeInput, Message: message, Err: err, Hint: hint}
}

func usage(message, hint string) error {
	return &casemate.Error{Code: casemate.CodeUsage, Message: message, Hint: hint}
}
