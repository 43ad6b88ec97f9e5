package quantize

import "syscall"

// freeBytes returns how many bytes a program may still write to the disk of a
// folder, and false where the system does not say.
func freeBytes(dir string) (int64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil || s.Bsize <= 0 {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
