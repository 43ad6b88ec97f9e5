package registry

import (
	"errors"
	"syscall"
)

// isFull says whether an error is that of a full disk.
func isFull(err error) bool {
	const diskFull = syscall.Errno(112)
	return errors.Is(err, diskFull)
}
