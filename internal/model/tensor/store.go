package tensor

import (
	"sync"

	"github.com/casemate-ai/casemate/internal/model/kernel/floats"
	"github.com/casemate-ai/casemate/internal/model/kernel/packed"
)

// Store is the memory of packed matrices: one piece, in huge pages where the
// system has them, for a product reads it from end to end.
type Store struct {
	matrices []*Matrix
	memory   memory
}

// Packing says how matrices are packed. The zero value works.
type Packing struct {
	// Exact leaves matrices of blocks as they are, to be multiplied in float32:
	// no activation is rounded, and all is slow.
	Exact bool
	// Progress is told how many bytes of Data have been packed, of how many: by
	// any goroutine, one at a time.
	Progress func(done, total int64)
	// Done is told of a part of Data that products will not read again. It may
	// be called by several goroutines at once.
	Done func(part []byte)
}

// packBytes is about how much of a matrix is packed by one worker at a time: so
// much that telling of it costs nothing, so little that what has been read and
// not yet given back does not count.
const packBytes = 2 << 20

// NewStore packs matrices, no two of them the same one, in parallel. Those that
// cannot be packed are left as they are. Matrices of a store must not be used
// once it is closed. Errors are those of Pool.Do, and that there is no memory.
func NewStore(p *Pool, matrices []*Matrix, o Packing) (*Store, error) {
	s := &Store{}
	size := int64(0)
	for _, m := range matrices {
		size += PackedSize(m.Type, m.Rows, m.Cols, o.Exact)
	}
	var err error
	if s.memory, err = newMemory(size); err != nil {
		return nil, err
	}
	pk := packer{o: o, store: s}
	rest := s.memory.bytes
	for _, m := range matrices {
		n := PackedSize(m.Type, m.Rows, m.Cols, o.Exact)
		if n == 0 {
			continue
		}
		pk.add(m, rest[:n:n])
		rest = rest[n:]
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.share(int64(len(pk.work)), &pk); err != nil {
		s.free()
		return nil, err
	}
	return s, nil
}

// Bytes returns the memory that the store holds.
func (s *Store) Bytes() int64 { return int64(len(s.memory.bytes)) }

// Close gives the memory back. No product with its matrices may be under way:
// close the pool before. Closing twice does nothing.
func (s *Store) Close() { s.free() }

func (s *Store) free() {
	for _, m := range s.matrices {
		m.form, m.panels = unpackedForm, nil
	}
	s.matrices = nil
	s.memory.free()
}

// packer is the task of packing.
type packer struct {
	o     Packing
	store *Store
	work  []piece
	total int64

	mu   sync.Mutex
	done int64
}

// piece is neighbouring panels of a matrix.
type piece struct {
	m           *Matrix
	first, last int
}

// add plans the packing of a matrix into memory.
func (k *packer) add(m *Matrix, memory []byte) {
	m.form, m.kind = packing(m.Type, m.Cols, k.o.Exact)
	m.panels = memory
	k.store.matrices = append(k.store.matrices, m)
	k.total += int64(len(m.Data))
	n := max(1, packBytes/panelSize(m.form, m.kind, m.Cols))
	for first := 0; first < m.panelCount(); first += n {
		k.work = append(k.work, piece{m, first, min(first+n, m.panelCount())})
	}
}

func (k *packer) grain(int64, int) int64 { return 1 }

func (k *packer) do(w *Worker, from, to int64) {
	for _, p := range k.work[from:to] {
		for i := p.first; i < p.last; i++ {
			p.m.pack(w, i)
		}
		part := p.m.rows(p.m.panelRows(p.first, p.last))
		if k.o.Done != nil {
			k.o.Done(part)
		}
		k.tell(int64(len(part)))
	}
}

func (k *packer) tell(n int64) {
	if k.o.Progress == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.done += n
	k.o.Progress(k.done, k.total)
}

// pack fills panel i.
func (m *Matrix) pack(w *Worker, i int) {
	from, to := m.panelRows(i, i+1)
	src := m.rows(from, to)
	if m.kind != m.Type {
		rows := w.Bytes(m.kind.Size(floats.Lanes * m.Cols))[:m.kind.Size((to-from)*m.Cols)]
		convert(rows, m.kind, src, m.Type)
		src = rows
	}
	size := panelSize(m.form, m.kind, m.Cols)
	dst := m.panels[i*size : (i+1)*size]
	if m.form == floatsForm {
		floats.Pack(dst, m.kind, src, to-from, m.Cols)
	} else {
		packed.Pack(dst, m.kind, src, to-from, m.Cols)
	}
}
