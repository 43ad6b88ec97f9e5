package gguf

import (
	"fmt"
	"math"
	"slices"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// place is where a tensor's data are, as the file says: from the start of data.
type place struct{ offset, size uint64 }

// tensors reads the descriptions of n tensors and finds their data.
func (r *reader) tensors(f *File, n int) error {
	f.Tensors = make([]Tensor, 0, n)
	places := make([]place, 0, n)
	names := make(map[string]bool, n)
	for i := range n {
		name, err := r.name(MaxNameBytes)
		if err != nil {
			return fmt.Errorf("read name of tensor %d of %d: %w", i+1, n, err)
		}
		if names[name] {
			return fmt.Errorf("%w: tensor %q stands twice", ErrFormat, name)
		}
		names[name] = true
		t := Tensor{Name: name}
		p, err := r.describe(&t, f.Alignment)
		if err != nil {
			return fmt.Errorf("read tensor %q: %w", name, err)
		}
		f.Tensors = append(f.Tensors, t)
		places = append(places, p)
	}
	return r.locate(f, places)
}

// describe reads shape, type and offset of a tensor.
func (r *reader) describe(t *Tensor, alignment int) (p place, err error) {
	dims, err := r.shape()
	if err != nil {
		return p, err
	}
	id, err := r.uint32()
	if err != nil {
		return p, err
	}
	if p.offset, err = r.uint64(); err != nil {
		return p, err
	}
	t.Type = quant.Type(id)
	if p.size, err = sizeOf(t.Type, dims); err != nil {
		return p, err
	}
	if p.offset%uint64(alignment) != 0 {
		return p, fmt.Errorf("%w: offset %d is no multiple of %d", ErrFormat, p.offset, alignment)
	}
	t.Shape = make([]int, len(dims))
	for i, d := range dims {
		t.Shape[len(dims)-1-i] = int(d) // sizeOf has seen that it fits
	}
	return p, nil
}

// shape reads dimensions, the fastest first as files have them.
func (r *reader) shape() ([]uint64, error) {
	n, err := r.uint32()
	if err != nil {
		return nil, err
	}
	if n < 1 || n > MaxDimensions {
		return nil, fmt.Errorf("%w: %d dimensions, not 1 to %d", ErrFormat, n, MaxDimensions)
	}
	dims := make([]uint64, n)
	for i := range dims {
		if dims[i], err = r.uint64(); err != nil {
			return nil, err
		}
	}
	return dims, nil
}

// sizeOf returns the bytes of a tensor whose dimensions have the fastest first,
// and refuses sizes that wrap or that no file can have.
func sizeOf(t quant.Type, dims []uint64) (uint64, error) {
	elements, bytes := t.Block()
	if elements == 0 {
		return 0, fmt.Errorf("%w: its number format is %s", ErrFormat, typeName(t))
	}
	count := uint64(1)
	for _, d := range dims {
		if d == 0 || d > math.MaxInt {
			return 0, fmt.Errorf("%w: a dimension of %d", ErrFormat, d)
		}
		if count > math.MaxInt/d {
			return 0, fmt.Errorf("%w: dimensions %d, whose product wraps", ErrFormat, dims)
		}
		count *= d
	}
	if dims[0]%uint64(elements) != 0 {
		return 0, fmt.Errorf("%w: rows of %d numbers are no whole blocks of %d (%v)", ErrFormat, dims[0], elements, t)
	}
	blocks := count / uint64(elements)
	if blocks > math.MaxInt/uint64(bytes) {
		return 0, fmt.Errorf("%w: dimensions %d, whose size in bytes wraps", ErrFormat, dims)
	}
	return blocks * uint64(bytes), nil
}

// typeName names a format that cannot be read. The ids are ggml's.
func typeName(t quant.Type) string {
	known := map[quant.Type]string{
		4: "Q4_2 (removed)", 5: "Q4_3 (removed)", 9: "Q8_1", 15: "Q8_K",
		16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S",
		24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M",
		31: "Q4_0_4_4 (removed)", 32: "Q4_0_4_8 (removed)", 33: "Q4_0_8_8 (removed)",
		34: "TQ1_0", 35: "TQ2_0",
		36: "IQ4_NL_4_4 (removed)", 37: "IQ4_NL_4_8 (removed)", 38: "IQ4_NL_8_8 (removed)",
		39: "MXFP4", 40: "NVFP4", 41: "Q1_0", 42: "Q2_0",
	}
	if name, ok := known[t]; ok {
		return name + ", which is not supported"
	}
	return fmt.Sprintf("%d, which is not known", uint32(t))
}

// locate gives each tensor its data, after checking that all lie in the file
// and that no two share a byte.
func (r *reader) locate(f *File, places []place) error {
	if len(places) == 0 {
		f.DataStart = r.at
		return nil
	}
	start, ok := padded(int64(r.at), f.Alignment)
	if !ok || start > int64(len(r.data)) {
		return fmt.Errorf("%w: the file ends before the data of tensors", ErrFormat)
	}
	f.DataStart = int(start)
	room := uint64(len(r.data)) - uint64(start)
	for i, p := range places {
		if p.offset > room || p.size > room-p.offset {
			return fmt.Errorf("%w: tensor %q: %d bytes at %d, but the file has %d", ErrFormat, f.Tensors[i].Name, p.size, p.offset, room)
		}
		at := uint64(start) + p.offset
		f.Tensors[i].Data = r.data[at : at+p.size : at+p.size]
	}
	return apart(f.Tensors, places)
}

// apart checks that no two places overlap.
func apart(tensors []Tensor, places []place) error {
	order := make([]int, len(places))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case places[a].offset < places[b].offset:
			return -1
		case places[a].offset > places[b].offset:
			return 1
		}
		return 0
	})
	for i := 1; i < len(order); i++ {
		a, b := order[i-1], order[i]
		if places[a].offset+places[a].size > places[b].offset {
			return fmt.Errorf("%w: tensors %q and %q overlap", ErrFormat, tensors[a].Name, tensors[b].Name)
		}
	}
	return nil
}
