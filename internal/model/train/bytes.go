package train

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"unsafe"

	"github.com/casemate-ai/casemate/internal/model/gradient"
)

// little is whether this machine writes numbers as the files have them.
var little = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// bytesOf returns numbers as they stand in a file: where it can, the very memory
// of x.
func bytesOf(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	if little {
		return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
	}
	b := make([]byte, 0, 4*len(x))
	for _, f := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// fromBytes reads numbers from a file's bytes.
func fromBytes(x []float32, b []byte) {
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
}

// DigestRows returns the digest of tokens, targets, weights and borders of rows,
// for a manifest.
func DigestRows(parts ...[]gradient.Sequence) string {
	h := sha256.New()
	var b []byte
	number := func(n int) { b = binary.LittleEndian.AppendUint64(b, uint64(n)) }
	list := func(x []int) {
		number(len(x))
		for _, n := range x {
			number(n)
		}
	}
	for _, rows := range parts {
		number(len(rows))
		for _, s := range rows {
			list(s.Tokens)
			list(s.Targets)
			list(s.Starts)
			number(len(s.Weights))
			for _, w := range s.Weights {
				number(int(math.Float32bits(w)))
			}
			h.Write(b)
			b = b[:0]
		}
	}
	h.Write(b)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
