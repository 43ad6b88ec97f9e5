//go:build !purego

package bench

import "github.com/casemate-ai/casemate/internal/model/isa"

//go:generate go -C ../../../_asm run ./bench -pkg bench -out ../internal/model/bench/probe_amd64.s -stubs ../internal/model/bench/probe_stubs_amd64.go

// probesOf returns the loops of a level. Those of float32 fuse multiplication
// and addition: the arithmetic does not, but the processor could.
func probesOf(l isa.Level) probes {
	switch l {
	case isa.AVX512VNNI, isa.AVX512BF16:
		return probes{name: l.String(), read: read(readAVX512), int8: loop{int8VNNI, 24 * 128}, float32: loop{fmaAVX512, 24 * 32}}
	case isa.AVX512:
		return probes{name: l.String(), read: read(readAVX512), int8: loop{int8AVX512, 10 * 128}, float32: loop{fmaAVX512, 24 * 32}}
	case isa.AVX2:
		return probes{name: l.String(), read: read(readAVX2), int8: loop{int8AVX2, 6 * 64}, float32: loop{fmaAVX2, 12 * 16}}
	}
	return portable()
}

// read makes a reading loop take a slice, whose length is a multiple of readUnit.
func read(f func(p *byte, n int)) func([]byte) {
	return func(b []byte) { f(&b[0], len(b)) }
}
