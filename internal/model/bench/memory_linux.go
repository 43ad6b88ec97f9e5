package bench

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

const madvHugepage = 14 // MADV_HUGEPAGE

// adviseHuge asks for huge pages, as weights have them. The runtime's large
// allocations begin at a page.
func adviseHuge(b []byte) {
	// A hint: a system without huge pages does with small ones.
	_ = syscall.Madvise(b, madvHugepage)
}

// peakMemory returns the most memory that the process has had, in bytes, mapped
// files among it; 0 where the system does not say.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// processorSeconds returns the time that processors have worked for this process;
// 0 where the system does not say.
func processorSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
