package registry_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/casemate-ai/casemate/internal/learn/outcome"
	"github.com/casemate-ai/casemate/internal/learn/registry"
)

var day = time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC)

// candidate says how a made-up head is: its evaluation has n rows of which every
// nth is wrong.
type candidate struct {
	name       string
	first, n   int // numbers of the test rows
	wrongEvery int
	data       string
	seen       []int // numbers of the rows that it learnt from
	unsure     bool  // no evaluation
	noBaseline bool
	baselines  []*outcome.Evaluation // nil for the usual ones
	noSeen     bool
}

// evaluation is of rows with the labels yes and no.
func evaluation(name, digest, data string, first, n, wrongEvery int) *outcome.Evaluation {
	e := &outcome.Evaluation{Format: 1, Candidate: name, Digest: digest, Task: "single", Data: outcome.Digest([]byte(data)), Labels: []string{"no", "yes"}}
	for i := first; i < first+n; i++ {
		truth := e.Labels[i%2]
		answer, p := truth, []float64{0.1, 0.9}
		if wrongEvery > 0 && i%wrongEvery == 0 {
			answer = e.Labels[1-i%2]
		}
		if answer == "no" {
			p = []float64{0.9, 0.1}
		}
		e.Rows = append(e.Rows, outcome.Row{Number: i, Text: text(i), Group: i, Truth: []string{truth}, Answer: []string{answer}, P: 0.9, Probabilities: p})
	}
	e.Test = outcome.TestDigest(e.Rows)
	return e
}

func text(i int) string { return outcome.TextDigest(fmt.Sprint("text ", i)) }

// folder writes a head of a candidate.
func (c candidate) folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, write func(w io.Writer) error) []byte {
		t.Helper()
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	weights := put("head.safetensors", func(w io.Writer) error { _, err := fmt.Fprint(w, "weights of ", c.name); return err })
	card := put("card.json", func(w io.Writer) error {
		_, err := fmt.Fprintf(w, `{"name":%q,"weights":%q}`, c.name, outcome.Digest(weights))
		return err
	})
	if !c.unsure {
		put(outcome.EvaluationFile, func(w io.Writer) error {
			return outcome.Write(w, evaluation(c.name, outcome.Digest(card), c.data, c.first, c.n, c.wrongEvery))
		})
	}
	if !c.noBaseline && !c.unsure {
		put(outcome.BaselinesFile, func(w io.Writer) error {
			if c.baselines != nil {
				return outcome.WriteBaselines(w, c.baselines)
			}
			return outcome.WriteBaselines(w, []*outcome.Evaluation{evaluation("majority", "", c.data, c.first, c.n, 2), evaluation("nearest neighbour", "", c.data, c.first, c.n, 5)})
		})
	}
	if !c.noSeen {
		put(outcome.SeenFile, func(w io.Writer) error {
			s := &outcome.Seen{Data: outcome.Digest([]byte(c.data))}
			for _, n := range append(c.seen, 1_000_000) {
				s.Texts, s.Groups = append(s.Texts, text(n)), append(s.Groups, n)
			}
			return outcome.WriteSeen(w, s)
		})
	}
	return dir
}

// The candidates that most tests use: a fair head, and a better one that was
// trained and tested on the same rows.
var (
	fair   = candidate{name: "fair", first: 1, n: 300, wrongEvery: 10, data: "d"}
	better = candidate{name: "better", first: 1, n: 300, wrongEvery: 100, data: "d"}
)

// open returns a registry that does not wait for the disk.
func open(data string) *registry.Registry {
	r := registry.Open(data)
	registry.SetStep(r, nil)
	return r
}

func add(t testing.TB, r *registry.Registry, c candidate) *registry.Version {
	t.Helper()
	v, err := r.Add(t.Context(), registry.KindHead, "phish", c.folder(t), day)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func promote(t testing.TB, r *registry.Registry, v *registry.Version) *registry.Promotion {
	t.Helper()
	p, err := r.Promote(t.Context(), v, registry.PromoteOptions{At: day})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// inService returns the version in service, "" if none is.
func inService(t testing.TB, r *registry.Registry) string {
	t.Helper()
	v, err := r.InService(registry.KindHead, "phish")
	if err == registry.ErrNone {
		return ""
	}
	if err != nil {
		t.Fatalf("InService: %v", err)
	}
	return v.ID
}
