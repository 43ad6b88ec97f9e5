//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package registry

import "errors"

// tryLock is not known on this system: what is in service can be read, not changed.
func tryLock(string) (unlock func() error, ok bool, err error) {
	return nil, false, errors.New("this system has no file locks that we know")
}
