package linear

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/casemate-ai/casemate/internal/model/container"
)

// The file, all numbers little-endian; docs/formats/heads.md has the table.
//
//	8 bytes  magic "cmlinea1"
//	4 bytes  length of the header
//	header   JSON: config, info, and the sizes of what follows
//	rows     uint32 hash each, ascending
//	rarity   one byte a row
//	scale    float32 a row
//	weights  of each row: their number, then of each the distance of its label
//	         from the one before and the weight itself; numbers and distances
//	         are unsigned varints, weights are bytes
//	vectors  uint32 hash each, ascending; float32 gain each; D bytes each
//	dense    [labels+1][D] float32, the last row being the mean of all texts
//	bias     [labels] float32
//	temper   [groups] float32
//	32 bytes SHA-256 of all before
const (
	magic   = "cmlinea1"
	maxFile = 64 << 20
)

type header struct {
	Config  Config `json:"config"`
	Info    Info   `json:"info"`
	Dim     int    `json:"dim"`
	Rows    int    `json:"rows"`
	Weights int    `json:"weights"`
	Packed  int    `json:"packed"` // bytes of the weights
	Vectors int    `json:"vectors"`
}

// Encode writes the model as a file. Features without weights are left out.
func (m *Model) Encode() ([]byte, error) {
	var hashes, scales, rarity, weights []byte
	rows := 0
	for _, row := range m.ordered() {
		from, to := m.start[row.at], m.start[row.at+1]
		if from == to {
			continue
		}
		rows++
		hashes = binary.LittleEndian.AppendUint32(hashes, row.key)
		rarity = append(rarity, m.rarity[row.at])
		scales = container.AppendFloats(scales, m.scale[row.at])
		weights = binary.AppendUvarint(weights, uint64(to-from))
		last := 0
		for _, w := range m.weight[from:to] {
			weights = append(binary.AppendUvarint(weights, uint64(labelOf(w)-last)), byte(weightOf(w)))
			last = labelOf(w)
		}
	}
	v := m.vectors
	out, err := container.Begin(magic, header{m.config, m.info, v.dim, rows, len(m.weight), len(weights), len(v.keys)})
	if err != nil {
		return nil, fmt.Errorf("encode model %q: %w", m.config.Name, err)
	}
	for _, part := range [][]byte{hashes, rarity, scales, weights} {
		out = append(out, part...)
	}
	for _, k := range v.keys {
		out = binary.LittleEndian.AppendUint32(out, k)
	}
	out = container.AppendFloats(out, v.gain...)
	for _, x := range v.data {
		out = append(out, byte(x))
	}
	out = container.AppendFloats(out, m.dense...)
	out = container.AppendFloats(out, m.bias...)
	out = container.AppendFloats(out, m.temper...)
	return container.Seal(out), nil
}

// keyed is a key of a lookup and its position.
type keyed struct {
	key uint32
	at  int
}

// ordered returns the rows in the order of their hashes, which is their own.
func (m *Model) ordered() []keyed {
	out := make([]keyed, len(m.rarity))
	for _, s := range m.table.slots {
		if s.at > 0 {
			out[s.at-1] = keyed{s.key, int(s.at - 1)}
		}
	}
	return out
}

// Decode reads a model. Whatever data holds, it returns an error rather than
// panic, and what it allocates is bounded by the length of data.
func Decode(data []byte) (*Model, error) {
	m, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	return m, nil
}

// IsModel says whether data begins like a file of this package.
func IsModel(data []byte) bool { return container.Is(magic, data) }

func decode(data []byte) (*Model, error) {
	var h header
	r, err := container.Open(magic, data, maxFile, &h)
	if err != nil {
		return nil, err
	}
	if err := checkConfig(&h.Config); err != nil {
		return nil, err
	}
	if err := h.check(r.Len()); err != nil {
		return nil, err
	}
	m := newModel(h.Config, &Vectors{dim: h.Dim})
	m.info = h.Info
	return m, m.fill(r, &h)
}

// check holds the sizes against the limits and the length of what follows.
func (h *header) check(have int) error {
	if h.Dim < 1 || h.Dim > MaxDim || h.Rows < 1 || h.Rows > MaxRows || h.Vectors < 0 || h.Vectors > MaxVectors ||
		h.Packed < 0 || h.Packed > maxFile || h.Weights < 0 || 2*h.Weights > h.Packed {
		return errors.New("a size is out of range")
	}
	labels := groupsFrom(h.Config.Groups)[len(h.Config.Groups)]
	want := h.Rows*9 + h.Packed + h.Vectors*(8+h.Dim) + 4*((labels+1)*h.Dim+labels+len(h.Config.Groups))
	if want != have {
		return fmt.Errorf("%d bytes after the header, want %d", have, want)
	}
	return nil
}

// fill reads what follows the header, whose length was checked.
func (m *Model) fill(r *container.Reader, h *header) error {
	keys, ok := r.Ascending(h.Rows)
	if !ok {
		return errors.New("the features are not in order")
	}
	m.table = newLookup(keys)
	m.rarity = r.Take(h.Rows)
	m.scale = make([]float32, h.Rows)
	fine := r.Floats(m.scale)
	if err := m.unpack(r.Take(h.Packed), h); err != nil {
		return err
	}
	v := m.vectors
	if v.keys, ok = r.Ascending(h.Vectors); !ok {
		return errors.New("the vectors are not in order")
	}
	v.table = newLookup(v.keys)
	v.gain = make([]float32, h.Vectors)
	fine = r.Floats(v.gain) && fine
	raw := r.Take(h.Vectors * h.Dim)
	v.data = make([]int8, len(raw))
	for i, b := range raw {
		v.data[i] = int8(b)
	}
	for _, x := range [][]float32{m.dense, m.bias, m.temper} {
		fine = r.Floats(x) && fine
	}
	if !fine {
		return errors.New("a weight is not a finite number")
	}
	m.index()
	return nil
}

// unpack reads the weights.
func (m *Model) unpack(data []byte, h *header) error {
	damaged := errors.New("the weights are damaged")
	m.start = make([]uint32, h.Rows+1)
	m.weight = make([]uint32, 0, h.Weights)
	for row := range h.Rows {
		n, size := binary.Uvarint(data)
		if size <= 0 || n > uint64(h.Weights-len(m.weight)) {
			return damaged
		}
		data = data[size:]
		last := uint64(0)
		for range n {
			step, size := binary.Uvarint(data)
			if size <= 0 || size >= len(data) || step > uint64(m.labels) {
				return damaged
			}
			if last += step; last >= uint64(m.labels) {
				return damaged
			}
			m.weight = append(m.weight, packed(int(last), int8(data[size])))
			data = data[size+1:]
		}
		m.start[row+1] = uint32(len(m.weight))
	}
	if len(data) > 0 || len(m.weight) != h.Weights {
		return damaged
	}
	return nil
}
