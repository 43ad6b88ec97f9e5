package probe_test

import (
	"compress/gzip"
	"encoding/json"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/casemate-ai/casemate/internal/engine"
	"github.com/casemate-ai/casemate/internal/engine/native"
	"github.com/casemate-ai/casemate/internal/model/probe"
)

// sentence is a row of TRAM's training part.
type sentence struct {
	Text  string `json:"text"`
	Label string `json:"label"`
	Title string `json:"doc_title"`
}

// tram returns at most n sentences, the labels that are there often enough, and of
// each sentence a number that its document has: whole documents are left out.
func tram(tb testing.TB, n int) (rows []sentence, names []string, folds []int) {
	tb.Helper()
	shared := os.Getenv("CASEMATE_SHARED")
	if shared == "" {
		shared = "../../../../shared"
	}
	f, err := os.Open(filepath.Join(shared, "data/attack/tram-train.json.gz"))
	if err != nil {
		tb.Skipf("no sentences: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var all []sentence
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		tb.Fatal(err)
	}
	count := map[string]int{}
	for _, s := range all {
		count[s.Label]++
	}
	const least = 100
	known := map[string]bool{}
	for i := 0; len(rows) < n && i < len(all); i++ {
		s := all[i*7%len(all)] // from all documents
		if count[s.Label] < least || len(s.Text) > 400 {
			continue
		}
		if !known[s.Label] {
			known[s.Label], names = true, append(names, s.Label)
		}
		h := fnv.New32a()
		h.Write([]byte(s.Title))
		rows, folds = append(rows, s), append(folds, int(h.Sum32()%5))
	}
	return rows, names, folds
}

// TestRandomModel shows what heads read off a model whose weights are random: with
// CASEMATE_BENCH_MODEL naming one, sentences of TRAM's training part, split by
// document. It prints how a head on each layer and pooling does on documents that it
// did not see, beside the most frequent label.
func TestRandomModel(t *testing.T) {
	path := os.Getenv("CASEMATE_BENCH_MODEL")
	if path == "" {
		t.Skip("CASEMATE_BENCH_MODEL names no model")
	}
	n, _ := strconv.Atoi(os.Getenv("CASEMATE_BENCH_ROWS"))
	if n == 0 {
		n = 400
	}
	rows, names, folds := tram(t, n)
	e, err := native.Open(path, native.Options{Context: 1024})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	L := e.Info().Layers
	q := engine.HiddenRequest{Layers: []int{1, L / 4, L / 2, 3 * L / 4, L}, Pools: []engine.Pool{engine.PoolText, engine.PoolLast}}
	for _, s := range rows {
		q.Texts = append(q.Texts, s.Text)
	}
	states, err := e.Hidden(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	matrix := func(layer, pool int) probe.Matrix {
		m := probe.Matrix{Rows: len(rows), Width: e.Info().Width}
		for _, s := range states {
			m.Floats = append(m.Floats, s.Pooled[layer][pool]...)
		}
		return m
	}
	var targets probe.Targets
	index, count := map[string]int{}, make([]int, len(names))
	for i, name := range names {
		index[name] = i
	}
	o := probe.Options{Task: probe.Single, Labels: names}
	var test []int
	for i, s := range rows {
		targets.Class = append(targets.Class, index[s.Label])
		if folds[i] == 4 { // these documents decide nothing
			test = append(test, i)
			continue
		}
		count[index[s.Label]]++
		o.Rows, o.Folds = append(o.Rows, i), append(o.Folds, folds[i])
	}
	majority := 0
	for k := range count {
		if count[k] > count[majority] {
			majority = k
		}
	}
	often := 0
	for _, i := range test {
		if targets.Class[i] == majority {
			often++
		}
	}
	base := float64(often) / float64(len(test))
	t.Logf("%d sentences, %d labels; of %d in documents not seen the most frequent label is right in %.3f", len(rows), len(names), len(test), base)
	first := 0. // the lowest layer, which random ones above it only blur
	for l, layer := range q.Layers {
		for p, pool := range q.Pools {
			m := matrix(l, p)
			right := share(evaluate(t, train(t, m, targets, o), m, test), targets.Class, test)
			t.Logf("layer %2d, %s: right %.3f", layer, pool, right)
			if l == 0 && p == 0 {
				first = right
			}
		}
	}
	if first <= base {
		t.Errorf("a head on a random model's first layer is no better than the most frequent label")
	}
}
