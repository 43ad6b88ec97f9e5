// Package registry keeps the heads and adapters of a data directory: versions of
// each name, which one is in service, the signed evaluation that let it in, and
// what was there before. It compares candidates and watches live inputs for
// drift.
//
// A version is a folder that never changes: its files are listed with their
// digests in a record that is signed when it is added. What is in service is the
// last entry of a history that only grows; each entry is signed and names the
// digest of the one before. A version is read only after all of that holds.
package registry

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/files"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// Kind is what a registry keeps.
type Kind string

// The kinds.
const (
	KindHead    Kind = "head"
	KindAdapter Kind = "adapter"
)

// folder returns the folder of a kind in the data directory.
func (k Kind) folder() string { return string(k) + "s" }

// files are those that a folder must have, over which the digest of a version is.
func (k Kind) files() []string {
	if k == KindAdapter {
		return []string{"adapter_config.json", "adapter_model.safetensors"}
	}
	return []string{tuned.CardFile, tuned.WeightsFile}
}

// Errors that a caller branches on.
var (
	ErrNone     = errors.New("nothing is in service under this name")
	ErrNotFound = errors.New("there is none")
)

// Registry is the heads and adapters of one data directory. Several processes may
// use one at once.
type Registry struct {
	data string
	disk disk
}

// Open returns the registry of a data directory, which may not exist yet.
func Open(data string) *Registry { return &Registry{data: data} }

// versionPattern is what a version or the beginning of one looks like.
var versionPattern = regexp.MustCompile(`^[0-9a-f]{4,64}$`)

const (
	versionDigits = 12 // of a digest, in the name of its folder
	serviceFile   = "service.json"
	lockFile      = ".lock"
	incoming      = ".incoming-" // begins the name of a folder that is being filled
	maxNames      = 10_000
	maxVersions   = 10_000 // of a name
)

// CheckName returns what is wrong with the name of a head or adapter.
func CheckName(name string) error {
	if isName(name) {
		return nil
	}
	return &casemate.Error{Code: casemate.CodeUsage, Message: fmt.Sprintf("%q cannot be a name", name),
		Hint: "take lower-case letters, digits, dots, - and _, at most 64, a letter or digit first"}
}

// isName says whether s is a name: it is a folder on every system.
func isName(s string) bool {
	base, _, _ := strings.Cut(s, ".")
	return tuned.IsName(s) && !strings.HasSuffix(s, ".") && !isDevice(base)
}

// isDevice says whether Windows takes a name for a device.
func isDevice(s string) bool {
	switch s {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(s) == 4 && (strings.HasPrefix(s, "com") || strings.HasPrefix(s, "lpt")) && s[3] >= '0' && s[3] <= '9'
}

func (r *Registry) root(k Kind) string              { return filepath.Join(r.data, k.folder()) }
func (r *Registry) home(k Kind, name string) string { return filepath.Join(r.root(k), name) }
func (r *Registry) place(k Kind, name, id string) string {
	return filepath.Join(r.root(k), name, id)
}

const lockPause = 20 * time.Millisecond

// lock makes this process the only one that changes the registry, and waits for
// another as long as ctx lives.
func (r *Registry) lock(ctx context.Context, k Kind) (unlock func() error, err error) {
	if err := r.disk.folder(r.root(k)); err != nil {
		return nil, fmt.Errorf("make the folder of %ss: %w", k, err)
	}
	for {
		unlock, ok, err := files.TryLock(filepath.Join(r.root(k), lockFile))
		if err != nil {
			return nil, fmt.Errorf("lock the %ss: %w", k, err)
		}
		if ok {
			return unlock, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another process that changes the %ss: %w", k, ctx.Err())
		case <-time.After(lockPause):
		}
	}
}
