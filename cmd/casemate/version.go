package main

import (
	"cmp"
	"fmt"
	"runtime"

	"github.com/casemate-ai/casemate/internal/security/knowledge"
)

type versionCmd struct{}

// Run prints what answers are made with.
func (versionCmd) Run(s *streams) error {
	c := knowledge.Embedded()
	fmt.Fprintf(s.stdout, "casemate %s (%s, %s/%s)\ncatalogue %s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH, c.Digest())
	for _, d := range c.Versions() {
		fmt.Fprintf(s.stdout, "  %-36s %-10s %5d entries\n", d.Name, cmp.Or(d.Version, "-"), d.Count)
	}
	return nil
}
