package tuned_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casemate-ai/casemate"
	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

// asked is a model that finds "fruit" e² times as probable as "tool" where the text
// speaks of apples, else the other way round. It keeps what it was asked.
type asked struct {
	counting
	last engine.ScoreRequest
}

func (a *asked) Score(_ context.Context, r engine.ScoreRequest) ([]engine.Score, error) {
	a.last = r
	text := r.Prefix
	for _, m := range r.Messages {
		text = m.Content
	}
	if len(text) > 200 {
		return nil, &casemate.Error{Code: casemate.CodeUsage, Message: "the prompt is too long"}
	}
	if strings.Contains(text, "apple") {
		return []engine.Score{{Logprob: -1}, {Logprob: -3}}, nil
	}
	return []engine.Score{{Logprob: math.Inf(-1)}, {Logprob: -1}}, nil
}

// adapterDir writes two files that stand for an adapter.
func adapterDir(t testing.TB) (dir, digest string) {
	t.Helper()
	dir = t.TempDir()
	lines := ""
	for _, name := range tuned.AdapterFiles() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		lines += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(name)), name)
	}
	return dir, fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(lines)))
}

func adapterCard(ask tuned.Ask) tuned.Card {
	c := card(tuned.TaskSingle)
	c.Encoder, c.Base, c.Ask = tuned.EncoderAdapter, &tuned.Base{Name: "counting", Digest: base, Width: 4}, &ask
	return c
}

func TestAdapterIsAsked(t *testing.T) {
	dir, want := adapterDir(t)
	made, err := tuned.NewAdapter(adapterCard(tuned.Ask{System: "Which is it?"}), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, tuned.CardFile), made.Files()[0].Data, 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := tuned.OpenAdapter(dir)
	if err != nil {
		t.Fatal(err)
	}
	if h.Digest() != want || h.Card().Weights != want || "sha256:"+h.Adapter() != want || h.Dir() != dir || !h.NeedsModel() {
		t.Errorf("digest %s, adapter %q in %q; want %s", h.Digest(), h.Adapter(), h.Dir(), want)
	}
	e := &asked{counting: counting{digest: base}}
	d, err := h.Classify(context.Background(), e, []string{"an apple", "", strings.Repeat("b", 300), "a saw"}, tuned.Options{})
	if err != nil {
		t.Fatal(err)
	}
	// The card divides logits by 0.5: e⁴ to 1.
	if p := 1 / (1 + math.Exp(-4)); d[0].Label != "fruit" || math.Abs(d[0].P-p) > 1e-12 || d[0].Abstain {
		t.Errorf("answer %+v, want fruit with %g", d[0], p)
	}
	if !d[1].Abstain || d[1].Note != "text is empty" || !d[2].Abstain || d[2].Note != "longer than the model reads" {
		t.Errorf("answers %+v, want that they abstain", d[1:3])
	}
	if d[3].Label != "tool" || d[3].P != 1 {
		t.Errorf("answer %+v, want tool", d[3])
	}
	r := e.last
	if len(r.Messages) != 2 || r.Messages[0] != (engine.Message{Role: "system", Content: "Which is it?"}) || r.Messages[1] != (engine.Message{Role: "user", Content: "a saw"}) ||
		!r.End || r.Adapter != h.Adapter() || fmt.Sprint(r.Options) != fmt.Sprint(labels) {
		t.Errorf("asked %+v", r)
	}
	if d, err := h.Classify(context.Background(), e, []string{"a saw"}, tuned.Options{Threshold: 1}); err != nil || d[0].Abstain {
		t.Errorf("%+v, %v: a certainty is below no threshold", d, err)
	}
	if _, err := h.Classify(context.Background(), &asked{counting: counting{digest: "sha256:" + strings.Repeat("c", 64)}}, []string{"a"}, tuned.Options{}); err == nil {
		t.Error("another base answers")
	}
}

func TestAdapterWithoutTemplate(t *testing.T) {
	dir, _ := adapterDir(t)
	h, err := tuned.NewAdapter(adapterCard(tuned.Ask{Before: "Q: ", After: "\nA: "}), dir)
	if err != nil {
		t.Fatal(err)
	}
	e := &asked{counting: counting{digest: base}}
	if _, err := h.Classify(context.Background(), e, []string{" an apple\n"}, tuned.Options{}); err != nil {
		t.Fatal(err)
	}
	if e.last.Prefix != "Q: an apple\nA: " || e.last.Messages != nil {
		t.Errorf("asked %+v", e.last)
	}
}

func TestAdapterRefused(t *testing.T) {
	dir, _ := adapterDir(t)
	if _, err := tuned.OpenAdapter(dir); err == nil || !strings.Contains(err.Error(), tuned.CardFile) {
		t.Errorf("without a card: %v", err)
	}
	good, err := tuned.NewAdapter(adapterCard(tuned.Ask{System: "Which?"}), dir)
	if err != nil {
		t.Fatal(err)
	}
	text := good.Files()[0].Data
	if _, err := tuned.Parse(text, []byte("weights")); err == nil || !strings.Contains(err.Error(), "adapter") {
		t.Errorf("taken for a head with weights: %v", err)
	}
	for name, change := range map[string][2]string{
		"no question":    {`"system": "Which?"`, ``},
		"both questions": {`"system": "Which?"`, `"system": "Which?", "before": "x"`},
		"other task":     {`"single"`, `"multi"`},
		"other adapter":  {good.Adapter(), strings.Repeat("0", 64)},
		"other encoder":  {`"encoder": "adapter"`, `"encoder": "model"`},
		"no base":        {base, "sha256:1"},
	} {
		bad := strings.Replace(string(text), change[0], change[1], 1)
		if bad == string(text) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if err := os.WriteFile(filepath.Join(dir, tuned.CardFile), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tuned.OpenAdapter(dir); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, tuned.CardFile), bytes.TrimSpace(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, tuned.AdapterFiles()[1]), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tuned.OpenAdapter(dir); err == nil || !strings.Contains(err.Error(), "its card names") {
		t.Errorf("a changed adapter: %v", err)
	}
}
