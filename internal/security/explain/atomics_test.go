package explain_test

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/goccy/go-yaml"
)

// shared returns a file of the shared data, or skips the test.
func shared(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("CASEMATE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data: %v", err)
	}
	return path
}

// atomic is one file of Atomic Red Team.
type atomic struct {
	Technique string `yaml:"attack_technique"`
	Tests     []struct {
		Name      string
		Arguments map[string]struct {
			Default any
		} `yaml:"input_arguments"`
		Executor struct {
			Name    string
			Command string
		}
	} `yaml:"atomic_tests"`
}

// TestAtomics explains the commands of Atomic Red Team, which the tables were
// not written from, and counts how many show something, and how many the
// technique that the test is for. The bounds only catch a collapse.
func TestAtomics(t *testing.T) {
	z, err := zip.OpenReader(shared(t, "data/knowledge/atomics.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var tests, some, medium, exact, parent int
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, ".yaml") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		_ = r.Close()
		var a atomic
		if err != nil || yaml.Unmarshal(data, &a) != nil {
			continue
		}
		// The tests follow a newer ATT&CK than the catalogue does.
		if _, ok := knowledge.Embedded().Technique(a.Technique); !ok {
			continue
		}
		for _, test := range a.Tests {
			line := strings.TrimSpace(test.Executor.Command)
			if line == "" || test.Executor.Name == "manual" {
				continue
			}
			for name, arg := range test.Arguments {
				if s, ok := arg.Default.(string); ok {
					line = strings.ReplaceAll(line, "#{"+name+"}", s)
				}
			}
			e := run(t, line)
			tests++
			var worst casemate.Severity
			for _, x := range e.Findings {
				worst = max(worst, x.Level)
			}
			some += count(worst >= casemate.SeverityLow)
			medium += count(worst >= casemate.SeverityMedium)
			var isExact, isParent bool
			for _, x := range e.Techniques {
				isExact = isExact || x.ID == a.Technique
				isParent = isParent || x.ID[:5] == a.Technique[:5]
			}
			exact += count(isExact)
			parent += count(isParent)
			if !isParent && os.Getenv("MISSES") != "" {
				t.Logf("MISS %s %s (%s, %s): %.400q", a.Technique, test.Name, e.Kind, worst, line)
			}
		}
	}
	t.Logf("%d tests: %d show something, %d something of medium level or more; technique found in %d, its parent in %d", tests, some, medium, exact, parent)
	if some*10 < tests*6 || parent*10 < tests*3 {
		t.Errorf("the tables recognise too little of known attacks")
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
