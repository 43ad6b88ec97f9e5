package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
)

// tinyAdapter writes a random adapter of a model's queries and values:
// "tinyadapter PATH MODEL [gguf] [dora] [bound=DIGEST]", a PEFT folder unless it
// is to be a GGUF file.
func tinyAdapter() {
	err := errors.New("usage: tinyadapter PATH MODEL [gguf] [dora] [bound=DIGEST]")
	if len(os.Args) >= 3 {
		err = writeAdapter(os.Args[1], os.Args[2], os.Args[3:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func writeAdapter(path, model string, options []string) error {
	m, err := modelfile.Open(model)
	if err != nil {
		return err
	}
	defer m.Close()
	for _, o := range options {
		if digest, ok := strings.CutPrefix(o, "bound="); ok {
			m.Digest = digest
		}
	}
	r := rand.New(rand.NewPCG(1, 9))
	draw := func(n int, scale float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(scale * r.NormFloat64())
		}
		return x
	}
	var deltas []*adapter.Delta
	for _, t := range m.Tensors {
		if !strings.HasSuffix(t.Name, "attn_q.weight") && !strings.HasSuffix(t.Name, "attn_v.weight") {
			continue
		}
		d := &adapter.Delta{Name: t.Name, Rank: 4, In: t.Shape[1], Out: t.Shape[0], Scale: 2}
		d.A, d.B = draw(4*d.In, 0.1), draw(4*d.Out, 0.1)
		if slices.Contains(options, "dora") {
			for range d.Out {
				d.Magnitude = append(d.Magnitude, 0.5+float32(r.Float64()))
			}
		}
		deltas = append(deltas, d)
	}
	a := adapter.New(m, deltas)
	if slices.Contains(options, "gguf") {
		return adapter.SaveGGUF(path, a, m, adapter.Meta{})
	}
	return adapter.SavePEFT(path, a, m, adapter.Meta{Base: "tiny"})
}
