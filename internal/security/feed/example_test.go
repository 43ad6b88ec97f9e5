package feed_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/security/feed"
)

// printer is a sink that prints.
type printer struct{}

func (printer) Entry(e *feed.Entry) error {
	fmt.Println(e.Kind, e.ID, e.Name)
	return nil
}

func (printer) Relation(r *feed.Relation) error {
	fmt.Println(r.From, r.Type, r.To)
	return nil
}

func ExampleRead() {
	path := filepath.Join("testdata", "samples", "kev.json")
	report, err := feed.Read(context.Background(), path, os.Stdin, printer{}, feed.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	p := report.Publications[0]
	fmt.Println(p.Key, p.Version, report.Entries, report.FaultCount)
	// Output:
	// vulnerability CVE-2031-99001 Acme Door Left Open Vulnerability
	// CVE-2031-99001 has-weakness CWE-9901
	// kev 2031.01.02 map[vulnerability:1] 1
}
