package identifier_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/identifier"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/casemate-ai/casemate/internal/security/library"
)

// TestEmbedded wants what is in the binary, and nothing that was withdrawn.
func TestEmbedded(t *testing.T) {
	for kind, want := range map[string]string{
		identifier.Attack: "T1059.001", identifier.Tactic: "TA0006", identifier.CWE: "CWE-79",
		identifier.CVE: "CVE-2021-44228", identifier.D3FEND: "D3-PSA",
	} {
		l, err := identifier.Load(context.Background(), knowledge.Embedded(), nil, kind)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if !slices.Contains(l.IDs(), want) || l.Name(want) == "" || !slices.IsSorted(l.IDs()) {
			t.Errorf("%s: %d ids without %s (%q), or unsorted", kind, len(l.IDs()), want, l.Name(want))
		}
		if kind == identifier.Attack && (slices.Contains(l.IDs(), "T1086") || l.Name("T1059.001") != "PowerShell") {
			t.Errorf("attack has T1086, which is revoked, or calls T1059.001 %q", l.Name("T1059.001"))
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, kind := range []string{"", "attak", identifier.Control} { // the last is in the library alone
		if _, err := identifier.Load(context.Background(), knowledge.Embedded(), nil, kind); err == nil {
			t.Errorf("%q: no error", kind)
		}
	}
}

// TestLibraryWins imports a weakness under another name, and one that is withdrawn.
func TestLibraryWins(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cwe.csv")
	const rows = "CWE-ID,Name,Weakness Abstraction,Status,Description\n79,Our own name,Base,Stable,Words.\n89,Gone,Base,Deprecated,Words.\n"
	if err := os.WriteFile(file, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	lib, err := library.Open(dir, library.Options{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lib.Import(context.Background(), []string{file}, library.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	lib.Close()
	if lib, err = library.Open(dir, library.Options{}); err != nil {
		t.Fatal(err)
	}
	defer lib.Close()
	l, err := identifier.Load(context.Background(), knowledge.Embedded(), lib, identifier.CWE)
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Name("CWE-79"); got != "Our own name" {
		t.Errorf("CWE-79 is called %q", got)
	}
	if slices.Contains(l.IDs(), "CWE-89") || !slices.Contains(l.IDs(), "CWE-22") {
		t.Error("CWE-89 is still there, or CWE-22 is not")
	}
}
