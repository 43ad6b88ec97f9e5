package gradient_test

import (
	"context"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/gradient"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// A new model learns that 2 follows 1 and 1 follows 2, by plain descent.
func Example() {
	m, err := gradient.New(modelfile.Config{
		Architecture: "llama", Layers: 1, Width: 16, Heads: 2, KVHeads: 1, HeadSize: 8, FeedForward: 32,
		Vocabulary: 8, Context: 16, NormEpsilon: 1e-5, RoPE: modelfile.RoPE{Base: 10000},
	}, 1, gradient.Options{Full: true, Separate: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Close()
	batch := []gradient.Sequence{{Tokens: []int{1, 2, 1, 2, 1}, Targets: []int{2, 1, 2, 1, 2}}}
	for step := range 201 {
		for _, p := range m.Parameters() {
			clear(p.Grad)
		}
		loss, err := m.Step(context.Background(), batch)
		if err != nil {
			fmt.Println(err)
			return
		}
		if step%100 == 0 {
			fmt.Printf("step %d: probability %.1f\n", step, math.Exp(-loss.Sum/loss.Weight))
		}
		for _, p := range m.Parameters() {
			for i, g := range p.Grad {
				p.Value[i] -= 0.05 * g
			}
		}
	}
	// Output:
	// step 0: probability 0.1
	// step 100: probability 1.0
	// step 200: probability 1.0
}
