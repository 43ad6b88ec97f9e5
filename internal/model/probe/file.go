package probe

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/casemate-ai/casemate/internal/model/modelfile/safetensors"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Limits of a file.
const (
	// MaxFile is the bytes of a file that Read takes.
	MaxFile = 4*MaxNumbers + 1<<20
	// maxLabel is the bytes of a label.
	maxLabel = 1 << 10
)

// ErrFile is wrapped by the errors of files that hold no head.
var ErrFile = errors.New("this is no head of vectors")

// Names of what a file holds, as docs/formats/probes.md has them.
const (
	formatName  = "casemate.probe"
	formatValue = "1"
	tensorMean  = "standard.mean"
	tensorScale = "standard.scale"
	tensorIn    = "hidden.weight"
	tensorBias  = "hidden.bias"
	tensorOut   = "output.weight"
	tensorExtra = "output.extra"
)

// description is the metadata's JSON: all of a head but its numbers.
type description struct {
	Config
	Trained Trained `json:"trained"`
	Centre  float64 `json:"centre,omitempty"`
	Spread  float64 `json:"spread,omitempty"`
}

// Write writes the head as a file of safetensors. The same head gives the same
// bytes.
func (h *Head) Write(w io.Writer) error {
	tensors, metadata, err := h.tensors()
	if err != nil {
		return err
	}
	return safetensors.Write(w, tensors, metadata)
}

// tensors returns what the file holds.
func (h *Head) tensors() ([]safetensors.Tensor, map[string]string, error) {
	d := description{Config: h.config, Trained: h.trained}
	if h.config.Task == Regression {
		d.Centre, d.Spread = h.centre, h.spread
	}
	j, err := json.Marshal(d)
	if err != nil {
		return nil, nil, fmt.Errorf("write head: %w", err)
	}
	var out []safetensors.Tensor
	for _, t := range h.config.layout() {
		out = append(out, safetensors.Tensor{Name: t.name, Type: quant.F32, Shape: t.shape, Data: bytesOf(*t.of(h))})
	}
	return out, map[string]string{formatName: formatValue, "config": string(j)}, nil
}

// part is a tensor of a head.
type part struct {
	name  string
	shape []int
	of    func(h *Head) *[]float32
}

// layout returns the tensors that a head of this kind has, in the file's order.
func (c *Config) layout() []part {
	M, E := c.outputs()
	D := c.Reads.Width
	parts := []part{
		{tensorMean, []int{D}, func(h *Head) *[]float32 { return &h.standard.mean }},
		{tensorScale, []int{D}, func(h *Head) *[]float32 { return &h.standard.scale }},
	}
	in := D
	if c.Kind == Network {
		in = c.Hidden
		parts = append(parts, part{tensorIn, []int{in, D}, func(h *Head) *[]float32 { return &h.w1 }},
			part{tensorBias, []int{in}, func(h *Head) *[]float32 { return &h.b1 }})
	}
	return append(parts, part{tensorOut, []int{M, in}, func(h *Head) *[]float32 { return &h.w }},
		part{tensorExtra, []int{E}, func(h *Head) *[]float32 { return &h.extra }})
}

func bytesOf(x []float32) []byte {
	b := make([]byte, 4*len(x))
	for i, v := range x {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(v))
	}
	return b
}

// Read reads what Write wrote. It copies the numbers, so that data may go. A file
// that is none, or whose parts do not fit together, is refused with an error that
// wraps ErrFile.
func Read(data []byte) (*Head, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrFile, len(data), int64(MaxFile))
	}
	f, err := safetensors.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if v := f.Metadata[formatName]; v != formatValue {
		return nil, fmt.Errorf("%w: version %.20q, this program reads %s", ErrFile, v, formatValue)
	}
	var d description
	if err := json.Unmarshal([]byte(f.Metadata["config"]), &d); err != nil {
		return nil, fmt.Errorf("%w: its configuration: %w", ErrFile, err)
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	h := &Head{config: d.Config, trained: d.Trained, centre: d.Centre, spread: d.Spread}
	if err := h.fill(f.Tensors); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return h, nil
}

// check wants a configuration that can be.
func (d *description) check() error {
	c := &d.Config
	least := map[Task]int{Single: 2, Ordinal: 2, Multi: 1, Regression: 0}
	want, known := least[c.Task]
	switch {
	case !known:
		return fmt.Errorf("no task %.20q", c.Task)
	case len(c.Labels) < want || len(c.Labels) > MaxClasses || c.Task == Regression && len(c.Labels) > 0:
		return fmt.Errorf("%d labels", len(c.Labels))
	case c.Reads.Width < 1 || c.Reads.Width > MaxWidth:
		return fmt.Errorf("a width of %d", c.Reads.Width)
	case c.Kind == Linear && (c.Hidden != 0 || c.Activation != ""):
		return errors.New("a linear head with a hidden layer")
	case c.Kind == Network && (c.Hidden < 1 || c.Hidden > MaxHidden || c.Activation != ReLU && c.Activation != GELU):
		return fmt.Errorf("a hidden layer of %d numbers, activation %.20q", c.Hidden, c.Activation)
	case c.Kind != Linear && c.Kind != Network:
		return fmt.Errorf("no kind %.20q", c.Kind)
	case c.Task == Regression && (!(d.Spread > 0) || math.IsInf(d.Spread, 0) || math.IsInf(d.Centre, 0)):
		return fmt.Errorf("a spread of %v around %v", d.Spread, d.Centre)
	}
	seen := map[string]bool{}
	for i, l := range c.Labels {
		if l == "" || len(l) > maxLabel || seen[l] {
			return fmt.Errorf("label %d is empty, too long or there twice", i)
		}
		seen[l] = true
	}
	return nil
}

// fill takes the numbers from tensors, which must be those of the layout.
func (h *Head) fill(tensors []safetensors.Tensor) error {
	named := map[string]safetensors.Tensor{}
	for _, t := range tensors {
		named[t.Name] = t
	}
	parts := h.config.layout()
	if len(named) != len(parts) {
		return fmt.Errorf("%d tensors, want %d", len(named), len(parts))
	}
	for _, p := range parts {
		t, ok := named[p.name]
		if !ok {
			return fmt.Errorf("no tensor %q", p.name)
		}
		n := 1
		for _, side := range p.shape {
			n *= side
		}
		if fmt.Sprint(t.Shape) != fmt.Sprint(p.shape) || t.Type != quant.F32 || n > MaxNumbers {
			return fmt.Errorf("tensor %q is %v %v, want F32 %v", p.name, t.Type, t.Shape, p.shape)
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		}
		if err := finite(x); err != nil {
			return fmt.Errorf("tensor %q: %w", p.name, err)
		}
		*p.of(h) = x
	}
	return nil
}
