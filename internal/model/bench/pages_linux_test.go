package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/casemate-ai/casemate/internal/model/isa"
)

// BenchmarkPages reads half a gigabyte a thread as weights can lie: in memory
// with huge pages, where packing puts them, and in a mapped file, which has the
// system's small pages.
func BenchmarkPages(b *testing.B) {
	const size = 512 << 20
	p := probesOf(isa.Chosen())
	for _, threads := range []int{1, 2} {
		for _, kind := range []string{"huge", "mapped"} {
			b.Run(fmt.Sprintf("%s/threads=%d", kind, threads), func(b *testing.B) {
				memory := make([][]byte, threads)
				for i := range memory {
					memory[i] = newMemory(size)
					if kind == "mapped" {
						memory[i] = mapFile(b, memory[i])
					}
					p.read(memory[i])
				}
				b.SetBytes(int64(size * threads))
				for b.Loop() {
					together(threads, func(i int) {
						for at := 0; at < size; at += readCall {
							p.read(memory[i][at : at+readCall])
						}
					})
				}
			})
		}
	}
}

// mapFile writes bytes to a file and maps it.
func mapFile(b *testing.B, data []byte) []byte {
	b.Helper()
	path := filepath.Join(b.TempDir(), "weights")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	m, err := syscall.Mmap(int(f.Fd()), 0, len(data), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			b.Error(err)
		}
	})
	return m
}
