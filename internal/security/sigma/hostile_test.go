package sigma_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/security/sigma"
)

// hostile are rule files that try to take time, memory or the stack.
func hostile() map[string]string {
	n := min(50_000*thorough(), sigma.MaxFileBytes-100)
	fill := func(s string) string { return strings.Repeat(s, n/len(s)) }
	var bomb, deep, steps strings.Builder
	bomb.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := range 30 {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 9))
	}
	for i := range 1000 {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
		steps.WriteString(strings.Repeat(" ", i) + "-\n")
	}
	return map[string]string{
		"alias bomb":          bomb.String(),
		"deep maps":           deep.String(),
		"deep lists":          steps.String(),
		"brackets":            fill("["),
		"braces":              fill("{a: "),
		"dashes":              fill("- "),
		"dash lines":          fill("- a\n"),
		"questions":           fill("? "),
		"keys":                fill("a: b\n"),
		"colons":              fill("a: "),
		"quotes":              fill("'"),
		"one quoted text":     "a: '" + fill("x") + "'",
		"one text":            "a: " + fill("x"),
		"words":               "a: " + fill("x "),
		"block text":          "a: |\n" + fill("  xxxxxxxx\n"),
		"folded text":         "a: >\n" + fill("  x\n\n"),
		"plain lines":         "a: b\n" + fill("  c\n"),
		"documents":           fill("---\n"),
		"comments":            fill("# x\n"),
		"empty lines":         fill("\n"),
		"spaces":              fill(" "),
		"tabs":                fill("\t"),
		"anchors":             fill("&a "),
		"tags":                fill("!!str "),
		"escapes":             `a: "` + fill(`\u0041`) + `"`,
		"list of a value":     ruleOf("  a:\n    F:\n" + fill("      - abc\n") + "\n  condition: a"),
		"long value":          ruleOf("  a:\n    F: '" + fill("*a") + "'\n  condition: a"),
		"long condition":      ruleOf("  a: {F: b}\n  condition: " + fill("a or ") + "a"),
		"deep condition":      ruleOf("  a: {F: b}\n  condition: " + strings.Repeat("(", 8000) + "a" + strings.Repeat(")", 8000)),
		"negated condition":   ruleOf("  a: {F: b}\n  condition: " + strings.Repeat("not ", 4000) + "a"),
		"many dashes":         ruleOf("  a:\n    F|windash|contains: '" + strings.Repeat(" -a", 20_000) + "'\n  condition: a"),
		"large regex":         ruleOf("  a:\n    F|re: '(a{1000}){1000}'\n  condition: a"),
		"nested regex":        ruleOf("  a:\n    F|re: '" + strings.Repeat("(", 4000) + "a" + strings.Repeat(")", 4000) + "'\n  condition: a"),
		"more than the limit": strings.Repeat("a", sigma.MaxFileBytes+1),
	}
}

// TestHostileRules wants each hostile file refused, or run, in bounded time.
func TestHostileRules(t *testing.T) {
	for name, text := range hostile() {
		start := time.Now()
		rules, refused := sigma.ParseRules(name, []byte(text))
		e := compile(t, rules)
		took := time.Since(start)
		if len(refused)+len(e.Refused()) == 0 && len(e.Rules()) == 0 {
			t.Errorf("%s: neither refused nor run", name)
		}
		for _, r := range append(refused, e.Refused()...) {
			if len(r.Reason) > 400 {
				t.Errorf("%s: a reason of %d bytes", name, len(r.Reason))
			}
		}
		t.Logf("%-20s %8d bytes %8v %v", name, len(text), took.Round(time.Millisecond), refused)
	}
}

// TestHostileEvents matches values that are made to be slow, and wants a cost
// that grows with them only.
func TestHostileEvents(t *testing.T) {
	e := one(t, ruleOf(`  a:
    F|contains: [aaaaaaaaab, 'aa*aa*aa*aa*b', ab]
  b:
    F|re: '(a+)+$b'
  c:
    F|fieldref|contains: G
  k:
    - zzz
    - '?x?y'
  condition: 1 of them`), sigma.Options{})
	m := e.NewMatcher()
	big := strings.Repeat("a", 1<<20)
	many := make([]casemate.Field, 0, 50_000)
	for i := range cap(many) {
		many = append(many, casemate.Field{Name: []string{"F", "G"}[i%2], Value: "v" + fmt.Sprint(i)})
	}
	for name, fields := range map[string][]casemate.Field{
		"long value": {{Name: "F", Value: big}}, "long name": {{Name: big, Value: "x"}},
		"many values": many, "not UTF-8": {{Name: "F", Value: strings.Repeat("\xff\xc3", 1<<18)}},
	} {
		if got := m.Match(windows, fields, big, nil); len(got) != 0 {
			t.Errorf("%s matches %v, want nothing", name, got)
		}
	}
	for i := range 5000 { // more log sources than are remembered
		m.Match(casemate.Logsource{Product: "windows", Service: fmt.Sprint(i)}, nil, "", nil)
	}
}

// TestLoadPath reads rules from a folder, a file and an archive.
func TestLoadPath(t *testing.T) {
	dir := t.TempDir()
	good := ruleOf("  a: {F: b}\n  condition: a")
	files := map[string]string{
		"b/one.yml": good, "a.yaml": strings.Replace(good, "11111111", "22222222", 1), "c.yml": "x: [", "readme.md": "no rule",
		"d/double.yml": good,
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, name := range []string{"b/one.yml", "a.yaml", "c.yml", "readme.md", "d/double.yml"} {
		path := filepath.Join(dir, "rules", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil {
			t.Fatal(err)
		}
		w, err := z.Create("../deep/" + name)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(files[name]))
	}
	z.Close()
	zipped := filepath.Join(dir, "r.ZIP")
	if err := os.WriteFile(zipped, archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "rules"), zipped} {
		got, err := sigma.LoadPath(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Rules) != 2 || len(got.Refused) != 2 || got.Files != 4 {
			t.Errorf("%s: %d rules, %d refusals, %d files; want 2, 2, 4: %v", path, len(got.Rules), len(got.Refused), got.Files, got.Refused)
		}
		if !strings.HasPrefix(got.Rules[0].File, path) || !strings.HasSuffix(got.Rules[0].File, "a.yaml") {
			t.Errorf("%s: the first rule is from %q, want a.yaml", path, got.Rules[0].File)
		}
	}
	if got, err := sigma.LoadPath(filepath.Join(dir, "rules", "a.yaml")); err != nil || len(got.Rules) != 1 {
		t.Errorf("one file: %v, %v", got, err)
	}
	for _, path := range []string{filepath.Join(dir, "absent"), os.DevNull} {
		if _, err := sigma.LoadPath(path); err == nil {
			t.Errorf("LoadPath(%q) gives no error", path)
		}
	}
}

func FuzzRules(f *testing.F) {
	for _, text := range []string{
		ruleOf("  a: {F|contains|all: [b, 'c*']}\n  k: [x, {G|re|i: 'y+'}]\n  condition: a and not 1 of k*"),
		base + correlation("C", "  type: temporal_ordered\n  rules: [fail, ok]\n  group-by: [U]\n  timespan: 1m\n"),
		fmt.Sprintf(filterRules, "net", "selection"),
		ruleOf("  a: {F|windash|base64offset|contains: ' -x'}\n  b: {N|hour|lt: 5, C|cidr: 10.0.0.0/8}\n  condition: 2 of them"),
		"a: [{b: c}, - d, ? e]\n--- |\n x\n...\n", "a: &x {b: *x}\n", "title: {a\n", "\"\\x\": !!str 5",
	} {
		f.Add(text, "F", "abc -x")
	}
	f.Fuzz(func(t *testing.T, text, name, value string) {
		rules, refused := sigma.ParseRules("f", []byte(text))
		e, err := sigma.Compile(rules, sigma.Options{})
		if err != nil {
			return
		}
		if len(rules)+len(refused) == 0 {
			t.Error("a file is neither rules nor refused")
		}
		fields := []casemate.Field{{Name: name, Value: value}, {Name: "F", Value: value, Kind: casemate.Number}, {Name: "G", Kind: casemate.Null}}
		m, c := e.NewMatcher(), e.NewCorrelator()
		for _, r := range e.Rules() {
			a := m.Match(r.Log, fields, value, nil)
			b := e.NewMatcher().Match(r.Log, fields, value, nil)
			if len(a) != len(b) {
				t.Errorf("a used matcher finds %d rules, a new one %d", len(a), len(b))
			}
			c.Add(time.Unix(1e9, 0), 1, a, fields, nil)
		}
		c.Flush(nil)
	})
}

// FuzzValues compares one value of each kind with the oracle on any event.
func FuzzValues(f *testing.F) {
	for _, mods := range []string{"", "contains", "startswith", "endswith", "cased", "contains|cased", "windash", "base64offset|contains", "neq", "all"} {
		f.Add(mods, `a*b\*\\?`, "AxB*", "é\xff")
		f.Add(mods, " -x /y", " /x –y", "K")
	}
	f.Fuzz(func(t *testing.T, mods, pattern, value, other string) {
		text := fmt.Sprintf(`{"title": "t", "logsource": {"product": "windows"}, "detection": {"a": {%q: [%q, "z"]}, "condition": "a"}}`, "F|"+mods, pattern)
		if mods == "" {
			text = strings.Replace(text, "F|", "F", 1)
		}
		for _, m := range strings.Split(mods, "|") {
			switch m {
			case "", "contains", "startswith", "endswith", "cased", "windash", "base64offset", "neq", "all":
			default:
				return
			}
		}
		rules, _ := sigma.ParseRules("f", []byte(text))
		e, err := sigma.Compile(rules, sigma.Options{})
		if err != nil || len(e.Rules()) == 0 {
			return
		}
		ev := event{log: windows, fields: []casemate.Field{{Name: "f", Value: value}, {Name: "F", Value: other}, {Name: "G", Value: pattern}}}
		want := newOracle(t, []byte(text)).match(ev)
		if got := len(e.NewMatcher().Match(ev.log, ev.fields, "", nil)) > 0; got != want {
			t.Errorf("%s on %q: index %v, oracle %v", text, ev.fields, got, want)
		}
	})
}

func FuzzConditions(f *testing.F) {
	for _, c := range []string{"a and not (b or 1 of c*)", "all of them", "2 of c* or not not a", "a b", "((", "1 of", "|"} {
		f.Add(c, uint8(5))
	}
	f.Fuzz(func(t *testing.T, condition string, on uint8) {
		text := fmt.Sprintf(`{"title": "t", "logsource": {"product": "windows"}, "detection": {"a": {"A": "1"}, "b": {"B": "1"}, "c1": {"C": "1"}, "c2": {"D": "1"}, "_h": {"E": "1"}, "condition": %q}}`, condition)
		rules, _ := sigma.ParseRules("f", []byte(text))
		e, err := sigma.Compile(rules, sigma.Options{})
		if err != nil || len(e.Rules()) == 0 {
			return
		}
		ev := event{log: windows}
		for i, name := range []string{"A", "B", "C", "D", "E"} {
			if on>>i&1 == 1 {
				ev.fields = append(ev.fields, casemate.Field{Name: name, Value: "1"})
			}
		}
		want := newOracle(t, []byte(text)).match(ev)
		if got := len(e.NewMatcher().Match(ev.log, ev.fields, "", nil)) > 0; got != want {
			t.Errorf("%q on %05b: index %v, oracle %v", condition, on, got, want)
		}
	})
}
