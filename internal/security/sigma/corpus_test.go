package sigma_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// shared returns the path of a file in the folder of shared data, and skips the
// test where it is absent.
func shared(tb testing.TB, elem ...string) string {
	tb.Helper()
	root := os.Getenv("CASEMATE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "..", "shared")
	}
	name := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(name); err != nil {
		tb.Skipf("shared data is absent: %v", err)
	}
	return name
}

// corpus returns the public rules, read once for all tests.
func corpus(tb testing.TB) sigma.Loaded {
	tb.Helper()
	name := shared(tb, "data", "knowledge", "sigma-rules.zip")
	corpusOnce.Do(func() { corpusLoaded, corpusErr = sigma.LoadPath(name) })
	if corpusErr != nil {
		tb.Fatal(corpusErr)
	}
	return corpusLoaded
}

var (
	corpusOnce   sync.Once
	corpusLoaded sigma.Loaded
	corpusErr    error
)

func compile(tb testing.TB, rules []*sigma.Rule) *sigma.Engine {
	tb.Helper()
	e, err := sigma.Compile(rules, sigma.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

// TestCorpus loads all public rules: each one runs or is named.
func TestCorpus(t *testing.T) {
	start := time.Now()
	loaded, err := sigma.LoadPath(shared(t, "data", "knowledge", "sigma-rules.zip"))
	if err != nil {
		t.Fatal(err)
	}
	read := time.Since(start)
	engine := compile(t, loaded.Rules)
	t.Logf("%d files: %d rules read in %v, %d run after %v more", loaded.Files, len(loaded.Rules),
		read.Round(time.Millisecond), len(engine.Rules()), (time.Since(start) - read).Round(time.Millisecond))
	refused := append(loaded.Refused, engine.Refused()...)
	for _, r := range refused {
		t.Logf("refused: %s", r)
		if r.File == "" || r.Reason == "" {
			t.Errorf("refusal %+v does not say what and why", r)
		}
	}
	if got := len(engine.Rules()) + len(refused); got != loaded.Files {
		t.Errorf("%d rules run and %d are refused, of %d files with a rule each", len(engine.Rules()), len(refused), loaded.Files)
	}
	if len(refused) > 12 {
		t.Errorf("%d rules are refused, want at most the dozen with placeholders and the like", len(refused))
	}
}
