package lexical

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/casemate-ai/casemate/internal/model/container"
)

// The file, all numbers little-endian; docs/formats/heads.md has the table.
//
//	8 bytes  magic "cmlexic1"
//	4 bytes  length of the header
//	header   JSON: config, info
//	buckets  one bit a bucket, set where it has a row
//	rarity   one byte a row
//	scale    one byte a row
//	rows     Dim*Bits/8 bytes a row
//	then for each group: weight [S][labels][D], bias [S][labels],
//	temper [S], shift [S], all float32
//	32 bytes SHA-256 of all before
const (
	magic   = "cmlexic1"
	maxFile = 256 << 20
)

type header struct {
	Config Config `json:"config"`
	Info   Info   `json:"info"`
	Rows   int    `json:"rows"`
}

// Encode writes the model as a file.
func (m *Model) Encode() ([]byte, error) {
	out, err := container.Begin(magic, header{m.config, m.info, len(m.idf)})
	if err != nil {
		return nil, fmt.Errorf("encode model %q: %w", m.config.Name, err)
	}
	for _, w := range m.index.words {
		out = binary.LittleEndian.AppendUint64(out, w.set)
	}
	out = append(out, m.idf...)
	out = append(out, m.scale...)
	out = append(out, m.rows...)
	for i := range m.groups {
		for _, x := range m.groups[i].floats() {
			out = container.AppendFloats(out, *x...)
		}
	}
	return container.Seal(out), nil
}

// floats returns the parts of an output layer in the order of the file.
func (g *group) floats() []*[]float32 {
	return []*[]float32{&g.weight, &g.bias, &g.temper, &g.shift}
}

// Decode reads a model. It keeps parts of data, which must not change
// afterwards. Whatever data holds, it returns an error rather than panic, and
// what it allocates is bounded by the length of data.
func Decode(data []byte) (*Model, error) {
	m, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	return m, nil
}

func decode(data []byte) (*Model, error) {
	var h header
	r, err := container.Open(magic, data, maxFile, &h)
	if err != nil {
		return nil, err
	}
	if err := checkConfig(&h.Config); err != nil {
		return nil, err
	}
	if h.Rows < 1 || h.Rows > MaxRows {
		return nil, fmt.Errorf("%d rows, 1 to %d can be", h.Rows, MaxRows)
	}
	if want := h.bytes(); want != r.Len() {
		return nil, fmt.Errorf("%d bytes after the header, want %d", r.Len(), want)
	}
	m := newModel(h.Config)
	m.info = h.Info
	return m, m.fill(r, h.Rows)
}

// bytes returns the length of what follows the header. No product overflows:
// checkConfig bounds each factor.
func (h *header) bytes() int {
	c := &h.Config
	floats := 0
	for _, g := range c.Groups {
		n := len(g.Labels)
		floats += c.styles() * (n*c.Dim + n + 2)
	}
	return bucketBytes(c.Features.Bits) + h.Rows*(2+c.Dim*c.Bits/8) + 4*floats
}

func bucketBytes(hashBits int) int { return max(1, (1<<hashBits)/64) * 8 }

// fill reads what follows the header, whose length was checked.
func (m *Model) fill(r *container.Reader, rows int) error {
	raw := r.Take(bucketBytes(m.config.Features.Bits))
	set, have := make([]uint64, len(raw)/8), 0
	for i := range set {
		set[i] = binary.LittleEndian.Uint64(raw[8*i:])
		have += bits.OnesCount64(set[i])
	}
	if have != rows {
		return fmt.Errorf("%d buckets have a row, but there are %d rows", have, rows)
	}
	m.index = newBucketIndex(m.config.Features.Bits, set)
	m.idf, m.scale, m.rows = r.Take(rows), r.Take(rows), r.Take(rows*m.rowBytes())
	var all []*[]float32
	for i := range m.groups {
		all = append(all, m.groups[i].floats()...)
	}
	for _, x := range all {
		if !r.Floats(*x) {
			return errors.New("a weight is not a finite number")
		}
	}
	return nil
}
