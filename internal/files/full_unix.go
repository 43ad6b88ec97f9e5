//go:build !windows

package files

import (
	"errors"
	"syscall"
)

// IsFull says whether an error is that of a full disk.
func IsFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
