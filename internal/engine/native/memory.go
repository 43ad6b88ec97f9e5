package native

import (
	"bufio"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
)

// AvailableMemory returns the bytes that the system can still give to a program,
// and false where it does not say.
func AvailableMemory() (int64, bool) { return availableMemory(os.DirFS("/")) }

// availableMemory returns the bytes that the system can still give to a
// program, and false where it does not say. root is the root of the file
// system: what Linux tells stands in files, and elsewhere there are none.
//
// It is the smaller of what the machine has (MemAvailable) and what the control
// group may still take: its limit less its use, but the use without the cache
// of files, which gives way.
func availableMemory(root fs.FS) (int64, bool) {
	free, ok := int64(math.MaxInt64), false
	if f, err := root.Open("proc/meminfo"); err == nil {
		if kib, found := field(f, "MemAvailable:"); found {
			free, ok = min(kib, math.MaxInt64>>10)<<10, true
		}
		f.Close()
	}
	if room, found := groupRoom(root); found {
		free, ok = min(free, room), true
	}
	return free, ok
}

// groupRoom returns what the control group of version 2 in which the program's
// file system is rooted may still take, as in a container. Limits of groups
// further up are not seen.
func groupRoom(root fs.FS) (int64, bool) {
	const dir = "sys/fs/cgroup/"
	limit, ok := number(root, dir+"memory.max")
	used, ok2 := number(root, dir+"memory.current")
	if !ok || !ok2 {
		return 0, false
	}
	cache := int64(0)
	if f, err := root.Open(dir + "memory.stat"); err == nil {
		cache, _ = field(f, "file") // without the figure, nothing of the use is taken for cache
		f.Close()
	}
	return max(0, limit-max(0, used-cache)), true
}

// number reads a file that holds one number; "max" is none.
func number(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n >= 0
}

// field returns the number that follows a name at the start of a line.
func field(r io.Reader, name string) (int64, bool) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) >= 2 && words[0] == name {
			n, err := strconv.ParseInt(words[1], 10, 64)
			return n, err == nil && n >= 0
		}
	}
	return 0, false
}
