package llama_test

import (
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/adapter"
	"github.com/casemate-ai/casemate/internal/model/modelfile"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// reference computes a model slowly in float64, position by position, with the
// whole history in plain slices. It is written to be read, not to be fast. What
// it rounds is the activations that meet weights of some formats: see rounder.
type reference struct {
	c      modelfile.Config
	w      map[string][]float64
	types  map[string]quant.Type
	deltas map[string]*adapter.Delta
	keys   [][][]float64 // layer, position, [KV·D]
	values [][][]float64
	rounder
}

func newReference(m *modelfile.Model, deltas []*adapter.Delta) *reference {
	r := &reference{c: m.Config, w: map[string][]float64{}, types: map[string]quant.Type{}, deltas: map[string]*adapter.Delta{}}
	for _, t := range m.Tensors {
		r.types[t.Name] = t.Type
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		x := make([]float32, n)
		quant.Dequantize(x, t.Type, t.Data)
		for _, v := range x {
			r.w[t.Name] = append(r.w[t.Name], float64(v))
		}
	}
	for _, d := range deltas {
		r.deltas[d.Name] = d
	}
	r.keys, r.values = make([][][]float64, m.Config.Layers), make([][][]float64, m.Config.Layers)
	return r
}

// apply is W·x, with x rounded if W's format asks for it, the bias, and the
// adapter.
func (r *reference) apply(name string, x []float64) []float64 {
	of := name + ".weight"
	if name == "output" && r.w[of] == nil {
		of = "token_embd.weight"
	}
	w, rounded := r.w[of], r.round(x, r.types[of])
	out := make([]float64, len(w)/len(x))
	for i := range out {
		sum := 0.0
		for j, v := range w[i*len(x) : (i+1)*len(x)] {
			sum += v * rounded[j]
		}
		out[i] = sum
	}
	if d := r.deltas[name+".weight"]; d != nil {
		for k := range d.Rank {
			low := 0.0
			for j, v := range x {
				low += float64(d.A[k*d.In+j]) * v
			}
			for i := range out {
				out[i] += float64(d.Scale) * float64(d.B[i*d.Rank+k]) * low
			}
		}
		for i, magnitude := range d.Magnitude {
			out[i] *= float64(magnitude) / changedLength(d, w[i*len(x):(i+1)*len(x)], i)
		}
	}
	if b := r.w[name+".bias"]; b != nil {
		for i := range out {
			out[i] += b[i]
		}
	}
	return out
}

// changedLength is the length of a row of W + scale·B·A.
func changedLength(d *adapter.Delta, w []float64, row int) float64 {
	sum := 0.0
	for j, v := range w {
		for k := range d.Rank {
			v += float64(d.Scale) * float64(d.B[row*d.Rank+k]) * float64(d.A[k*d.In+j])
		}
		sum += v * v
	}
	return math.Sqrt(sum)
}

func (r *reference) norm(name string, x []float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v / math.Sqrt(sum/float64(len(x))+r.c.NormEpsilon) * r.w[name][i]
	}
	return out
}

// angle is how far pair i turns at a position, and by what it is multiplied. It
// follows the papers' wording: wavelengths for llama3, rotations for YaRN.
func (r *reference) angle(i, position int) (angle, magnitude float64) {
	s := r.c.RoPE
	dims := s.Dims
	if dims == 0 {
		dims = r.c.HeadSize
	}
	theta := 1 / math.Pow(s.Base, float64(2*i)/float64(dims))
	divisors := r.w["rope_freqs.weight"]
	if divisors != nil {
		theta /= divisors[i]
	}
	magnitude = 1
	switch s.Scaling {
	case modelfile.ScalingLinear:
		theta /= s.Factor
	case modelfile.ScalingLlama3:
		if divisors != nil {
			break
		}
		wavelength := 2 * math.Pi / theta
		context := float64(s.OriginalContext)
		switch {
		case wavelength < context/s.HighFreq:
		case wavelength > context/s.LowFreq:
			theta /= s.Factor
		default:
			smooth := (context/wavelength - s.LowFreq) / (s.HighFreq - s.LowFreq)
			theta = (1-smooth)*theta/s.Factor + smooth*theta
		}
	case modelfile.ScalingYaRN:
		dimension := func(rotations float64) float64 {
			return float64(dims) * math.Log(float64(s.OriginalContext)/(rotations*2*math.Pi)) / (2 * math.Log(s.Base))
		}
		low := max(math.Floor(dimension(s.BetaFast)), 0)
		high := min(math.Ceil(dimension(s.BetaSlow)), float64(dims-1))
		if low == high {
			high += 0.001
		}
		ramp := min(1, max(0, (float64(i)-low)/(high-low)))
		theta = theta/s.Factor*ramp + theta*(1-ramp)
		magnitude = s.Attention
		if magnitude == 0 {
			magnitude = 0.1*math.Log(s.Factor) + 1
		}
	}
	return theta * float64(position), magnitude
}

func (r *reference) rotate(x []float64, position int) {
	dims := r.c.RoPE.Dims
	if dims == 0 {
		dims = r.c.HeadSize
	}
	for h := 0; h < len(x); h += r.c.HeadSize {
		for i := range dims / 2 {
			a, b := h+i, h+i+dims/2
			if r.c.RoPE.Interleaved {
				a, b = h+2*i, h+2*i+1
			}
			angle, magnitude := r.angle(i, position)
			sin, cos := math.Sincos(angle)
			x[a], x[b] = magnitude*(x[a]*cos-x[b]*sin), magnitude*(x[a]*sin+x[b]*cos)
		}
	}
}

// attend returns what the queries of a layer see at the newest position, and how
// large a score was at the most.
func (r *reference) attend(layer int, q []float64) (out []float64, steepest float64) {
	D, G := r.c.HeadSize, r.c.Heads/r.c.KVHeads
	newest := len(r.keys[layer]) - 1
	oldest := 0
	if r.c.SlidingWindow > 0 {
		oldest = max(0, newest-r.c.SlidingWindow+1)
	}
	out = make([]float64, len(q))
	for h := range r.c.Heads {
		from := h / G * D
		var weights []float64
		total := 0.0
		for p := oldest; p <= newest; p++ {
			score := 0.0
			for i := range D {
				score += q[h*D+i] * r.keys[layer][p][from+i]
			}
			score /= math.Sqrt(float64(D))
			steepest = max(steepest, math.Abs(score))
			w := math.Exp(score)
			weights = append(weights, w)
			total += w
		}
		for i := range D {
			for p := oldest; p <= newest; p++ {
				out[h*D+i] += weights[p-oldest] / total * r.values[layer][p][from+i]
			}
		}
	}
	return out, steepest
}

// embed returns the row of a token.
func (r *reference) embed(token int) []float64 {
	return r.w["token_embd.weight"][token*r.c.Width : (token+1)*r.c.Width]
}

// block returns what layer l makes of x at the next position, and leaves in
// r.doubt whether the roundings on the way are in doubt.
func (r *reference) block(l int, x []float64) []float64 {
	D, out := r.c.HeadSize, append([]float64(nil), x...)
	position := len(r.keys[l])
	r.doubt = false
	name := func(s string) string { return fmt.Sprintf("blk.%d.%s", l, s) }
	h := r.norm(name("attn_norm.weight"), out)
	q, k, v := r.apply(name("attn_q"), h), r.apply(name("attn_k"), h), r.apply(name("attn_v"), h)
	if r.w[name("attn_q_norm.weight")] != nil {
		for i := 0; i < len(q); i += D {
			copy(q[i:], r.norm(name("attn_q_norm.weight"), q[i:i+D]))
		}
		for i := 0; i < len(k); i += D {
			copy(k[i:], r.norm(name("attn_k_norm.weight"), k[i:i+D]))
		}
	}
	r.rotate(q, position)
	r.rotate(k, position)
	r.keys[l], r.values[l] = append(r.keys[l], k), append(r.values[l], v)
	r.remember(l)
	seen, steepest := r.attend(l, q)
	for i, v := range r.near(1+steepest, func() []float64 { return r.apply(name("attn_output"), seen) }) {
		out[i] += v
	}
	h = r.norm(name("ffn_norm.weight"), out)
	gate, up := r.apply(name("ffn_gate"), h), r.apply(name("ffn_up"), h)
	for i, g := range gate {
		gate[i] = g / (1 + math.Exp(-g)) * up[i]
	}
	for i, v := range r.near(2, func() []float64 { return r.apply(name("ffn_down"), gate) }) {
		out[i] += v
	}
	return out
}

// step takes one token and returns its logits and what the output norm gives.
func (r *reference) step(token int) (logits, hidden []float64) {
	x := r.embed(token)
	for l := range r.c.Layers {
		x = r.block(l, x)
	}
	hidden = r.norm("output_norm.weight", x)
	return r.apply("output", hidden), hidden
}
