package oscal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/feed/loose"
	"github.com/casemate-ai/casemate/internal/security/feed/oscal"
)

func TestID(t *testing.T) {
	tests := []struct{ in, want string }{
		{"ac-2", "AC-2"}, {"ac-2.1", "AC-2(1)"}, {"AC-02", "AC-2"}, {"AC-10", "AC-10"}, {"ac-2.13", "AC-2(13)"},
		{"03.01.01", "03.01.01"}, {"pr.ds-1", "PR.DS-1"}, {"", ""},
	}
	for _, tt := range tests {
		if got := oscal.ID(tt.in); got != tt.want {
			t.Errorf("ID(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func catalogue(t testing.TB, text string) *oscal.Catalogue {
	t.Helper()
	var c oscal.Catalogue
	if err := loose.Decode([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func ignore(string) {}

// TestBomb bounds what parameters become that stand for one another.
func TestBomb(t *testing.T) {
	choice := `"` + strings.Repeat("{{ insert: param, p }}", 2000) + `"`
	c := catalogue(t, `{"controls":[{"id":"ac-1","params":[{"id":"p","select":{"choice":[`+choice+`,`+choice+`]}}],"parts":[{"name":"statement","prose":"{{ insert: param, p }}"}]}]}`)
	n := 0
	if err := c.Walk(func(c *oscal.Control) error {
		n += len(c.Parts[0].Text)
		return nil
	}, ignore); err != nil {
		t.Fatal(err)
	}
	if n == 0 || n > 8<<20 {
		t.Errorf("the statement has %d bytes", n)
	}
}

// TestDeep passes over what is nested too deep, and says so.
func TestDeep(t *testing.T) {
	deep := func(open, shut string, n int) string { return strings.Repeat(open, n) + strings.Repeat(shut, n) }
	for _, text := range []string{
		deep(`{"groups":[`, `]}`, 60),
		`{"controls":[` + deep(`{"id":"ac-1","controls":[`, `]}`, 60) + `]}`,
	} {
		faults, n := 0, 0
		err := catalogue(t, text).Walk(func(*oscal.Control) error { n++; return nil }, func(string) { faults++ })
		if err != nil || faults != 1 || n > 40 {
			t.Errorf("%d faults, %d controls, %v", faults, n, err)
		}
	}
	parts := `{"controls":[{"id":"ac-1","parts":[` + deep(`{"name":"statement","prose":"x","parts":[`, `]}`, 60) + `]}]}`
	if err := catalogue(t, parts).Walk(func(c *oscal.Control) error {
		if got := strings.Count(c.Parts[0].Text, "x"); got > 40 {
			t.Errorf("%d parts", got)
		}
		return nil
	}, ignore); err != nil {
		t.Fatal(err)
	}
}

func TestRefused(t *testing.T) {
	stop := errors.New("stop")
	c := catalogue(t, `{"groups":[{"controls":[{"id":"ac-1"},{"id":"ac-2"}]}]}`)
	if err := c.Walk(func(*oscal.Control) error { return stop }, ignore); err != stop {
		t.Errorf("error is %v, want the caller's", err)
	}
}

func FuzzWalk(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("..", "testdata", "samples", "oscal-catalog.json"))
	if err != nil {
		f.Fatal(err)
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(data)), `{"catalog": `), "}")
	f.Add(inner)
	f.Fuzz(func(t *testing.T, in string) {
		var c oscal.Catalogue
		if loose.Decode([]byte(in), &c) != nil {
			return
		}
		if err := c.Walk(func(*oscal.Control) error { return nil }, ignore); err != nil {
			t.Fatal(err)
		}
	})
}
