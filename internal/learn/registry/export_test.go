package registry

import "github.com/casemate-ai/casemate/internal/learn/outcome"

// SetStep has every change of the file system announced; an error stops it there.
// It also has the registry not wait for the disk.
func SetStep(r *Registry, step func(what, path string) error) {
	r.disk.step, r.disk.noWait = step, true
}

// ParseService and ParseRecord let the tests send what no program writes.
func ParseService(data []byte, trust *outcome.Trust) (*Service, error) {
	return parseService(data, trust)
}

// ParseRecord reads a version's record.
func ParseRecord(data []byte) error {
	_, err := parseRecord(data)
	return err
}

// GoodFileName says whether a version may have a file called so.
var GoodFileName = goodFileName
