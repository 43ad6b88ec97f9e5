// Package activation keeps pooled hidden states on disk, as float16, keyed by
// the model's digest, the text's and the layer with its pooling, so that a model
// reads each text once.
//
// A store is a folder of segments: files to which one process appends records of
// one length, each with its checksums, and which every process may read. What a
// process that was killed left half written is no record; what was damaged is not
// found. A store is a cache: when it grows over its bound, the oldest segments go.
//
// Format: docs/formats/activations.md in this project's repository.
package activation

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/casemate-ai/casemate/internal/model/quant"
)

// Limits.
const (
	MaxWidth = 1 << 16
	MaxLayer = 1 << 16 // in magnitude
	MaxPool  = 8       // bytes of a pooling's name
	// MaxSegments is how many segments a store may have before they are merged.
	MaxSegments = 32
	// DefaultBytes bounds all stores of a folder.
	DefaultBytes = 8 << 30
)

// ErrFull is wrapped by the error of a vector for which the bound leaves no room.
// What is stored stays.
var ErrFull = errors.New("the store of hidden states is full")

// ErrInput is wrapped by the errors of vectors and keys that cannot be stored.
var ErrInput = errors.New("this cannot be stored")

// Digest is the SHA-256 of a text.
type Digest [sha256.Size]byte

// TextDigest returns that of a text.
func TextDigest(text string) Digest { return sha256.Sum256([]byte(text)) }

// Key says whose hidden states a store has.
type Key struct {
	Model   string // digest of the model's files
	Adapter string // digest of the adapter in use, or empty
	Width   int    // numbers of a vector
}

// name returns the folder of a key's store.
func (k Key) name() string {
	h := k.digest()
	return fmt.Sprintf("%x", h[:12])
}

// digest is what segments carry: that of the key's parts, each after its length.
func (k Key) digest() Digest {
	return sha256.Sum256(fmt.Appendf(nil, "%d %s %d %s %d", len(k.Model), k.Model, len(k.Adapter), k.Adapter, k.Width))
}

// Options say how a store is opened. The zero value works.
type Options struct {
	// Bytes bounds all stores in the folder; 0 means DefaultBytes. When a store is
	// opened, older segments go until they fit, those of other keys first.
	Bytes int64
	// Room is how many bytes are about to be put: older segments go for them, too.
	Room int64
	// SegmentBytes is how long a segment may become; 0 means 256 MiB.
	SegmentBytes int64
}

// Store is an open store. Its methods may be called from several goroutines at
// once; several processes may have one open. What another process stores is seen
// by those that open the store afterwards.
type Store struct {
	dir    string
	key    Key
	o      Options
	record int // bytes

	mu      sync.RWMutex
	index   map[entry]place
	files   []*os.File // segments that are read
	out     *os.File   // segment that is written to; nil before anything is
	outSize int64
	outFile int   // its index among files
	total   int64 // bytes of all stores in the folder, as far as known
	damaged int
}

// entry is the key of a vector.
type entry struct {
	text  Digest
	layer int32
	pool  [MaxPool]byte
}

// place is where a vector stands.
type place struct {
	file   int
	offset int64
}

func newEntry(text Digest, layer int, pool string) (entry, error) {
	if len(pool) > MaxPool || layer < -MaxLayer || layer > MaxLayer {
		return entry{}, fmt.Errorf("%w: layer %d, pooling %.20q", ErrInput, layer, pool)
	}
	e := entry{text: text, layer: int32(layer)}
	copy(e.pool[:], pool)
	return e, nil
}

// Open opens the store of a key in a folder, which it makes where it is not there.
// Nothing is written before the first Put.
func Open(folder string, key Key, o Options) (*Store, error) {
	if key.Width < 1 || key.Width > MaxWidth {
		return nil, fmt.Errorf("open store of hidden states: %w: a width of %d", ErrInput, key.Width)
	}
	if o.Bytes == 0 {
		o.Bytes = DefaultBytes
	}
	if o.SegmentBytes == 0 {
		o.SegmentBytes = 256 << 20
	}
	s := &Store{dir: filepath.Join(folder, key.name()), key: key, o: o, record: recordSize(key.Width), index: map[entry]place{}}
	if err := s.open(folder); err != nil {
		return nil, errors.Join(fmt.Errorf("open store of hidden states: %w", err), s.Close())
	}
	return s, nil
}

// Len returns how many vectors there are.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.index)
}

// Bytes returns how many bytes all stores of the folder take, as far as this
// process knows.
func (s *Store) Bytes() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.total
}

// Damaged returns how many records were found whose bytes have changed since they
// were written. They count as not stored.
func (s *Store) Damaged() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.damaged
}

// Get writes the vector of a text, layer and pooling to dst, and says whether
// there is one.
//
//	dst  [Width]
func (s *Store) Get(dst []float32, text Digest, layer int, pool string) (bool, error) {
	halves := make([]uint16, s.key.Width)
	scale, ok, err := s.Halves(halves, text, layer, pool)
	if !ok {
		return false, err
	}
	if len(dst) != len(halves) {
		return false, fmt.Errorf("get hidden state: %w: room for %d numbers, not %d", ErrInput, len(dst), len(halves))
	}
	for i, h := range halves {
		dst[i] = scale * quant.FromF16(h)
	}
	return true, nil
}

// Halves is Get as it is stored: numbers are scale times those of float16 whose
// bits are written to dst.
func (s *Store) Halves(dst []uint16, text Digest, layer int, pool string) (scale float32, ok bool, err error) {
	e, err := newEntry(text, layer, pool)
	if err == nil && len(dst) != s.key.Width {
		err = fmt.Errorf("%w: room for %d numbers, not %d", ErrInput, len(dst), s.key.Width)
	}
	if err != nil {
		return 0, false, fmt.Errorf("get hidden state: %w", err)
	}
	s.mu.RLock()
	at, found := s.index[e]
	var b []byte
	if found {
		b = make([]byte, s.record)
		_, err = s.files[at.file].ReadAt(b, at.offset)
	}
	s.mu.RUnlock()
	if !found {
		return 0, false, nil
	}
	if err == nil {
		if scale, ok = decode(dst, b, e); ok {
			return scale, true, nil
		}
	}
	// The disk has lost it: it is computed again.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index[e] == at {
		delete(s.index, e)
		s.damaged++
	}
	return 0, false, nil
}

// Put stores a vector, unless there is one of this text, layer and pooling. It is
// on its way to the disk when Put returns, and safe from a loss of power once Sync
// does. Numbers are rounded to float16 after a division by a power of two that
// brings the largest between 16,384 and 32,768, so that none is too large and few
// are too small. A number that is not finite is refused with ErrInput; where there
// is no room, with ErrFull.
func (s *Store) Put(text Digest, layer int, pool string, vector []float32) error {
	e, err := newEntry(text, layer, pool)
	if err != nil {
		return fmt.Errorf("put hidden state: %w", err)
	}
	if len(vector) != s.key.Width {
		return fmt.Errorf("put hidden state: %w: a vector of %d numbers, not %d", ErrInput, len(vector), s.key.Width)
	}
	b, err := encode(e, vector)
	if err != nil {
		return fmt.Errorf("put hidden state: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.index[e]; ok {
		return nil
	}
	if err := s.write(e, b); err != nil {
		return fmt.Errorf("put hidden state: %w", err)
	}
	return nil
}

// Sync returns once what was put is safe from a loss of power.
func (s *Store) Sync() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out == nil {
		return nil
	}
	return s.out.Sync()
}

// Close makes what was put safe and lets go of the files.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	if s.out != nil {
		errs = append(errs, s.out.Sync())
	}
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	s.files, s.out, s.index = nil, nil, map[entry]place{}
	return errors.Join(errs...)
}

// scaleOf returns the power of two by which numbers are divided.
func scaleOf(vector []float32) (float32, error) {
	top := float32(0)
	for i, v := range vector {
		if v-v != 0 {
			return 0, fmt.Errorf("%w: number %d is not finite", ErrInput, i)
		}
		top = max(top, v, -v)
	}
	if top == 0 {
		return 1, nil
	}
	_, exponent := math.Frexp(float64(top)) // top is in [½,1) · 2^exponent
	return float32(math.Ldexp(1, max(exponent-15, -126))), nil
}
