package casefile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/casefile"
)

const example = `An engine that lies about the host.

-- input.log --
Mar  4 09:12:31 web-7 sshd[41]: Accepted password for ada
-- input/a.txt --
first
-- input/b.txt --
second
-- arguments.json --
{"audience": "customer"}
-- options --
# of the run
strict = true
seed = 7
budget = -1
context = 99
-- reply-1 --
when: web-7
finish: length
repeat: 2

{"host": "web-9"}
-- reply-2 --
when: is not a header here
-- want --
# the lie is caught
/verdict = "suspicious"
/verdict != "likely benign"
/statements/*/text contains web-9
/statements/*/text lacks evil
/statements count 1
/score >= 0.5
/score <= 1
/nothing absent
/statements/0/by present
output contains <web-9>
problem host web-9
no problem path
support unsupported web-9
by model web-9
calls 0
asked lacks evil
`

type output struct {
	Verdict    string               `json:"verdict"`
	Score      float64              `json:"score"`
	Statements []casemate.Statement `json:"statements"`
}

var lie = output{"suspicious", .5, []casemate.Statement{{Text: "Ada logged on to <web-9>.", By: casemate.DecidedByModel, Support: casemate.Unsupported,
	Problems: []casemate.Problem{{Kind: "host", Text: "web-9", Why: "It is not in the evidence."}}}}}

func parse(t *testing.T, text string) *casefile.Case {
	t.Helper()
	c, err := casefile.Parse("cases/lies.txtar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParse(t *testing.T) {
	c := parse(t, strings.Replace(example, "when: is not a header here", "body\nwhen: not a header", 1))
	if c.Name != "lies" || c.About != "An engine that lies about the host." || len(c.Replies) != 3 {
		t.Errorf("case %q, %q, %d replies", c.Name, c.About, len(c.Replies))
	}
	if r := c.Replies[1]; r.When != "web-7" || r.Finish != engine.FinishLength || r.Text != `{"host": "web-9"}` {
		t.Errorf("second reply: %+v", r)
	}
	if r := c.Replies[2]; r.Text != "body\nwhen: not a header" {
		t.Errorf("third reply: %+v", r)
	}
	o := c.Options("triage")
	if !o.Strict || o.Seed != 7 || o.Budget != -1 || o.Workflow != "triage" || o.Engine.Info().Context != 99 {
		t.Errorf("options: %+v", o)
	}
	var in struct {
		Audience string `json:"audience"`
	}
	if err := c.Arguments(&in); err != nil || in.Audience != "customer" {
		t.Errorf("arguments: %+v, %v", in, err)
	}
	dir := t.TempDir()
	paths, err := c.Unpack(dir)
	if diff := cmp.Diff([]string{filepath.Join(dir, "input.log"), filepath.Join(dir, "input")}, paths); err != nil || diff != "" {
		t.Errorf("paths: %v\n%s", err, diff)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "input", "b.txt")); err != nil || string(b) != "second\n" {
		t.Errorf("b.txt: %q, %v", b, err)
	}
}

// TestCheck wants no fault of the right output, and of every other one the line
// that it breaks.
func TestCheck(t *testing.T) {
	bare := example[:strings.Index(example, "-- reply-1")] + example[strings.Index(example, "-- want"):]
	c := parse(t, bare)
	c.Options("triage")
	if faults := c.Check(lie, nil); len(faults) > 0 {
		t.Errorf("faults of the right output: %v", faults)
	}
	for name, broken := range map[string]struct {
		change func(*output)
		want   string
	}{
		"verdict":  {func(o *output) { o.Verdict = "likely benign" }, `/verdict = "suspicious"`},
		"score":    {func(o *output) { o.Score = .4 }, "/score >="},
		"score up": {func(o *output) { o.Score = 1.1 }, "/score <="},
		"text":     {func(o *output) { o.Statements[0].Text = "Ada logged on to web-9." }, "output contains <web-9>"},
		"evil":     {func(o *output) { o.Statements[0].Text += " evil" }, "lacks evil"},
		"more":     {func(o *output) { o.Statements = append(o.Statements, casemate.Statement{By: "rule"}) }, "count 1"},
		"kind":     {func(o *output) { o.Statements[0].Problems[0].Kind = "path" }, "no problem path"},
		"support":  {func(o *output) { o.Statements[0].Support = casemate.Supported }, "support unsupported"},
		"by":       {func(o *output) { o.Statements[0].By = casemate.DecidedByRule }, "by model"},
	} {
		out := lie
		out.Statements = []casemate.Statement{lie.Statements[0]}
		out.Statements[0].Problems = []casemate.Problem{lie.Statements[0].Problems[0]}
		broken.change(&out)
		faults := strings.Join(c.Check(out, nil), "\n")
		if !strings.Contains(faults, broken.want) || !strings.Contains(faults, "cases/lies.txtar:") {
			t.Errorf("%s: faults %q, want one of %q", name, faults, broken.want)
		}
	}
	if faults := c.Check(lie, errors.New("disk full")); len(faults) != 1 || !strings.Contains(faults[0], "disk full") {
		t.Errorf("an error that is not wanted: %q", faults)
	}
}

// TestCheckModel wants questions to be counted, and replies that nobody asked
// for to be told.
func TestCheckModel(t *testing.T) {
	c := parse(t, "-- reply-1 --\none\n-- reply-2 --\ntwo\n-- want --\ncalls 1\nasked contains web-7\nasked lacks evil\n")
	o := c.Options("note")
	ask := func(text string) {
		if _, err := o.Engine.Generate(context.Background(), engine.GenerateRequest{Messages: []engine.Message{{Role: "user", Content: text}}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	ask("the host is web-7")
	if faults := c.Check(nil, nil); len(faults) != 1 || !strings.Contains(faults[0], "1 of 2 replies") {
		t.Errorf("faults: %q", faults)
	}
	ask("evil")
	if faults := strings.Join(c.Check(nil, nil), "\n"); !strings.Contains(faults, ":6: want calls 1: the model was asked 2 times") || !strings.Contains(faults, ":8: want asked lacks evil: question 2 has it") {
		t.Errorf("faults: %q", faults)
	}
}

// TestDocumented wants the example of the documentation to be a case.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../../../docs/prompts.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```\nA model that invents a host.")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/prompts.md has no example of a case")
	}
	if c := parse(t, text); len(c.Replies) != 1 || !c.Options("x").Strict {
		t.Errorf("case %+v", c)
	}
}

func TestErrorWanted(t *testing.T) {
	c := parse(t, "-- want --\nerror too large\n")
	c.Options("note")
	if faults := c.Check(nil, errors.New("read: too large")); len(faults) > 0 {
		t.Errorf("faults: %q", faults)
	}
	if faults := c.Check(nil, nil); len(faults) != 1 {
		t.Errorf("no error: %q", faults)
	}
}

func TestBroken(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"-- input --\nx\n", "wants nothing"},
		{"-- want --\n# nothing\n", "wants nothing"},
		{"about\n\n-- want --\n/a = \"b\"\n/a = b\n", "c.txtar:5: want JSON"},
		{"-- want --\n/a is b\n", "c.txtar:2: nothing of a place"},
		{"-- want --\ncalls many\n", "c.txtar:2:"},
		{"-- want --\nsurely\n", "no line of want"},
		{"-- want --\nno harm\n", "no line of want"},
		{"-- want --\ncalls 1\n-- want --\ncalls 2\n", "c.txtar:3: member \"want\" stands twice"},
		{"-- reply-2 --\nx\n-- want --\ncalls 1\n", "none is reply-1"},
		{"-- reply-01 --\nx\n-- want --\ncalls 1\n", "c.txtar:1: member"},
		{"-- reply-1 --\nfinish: sometime\n\nx\n-- want --\ncalls 1\n", "c.txtar:2: finish"},
		{"-- reply-1 --\nwhen: x\nbody\n-- want --\ncalls 1\n", "c.txtar:3: want an empty line"},
		{"-- options --\n\nfast = true\n-- want --\ncalls 1\n", "c.txtar:3: no option"},
		{"-- input/../../x --\nx\n-- want --\ncalls 1\n", "leads out"},
		{"a\n-- --\n", "c.txtar:2: a member without a name"},
		{"-- whatever --\nx\n-- want --\ncalls 1\n", "no member is called"},
	} {
		if _, err := casefile.Parse("c.txtar", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%q): %v, want %q", c.text, err, c.want)
		}
	}
}

func TestLoad(t *testing.T) {
	fsys := fstest.MapFS{
		"cases/b.txtar": {Data: []byte("-- want --\ncalls 0\n")},
		"cases/a.txtar": {Data: []byte("-- want --\ncalls 0\n")},
	}
	cases, err := casefile.Load(fsys, "cases/*.txtar")
	if err != nil || len(cases) != 2 || cases[0].Name != "a" {
		t.Errorf("cases %v, %v", cases, err)
	}
	if _, err := casefile.Load(fsys, "none/*.txtar"); err == nil {
		t.Error("no case is no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Add("-- reply-1 --\nlogprobs: -1 x\n\n-- want --\n/~0/* <= 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := casefile.Parse("f", []byte(text))
		if err != nil {
			return
		}
		c.Options("fuzz")
		c.Check(lie, nil)
		c.Check(nil, errors.New("x"))
	})
}
