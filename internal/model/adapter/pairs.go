package adapter

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// matrix is A or B of one target as the file has it.
type matrix struct {
	kind  quant.Type
	shape []int
	data  []byte
}

// pair is A and B of one target, and the lengths of its rows if it has them.
type pair struct{ a, b, magnitude *matrix }

// pairs collects the matrices of a file by target.
type pairs map[string]*pair

// set keeps one matrix; which is "A", "B" or "magnitude".
func (p pairs) set(target, which string, m *matrix) error {
	if p[target] == nil {
		p[target] = &pair{}
	}
	at := &p[target].a
	switch which {
	case "B":
		at = &p[target].b
	case "magnitude":
		at = &p[target].magnitude
	}
	if *at != nil {
		return fmt.Errorf("%q has two matrices %s", target, which)
	}
	*at = m
	return nil
}

// deltas makes numbers of all pairs; scale gives the factor of a target by its
// rank. Targets are taken in the order of their names.
func (p pairs) deltas(scale func(target string, rank int) (float64, error)) ([]*Delta, error) {
	var out []*Delta
	total := 0
	for _, target := range slices.Sorted(maps.Keys(p)) {
		d, err := p[target].delta(&total)
		if err == nil {
			var s float64
			s, err = scale(target, d.Rank)
			d.Scale = float32(s)
		}
		if err != nil {
			return nil, fmt.Errorf("target %q: %w", target, err)
		}
		d.Name = target
		out = append(out, d)
	}
	return out, nil
}

// delta makes numbers of one pair and adds how many to total.
func (p *pair) delta(total *int) (*Delta, error) {
	switch {
	case p.a == nil || p.b == nil:
		return nil, errors.New("one of its two matrices is missing")
	case len(p.a.shape) != 2 || len(p.b.shape) != 2:
		return nil, fmt.Errorf("shapes %v and %v are not those of matrices", p.a.shape, p.b.shape)
	}
	d := &Delta{Rank: p.a.shape[0], In: p.a.shape[1], Out: p.b.shape[0]}
	switch {
	case d.Rank != p.b.shape[1]:
		return nil, fmt.Errorf("rank %d of A is not rank %d of B", d.Rank, p.b.shape[1])
	case d.Rank < 1 || d.Rank > MaxRank:
		return nil, fmt.Errorf("rank %d, want 1 to %d", d.Rank, MaxRank)
	case d.In < 1 || d.Out < 1:
		return nil, fmt.Errorf("shapes %v and %v are empty", p.a.shape, p.b.shape)
	case d.In > MaxNumbers/d.Rank || d.Out > MaxNumbers/d.Rank:
		return nil, fmt.Errorf("more than %d numbers", MaxNumbers)
	}
	if *total += d.Rank * (d.In + d.Out); *total > MaxNumbers {
		return nil, fmt.Errorf("the adapter has more than %d numbers", MaxNumbers)
	}
	var err error
	if d.A, err = p.a.numbers(); err != nil {
		return nil, fmt.Errorf("factor A: %w", err)
	}
	if d.B, err = p.b.numbers(); err != nil {
		return nil, fmt.Errorf("factor B: %w", err)
	}
	if p.magnitude == nil {
		return d, nil
	}
	return d, d.stretch(p.magnitude, total)
}

// stretch reads the lengths of the rows: [Out], as PEFT has them, or [Out,1].
func (d *Delta) stretch(m *matrix, total *int) error {
	if n := len(m.shape); n < 1 || n > 2 || m.shape[0] != d.Out || n == 2 && m.shape[1] != 1 {
		return fmt.Errorf("magnitudes of shape %v for %d rows", m.shape, d.Out)
	}
	if *total += d.Out; *total > MaxNumbers {
		return fmt.Errorf("the adapter has more than %d numbers", MaxNumbers)
	}
	var err error
	if d.Magnitude, err = m.numbers(); err != nil {
		return fmt.Errorf("magnitude: %w", err)
	}
	return nil
}

// numbers returns the matrix as float32, all of them finite.
func (m *matrix) numbers() ([]float32, error) {
	n := 1
	for _, side := range m.shape {
		n *= side
	}
	out := make([]float32, n)
	quant.Dequantize(out, m.kind, m.data)
	for i, v := range out {
		if v != v || math.IsInf(float64(v), 0) {
			return nil, fmt.Errorf("number %d is %v", i, v)
		}
	}
	return out, nil
}

// adaptable says whether an adapter may change the matrix of this name. The
// embedding is none: its A and B are turned round in files, and it is looked up
// and not multiplied with.
func adaptable(name string) bool {
	if name == "output.weight" {
		return true
	}
	_, module, ok := strings.Cut(strings.TrimPrefix(name, "blk."), ".")
	if !ok || !strings.HasPrefix(name, "blk.") {
		return false
	}
	switch module {
	case "attn_q.weight", "attn_k.weight", "attn_v.weight", "attn_output.weight",
		"ffn_gate.weight", "ffn_up.weight", "ffn_down.weight":
		return true
	}
	return false
}
