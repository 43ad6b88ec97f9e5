package modelstore

import (
	"fmt"
	"os"
	"strings"

	"github.com/casemate-ai/casemate"
)

// Resolve returns the path of what a person calls a model, to be opened as one.
//
// A reference with "@sha256:…" at its end is a name of the store whose model
// must have this digest. Any other is a path if it has a separator or if there
// is a file or folder of this name, and else a name of the store. The manifest
// is nil for a path.
//
// It is for what the person at the machine types. A server passes what it is
// sent to Store.Open, which looks at nothing outside the store.
func Resolve(dataDir, ref string) (path string, m *Manifest, err error) {
	store := New(dataDir)
	if name, digest, pinned := strings.Cut(ref, "@sha256:"); pinned {
		return store.openPinned(name, "sha256:"+digest)
	}
	if strings.ContainsRune(ref, '/') || strings.ContainsRune(ref, os.PathSeparator) {
		return ref, nil, nil
	}
	if _, err := os.Stat(ref); err == nil {
		return ref, nil, nil
	}
	return store.Open(ref)
}

// openPinned opens a model that must have a digest.
func (s *Store) openPinned(name, digest string) (string, *Manifest, error) {
	if !digestPattern.MatchString(digest) {
		return "", nil, usage("the digest after @ is not one", "it is sha256: and 64 hexadecimal digits, as casemate model show prints it")
	}
	path, m, err := s.Open(name)
	if err != nil {
		return "", nil, err
	}
	if m.Digest != digest {
		return "", nil, &casemate.Error{Code: casemate.CodeInput, Message: fmt.Sprintf("model %q has the digest %s, not the one asked for", m.Name, m.Digest),
			Hint: "another model was imported under this name since it was pinned"}
	}
	return path, m, nil
}
