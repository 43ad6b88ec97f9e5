package tune_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/learn/dataset"
	"github.com/casemate-ai/casemate/internal/learn/instruct"
	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/tune"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
	"github.com/casemate-ai/casemate/internal/security/tuned"
)

var created = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// themes are what invented sentences are made of: words of the label, and words
// that say nothing.
var themes = map[string][]string{
	"phishing": {"mail", "attachment", "sender", "invoice", "link", "spoofed", "inbox", "lure"},
	"malware":  {"process", "hash", "binary", "dropped", "loader", "injected", "beacon", "payload"},
	"access":   {"login", "password", "account", "locked", "token", "session", "reset", "badge"},
}

var filler = []string{"monitor", "printer", "kettle", "floor", "window", "screen", "cable", "manager", "coffee", "lunch", "tuesday", "letter", "phone", "chair", "ticket", "corner", "lamp", "paper", "user", "reported", "today", "again", "from", "office", "host", "with", "after", "morning", "team", "queue", "asked", "about", "laptop", "branch"}

// invent makes a table of sentences. Noise is the share whose label is another's.
func invent(t testing.TB, rows int, noise float64, kind dataset.Kind) *dataset.Table {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(rows)))
	labels := []string{"access", "malware", "phishing"}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"text", "label", "ticket"})
	sentence := func(names ...string) string {
		var words []string
		for range 14 {
			words = append(words, filler[r.IntN(len(filler))])
		}
		for _, n := range names {
			for range 2 {
				words = append(words, themes[n][r.IntN(len(themes[n]))])
			}
		}
		r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
		return strings.Join(words, " ")
	}
	for i := range rows {
		k := r.IntN(len(labels))
		text, label := sentence(labels[k]), labels[k]
		switch kind {
		case dataset.KindMulti:
			if r.IntN(3) == 0 {
				other := labels[(k+1)%3]
				text, label = sentence(labels[k], other), labels[k]+"|"+other
			}
		case dataset.KindOrdinal:
			label = []string{"low", "medium", "high"}[k]
		case dataset.KindRegression:
			label = fmt.Sprintf("%.2f", float64(10*k)+r.Float64())
		}
		if r.Float64() < noise {
			label = labels[r.IntN(len(labels))]
		}
		w.Write([]string{text, label, fmt.Sprintf("T-%d", i/2)})
	}
	w.Flush()
	o := dataset.Options{Text: "text", Label: "label", Group: "ticket", Kind: kind}
	if kind == dataset.KindOrdinal {
		o.Order = []string{"low", "medium", "high"}
	}
	table, err := dataset.Parse(context.Background(), "invented.csv", b.Bytes(), o)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func train(t testing.TB, table *dataset.Table, o tune.Options) *tune.Trained {
	t.Helper()
	o.Created = created
	if o.Group == "" {
		o.Group = "ticket"
	}
	got, err := tune.Train(context.Background(), table, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTrainLearnsAndSaysSo(t *testing.T) {
	// The nearest neighbour takes over what noise a row has; a head does not.
	got := train(t, invent(t, 600, 0.25, dataset.KindSingle), tune.Options{Name: "tickets", Allow: []string{"suspects"}})
	res := got.Result
	if !res.Verdict.Ready || !strings.HasPrefix(res.Verdict.Headline, "Better than every baseline") {
		t.Errorf("verdict %+v, want it ready", res.Verdict)
	}
	ev := res.Candidates[res.Chosen].Evaluation
	if a := ev.Figures["accuracy"]; a.Value < 0.7 {
		t.Errorf("accuracy %v where one label in six is wrong", a)
	}
	if res.Verdict.Next[0] != "casemate tune promote tickets" {
		t.Errorf("next is %q", res.Verdict.Next)
	}
	for _, want := range []string{"name", "task", "precision", "seed", "encoder", "group", "division", "recipe", "temperature", "thresholds"} {
		found := false
		for _, s := range res.Settings {
			found = found || s.Name == want && s.Value != "" && s.Why != ""
		}
		if !found {
			t.Errorf("the default of %q is not stated", want)
		}
	}
	d, err := got.Head.Classify(context.Background(), nil, []string{"spoofed invoice mail with a link", "zzz qqq xxx"}, tuned.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if d[0].Label != "phishing" || d[0].Abstain || len(d[0].Because) == 0 {
		t.Errorf("decision %+v, want phishing with reasons", d[0])
	}
	if !d[1].Abstain {
		t.Errorf("decision %+v on words that nobody knows, want that it abstains", d[1])
	}
}

// TestTestPartIsUnseen: no text and no group of the test part was learnt from.
func TestTestPartIsUnseen(t *testing.T) {
	got := train(t, invent(t, 400, 0, dataset.KindSingle), tune.Options{})
	files := map[string][]byte{}
	for _, f := range got.Files() {
		files[f.Name] = f.Data
	}
	seen, err := outcome.ParseSeen(files[outcome.SeenFile])
	if err != nil {
		t.Fatal(err)
	}
	ev, err := outcome.Parse(files[outcome.EvaluationFile])
	if err != nil {
		t.Fatal(err)
	}
	if texts, groups := seen.Knew(ev); len(texts)+len(groups) > 0 {
		t.Errorf("rows %v and groups %v of the test part were seen", texts, groups)
	}
	if ev.Digest != got.Head.Digest() {
		t.Errorf("the evaluation is of %s, the head is %s", ev.Digest, got.Head.Digest())
	}
	baselines, err := outcome.ParseBaselines(files[outcome.BaselinesFile])
	if err != nil || len(baselines) != 2 {
		t.Errorf("%d baselines, %v; want two", len(baselines), err)
	}
	if _, err := outcome.ParseReference(files[outcome.ReferenceFile]); err != nil {
		t.Error(err)
	}
}

// TestNoiseIsNotReady: where labels are chance, no head is better than chance.
func TestNoiseIsNotReady(t *testing.T) {
	res := train(t, invent(t, 300, 1, dataset.KindSingle), tune.Options{Allow: []string{"conflicts", "suspects"}}).Result
	if res.Verdict.Ready || !strings.HasPrefix(res.Verdict.Headline, "Not yet") {
		t.Errorf("labels by chance: %q", res.Verdict.Headline)
	}
	for _, l := range res.Card.Labels {
		if res.Card.Thresholds[l] < tune.DefaultPrecision {
			t.Errorf("threshold of %s is %v although no answer is sure", l, res.Card.Thresholds[l])
		}
	}
}

func TestOtherTasks(t *testing.T) {
	multi := train(t, invent(t, 400, 0, dataset.KindMulti), tune.Options{}).Result
	if f := multi.Candidates[multi.Chosen].Evaluation.Figures["micro_f1"]; f.Value < 0.9 {
		t.Errorf("several labels: micro-F1 %v", f)
	}
	ordinal := train(t, invent(t, 400, 0, dataset.KindOrdinal), tune.Options{}).Result
	if k := ordinal.Candidates[ordinal.Chosen].Evaluation.Figures["quadratic_kappa"]; k.Value < 0.9 {
		t.Errorf("ordered labels: kappa %v", k)
	}
	regression := train(t, invent(t, 400, 0, dataset.KindRegression), tune.Options{}).Result
	figures := regression.Candidates[regression.Chosen].Evaluation.Figures
	if r2 := figures["r2"]; r2.Value < 0.7 {
		t.Errorf("numbers: R² %v", r2)
	}
}

// TestSameSeedSameBytes: whatever the number of processors.
func TestSameSeedSameBytes(t *testing.T) {
	table := invent(t, 300, 0.1, dataset.KindSingle)
	was := runtime.GOMAXPROCS(1)
	first := train(t, table, tune.Options{Seed: 5}).Files()
	runtime.GOMAXPROCS(4)
	second := train(t, table, tune.Options{Seed: 5}).Files()
	runtime.GOMAXPROCS(was)
	for i := range first {
		if !bytes.Equal(first[i].Data, second[i].Data) {
			t.Errorf("%s differs", first[i].Name)
		}
	}
	other := train(t, table, tune.Options{Seed: 6}).Files()
	if bytes.Equal(first[1].Data, other[1].Data) {
		t.Error("another seed, the same weights")
	}
}

func TestTooFewRows(t *testing.T) {
	_, err := tune.Train(context.Background(), invent(t, 30, 0, dataset.KindSingle), tune.Options{Group: "ticket", Created: created}, nil)
	if err == nil {
		t.Fatal("thirty rows are enough")
	}
	var refusal *tune.Refusal
	if !strings.Contains(err.Error(), "not yet") && !errors.As(err, &refusal) {
		t.Errorf("error %v does not say what is missing", err)
	}
}

func TestProgressGrows(t *testing.T) {
	last, stages := 0.0, map[string]bool{}
	_, err := tune.Train(context.Background(), invent(t, 200, 0, dataset.KindSingle), tune.Options{Group: "ticket", Created: created}, func(p tune.Progress) {
		if p.Share < last-1e-9 || p.Share > 1 {
			t.Errorf("share %v after %v", p.Share, last)
		}
		last = p.Share
		stages[p.Stage] = true
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) < 4 {
		t.Errorf("stages %v", stages)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := tune.Train(ctx, invent(t, 200, 0, dataset.KindSingle), tune.Options{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
}

// TestSpans finds hosts and users in invented lines.
func TestSpans(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var b bytes.Buffer
	for i := range 240 {
		host, user := fmt.Sprintf("srv%02d.corp.example", r.IntN(90)), fmt.Sprintf("u%04d", r.IntN(5000))
		lead := filler[r.IntN(len(filler))] + " " + filler[r.IntN(len(filler))]
		text := fmt.Sprintf("%s on %s by %s %s", lead, host, user, filler[r.IntN(len(filler))])
		at, by := strings.Index(text, host), strings.Index(text, user)
		fmt.Fprintf(&b, "{\"text\":%q,\"spans\":[{\"start\":%d,\"end\":%d,\"label\":\"HOST\"},{\"start\":%d,\"end\":%d,\"label\":\"USER\"}],\"day\":\"d%d\"}\n", text, at, at+len(host), by, by+len(user), i/3)
	}
	table, err := dataset.Parse(context.Background(), "lines.jsonl", b.Bytes(), dataset.Options{Kind: dataset.KindSpans})
	if err != nil {
		t.Fatal(err)
	}
	got := train(t, table, tune.Options{Group: "day"})
	res := got.Result
	if f := res.Candidates[res.Chosen].Evaluation.Figures["span_f1"]; f.Value < 0.95 || !res.Verdict.Ready {
		t.Errorf("F1 %v, %q", f, res.Verdict.Headline)
	}
	d, err := got.Head.Classify(context.Background(), nil, []string{"again today on srv77.corp.example by u9999 lamp"}, tuned.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(d[0].Spans) != 2 || d[0].Spans[0].Text != "srv77.corp.example" || d[0].Spans[1].Label != "USER" {
		t.Errorf("spans %+v, want a host and a user that training never saw", d[0].Spans)
	}
}

// spoil changes a byte of the last record of each file in a folder.
func spoil(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		data[len(data)-9] ^= 1
		files++
		return os.WriteFile(path, data, 0o600)
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files were spoilt: %v", files, err)
	}
}

// TestOnAModel trains on the hidden states of a tiny model with random weights.
func TestOnAModel(t *testing.T) {
	path := modeltest.GGUF(t, modeltest.Options{ChatTemplate: modeltest.ChatTemplate})
	base, err := modelfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	base.Digest = "sha256:" + strings.Repeat("a", 64)
	e, err := native.Open(path, native.Options{Name: "tiny", Digest: base.Digest})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	o := tune.Options{Engine: e, Model: "tiny", Cache: t.TempDir(), Name: "onmodel",
		LoRA: &tune.Adapter{Base: base, Dir: t.TempDir(), Load: e.LoadAdapter, Always: true}}
	table := invent(t, 160, 0, dataset.KindSingle)
	first := train(t, table, o)
	card := first.Head.Card()
	if card.Encoder != tuned.EncoderModel || card.Base == nil || card.Base.Digest != e.Info().Digest {
		t.Fatalf("card %+v, want that it names the base", card)
	}
	names := map[string]bool{}
	for _, c := range first.Result.Candidates {
		if c.Baseline && c.Evaluation != nil {
			names[c.Name] = true
		}
	}
	if !names["words"] || !names["majority"] || !names["nearest neighbour"] {
		t.Errorf("baselines %v, want the head on words among them", names)
	}
	adapted, err := first.AdapterFiles()
	if err != nil || len(adapted) != 4 || first.AdapterDir() == "" {
		t.Errorf("%d files beside the adapter, %v; want its evaluation, its card, the baselines and what was seen", len(adapted), err)
	}
	h, err := tuned.OpenAdapter(adapterFolder(t, first))
	if err != nil {
		t.Fatal(err)
	}
	answersAsMeasured(t, e, h, table, first)
	if err := e.UnloadAdapter(h.Adapter()); err != nil {
		t.Fatal(err)
	}
	// What was read is taken from the cache, to the same bytes, and so is the run.
	second := train(t, table, o)
	again, err := second.AdapterFiles()
	if err != nil || !bytes.Equal(adapted[0].Data, again[0].Data) {
		t.Errorf("the adapter answers otherwise the second time: %v", err)
	}
	for i, f := range first.Files() {
		if !bytes.Equal(f.Data, second.Files()[i].Data) {
			t.Errorf("%s differs the second time", f.Name)
		}
	}
	// What the disk has spoilt is read by the model once more.
	o.LoRA = nil
	spoil(t, o.Cache)
	train(t, table, o)
	o.LoRA = &tune.Adapter{Base: base, Dir: t.TempDir(), Load: e.LoadAdapter, Always: true, Memory: func() (int64, bool) { return 1, true }}
	if _, err := tune.Train(context.Background(), table, o, nil); err == nil || !strings.Contains(err.Error(), "of memory") {
		t.Errorf("an adapter that does not fit the memory: %v", err)
	}
	if _, err := first.Head.Classify(context.Background(), nil, []string{"mail"}, tuned.Options{}); err == nil || !strings.Contains(err.Error(), "needs the model") {
		t.Errorf("error %v without the model", err)
	}
}

// adapterFolder writes the folder of the adapter that was trained beside a head.
func adapterFolder(t *testing.T, got *tune.Trained) string {
	t.Helper()
	files, err := got.AdapterFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tuned.AdapterFiles() {
		data, err := os.ReadFile(filepath.Join(got.AdapterDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, tuned.File{Name: name, Data: data})
	}
	dir := filepath.Join(t.TempDir(), "adapter")
	if err := tuned.WriteFolder(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// answersAsMeasured wants an adapter in service to answer each test row as its
// evaluation has it, with the prompt of its training.
func answersAsMeasured(t *testing.T, e *native.Engine, h *tuned.Head, table *dataset.Table, got *tune.Trained) {
	t.Helper()
	var ev *outcome.Evaluation
	for _, c := range got.Result.Candidates {
		if c.Name == "adapter" {
			ev = c.Evaluation
		}
	}
	texts := map[int]string{}
	for i := range table.Rows {
		texts[table.Rows[i].Number] = table.Rows[i].Text
	}
	card := h.Card()
	if ev.Digest != h.Digest() || card.Name != "onmodel-adapter" || len(card.Thresholds) != len(card.Labels) {
		t.Fatalf("the evaluation is of %s, the card %+v", ev.Digest, card)
	}
	for _, row := range ev.Rows {
		d, err := h.Classify(context.Background(), e, []string{texts[row.Number]}, tuned.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if d[0].Label != row.Answer[0] || d[0].P != row.P || d[0].Abstain != row.Abstain || d[0].Digest != h.Digest() {
			t.Fatalf("row %d: %+v, measured %+v", row.Number, d[0], row)
		}
	}
	q, err := instruct.NewQuestion(table.Kind, table.Labels, "")
	if err != nil {
		t.Fatal(err)
	}
	if card.Ask.System != q.Turns("text")[0].Content {
		t.Errorf("asked with %q", card.Ask.System)
	}
	if _, err := h.Classify(context.Background(), nil, []string{"mail"}, tuned.Options{}); err == nil || !strings.Contains(err.Error(), "needs the model") {
		t.Errorf("error %v without the model", err)
	}
}
