package files

import (
	"errors"
	"os"
	"syscall"
)

// sharingViolation is what Windows says of a file that another has for itself.
const sharingViolation = syscall.Errno(32)

// TryLock locks a file, which it makes, for this process alone, and says whether it
// could. The system lets go of it when the process ends, however it ends.
func TryLock(path string) (unlock func() error, ok bool, err error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, err
	}
	const shared = 0
	handle, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, shared, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, &os.PathError{Op: "lock", Path: path, Err: err}
	}
	return func() error { return syscall.CloseHandle(handle) }, true, nil
}
