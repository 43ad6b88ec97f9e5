package native

import (
	"testing"
	"testing/fstest"
)

// TestAvailableMemory gives files as Linux writes them.
func TestAvailableMemory(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	const meminfo = "MemTotal:       24000000 kB\nMemFree:  1000 kB\nMemAvailable:   8000 kB\n"
	for _, c := range []struct {
		name string
		fs   fstest.MapFS
		want int64
		ok   bool
	}{
		{"machine", fstest.MapFS{"proc/meminfo": file(meminfo)}, 8000 << 10, true},
		{"group without limit", fstest.MapFS{"proc/meminfo": file(meminfo), "sys/fs/cgroup/memory.max": file("max\n"), "sys/fs/cgroup/memory.current": file("5\n")}, 8000 << 10, true},
		{"group", fstest.MapFS{"proc/meminfo": file(meminfo), "sys/fs/cgroup/memory.max": file("1000\n"), "sys/fs/cgroup/memory.current": file("900\n"), "sys/fs/cgroup/memory.stat": file("anon 300\nfile 600\n")}, 700, true},
		{"full group", fstest.MapFS{"sys/fs/cgroup/memory.max": file("1000\n"), "sys/fs/cgroup/memory.current": file("1200\n")}, 0, true},
		{"forged", fstest.MapFS{"proc/meminfo": file("MemAvailable: -1 kB\n"), "sys/fs/cgroup/memory.max": file("-5\n")}, 0, false},
		{"nothing", fstest.MapFS{}, 0, false},
	} {
		if got, ok := availableMemory(c.fs); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %d, %v, want %d, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}
