//go:build !purego

package isa

import "golang.org/x/sys/cpu"

// best asks the processor, and whether the system saves its registers.
func best() Level {
	c := &cpu.X86
	switch {
	case !c.HasAVX2 || !c.HasFMA:
		return Generic
	case !c.HasAVX512F || !c.HasAVX512BW || !c.HasAVX512DQ || !c.HasAVX512VL:
		return AVX2
	case !c.HasAVX512VNNI:
		return AVX512
	case !c.HasAVX512BF16:
		return AVX512VNNI
	}
	return AVX512BF16
}
