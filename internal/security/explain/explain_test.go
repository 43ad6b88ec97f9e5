package explain_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/explain"
	"github.com/casemate-ai/casemate/internal/security/knowledge"
	"github.com/rogpeppe/go-internal/txtar"
)

func run(t testing.TB, input string) explain.Explanation {
	t.Helper()
	e, err := explain.Explain(context.Background(), input, explain.Options{})
	if err != nil {
		t.Fatalf("Explain(%.80q): %v", input, err)
	}
	return e
}

func text(t testing.TB, e explain.Explanation) string {
	t.Helper()
	var b bytes.Buffer
	if err := explain.WriteText(&b, e, 100, false); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// has reports whether an explanation, or a part of it, has what a line of a
// case wants.
func has(t testing.TB, e *explain.Explanation, key, want string) bool {
	t.Helper()
	for i := range e.Parts {
		if has(t, &e.Parts[i], key, want) {
			return true
		}
	}
	switch key {
	case "kind":
		return strings.Contains(e.Kind, want)
	case "summary":
		return strings.Contains(e.Summary, want)
	case "risk":
		return strings.Contains(e.Risk.Level, want)
	case "technique":
		for _, x := range e.Techniques {
			if x.ID == want {
				return x.Name != "" && len(x.Tactics) > 0
			}
		}
	case "finding":
		level, part, _ := strings.Cut(want, " ")
		for _, f := range e.Findings {
			if f.Level.String() == level && strings.Contains(f.Text, part) {
				return true
			}
		}
	case "decoded":
		for _, l := range e.Layers {
			if strings.Contains(l.Text, want) {
				return true
			}
		}
	case "indicator":
		for _, i := range e.Indicators {
			if i.Shown == want {
				return true
			}
		}
	case "program":
		for _, p := range e.Programs {
			if p.Name == want && p.What != "" {
				return true
			}
		}
	case "fact":
		name, value, _ := strings.Cut(want, " = ")
		for _, f := range e.Facts {
			if f.Name == name && strings.Contains(f.Value, value) {
				return true
			}
		}
	case "next":
		for _, n := range e.Next {
			if strings.Contains(n.Text+" "+n.ID, want) {
				return true
			}
		}
	case "note":
		return strings.Contains(strings.Join(e.Notes, "\n"), want)
	default:
		t.Fatalf("a case wants %q, which the test does not know", key)
	}
	return false
}

type wantCase struct {
	name, input string
	want        [][2]string
}

func cases(t testing.TB) []wantCase {
	t.Helper()
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	var out []wantCase
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil || len(a.Files) != 2 {
			t.Fatalf("%s: %d files, %v", name, len(a.Files), err)
		}
		c := wantCase{name: strings.TrimSuffix(filepath.Base(name), ".txtar"), input: strings.TrimSuffix(string(a.Files[0].Data), "\n")}
		for line := range strings.SplitSeq(strings.TrimSpace(string(a.Files[1].Data)), "\n") {
			key, want, ok := strings.Cut(line, ": ")
			if !ok {
				t.Fatalf("%s: %q has no key", name, line)
			}
			c.want = append(c.want, [2]string{key, want})
		}
		out = append(out, c)
	}
	return out
}

// TestCases checks what real inputs must be explained as.
func TestCases(t *testing.T) {
	for _, c := range cases(t) {
		t.Run(c.name, func(t *testing.T) {
			e := run(t, c.input)
			for _, w := range c.want {
				key, unwanted := strings.CutPrefix(w[0], "no ")
				if has(t, &e, key, w[1]) == unwanted {
					t.Errorf("%s %q: found %v, want %v", key, w[1], unwanted, !unwanted)
				}
			}
			checkSpans(t, &e, c.input)
			if t.Failed() {
				t.Log("\n" + text(t, e))
			}
		})
	}
}

// checkSpans checks that findings quote what stands in the input or a layer.
func checkSpans(t *testing.T, e *explain.Explanation, input string) {
	t.Helper()
	if len(e.Parts) > 0 {
		return
	}
	for _, f := range e.Findings {
		from := strings.TrimSpace(input)
		if f.Span.Layer >= 0 {
			from = e.Layers[f.Span.Layer].Text
		} else if f.Span.Field != "" {
			continue
		}
		quote, short := strings.CutSuffix(f.Quote, " …")
		if strings.HasPrefix(quote, "U+") {
			continue
		}
		if f.Span.End > len(from) || f.Span.Start >= f.Span.End || !short && from[f.Span.Start:f.Span.End] != quote {
			t.Errorf("finding %q quotes %q, its span %v of %d bytes", f.Text, f.Quote, f.Span, len(from))
		}
	}
}

// TestOrdinary holds honest work: none of it may look grave.
func TestOrdinary(t *testing.T) {
	data, err := os.ReadFile("testdata/ordinary.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) < 40 {
		t.Fatalf("%d ordinary lines, want at least 40", len(lines))
	}
	for _, line := range lines {
		e := run(t, line)
		for _, f := range e.Findings {
			if f.Level >= casemate.SeverityHigh {
				t.Errorf("%q: %s finding %q at %q", line, f.Level, f.Text, f.Quote)
			}
		}
		if strings.Contains(strings.ToLower(e.Risk.Level), "clean") || strings.Contains(e.Risk.Level, "safe") || strings.Contains(e.Risk.Level, "benign") {
			t.Errorf("%q is called %q", line, e.Risk.Level)
		}
	}
}

// TestTables checks that the tables can be read, that every pattern compiles and
// that the catalogue stands by every technique that they or the code name.
func TestTables(t *testing.T) {
	ids, err := explain.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`"(T1\d{3}(\.\d{3})?)"`)
	for _, name := range sources {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range id.FindAllStringSubmatch(string(src), -1) {
			ids = append(ids, m[1])
		}
	}
	cat := knowledge.Embedded()
	for _, id := range ids {
		if k, ok := cat.Technique(id); !ok || k.Status != knowledge.Current {
			t.Errorf("technique %q is not a current one of the catalogue", id)
		}
	}
	programs, clues, events, facts := explain.Known()
	t.Logf("%d programs, %d clues, %d events, %d facts, %d technique ids", programs, clues, events, facts, len(ids))
	if programs < 150 || events < 100 {
		t.Errorf("%d programs and %d events, want at least 150 and 100", programs, events)
	}
}
