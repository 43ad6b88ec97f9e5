package trial_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/casemate-ai/casemate/internal/engine/scripted"
	"github.com/casemate-ai/casemate/internal/security/page"
	"github.com/casemate-ai/casemate/internal/security/pipeline"
	"github.com/casemate-ai/casemate/internal/security/workflow"
)

// lies are shapes of a lie that names an account and a machine which are nowhere in
// the material: a fact, and what needs no citation.
var lies = []string{
	"The account qxacct%03d copied 77 files to qxhost%03d.",
	"Did qxacct%03d delete the backups on qxhost%03d?",
	"Isolate qxhost%03d and reset qxacct%03d.",
	"It is not known whether qxacct%03d reached qxhost%03d.",
	"Nobody says what qxacct%03d did on qxhost%03d.",
	"qxacct%03d should be reset because qxhost%03d was infected.",
}

var lied = regexp.MustCompile(`qxacct\d{3}`)

// TestNoLieReachesPeopleUnmarked fills every text that any workflow asks a model for
// with a lie, and looks for it in all that programs and people are given.
func TestNoLieReachesPeopleUnmarked(t *testing.T) {
	for _, name := range []string{"summarize", "note", "investigate", "triage", "explain", "alert-to-ticket", "ioc-brief", "phishing-report", "shift-summary"} {
		for i, lie := range lies {
			t.Run(fmt.Sprintf("%s/%d", name, i), func(t *testing.T) {
				t.Parallel()
				res, asked := tell(t, name, lie)
				if asked == 0 {
					t.Fatal("the model was not asked")
				}
				raw, err := json.Marshal(res.Value)
				if err != nil {
					t.Fatal(err)
				}
				var v any
				if err := json.Unmarshal(raw, &v); err != nil {
					t.Fatal(err)
				}
				told := unmarked(t, v, "", "")
				for format, write := range writers(res) {
					var b bytes.Buffer
					if err := write(&b); err != nil {
						t.Fatal(err)
					}
					told += marked(t, format, b.String())
				}
				if told == 0 && name != "summarize" { // which leaves such a sentence out
					t.Error("the lie stands nowhere: nothing was tried")
				}
			})
		}
	}
}

// tell runs a workflow on the example day with a model that tells one shape of a lie.
func tell(t *testing.T, name, lie string) (workflow.Result, int) {
	t.Helper()
	w, ok := workflow.Find(name)
	if !ok {
		t.Fatalf("no workflow %q", name)
	}
	var next atomic.Int64
	liar := scripted.NewObedient(func(string) (scripted.Order, bool) {
		n := next.Add(1)
		return scripted.Order{Say: fmt.Sprintf(lie, n, n), Number: .9}, true
	}, scripted.Order{})
	root := filepath.Join("..", "..", "..", "examples")
	document := map[string]any{"files": []string{filepath.Join(root, "intrusion", "defender-alerts.json"), filepath.Join(root, "incident")}}
	switch name {
	case "explain":
		document = map[string]any{"text": []string{"powershell -enc aQBlAHgAIAAoAGkAdwByACAAaAB0AHQAcAA6AC8ALwAxADkAOAAuADUAMQAuADEAMAAwAC4ANwAvAGEAKQA="}}
	case "phishing-report":
		document = map[string]any{"files": []string{filepath.Join(root, "incident", "mail-reported.eml")}}
	case "triage":
		document = map[string]any{"files": []string{filepath.Join(root, "intrusion", "defender-alerts.json")}}
	}
	raw, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	res, err := w.Run(t.Context(), in, workflow.Env{Options: pipeline.Options{Workflow: name, Version: "trial", Engine: liar, Budget: 60}, Emit: func(any) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return res, int(next.Load())
}

func writers(res workflow.Result) map[string]func(io.Writer) error {
	out := map[string]func(io.Writer) error{"Markdown": res.Markdown, "HTML": res.HTML}
	if res.Text != nil {
		out["terminal"] = func(w io.Writer) error { return res.Text(w, page.TerminalOptions{Width: 400}) }
	}
	if p := res.Page; p != nil {
		for format, write := range map[string]func(io.Writer) error{
			"terminal": func(w io.Writer) error { return page.WriteTerminal(w, *p, page.TerminalOptions{Width: 400}) },
			"Markdown": func(w io.Writer) error { return page.WriteMarkdown(w, *p) },
			"HTML":     func(w io.Writer) error { return page.WriteHTML(w, *p) },
		} {
			if out[format] == nil {
				out[format] = write
			}
		}
	}
	for format, write := range out {
		if write == nil {
			delete(out, format)
		}
	}
	return out
}

// unmarked counts the lies of a document, and reports those that stand in no
// statement which is marked.
func unmarked(t *testing.T, v any, path, support string) int {
	t.Helper()
	n := 0
	switch v := v.(type) {
	case string:
		if lied.MatchString(v) {
			n++
			if support != "unsupported" && support != "struck" && !strings.Contains(v, "was left out (") {
				t.Errorf("%s is not marked (%q): %s", path, support, v)
			}
		}
	case []any:
		for i, e := range v {
			n += unmarked(t, e, fmt.Sprintf("%s/%d", path, i), support)
		}
	case map[string]any:
		if s, ok := v["support"].(string); ok {
			support = s
		}
		for k, e := range v {
			n += unmarked(t, e, path+"/"+k, support)
		}
	}
	return n
}

// marked counts the lies in what people read, and reports those behind or before
// which nothing says that they are unsupported.
func marked(t *testing.T, format, text string) int {
	t.Helper()
	text = strings.NewReplacer(`\`, "").Replace(text)
	found := lied.FindAllStringIndex(text, -1)
	for _, m := range found {
		lead, tail := text[max(0, m[0]-160):m[0]], text[m[1]:min(len(text), m[1]+500)]
		if strings.Contains(lead, "was left out (") { // a remark that names what was wrong
			continue
		}
		if !strings.Contains(lead, "[!]") && !strings.Contains(lead, `class="un`) && !strings.Contains(lead, "not shown by its evidence") && !strings.Contains(tail, "unsupported") {
			t.Errorf("%s: not marked: %s…%s", format, lead, text[m[0]:m[1]])
		}
	}
	return len(found)
}
