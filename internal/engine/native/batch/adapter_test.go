package batch_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/casemate-ai/casemate/internal/engine/native/batch"
	"github.com/casemate-ai/casemate/internal/model/llama"
	"github.com/casemate-ai/casemate/internal/model/modelfile/modeltest"
)

// TestAdaptersKeepApart asks the same of a model without and with adapters, twice
// and all on one batcher: answers differ between them and not between the rounds,
// and the second time each finds its own beginning and computes what is left.
func TestAdaptersKeepApart(t *testing.T) {
	m := tiny(t, modeltest.Options{Context: 512})
	computed := 0
	b := batch.New(watched{m, func(_ context.Context, pass []llama.Sequence) {
		for _, s := range pass {
			computed += len(s.Tokens)
		}
	}}, optionsFor(m, 1000))
	defer b.Close()
	adapters := []*llama.Adapter{nil, adapted(t, m, 1), adapted(t, m, 2)}
	var rounds [2][]outcome
	for round, want := range []int{100, 4} { // six pages of 16 tokens are known, the last token is always computed
		for _, a := range adapters {
			computed = 0
			o, err := request{tokens: tokensOf(100, 1), adapter: a}.run(ctx, b)
			if err != nil {
				t.Fatal(err)
			}
			if rounds[round] = append(rounds[round], o); computed > want || round == 0 && computed != want {
				t.Errorf("round %d: %d tokens computed, want %d", round, computed, want)
			}
		}
	}
	if diff := cmp.Diff(rounds[0], rounds[1]); diff != "" {
		t.Errorf("the second time (-first +second):\n%s", diff)
	}
	for i, x := range rounds[0] {
		for k, y := range rounds[0][:i] {
			if cmp.Equal(x, y) {
				t.Errorf("adapters %d and %d answer the same", k, i)
			}
		}
	}
}
