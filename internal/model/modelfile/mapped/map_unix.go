//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package mapped

import (
	"os"
	"syscall"
)

// openFlags keeps the opening of a pipe from waiting for a writer.
const openFlags = syscall.O_NONBLOCK

func load(file *os.File, size int) ([]byte, error) {
	return syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
}

func unload(data []byte) error {
	if data == nil {
		return nil
	}
	return syscall.Munmap(data)
}
