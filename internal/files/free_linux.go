package files

import "syscall"

// free is Free of a folder that is there.
func free(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil || s.Bsize <= 0 {
		return 0, false
	}
	const most = 1 << 62
	if s.Bavail > most/uint64(s.Bsize) {
		return most, true
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
