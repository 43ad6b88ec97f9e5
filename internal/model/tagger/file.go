package tagger

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

// MaxFile is the bytes of a file that Read takes.
const MaxFile = 4*MaxNumbers + 8*MaxFeatures + 1<<20

// maxLabel is the bytes of a label.
const maxLabel = 1 << 10

// ErrFile is wrapped by the errors of files that hold no model.
var ErrFile = errors.New("this is no tagger")

// Names of what a file holds, as docs/formats/probes.md has them.
const (
	formatName    = "casemate.tagger"
	formatValue   = "1"
	tensorHash    = "feature.hash"
	tensorFeature = "feature.weight"
	tensorMean    = "standard.mean"
	tensorScale   = "standard.scale"
	tensorVector  = "vector.weight"
	tensorStart   = "tag.start"
	tensorBetween = "tag.between"
)

// description is the metadata's JSON: all of a model but its numbers.
type description struct {
	Config
	Trained Trained `json:"trained"`
}

// Write writes the model as a file of safetensors. The same model gives the same
// bytes.
func (m *Model) Write(w io.Writer) error {
	j, err := json.Marshal(description{m.config, m.trained})
	if err != nil {
		return fmt.Errorf("write tagger: %w", err)
	}
	var tensors []safetensors.Tensor
	add := func(name string, t quant.Type, x []float32, shape ...int) {
		b := make([]byte, t.Size(len(x)))
		quant.Quantize(b, t, x)
		tensors = append(tensors, safetensors.Tensor{Name: name, Type: t, Shape: shape, Data: b})
	}
	if m.features > 0 {
		b := make([]byte, 8*m.features)
		for i, h := range m.hashes {
			binary.LittleEndian.PutUint64(b[8*i:], h)
		}
		tensors = append(tensors, safetensors.Tensor{Name: tensorHash, Type: safetensors.U8, Shape: []int{m.features, 8}, Data: b})
		add(tensorFeature, quant.F16, m.x[:m.vectors()], m.features, m.tags)
	}
	if m.width > 0 {
		add(tensorMean, quant.F32, m.standard.mean, m.width)
		add(tensorScale, quant.F32, m.standard.scale, m.width)
		add(tensorVector, quant.F32, m.x[m.vectors():m.start()], m.tags, m.width)
	}
	add(tensorStart, quant.F32, m.x[m.start():m.between()], m.tags)
	add(tensorBetween, quant.F32, m.x[m.between():m.all()], m.tags, m.tags)
	return safetensors.Write(w, tensors, map[string]string{formatName: formatValue, "config": string(j)})
}

// Read reads what Write wrote. It copies the numbers, so that data may go. A file
// that is none, or whose parts do not fit together, is refused with an error that
// wraps ErrFile.
func Read(data []byte) (*Model, error) {
	m, err := readModel(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	return m, nil
}

func readModel(data []byte) (*Model, error) {
	if len(data) > MaxFile {
		return nil, fmt.Errorf("%d bytes, more than %d", len(data), int64(MaxFile))
	}
	f, err := safetensors.ParseBytes(data)
	if err != nil {
		return nil, err
	}
	if v := f.Metadata[formatName]; v != formatValue {
		return nil, fmt.Errorf("version %.20q, this program reads %s", v, formatValue)
	}
	var d description
	if err := json.Unmarshal([]byte(f.Metadata["config"]), &d); err != nil {
		return nil, fmt.Errorf("its configuration: %w", err)
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	m := &Model{config: d.Config, trained: d.Trained, layout: layout{d.Features, d.Width, 1 + 2*len(d.Labels)}}
	return m, m.fill(f.Tensors)
}

// check wants a configuration that can be.
func (d *description) check() error {
	l := layout{d.Features, d.Width, 1 + 2*len(d.Labels)}
	switch {
	case len(d.Labels) < 1 || len(d.Labels) > MaxLabels:
		return fmt.Errorf("%d labels", len(d.Labels))
	case d.Width < 0 || d.Width > MaxWidth || d.Features < 0 || d.Features > MaxFeatures || d.Width+d.Features == 0:
		return fmt.Errorf("a width of %d, %d features", d.Width, d.Features)
	case l.all() > MaxNumbers:
		return fmt.Errorf("%d weights", l.all())
	}
	seen := map[string]bool{}
	for i, label := range d.Labels {
		if label == "" || len(label) > maxLabel || seen[label] {
			return fmt.Errorf("label %d is empty, too long or there twice", i)
		}
		seen[label] = true
	}
	return nil
}

// reader takes tensors by name.
type reader struct {
	named map[string]safetensors.Tensor
	err   error
}

// tensor returns one that must be of a type and shape.
func (r *reader) tensor(name string, t quant.Type, shape ...int) []byte {
	if r.err != nil {
		return nil
	}
	got, ok := r.named[name]
	if !ok || got.Type != t || fmt.Sprint(got.Shape) != fmt.Sprint(shape) {
		r.err = fmt.Errorf("tensor %q is missing or has another type or shape", name)
		return nil
	}
	delete(r.named, name)
	return got.Data
}

// numbers appends those of a tensor to dst; all must be finite.
func (r *reader) numbers(dst []float32, name string, t quant.Type, shape ...int) []float32 {
	data := r.tensor(name, t, shape...)
	if r.err != nil {
		return dst
	}
	n := 1
	for _, s := range shape {
		n *= s
	}
	x := make([]float32, n)
	quant.Dequantize(x, t, data)
	for _, v := range x {
		if v-v != 0 {
			r.err = fmt.Errorf("tensor %q has a number that is not finite", name)
		}
	}
	return append(dst, x...)
}

// fill takes the numbers from tensors.
func (m *Model) fill(tensors []safetensors.Tensor) error {
	r := &reader{named: map[string]safetensors.Tensor{}}
	for _, t := range tensors {
		r.named[t.Name] = t
	}
	if m.features > 0 {
		hashes := r.tensor(tensorHash, safetensors.U8, m.features, 8)
		m.x = r.numbers(m.x, tensorFeature, quant.F16, m.features, m.tags)
		if err := m.know(hashes); r.err == nil {
			r.err = err
		}
	}
	if m.width > 0 {
		m.standard.mean = r.numbers(nil, tensorMean, quant.F32, m.width)
		m.standard.scale = r.numbers(nil, tensorScale, quant.F32, m.width)
		m.x = r.numbers(m.x, tensorVector, quant.F32, m.tags, m.width)
	}
	m.x = r.numbers(m.x, tensorStart, quant.F32, m.tags)
	m.x = r.numbers(m.x, tensorBetween, quant.F32, m.tags, m.tags)
	if r.err == nil && len(r.named) > 0 {
		r.err = fmt.Errorf("%d tensors too many", len(r.named))
	}
	// Scores of finite weights stay finite: there are few features to a word.
	for _, v := range m.x {
		if r.err == nil && math.Abs(float64(v)) > 1e9 {
			r.err = fmt.Errorf("a weight of %v", v)
		}
	}
	return r.err
}

// know takes the hashes of features, which ascend.
func (m *Model) know(data []byte) error {
	m.index = make(map[uint64]int32, len(data)/8)
	for i := 0; i+8 <= len(data); i += 8 {
		h := binary.LittleEndian.Uint64(data[i:])
		if n := len(m.hashes); n > 0 && h <= m.hashes[n-1] {
			return fmt.Errorf("feature %d is not above the one before it", n)
		}
		m.index[h] = int32(len(m.hashes))
		m.hashes = append(m.hashes, h)
	}
	return nil
}
