package library_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/casemate-ai/casemate/internal/security/library"
)

func Example() {
	dir, err := os.MkdirTemp("", "library")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "kev.json")
	if err := os.WriteFile(file, []byte(`{"title": "CISA Catalog of Known Exploited Vulnerabilities", "catalogVersion": "2020.01.05", "dateReleased": "2020-01-05",
"count": 1, "vulnerabilities": [{"cveID": "CVE-2020-9001", "vendorProject": "Acme", "product": "Teapot", "vulnerabilityName": "Teapot Spout Overflow",
"dateAdded": "2020-01-04", "shortDescription": "The spout overflows.", "requiredAction": "Pour less.", "dueDate": "2020-02-04"}]}`), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	l, err := library.Open(dir, library.Options{Write: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	ctx := context.Background()
	rep, err := l.Import(ctx, []string{file}, library.ImportOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rep.Changes[0].Name, "added", rep.Changes[0].Added)
	hits, err := l.Search(ctx, "what overflows from a teapot?", library.SearchOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(hits[0].EntryID, hits[0].Name)
	// Output:
	// CISA Known Exploited Vulnerabilities (KEV) added 1
	// CVE-2020-9001 Teapot Spout Overflow
}
