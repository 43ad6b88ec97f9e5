package files

import (
	"errors"
	"syscall"
)

// IsFull says whether an error is that of a full disk.
func IsFull(err error) bool {
	const diskFull = syscall.Errno(112)
	return errors.Is(err, diskFull)
}
