//go:build !linux

package bench

// adviseHuge does nothing: these systems choose pages by themselves.
func adviseHuge([]byte) {}

// peakMemory returns 0: these systems are not asked.
func peakMemory() int64 { return 0 }

// processorSeconds returns 0: these systems are not asked.
func processorSeconds() float64 { return 0 }
