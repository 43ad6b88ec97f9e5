package tensor

import (
	"errors"
	"fmt"
	"math"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
	"github.com/casemate-ai/casemate/internal/model/quant"
)

// ErrShape is wrapped by the errors of matrices that cannot be.
var ErrShape = errors.New("shape does not fit")

// MaxSide is the largest number of rows or columns of a matrix.
const MaxSide = 1 << 28

// Matrix is weights in any number format. What it holds does not change once it
// is made; a Store makes it fast.
type Matrix struct {
	Rows, Cols int
	Type       quant.Type
	Data       []byte // rows one after another, blocks of Type within them

	form   form
	kind   quant.Type // of panels
	panels []byte     // nil if not packed
}

// form is how a matrix is multiplied.
type form uint8

const (
	// unpackedForm turns rows into float32 each time they are used.
	unpackedForm form = iota
	// floatsForm has panels of package floats.
	floatsForm
	// packedForm has panels of package packed, and rounds activations to 8 bits.
	packedForm
)

// NewMatrix checks that data holds a matrix.
func NewMatrix(t quant.Type, rows, cols int, data []byte) (*Matrix, error) {
	elements, bytes := t.Block()
	switch {
	case elements == 0:
		return nil, fmt.Errorf("matrix of %v: %w: number format is not known", t, ErrShape)
	case rows <= 0 || cols <= 0 || rows > MaxSide || cols > MaxSide:
		return nil, fmt.Errorf("matrix of %d rows and %d columns: %w", rows, cols, ErrShape)
	case cols%elements != 0:
		return nil, fmt.Errorf("matrix of %d columns: %w: %v comes in blocks of %d", cols, ErrShape, t, elements)
	}
	perRow := int64(cols / elements * bytes)
	if perRow > math.MaxInt64/int64(rows) || perRow*int64(rows) != int64(len(data)) {
		return nil, fmt.Errorf("matrix of %d rows and %d columns of %v: %w: it has %d bytes", rows, cols, t, ErrShape, len(data))
	}
	return &Matrix{Rows: rows, Cols: cols, Type: t, Data: data}, nil
}

// Row turns row i into numbers.
//
//	dst  [Cols]
//
// It panics if dst is not as long or there is no such row. A read that faults
// panics, too: call it within Pool.Do where Data is mapped.
func (m *Matrix) Row(dst []float32, i int) {
	quant.Dequantize(dst[:m.Cols:m.Cols], m.Type, m.rows(i, i+1))
}

// rows returns the bytes of rows first to last-1.
func (m *Matrix) rows(first, last int) []byte {
	size := m.Type.Size(m.Cols)
	return m.Data[first*size : last*size]
}

// panelCount returns how many panels of 16 rows there are, the last one filled
// up.
func (m *Matrix) panelCount() int { return (m.Rows + floats.Lanes - 1) / floats.Lanes }

// panelRows returns the rows of panels first to last-1.
func (m *Matrix) panelRows(first, last int) (from, to int) {
	return first * floats.Lanes, min(last*floats.Lanes, m.Rows)
}

// packing returns how a matrix of a type and so many columns is packed, and the
// type of its panels.
//
// Q5_0, IQ4_NL and Q3_K have no panels of their own: they become Q8_0 and Q6_K,
// which can say the same numbers with the same scales, and take 1.55, 1.89 and
// 1.91 times the memory. Nothing that has panels says those of Q4_1, Q5_1, Q2_K
// and IQ4_XS exactly, whose scales and offsets are finer.
func packing(t quant.Type, cols int, exact bool) (form, quant.Type) {
	switch {
	case floats.Packs(t):
		return floatsForm, t
	case exact || cols%packed.Group != 0:
		return unpackedForm, t
	case packed.Packs(t):
		return packedForm, t
	case t == quant.Q5_0 || t == quant.IQ4_NL:
		return packedForm, quant.Q8_0
	case t == quant.Q3_K:
		return packedForm, quant.Q6_K
	}
	return unpackedForm, t
}

// panelSize returns the bytes of a panel.
func panelSize(f form, kind quant.Type, cols int) int {
	switch f {
	case floatsForm:
		return floats.PanelSize(kind, cols)
	case packedForm:
		return packed.PanelSize(kind, cols)
	}
	return 0
}

// PackedSize returns the bytes that a Store takes for a matrix; 0 if the matrix
// is used as it is.
func PackedSize(t quant.Type, rows, cols int, exact bool) int64 {
	f, kind := packing(t, cols, exact)
	panels := int64(rows+floats.Lanes-1) / floats.Lanes
	return align(panels * int64(panelSize(f, kind, cols)))
}

// align rounds up to a whole number of cache lines.
func align(n int64) int64 { return (n + 63) &^ 63 }
